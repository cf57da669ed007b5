"""What a data scientist does with any client, of MLflow 2 or 3: autologged search, evaluation, logging without waiting.

Run as a program, it prints what it saw as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

ROWS = np.random.default_rng(1).random((120, 3))
TARGET = (ROWS[:, 0] > 0.5).astype(int)
IS_THIRD = int(mlflow.__version__.split(".", maxsplit=1)[0]) >= 3
NAME = "any-" + mlflow.__version__.replace(".", "-")


def searched() -> dict[str, Any]:
    """A grid search with autologging: a parent with the best, children with each try."""
    home = mlflow.set_experiment("grid-" + NAME).experiment_id
    mlflow.sklearn.autolog(max_tuning_runs=4)
    with mlflow.start_run(run_name="grid") as run:
        found = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0, 10.0]}, cv=2).fit(ROWS, TARGET)
    mlflow.sklearn.autolog(disable=True)
    client = MlflowClient()
    children = client.search_runs([home], f"tags.mlflow.parentRunId = '{run.info.run_id}'")
    parent = client.get_run(run.info.run_id)
    return {
        "children": len(children),
        "tried": sorted(float(c.data.params["C"]) for c in children),
        "best": float(parent.data.params["best_C"]) == float(found.best_params_["C"]),
        "score": "best_cv_score" in parent.data.metrics,
        "inputs": len(parent.inputs.dataset_inputs) if parent.inputs else 0,
    }


def registered() -> dict[str, Any]:
    """A model logged, registered and loaded by every kind of address."""
    client = MlflowClient()
    mlflow.set_experiment("addresses-" + NAME)
    fitted = LogisticRegression().fit(ROWS, TARGET)
    with mlflow.start_run() as run:
        where = {"name": "model"} if IS_THIRD else {"artifact_path": "model"}
        mlflow.sklearn.log_model(fitted, registered_model_name=NAME, pip_requirements=["scikit-learn"], **where)
    client.set_registered_model_alias(NAME, "champion", "1")
    client.transition_model_version_stage(NAME, "1", "Staging")
    uris = [
        f"runs:/{run.info.run_id}/model",
        f"models:/{NAME}/1",
        f"models:/{NAME}@champion",
        f"models:/{NAME}/Staging",
        f"models:/{NAME}/latest",
    ]
    same = [mlflow.pyfunc.load_model(u).predict(ROWS[:5]).tolist() == fitted.predict(ROWS[:5]).tolist() for u in uris]
    version = client.get_model_version_by_alias(NAME, "champion")
    return {"same": same, "version": version.version, "stage": version.current_stage, "status": version.status}


def evaluated() -> dict[str, Any]:
    """A model evaluated: metrics and files land in the run."""
    mlflow.set_experiment("evaluation-" + NAME)
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"]).assign(y=TARGET)
    fitted = LogisticRegression().fit(frame[["a", "b", "c"]], TARGET)
    data = frame.assign(predicted=fitted.predict(frame[["a", "b", "c"]]))
    evaluate: Any = mlflow.models.evaluate if IS_THIRD else mlflow.evaluate
    with mlflow.start_run() as run:
        result = evaluate(
            data=data, targets="y", predictions="predicted", model_type="classifier",
            evaluator_config={"log_model_explainability": False},
        )  # fmt: skip
    kept = mlflow.get_run(run.info.run_id).data.metrics
    return {"accuracy": result.metrics["accuracy_score"] == kept["accuracy_score"], "metrics": len(kept) >= 4}


def behind() -> dict[str, Any]:
    """Metrics, params and tags logged without waiting."""
    mlflow.set_experiment("behind-" + NAME)
    with mlflow.start_run() as run:
        for step in range(200):
            mlflow.log_metric("loss", 1 / (step + 1), step=step, synchronous=False)
        mlflow.log_params({f"p{i}": i for i in range(150)}, synchronous=False)
        mlflow.set_tags({f"t{i}": i for i in range(20)}, synchronous=False)
        mlflow.flush_async_logging()
    client = MlflowClient()
    kept = client.get_run(run.info.run_id).data
    history = client.get_metric_history(run.info.run_id, "loss")
    return {
        "points": len(history),
        "last": kept.metrics["loss"],
        "params": len(kept.params),
        "tags": sum(k[0] == "t" for k in kept.tags),
    }


def traced() -> dict[str, Any]:
    """Traces, by whatever generation of calls the client speaks."""
    home = mlflow.set_experiment("traced-" + NAME).experiment_id

    @mlflow.trace
    def add(a: int, b: int) -> int:
        return a + b

    add(1, 2)
    if hasattr(mlflow, "flush_trace_async_logging"):
        mlflow.flush_trace_async_logging()
    client: Any = MlflowClient()
    found = client.search_traces([home])
    info = found[0].info
    identity = getattr(info, "trace_id", None) or info.request_id
    whole = client.get_trace(identity)
    client.set_trace_tag(identity, "k", "v")
    tags = client.get_trace(identity).info.tags
    gone = (
        client.delete_traces(home, trace_ids=[identity])
        if IS_THIRD
        else client.delete_traces(home, request_ids=[identity])
    )
    return {
        "spans": [s.name for s in whole.data.spans], "outputs": whole.data.spans[0].outputs, "tag": tags.get("k"),
        "gone": gone, "left": len(client.search_traces([home])),
    }  # fmt: skip


if __name__ == "__main__":
    flows = {"searched": searched, "registered": registered, "evaluated": evaluated, "behind": behind, "traced": traced}
    chosen = sys.argv[1].split(",")
    sys.stdout.write("\n" + json.dumps({name: flows[name]() for name in chosen}, default=str) + "\n")
