"""Traces through the api, on both engines."""

from __future__ import annotations

import json

import pytest

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.tracking.api import Assessment, AssessmentKind, NewTrace, PromptVersion, Span, TraceState
from modelyard.tracking.model.tracing import usage
from tests.tracking.conftest import Workplace

TRACE = "a" * 32
ID = f"tr-{TRACE}"


def span(number: int, *, parent: int | None = None, trace: str = TRACE, **attributes: object) -> Span:
    texts = {key.replace("__", "."): json.dumps(value) for key, value in attributes.items()}
    return Span(
        trace=trace, id=f"{number:016x}", parent=None if parent is None else f"{parent:016x}", name=f"step {number}",
        start_ns=number * 1_000_000, end_ns=(number + 5) * 1_000_000, status=1, attributes=texts,
    )  # fmt: skip


def test_spans_make_a_trace_that_grows_until_its_own_record_comes(place: Workplace) -> None:
    tracking = place.tracking
    assert tracking.note_spans("0", [span(3, parent=1)]) == [ID]
    begun = tracking.trace(ID)
    assert (begun.state, begun.at_ms, begun.duration_ms) == (TraceState.IN_PROGRESS, 3, 5)
    tracking.note_spans("0", [span(1, mlflow__spanInputs={"q": "ü"}), span(9, parent=1)])
    grown = tracking.trace(ID)
    assert (grown.state, grown.at_ms, grown.duration_ms) == (TraceState.OK, 1, 13)
    assert grown.request_preview == '{"q": "\\u00fc"}'
    told = tracking.note_trace(NewTrace(id=ID, at_ms=100, duration_ms=7, state=TraceState.ERROR, tags={"a": "b"}))
    assert (told.state, told.at_ms, told.duration_ms, told.tags["a"]) == (TraceState.ERROR, 100, 7, "b")
    tracking.note_spans("0", [span(20, parent=1)])
    assert tracking.trace(ID) == told
    assert [s.name for s in tracking.spans(ID).spans] == ["step 1", "step 3", "step 9", "step 20"]
    tracking.note_spans("0", [span(20, parent=1)])
    assert len(tracking.spans(ID).spans) == 4


def test_traces_are_found_by_what_they_say_and_what_is_said_of_them(place: Workplace) -> None:
    tracking = place.tracking
    for i in range(3):
        tracking.note_spans("0", [span(1 + i, trace=f"{i:032x}", store=f"Zone{i}", ratio=0.5 * i)])
        tracking.assess(
            f"tr-{i:032x}",
            Assessment(id="", trace="", name="quality", kind=AssessmentKind.FEEDBACK, value=json.dumps(i / 2)),
        )

    def found(where: str, *order: str) -> list[int]:
        return [int(t.id[3:], 16) for t in tracking.traces(["0"], where, list(order) or ["timestamp_ms ASC"]).items]

    assert found("") == [0, 1, 2]
    assert found("", "timestamp_ms DESC") == [2, 1, 0]
    assert found("span.attributes.store = 'Zone1'") == [1]
    assert found("span.attributes.store LIKE 'Zone%'") == [0, 1, 2]
    assert found("span.attributes.store LIKE 'zone%'") == []
    assert found("span.attributes.store ILIKE 'zone%'") == [0, 1, 2]
    assert found("span.attributes.store IN ('Zone0', 'Zone2')") == [0, 2]
    assert found("span.attributes.ratio = '0.5'") == [1]
    assert found("span.name LIKE 'step%' AND feedback.quality >= 0.5") == [1, 2]
    assert found("trace.text ILIKE '%zone2%'") == [2]
    assert found("attributes.name = 'step 2'") == [1]
    for wrong in (
        "span.nothing = 'x'",
        "nonsense.x = 'y'",
        "attributes.status RLIKE 'x'",
        "prompt LIKE 'x'",
        "text = 'x'",
    ):
        with pytest.raises(InvalidInput):
            tracking.traces(["0"], wrong)
    with pytest.raises(InvalidInput):
        tracking.traces(["0"], "", ["feedback.quality DESC"])


def test_a_deleted_trace_leaves_nothing(place: Workplace) -> None:
    tracking = place.tracking
    run = tracking.start_run("0").id
    tracking.note_spans("0", [span(1), span(2, parent=1)], run)
    tracking.assess(ID, Assessment(id="", trace="", name="q", kind=AssessmentKind.EXPECTATION, value='"x"'))
    tracking.link_prompts(ID, [PromptVersion(name="p", version="1"), PromptVersion(name="p", version="1")])
    assert json.loads(tracking.trace(ID).tags["mlflow.linkedPrompts"]) == [{"name": "p", "version": "1"}]
    tracking.upload(ID, "traces.json", [b"{}"])
    assert tracking.delete_traces("0", [ID, "tr-nobody"]) == 1
    for call in (tracking.trace, tracking.spans, tracking.artifacts):
        with pytest.raises(NotFound):
            call(ID)
    assert tracking.traces(["0"], f"attributes.run_id = '{run}'").items == []
    tracking.note_spans("0", [span(1)])
    assert (len(tracking.spans(ID).spans), tracking.trace(ID).assessments) == (1, [])


def test_the_oldest_traces_of_an_experiment_are_deleted_first(small: Workplace) -> None:
    tracking = small.tracking
    for i in range(4):
        tracking.note_trace(NewTrace(id=f"t{i}", at_ms=i))
    assert tracking.delete_traces("0", before_ms=2, limit=2) == 2
    assert [t.id for t in tracking.traces(["0"], order_by=["timestamp_ms"]).items] == ["t2", "t3"]
    with pytest.raises(InvalidInput):
        tracking.delete_traces("0")


def test_sizes_and_names_are_bounded(small: Workplace) -> None:
    tracking = small.tracking
    with pytest.raises(InvalidInput, match="10000"):
        tracking.note_spans("0", [span(1)] * 10_001)
    for bad in (Span(trace="x", id="0" * 16, name="a", start_ns=0), Span(trace=TRACE, id="x", name="a", start_ns=0)):
        with pytest.raises(InvalidInput):
            tracking.note_spans("0", [bad])
    for wrong in (NewTrace(id="../x"), NewTrace(id="a", at_ms=-1), NewTrace(id="a", tags={"": "b"})):
        with pytest.raises(InvalidInput):
            tracking.note_trace(wrong)
    with pytest.raises(NotFound):
        tracking.note_trace(NewTrace(id="a", experiment="99"))


def test_a_span_that_counts_tokens_speaks_for_all_below_it() -> None:
    counted = {"input_tokens": 3, "output_tokens": 4}
    below = [span(n, parent=above, mlflow__chat__tokenUsage=counted) for n, above in ((2, 1), (3, 2), (4, 1))]
    spans = [span(1), *below]
    assert usage(spans) == {"input_tokens": 6, "output_tokens": 8}
