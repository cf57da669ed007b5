"""What a data scientist does with the unmodified client; run as a program, it prints what it saw as JSON."""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException


def codes(*calls: Any) -> list[str]:
    found = []
    for call in calls:
        try:
            call()
            found.append("none")
        except MlflowException as err:
            found.append(err.error_code)
    return found


def core() -> dict[str, Any]:
    client = MlflowClient()
    home = mlflow.set_experiment("core").experiment_id
    with mlflow.start_run(run_name="parent") as parent:
        mlflow.log_params({"a": 1, "b": "two"})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"nan": math.nan, "inf": math.inf})
        mlflow.set_tags({"team": "fares"})
        with mlflow.start_run(nested=True, run_name="child"):
            mlflow.log_metric("loss", 0.01)
    run_id = parent.info.run_id
    client.log_batch(run_id, [Metric("loss", 0.1, 5, 9)], [Param("c", "3")], [RunTag("d", "4")])
    run = client.get_run(run_id)
    second = client.create_run(home)
    client.set_terminated(second.info.run_id, "FAILED")
    client.delete_run(second.info.run_id)
    children = client.search_runs([home], f"tags.`mlflow.parentRunId` = '{run_id}'")
    found = client.search_runs([home], "metrics.loss < 0.5 AND params.b = 'two'", order_by=["metrics.loss DESC"])
    deleted = client.search_runs([home], run_view_type=ViewType.DELETED_ONLY)
    client.restore_run(second.info.run_id)
    pages, token = [], None
    while True:
        page = client.search_runs([home], max_results=2, page_token=token)
        pages.append(len(page))
        if not (token := page.token):
            break
    client.delete_tag(run_id, "team")
    other = client.create_experiment("other", tags={"x": "y"})
    client.rename_experiment(other, "renamed")
    client.delete_experiment(other)
    gone = client.get_experiment(other).lifecycle_stage
    client.restore_experiment(other)
    return {
        "params": run.data.params,
        "metrics": {k: str(v) for k, v in run.data.metrics.items()},
        "status": run.info.status,
        "history": [m.value for m in client.get_metric_history(run_id, "loss")],
        "children": [r.info.run_name for r in children],
        "found": [r.info.run_name for r in found],
        "deleted": [r.info.status for r in deleted],
        "pages": pages,
        "team": "team" in client.get_run(run_id).data.tags,
        "gone": gone,
        "experiments": sorted(e.name for e in client.search_experiments(filter_string="tags.x = 'y'")),
        "codes": codes(
            lambda: client.get_run("0" * 32),
            lambda: client.log_param(run_id, "a", "other"),
            lambda: client.create_experiment("core"),
            lambda: client.search_runs([home], "metrics.loss >"),
            lambda: client.log_metric(run_id, "../x", 1.0),
            lambda: client.get_experiment("99"),
            lambda: client.delete_tag(run_id, "team"),
        ),
    }


def files() -> dict[str, Any]:
    os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"] = "true"
    os.environ["MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE"] = "1000000"
    client = MlflowClient()
    mlflow.set_experiment("files")
    with tempfile.TemporaryDirectory() as folder, mlflow.start_run() as run:
        (Path(folder) / "ü ber.txt").write_text("one")
        (Path(folder) / "sub").mkdir()
        (Path(folder) / "sub" / "big.bin").write_bytes(bytes(range(256)) * 20_000)
        (Path(folder) / "empty").write_bytes(b"")
        mlflow.log_artifacts(folder, "all")
        mlflow.log_text("hello", "notes/a.txt")
        mlflow.log_dict({"a": 1}, "d.json")
        run_id = run.info.run_id
        listed = [[f.path, f.is_dir, f.file_size] for f in client.list_artifacts(run_id)]
        below = [[f.path, f.is_dir, f.file_size] for f in client.list_artifacts(run_id, "all")]
        back = Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="all", dst_path=folder + "-back"))
        same = (back / "sub" / "big.bin").read_bytes() == bytes(range(256)) * 20_000
        text = mlflow.artifacts.load_text(run.info.artifact_uri + "/all/ü ber.txt")
        missing = codes(lambda: mlflow.artifacts.load_text(run.info.artifact_uri + "/nothing"))
    return {
        "listed": listed, "below": below, "same": same, "text": text, "missing": len(missing),
        "forgotten": forgotten(client),
    }  # fmt: skip


def forgotten(client: MlflowClient) -> dict[str, Any]:
    """What the client reads of a run after somebody in it was forgotten."""
    who, said = "customer-7f3a91c2", {"note": "about customer-7f3a91c2", "kept": "yes"}
    with mlflow.start_run(run_name=f"for {who}", tags=said) as run:
        mlflow.log_params({"who": who, "depth": 3})
        mlflow.log_metric("loss", 0.5)
        mlflow.log_text(f"name\n{who}\n", "who.csv")
        mlflow.log_text("name\n", "nobody.csv")
    digest = sha256(f"name\n{who}\n".encode()).hexdigest()
    for path, body in (
        ("run-file-erasures", {"digests": [digest], "apply": True}),
        ("run-erasures", {"value": who, "apply": True}),
    ):
        ask = Request(
            f"{os.environ['MLFLOW_TRACKING_URI']}/v1/{path}", json.dumps(body).encode(),
            {"authorization": "Bearer owner", "content-type": "application/json"},
        )  # fmt: skip
        urlopen(ask, timeout=20).close()
    seen = client.get_run(run.info.run_id)
    gone = ""
    try:
        mlflow.artifacts.load_text(run.info.artifact_uri + "/who.csv")
    except MlflowException as err:
        gone = str(err)
    return {
        "name": seen.info.run_name, "params": seen.data.params, "metrics": seen.data.metrics,
        "tags": {key: seen.data.tags[key] for key in said}, "named": who in str(seen.to_dictionary()),
        "files": [f.path for f in client.list_artifacts(run.info.run_id)],
        "gone": "somebody who was forgotten" in gone, "error": gone[:300],
    }  # fmt: skip


