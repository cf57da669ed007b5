"""The segment files of this process: a batch is written and forced to the disk before it is acknowledged.

Those who push at the same time share one write and one sync. A folder that has folded all of a file removes it; the
writer notices at its next write, under the file's lock, and begins another. A write that fails leaves nothing behind.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NewType

import msgspec

from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Conflict, Internal, Unavailable, YardError
from modelyard.kernel.ids import IdKind
from modelyard.lake.model.batches import MAGIC, Batch, encode

SegmentId = NewType("SegmentId", str)
SEGMENT = IdKind("push", SegmentId)
SUFFIX = ".seg"
_ROLL_BYTES = 64 << 20
_ROLL_KEYS = 20_000
_MOST_OPEN = 128


@dataclass(slots=True)
class Ticket:
    """One batch on its way to the disk.

    Attributes:
        position: segment and offset behind the batch, once it is safe.
        repeated: True if a batch of the same key was taken earlier.
    """

    batch: Batch
    frame: bytes = b""
    position: str = ""
    repeated: bool = False
    done: bool = False
    error: YardError | None = None


@dataclass(slots=True)
class _File:
    """A segment under way, and the keys of the batches in it."""

    path: Path
    handle: int
    size: int
    keys: dict[tuple[str, str], Ticket] = field(default_factory=dict)


class PushLog:
    """What this process has acknowledged; for any number of threads.

    Args:
        folder: holds a folder for each table.
        synced: False to leave it to the machine when bytes reach the disk: they survive a kill, not a power cut.
    """

    def __init__(self, folder: Path, clock: Clock, *, synced: bool) -> None:
        self._folder = folder
        self._clock = clock
        self._synced = synced
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()
        self._lock = threading.Lock()

    def append(self, table: str, batch: Batch) -> Ticket:
        """Write a batch; it is safe when this returns.

        Raises:
            Conflict: another batch was pushed under its key.
            Unavailable: the disk did not take it.
        """
        return self._lane(table).append(batch)

    def _lane(self, table: str) -> _Lane:
        with self._lock:
            if (lane := self._lanes.get(table)) is None:
                lane = self._lanes[table] = _Lane(self._folder / table, self._clock, synced=self._synced)
            self._lanes.move_to_end(table)
            idle = [name for name, each in self._lanes.items() if each.is_open and name != table]
            for name in idle[: max(0, len(idle) - _MOST_OPEN)]:
                self._lanes[name].let_go()
        return lane


class _Lane:
    """The batches of one table: collected while a write is under way, then written together."""

    def __init__(self, folder: Path, clock: Clock, *, synced: bool) -> None:
        self._folder = folder
        self._clock = clock
        self._synced = synced
        self._waiting: list[Ticket] = []
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._file: _File | None = None
        self._earlier: list[_File] = []

    @property
    def is_open(self) -> bool:
        return self._file is not None

    def append(self, batch: Batch) -> Ticket:
        """Write one batch, together with those that came meanwhile."""
        ticket = Ticket(batch, encode(batch))
        with self._lock:
            self._waiting.append(ticket)
        with self._turn:
            if not ticket.done:
                with self._lock:
                    group, self._waiting = self._waiting, []
                self._carry(group)
        if ticket.error is not None:
            raise ticket.error
        return ticket

    def let_go(self) -> None:
        """Close the file under way; the next batch begins another."""
        with self._turn:
            self._close()

    def _carry(self, group: list[Ticket]) -> None:
        try:
            fresh = [ticket for ticket in group if not self._is_settled(ticket, group)]
            if fresh:
                self._write(fresh)
            for ticket in group:
                if ticket.repeated and not ticket.position:
                    ticket.position = self._known(ticket.batch, group).position
        except BaseException as err:
            for ticket in group:
                ticket.error = ticket.error or _why(err)
            if not isinstance(err, OSError):
                raise
        finally:
            for ticket in group:
                ticket.done = True

    def _is_settled(self, ticket: Ticket, group: list[Ticket]) -> bool:
        """True if the ticket's key answers it: taken before, or taken for other rows."""
        if not ticket.batch.key:
            return False
        known = self._known(ticket.batch, group)
        if known is ticket:
            return False
        if known.batch.digest != ticket.batch.digest:
            ticket.error = taken_for_others(ticket.batch.key)
        else:
            ticket.repeated = True
            ticket.position = known.position
        return True

    def _known(self, batch: Batch, group: list[Ticket]) -> Ticket:
        """The first batch under this key: on the disk, or in the group; the database knows what is folded."""
        mark = (batch.actor, batch.key)
        files = [*self._earlier, *([self._file] if self._file else [])]
        for file in files:
            if mark in file.keys and file.path.exists():
                return file.keys[mark]
        return next(each for each in group if (each.batch.actor, each.batch.key) == mark)

    def _write(self, group: list[Ticket]) -> None:
        while True:
            file = self._current()
            fcntl.flock(file.handle, fcntl.LOCK_EX)
            try:
                if os.fstat(file.handle).st_nlink == 0:
                    self._close()  # folded and removed meanwhile
                    continue
                try:
                    ends = _put(file, [ticket.frame for ticket in group])
                except BaseException:
                    self._cut_back(file)
                    raise
            finally:
                if self._file is file:
                    fcntl.flock(file.handle, fcntl.LOCK_UN)
            break
        try:
            if self._synced:
                os.fsync(file.handle)
        except OSError:
            self._close()  # what a failed sync left of the file is anybody's guess
            raise
        for ticket, end in zip(group, ends, strict=True):
            ticket.position = f"{file.path.stem}:{end}"
            ticket.frame = b""
            if ticket.batch.key:
                light = msgspec.structs.replace(ticket.batch, body=b"")
                file.keys[(light.actor, light.key)] = Ticket(light, position=ticket.position)

    def _cut_back(self, file: _File) -> None:
        """Take away what a failed write left; if that fails too, nothing more is written into this file."""
        try:
            os.ftruncate(file.handle, file.size)
        except OSError:
            self._close()

    def _current(self) -> _File:
        file = self._file
        if file is not None and (file.size >= _ROLL_BYTES or len(file.keys) >= _ROLL_KEYS):
            self._close()
            file = None
        if file is None:
            self._earlier = [each for each in self._earlier if each.keys and each.path.exists()]
            file = self._file = self._begin()
        return file

    def _begin(self) -> _File:
        while True:
            if not self._folder.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                _sync_folder(self._folder.parent)
            path = self._folder / f"{SEGMENT.new(self._clock)}{SUFFIX}"
            try:
                handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                continue  # the folder was empty, and somebody tidied it away
            os.write(handle, MAGIC)
            _sync_folder(self._folder)
            return _File(path, handle, len(MAGIC))

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file.handle)
            if self._file.keys:
                self._earlier.append(self._file)
            self._file = None


def taken_for_others(key: str) -> Conflict:
    """What a key answers that was used for other rows."""
    return Conflict(f"other rows were pushed under the key {key}; give each batch a key of its own")


def _why(err: BaseException) -> YardError:
    if isinstance(err, OSError):
        return Unavailable(
            f"pushed rows cannot be kept ({err.strerror}); free space in the home and push again", retry_after_s=5
        )
    return Internal("something went wrong while pushed rows were kept; push them again, with a key")


def _put(file: _File, frames: list[bytes]) -> list[int]:
    """Write frames at the end; where each one ends."""
    data = memoryview(b"".join(frames))
    while data:
        data = data[os.write(file.handle, data) :]
    ends = []
    for frame in frames:
        file.size += len(frame)
        ends.append(file.size)
    return ends


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
