"""The database port: statements defined once in SQLAlchemy Core, compiled once, run on the bare driver.

A store holds `Statement`s and runs them on the `Transaction` it is given; it never opens, commits or rolls back. All
writes of a process go through one writer, which groups what is waiting into one commit (see `Unit`). For
`INSERT ... ON CONFLICT` start from `upsert(table)`: the one form that compiles for both engines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from modelyard.kernel.events import Entry

__all__ = [
    "COMMIT_BOUNDS_S", "GROUP_BOUNDS", "Capabilities", "Database", "Migration", "Params", "Row", "Statement",
    "Transaction", "Unit", "WriterStats", "upsert",
]  # fmt: skip

T = TypeVar("T")
Row = tuple[Any, ...]
Params = Mapping[str, Any]


class Statement:
    """One SQL statement of a store: a Core expression with named bind parameters, compiled on first use per dialect.

    Build it once, at import of the store; building Core for every call costs several times the transaction itself.
    Expanding (`IN`) parameters are not supported: pass a JSON array to `json_each`-like functions, or run many.
    """

    __slots__ = ("_clause", "_compiled")

    def __init__(self, clause: ClauseElement) -> None:
        self._clause = clause
        self._compiled: dict[str, tuple[str, dict[str, Any]]] = {}

    def compiled(self, dialect: Dialect) -> tuple[str, dict[str, Any]]:
        """The text in the dialect's named style, and the literal values that the expression itself carries."""
        if (known := self._compiled.get(dialect.name)) is None:
            done = self._clause.compile(dialect=dialect)
            if not isinstance(done, SQLCompiler):
                raise TypeError("a Statement takes a query or a change of rows; tables are made by migrations")
            fixed = {name: value for name, value in done.params.items() if not done.binds[name].required}
            known = self._compiled[dialect.name] = (str(done), fixed)
        return known


class Transaction(Protocol):
    """A running transaction (or a read snapshot); parameters by name, rows as tuples in column order.

    Values are str, int, float, bytes, bool (stored as 0/1) and None; times are integer milliseconds, documents are
    JSON bytes. NaN is stored as NULL, on every engine: a store that must keep it says so in a column of its own. Say
    `nulls_first()` or `nulls_last()` where NULLs are sorted: engines differ.
    After a statement has raised, the transaction is spent: a unit that swallows the error is undone all the same, so
    ask first (or write `ON CONFLICT`) rather than try and catch.

    Raises:
        InvalidInput: a value that no engine stores: an integer beyond 64 bits, a lone surrogate.
        Unavailable: the disk is full, the database is locked for too long, or the server is away.
        Damaged: the file is no database, or a page of it is broken.
    """

    def all(self, statement: Statement, params: Params = ..., /) -> list[Row]:
        """Every row of a query."""
        ...

    def one(self, statement: Statement, params: Params = ..., /) -> Row | None:
        """The first row, or None."""
        ...

    def run(self, statement: Statement, params: Params = ..., /) -> int:
        """Change something; the number of rows it touched.

        Raises:
            AlreadyExists: a unique key is taken.
            Conflict: another constraint forbids it.
        """
        ...

    def many(self, statement: Statement, rows: Sequence[Params], /) -> None:
        """Run one statement for every set of parameters, in bulk."""
        ...


class Unit(Protocol):
    """One call's share of a group commit. The writer runs `run`, journals `settle`, commits, then calls `answer`.

    If `run` raises, its own changes are undone (the rest of the group stands) and `settle` gets the error; what it
    gives back then is journalled in the same group. `run` may be called a second time after an undo and must then
    do its work again from the start. `answer` comes after the commit, from the thread that carried it, and must be
    quick.
    """

    def run(self, tx: Transaction) -> None:
        """Do the work."""
        ...

    def settle(self, error: BaseException | None) -> Sequence[Entry]:
        """What the journal is to hold of it."""
        ...

    def answer(self, error: BaseException | None) -> None:
        """Tell the caller; `error` is also set when the commit itself failed."""
        ...


class Capabilities(msgspec.Struct, frozen=True):
    """What callers may count on beyond the port; ask this, never which engine it is."""

    savepoints_are_cheap: bool
    shared_between_machines: bool
    transactional_ddl: bool
    copies_itself: bool


class Migration(msgspec.Struct, frozen=True):
    """One numbered step of a slice's tables; never edited once released, only followed by another.

    Attributes:
        ddl: statements with `{int}`, `{real}`, `{text}`, `{bytes}`, `{serial}` (auto-numbered integer primary key)
            in place of types, so that one text serves both engines and sorts text by bytes on both.
    """

    slice: str
    number: int
    name: str
    ddl: tuple[str, ...]


class WriterStats(msgspec.Struct, frozen=True):
    """What a process's writer has done since it started, for `/metrics`.

    Attributes:
        units: calls carried, failed ones included.
        failures: groups whose commit failed as a whole.
        waiting: units in the queue right now.
        commit_seconds: total time in COMMIT.
        commit_buckets, group_buckets: how many commits lasted at most `COMMIT_BOUNDS_S[i]` seconds or carried at most
            `GROUP_BOUNDS[i]` units; one more than the bounds, the last has no bound.
    """

    commits: int
    units: int
    failures: int
    waiting: int
    commit_seconds: float
    commit_buckets: tuple[int, ...]
    group_buckets: tuple[int, ...]


COMMIT_BOUNDS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
GROUP_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Database(Protocol):
    """One home's database."""

    caps: Capabilities

    def stats(self) -> WriterStats:
        """What the writer has done so far."""
        ...

    def submit(self, unit: Unit) -> None:
        """Queue a unit for the writer and return at once.

        Raises:
            Unavailable: the writer is stopped, or its queue is full.
        """
        ...

    @property
    def is_prompt(self) -> bool:
        """True while commits are so quick that even an event loop may wait for one."""
        ...

    def carry(self, units: Sequence[Unit]) -> bool:
        """Carry units on this thread, as one group, if that waits for nobody; False: nothing was done, submit them.

        Their answers are given on this thread, before it returns.
        """
        ...

    def write(self, work: Callable[[Transaction], T], entries: Callable[[], Sequence[Entry]] = ...) -> T:
        """Run `work` in the writer and wait for its commit; `entries` are journalled with it. Never from the writer."""
        ...

    def read(self) -> AbstractContextManager[Transaction]:
        """A consistent read-only snapshot on a connection that nobody else uses meanwhile; a write in it raises."""
        ...

    def migrate(self, steps: Sequence[Migration]) -> list[str]:
        """Bring the tables up to date under a lock; the names of the steps it took.

        Raises:
            Conflict: the database knows steps that this version does not: a newer program made it.
            Damaged: a step that was taken reads differently now.
            Unavailable: another program holds the lock for too long.
        """
        ...

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy into one new file, for a backup, while everything goes on; whole or not at all.

        Raises:
            Conflict: there is a file of that name.
            Unavailable: this engine is copied by a tool of its own (`copies_itself`); the text is the command.
        """
        ...

    def check(self) -> list[str]:
        """Look for damage, which reads all of it; what was found, in words, or nothing."""
        ...

    def scrub(self) -> None:
        """Make sure that bytes of deleted rows are not left on a disk that the adapter writes; for erasure.

        As far as it can: a snapshot that somebody holds open keeps the log that it reads. Never from the writer.
        """
        ...

    def trim(self) -> int:
        """Give pages that deleted rows left back to the disk, if nothing was written since it was asked last; how many.

        Never from the writer.
        """
        ...

    def close(self) -> None:
        """Drain the writer, then close every connection."""
        ...
