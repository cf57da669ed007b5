"""The bench runs services in real calls: one transaction, stored events, an audit row, and no writing outside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from modelyard.kernel.errors import AlreadyExists, Internal
from modelyard.kernel.events import Event, News
from modelyard.kernel.operations import Effect, operation
from modelyard.ports.calls import current
from modelyard.ports.database import Migration, Statement
from modelyard.ports.duties import Reaction
from modelyard.ports.journal import AuditFilter
from modelyard.testing import Bench

_note = sa.table("note", sa.column("name"))
ADD = Statement(_note.insert())
ALL = Statement(sa.select(_note.c.name).order_by(_note.c.name))
TABLES = (Migration("note", 1, "notes", ("CREATE TABLE note (name {text} PRIMARY KEY)",)),)


class Noted(News, frozen=True, kw_only=True):
    name: str


class Notes(ABC):
    @operation("POST", "/notes", scope="notes:write")
    @abstractmethod
    def note(self, name: str) -> str:
        """Note it."""

    @operation("GET", "/notes", scope="notes:read")
    @abstractmethod
    def names(self) -> list[str]:
        """All names."""


class NoteService(Notes):
    def note(self, name: str) -> str:
        call = current()
        call.tx.run(ADD, {"name": name})
        call.emit(Noted(name=name))
        return name

    def names(self) -> list[str]:
        return [name for (name,) in current().tx.all(ALL)]


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench(TABLES) as made:
        yield made


def test_an_operation_runs_with_the_effect_that_it_declares(bench: Bench) -> None:
    notes = bench.open(Notes, NoteService())
    assert notes.note("a") == "a"
    assert notes.names() == ["a"]
    assert [e.decode(Noted) for e in bench.events(Noted)] == [Noted(name="a")]


def test_a_failing_call_leaves_neither_rows_nor_events(bench: Bench) -> None:
    notes = bench.open(Notes, NoteService())
    notes.note("a")
    with pytest.raises(AlreadyExists):
        bench.call(lambda: (notes.names, NoteService().note("b"), NoteService().note("a")))
    assert notes.names() == ["a"]
    assert len(bench.events()) == 1


def test_a_read_may_not_write_and_work_writes_only_in_a_unit(bench: Bench) -> None:
    service = NoteService()
    for effect in (Effect.READ, Effect.WORK):
        with pytest.raises(Internal, match="read-only"):
            bench.call(lambda: service.note("a"), effect)

    def work() -> list[str]:
        before = service.names()
        current().unit(lambda: service.note("a"))
        return before + service.names()

    assert bench.call(work, Effect.WORK) == ["a"]


def test_who_acts_stands_in_the_event_and_in_the_audit(bench: Bench) -> None:
    ana = bench.act_as("ana")
    bench.open(Notes, NoteService()).note("a")
    assert bench.events()[0].actor == ana.id
    with bench.database.read() as tx:
        rows = bench.journal.audit(tx, before=None, limit=10, only=AuditFilter(actor=ana.id))
    assert [row.operation for row in rows] == ["test_bench.note"]


def test_reactions_get_each_event_once_and_in_order(bench: Bench) -> None:
    notes = bench.open(Notes, NoteService())
    seen: list[Event] = []
    reaction = Reaction(name="test.collect", kind=Noted.kind, react=seen.append)
    for name in "abc":
        notes.note(name)
    assert bench.deliver(reaction) == 3
    assert bench.deliver(reaction) == 0
    assert [e.decode(Noted).name for e in seen] == ["a", "b", "c"]
