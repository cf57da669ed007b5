"""What every adapter of the database port must do. Derive a test class and give it an `opener` fixture.

    class TestMyEngine(DatabaseContract):
        @pytest.fixture
        def opener(self) -> Opener:
            return lambda journal=None: MyDatabase(address, journal=journal)

Each test needs a database that nothing was written into before; each call of the opener opens that same database once
more, as another process would.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import pytest

from modelyard.adapters.databases import open_database
from modelyard.adapters.journal import DatabaseJournal
from modelyard.kernel.errors import AlreadyExists, Conflict, Damaged, Internal, InvalidInput, Unavailable, YardError
from modelyard.kernel.events import Entry
from modelyard.ports.database import Database, Migration, Transaction
from modelyard.ports.journal import AuditFilter, Journal
from modelyard.testing import notes
from modelyard.testing.notes import Task

BIG = 2**63 - 1


class Opener(Protocol):
    """Opens the test's database once more."""

    def __call__(self, journal: Journal | None = None) -> Database:
        """Another handle on it."""
        ...


class BrokenJournal(DatabaseJournal):
    """A journal that fails when it finds a certain operation."""

    def append(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        """Append, then fail if one of the entries is `poison`."""
        super().append(tx, entries)
        if any(e.operation == "poison" for e in entries):
            raise Internal("the journal is broken")


def together(database: Database, tasks: Sequence[Task]) -> list[BaseException | None]:
    """Submit tasks so that they make one group, and give how each ended."""
    gate = threading.Event()
    holding = threading.Event()

    def hold(_: Transaction) -> None:
        holding.set()
        gate.wait(10)

    first = Task(hold)
    database.submit(first)
    holding.wait(10)
    for task in tasks:
        database.submit(task)
    gate.set()
    first.wait()
    return [task.wait() for task in tasks]


class DatabaseContract:
    """One test, one promise."""

    @pytest.fixture
    def journal(self) -> DatabaseJournal:
        """The journal that entries go to."""
        return DatabaseJournal()

    @pytest.fixture
    def database(self, opener: Opener, journal: DatabaseJournal) -> Iterator[Database]:
        """The database with the notes' tables."""
        database = opener(journal)
        database.migrate(notes.TABLES)
        yield database
        database.close()

    def test_values_come_back_as_they_were_stored(self, database: Database) -> None:
        text = "Zürich ☃ 'quoted' %s :name \U0001f600"

        def fill(tx: Transaction) -> None:
            notes.add(tx, "a", whole=BIG, real_=0.1, raw=bytes(range(256)))
            notes.add(tx, "b", whole=-BIG - 1, real_=float("inf"), raw=b"")
            notes.add(tx, text, whole=True, real_=float("nan"))

        database.write(fill)
        with database.read() as tx:
            found = notes.rows(tx)
        assert found == [
            (text, None, 1, None, None),
            ("a", None, BIG, 0.1, bytes(range(256))),
            ("b", None, -BIG - 1, float("inf"), b""),
        ]
        assert [type(v) for v in found[-1]][2:4] == [int, float]

    def test_units_are_carried_on_the_callers_thread_or_not_at_all(self, database: Database, journal: Journal) -> None:
        """What is carried is durable and journalled when `carry` returns; what is not has left nothing."""
        database.write(lambda tx: notes.add(tx, "first"))
        tasks = [Task(lambda tx, n=n: notes.add(tx, n), [notes.entry(n)]) for n in "ab"]  # type: ignore[misc]  # mypy cannot type a default in a lambda
        carried = database.carry(tasks)
        with database.read() as tx:
            assert notes.names(tx) == (["a", "b", "first"] if carried else ["first"])
            assert journal.verify(tx).checked == (2 if carried else 0)
        assert [task.runs for task in tasks] == [int(carried)] * 2

    def test_text_sorts_by_its_bytes(self, database: Database) -> None:
        given = ["b", "B", "a", "é", "_", "10", "9", "zz"]
        database.write(lambda tx: notes.add_all(tx, dict.fromkeys(given, 0)))
        with database.read() as tx:
            assert notes.names(tx) == sorted(given, key=str.encode)

    def test_sums_of_whole_numbers_are_whole(self, database: Database) -> None:
        database.write(lambda tx: notes.add_all(tx, {str(n): n for n in range(5)}))
        with database.read() as tx:
            found = tx.one(notes.SUM)
        assert found is not None
        assert (found, type(found[0])) == ((10, 5), int)

    def test_serial_columns_count_up_and_values_of_the_expression_are_bound(self, database: Database) -> None:
        seqs = [database.write(lambda tx: tx.one(notes.ADD_LINE, {"text_": "x"})) for _ in range(3)]
        assert seqs == sorted(seqs, key=str)
        database.write(lambda tx: notes.add_all(tx, {"b": 1, "a": 2, "c": 3}))
        with database.read() as tx:
            assert tx.all(notes.FIRST_TWO) == [("a",), ("b",)]

    def test_a_change_tells_how_many_rows_it_touched(self, database: Database) -> None:
        database.write(lambda tx: notes.add(tx, "a", whole=1))
        assert database.write(lambda tx: tx.run(notes.REMOVE, {"name_": "b"})) == 0
        assert database.write(lambda tx: tx.one(notes.COUNT_UP, {"name_": "a", "by": 2})) == (3,)
        assert database.write(lambda tx: tx.run(notes.REMOVE, {"name_": "a"})) == 1

    @pytest.mark.parametrize(
        ("values", "error"),
        [
            ({"name": "a"}, AlreadyExists),
            ({"name": "b", "kind": "unknown"}, Conflict),
            ({"name": "b", "whole": 666}, Conflict),
            ({"name": "b", "whole": 2**63}, InvalidInput),
            ({"name": "b\ud800"}, InvalidInput),
        ],
    )
    def test_a_broken_rule_is_told_in_words_without_sql(
        self, database: Database, values: dict[str, object], error: type[YardError]
    ) -> None:
        database.write(lambda tx: notes.add(tx, "a"))
        with pytest.raises(error) as told:
            database.write(lambda tx: tx.run(notes.ADD, {**notes.EMPTY, **values}))
        assert type(told.value) is error
        assert "note" not in told.value.detail.replace("nothing", "")
        assert "INSERT" not in told.value.detail
        with database.read() as tx:
            assert notes.names(tx) == ["a"]

    def test_a_statement_that_cannot_run_is_our_fault_and_harms_nothing(self, database: Database) -> None:
        with pytest.raises(Internal):
            database.write(lambda tx: tx.all(notes.NONSENSE))
        with database.read() as tx, pytest.raises(Internal):
            tx.all(notes.NONSENSE)
        with pytest.raises(Internal):
            database.write(lambda tx: tx.run(notes.REMOVE))
        database.write(lambda tx: notes.add(tx, "a"))
        with database.read() as tx:
            assert notes.names(tx) == ["a"]

    def test_a_failing_unit_is_undone_alone_and_still_journalled(
        self, database: Database, journal: DatabaseJournal
    ) -> None:
        def stumble(tx: Transaction) -> None:
            notes.add(tx, "half")
            raise Conflict("no")

        tasks = [
            Task(lambda tx: notes.add(tx, "a"), [notes.entry("a")]),
            Task(stumble, [notes.entry("bad")], on_error=[notes.entry("bad", outcome="conflict", events=0)]),
            Task(lambda tx: notes.add(tx, "a"), [notes.entry("twice")], on_error=[notes.entry("twice", events=0)]),
            Task(lambda tx: notes.add(tx, "c"), [notes.entry("c")]),
        ]
        ends = together(database, tasks)
        assert [type(e) for e in ends] == [type(None), Conflict, AlreadyExists, type(None)]
        with database.read() as tx:
            assert notes.names(tx) == ["a", "c"]
            audit = journal.audit(tx, before=None, limit=10, only=AuditFilter())
            assert [row.operation for row in reversed(audit)] == ["a", "bad", "twice", "c"]
            assert [e.id for e in journal.events(tx, after=0)] == ["ev_a_0", "ev_c_0"]
            assert journal.verify(tx).broken_at is None

    def test_a_unit_that_swallows_a_statements_error_is_undone(self, database: Database) -> None:
        def swallow(tx: Transaction) -> None:
            notes.add(tx, "b")
            try:
                notes.add(tx, "a")
            except AlreadyExists:
                return

        database.write(lambda tx: notes.add(tx, "a"))
        with pytest.raises(YardError):
            database.write(swallow)
        ends = together(database, [Task(swallow), Task(lambda tx: notes.add(tx, "c"))])
        assert isinstance(ends[0], YardError)
        assert ends[1] is None
        with database.read() as tx:
            assert notes.names(tx) == ["a", "c"]

    def test_an_answer_comes_after_the_commit(self, database: Database) -> None:
        seen: list[list[str]] = []

        def look() -> None:
            with database.read() as tx:
                seen.append(notes.names(tx))

        ends = together(database, [Task(lambda tx, n=n: notes.add(tx, n), on_answer=look) for n in "ab"])  # type: ignore[misc]  # mypy cannot type a default in a lambda
        assert ends == [None, None]
        assert seen == [["a", "b"], ["a", "b"]]

    def test_a_failing_answer_does_not_keep_others_from_theirs(self, database: Database) -> None:
        def fail() -> None:
            raise RuntimeError("the client is gone")

        database.submit(Task(lambda tx: notes.add(tx, "a"), on_answer=fail))
        database.write(lambda tx: notes.add(tx, "b"))
        with database.read() as tx:
            assert notes.names(tx) == ["a", "b"]

    def test_if_the_journal_fails_nothing_of_the_group_stands(self, opener: Opener, database: Database) -> None:
        broken = opener(BrokenJournal())
        tasks = [
            Task(lambda tx: notes.add(tx, "a"), [notes.entry("a")]),
            Task(lambda tx: notes.add(tx, "b"), [notes.entry("poison")]),
        ]
        ends = together(broken, tasks)
        assert all(isinstance(e, Internal) for e in ends)
        broken.write(lambda tx: notes.add(tx, "c"), lambda: [notes.entry("c")])
        assert broken.stats().failures == 1
        broken.close()
        with database.read() as tx:
            assert notes.names(tx) == ["c"]
            assert DatabaseJournal().verify(tx).checked == 1

    def test_a_snapshot_stays_as_it_was_and_cannot_be_written(self, database: Database) -> None:
        database.write(lambda tx: notes.add(tx, "a"))
        with database.read() as tx:
            assert notes.names(tx) == ["a"]
            database.write(lambda tx: notes.add(tx, "b"))
            assert notes.names(tx) == ["a"]
        with database.read() as tx:
            assert notes.names(tx) == ["a", "b"]
            with pytest.raises(Internal, match="read-only"):
                notes.add(tx, "c")
        with database.read() as tx:
            assert notes.names(tx) == ["a", "b"]

    def test_many_readers_read_at_once(self, database: Database) -> None:
        database.write(lambda tx: notes.add(tx, "a"))

        def look(_: int) -> list[str]:
            with database.read() as tx:
                return notes.names(tx)

        with ThreadPoolExecutor(12) as pool:
            assert list(pool.map(look, range(60))) == [["a"]] * 60

    def test_a_handle_that_is_closed_carries_what_waits_and_takes_no_more(self, opener: Opener) -> None:
        database = opener()
        database.migrate(notes.TABLES)
        tasks = [Task(lambda tx, n=n: notes.add(tx, str(n))) for n in range(20)]  # type: ignore[misc]  # as above
        for task in tasks:
            database.submit(task)
        database.close()
        assert [task.wait() for task in tasks] == [None] * 20
        with pytest.raises(Unavailable):
            database.submit(Task(lambda _: None))
        with pytest.raises(Unavailable), database.read():
            pass
        database.close()

    def test_a_write_within_a_write_is_refused_rather_than_waited_for(self, database: Database) -> None:
        with pytest.raises(Internal, match="wait for itself"):
            database.write(lambda _: database.write(lambda _: None))

    def test_the_writer_counts_what_it_does(self, database: Database) -> None:
        together(database, [Task(lambda tx, n=n: notes.add(tx, str(n))) for n in range(7)])  # type: ignore[misc]  # as above
        stats = database.stats()
        assert (stats.commits, stats.units, stats.failures, stats.waiting) == (2, 8, 0, 0)
        assert sum(stats.commit_buckets) == sum(stats.group_buckets) == 2
        assert stats.commit_seconds > 0

    def test_a_copy_is_whole_while_writing_goes_on(
        self, database: Database, journal: DatabaseJournal, tmp_path: Path
    ) -> None:
        assert database.check() == []
        target = tmp_path / "copy.db"
        if not database.caps.copies_itself:
            with pytest.raises(Unavailable, match="own tool"):
                database.copy_to(target)
            return
        stop = threading.Event()

        def keep_writing() -> int:
            count = 0
            while not stop.is_set():
                database.write(lambda tx, n=count: notes.add(tx, f"n{n}"), lambda: [notes.entry("add")])  # type: ignore[misc]  # mypy cannot type a default in a lambda
                count += 1
            return count

        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(keep_writing)
            database.copy_to(target)
            stop.set()
        with pytest.raises(Conflict, match="there already"):
            database.copy_to(target)
        copy = open_database(target, journal=journal)
        with copy.read() as tx:
            assert journal.verify(tx).broken_at is None
            assert journal.verify(tx).checked == len(notes.names(tx)) <= writing.result()
        copy.close()
        assert [p.name for p in tmp_path.glob(".*")] == []

    def test_migrations_are_taken_once_and_in_order(self, database: Database) -> None:
        more = Migration("note", 2, "colours", ("ALTER TABLE note ADD COLUMN colour {text} DEFAULT '{}'",))
        assert database.migrate(notes.TABLES) == []
        assert database.migrate((*notes.TABLES, more)) == ["note.2 colours"]
        assert database.migrate((*notes.TABLES, more)) == []

    def test_a_database_of_a_newer_program_is_refused(self, database: Database) -> None:
        with pytest.raises(Conflict, match="newer modelyard") as told:
            database.migrate(())
        assert "note.1" in told.value.detail

    def test_a_step_that_was_changed_afterwards_is_refused(self, database: Database) -> None:
        edited = Migration("note", 1, "notes", (*notes.TABLES[0].ddl, "CREATE TABLE note_more (a {int})"))
        with pytest.raises(Damaged, match="was changed after"):
            database.migrate((edited,))

    def test_a_failing_migration_leaves_nothing(self, database: Database) -> None:
        bad = Migration("note", 2, "bad", ("CREATE TABLE note_new (a {int})", "CREATE TABLE note (a {int})"))
        with pytest.raises(Internal):
            database.migrate((*notes.TABLES, bad))
        good = Migration("note", 2, "good", ("CREATE TABLE note_new (a {int})",))
        assert database.migrate((*notes.TABLES, good)) == ["note.2 good"]

    def test_steps_out_of_order_are_a_programmers_error(self, database: Database) -> None:
        with pytest.raises(ValueError, match="step 3 stands where step 2"):
            database.migrate((*notes.TABLES, Migration("note", 3, "gap", ())))

    def test_programs_that_start_at_once_migrate_once(self, opener: Opener) -> None:
        def start(_: int) -> list[str]:
            database = opener(DatabaseJournal())
            try:
                return database.migrate(notes.TABLES)
            finally:
                database.close()

        with ThreadPoolExecutor(4) as pool:
            taken = [name for names in pool.map(start, range(4)) for name in names]
        assert sorted(taken) == ["journal.1 events, audit and cursors", "note.1 notes"]

    def test_two_writers_of_one_database_lose_nothing_and_share_one_chain(
        self, opener: Opener, database: Database, journal: DatabaseJournal
    ) -> None:
        database.write(lambda tx: notes.add(tx, "n", whole=0))

        def read_then_write(tx: Transaction) -> None:
            found = tx.one(notes.GET, {"name": "n"})
            assert found is not None
            tx.run(notes.SET, {"name_": "n", "value": found[0] + 1})

        other = opener(DatabaseJournal())

        def count(handle: Database) -> None:
            for _ in range(40):
                handle.write(read_then_write, lambda: [notes.entry("count")])

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(count, [database, other, database, other]))
        other.close()
        with database.read() as tx:
            assert tx.one(notes.GET, {"name": "n"}) == (160,)
            assert journal.verify(tx).checked == 160
            assert journal.verify(tx).broken_at is None
            assert len(journal.events(tx, after=0, limit=1000)) == 160

    @pytest.mark.parametrize("seed", range(4))
    def test_any_mixture_of_units_ends_as_if_each_had_come_alone(
        self, database: Database, journal: DatabaseJournal, seed: int
    ) -> None:
        dice = random.Random(seed)  # noqa: S311  # a reproducible mixture
        model: dict[str, int] = {}
        audited = 0
        for _ in range(4):
            tasks: list[Task] = []
            ends: list[bool] = []
            for _ in range(dice.randrange(1, 12)):
                steps = [(dice.choice("abcde"), dice.randrange(1, 9)) for _ in range(dice.randrange(1, 4))]
                fails = dice.random() < 0.25
                ends.append(_play(model, steps, fails=fails))
                tasks.append(
                    Task(_Steps(steps, fails=fails), [notes.entry("ok")], on_error=[notes.entry("bad", events=0)])
                )
            audited += len(tasks)
            assert [error is None for error in together(database, tasks)] == ends
        with database.read() as tx:
            assert {row[0]: row[2] for row in notes.rows(tx)} == model
            assert (journal.verify(tx).checked, journal.verify(tx).broken_at) == (audited, None)


class _Steps:
    """Adds notes of new names, fails at a name that is there, and at the end if told to."""

    def __init__(self, steps: list[tuple[str, int]], *, fails: bool) -> None:
        self._steps = steps
        self._fails = fails

    def __call__(self, tx: Transaction) -> None:
        for name, value in self._steps:
            if value == 8:
                tx.run(notes.REMOVE, {"name_": name})
            else:
                notes.add(tx, name, whole=value)
        if self._fails:
            raise Conflict("told to fail")


def _play(model: dict[str, int], steps: list[tuple[str, int]], *, fails: bool) -> bool:
    """The same on a dictionary; True if it stands."""
    trial = dict(model)
    for name, value in steps:
        if value == 8:
            trial.pop(name, None)
        elif name in trial:
            return False
        else:
            trial[name] = value
    if not fails:
        model.clear()
        model.update(trial)
    return not fails
