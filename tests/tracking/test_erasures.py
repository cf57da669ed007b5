"""Forgetting a person in traces: who is named, where, and what stays."""

from __future__ import annotations

import json

import pytest

from modelyard.kernel.mentions import Sought
from modelyard.tracking.api import Assessment, AssessmentKind, NewTrace, Span, SpanEvent, TraceErasure
from tests.tracking.conftest import Workplace
from tests.tracking.test_collection import stored

WHO = 'ann "é" o\'hara'


def span(trace: int, *, name: str = "step", events: tuple[SpanEvent, ...] = (), **attributes: object) -> Span:
    texts = {key.replace("__", "."): json.dumps(value) for key, value in attributes.items()}
    return Span(
        trace=f"{trace:032x}", id=f"{trace:016x}", name=name, start_ns=1, end_ns=2, attributes=texts,
        events=list(events),
    )  # fmt: skip


def said(name: str, *, by: str = "", overrides: str | None = None) -> Assessment:
    return Assessment(
        id="", trace="", name=name, kind=AssessmentKind.FEEDBACK, source_id=by, overrides=overrides, rationale="so"
    )


def left(place: Workplace) -> list[int]:
    return sorted(int(trace.id[3:], 16) for trace in place.tracking.traces(["0"], limit=500).items)


def counts(found: TraceErasure) -> list[tuple[str, int, int]]:
    return [(one.experiment, one.traces, one.assessments) for one in found.found]


def test_a_trace_that_names_somebody_goes_from_wherever_it_does(place: Workplace) -> None:
    tracking = place.tracking
    deep = json.dumps({"messages": json.dumps([{"content": json.dumps({"from": WHO})}])})
    tracking.note_spans("0", [
        span(1, mlflow__spanInputs={"q": f"I am {WHO}."}), span(2, tool=deep), span(3, name=f"greet {WHO}"),
        span(4, events=(SpanEvent(name="e", attributes={"said": json.dumps(WHO)}),)), span(5), span(6), span(7),
        span(8), span(9, q=f"{WHO}s"), span(10), span(11),
    ])  # fmt: skip
    tracking.tag_trace(f"tr-{5:032x}", {"customer": WHO})
    tracking.note_trace(NewTrace(id=f"tr-{6:032x}", metadata={"mlflow.trace.user": WHO}))
    tracking.note_trace(NewTrace(id=f"tr-{7:032x}", response_preview=json.dumps({"a": WHO})[:-1]))
    tracking.upload(f"tr-{8:032x}", "traces.json", [json.dumps({"spans": [deep]}).encode()])
    tracking.assess(f"tr-{9:032x}", said("first"))
    first = tracking.trace(f"tr-{9:032x}").assessments[0].id
    tracking.assess(f"tr-{9:032x}", said("first", by=WHO, overrides=first))
    tracking.assess(f"tr-{10:032x}", said("second"))
    plan = tracking.erase_traces(WHO)
    assert counts(plan) == [("0", 8, 1)] and plan.files == 1 and not plan.applied
    assert any(word.endswith("s") for word in plan.longer)
    assert left(place) == list(range(1, 12))
    done = tracking.erase_traces(WHO, apply=True)
    assert counts(done) == counts(plan) and done.applied
    assert left(place) == [9, 10, 11] and stored(place) == set()
    (kept,) = tracking.trace(f"tr-{9:032x}").assessments
    assert (kept.id, kept.valid) == (first, True)
    assert counts(tracking.erase_traces(WHO, apply=True)) == []


def test_a_short_value_counts_under_a_name_alone(small: Workplace) -> None:
    tracking = small.tracking
    tracking.note_spans("0", [
        span(1, mlflow__spanInputs={"customer_id": 42}), span(2, mlflow__spanInputs={"customer_id": 421}),
        span(3, customer_id="42"), span(4, answer="42", count=42),
        span(5, ask=json.dumps({"customer_id": ["7", "42"]})), span(6), span(7),
    ])  # fmt: skip
    tracking.tag_trace(f"tr-{6:032x}", {"customer_id": "42"})
    tracking.note_trace(NewTrace(id=f"tr-{7:032x}", metadata={"mlflow.trace.user": "42"}))
    assert counts(tracking.erase_traces("42", ("customer_id",))) == [("0", 5, 0)]
    tracking.erase_traces("42", ("customer_id",), apply=True)
    assert left(small) == [2, 4]


def test_a_content_that_another_trace_holds_stays(small: Workplace) -> None:
    tracking = small.tracking
    tracking.note_spans("0", [span(1, q="customer-4711"), span(2)])
    for trace in (1, 2):
        tracking.upload(f"tr-{trace:032x}", "picture.png", [b"the same picture"])
    tracking.erase_traces("customer-4711", apply=True)
    assert left(small) == [2] and len(stored(small)) == 1
    assert b"".join(tracking.download(f"tr-{2:032x}", "picture.png")) == b"the same picture"


@pytest.mark.parametrize(
    ("text", "is_meant"),
    [
        ("ask taxi-4711 now", True), ("taxi-4711", True), ("taxi-47110", False), ("mytaxi-4711", False),
        (r'{"a": "line\ntaxi-4711"}', True), ("%20taxi-4711%20", True), ("taxi-4712", False), ("", False),
    ],
)  # fmt: skip
def test_a_value_is_told_from_longer_words(text: str, *, is_meant: bool) -> None:
    sought = Sought("taxi-4711")
    assert sought.is_told(text) is is_meant
    assert bool(list(sought.longer(text))) is (not is_meant and "taxi-4711" in text)
