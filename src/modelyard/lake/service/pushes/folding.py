"""Folds pushed batches into their tables, each exactly once, whatever dies in between.

How far a segment is folded stands in the database and moves in the same transaction that makes the rows visible; a
segment goes when all of it is folded. One process of the home folds at a time. What an ordinary load refuses whole is
acknowledged already, so it goes to the quarantine whole: no pushed row is ever lost.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Conflict, TooMany
from modelyard.lake.api import Backlog, Flushed
from modelyard.lake.model.batches import MAGIC, blocks
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.pushes.log import SUFFIX
from modelyard.lake.service.pushes.waiting import Taken, Waiting
from modelyard.lake.store import branches, pushes
from modelyard.ports import calls

LOCK = ".folding"
KEYS_KEPT_MS = 7 * 24 * 3600 * 1000
_RUN_BYTES = 64 << 20
_LOOK_S = 0.5
_EXPIRE_S = 3600.0


@dataclass(frozen=True, slots=True)
class PushTerms:
    """How pushes are kept and folded.

    Attributes:
        synced: whether a batch is forced to the disk before it is acknowledged.
        fold_s: the longest that a batch waits.
        fold_bytes: what waits for one table is folded at once when it is more.
        backlog_bytes: no batch is taken while more than this waits.
    """

    synced: bool = True
    fold_s: float = 5.0
    fold_bytes: int = 8 << 20
    backlog_bytes: int = 256 << 20


class Folder:
    """Folds the pushes of one home."""

    def __init__(self, desk: Desk, folder: Path, clock: Clock, terms: PushTerms) -> None:
        self._desk = desk
        self._folder = folder
        self._clock = clock
        self.terms = terms
        self._folded: dict[str, int] = {}
        self._since: dict[str, float] = {}
        self._backlog = 0
        self._closed = ""
        self._looked = -1e9
        self._expired = -1e9

    def round(self) -> None:
        """Fold the tables whose batches waited long enough, or are many; costs a look into a folder otherwise."""
        now = self._clock.monotonic()
        due = []
        for table, size, _ in self._sizes():
            if size <= 0:
                self._since.pop(table, None)
            elif now - self._since.setdefault(table, now) >= self.terms.fold_s or size >= self.terms.fold_bytes:
                due.append(table)
        if due:
            self.fold(due, patient=False)
        if now - self._expired > _EXPIRE_S:
            self._expired = now
            before = calls.current().now_ms - KEYS_KEPT_MS
            calls.current().unit(lambda: pushes.expire_keys(calls.current().tx, before))

    def fold(self, tables: Sequence[str] | None = None, *, patient: bool = True) -> tuple[Flushed, ...]:
        """Fold what waits for some tables, or for all; a table that fails does not keep back the others.

        While another process folds, a patient caller waits, any other leaves it to the other.
        """
        done: list[Flushed] = []
        failed: list[Exception] = []
        with self._alone(patient=patient) as alone:
            if alone:
                self._look_up()
            for table in (tables if tables is not None else self._tables()) if alone else ():
                try:
                    if (made := self._fold_table(table)) is not None:
                        done.append(made)
                except Exception as err:  # noqa: BLE001  # raised below, when the other tables had their turn
                    failed.append(err)
        if failed:
            raise failed[0]
        return tuple(done)

    def discard(self, table: str) -> None:
        """Forget what waits for a table that is dropped."""
        if not self._folder.exists():
            return
        with self._alone(patient=True):
            gone = [path.stem for path in self._segments(table)]
            for path in self._segments(table):
                path.unlink(missing_ok=True)

            def forget() -> None:
                pushes.forget(calls.current().tx, gone)
                pushes.drop(calls.current().tx, table)

            calls.current().unit(forget)

    def waiting(self) -> tuple[Backlog, ...]:
        """What waits, by table."""
        self._folded = pushes.folded(calls.current().tx)
        return tuple(
            Backlog(table=table, size_bytes=size, since_ms=since) for table, size, since in self._sizes() if size > 0
        )

    def admit(self, coming: int) -> None:
        """Let a batch of so many bytes come; what decides is looked up twice a second.

        Raises:
            Conflict: main takes rows by publishing alone.
            TooMany: as much waits as may.
        """
        now = self._clock.monotonic()
        if now - self._looked > _LOOK_S:
            self._looked = now
            self._look_around()
        if self._closed:
            raise Conflict(self._closed)
        self._backlog += coming
        if self._backlog > self.terms.backlog_bytes:
            raise TooMany(
                f"more than {self.terms.backlog_bytes >> 20} MiB of pushed rows wait to be folded; try again in a few "
                "seconds, push less at a time, or raise push_backlog_mb",
                retry_after_s=self.terms.fold_s,
            )

    def _look_around(self) -> None:
        tx = calls.current().tx
        try:
            branches.writable(tx, MAIN)
            self._closed = ""
        except Conflict as err:
            self._closed = err.detail
        self._backlog = sum(size for _, size, _ in self._sizes())
        if self._backlog > self.terms.backlog_bytes // 2:
            self._folded = pushes.folded(tx)
            self._backlog = sum(size for _, size, _ in self._sizes())

    @contextmanager
    def _alone(self, *, patient: bool) -> Iterator[bool]:
        """Hold the home's lock for folding; False if somebody else does."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / LOCK).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if patient else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True

    def _look_up(self) -> None:
        """Learn how far segments are folded; those that are gone are forgotten."""

        def look() -> dict[str, int]:
            tx = calls.current().tx
            known = pushes.folded(tx)
            there = {path.stem for table in self._tables() for path in self._segments(table)}
            pushes.forget(tx, known.keys() - there)
            return {name: upto for name, upto in known.items() if name in there}

        self._folded = calls.current().unit(look)

    def _tables(self) -> list[str]:
        try:
            return sorted(entry.name for entry in os.scandir(self._folder) if entry.is_dir())
        except FileNotFoundError:
            return []

    def _segments(self, table: str) -> list[Path]:
        return sorted((self._folder / table).glob(f"*{SUFFIX}"))

    def _sizes(self) -> Iterator[tuple[str, int, int]]:
        """Each table with the bytes that wait for it, as far as is known here, and when its oldest file was begun."""
        for table in self._tables():
            size, since = 0, 1 << 62
            for path in self._segments(table):
                with suppress(FileNotFoundError):
                    found = path.stat()
                    left = found.st_size - self._folded.get(path.stem, len(MAGIC))
                    if left > 0:
                        size, since = size + left, min(since, int(found.st_ctime * 1000))
            yield table, size, since

    def _fold_table(self, table: str) -> Flushed | None:
        from modelyard.lake.service.pushes.taking import take

        total = Taken()
        paths = self._segments(table)
        for run in _runs(each for path in paths for each in self._unfolded(path)):
            take(self._desk, table, run, total)
            self._folded |= {each.segment: each.end for each in run}
        self._remove(paths)
        self._since.pop(table, None)
        with suppress(OSError):
            (self._folder / table).rmdir()
        if not total.batches:
            return None
        return Flushed(
            table=table, batches=total.batches, rows=total.rows, rows_loaded=total.loaded,
            rows_quarantined=total.quarantined, repeated=total.repeated, loads=tuple(total.loads),
            version=total.version,
        )  # fmt: skip

    def _unfolded(self, path: Path) -> Iterator[Waiting]:
        start = self._folded.get(path.stem, len(MAGIC))
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                return
            file.seek(start)
            raw = file.read()
        for batch, end in blocks(raw, name=path.name):
            yield Waiting(path.stem, start + end, batch)

    def _remove(self, paths: Sequence[Path]) -> None:
        """Remove the segments of which all is folded; what is torn there was never acknowledged."""
        gone = []
        for path in paths:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if next(self._unfolded(path), None) is None:
                    path.unlink()
                    gone.append(path.stem)
        for name in gone:
            self._folded.pop(name, None)
        if gone:
            calls.current().unit(lambda: pushes.forget(calls.current().tx, gone))


def _runs(given: Iterator[Waiting]) -> Iterator[list[Waiting]]:
    """Batches in order, cut where one load cannot take them together."""
    for _, group in groupby(given, key=lambda each: (each.batch.mode, each.batch.arrow, each.batch.shape)):
        run, size = list[Waiting](), 0
        for each in group:
            run.append(each)
            size += len(each.batch.body)
            if size >= _RUN_BYTES:
                yield run
                run, size = [], 0
        if run:
            yield run
