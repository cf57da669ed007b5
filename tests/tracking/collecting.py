"""A process that collects what is deleted in a home, until it is killed or done."""

from __future__ import annotations

import sys

import modelyard

if __name__ == "__main__":
    with modelyard.connect(sys.argv[1]) as yard:
        print("ready", flush=True)
        yard.tracking.collect(apply=True)
        print("done", flush=True)
