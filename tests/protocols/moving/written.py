"""A store that MLflow's own client writes, at MLFLOW_TRACKING_URI: `python written.py RUNS`."""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

NAME = os.environ.get("WRITTEN", "tips")


def main(count: int) -> None:
    client = MlflowClient()
    place = os.environ.get("WRITTEN_ARTIFACTS")
    homes = [
        client.create_experiment(f"{NAME} {n}", f"{place}/{n}" if place else None, {"team": f"t{n}"}) for n in range(3)
    ]
    runs = [run(client, homes[i % 2], i) for i in range(count)]
    client.delete_run(runs[0])
    client.delete_experiment(homes[2])
    client.create_registered_model(NAME, {"owner": "fares"}, "how much to give")
    for i, one in enumerate(runs[1:4]):
        source = f"{client.get_run(one).info.artifact_uri}/model"
        client.create_model_version(NAME, source, one, {"n": str(i)}, description=f"the {i}th")
    client.set_registered_model_alias(NAME, "champion", "2")
    client.set_registered_model_alias(NAME, "blue", "3")
    client.delete_model_version(NAME, "1")
    client.create_registered_model(f"{NAME} of nobody")
    if hasattr(client, "create_logged_model"):
        for i in range(max(3, count // 5)):
            trace(homes[i % 2], runs[1] if i % 6 == 1 else None, i)  # the run lies in the second


def trace(home: str, within: str | None, i: int) -> None:
    import mlflow
    from mlflow.entities import AssessmentSource, SpanEvent

    mlflow.set_experiment(experiment_id=home)
    if within:
        mlflow.start_run(within)
    with mlflow.start_span("ask", "CHAIN") as root:
        root.set_inputs({"question": f"how far, ü{i}?"})
        with mlflow.start_span("fetch", "RETRIEVER", {"k": i, "share": 0.5, "deep": {"a": [1, None, "x"]}}) as inner:
            event = {
                "name": "found",
                "timestamp": 1_700_000_000_000_000_000 + i,
                "attributes": {"rows": 3, "from": "a"},
            }
            inner.add_event(SpanEvent(**event))  # type: ignore[arg-type, abstract]  # its class is not annotated
            inner.set_outputs(["one", "two"])
            inner.set_attribute(
                "mlflow.chat.tokenUsage", {"input_tokens": 3, "output_tokens": i, "total_tokens": 3 + i}
            )
            if i % 4 == 2:
                inner.set_status("ERROR")
        root.set_outputs({"answer": 4.5 * i})
        mlflow.update_current_trace(
            {"team": f"t{i}"}, {"mlflow.trace.user": "eve", "mlflow.trace.session": "s"}, f"c{i}"
        )
    found = root.trace_id
    mlflow.flush_trace_async_logging()
    person = AssessmentSource("HUMAN", "eve")
    first = mlflow.log_feedback(trace_id=found, name="good", value=i % 2 == 0, source=person, rationale="so")
    mlflow.log_expectation(trace_id=found, name="truth", value={"a": [i]}, source=person, metadata={"m": "n"})
    mlflow.log_feedback(trace_id=found, name="number", value=0.25, span_id=inner.span_id)
    if i % 2:
        mlflow.override_feedback(
            trace_id=found, assessment_id=str(first.assessment_id), value=True, rationale="no", source=person
        )
    if within:
        mlflow.end_run()


def run(client: MlflowClient, home: str, i: int) -> str:
    one = client.create_run(home, 1_700_000_000_000 + i, {"mlflow.user": "eve", "team": f"ü{i}"}, f"fit {i}")
    name = one.info.run_id
    points = [Metric("loss", 1 / (step + 1), 1_700_000_000_000 + step, step) for step in range(50)]
    points += [Metric("odd", math.nan, 5, 0), Metric("val/acc", 0.5 + i / 1000, 7, 1), Metric("val/acc", 0.4, 9, 0)]
    client.log_batch(name, points, [Param("depth", str(i)), Param("a/b", "x" * 400)], [RunTag("note", "a\nb")])
    data = Dataset("trips", f"d{i % 3}", "local", '{"uri": "trips.csv"}', '{"a": 1}', '{"rows": 3}')
    client.log_inputs(name, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        (model / "data").mkdir(parents=True)
        (model / "MLmodel").write_text(f"flavors: {{}}\nrun_id: {name}\n")
        (model / "data" / "weights ü.bin").write_bytes(bytes([i % 256]) * 5000)
        client.log_artifacts(name, str(model), "model")
    if hasattr(client, "create_logged_model"):
        logged = client.create_logged_model(home, "net", name, {"kind": "toy"}, {"depth": str(i)}, "toy")
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "w.bin").write_bytes(b"w" * (i + 1))
            client.log_model_artifacts(logged.model_id, folder)
        client.finalize_logged_model(logged.model_id, "READY")
        step = 0 if os.environ["MLFLOW_TRACKING_URI"].startswith("file:") else 2  # its file store reads 0 for any
        client.log_metric(
            name, "model_acc", 0.25, 11, step, model_id=logged.model_id, dataset_name="trips", dataset_digest="d0"
        )
        from mlflow.entities import LoggedModelOutput

        client.log_outputs(name, [LoggedModelOutput(logged.model_id, 2)])
    client.set_terminated(name, "FAILED" if i % 7 == 3 else "FINISHED", 1_700_000_100_000 + i)
    return str(name)


if __name__ == "__main__":
    main(int(sys.argv[1]))
    from whole import main as whole  # type: ignore[import-not-found]  # beside this file, which is run as a program

    sys.stdout.write(json.dumps(whole(), sort_keys=True) + "\n")
