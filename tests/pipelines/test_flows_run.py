"""Flows run by a yard that is up: sent as text, run apart, cached, traced in lineage."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from modelyard.app.house import House
from modelyard.cost.api import By
from modelyard.kernel.errors import BudgetSpent, Conflict, InvalidInput, NotFound
from modelyard.pipelines.api import FlowRun, Pipelines, RunStatus, StepStatus
from modelyard.ports import calls
from modelyard.sdk.authoring import Submitted
from modelyard.sdk.hub import Yard
from tests.pipelines.sample import MEASURES, TRAINING, module


def test_a_flow_runs_and_the_second_time_every_step_is_cached(yard: Yard, tmp_path: Path) -> None:
    with module(tmp_path / "user", "training", TRAINING, measures=MEASURES) as written:
        first = written.training.submit(yard)
        run = first.wait(timeout_s=60)
        assert (run.status, run.output, run.error) == (RunStatus.FINISHED, 0.6, ""), "\n".join(first.log())
        steps = yard.pipelines.steps(run.id)
        assert [(s.id, s.status) for s in steps] == [
            ("split", StepStatus.FINISHED), ("train", StepStatus.FINISHED), ("train-2", StepStatus.FINISHED),
            ("compare", StepStatus.FINISHED),
        ]  # fmt: skip
        again = written.training.submit(yard).wait(timeout_s=60)
    assert again.output == 0.6
    assert again.version == run.version == 1
    assert (again.steps.cached, again.steps.finished) == (4, 0)
    assert {s.taken_from for s in yard.pipelines.steps(again.id)} == {run.id}


def test_a_step_that_fails_ends_the_run_with_its_error_and_skips_the_rest(yard: Yard, tmp_path: Path) -> None:
    text = (
        "from modelyard import flow, step\n@step\ndef first() -> int:\n    raise ValueError('no such column: tip')\n"
        "@step\ndef second(n: int) -> int:\n    return n\n@flow\ndef broken() -> int:\n    return second(first())\n"
    )
    with module(tmp_path / "user", "broken_flow", text) as written:
        submitted = written.broken.submit(yard)
        run = submitted.wait(timeout_s=60)
        assert run.status is RunStatus.FAILED
        assert run.error == "step first failed: ValueError: no such column: tip (broken_flow.py, line 4)"
        assert [s.status for s in yard.pipelines.steps(run.id)] == [StepStatus.FAILED, StepStatus.SKIPPED]
        assert any("Traceback" in line for line in submitted.log())
        with pytest.raises(Conflict, match="no such column"):
            submitted.result()
        assert written.broken.submit(yard).wait(timeout_s=60).steps.cached == 0, "a failure was remembered"


def test_a_changed_helper_runs_again_what_uses_it_and_what_follows(yard: Yard, tmp_path: Path) -> None:
    with module(tmp_path / "user", "training", TRAINING, measures=MEASURES) as written:
        assert written.training.submit(yard).result(timeout_s=60) == 0.6
    with module(tmp_path / "user", "training", TRAINING, measures=MEASURES.replace("10", "2")) as written:
        run = written.training.submit(yard).wait(timeout_s=60)
    assert (run.output, run.version) == (3.0, 2)
    stand = {s.id: s.status for s in yard.pipelines.steps(run.id)}
    assert stand == {
        "split": StepStatus.CACHED, "train": StepStatus.FINISHED, "train-2": StepStatus.FINISHED,
        "compare": StepStatus.FINISHED,
    }  # fmt: skip


def test_parameters_change_only_what_depends_on_them(yard: Yard, tmp_path: Path) -> None:
    with module(tmp_path / "user", "training", TRAINING, measures=MEASURES) as written:
        written.training.submit(yard).result(timeout_s=60)
        run = written.training.submit(yard, depths=(3, 9)).wait(timeout_s=60)
        with pytest.raises(InvalidInput, match="has no parameter 'dept'"):
            yard.pipelines.run("training", {"dept": 3})
        with pytest.raises(NotFound, match="no flow nothing"):
            yard.pipelines.run("nothing")
    assert run.output == 0.9
    assert [s.id for s in yard.pipelines.steps(run.id) if s.status is StepStatus.CACHED] == ["split", "train"]


def test_files_travel_between_steps_by_their_bytes(yard: Yard, tmp_path: Path) -> None:
    text = """
from modelyard import StepFile, context, flow, step

@step
def write(text: str) -> StepFile:
    path = context().folder / "model.txt"
    path.write_text(text)
    return context().keep(path)

@step(cache=False)
def read(file: StepFile) -> str:
    return context().path_of(file).read_text()

@flow
def filing(text: str) -> str:
    return read(write(text))
"""
    with module(tmp_path / "user", "filing_flow", text) as written:
        run = written.filing.submit(yard, "hello").wait(timeout_s=60)
        assert run.output == "hello", run.error
        again = written.filing.submit(yard, "hello").wait(timeout_s=60)
        assert (again.output, again.steps.cached, again.steps.finished) == ("hello", 1, 1)
        assert written.filing("here") == "here", "the same flow as plain Python"
    kept = yard.pipelines.steps(run.id)[0].result
    assert b"".join(yard.pipelines.read_file(kept["digest"])) == b"hello"
    with pytest.raises(NotFound):
        list(yard.pipelines.read_file("0" * 64))


def test_a_step_finds_its_yard_and_what_an_unmodified_mlflow_client_needs(yard: Yard, tmp_path: Path) -> None:
    text = """
