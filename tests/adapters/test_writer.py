"""The writer, on an engine that does what the test says: order of things, failing commits, bounds."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from modelyard.adapters import writer
from modelyard.adapters.writer import CAREFUL, Writer
from modelyard.kernel.errors import Conflict, Internal, Unavailable, YardError
from modelyard.ports.database import Params, Row, Statement, Transaction
from modelyard.testing.notes import Task


class ScriptedTransaction:
    def __init__(self) -> None:
        self.failure: YardError | None = None

    def all(self, statement: Statement, params: Params = {}, /) -> list[Row]:  # noqa: B006  # never written
        return []

    def one(self, statement: Statement, params: Params = {}, /) -> Row | None:  # noqa: B006  # never written
        return None

    def run(self, statement: Statement, params: Params = {}, /) -> int:  # noqa: B006  # never written
        return 0

    def many(self, statement: Statement, rows: Sequence[Params], /) -> None:
        return None


class ScriptedEngine:
    """Notes what it is asked; fails once where `fail_at` says."""

    def __init__(self, *, savepoints: bool = True) -> None:
        self.savepoints = savepoints
        self.is_local = True
        self.tx = ScriptedTransaction()
        self.did: list[str] = []
        self.fail_at = ""
        self.usable = True
        self.free = True
        self.undone_by_itself = False

    def _do(self, what: str) -> None:
        self.did.append(what)
        if self.fail_at == what:
            self.fail_at = ""
            raise OSError("the disk is gone")

    def begin(self) -> None:
        self._do("begin")

    def try_begin(self) -> bool:
        self._do("try_begin")
        return self.free

    def commit(self) -> None:
        self._do("commit")

    def rollback(self) -> bool:
        self._do("rollback")
        return self.usable

    def mark(self) -> None:
        self._do("mark")

    def release(self) -> None:
        self._do("release")

    def undo(self) -> bool:
        self._do("undo")
        return not self.undone_by_itself

    def translate(self, error: BaseException) -> BaseException:
        return Unavailable("the disk is full") if isinstance(error, OSError) else error

    def close(self) -> None:
        self._do("close")


class Stage:
    """A writer on scripted engines; each connection is a new one."""

    def __init__(self, *, savepoints: bool = True, limit: int = 100, slow_s: float = 1.0) -> None:
        self.engines: list[ScriptedEngine] = []
        self._savepoints = savepoints
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.writer = Writer(self._connect, journal=None, limit=limit, slow_s=slow_s)

    def _connect(self) -> ScriptedEngine:
        self.engines.append(ScriptedEngine(savepoints=self._savepoints))
        return self.engines[-1]

    def hold(self, tx: Transaction) -> None:
        self.entered.set()
        self.gate.wait(10)

    def group(self, *tasks: Task) -> list[str]:
        """Let the tasks be one group; what the engine did for it."""
        self.gate.clear()
        self.entered.clear()
        first = Task(self.hold)
        self.writer.submit(first)
        self.entered.wait(10)
        for task in tasks:
            self.writer.submit(task)
        before = len(self.engines[-1].did)
        self.gate.set()
        for task in (first, *tasks):
            task.wait()
        return self.engines[-1].did[before + 1 :]


def ok(_: Transaction) -> None:
    return None


def bad(_: Transaction) -> None:
    raise Conflict("no")


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.writer.close()


def test_a_group_of_one_needs_no_savepoint(stage: Stage) -> None:
    assert stage.group(Task(ok)) == ["begin", "commit"]


def test_a_failing_unit_alone_is_rolled_back_before_its_failure_is_journalled(stage: Stage) -> None:
    assert stage.group(Task(bad)) == ["begin", "rollback", "begin", "commit"]


def test_a_group_with_a_failing_unit_is_undone_and_run_again_with_savepoints(stage: Stage) -> None:
    tasks = [Task(ok), Task(bad), Task(ok)]
    did = stage.group(*tasks)
    marked = ["begin", "mark", "release", "mark", "undo", "mark", "release", "commit"]
    assert did == ["begin", "rollback", *marked]
    assert [task.runs for task in tasks] == [2, 2, 1]
    assert [type(task.error) for task in tasks] == [type(None), Conflict, type(None)]


def test_for_a_while_after_a_failure_each_unit_of_a_group_has_its_savepoint(stage: Stage) -> None:
    assert stage.group(Task(ok), Task(ok)) == ["begin", "commit"]
    stage.group(Task(bad), Task(ok))
    for _ in range(CAREFUL - 1):
        assert stage.group(Task(ok), Task(ok)) == ["begin", "mark", "release", "mark", "release", "commit"]
    assert stage.group(Task(ok)) == ["begin", "commit"]
    assert stage.group(Task(ok), Task(ok)) == ["begin", "commit"]


def test_where_savepoints_are_dear_a_group_with_a_failing_unit_goes_one_by_one() -> None:
    stage = Stage(savepoints=False)
    tasks = [Task(ok), Task(bad), Task(ok)]
    did = stage.group(*tasks)
    one = ["begin", "commit"]
    assert did == ["begin", "rollback", *one, "begin", "rollback", *one, *one]
    assert [task.runs for task in tasks] == [2, 2, 1]
    assert [type(task.error) for task in tasks] == [type(None), Conflict, type(None)]
    stage.writer.close()


def test_whoever_finds_the_writer_free_carries_his_group_himself(stage: Stage) -> None:
    stage.group(Task(ok))
    threads: list[int] = []
    tasks = [Task(lambda _: threads.append(threading.get_ident())) for _ in range(3)]
    before = len(stage.engines[0].did)
    assert stage.writer.carry(tasks)
    assert threads == [threading.get_ident()] * 3
    assert all(task.wait() is None for task in tasks)
    assert stage.engines[0].did[before:] == ["try_begin", "commit"]
    assert stage.writer.stats().group_buckets[2] == 1


def test_a_group_that_would_have_to_wait_is_not_carried(stage: Stage) -> None:
    task = Task(ok)
    assert not stage.writer.carry([task])  # no connection is open yet
    stage.group(Task(ok))
    stage.engines[0].free = False
    assert not stage.writer.carry([task])
    stage.engines[0].free = True
    held, queued = Task(stage.hold), Task(ok)
    stage.gate.clear()
    stage.entered.clear()
    stage.writer.submit(held)
    stage.entered.wait(10)
    assert not stage.writer.carry([task])
    stage.writer.submit(queued)
    stage.gate.set()
    assert (held.wait(), queued.wait()) == (None, None)
    stage.writer.close()
    assert not stage.writer.carry([task])
    assert task.runs == 0


def test_a_carried_group_with_a_failing_unit_is_undone_and_the_next_ones_have_savepoints(stage: Stage) -> None:
    stage.group(Task(ok))
    before = len(stage.engines[0].did)
    tasks = [Task(ok), Task(bad)]
    assert not stage.writer.carry(tasks)
    assert stage.engines[0].did[before:] == ["try_begin", "rollback"]
    assert stage.writer.carry(tasks)
    assert [type(task.error) for task in tasks] == [type(None), Conflict]
    assert stage.engines[0].did[before + 2 :] == ["try_begin", "mark", "release", "mark", "undo", "commit"]
    alone = Task(bad)
    assert stage.writer.carry([alone])
    assert isinstance(alone.error, Conflict)


def test_if_the_commit_of_a_carried_group_fails_everybody_hears_it(stage: Stage) -> None:
    stage.group(Task(ok))
    stage.engines[0].fail_at = "commit"
    tasks = [Task(ok), Task(ok)]
    assert stage.writer.carry(tasks)
    assert all(isinstance(task.error, Unavailable) for task in tasks)
    assert stage.writer.carry([Task(ok)])


def test_whoever_carries_cannot_wait_for_the_writer(stage: Stage) -> None:
    stage.group(Task(ok))
    task = Task(lambda _: stage.writer.write(ok, list))
    stage.group(Task(bad), Task(ok))
    assert stage.writer.carry([task])
    assert isinstance(task.error, Internal)


def test_commits_are_prompt_while_they_are_quick_and_local(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> None:
    told = [stage.writer.is_prompt]  # nobody knows yet
    stage.group(Task(ok))
    for is_local, bound_s in ((True, 10), (False, 10), (True, 0)):
        stage.engines[0].is_local = is_local
        monkeypatch.setattr(writer, "PROMPT_S", bound_s)
        told.append(stage.writer.is_prompt)
    assert told == [False, True, False, False]


@pytest.mark.parametrize("where", ["begin", "commit"])
def test_if_begin_or_commit_fails_everybody_hears_it_and_the_next_group_goes_on(stage: Stage, where: str) -> None:
    stage.group(Task(ok))
    stage.engines[0].fail_at = where
    tasks = [Task(ok), Task(ok)]
    stage.writer.submit(tasks[0])
    assert isinstance(tasks[0].wait(), Unavailable)
    assert stage.engines[0].did[-1] == "rollback"
    stage.group(tasks[1])
    assert tasks[1].error is None
    assert stage.writer.stats().failures == 1
    assert len(stage.engines) == 1


def test_a_connection_past_use_is_replaced(stage: Stage) -> None:
    stage.group(Task(ok))
    stage.engines[0].fail_at = "commit"
    stage.engines[0].usable = False
    lost, after = Task(ok), Task(ok)
    stage.writer.submit(lost)
    assert isinstance(lost.wait(), Unavailable)
    stage.writer.submit(after)
    assert after.wait() is None
    assert stage.engines[0].did[-1] == "close"
    assert len(stage.engines) == 2


def test_if_the_engine_undid_the_whole_transaction_the_whole_group_fails(stage: Stage) -> None:
    stage.group(Task(ok))
    stage.engines[0].undone_by_itself = True
    tasks = [Task(ok), Task(bad), Task(ok)]
    stage.group(*tasks)
    assert all(isinstance(task.error, Conflict) for task in tasks)


def test_a_full_queue_refuses_instead_of_growing() -> None:
    stage = Stage(limit=3)
    first = Task(stage.hold)
    stage.writer.submit(first)
    stage.entered.wait(10)
    waiting = [Task(ok) for _ in range(3)]
    for task in waiting:
        stage.writer.submit(task)
    with pytest.raises(Unavailable, match="3 changes are waiting"):
        stage.writer.submit(Task(ok))
    assert stage.writer.stats().waiting == 3
    stage.gate.set()
    assert [task.wait() for task in waiting] == [None] * 3
    stage.writer.submit(Task(ok))
    stage.writer.close()


def test_a_group_is_bounded_and_the_rest_follows(stage: Stage) -> None:
    stage.writer.close()
    stage = Stage(limit=1000)
    tasks = [Task(ok) for _ in range(300)]
    stage.group(*tasks)
    assert stage.writer.stats().commits == 3
    assert stage.writer.stats().group_buckets[-2:] == (1, 0)
    stage.writer.close()


def test_a_call_that_cannot_describe_its_failure_is_still_answered(stage: Stage) -> None:
    class Speechless(Task):
        def settle(self, error: BaseException | None) -> Sequence[object]:  # type: ignore[override]  # wrong on purpose
            raise RuntimeError("no words")

    task = Speechless(ok)
    after = Task(ok)
    stage.group(task, after)
    assert isinstance(task.error, RuntimeError)
    assert after.error is None


def test_a_group_that_makes_others_wait_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(slow_s=0.0)
    stage.group(Task(ok))
    stage.writer.close()
    assert "a group of 1 writes took" in caplog.text
