"""A folder of files on this machine: what is in it, and what is known of its contents from the last time.

Links, devices and names that a set cannot hold are refused by name before anything is read. What is remembered lies in
the user's cache folder, never beside the files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

import msgspec
from msgspec import Struct

from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api.paths import check_path, shown

CHECKED_OUT = ".yard-checkout"
"""The file in which a check-out notes what it left in a folder; it is never added."""

_UNSETTLED_NS = 2_000_000_000
Stamp = tuple[int, int, int, int]
"""Size, times of change of bytes and of the entry in nanoseconds, number of the file: equal while nobody wrote."""


class Found(NamedTuple):
    """A file of a folder.

    Attributes:
        path: its path in the set.
        place: where it lies.
    """

    path: str
    place: str
    stamp: Stamp

    @property
    def size_bytes(self) -> int:
        """How large it is."""
        return self.stamp[0]


def files_in(folder: Path, prefix: str = "") -> Iterator[Found]:
    """Every file below a folder, in order of path.

    Raises:
        InvalidInput: the folder is none, or holds a link, a device or a name that no set can hold.
    """
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is no folder")
    yield from _below(os.fspath(folder), f"{prefix.strip('/')}/" if prefix.strip("/") else "")


def _below(folder: str, prefix: str) -> Iterator[Found]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.name == CHECKED_OUT and not prefix:
            continue
        path = prefix + entry.name
        told = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(told.st_mode):
            yield from _below(entry.path, path + "/")
        elif stat.S_ISREG(told.st_mode):
            stamp = (told.st_size, told.st_mtime_ns, told.st_ctime_ns, told.st_ino)
            yield Found(check_path(path), entry.path, stamp)
        else:
            kind = "a symbolic link" if stat.S_ISLNK(told.st_mode) else "no ordinary file"
            raise InvalidInput(
                f"file {shown(path)} is {kind}; a set holds ordinary files. Remove it, or put a copy in its place. "
                "Nothing was added"
            )


class Added(Struct, frozen=True, kw_only=True):
    """What an adding of the folder left.

    Attributes:
        commit, version, files: of the set as it stood then; equal as long as nobody else changed it.
        lines: what was said of each path, hashed.
    """

    commit: str
    version: int
    files: int
    lines: dict[str, bytes]


class _Remembered(Struct, frozen=True, kw_only=True):
    files: dict[str, tuple[Stamp, bytes]] = {}
    added: dict[str, Added] = {}


class Memory:
    """Digests of a folder's files as they were hashed last, for as long as nobody has written to them, and what the
    last adding to each set left there.

    Args:
        folder: the folder that is remembered.
        home: where memories lie; by default the user's cache folder.
    """

    def __init__(self, folder: Path, home: Path | None = None) -> None:
        name = sha256(os.fspath(folder.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:32]
        self._file = (home or cache_home()) / "hashes" / f"{name}.msgpack"
        self._begun_ns = SystemClock().now_ms() * 1_000_000
        try:
            self._known = msgspec.msgpack.decode(self._file.read_bytes(), type=_Remembered)
        except (OSError, msgspec.MsgspecError):
            self._known = _Remembered()

    def digest(self, found: Found) -> str | None:
        """The digest of a file, if it is as it was."""
        known = self._known.files.get(found.place)
        return known[1].hex() if known is not None and known[0] == found.stamp else None

    def added(self, fileset: str) -> Added | None:
        """What the last adding to a set left."""
        return self._known.added.get(fileset)

    def keep(self, digests: Mapping[Found, str], fileset: str, added: Added) -> None:
        """Remember digests; not of files so fresh that a later write might not show in their times."""
        latest = self._begun_ns - _UNSETTLED_NS
        files = {
            found.place: (found.stamp, bytes.fromhex(digest))
            for found, digest in digests.items()
            if max(found.stamp[1], found.stamp[2]) < latest
        }
        known = _Remembered(files=files, added={**self._known.added, fileset: added})
        if known == self._known:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._file.with_suffix(f".{token_hex(4)}")
            fresh.write_bytes(msgspec.msgpack.encode(known))
            fresh.replace(self._file)
        except OSError:
            return  # what is not remembered is hashed again


def cache_home() -> Path:
    """Where this user's programs keep what can be made again."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "modelyard"