import os
from modelyard import context, flow, step

@step(cache=False)
def look() -> dict[str, str]:
    here = context()
    names = here.yard.governance.whoami().name, here.run, here.step
    wanted = ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN", "MLFLOW_RUN_CONTEXT")
    return dict(zip(("who", "run", "step"), names)) | {n: os.environ[n] for n in wanted}

@flow
def looking() -> dict[str, str]:
    return look()
"""
    with module(tmp_path / "user", "looking_flow", text) as written:
        run = written.looking.submit(yard).wait(timeout_s=60)
    assert run.status is RunStatus.FINISHED, run.error
    assert (run.output["who"], run.output["run"], run.output["step"]) == ("owner", run.id, "look")
    assert run.output["MLFLOW_TRACKING_URI"].startswith("http://127.0.0.1:")
    assert json.loads(run.output["MLFLOW_RUN_CONTEXT"]) == {
        "modelyard.flow_run": run.id, "modelyard.step": "look", "modelyard.flow": "looking",
        "mlflow.source.name": "flow:looking@1", "mlflow.source.git.commit": yard.pipelines.flow("looking").bundle,
    }  # fmt: skip
    pause = threading.Event()
    for _ in range(100):
        if all(t.revoked_ms for t in yard.governance.tokens().items if t.name.startswith("worker-")):
            break
        pause.wait(0.05)
    assert all(t.revoked_ms for t in yard.governance.tokens().items if t.name.startswith("worker-"))


def test_a_schedule_runs_its_flow_again_and_again(yard: Yard, tmp_path: Path) -> None:
    text = "from modelyard import flow, step\n@step\ndef one() -> int:\n    return 1\n"
    text += "@flow\ndef ticking() -> int:\n    return one()\n"
    with module(tmp_path / "user", "ticking_flow", text) as written:
        written.ticking.register(yard)
    yard.pipelines.schedule("often", "ticking", 1)
    pause = threading.Event()
    for _ in range(200):
        runs = yard.pipelines.flow_runs("ticking", RunStatus.FINISHED).items
        if len(runs) >= 2:
            break
        pause.wait(0.05)
    assert {r.cause for r in runs} == {"schedule:often"}
    assert yard.pipelines.schedules()[0].last_run
    yard.pipelines.unschedule("often")
    assert yard.pipelines.schedules() == []


def test_what_a_run_used_is_priced_by_step_and_a_spent_budget_refuses_the_next(yard: Yard, tmp_path: Path) -> None:
    busy = (
        "import time\nfrom modelyard import context, flow, step\n@step(cache=False)\ndef work(s: float) -> float:\n"
        "    context().writes('model:tips@1')\n    end = time.process_time() + s\n"
        "    while time.process_time() < end:\n        pass\n    return s\n"
        "@flow\ndef working(s: float = 0.3) -> float:\n    return work(s)\n"
    )
    with module(tmp_path / "user", "working_flow", busy) as written:
        submitted = written.working.submit(yard)
        assert submitted.wait(timeout_s=60).status is RunStatus.FINISHED
        pause = threading.Event()
        for _ in range(200):
            if yard.cost.usage(By.RUN) and yard.cost.usage(By.STEP):
                break
            pause.wait(0.05)
        (by_step,), (by_run,) = yard.cost.usage(By.STEP), yard.cost.usage(By.RUN)
        assert (by_step.name, by_run.name) == ("working/work", submitted.id)
        assert 0.3 <= by_step.amounts.cpu_s <= 1.5
        assert by_step.amounts.gib_s > 0
        assert 0 < by_step.cost.micros <= by_run.cost.micros
        assert [s.name for s in yard.cost.usage(By.MODEL)] == ["model:tips@1"]
        yard.cost.set_budget("nothing", 0.0, flow="working")
        with pytest.raises(BudgetSpent, match="working may not run"):
            written.working.submit(yard)


def test_what_the_yard_sets_off_itself_is_done_by_a_program_of_limited_rights(
    served: tuple[Yard, House], tmp_path: Path
) -> None:
    yard, house = served
    text = (
        "from modelyard import context, flow, step\n@step(cache=False)\ndef who() -> list[str]:\n"
        "    me = context().yard.governance.whoami()\n    return [me.name, me.kind, *me.scopes]\n"
        "@flow\ndef asking() -> list[str]:\n    return who()\n"
    )
    with module(tmp_path / "user", "asking_flow", text) as written:
        written.asking.register(yard)
    pipelines = house.engines.service(Pipelines)

    def ask() -> FlowRun:
        return calls.current().unit(lambda: pipelines.run("asking", cause="alert:alert_1"))

    runs = [Submitted(yard, house.guard.as_system("test.ask", ask).id) for _ in range(2)]
    over = [run.wait(timeout_s=60) for run in runs]
    assert [(r.status, r.by, r.cause) for r in over] == [(RunStatus.FINISHED, "system", "alert:alert_1")] * 2
    name, kind, *scopes = over[0].output
    assert (name, kind) == ("worker", "program")
    assert "*" not in scopes
    assert not any(s.startswith("governance:") and s != "governance:read" for s in scopes)
    assert [m.name for m in yard.governance.actors().items].count("worker") == 1
