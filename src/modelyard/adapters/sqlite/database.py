"""SQLite as the home's database: a writer with group commit, a small pool of snapshot readers, and migrations.

Several processes may open one file: each has its own writer, and they take turns by `BEGIN IMMEDIATE`. It never holds
the write lock between groups.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

from modelyard.adapters.migrations import CREATE_LEDGER, READ_LEDGER, Taken, spell, take
from modelyard.adapters.sqlite.connections import SqliteTransaction, connect
from modelyard.adapters.sqlite.faults import translate
from modelyard.adapters.writer import Writer
from modelyard.kernel.clock import Clock, SystemClock
from modelyard.kernel.errors import Conflict, Internal, Unavailable
from modelyard.kernel.events import Entry
from modelyard.ports.database import Capabilities, Migration, Transaction, Unit, WriterStats
from modelyard.ports.journal import Journal

T = TypeVar("T")
TYPES = {"int": "INTEGER", "real": "REAL", "text": "TEXT", "bytes": "BLOB", "serial": "INTEGER PRIMARY KEY"}
_SCRUB_TRIES, _SCRUB_PAUSE_S = 40, 0.05
_IDLE_READERS = 16
_FOLD_PAGES, _UNFOLDED_COMMITS, _UNFOLDED_ROWS = 4000, 250, 4000
_SPARE_PAGES, _TRIM_PAGES, _TRIM_STEPS = 64, 128, 32


def _no_entries() -> Sequence[Entry]:
    return ()


class SqliteDatabase:
    """One file.

    Args:
        journal: where the entries of units go; without one they are dropped.
        synchronous: FULL survives power loss; NORMAL may then lose the last commits, but stays whole.
        busy_timeout_s: how long to wait for another process's write lock.
    """

    caps = Capabilities(
        savepoints_are_cheap=True, shared_between_machines=False, transactional_ddl=True, copies_itself=True
    )

    def __init__(
        self,
        path: Path,
        *,
        journal: Journal | None = None,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        busy_timeout_s: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        self._path = path
        self._journal = journal
        self._synchronous = synchronous
        self._busy_timeout_s = busy_timeout_s
        self._clock = clock or SystemClock()
        self._readers: deque[sqlite3.Connection] = deque()
        self._closed = False
        self._written: tuple[int, int] | None = None
        self._trimmed = False
        self._readers.append(self._connect(reader=True))
        self._writer = Writer(self._engine, journal=journal)

    def submit(self, unit: Unit) -> None:
        """Queue a unit for the writer."""
        self._writer.submit(unit)

    @property
    def is_prompt(self) -> bool:
        """True while the disk is quick; see `carry`."""
        return self._writer.is_prompt

    def carry(self, units: Sequence[Unit]) -> bool:
        """Carry units on this thread if nobody writes, in this process or another."""
        return self._writer.carry(units)

    def write(self, work: Callable[[Transaction], T], entries: Callable[[], Sequence[Entry]] = _no_entries) -> T:
        """Run `work` in the writer and wait for its commit."""
        return self._writer.write(work, entries)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A snapshot; it costs a few microseconds, and holding one for long keeps the log file from shrinking."""
        if self._closed:
            raise Unavailable("the database is closed: the yard is stopping; try again when it is up")
        try:
            connection = self._readers.pop()
        except IndexError:
            connection = self._connect(reader=True)
        try:
            connection.execute("BEGIN")  # takes no lock yet: the snapshot begins with the first query
            yield SqliteTransaction(connection, self._path, reader=True)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._put_back(connection)

    def migrate(self, steps: Sequence[Migration]) -> list[str]:
        """Take the steps that are due, the journal's first, all in one transaction."""
        own = self._journal.migrations if self._journal else ()
        connection = self._connect()
        try:
            connection.execute("BEGIN IMMEDIATE")
            names = take((*own, *steps), _Ledger(connection, self._clock), TYPES)
            connection.execute("COMMIT")
        except sqlite3.Error as err:
            raise self._unmigrated(err) from err
        finally:
            connection.close()
        return names

    def stats(self) -> WriterStats:
        """What the writer has done so far."""
        return self._writer.stats()

    def copy_to(self, target: Path) -> None:
        """Write a consistent, compact copy; it goes under a temporary name first, is synced, then renamed."""
        if target.exists():
            raise Conflict(f"{target.name} is there already; name a file that does not exist")
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        connection = self._connect()
        try:
            connection.execute("VACUUM INTO ?", (str(part),))
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.rename(target)
        except sqlite3.Error as err:
            raise translate(err, target) from err
        finally:
            connection.close()
            part.unlink(missing_ok=True)

    def check(self) -> list[str]:
        """Every page and every reference between rows; a second or so a gigabyte."""
        connection = self._connect(reader=True)
        try:
            pages = [str(line) for (line,) in connection.execute("PRAGMA quick_check(20)") if line != "ok"]
            loose = connection.execute("PRAGMA foreign_key_check").fetchmany(20)
        except sqlite3.DatabaseError as err:
            return [str(translate(err, self._path))]
        finally:
            connection.close()
        return pages + [f"a row of {table} refers to {parent}, where there is none" for table, _, parent, _ in loose]

    def scrub(self) -> None:
        """Fold the log back into the file and cut it; pages are overwritten when rows are deleted (secure_delete)."""
        connection = self._connect()
        pause, left = threading.Event(), _SCRUB_TRIES
        try:
            while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] and (left := left - 1):
                pause.wait(_SCRUB_PAUSE_S)
        except sqlite3.Error as err:
            raise translate(err, self._path) from err
        finally:
            connection.close()

    def trim(self) -> int:
        """Shorten the file by free pages, a few at a time between other writers; a file of an older yard keeps them."""
        log = self._path.with_name(self._path.name + "-wal")
        if (written := _written(log)) != self._written:
            self._written, self._trimmed = written, False
            return 0
        if self._trimmed:
            return 0
        self._trimmed = True  # also if it fails: it is tried again when something has been written
        connection = self._connect()
        try:
            free = left = _free_pages(connection)
            for _ in range(_TRIM_STEPS):
                if left <= _SPARE_PAGES:
                    break
                connection.executescript(f"PRAGMA incremental_vacuum({_TRIM_PAGES})")  # `execute` ends after one page
                before, left = left, _free_pages(connection)
                if left >= before:
                    break
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as err:
            raise translate(err, self._path) from err
        finally:
            connection.close()
        self._written, self._trimmed = _written(log), free - left < _TRIM_STEPS * _TRIM_PAGES
        return free - left

    def close(self) -> None:
        """Drain the writer, then close every connection; the last one folds the log back into the file."""
        self._writer.close()
        self._closed = True
        while self._readers:
            self._readers.pop().close()

    def _put_back(self, connection: sqlite3.Connection) -> None:
        if self._closed or len(self._readers) >= _IDLE_READERS:
            connection.close()
        else:
            self._readers.append(connection)

    def _connect(self, *, reader: bool = False) -> sqlite3.Connection:
        return connect(self._path, busy_timeout_s=self._busy_timeout_s, synchronous=self._synchronous, reader=reader)

    def _engine(self) -> _Engine:
        return _Engine(self._connect(), self._path, patience_s=self._busy_timeout_s)

    def _unmigrated(self, error: sqlite3.Error) -> BaseException:
        found = translate(error, self._path)
        return Internal(f"a migration of {self._path.name} failed and was undone") if type(found) is Internal else found


