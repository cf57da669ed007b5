"""The dispatcher and the worker's protocol, by the frozen clock and without processes, on both engines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from io import BytesIO
from zipfile import ZipFile

import msgspec
import pytest

from modelyard.adapters.objects.folder import FolderObjects
from modelyard.adapters.queue import DatabaseQueue
from modelyard.kernel.errors import (
    BudgetSpent,
    Conflict,
    InvalidInput,
    NotFound,
    StaleVersion,
    TooLarge,
    Unavailable,
    YardError,
)
from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref
from modelyard.pipelines.api import (
    AttemptEnded,
    AttemptStatus,
    FlowFinished,
    FlowParameter,
    FlowRun,
    FlowRunId,
    FlowSpec,
    Pipelines,
    Plan,
    PlannedStep,
    Resources,
    RunStatus,
    StepReport,
    StepStatus,
    WorkerPass,
)
from modelyard.pipelines.reactions import recover
from modelyard.pipelines.service import PipelinesService, Workshop
from modelyard.pipelines.store import MIGRATIONS
from modelyard.ports.compute import Child, ChildId, End, Metered, Order
from modelyard.ports.database import Migration
from modelyard.testing import Bench

KEY, OTHER = "a" * 64, "b" * 64
SPEC = FlowSpec(entry="sums:adding", parameters=(FlowParameter(name="n", required=False, default=2),))
PLAN = Plan(
    flow="adding",
    params={"n": 2},
    steps=(
        PlannedStep(id="one", step="one", arguments={"n": 2}),
        PlannedStep(id="two", step="two", arguments={"n": {"$step": "one"}}, needs=("one",)),
    ),
    output={"$step": "two"},
)


class Children:
    """A compute engine whose children do what the test says."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.states: dict[ChildId, Child] = {}
        self.fault: YardError | None = None

    def start(self, order: Order) -> Child:
        if self.fault is not None:
            raise self.fault
        self.orders.append(order)
        id_ = ChildId(f"child_{len(self.orders)}")
        self.states[id_] = Child(id=id_, pid=1000 + len(self.orders))
        return self.states[id_]

    def look(self, child: ChildId) -> Child:
        return self.states[child]

    def end(self, number: int, end: End = End.EXITED, code: int = 0, line: str = "") -> None:
        id_ = ChildId(f"child_{number}")
        used = Metered(wall_s=2.0, cpu_s=1.0)
        self.states[id_] = Child(id=id_, pid=1000 + number, end=end, exit_code=code, last_line=line, used=used)

    def stop(self, child: ChildId, *, grace_s: float = 5.0) -> Child:
        if self.states[child].runs:
            self.end(int(child.partition("_")[2]), End.STOPPED, -15)
        return self.states[child]

    def forget(self, child: ChildId) -> None:
        self.states.pop(child, None)

    def children(self) -> list[Child]:
        return list(self.states.values())

    def sweep(self) -> int:
        return 1

    def close(self) -> None:
        self.states.clear()