def sklearn() -> dict[str, Any]:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    mlflow.set_experiment("sklearn")
    mlflow.sklearn.autolog()
    rows = np.random.default_rng(1).random((80, 3))
    target = (rows[:, 0] > 0.5).astype(int)
    with mlflow.start_run() as run:
        fitted = LogisticRegression().fit(rows, target)
        data = mlflow.data.from_numpy(rows, name="table:trips@12")  # type: ignore[attr-defined]  # made at run time
        mlflow.log_input(data, context="training")
        info = mlflow.sklearn.log_model(fitted, name="by-hand", pip_requirements=["scikit-learn"])
    seen = mlflow.get_run(run.info.run_id)
    assert seen.inputs is not None
    assert seen.outputs is not None
    models = mlflow.search_logged_models(output_format="list")
    expected = fitted.predict(rows[:5]).tolist()
    loaded = [
        mlflow.pyfunc.load_model(f"models:/{models[0].model_id}").predict(rows[:5]).tolist(),
        mlflow.sklearn.load_model(info.model_uri).predict(rows[:5]).tolist(),
        mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/by-hand").predict(rows[:5]).tolist(),
    ]
    return {
        "run": run.info.run_id,
        "params": len(seen.data.params),
        "score": seen.data.metrics["training_score"],
        "models": sorted(m.name for m in models),
        "statuses": sorted({str(m.status) for m in models}),
        "outputs": len(seen.outputs.model_outputs),
        "inputs": sorted(i.dataset.name for i in seen.inputs.dataset_inputs),
        "same": all(one == expected for one in loaded),
    }


def registered(client: MlflowClient) -> dict[str, Any]:
    """A model that is logged, registered twice and loaded by every kind of address."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    rows = np.random.default_rng(1).random((40, 3))
    fitted = LogisticRegression().fit(rows, (rows[:, 0] > 0.5).astype(int))
    with mlflow.start_run() as run:
        first = mlflow.sklearn.log_model(
            fitted, name="tips", registered_model_name="tips", pip_requirements=["scikit-learn"], input_example=rows[:2]
        )
    second = mlflow.register_model(f"runs:/{run.info.run_id}/tips", "tips", tags={"a": "b"})
    client.set_registered_model_alias("tips", "champion", "1")
    client.transition_model_version_stage("tips", "2", "Staging")
    addresses = ("models:/tips/1", "models:/tips/2", "models:/tips@champion", "models:/tips/Staging", first.model_uri)
    loaded = [mlflow.pyfunc.load_model(uri).predict(rows[:5]).tolist() for uri in addresses]
    client.delete_run(run.info.run_id)
    loaded += [mlflow.pyfunc.load_model(uri).predict(rows[:5]).tolist() for uri in addresses[:3]]
    expected = fitted.predict(rows[:5]).tolist()
    return {"second": second.version, "run": run.info.run_id, "same": all(one == expected for one in loaded)}


def registry() -> dict[str, Any]:
    client = MlflowClient()
    mlflow.set_experiment("registry")
    made = registered(client)
    client.update_registered_model("tips", "tip share")
    client.set_registered_model_tag("tips", "team", "fares")
    client.set_model_version_tag("tips", "1", "good", "yes")
    client.update_model_version("tips", "1", "the first")
    model, one = client.get_registered_model("tips"), client.get_model_version("tips", "1")
    by_alias = client.get_model_version_by_alias("tips", "champion")
    client.create_registered_model("other", tags={"x": "y"})
    copied = client.copy_model_version("models:/tips/1", "copy")
    client.rename_registered_model("other", "renamed")
    names = sorted(m.name for m in client.search_registered_models())
    filtered = [m.name for m in client.search_registered_models("tags.x = 'y'")]
    versions = sorted(int(v.version) for v in client.search_model_versions("name = 'tips'"))
    client.delete_registered_model_tag("tips", "team")
    client.delete_model_version_tag("tips", "1", "good")
    client.delete_registered_model_alias("tips", "champion")
    client.delete_registered_model("renamed")
    client.delete_model_version("tips", "2")
    left = client.get_registered_model("tips")
    return {
        **made,
        "copied": copied.version,
        "model": [model.description, model.tags, model.aliases, sorted(v.version for v in model.latest_versions)],
        "one": [one.description, one.tags, list(one.aliases), one.status, one.run_id == made["run"]],
        "by_alias": by_alias.version,
        "names": names,
        "filtered": filtered,
        "found": versions,
        "left": [left.tags, left.aliases],
        "codes": codes(
            lambda: client.create_registered_model("tips"),
            lambda: client.get_registered_model("nobody"),
            lambda: client.get_model_version("tips", "9"),
            lambda: client.get_model_version_by_alias("tips", "champion"),
            lambda: client.create_model_version("tips", "/etc/passwd"),
            lambda: client.create_model_version("tips", "file:///etc"),
            lambda: client.create_model_version("tips", "mlflow-artifacts:/../../etc"),
            lambda: client.set_registered_model_alias("tips", "champion", "9"),
            lambda: client.transition_model_version_stage("tips", "1", "Somewhere"),
        ),
    }


if __name__ == "__main__":
    flows = {"core": core, "files": files, "sklearn": sklearn, "registry": registry}
    sys.stdout.write("\n" + json.dumps(flows[sys.argv[1]]()) + "\n")
