"""Whatever the mixture of units in whatever groups: it ends as if each had come alone, and the chain verifies."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.adapters.journal import DatabaseJournal
from modelyard.kernel.errors import AlreadyExists, Conflict
from modelyard.ports.database import Transaction
from modelyard.ports.journal import AuditFilter
from modelyard.testing import Bench, notes
from modelyard.testing.database_contract import together
from modelyard.testing.notes import Task


@dataclass(frozen=True)
class Plan:
    """A unit: names to add in turn, then an end. `swallow` catches the error of a name that is taken."""

    names: tuple[str, ...]
    fails: bool
    swallows: bool

    def __call__(self, tx: Transaction) -> None:
        for name in self.names:
            try:
                notes.add(tx, name)
            except AlreadyExists:
                if not self.swallows:
                    raise
        if self.fails:
            raise Conflict("told to")

    def stands(self, known: set[str]) -> bool:
        """Whether it would stand alone on a database that holds `known`."""
        return not self.fails and len(set(self.names)) == len(self.names) and not known.intersection(self.names)


plans = st.builds(
    Plan,
    names=st.lists(st.sampled_from("abcdefgh"), max_size=3).map(tuple),
    fails=st.booleans(),
    swallows=st.booleans(),
)


@settings(max_examples=40, deadline=None)
@given(groups=st.lists(st.lists(plans, min_size=1, max_size=6), max_size=4))
def test_groups_end_as_if_each_unit_had_come_alone(groups: list[list[Plan]]) -> None:
    known: set[str] = set()
    log: list[str] = []
    with Bench(notes.TABLES) as bench:
        for group in groups:
            expected = []
            for plan in group:
                expected.append(plan.stands(known))
                known.update(plan.names if expected[-1] else ())
                log.append("ok" if expected[-1] else "bad")
            tasks = [Task(p, [notes.entry("ok")], on_error=[notes.entry("bad", events=0)]) for p in group]
            assert [error is None for error in together(bench.database, tasks)] == expected
        with bench.database.read() as tx:
            assert notes.names(tx) == sorted(known)
            journal = DatabaseJournal()
            rows = journal.audit(tx, before=None, limit=1000, only=AuditFilter())
            assert [row.operation for row in reversed(rows)] == log
            assert len(journal.events(tx, after=0)) == log.count("ok")
            assert journal.verify(tx).broken_at is None
