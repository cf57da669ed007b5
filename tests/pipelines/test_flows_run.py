"""Flows run by a yard that is up: sent as text, run apart, cached, traced in lineage."""

from __future__ import annotations

from pathlib import Path

from modelyard.pipelines.api import AttemptStatus, RunStatus, StepStatus
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
    assert [a.status for a in yard.pipelines.attempts(run.id)] == [AttemptStatus.FINISHED]
