"""Files past the yard, and runs that are gone for good, as the unmodified client sees them; prints what it saw."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.entities import Metric, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository

CHUNK = 64 << 10
BIG = os.urandom(3 * CHUNK + 77)
#: As a client of a whole site would be set, only smaller.
os.environ |= {
    "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": str(2 * CHUNK), "MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE": str(CHUNK),
    "MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE": str(CHUNK), "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}  # fmt: skip


def codes(*calls: Callable[[], object]) -> list[str]:
    found = []
    for call in calls:
        try:
            call()
            found.append("none")
        except MlflowException as err:
            found.append(str(err.error_code))
        except requests.HTTPError as err:  # as the client lets the refusal of a file pass
            found.append("none" if err.response is None else err.response.json()["error_code"])
    return found


def fetched(run: str, path: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return Path(MlflowClient().download_artifacts(run, path, folder)).read_bytes()


def cut_off(run: str, file: Path, how: Callable[[], None]) -> None:
    """Log a file whose second part meets a misfortune when all others have arrived."""
    real, others = HttpArtifactRepository._upload_part, threading.Semaphore(0)

    def failing(credential: Any, **rest: Any) -> Any:
        if credential.part_number == 2:
            for _ in range(3):
                others.acquire(timeout=20)
            how()
        sent = real(credential=credential, **rest)
        others.release()
        return sent

    with mock.patch.object(HttpArtifactRepository, "_upload_part", staticmethod(failing)):
        MlflowClient().log_artifact(run, str(file), "cut")


def files(run: str, folder: Path) -> dict[str, Any]:
    client, big = MlflowClient(), folder / "big.bin"
    big.write_bytes(BIG)
    for name, content in (("small.txt", b"small"), ("empty.bin", b"")):
        (folder / name).write_bytes(content)
        client.log_artifact(run, str(folder / name), "model")
    (folder / "MLmodel").write_text("flavors: {}\n")
    client.log_artifact(run, str(folder / "MLmodel"), "model")
    client.log_artifact(run, str(big), "model")
    client.log_artifact(run, str(big))
    names = ("model/big.bin", "big.bin", "model/small.txt", "model/empty.bin")
    by_link = [fetched(run, name) for name in names]
    os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD"] = "false"
    proxied = [fetched(run, name) for name in names]
    del os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD"]
    client.create_registered_model("kept")
    client.create_model_version("kept", f"runs:/{run}/model", run)
    version = Path(mlflow.artifacts.download_artifacts("models:/kept/1", dst_path=str(folder / "version")))

    def fail() -> None:
        raise OSError("the line is cut")

    try:
        cut_off(run, big, fail)
        failed = "none"
    except MlflowException as err:
        failed = str(err)
    return {
        "by_link": by_link == [BIG, BIG, b"small", b""],
        "proxied": proxied == by_link,
        "version": (version / "big.bin").read_bytes() == BIG,
        "failed": "part 2" in failed or "the line is cut" in failed,
        "listed": sorted(f.path for f in client.list_artifacts(run)),
    }


def collected(home: str, folder: Path) -> dict[str, Any]:
    """What is left of a run for the client, once it is gone for good."""
    client = MlflowClient()
    run = client.create_run(home)
    stays, gone = client.create_run(home).info.run_id, run.info.run_id
    (folder / "own.bin").write_bytes(b"nobody else has this")
    client.log_artifact(gone, str(folder / "own.bin"))
    client.log_batch(gone, [Metric("loss", 0.5, 1, step) for step in range(3)])
    client.delete_run(gone)
    site = os.environ["MLFLOW_TRACKING_URI"]
    done = requests.post(
        f"{site}/v1/tracking/collections", json={"apply": True}, timeout=20,
        headers={"authorization": f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}"},
    )  # fmt: skip
    found = client.search_runs([home], run_view_type=ViewType.ALL)
    try:
        mlflow.artifacts.download_artifacts(f"{run.info.artifact_uri}/own.bin", dst_path=str(folder / "back"))
        back = "none"
    except (MlflowException, requests.HTTPError) as err:
        back = type(err).__name__
    return {
        "runs": done.json()["runs"],
        "gone": gone,
        "found": [gone in {r.info.run_id for r in found}, stays in {r.info.run_id for r in found}],
        "codes": codes(
            lambda: client.get_run(gone),
            lambda: client.log_metric(gone, "loss", 1.0),
            lambda: client.log_param(gone, "a", 1),
            lambda: client.set_tag(gone, "a", "b"),
            lambda: client.set_terminated(gone),
            lambda: client.list_artifacts(gone),
            lambda: client.log_artifact(gone, str(folder / "own.bin")),
            lambda: client.delete_run(gone),
            lambda: client.restore_run(gone),
        ),
        "back": back,
    }


if __name__ == "__main__":
    experiment = mlflow.set_experiment("direct").experiment_id
    with tempfile.TemporaryDirectory() as place:
        run_id = MlflowClient().create_run(experiment).info.run_id
        seen = {"run": run_id, **files(run_id, Path(place)), "collected": collected(experiment, Path(place))}
        sys.stdout.write("\n" + json.dumps(seen) + "\n")
        sys.stdout.flush()
        cut_off(run_id, Path(place) / "big.bin", lambda: os._exit(0))  # dies in the middle