def _free_pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])


def _written(log: Path) -> tuple[int, int] | None:
    """What tells whether anything was written to the log since it was asked last."""
    try:
        stat = log.stat()
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_size


class _Engine:
    """The writer's connection."""

    savepoints = True
    is_local = True

    def __init__(self, connection: sqlite3.Connection, path: Path, *, patience_s: float) -> None:
        self._connection = connection
        self._path = path
        self._patience_ms = int(patience_s * 1000)
        self._patient = True
        self._unfolded = 0
        self._rows_then = 0
        self.tx = SqliteTransaction(connection, path, reader=False)

    def begin(self) -> None:
        if not self._patient:
            self._wait(patiently=True)
        self._unfolded, self._rows_then = 0, self._connection.total_changes
        self._connection.execute("BEGIN IMMEDIATE")

    def try_begin(self) -> bool:
        self._unfolded += 1
        rows = self._connection.total_changes - self._rows_then
        if self._unfolded > _UNFOLDED_COMMITS or rows > _UNFOLDED_ROWS:
            return False  # the log has grown: whoever may wait folds it back
        try:
            if self._patient:
                self._wait(patiently=False)
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:
            return False
        return True

    def _wait(self, *, patiently: bool) -> None:
        """Whether to wait for another process, and to fold the log back into the file once it has grown."""
        self._connection.execute(f"PRAGMA busy_timeout = {self._patience_ms if patiently else 0}")
        self._connection.execute(f"PRAGMA wal_autocheckpoint = {_FOLD_PAGES if patiently else 0}")
        self._patient = patiently

    def commit(self) -> None:
        self._connection.execute("COMMIT")

    def rollback(self) -> bool:
        self.tx.failure = None
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            return not self._connection.in_transaction
        return True

    def mark(self) -> None:
        self._connection.execute("SAVEPOINT unit")

    def release(self) -> None:
        self._connection.execute("RELEASE unit")

    def undo(self) -> bool:
        if not self._connection.in_transaction:
            return False
        self._connection.execute("ROLLBACK TO unit")
        self._connection.execute("RELEASE unit")
        return True

    def translate(self, error: BaseException) -> BaseException:
        return translate(error, self._path)

    def close(self) -> None:
        self._connection.close()


class _Ledger:
    """The migrator's view of a connection whose transaction is open."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def taken(self) -> Taken:
        self._connection.execute(spell(CREATE_LEDGER, TYPES))
        return {(slice_, number): checksum for slice_, number, checksum in self._connection.execute(READ_LEDGER)}

    def execute(self, ddl: str) -> None:
        self._connection.execute(ddl)

    def note(self, step: Migration, checksum: str) -> None:
        self._connection.execute(
            "INSERT INTO schema_step VALUES (?, ?, ?, ?, ?)",
            (step.slice, step.number, step.name, checksum, self._clock.now_ms()),
        )