class Shop:
    """Pipelines at the bench, with passes and an allowance of the test's own."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.compute = Children()
        self.passes: dict[str, ActorId] = {}
        self.spent = False
        self.queue = DatabaseQueue(database=bench.database, clock=bench.clock)
        self.service = self.furnish()
        self.yard = bench.open(Pipelines, self.service)
        with BytesIO() as out:
            with ZipFile(out, "w") as zipped:
                zipped.writestr("sums.py", "")
            self.sources = out.getvalue()

    def furnish(self) -> PipelinesService:
        workshop = Workshop(
            compute=self.compute, passes=self, command=("worker",), folder=self.bench.home / "flows",
            logs=self.bench.home / "logs", keep_days=30,
        )  # fmt: skip
        objects = FolderObjects(self.bench.home / "objects")
        return PipelinesService(
            objects=objects, queue=self.queue, workshop=workshop, allowance=self, clock=self.bench.clock
        )

    def give(self, run: FlowRunId, by: ActorId) -> WorkerPass:
        self.passes[run] = by
        return WorkerPass(address="http://here", secret="secret", id=run)

    def take_back(self, given: str) -> None:
        self.passes.pop(given)

    def check(self, flow: str) -> None:
        if self.spent:
            raise BudgetSpent(f"{flow} may not run")

    def tend(self, service: PipelinesService | None = None, **later: float) -> None:
        self.bench.clock.advance(timedelta(**later))
        self.bench.call((service or self.service).dispatcher.tend, Effect.WORK)

    def begun(self) -> FlowRun:
        """A run whose worker has started and planned."""
        self.yard.register("adding", SPEC, [self.sources])
        run = self.yard.run("adding")
        self.tend()
        run = self.yard.flow_run(run.id)
        assert (run.status, run.attempt) == (RunStatus.RUNNING, 1)
        self.yard.report_plan(run.id, 1, PLAN)
        return run

    def begun_again(self, plan: Plan = PLAN) -> FlowRun:
        """A further run, planned."""
        run = self.yard.run("adding")
        self.tend()
        self.yard.report_plan(run.id, 1, plan)
        return self.yard.flow_run(run.id)


@pytest.fixture
def shop(each_bench: Callable[[Sequence[Migration]], Bench]) -> Iterator[Shop]:
    yield Shop(each_bench([*MIGRATIONS, *DatabaseQueue.migrations]))


def stand(shop: Shop, run: FlowRun) -> list[StepStatus]:
    return [s.status for s in shop.yard.steps(run.id)]


def test_the_same_sources_are_the_same_version(shop: Shop) -> None:
    first = shop.yard.register("adding", SPEC, [shop.sources])
    assert shop.yard.register("adding", SPEC, [shop.sources]) == first
    listed = FlowSpec(entry="sums:adding", parameters=(FlowParameter(name="n", required=False, default=[1, 2]),))
    paired = FlowSpec(entry="sums:adding", parameters=(FlowParameter(name="n", required=False, default=(1, 2)),))
    assert shop.yard.register("pairs", listed, [shop.sources]) == shop.yard.register("pairs", paired, [shop.sources])
    changed = msgspec.structs.replace(SPEC, doc="It adds.")
    assert shop.yard.register("adding", changed, [shop.sources]).version == 2
    assert shop.yard.flow("adding").spec.doc == "It adds."
    assert shop.yard.flow("adding", 1) == first
    assert [(f.name, f.version) for f in shop.yard.flows().items] == [("adding", 2), ("pairs", 1)]
    assert b"".join(shop.yard.bundle("adding")) == shop.sources


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py", "other.py"])
def test_a_bundle_that_reaches_out_or_lacks_its_module_is_refused(shop: Shop, name: str) -> None:
    with BytesIO() as out:
        with ZipFile(out, "w") as zipped:
            zipped.writestr(name, "")
        content = out.getvalue()
    with pytest.raises(InvalidInput):
        shop.yard.register("adding", SPEC, [content])
    with pytest.raises(InvalidInput, match="is a zip"):
        shop.yard.register("adding", SPEC, [b"no zip"])


def test_a_worker_goes_from_plan_to_end(shop: Shop) -> None:
    run = shop.begun()
    assert shop.passes == {run.id: run.by}
    env = shop.compute.orders[0].env
    assert (env["YARD_ADDRESS"], env["YARD_TOKEN"], env["MLFLOW_TRACKING_TOKEN"]) == ("http://here", "secret", "secret")
    assert shop.yard.assignment(run.id).params == {"n": 2}
    assert shop.yard.plan(run.id) == PLAN
    for step, result in (("one", 3), ("two", 5)):
        assert shop.yard.begin_step(run.id, step, 1, KEY if step == "one" else OTHER).proceed
        report = StepReport(result=result, reads=(Ref("table:t@1"),), writes=(Ref(f"run:{step}"),))
        shop.yard.finish_step(run.id, step, 1, report)
    over = shop.yard.finish_run(run.id, 1, output=5)
    assert (over.status, over.output, over.steps.finished) == (RunStatus.FINISHED, 5, 2)
    (told,) = shop.bench.events(FlowFinished)
    assert told.reads == ("flow:adding@1", "table:t@1")
    assert told.writes == (f"flow_run:{run.id}", "run:one", "run:two")
    shop.compute.end(1)
    shop.tend()
    assert [(a.status, a.used.cpu_s) for a in shop.yard.attempts(run.id)] == [(AttemptStatus.FINISHED, 1.0)]
    assert shop.passes == {}
    assert shop.yard.queues()[0].running == 0
    assert shop.yard.counts().by_status == {"finished": 1}


def test_a_second_run_takes_every_result_from_the_cache(shop: Shop) -> None:
    first = shop.begun()
    shop.yard.begin_step(first.id, "one", 1, KEY)
    shop.yard.finish_step(first.id, "one", 1, StepReport(result={"n": 3}, writes=(Ref("model:m@1"),)))
    second = shop.begun_again()
    standing = shop.yard.begin_step(second.id, "one", 1, KEY)
    assert (standing.proceed, standing.result) == (False, {"n": 3})
    assert shop.yard.begin_step(second.id, "two", 1, OTHER).proceed, "another key, another result"
    taken = shop.yard.steps(second.id)[0]
    assert (taken.status, taken.taken_from, taken.writes) == (StepStatus.CACHED, first.id, ("model:m@1",))


def test_old_results_and_logs_are_let_go_and_runs_stay(shop: Shop) -> None:
    run = shop.begun()
    shop.yard.begin_step(run.id, "one", 1, KEY)
    shop.yard.finish_step(run.id, "one", 1, StepReport(result=3))
    logs = shop.bench.home / "logs"
    logs.mkdir()
    old, young = logs / f"{run.id}.1.log", logs / f"{run.id}.2.log"
    for log in (old, young):
        log.write_text("words")
    began_s = shop.bench.clock.now_ms() / 1000
    os.utime(old, (began_s, began_s))
    for days, kept in ((29, True), (2, False)):
        shop.bench.clock.advance(timedelta(days=days))
        os.utime(young, (shop.bench.clock.now_ms() / 1000,) * 2)
        shop.bench.call(shop.service.expiry.round, Effect.WORK)
        assert (old.exists(), young.exists()) == (kept, True)
    assert stand(shop, run)[0] is StepStatus.FINISHED
    assert shop.yard.begin_step(shop.begun_again().id, "one", 1, KEY).proceed, "it is no longer remembered"


def test_a_failed_step_is_not_remembered(shop: Shop) -> None:
    first = shop.begun()
    shop.yard.begin_step(first.id, "one", 1, KEY)
    shop.yard.finish_step(first.id, "one", 1, StepReport(error="ValueError"))
    assert shop.yard.finish_run(first.id, 1, error="step one failed").status is RunStatus.FAILED
    assert stand(shop, first) == [StepStatus.FAILED, StepStatus.SKIPPED]
    assert shop.yard.begin_step(shop.begun_again().id, "one", 1, KEY).proceed


def test_a_lost_worker_is_replaced_and_changes_nothing_more(shop: Shop) -> None:
    run = shop.begun()
    shop.yard.begin_step(run.id, "one", 1, KEY)
    shop.yard.finish_step(run.id, "one", 1, StepReport(result=3))
    shop.yard.begin_step(run.id, "two", 1, OTHER)
    shop.compute.end(1, End.KILLED, -9, "about to die")
    shop.tend()
    waiting = shop.yard.flow_run(run.id)
    assert waiting.status is RunStatus.QUEUED
    assert waiting.error == "the worker of attempt 1 was killed by signal 9; its last line: about to die"
    assert stand(shop, run) == [StepStatus.FINISHED, StepStatus.LOST]
    with pytest.raises(StaleVersion):
        shop.yard.finish_step(run.id, "two", 1, StepReport(result=5))
    with pytest.raises(StaleVersion):
        shop.yard.heartbeat(run.id, 1)
    shop.tend(seconds=1)
    assert shop.yard.flow_run(run.id).attempt == 2
    shop.yard.report_plan(run.id, 2, PLAN)
    assert not shop.yard.begin_step(run.id, "one", 2, KEY).proceed, "what was finished is not done again"
    assert shop.yard.begin_step(run.id, "two", 2, OTHER).proceed
    assert [e.decode(AttemptEnded).status for e in shop.bench.events(AttemptEnded)] == [AttemptStatus.LOST]


def test_a_step_without_cache_is_still_not_done_twice_in_one_run(shop: Shop) -> None:
    run = shop.begun()
    steps = tuple(msgspec.structs.replace(s, cache=False) for s in PLAN.steps)
    plan = msgspec.structs.replace(PLAN, steps=steps)
    shop.yard.report_plan(run.id, 1, plan)
    shop.yard.begin_step(run.id, "one", 1, KEY)
    shop.yard.finish_step(run.id, "one", 1, StepReport(result=3))
    shop.compute.end(1, End.KILLED, -9)
    shop.tend()
    shop.tend(seconds=1)
    shop.yard.report_plan(run.id, 2, plan)
    assert not shop.yard.begin_step(run.id, "one", 2, KEY).proceed
    assert shop.yard.begin_step(shop.begun_again(plan).id, "one", 1, KEY).proceed, "another run does it again"


def test_a_worker_that_falls_silent_is_stopped_and_lost(shop: Shop) -> None:
    run = shop.begun()
    for _ in range(30):
        shop.tend(seconds=1.9)
    shop.yard.heartbeat(run.id, 1)
    for _ in range(30):
        shop.tend(seconds=1.9)
    assert shop.yard.attempts(run.id)[0].status is AttemptStatus.RUNNING
    for _ in range(3):
        shop.tend(seconds=1.9)
    assert shop.yard.attempts(run.id)[0].status is AttemptStatus.LOST
    assert shop.compute.children()[0].runs, "a second worker is at it"


def test_a_run_whose_yard_is_gone_is_taken_over_by_the_next(shop: Shop) -> None:
    run = shop.begun()
    following = shop.furnish()
    (shop.bench.home / "flows" / f"{run.id}.1" / "sources").mkdir(parents=True)
    assert shop.bench.call(lambda: recover(following), Effect.WORK) == [
        "ended 1 workers that an earlier yard left running", "removed the scratch folders of 1 flow runs",
    ]  # fmt: skip
    shop.tend(following, seconds=1)
    assert shop.yard.flow_run(run.id).attempt == 1, "the lease still stands"
    shop.tend(following, seconds=6)
    assert shop.yard.flow_run(run.id).attempt == 2
    shop.tend(seconds=1)
    assert [a.status for a in shop.yard.attempts(run.id)] == [AttemptStatus.LOST, AttemptStatus.RUNNING]
    assert [c.id for c in shop.compute.children()] == ["child_2"], "the yard that lost its lease stops its worker"


def test_yards_that_are_lost_again_and_again_end_the_run(shop: Shop) -> None:
    run = shop.begun()
    for _ in range(3):
        shop.tend(shop.furnish(), seconds=7)
    shop.tend(shop.furnish(), seconds=7)
    over = shop.yard.flow_run(run.id)
    assert over.status is RunStatus.FAILED
    assert "given up after 3 attempts" in over.error
    assert all(a.status is AttemptStatus.LOST for a in shop.yard.attempts(run.id))


def test_a_queue_works_on_as_many_runs_as_it_has_slots(shop: Shop) -> None:
    shop.yard.register("adding", SPEC, [shop.sources])
    runs = [shop.yard.run("adding") for _ in range(4)]
    shop.tend()
    assert len(shop.compute.orders) == 2
    queue = shop.yard.queues()[0]
    assert (queue.name, queue.slots, queue.running, queue.waiting) == ("default", 2, 2, 2)
    shop.yard.set_slots("default", 3)
    shop.tend()
    assert len(shop.compute.orders) == 3
    assert [r.id for r in shop.yard.flow_runs(status=RunStatus.QUEUED).items] == [runs[3].id]


def test_cancelling_what_waits_and_what_runs(shop: Shop) -> None:
    run = shop.begun()
    shop.yard.set_slots("default", 1)
    waiting = shop.yard.run("adding")
    assert shop.yard.cancel(waiting.id).status is RunStatus.CANCELLED
    assert shop.yard.cancel(run.id).cancelling
    assert shop.yard.heartbeat(run.id, 1).cancelling
    shop.tend()
    assert shop.yard.flow_run(run.id).status is RunStatus.CANCELLED
    assert shop.yard.attempts(run.id)[0].status is AttemptStatus.STOPPED
    assert stand(shop, run) == [StepStatus.SKIPPED, StepStatus.SKIPPED]
    with pytest.raises(Conflict):
        shop.yard.cancel(run.id)
    shop.tend()
    assert len(shop.compute.orders) == 1
    assert shop.yard.queues()[0].waiting == 0


def test_a_run_over_its_time_fails_and_is_not_tried_again(shop: Shop) -> None:
    spec = msgspec.structs.replace(SPEC, resources=Resources(wall_s=9.0))
    shop.yard.register("adding", spec, [shop.sources])
    run = shop.yard.run("adding")
    shop.tend()
    assert shop.compute.orders[0].limits.wall_s == 9.0
    shop.compute.end(1, End.TIMED_OUT, -15)
    shop.tend()
    over = shop.yard.flow_run(run.id)
    assert (over.status, over.error) == (RunStatus.FAILED, "it ran longer than its limit of 9 s and was stopped")


def test_a_machine_that_starts_nothing_fails_the_run_in_the_end(shop: Shop) -> None:
    shop.yard.register("adding", SPEC, [shop.sources])
    shop.compute.fault = Unavailable("the machine is full")
    run = shop.yard.run("adding")
    for _ in range(4):
        shop.tend(seconds=5)
    over = shop.yard.flow_run(run.id)
    assert (over.status, over.attempt) == (RunStatus.FAILED, 3)
    assert "the machine is full" in over.error
    assert shop.passes == {}


def test_a_spent_budget_refuses_a_run_and_is_noted_on_a_schedule(shop: Shop) -> None:
    shop.yard.register("adding", SPEC, [shop.sources])
    shop.yard.schedule("hourly", "adding", 3600)
    shop.spent = True
    with pytest.raises(BudgetSpent):
        shop.yard.run("adding")
    shop.bench.clock.advance(timedelta(hours=3))
    shop.bench.call(shop.service.start_due, Effect.WORK)
    (schedule,) = shop.yard.schedules()
    assert (schedule.last_error, schedule.last_run) == ("adding may not run", "")
    shop.spent = False
    shop.bench.clock.advance(timedelta(hours=5))
    for _ in range(2):
        shop.bench.call(shop.service.start_due, Effect.WORK)
    (run,) = shop.yard.flow_runs().items
    assert (run.cause, run.by) == ("schedule:hourly", shop.bench.actor.id)


def test_a_result_must_be_small_and_a_plan_in_order(shop: Shop) -> None:
    run = shop.begun()
    shop.yard.begin_step(run.id, "one", 1, KEY)
    with pytest.raises(TooLarge, match="1 MB"):
        shop.yard.finish_step(run.id, "one", 1, StepReport(result="x" * 1_000_001))
    with pytest.raises(InvalidInput, match="does not come before"):
        shop.yard.report_plan(run.id, 1, msgspec.structs.replace(PLAN, steps=PLAN.steps[::-1]))
    with pytest.raises(NotFound):
        shop.yard.begin_step(run.id, "three", 1, KEY)


def test_logs_are_read_by_attempt(shop: Shop) -> None:
    run = shop.begun()
    log = shop.compute.orders[0].log
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("hello\n")
    assert b"".join(shop.yard.log(run.id)) == b"hello\n"
    with pytest.raises(NotFound, match="no attempt 2"):
        shop.yard.log(run.id, 2)
    with pytest.raises(NotFound):
        shop.yard.log(FlowRunId("../../etc/passwd"))
