"""Local paths that this yard may read: below a listed folder once every link is followed, and regular files only.

A path is checked again on the open file, so that a link that is swapped in between leads nowhere.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from modelyard.adapters.sources.addresses import Grounds
from modelyard.kernel.errors import Forbidden, InvalidInput, NotFound, Unavailable


def roots(grounds: Grounds) -> list[Path]:
    """The listed folders, links followed."""
    return [Path(each).expanduser().resolve() for each in grounds.folders if "://" not in each]


def confined_path(path: str, grounds: Grounds, *, regular: bool = False) -> Path:
    """A path with every link followed, if it lies below a listed folder.

    Raises:
        InvalidInput: it is not a whole path.
        Forbidden: it lies elsewhere, or is no regular file where one is wanted.
        NotFound: a regular file is wanted and is not there.
    """
    given = Path(path)
    if "\0" in path or not given.is_absolute():
        raise InvalidInput(f"{path[:80]!r} is no whole path; it begins with /")
    try:
        real = given.resolve()
    except (OSError, RuntimeError) as err:
        raise Forbidden(f"{given} cannot be followed to its end") from err
    refuse_outside(real, grounds, shown=given)
    if regular:
        try:
            mode = real.stat().st_mode
        except OSError as err:
            raise NotFound(f"there is no file {given}") from err
        if not stat.S_ISREG(mode):
            raise Forbidden(f"{given} is no regular file; devices, pipes and folders are not read as one")
    return real


def refuse_outside(real: Path, grounds: Grounds, *, shown: Path) -> None:
    """Refuse a path that lies below no listed folder.

    Raises:
        Forbidden: it does.
    """
    if any(real == root or root in real.parents for root in roots(grounds)):
        return
    listed = ", ".join(each for each in grounds.folders if "://" not in each) or "none so far"
    raise Forbidden(
        f"this yard reads no files at {shown}; whoever runs it lists folders in `source_folders` ({listed}). "
        "To load a file of your own: yard lake load TABLE FILE"
    )


def open_regular(path: Path, grounds: Grounds) -> BinaryIO:
    """Open a file to read; what was opened is checked, not what its name said before.

    Raises:
        Forbidden: it is no regular file, or lies outside of the listed folders.
        NotFound: it is gone.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as err:
        raise NotFound(f"{path} is gone") from err
    except OSError as err:
        raise Forbidden(f"{path} cannot be opened to read: {err.strerror}") from err
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Forbidden(f"{path} is no regular file; devices, pipes and folders are not read")
        refuse_outside(_real_of(handle, path), grounds, shown=path)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def _real_of(handle: int, path: Path) -> Path:
    """Where an open file lies."""
    told = Path(f"/proc/self/fd/{handle}")
    try:
        return told.readlink() if told.exists() else path.resolve()
    except OSError as err:
        raise Unavailable(f"{path} cannot be followed") from err
