"""Hostile paths at every address, verb and field of the wire that takes one: refused; nothing is read or written."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from modelyard.app.house import House
from tests.protocols.mlflow.conftest import Wire

SECRET = "what-nobody-may-read"
HOSTILE = (
    "../secret.txt", "../../secret.txt", "a/../../secret.txt", "..", "../", "./../x", "..\\secret.txt",
    "a\\..\\..\\secret.txt",
    "%2e%2e/secret.txt", "%2e%2e%2fsecret.txt", "..%2fsecret.txt", "%252e%252e%252fsecret.txt", "..%5csecret.txt",
    "..%255csecret.txt",
    "%c0%ae%c0%ae/secret.txt", "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "file:///etc/passwd",
    "C:/Windows/x", "C:\\x",
    "\\\\server\\share\\x", "//server/share/x", "a\x00b", "a%00b", "a;b", "..;/x", "a/..;/x", "a#b", "a%23b", "a?b",
    "a\nb", "a\r\nb",
    "a//b", "a/./b", "x" * 1100, "a/" * 600, "\u202e/x", "%ff", "nul\u0000", "~/x", "$HOME/x",
    "a/\u2024\u2024/b/../../..",
)  # fmt: skip
REFUSED = (400, 404, 405, 413, 414, 422, 431)


@pytest.fixture(scope="module")
def planted(house: House, home: Path) -> Path:
    """Secrets beside and below the home, and links to them where files lie."""
    beside = home.parent / "secret.txt"
    beside.write_text(SECRET)
    (home / "secret.txt").write_text(SECRET)
    (home / "objects" / "link").symlink_to(beside)
    return beside


def harmless(path: str) -> bool:
    """True for a path that means a file below its owner, whatever it looks like."""
    return path in ("~/x", "$HOME/x", "\u202e/x")


def seen(answer: httpx2.Response, path: str, where: str) -> None:
    assert SECRET not in answer.text, (path, where)
    assert "root:" not in answer.text, (path, where)
    if answer.status_code < 300 and not harmless(path):
        assert answer.headers["content-type"].startswith("application/json"), (path, where)
        assert answer.json().get("files", []) == [], (path, where)
    else:
        assert answer.status_code in REFUSED or harmless(path), (path, where, answer.status_code, answer.text[:200])


def below(wire: Wire) -> tuple[str, str, list[str]]:
    run = wire.new_run()
    model = wire.ask("POST", "/logged-models", {"experiment_id": "0"})["model"]["info"]["model_id"]
    trace = wire.ask("POST", "/traces", {"experiment_id": "0", "timestamp_ms": 1})["trace_info"]["request_id"]
    roots = [f"0/{run}/artifacts/", f"0/models/{model}/artifacts/", f"0/traces/{trace}/artifacts/", ""]
    return run, model, [*roots, "registered-versions/kept/1/artifacts/"]


def test_no_path_leads_out_of_its_owner(wire: Wire, planted: Path) -> None:
    run, model, roots = below(wire)
    files = "/api/2.0/mlflow-artifacts/"
    for path in HOSTILE:
        raw = (
            path
            if path.isascii() and path.isprintable() and " " not in path and "\\" not in path
            else quote(path, safe="%/:;?#~$")
        )
        for root in roots:
            for verb, at in (
                ("GET", "artifacts/"),
                ("PUT", "artifacts/"),
                ("DELETE", "artifacts/"),
                ("POST", "mpu/create/"),
            ):
                where = f"{files}{at}{root}{raw}"
                try:
                    answer = wire.http.request(verb, where, content=b"x" if verb == "PUT" else None)
                except httpx2.InvalidURL:
                    continue
                if verb == "POST" and answer.status_code == 501:
                    continue
                seen(answer, path, f"{verb} {where}"[:200])
    listed = wire.http.get(files + "artifacts", params={"path": f"0/{run}/artifacts"}).json()["files"]
    assert {f["path"] for f in listed} <= {"~", "$HOME", "\u202e", "a"}, listed
    assert wire.ask("GET", "/logged-models/" + model)["model"]["info"]["model_id"] == model
    assert planted.read_text() == SECRET


def test_no_path_in_a_query_leads_out_of_its_owner(wire: Wire, planted: Path) -> None:
    assert planted.exists()
    run, model, roots = below(wire)
    api = "/api/2.0/mlflow"
    for path in HOSTILE:
        asked: list[tuple[str, dict[str, Any]]] = [
            ("/api/2.0/mlflow-artifacts/artifacts", {"path": root + path}) for root in roots
        ]
        asked += [
            (api + "/artifacts/list", {"run_id": run, "path": path}),
            ("/get-artifact", {"run_id": run, "path": path}),
            (f"{api}/logged-models/{model}/artifacts/directories", {"artifact_directory_path": path}),
            (f"{api}/logged-models/{model}/artifacts/files", {"artifact_file_path": path}),
            ("/model-versions/get-artifact", {"name": "kept", "version": "1", "path": path}),
            (f"/v1/artifacts/{run}", {"folder": path}),
        ]
        for at, query in asked:
            answer = wire.http.get(at, params=query)
            assert SECRET not in answer.text, (path, at)
            assert answer.status_code in REFUSED or answer.json().get("files", answer.json().get("items")) == [], (
                path, at, answer.text[:200],
            )  # fmt: skip


def test_no_source_of_a_version_is_a_path_that_a_client_names(wire: Wire, planted: Path) -> None:
    run = wire.new_run()
    wire.http.put(f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/model/MLmodel", content=b"flavors: {}\n")
    wire.ask("POST", "/registered-models/create", {"name": "kept"})
    good = {"name": "kept", "source": f"runs:/{run}/model", "run_id": run}
    assert wire.ask("POST", "/model-versions/create", good)["model_version"]["version"] == "1"
    heads = ("", f"runs:/{run}/", f"runs:/{run}/model/", f"mlflow-artifacts:/0/{run}/artifacts/",
    "mlflow-artifacts:/", "file://",
             "file:", "models:/", "s3://bucket/", "http://127.0.0.1/", str(planted.parent) + "/")  # fmt: skip
    for head in heads:
        for path in HOSTILE:
            below_a_run = head.startswith(("runs:/", "mlflow-artifacts:/0"))
            if below_a_run and (harmless(path) or path == "C:/Windows/x"):  # a folder of that name, below the run
                continue
            for more in ({}, {"run_id": run}, {"model_id": "m-" + "0" * 32}):
                answer = wire.http.post(
                    "/api/2.0/mlflow/model-versions/create", json={"name": "kept", "source": head + path, **more}
                )
                assert answer.status_code in (400, 404), (head + path, answer.text[:200])
                assert SECRET not in answer.text
    versions = wire.ask("GET", "/model-versions/search", filter="name = 'kept'")["model_versions"]
    assert [v["version"] for v in versions] == ["1"]
