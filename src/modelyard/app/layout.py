"""The folders of a home, and which version of the program may open them; alone, since the supervisor needs it too."""

from __future__ import annotations

import os
from pathlib import Path

from modelyard.kernel.errors import Conflict, InvalidInput

LAYOUT = 1
_FOLDERS = ("state", "objects", "lake", "logs", "run")


def prepare_home(home: Path) -> None:
    """Make the home's folders, or check that this version may open them.

    Raises:
        Conflict: a newer version made the home.
        InvalidInput: the folder cannot be made or written.
    """
    try:
        for folder in _FOLDERS:
            (home / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        marker = home / "layout"
        if not marker.exists():
            fresh = home / f".layout.{os.getpid()}"
            fresh.write_text(f"{LAYOUT}\n")
            fresh.replace(marker)
        found = marker.read_text().strip()
    except OSError as err:
        raise InvalidInput(f"the home {home} cannot be used: {err.strerror}; choose one with --home") from err
    if not found.isdigit() or int(found) > LAYOUT:
        raise Conflict(
            f"the home {home} has layout {found[:20]!r}; this version knows {LAYOUT}. "
            "Use a newer modelyard, or another --home"
        )
