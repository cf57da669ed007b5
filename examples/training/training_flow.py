"""The training flow of the day, as a user would write it: steps, an unmodified mlflow client, scikit-learn.

`yard demo` copies this file into a project folder of its own and submits it from there; it knows nothing of the demo.
"""

from __future__ import annotations

import io
import json
from typing import Any

from modelyard import context, flow, step

REVIEWED_TYPES = ["numpy.dtype", "sklearn.tree._tree.Tree"]
"""Types that a model file may build, looked through by us; anything else in it is refused."""


@step(cache=False)
def newest(spec: str) -> int:
    """The newest version of the table; asked anew in every run."""
    return context().yard.lake.table(json.loads(spec)["training"]["labels"]["table"]).version


@step
def dataset(spec: str, version: int) -> dict[str, Any]:
    """Build the training set over a version of the table: what was known at each row's moment."""
    from msgspec import convert

    from modelyard.features.api import TrainingSpec

    wanted = json.loads(spec)
    wanted["training"]["labels"]["at"] = str(version)
    wanted["training"]["at"] = {wanted["training"]["labels"]["table"]: str(version)}
    made = context().yard.features.build_training_set(wanted["name"], convert(wanted["training"], TrainingSpec))
    context().reads(*made.reads)
    context().writes(made.ref)
    return {"table": made.name, "version": made.version, "ref": made.ref, "rows": made.rows}


@step
def train(data: dict[str, Any], kind: str, spec: str) -> dict[str, Any]:
    """Fit one candidate on the earlier rows, judge it on the later ones, log both with mlflow."""
    import mlflow
    import sklearn

    wanted = json.loads(spec)
    inputs, label = rows_of(data, wanted)
    cut = int(len(inputs) * 0.75)
    mlflow.set_experiment(wanted["experiment"])
    mlflow.sklearn.autolog(log_models=False, log_datasets=False, silent=True)
    with mlflow.start_run(run_name=kind, tags={"modelyard.inputs": data["ref"]}) as run:
        pipeline = candidate(kind, wanted["numbers"], wanted["words"]).fit(inputs[:cut], label[:cut])
        score = pipeline.predict_proba(inputs[cut:])[:, 1]
        metrics = judged(label[cut:], score)
        mlflow.log_metrics(metrics)
        logged = mlflow.sklearn.log_model(
            pipeline,
            name="model",
            signature=mlflow.models.infer_signature(inputs[:cut], pipeline.predict(inputs[:5])),
            input_example=inputs[:200],
            pip_requirements=[f"scikit-learn=={sklearn.__version__}"],
            skops_trusted_types=REVIEWED_TYPES,
        )
    context().reads(data["ref"])
    context().writes("run:" + run.info.run_id)
    return {
        "run": run.info.run_id,
        "kind": kind,
        "model": logged.model_uri,
        "metrics": metrics,
        "scores": [round(float(s), 9) for s in score],
        "truth": [int(t) for t in label[cut:]],
        "data": data,
        "cut": cut,
        "groups": [str(g) for g in inputs[wanted["group"]][cut:]],
    }


def rows_of(data: dict[str, Any], wanted: dict[str, Any]) -> tuple[Any, Any]:
    """Inputs and labels of a training set, in order of time."""
    import pyarrow as pa

    raw = b"".join(context().yard.lake.rows(data["table"], at=str(data["version"])))
    frame = pa.ipc.open_stream(io.BytesIO(raw)).read_all().to_pandas()
    frame = frame.sort_values("event_time", kind="stable").reset_index(drop=True)
    numbers, words = wanted["numbers"], wanted["words"]
    inputs = frame[numbers + words].copy()
    inputs[numbers] = inputs[numbers].astype("float64")
    inputs[words] = inputs[words].astype("object").where(inputs[words].notna(), "unknown").astype(str)
    return inputs, frame[wanted["label"]].astype("int64")


def candidate(kind: str, numbers: list[str], words: list[str]) -> Any:
    """A pipeline that takes the rows as they are: `linear` or `boosted`."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    scaled = [StandardScaler()] if kind == "linear" else []
    prepare = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(keep_empty_features=True), *scaled), numbers),
            ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
        ]
    )
    if kind == "linear":
        return make_pipeline(prepare, LogisticRegression(max_iter=500))
    boosted = GradientBoostingClassifier(n_estimators=80, max_depth=4, subsample=0.7, random_state=7)
    return make_pipeline(prepare, boosted)


def judged(truth: Any, score: Any) -> dict[str, float]:
    """How good answers are on rows that the model was not fitted on."""
    from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score

    return {
        "holdout_log_loss": float(log_loss(truth, score)),
        "holdout_auc": float(roc_auc_score(truth, score)),
        "holdout_brier": float(brier_score_loss(truth, score)),
        "holdout_accuracy": float(accuracy_score(truth, score > 0.5)),
    }


@flow
def training(spec: str, version: int) -> list[dict[str, Any]]:
    """Train both candidates on one training set over a version of the table."""
    data = dataset(spec, version)
    return [train(data, kind, spec) for kind in ("linear", "boosted")]


@flow
def retraining(spec: str) -> list[dict[str, Any]]:
    """Train the better kind again on the newest version of the table."""
    data = dataset(spec, newest(spec))
    return [train(data, "boosted", spec)]
