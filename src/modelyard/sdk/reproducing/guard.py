"""Ends a command's process group when the one that waits for it is gone, however that ended.

It runs as a script in a bare interpreter (`python -I -S guard.py`): a line on its input names the group, a second one
says that the command is over. An input that ends before is the waiting process's death. It imports nothing of the
package.
"""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Wait for the second line."""
    group = sys.stdin.readline().strip()
    if group.isdigit() and not sys.stdin.readline():
        try:
            os.killpg(int(group), signal.SIGKILL)
        except ProcessLookupError:
            sys.exit(0)


if __name__ == "__main__":
    main()
