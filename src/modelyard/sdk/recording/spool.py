"""The spool: what a run noted and the yard has not confirmed yet, in a folder of its own on this machine.

Every note is one frame at the end of one file, written by a single append: it survives the end of the process, and
several processes may append at once. What a sender was confirmed is an offset in a file beside it. A frame is a length
and a CRC-32, four bytes each, little-endian, then MessagePack; a frame that is torn ends the reading.
"""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from errno import ENOSPC
from pathlib import Path

import msgspec
from msgspec import Struct

from modelyard.kernel.errors import Damaged, InvalidInput
from modelyard.sdk.filesets.folder import cache_home
from modelyard.tracking.api import RunStatus

_HEAD = struct.Struct("<II")
MAX_FRAME = 32 << 20
"""The longest note, in bytes."""


class Noted(Struct, frozen=True, kw_only=True, omit_defaults=True, array_like=True):
    """One note.

    Attributes:
        points: (key, value, at_ms, step).
        file: an artifact: its path below the run, and the name of its copy in the spool.
        end: the run is over, since that many milliseconds after 1970.
    """

    points: tuple[tuple[str, float, int, int], ...] = ()
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    reads: tuple[str, ...] = ()
    file: tuple[str, str] | None = None
    end: tuple[RunStatus, int] | None = None


class Owner(Struct, frozen=True, kw_only=True):
    """Whose spool it is: the run, the yard that it belongs to, and the process that writes."""

    run: str
    place: str
    pid: int
    born: float


class Spool:
    """One run's spool.

    Args:
        folder: its folder, which exists.
    """

    def __init__(self, folder: Path, owner: Owner) -> None:
        self.folder = folder
        self.owner = owner
        self._sent = folder / "sent"
        self._log = os.open(folder / "notes", os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    @classmethod
    def new(cls, root: Path, owner: Owner) -> Spool:
        """The spool of a run that begins."""
        folder = root / owner.run
        folder.mkdir(parents=True, mode=0o700)
        (folder / "files").mkdir(mode=0o700)
        spool = cls(folder, owner)
        spool._sign(owner)
        return spool

    @classmethod
    def left_behind(cls, root: Path, place: str) -> Iterator[Spool]:
        """Spools for `place` whose processes are gone."""
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            with suppress(OSError, msgspec.MsgspecError):
                owner = msgspec.json.decode((folder / "owner").read_bytes(), type=Owner)
                if owner.place == place and owner.run == folder.name and not _lives(owner):
                    yield cls(folder, owner)

    def note(self, noted: Noted) -> None:
        """Append one note.

        Raises:
            InvalidInput: it is longer than a frame may be.
            OSError: the disk is full; nothing of it stays.
        """
        body = msgspec.msgpack.encode(noted)
        if len(body) > MAX_FRAME:
            raise InvalidInput(f"one note of {len(body):,} bytes is too long; log it as an artifact")
        frame = _HEAD.pack(len(body), zlib.crc32(body)) + body
        if (written := os.write(self._log, frame)) != len(frame):
            os.ftruncate(self._log, os.lseek(self._log, 0, os.SEEK_END) - written)
            raise OSError(ENOSPC, os.strerror(ENOSPC), str(self.folder))

    def keep(self, source: Path, name: str) -> None:
        """Copy a file into the spool, so that its owner may write to it again."""
        shutil.copyfile(source, self.file(name))

    def file(self, name: str) -> Path:
        """Where a kept file lies."""
        return self.folder / "files" / name

    def waiting(self, limit_bytes: int) -> tuple[list[Noted], int]:
        """The notes that nobody confirmed yet, at most about `limit_bytes` of them; and the offset behind them.

        Raises:
            Damaged: a note that is whole does not match its checksum.
        """
        begin = self.sent()
        chunk = os.pread(self._log, max(limit_bytes, _HEAD.size), begin)
        found: list[Noted] = []
        at = 0
        while at + _HEAD.size <= len(chunk):
            length, crc = _HEAD.unpack_from(chunk, at)
            if at + _HEAD.size + length > len(chunk):
                if found:
                    break
                chunk += os.pread(self._log, length + _HEAD.size - len(chunk), begin + len(chunk))
                if at + _HEAD.size + length > len(chunk):
                    break  # torn: the machine went down while it was written
            body = chunk[at + _HEAD.size : at + _HEAD.size + length]
            if zlib.crc32(body) != crc:
                raise Damaged(f"the spool {self.folder} is damaged at byte {begin + at}; what comes behind is not sent")
            found.append(msgspec.msgpack.decode(body, type=Noted))
            at += _HEAD.size + length
        return found, begin + at

    def sent(self) -> int:
        """Up to where the yard confirmed."""
        try:
            return int(self._sent.read_text())
        except (OSError, ValueError):
            return 0

    def confirm(self, offset: int) -> None:
        """Note that everything before `offset` is in the yard."""
        part = self._sent.with_name(".sent")
        part.write_text(str(offset))
        part.replace(self._sent)

    def cut_torn(self) -> None:
        """Cut off what a process that went down left half written, once all before it is confirmed."""
        os.ftruncate(self._log, self.sent())

    def release(self) -> None:
        """Leave it to whoever sends what waits next, though this process goes on."""
        self._sign(msgspec.structs.replace(self.owner, pid=0, born=0.0))

    def set_aside(self) -> Path:
        """Keep it as it is, out of the way of what is sent; where it lies then."""
        aside = self.folder.with_name(f"damaged-{self.folder.name}")
        self.folder.replace(aside)
        return aside

    def remove(self) -> None:
        """Remove the spool."""
        os.close(self._log)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _sign(self, owner: Owner) -> None:
        part = self.folder / ".owner"
        part.write_bytes(msgspec.json.encode(owner))
        part.replace(self.folder / "owner")


def spool_root() -> Path:
    """Where this user's spools lie: YARD_SPOOL, else `modelyard/spool` in the user's cache folder."""
    named = os.environ.get("YARD_SPOOL")
    return Path(named) if named else cache_home() / "spool"


def born(pid: int) -> float:
    """When a process began, in seconds since 1970; tells it from a later one with its number. 0 if there is none."""
    import psutil

    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0


def _lives(owner: Owner) -> bool:
    return owner.pid != 0 and abs(born(owner.pid) - owner.born) < 1.0
