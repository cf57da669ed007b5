"""A table and a kind of entry for the contract suites to write: the smallest slice there can be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from modelyard.kernel.events import Entry, Event
from modelyard.kernel.ids import ActorId, EventId
from modelyard.kernel.refs import Ref, ref
from modelyard.ports.database import Migration, Row, Statement, Transaction

TABLES = (
    Migration(
        slice="note",
        number=1,
        name="notes",
        ddl=(
            """CREATE TABLE note_kind (kind {text} PRIMARY KEY)""",
            """CREATE TABLE note (
                name {text} PRIMARY KEY, kind {text} REFERENCES note_kind (kind), whole {int}, real_ {real},
                raw {bytes}, CHECK (whole IS NULL OR whole <> 666))""",
            "CREATE TABLE note_line (seq {serial}, text {text} NOT NULL)",
        ),
    ),
)
_note = sa.table("note", *(sa.column(c) for c in ("name", "kind", "whole", "real_", "raw")))
_line = sa.table("note_line", sa.column("seq"), sa.column("text"))

ADD = Statement(_note.insert())
ALL = Statement(sa.select(_note).order_by(_note.c.name))
NAMES = Statement(sa.select(_note.c.name).order_by(_note.c.name))
FIRST_TWO = Statement(sa.select(_note.c.name).order_by(_note.c.name).limit(2))
GET = Statement(sa.select(_note.c.whole).where(_note.c.name == sa.bindparam("name")))
COUNT_UP = Statement(
    sa.update(_note)
    .where(_note.c.name == sa.bindparam("name_"))
    .values(whole=_note.c.whole + sa.bindparam("by"))
    .returning(_note.c.whole)
)
SET = Statement(sa.update(_note).where(_note.c.name == sa.bindparam("name_")).values(whole=sa.bindparam("value")))
REMOVE = Statement(sa.delete(_note).where(_note.c.name == sa.bindparam("name_")))
SUM = Statement(sa.select(sa.func.sum(_note.c.whole), sa.func.count()))
ADD_LINE = Statement(_line.insert().values(text=sa.bindparam("text_")).returning(_line.c.seq))
LINES = Statement(sa.select(_line).order_by(_line.c.seq))
NONSENSE = Statement(sa.select(sa.table("no_such_table", sa.column("a"))))

EMPTY = {"kind": None, "whole": None, "real_": None, "raw": None}


def add(tx: Transaction, name: str, **values: object) -> None:
    """Put a note; columns that are not given are NULL."""
    tx.run(ADD, {"name": name, **EMPTY, **values})


def add_all(tx: Transaction, values: Mapping[str, int]) -> None:
    """Put a note for each name, in bulk."""
    tx.many(ADD, [{"name": name, **EMPTY, "whole": value} for name, value in values.items()])


def names(tx: Transaction) -> list[str]:
    """The names of all notes, sorted."""
    return [name for (name,) in tx.all(NAMES)]


def rows(tx: Transaction) -> list[Row]:
    """All notes, by name."""
    return tx.all(ALL)


def entry(operation: str, *, outcome: str = "ok", audited: bool = True, events: int = 1, detail: str = "") -> Entry:
    """An entry with so many events."""
    about: Ref = ref("note", operation)
    made = tuple(
        Event(
            id=EventId(f"ev_{operation}_{n}"), kind="note.made", at_ms=1_000 + n, actor=ActorId("actor_ana"),
            request_id="req_1", reads=(ref("table", "trips", 3),), writes=(about,),
            body=msgspec.Raw(b'{"name":"%s"}' % operation.encode()),
        )
        for n in range(events)
    )  # fmt: skip
    return Entry(
        at_ms=1_000, actor=ActorId("actor_ana"), operation=operation, about=about, outcome=outcome, request_id="req_1",
        detail=detail, events=made, audited=audited,
    )  # fmt: skip


class Task:
    """A unit whose parts are given, and which remembers what it was told."""

    def __init__(
        self,
        work: Callable[[Transaction], object],
        entries: Sequence[Entry] = (),
        *,
        on_error: Sequence[Entry] = (),
        on_answer: Callable[[], object] | None = None,
    ) -> None:
        self._work = work
        self._entries = entries
        self._on_error = on_error
        self._on_answer = on_answer
        self._answered = threading.Event()
        self.runs = 0
        self.result: object = None
        self.error: BaseException | None = None

    def run(self, tx: Transaction) -> None:
        """Do the work and keep what it gave."""
        self.runs += 1
        self.result = self._work(tx)

    def settle(self, error: BaseException | None) -> Sequence[Entry]:
        """The entries for either end."""
        return self._entries if error is None else self._on_error

    def answer(self, error: BaseException | None) -> None:
        """Remember the end."""
        self.error = error
        if self._on_answer is not None:
            self._on_answer()
        self._answered.set()

    def wait(self) -> BaseException | None:
        """How it ended; fails after ten seconds."""
        if not self._answered.wait(10):
            raise TimeoutError("the writer gave no answer")
        return self.error
