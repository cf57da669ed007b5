"""Runs that are found again come from memory, and tell what is true now."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from modelyard.kernel.operations import Effect
from modelyard.ports import calls
from modelyard.tracking.api import Dataset, DatasetInput, ModelOutput, Point, Run, RunStatus
from modelyard.tracking.service.known import Known
from tests.tracking.conftest import Workplace


def test_whatever_changes_is_told_when_a_run_is_found_again(place: Workplace) -> None:
    yard = place.tracking
    runs = [yard.start_run("0", f"r{i}").id for i in range(3)]
    run = runs[1]
    point = partial(Point, key="f1", at_ms=1)
    data = DatasetInput(dataset=Dataset(name="trips", digest="abc"))
    steps: list[Callable[[], object]] = [
        lambda: yard.log(run, [point(value=0.5)]),
        lambda: yard.log(run, [point(value=0.25, step=1)]),
        lambda: yard.log(run, [point(value=0.25, step=1), Point(key="other", value=1.0, at_ms=2)]),
        place.fold_all,
        lambda: yard.log(run, [point(value=0.75, step=2)]),  # as many packed calls as were there before the fold
        lambda: yard.log(run, params={"depth": "3"}),
        lambda: yard.log(run, tags={"who": "me"}),
        lambda: yard.untag_run(run, "who"),
        lambda: yard.update_run(run, name="other"),
        lambda: yard.log_inputs(run, [data]),
        lambda: yard.log_inputs(run, [DatasetInput(dataset=Dataset(name="zones", digest="d"))]),
        lambda: yard.log_outputs(run, [ModelOutput(model="m-1")]),
        lambda: yard.log_outputs(run, [ModelOutput(model="m-1", step=4)]),
        lambda: yard.update_run(run, RunStatus.FINISHED),
        lambda: yard.delete_run(runs[0]),
        lambda: yard.restore_run(runs[0]),
    ]
    before = yard.run_record(run)
    for step in steps:
        step()
        found = yard.runs(None).items
        assert found == [yard.run_record(one.id) for one in found]
        assert yard.runs(None).items == found
    after = yard.run_record(run)
    assert after != before
    assert [p.value for p in after.metrics] == [0.75, 1.0]
    assert [i.dataset.name for i in after.inputs] == ["trips", "zones"]


def test_what_stands_is_read_once_and_what_was_asked_longest_ago_goes_first(small: Workplace) -> None:
    yard = small.tracking
    for i in range(3):
        yard.log(yard.start_run("0", f"r{i}").id, [Point(key="f1", value=0.5, at_ms=1)], {"depth": "3"})
    known = Known(most_entries=8)

    def several(*numbers: int) -> list[Run]:
        return small.bench.call(lambda: known.several(calls.current().tx, numbers), Effect.READ)

    third, first = several(3, 1)
    assert [third.name, first.name] == ["r2", "r0"]
    assert known.held_entries == 8  # itself, a point, a param and the tag of its name, twice
    assert several(1)[0] is first
    assert [run.name for run in several(2, 999)] == ["r1"]
    assert known.held_entries == 8
    assert several(1)[0] is first
    assert several(3)[0] is not third
