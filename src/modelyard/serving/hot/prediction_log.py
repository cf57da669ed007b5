"""The writer of prediction segments: one file at a time, one `write` for each batch, before any answer leaves.

A block that was written survives the death of the process; the fsync policy says what survives the machine. A write
that fails takes nothing half-done along: the file is cut back and a new one begun, and the caller answers 503.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path

from modelyard.kernel.errors import Unavailable
from modelyard.serving.hot import segments
from modelyard.serving.hot.segments import PredictionRecord, SegmentHeader


class Durability(StrEnum):
    """When written blocks are forced to the disk."""

    CLOSE = "close"
    """When a segment is closed: a power cut may take the last seconds."""
    SECOND = "second"
    """Each second, in a thread of its own."""
    ALWAYS = "always"
    """Before the answer leaves; costs one disk sync a batch."""


class PredictionLog:
    """One worker's own segment files; for one thread, but for `sync`."""

    def __init__(
        self,
        folder: Path,
        *,
        worker: str,
        boot: str,
        now_ns: Callable[[], int],
        roll_bytes: int = 16 << 20,
        roll_s: float = 5.0,
        durability: Durability = Durability.CLOSE,
    ) -> None:
        """Create the folder if it is missing; the first file is begun with the first prediction."""
        self._folder = folder
        self._worker = worker
        self._boot = boot
        self._now_ns = now_ns
        self._roll_bytes = roll_bytes
        self._roll_ns = int(roll_s * 1e9)
        self._always = durability is Durability.ALWAYS
        self.durability = durability
        self._fd = -1
        self._number = 0
        self._size = 0
        self._count = 0
        self._born_ns = 0
        self.written_records = 0
        self.written_bytes = 0
        self.failures = 0
        folder.mkdir(parents=True, exist_ok=True)

    def append(self, records: Sequence[PredictionRecord]) -> None:
        """Write one block.

        Raises:
            Unavailable: the disk did not take it; nothing of it stays.
        """
        block = segments.encode_block(records)
        try:
            if self._fd < 0:
                self._open()
            written = os.write(self._fd, block)
            while written < len(block):
                written += os.write(self._fd, block[written:])
            if self._always:
                os.fdatasync(self._fd)
        except OSError as err:
            self.failures += 1
            self._abandon()
            raise Unavailable(
                f"predictions cannot be logged ({err.strerror}), so none is answered; free space in state/predictions"
            ) from err
        self._size += len(block)
        self._count += len(records)
        self.written_bytes += len(block)
        self.written_records += len(records)
        if self._size >= self._roll_bytes:
            self.close()

    def tick(self) -> None:
        """Close the segment if it is old enough; call about once a second."""
        if self._fd >= 0 and self._now_ns() - self._born_ns >= self._roll_ns:
            self.close()

    def sync(self) -> None:
        """Force what was written to the disk; may run in another thread."""
        if (fd := self._fd) >= 0:
            copy = os.dup(fd)
            try:
                os.fdatasync(copy)
            finally:
                os.close(copy)

    def close(self) -> None:
        """End the present segment with its marker and sync it; the next prediction begins another."""
        if self._fd < 0:
            return
        try:
            os.write(self._fd, segments.encode_closing(self._count))
            os.fdatasync(self._fd)
        except OSError:
            self.failures += 1  # without its marker the file still reads to the last whole block
        finally:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        self._number += 1
        self._born_ns = self._now_ns()
        name = f"{self._worker}-{self._boot}-{self._number:06d}{segments.SUFFIX}"
        aside = self._folder / f".{name}"
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # locked and opened before it has its name: nobody may ever take it for a dead writer's
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            opening = segments.encode_opening(SegmentHeader(self._worker, self._boot, self._number, self._born_ns))
            if os.write(fd, opening) < len(opening):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            aside.rename(self._folder / name)
        except OSError:
            os.close(fd)
            aside.unlink(missing_ok=True)
            raise
        self._fd, self._size, self._count = fd, len(opening), 0

    def _abandon(self) -> None:
        """Cut a half-written block off and leave the file; its whole blocks stand."""
        if self._fd < 0:
            return
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self.failures += 1  # the reader stops at the torn block by its checksum
        finally:
            os.close(self._fd)
            self._fd = -1
