"""What somebody does with traces and prompts, by the unmodified client; prints what it saw as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import AssessmentSource
from mlflow.exceptions import MlflowException


def code(call: Any) -> str:
    try:
        call()
    except MlflowException as err:
        return str(err.error_code)
    except ValueError as err:
        return str(err)
    return "none"


@mlflow.trace(name="fetch", span_type="RETRIEVER", attributes={"store": "zones", "count": 3})
def fetch(question: str) -> list[str]:
    span = mlflow.get_current_active_span()
    assert span is not None
    event: Any = mlflow.entities.SpanEvent
    span.add_event(event("found", attributes={"rows": 2}))
    return [question.upper(), "ü"]


@mlflow.trace
def answer(question: str) -> dict[str, Any]:
    mlflow.update_current_trace(tags={"team": "fares"}, metadata={"mlflow.trace.session": "s-1"})
    return {"found": fetch(question), "score": 0.5}


@mlflow.trace
def fail() -> None:
    raise ValueError("no answer")


def filtered(find: Any, run: str) -> dict[str, int]:
    """How many traces each filter finds."""
    filters = {
        "all": None,
        "ok": "attributes.status = 'OK'",
        "error": "trace.status = 'ERROR'",
        "name": "attributes.name = 'answer'",
        "run": f"attributes.run_id = '{run}'",
        "span": "span.name = 'fetch' AND span.type = 'RETRIEVER'",
        "attribute": "span.attributes.store = 'zones'",
        "liked": "span.attributes.store LIKE 'zon%'",
        "number": "span.attributes.count = '3'",
        "no attribute": "span.attributes.store = 'elsewhere'",
        "text": "trace.text LIKE '%how far%'",
        "wrong": "feedback.correct = 'false'",
        "good": "feedback.quality > 0.8",
        "better": "feedback.quality > 0.95",
        "none said": "feedback.correct IS NULL",
        "expected": "expectation.wanted IS NOT NULL",
        "session": "metadata.`mlflow.trace.session` = 's-1'",
        "times": "timestamp_ms > 0 AND execution_time_ms >= 0",
        "in": "attributes.status IN ('OK', 'ERROR')",
    }
    return {name: len(find(where)) for name, where in filters.items()}


def judged(trace: str) -> tuple[Any, str]:
    """What is said of a trace: one assessment that was revised, and the id of one to take back."""
    feedback = mlflow.log_feedback(
        trace_id=trace, name="correct", value=True, rationale="checked",
        source=AssessmentSource(source_type="HUMAN", source_id="ann"), metadata={"round": "1"},
    )  # fmt: skip
    mlflow.log_feedback(trace_id=trace, name="quality", value=0.9)
    wanted = mlflow.log_expectation(trace_id=trace, name="wanted", value={"km": [1, 2]})
    assert feedback.assessment_id is not None
    assert wanted.assessment_id is not None
    mlflow.update_assessment(
        trace_id=trace, assessment_id=feedback.assessment_id,
        assessment=mlflow.entities.Feedback(name="correct", value=False, rationale="wrong after all"),
    )  # fmt: skip
    return mlflow.get_assessment(trace, feedback.assessment_id), wanted.assessment_id


def noted(trace: Any) -> dict[str, Any]:
    """What a trace and its spans hold."""
    root, inner = sorted(trace.data.spans, key=lambda s: s.start_time_ns)
    return {
        "state": str(trace.info.state),
        "inputs": root.inputs,
        "outputs": root.outputs,
        "preview": [trace.info.request_preview, trace.info.response_preview],
        "tags": {k: trace.info.tags.get(k) for k in ("team", "mlflow.traceName")},
        "session": trace.info.trace_metadata.get("mlflow.trace.session"),
        "names": [root.name, inner.name],
        "parent": inner.parent_id == root.span_id,
        "attributes": [inner.span_type, inner.get_attribute("store"), inner.get_attribute("count")],
        "events": [[e.name, dict(e.attributes)] for e in inner.events],
        "lasted": (trace.info.execution_duration or 0) >= 0,
    }


def tracing() -> dict[str, Any]:
    client = MlflowClient()
    home = mlflow.set_experiment("tracing").experiment_id
    answer("how far?")
    first = mlflow.get_last_active_trace_id()
    assert first is not None
    with mlflow.start_run() as run:
        answer("how long?")
    failed = code(fail)
    mlflow.flush_trace_async_logging()
    held = noted(mlflow.get_trace(first))

    def ids(where: str | None = None, **more: Any) -> list[str]:
        return [t.info.trace_id for t in mlflow.search_traces([home], filter_string=where, return_type="list", **more)]

    said, wanted = judged(first)
    client.set_trace_tag(first, "seen", "yes")
    tagged = ids("tags.seen = 'yes'")
    client.delete_trace_tag(first, "seen")
    by = filtered(ids, run.info.run_id)
    oldest = ids(order_by=["timestamp_ms ASC"])
    page = client.search_traces(locations=[home], max_results=2, order_by=["timestamp_ms ASC"])
    rest = client.search_traces(locations=[home], max_results=2, order_by=["timestamp_ms ASC"], page_token=page.token)
    mlflow.delete_assessment(trace_id=first, assessment_id=wanted)
    left = mlflow.get_trace(first)
    assert left is not None
    return {
        **held,
        "failed": failed,
        "by": by,
        "tagged": tagged == [first],
        "said": [said.feedback.value if said.feedback else None, said.rationale, said.source.source_id, said.metadata],
        "assessments": sorted(a.name for a in left.info.assessments),
        "order": ids(order_by=["timestamp_ms DESC"]) == oldest[::-1],
        "pages": [t.info.trace_id for t in [*page, *rest]] == oldest,
        "deleted": client.delete_traces(home, trace_ids=[first]),
        "gone": [len(ids()), code(lambda: client.get_trace(first))],
        "codes": [
            code(lambda: client.search_traces(locations=[home], filter_string="nonsense.x = 'y'")),
            code(lambda: client.set_trace_tag("tr-nobody", "a", "b")),
            code(lambda: mlflow.log_feedback(trace_id="tr-nobody", name="x", value=1)),
            code(lambda: client.search_traces(locations=[home], max_results=501)),
        ],
    }


def prompts() -> dict[str, Any]:
    genai = mlflow.genai
    home = mlflow.set_experiment("prompting").experiment_id
    genai.register_prompt("greeting", "Hello {{name}}!", commit_message="first", tags={"team": "fares"})
    genai.register_prompt("greeting", [{"role": "user", "content": "Hi {{name}}"}], commit_message="second")
    genai.set_prompt_alias("greeting", alias="champion", version=1)

    @mlflow.trace
    def greet(name: str) -> str:
        prompt = genai.load_prompt("prompts:/greeting@champion")
        return str(prompt.format(name=name))

    said = greet("Ann")
    mlflow.flush_trace_async_logging()
    traces = mlflow.search_traces([home], filter_string="prompt = 'greeting/1'", return_type="list")
    latest = genai.load_prompt("prompts:/greeting@latest")
    first = genai.load_prompt("greeting", version=1)
    found = [p.name for p in genai.search_prompts()]
    genai.delete_prompt_alias("greeting", alias="champion")
    return {
        "said": said,
        "first": [first.template, first.commit_message, first.version],
        "latest": [latest.template, latest.version],
        "linked": len(traces),
        "found": found,
        "missing": genai.load_prompt("prompts:/greeting@champion", allow_missing=True) is None,
        "models": [m.name for m in MlflowClient().search_registered_models()],
    }


if __name__ == "__main__":
    flows = {"tracing": tracing, "prompts": prompts}
    sys.stdout.write("\n" + json.dumps(flows[sys.argv[1]](), default=str) + "\n")
