"""`yard` and `python -m modelyard`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and end with its exit code."""
    from modelyard.app.cli import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
