"""All that MLflow's client reads at MLFLOW_TRACKING_URI of what `written.py` wrote, as JSON, without where it lies."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import ViewType

client = MlflowClient()
NAME = os.environ.get("WRITTEN", "tips")


def files(folder: Path) -> dict[str, str]:
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


def downloaded(run: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        client.download_artifacts(run, "", folder)
        return files(Path(folder))


def points(run: str, key: str) -> list[list[Any]]:
    found = client.get_metric_history(run, key)
    return sorted([repr(m.value), m.timestamp, m.step] for m in found)


def run(one: Any) -> dict[str, Any]:
    info, name = one.info, one.info.run_id
    told = {
        "id": name, "name": info.run_name, "status": info.status, "user": info.user_id, "start": info.start_time,
        "end": info.end_time, "stage": info.lifecycle_stage, "experiment": info.experiment_id,
        "params": one.data.params, "tags": one.data.tags,
        "latest": {k: repr(v) for k, v in one.data.metrics.items()},
        "inputs": sorted(
            [i.dataset.name, i.dataset.digest, i.dataset.source_type, i.dataset.source, i.dataset.schema,
             i.dataset.profile, sorted((t.key, t.value) for t in i.tags)]
            for i in one.inputs.dataset_inputs
        ),
    }  # fmt: skip
    told["points"] = {key: points(name, key) for key in one.data.metrics}
    if hasattr(one, "outputs") and one.outputs:
        told["outputs"] = sorted([o.model_id, o.step] for o in one.outputs.model_outputs)
    if info.lifecycle_stage == "active":
        told["files"] = downloaded(name)
    return told


def logged(home: str) -> list[Any]:
    if not hasattr(client, "search_logged_models"):
        return []
    found = []
    for m in client.search_logged_models([home], max_results=1000):
        with tempfile.TemporaryDirectory() as folder:
            import mlflow

            mlflow.artifacts.download_artifacts(f"models:/{m.model_id}", dst_path=folder)
            kept = files(Path(folder))
        found.append(
            [m.model_id, m.name, str(m.status), m.model_type, m.source_run_id, m.creation_timestamp,
             m.last_updated_timestamp, m.params, m.tags,
             sorted([x.key, x.value, x.timestamp, x.step, x.dataset_name, x.dataset_digest] for x in m.metrics or []),
             kept]
        )  # fmt: skip
    return sorted(found, key=lambda m: m[0])


def traced(home: str) -> list[Any]:
    if not hasattr(client, "search_logged_models"):
        return []
    places = ("mlflow.artifactLocation", "mlflow.trace.spansLocation")
    found = []
    for one in client.search_traces([home], max_results=500):
        told = one.info
        found.append(
            [told.trace_id, told.request_time, told.execution_duration, str(told.state), told.client_request_id,
             told.request_preview, told.response_preview, told.trace_metadata,
             {k: v for k, v in told.tags.items() if k not in places},
             sorted([one.trace_id, one.name, one.create_time_ms, one.last_update_time_ms, repr(one.value),
                     str(one.source.source_type), one.source.source_id, one.span_id, one.rationale or "",
                     one.metadata or {}, one.overrides or "", one.valid, one.assessment_id]
                    for one in told.assessments),
             [[s.span_id, s.parent_id, s.name, s.span_type, s.start_time_ns, s.end_time_ns, str(s.status), s.attributes,
               [[e.name, e.timestamp, e.attributes] for e in s.events]] for s in one.data.spans]]
        )  # fmt: skip
    return sorted(found, key=lambda t: str(t[0]))


def main() -> dict[str, Any]:
    homes = client.search_experiments(ViewType.ALL, max_results=1000)
    found: dict[str, Any] = {"experiments": [], "runs": [], "logged": [], "models": [], "versions": [], "traces": []}
    for home in sorted(homes, key=lambda h: int(h.experiment_id)):
        if not home.name.startswith(NAME):
            continue
        found["experiments"].append(
            [home.experiment_id, home.name, home.lifecycle_stage, home.creation_time, home.last_update_time, home.tags]
        )
        runs = client.search_runs([home.experiment_id], run_view_type=ViewType.ALL, max_results=5000)
        found["runs"] += sorted((run(one) for one in runs), key=lambda one: str(one["id"]))
        if home.lifecycle_stage == "active":
            found["logged"] += logged(home.experiment_id)
            found["traces"] += traced(home.experiment_id)
    for model in client.search_registered_models(f"name LIKE '{NAME}%'"):
        found["models"].append(
            [model.name, model.description or "", model.creation_timestamp, model.last_updated_timestamp, model.tags,
             {a: str(v) for a, v in model.aliases.items()}]
        )  # fmt: skip
    for version in client.search_model_versions(f"name LIKE '{NAME}%'", max_results=1000):
        with tempfile.TemporaryDirectory() as folder:
            import mlflow

            mlflow.artifacts.download_artifacts(f"models:/{version.name}/{version.version}", dst_path=folder)
            kept = files(Path(folder))
        aliases = client.get_model_version(version.name, version.version).aliases
        found["versions"].append(
            [version.name, str(version.version), version.run_id, version.description or "", version.current_stage,
             version.status, version.creation_timestamp, version.last_updated_timestamp, version.tags,
             sorted(aliases), {p: d for p, d in kept.items() if p != "registered_model_meta"}]
        )  # fmt: skip
    found["versions"].sort()
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(), sort_keys=True) + "\n")
