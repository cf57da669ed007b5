"""A yard that serves a home until it is killed: `python -m tests.lake.pushed HOME PORT [FOLD_S]`."""

from __future__ import annotations

import sys

from modelyard.app.control import Control
from modelyard.app.house import House
from modelyard.settings import Settings


def main(home: str, port: str, fold_s: str = "0.1") -> None:
    house = House(Settings(home=home, port=int(port), push_fold_s=float(fold_s), push_fold_mb=200))
    house.owner()
    house.recover()
    Control(house).run(say)


def say(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
