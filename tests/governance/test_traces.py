"""Forgetting a subject in traces, with a receipt that tells how many, and no byte left in the home."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from modelyard.adapters.objects.folder import FolderObjects
from modelyard.governance.api import Receipt
from modelyard.governance.service import NamedKeys, TracesEraser
from modelyard.governance.store import MIGRATIONS
from modelyard.kernel.refs import Ref
from modelyard.testing import Bench
from modelyard.tracking.api import Assessment, AssessmentKind, NewTrace, Span, Tracking
from modelyard.tracking.service import TrackingService
from modelyard.tracking.store import MIGRATIONS as TRACKING
from tests.governance.test_erasure import everything
from tests.governance.yard import Yard

WHO = "taxi-7f3a91c2"


@dataclass
class Place:
    """A yard whose tracking has traces."""

    house: Yard
    tracking: Tracking

    def forget(self) -> Receipt:
        return self.house.api.forget("taxi", WHO)


@pytest.fixture
def place() -> Iterator[Place]:
    with Bench((*MIGRATIONS, *TRACKING)) as bench:
        service = TrackingService(objects=FolderObjects(bench.home / "objects"))
        tracking, house = bench.open(Tracking, service), Yard(bench)
        eraser = TracesEraser(tracking, NamedKeys())
        house.furnish(eraser)
        yield Place(house, tracking)


def note(place: Place, number: int, text: str, *, home: str = "0") -> str:
    attributes = {"mlflow.spanInputs": json.dumps({"question": text})}
    span = Span(trace=f"{number:032x}", id="a" * 16, name="ask", start_ns=1, end_ns=9, attributes=attributes)
    return place.tracking.note_spans(home, [span])[0]


def test_traces_leave_with_spans_files_and_what_was_said(place: Place) -> None:
    other = place.tracking.create_experiment("other").id
    first, second = note(place, 1, f"where is {WHO}?"), note(place, 2, "where is it?", home=other)
    untouched = note(place, 3, "nothing")
    place.tracking.note_trace(NewTrace(id=second, experiment=other, metadata={"mlflow.trace.user": WHO}))
    place.tracking.upload(first, "traces.json", [f'{{"about": "{WHO}"}}'.encode()])
    place.tracking.assess(
        untouched,
        Assessment(id="", trace="", name="good", kind=AssessmentKind.FEEDBACK, rationale=f"as {WHO} says"),
    )
    plan = place.house.api.plan_forget("taxi", WHO)
    told = [("experiment:0", "traces", 1), ("experiment:0", "assessments", 1), (f"experiment:{other}", "traces", 1)]
    assert [(h.ref, h.what, h.count) for h in plan.items] == told
    assert WHO.encode() in everything(place.house.bench.home)
    receipt = place.forget()
    assert [(h.ref, h.what, h.count) for h in receipt.done] == told and receipt.clean, receipt
    assert WHO.encode() not in everything(place.house.bench.home)
    assert [t.id for t in place.tracking.traces(["0", other]).items] == [untouched]
    again = place.forget()
    assert again.done == () and again.clean
    assert place.house.api.history(Ref("experiment:0")).items


def test_a_longer_name_in_another_trace_is_no_finding(place: Place) -> None:
    note(place, 1, WHO)
    kept = note(place, 2, f"{WHO}0 is somebody else")
    receipt = place.forget()
    assert receipt.clean and receipt.scan.within, receipt
    assert [t.id for t in place.tracking.traces(["0"]).items] == [kept]
