"""What every journal must do. Derive a test class and give it `database` and `journal` fixtures and `execute`.

The database's writer must append to that journal, and nothing may have been written to it before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import pytest

from modelyard.kernel.events import Entry, Event
from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref, ref
from modelyard.ports.database import Database, Transaction
from modelyard.ports.journal import AuditFilter, AuditRow, Journal
from modelyard.testing import notes

EVERYTHING = AuditFilter()
GENESIS = "0" * 64


def nothing(_: Transaction) -> None:
    """A change of nothing."""


class JournalContract(ABC):
    """One test, one promise."""

    def write(self, database: Database, *entries: Entry) -> None:
        """Commit entries in one unit."""
        database.write(nothing, lambda: entries)

    def events(self, database: Database, journal: Journal) -> list[Event]:
        """All events."""
        with database.read() as tx:
            return journal.events(tx, after=0)

    def audit(self, database: Database, journal: Journal, only: AuditFilter = EVERYTHING) -> list[AuditRow]:
        """All rows that a filter lets through."""
        with database.read() as tx:
            return journal.audit(tx, before=None, limit=100, only=only)

    def test_an_event_comes_back_as_it_was(self, database: Database, journal: Journal) -> None:
        given = notes.entry("a")
        self.write(database, given)
        (event,) = self.events(database, journal)
        assert event.seq > 0
        assert (event.id, event.kind, event.at_ms, event.actor) == ("ev_a_0", "note.made", 1_000, "actor_ana")
        assert (event.reads, event.writes, bytes(event.body)) == (
            (ref("table", "trips", 3),),
            (ref("note", "a"),),
            b'{"name":"a"}',
        )

    def test_events_are_read_on_from_a_place(self, database: Database, journal: Journal) -> None:
        for name in "abc":
            self.write(database, notes.entry(name, events=2))
        all_ = self.events(database, journal)
        assert [e.seq for e in all_] == sorted({e.seq for e in all_})
        with database.read() as tx:
            assert journal.events(tx, after=all_[1].seq, limit=3) == all_[2:5]
            assert journal.events(tx, after=all_[-1].seq) == []
            assert journal.recent_events(tx, before=None, limit=2) == all_[:-3:-1]
            assert journal.recent_events(tx, before=all_[2].seq) == all_[1::-1]

    def test_an_event_told_anew_keeps_all_but_its_body(self, database: Database, journal: Journal) -> None:
        self.write(database, notes.entry("a"), notes.entry("b"))
        first, second = self.events(database, journal)
        database.write(lambda tx: journal.reword(tx, first.seq, b'{"name":"x"}'))
        told, other = self.events(database, journal)
        assert (told.id, told.kind, told.at_ms, told.actor) == (first.id, first.kind, first.at_ms, first.actor)
        assert (told.reads, told.writes, bytes(told.body)) == (first.reads, first.writes, b'{"name":"x"}')
        assert other == second
        with database.read() as tx:
            assert journal.verify(tx).broken_at is None

    def test_a_consumers_place_is_its_own_and_never_goes_back(self, database: Database, journal: Journal) -> None:
        for consumer, seq in (("one", 3), ("two", 9), ("one", 5), ("one", 2)):
            database.write(lambda tx, c=consumer, s=seq: journal.advance(tx, c, s))  # type: ignore[misc]  # mypy cannot type a default in a lambda
        with database.read() as tx:
            assert [journal.cursor(tx, c) for c in ("one", "two", "three")] == [5, 9, 0]

    def test_calls_that_are_not_audited_leave_events_alone(self, database: Database, journal: Journal) -> None:
        self.write(database, notes.entry("a", audited=False), notes.entry("b", events=0))
        assert [e.id for e in self.events(database, journal)] == ["ev_a_0"]
        assert [row.operation for row in self.audit(database, journal)] == ["b"]

    def test_the_audit_is_newest_first_and_can_be_filtered(self, database: Database, journal: Journal) -> None:
        self.write(database, notes.entry("a"), notes.entry("b", outcome="conflict"), notes.entry("a", outcome="gone"))
        rows = self.audit(database, journal)
        assert [(r.seq, r.operation, r.outcome) for r in rows] == [
            (3, "a", "gone"),
            (2, "b", "conflict"),
            (1, "a", "ok"),
        ]
        assert rows[0].about == ref("note", "a")
        for only, found in (
            (AuditFilter(operation="a"), [3, 1]),
            (AuditFilter(outcome="conflict"), [2]),
            (AuditFilter(about=ref("note", "b")), [2]),
            (AuditFilter(about=ref("note", "a"), outcome="ok", actor=ActorId("actor_ana")), [1]),
            (AuditFilter(actor=ActorId("actor_bob")), []),
        ):
            assert [r.seq for r in self.audit(database, journal, only)] == found
        with database.read() as tx:
            assert [r.seq for r in journal.audit(tx, before=3, limit=1, only=EVERYTHING)] == [2]

    def test_an_untouched_chain_verifies_and_ends_in_the_last_hash(self, database: Database, journal: Journal) -> None:
        with database.read() as tx:
            assert (journal.verify(tx).checked, journal.verify(tx).head) == (0, GENESIS)
        self.write(database, *(notes.entry("x", detail=str(n)) for n in range(300)))
        self.write(database, notes.entry("y"))
        with database.read() as tx:
            found = journal.verify(tx)
        assert (found.checked, found.broken_at) == (301, None)
        assert found.head == self.audit(database, journal)[0].hash

    def test_equal_calls_have_unequal_hashes(self, database: Database, journal: Journal) -> None:
        self.write(database, *[notes.entry("x")] * 5)
        assert len({row.hash for row in self.audit(database, journal)}) == 5

    @pytest.mark.parametrize("text", ["lone \ud800 surrogate", "nul \x00 in it", "\U0001f600", "a" * 5000, '"\\\n'])
    def test_no_text_keeps_a_group_from_being_journalled(self, database: Database, journal: Journal, text: str) -> None:
        odd = Entry(
            at_ms=1, actor=ActorId(text), operation=text, about=Ref("note:" + text), outcome=text, request_id=text,
            detail=text, events=notes.entry("e").events,
        )  # fmt: skip
        self.write(database, notes.entry("a"), odd)
        with database.read() as tx:
            assert journal.verify(tx).checked == 2
            assert journal.verify(tx).broken_at is None

    def tamper(self) -> Sequence[str]:
        """SQL that changes what `{seq}` points at, one for each way of tampering."""
        return (
            "UPDATE journal_audit SET actor = 'actor_eve' WHERE seq = {seq}",
            "UPDATE journal_audit SET detail = '' WHERE seq = {seq}",
            "UPDATE journal_audit SET about = NULL WHERE seq = {seq}",
            "UPDATE journal_audit SET at_ms = at_ms + 1 WHERE seq = {seq}",
            "DELETE FROM journal_audit WHERE seq = {seq}",
        )

    @abstractmethod
    def execute(self, sql: str) -> None:
        """Run a statement past the adapter, as somebody with the file or the password would."""

    def test_a_row_that_was_changed_or_removed_is_found(self, database: Database, journal: Journal) -> None:
        for way in self.tamper():
            with database.read() as tx:
                length = journal.verify(tx).checked
            self.write(database, *(notes.entry("x", detail=f"{way} {n}") for n in range(20)))
            with database.read() as tx:
                assert journal.verify(tx).broken_at is None
            removed = way.startswith("DELETE")
            self.execute(way.format(seq=length + 7))
            with database.read() as tx:
                found = journal.verify(tx)
            assert found.broken_at == length + 7 + removed
            assert found.checked == length + 6
            self.execute("DELETE FROM journal_audit")

    def test_a_row_that_was_put_between_is_found(self, database: Database, journal: Journal) -> None:
        self.write(database, *[notes.entry("x")] * 5)
        self.execute("UPDATE journal_audit SET seq = seq + 1 WHERE seq = 5")
        self.execute(
            "INSERT INTO journal_audit SELECT 5, at_ms, actor, operation, about, outcome, request_id, detail, hash "
            "FROM journal_audit WHERE seq = 4"
        )
        with database.read() as tx:
            assert journal.verify(tx).broken_at == 5
