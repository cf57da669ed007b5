"""The registry's part of the wire by hand: scopes, bodies of DELETE, files of a version."""

from __future__ import annotations

import httpx2
import pytest

from tests.protocols.mlflow.conftest import Wire


def registered(wire: Wire, name: str) -> str:
    """A model with one version of one file; the run's id."""
    run = wire.new_run()
    at = f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/model"
    assert wire.http.put(at + "/MLmodel", content=b"flavors: {}\n").status_code == 200
    wire.ask("POST", "/registered-models/create", {"name": name})
    made = wire.ask("POST", "/model-versions/create", {"name": name, "source": f"runs:/{run}/model", "run_id": run})
    assert made["model_version"]["version"] == "1"
    return run


def test_a_version_gives_its_files_and_where_they_are(wire: Wire) -> None:
    registered(wire, "files")
    uri = wire.ask("GET", "/model-versions/get-download-uri", name="files", version="1")["artifact_uri"]
    assert uri == "mlflow-artifacts:/registered-versions/files/1/artifacts"
    query = {"name": "files", "version": "1", "path": "MLmodel"}
    assert wire.http.get("/model-versions/get-artifact", params=query).content == b"flavors: {}\n"
    query["path"] = "../MLmodel"
    assert wire.http.get("/model-versions/get-artifact", params=query).status_code in (400, 404)


def test_a_delete_takes_its_words_from_the_body_or_the_query(wire: Wire) -> None:
    registered(wire, "gone")
    wire.ask("POST", "/registered-models/alias", {"name": "gone", "alias": "live", "version": "1"})
    wire.ask("DELETE", "/registered-models/alias", {"name": "gone", "alias": "live"})
    wire.ask("DELETE", "/model-versions/delete", name="gone", version="1")
    wire.ask("DELETE", "/registered-models/delete", {"name": "gone"})
    answer = wire.ask("GET", "/registered-models/get", None, 404, name="gone")
    assert answer["error_code"] == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("POST", "/registered-models/create", {"name": ""}),
        ("POST", "/registered-models/create", {"name": "a/b"}),
        ("POST", "/registered-models/create", {}),
        ("POST", "/registered-models/alias", {"name": "a", "alias": "v1", "version": "1"}),
        ("POST", "/registered-models/alias", {"name": "a", "alias": "ok", "version": "x"}),
        ("POST", "/model-versions/create", {"name": "a"}),
        ("POST", "/model-versions/transition-stage", {"name": "a", "version": "1", "stage": "Nowhere"}),
        ("POST", "/registered-models/get-latest-versions", {"name": "a", "stages": ["Nowhere"]}),
        ("PATCH", "/model-versions/update", {"name": "a", "version": "-1"}),
    ],
)
def test_a_bad_value_is_an_invalid_parameter(wire: Wire, verb: str, path: str, body: dict[str, object]) -> None:
    assert wire.ask(verb, path, body, 400)["error_code"] == "INVALID_PARAMETER_VALUE"


def test_an_alias_wants_the_scope_to_promote(wire: Wire) -> None:
    registered(wire, "guarded")
    with httpx2.Client(base_url=wire.address, trust_env=False, headers={"authorization": "Bearer reader"}) as reader:
        at = "/api/2.0/mlflow/registered-models"
        assert reader.get(at + "/get", params={"name": "guarded"}).json()["registered_model"]["name"] == "guarded"
        asked = {"name": "guarded", "alias": "live", "version": "1"}
        answer = reader.post(at + "/alias", json=asked)
        assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")


def test_a_version_is_fetched_where_its_uri_says_after_its_run_and_files_are_gone(wire: Wire) -> None:
    name = "tip ~ share %41"
    run = registered(wire, name)
    at = f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/model"
    assert wire.http.request("DELETE", at).status_code == 200
    wire.ask("POST", "/runs/delete", {"run_id": run})
    uri = wire.ask("GET", "/model-versions/get-download-uri", name=name, version="1")["artifact_uri"]
    below = uri.removeprefix("mlflow-artifacts:/")
    files = "/api/2.0/mlflow-artifacts/artifacts"
    listed = wire.http.get(files, params={"path": below}).json()["files"]
    assert listed == [{"path": "MLmodel", "is_dir": False, "file_size": 12}]
    for encoded in (below, below.replace("~", "%7E")):
        assert wire.http.get(f"{files}/{encoded}/MLmodel").content == b"flavors: {}\n"
    assert wire.http.get(f"{files}/{below}/../MLmodel").status_code in (400, 404)
    assert wire.http.get(f"{files}/{below}/nothing").status_code == 404
    assert wire.http.get(files, params={"path": "registered-versions/nobody/1/artifacts"}).json()["files"] == []
    copied = wire.ask("POST", "/model-versions/create", {"name": name, "source": uri})
    assert copied["model_version"]["version"] == "2"


def test_files_of_versions_want_the_scope_of_the_registry(wire: Wire) -> None:
    registered(wire, "kept")
    at, files = "registered-versions/kept/1/artifacts", "/api/2.0/mlflow-artifacts/artifacts"
    with httpx2.Client(base_url=wire.address, trust_env=False, headers={"authorization": "Bearer tracker"}) as tracker:
        assert tracker.get(files, params={"path": at}).status_code == 403
        assert tracker.get(f"{files}/{at}/MLmodel").status_code == 403
