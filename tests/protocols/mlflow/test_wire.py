"""The wire by hand: forms of requests and errors that clients other than Python's rely on."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec import structs

from modelyard.app.house import House
from modelyard.ports.journal import AuditFilter
from modelyard.protocols.mlflow.runs import Spelled
from modelyard.tracking.api import Run, RunId, RunStatus
from tests.protocols.mlflow.conftest import Wire

PREFIXES = ("/api/2.0/mlflow", "/ajax-api/2.0/mlflow", "/api/3.0/mlflow", "/ajax-api/3.0/mlflow")


def test_an_unknown_address_answers_in_mlflows_form(wire: Wire) -> None:
    for prefix in (*PREFIXES, "/api/2.0/mlflow-artifacts"):
        for verb in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            answer = wire.http.request(verb, prefix + "/gateway/nothing")
            assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    assert wire.http.delete("/api/2.0/mlflow/runs/create").json()["error_code"] == "ENDPOINT_NOT_FOUND"


def test_no_token_and_too_little_permission_answer_in_mlflows_form(wire: Wire) -> None:
    with httpx2.Client(base_url=wire.address, trust_env=False) as nobody:
        answer = nobody.post("/api/2.0/mlflow/runs/create", json={})
        assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED")
        assert nobody.get("/health").text == "OK"
        assert nobody.get("/version").status_code == 401
        basic = nobody.get("/api/2.0/mlflow/experiments/get?experiment_id=0", auth=("anyone", "reader"))
        assert basic.json()["experiment"]["name"] == "Default"
        answer = nobody.post("/api/2.0/mlflow/runs/create", json={}, headers={"authorization": "Bearer reader"})
        assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/runs/log-metric", {"run_id": "RUN", "key": "a", "timestamp": 1}),
        ("/runs/log-metric", {"run_id": "RUN", "key": "a", "value": "much", "timestamp": 1}),
        ("/runs/log-metric", {"run_id": "RUN", "key": "a", "value": 1, "timestamp": -1}),
        ("/runs/log-metric", {"run_id": "RUN", "key": "a", "value": 1, "timestamp": 1, "step": 2**63}),
        ("/runs/log-metric", {"key": "a", "value": 1, "timestamp": 1}),
        ("/runs/log-metric", {"run_id": "RUN", "key": "a\u0000", "value": 1, "timestamp": 1}),
        ("/runs/log-parameter", {"run_id": "RUN"}),
        ("/runs/log-parameter", {"run_id": "RUN", "key": "a", "value": "b\u0000"}),
        ("/runs/set-tag", {"run_id": "RUN", "key": ""}),
        ("/runs/log-batch", {"run_id": "RUN", "params": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]}),
        ("/runs/log-batch", {"run_id": "RUN", "metrics": "none"}),
        ("/runs/log-batch", {"run_id": "RUN", "tags": [{"value": "1"}]}),
        ("/runs/update", {"run_id": "RUN", "status": "DONE"}),
        ("/runs/search", {"max_results": 50001}),
        ("/runs/search", {"max_results": 0}),
        ("/runs/search", {"page_token": "nonsense"}),
        ("/runs/search", {"run_view_type": "SOME"}),
        ("/experiments/create", {"name": ""}),
        ("/experiments/create", {"name": "n" * 501}),
        ("/experiments/get", None),
        ("/runs/log-inputs", {"run_id": "RUN", "datasets": [{"dataset": {"name": "a"}}]}),
        ("/logged-models/search", {}),
        ("/runs/log-model", {"run_id": "RUN", "model_json": "{}"}),
        ("/runs/log-model", {"run_id": "RUN", "model_json": "nonsense"}),
    ],
)
def test_a_bad_value_is_an_invalid_parameter(wire: Wire, path: str, body: dict[str, object] | None) -> None:
    if body is None:
        assert wire.ask("GET", path, status=400)["error_code"] == "INVALID_PARAMETER_VALUE"
        return
    filled = {k: wire.new_run() if v == "RUN" else v for k, v in body.items()}
    assert wire.ask("POST", path, filled, status=400)["error_code"] == "INVALID_PARAMETER_VALUE"


def test_a_body_that_is_no_json_or_has_another_type_is_refused(wire: Wire) -> None:
    at = "/api/2.0/mlflow/runs/create"
    for body, media in ((b"{", "application/json"), (b"{}", "text/plain"), (b"[" * 9000, "application/json")):
        answer = wire.http.post(at, content=body, headers={"content-type": media})
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_numbers_as_text_unknown_fields_and_double_encoding_are_read(wire: Wire) -> None:
    run = wire.new_run()
    body = {"run_id": run, "key": "m", "value": "NaN", "timestamp": "12", "step": "3", "unknown": {"a": 1}}
    wire.ask("POST", "/runs/log-metric", body)
    wire.ask("POST", "/runs/log-metric", {**body, "value": 2, "step": 4.0})
    twice = b'"{\\"run_id\\": \\"' + run.encode() + b'\\", \\"key\\": \\"p\\", \\"value\\": \\"1\\"}"'
    headers = {"content-type": "application/json"}
    assert wire.http.post("/api/2.0/mlflow/runs/log-parameter", content=twice, headers=headers).status_code == 200
    seen = wire.ask("GET", "/runs/get", run_uuid=run)["run"]["data"]
    assert seen["metrics"] == [{"key": "m", "value": 2.0, "timestamp": 12, "step": 4}]
    assert seen["params"] == [{"key": "p", "value": "1"}]
    history = wire.ask("GET", "/metrics/get-history", run_id=run, metric_key="m")
    assert [(m["value"], m["step"]) for m in history["metrics"]] == [("NaN", 3), (2.0, 4)]
    assert "next_page_token" not in history


def test_histories_come_in_pages_in_bulk_and_in_samples(wire: Wire) -> None:
    runs = [wire.new_run() for _ in range(2)]
    for run in runs:
        metrics = [{"key": "m", "value": i, "timestamp": i, "step": i} for i in range(100)]
        wire.ask("POST", "/runs/log-batch", {"run_id": run, "metrics": metrics})
    page = wire.ask("GET", "/metrics/get-history", run_id=runs[0], metric_key="m", max_results=60)
    rest = wire.ask(
        "GET",
        "/metrics/get-history",
        run_id=runs[0],
        metric_key="m",
        max_results=60,
        page_token=page["next_page_token"],
    )
    assert [m["step"] for m in page["metrics"] + rest["metrics"]] == list(range(100))
    bulk = wire.ask("GET", "/metrics/get-history-bulk", run_id=runs, metric_key="m", max_results=150)["metrics"]
    assert len(bulk) == 150
    assert bulk[0]["run_id"] == min(runs)
    at = "/metrics/get-history-bulk-interval"
    some = wire.ask("GET", at, run_ids=runs, metric_key="m", max_results=10, start_step=20, end_step=80)["metrics"]
    assert len(some) == 20
    assert (some[0]["step"], some[9]["step"]) == (20, 80)
    assert wire.ask("GET", at, None, 400, run_ids=runs, metric_key="m", start_step=1)
    assert wire.ask("GET", at, None, 400, run_ids=runs, metric_key="m", start_step=9, end_step=1)
    assert wire.ask("GET", at, None, 400, run_ids=runs, metric_key="m", max_results=9999)


def test_old_clients_leave_their_models_in_a_tag(wire: Wire) -> None:
    run = wire.new_run()
    told = {"run_id": run, "artifact_path": "m", "flavors": {}, "utc_time_created": "now", "signature": {}}
    model = json.dumps(told)
    for _ in range(2):
        wire.ask("POST", "/runs/log-model", {"run_id": run, "model_json": model})
    tags = {t["key"]: t["value"] for t in wire.ask("GET", "/runs/get", run_id=run)["run"]["data"]["tags"]}
    assert tags["mlflow.log-model.history"].count('"artifact_path":"m"') == 2
    assert "signature" not in tags["mlflow.log-model.history"]


def test_logging_leaves_no_audit_row_and_making_a_run_does(wire: Wire, house: House) -> None:
    run = wire.new_run()
    for _ in range(3):
        wire.ask("POST", "/runs/set-tag", {"run_id": run, "key": "a", "value": "b"})
    with house.engines.database.read() as tx:
        rows = house.engines.journal.audit(tx, before=None, limit=20, only=AuditFilter())
    assert not [r for r in rows if r.operation == "mlflow.set_tag"]
    assert [r for r in rows if r.operation == "mlflow.create_run" and r.about == f"run:{run}"]


def test_a_logged_model_goes_its_way(wire: Wire) -> None:
    made = wire.ask(
        "POST", "/logged-models", {"experiment_id": "0", "name": "gbm", "params": [{"key": "a", "value": "1"}]}
    )
    model = made["model"]["info"]["model_id"]
    assert made["model"]["info"]["status"] == "LOGGED_MODEL_PENDING"
    done = wire.ask("PATCH", f"/logged-models/{model}", {"model_id": model, "status": "LOGGED_MODEL_READY"})
    assert done["model"]["info"]["status"] == "LOGGED_MODEL_READY"
    wire.ask("PATCH", f"/logged-models/{model}/tags", {"tags": [{"key": "t", "value": "1"}]})
    wire.ask("POST", f"/logged-models/{model}/params", {"params": [{"key": "b", "value": "2"}]})
    wire.ask("DELETE", f"/logged-models/{model}/tags/t")
    found = wire.ask("POST", "/logged-models/search", {"experiment_ids": ["0"], "filter": "params.b = '2'"})["models"]
    assert [m["info"]["name"] for m in found] == ["gbm"]
    assert found[0]["data"]["params"] == [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]
    wire.ask("DELETE", f"/logged-models/{model}")
    assert wire.ask("GET", f"/logged-models/{model}", status=404)["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert wire.ask("GET", f"/logged-models/{model}", allow_deleted="true")["model"]["info"]["name"] == "gbm"


def artifacts(wire: Wire, verb: str, path: str, **options: Any) -> httpx2.Response:
    return wire.http.request(verb, "/api/2.0/mlflow-artifacts/artifacts/" + path, **options)


def test_files_of_runs_and_models_are_reached_by_every_address(wire: Wire) -> None:
    run = wire.new_run()
    model = wire.ask("POST", "/logged-models", {"experiment_id": "0"})["model"]["info"]["model_id"]
    for root in (f"0/{run}/artifacts", f"0/models/{model}/artifacts", f"my/own/place/{run}/artifacts"):
        assert artifacts(wire, "PUT", f"{root}/sub/page.html", content=b"<b>").status_code == 200
        answer = artifacts(wire, "GET", f"{root}/sub/page.html")
        assert (answer.content, answer.headers["content-type"]) == (b"<b>", "application/octet-stream")
        assert "attachment" in answer.headers["content-disposition"]
        listed = wire.http.get("/api/2.0/mlflow-artifacts/artifacts", params={"path": root + "/sub"}).json()
        assert listed["files"] == [{"path": "page.html", "is_dir": False, "file_size": 3}]
    root_uri = wire.ask("GET", "/artifacts/list", run_id=run)
    assert root_uri["root_uri"] == f"mlflow-artifacts:/0/{run}/artifacts"
    assert root_uri["files"] == [{"path": "sub", "is_dir": True}]
    below = wire.ask("GET", f"/logged-models/{model}/artifacts/directories", artifact_directory_path="sub")
    assert below["files"] == [{"path": "sub/page.html", "is_dir": False, "file_size": 3}]
    at = f"/api/2.0/mlflow/logged-models/{model}/artifacts/files"
    assert wire.http.get(at, params={"artifact_file_path": "sub/page.html"}).content == b"<b>"
    assert wire.http.get("/get-artifact", params={"run_id": run, "path": "sub/page.html"}).content == b"<b>"
    assert artifacts(wire, "DELETE", f"0/{run}/artifacts/sub").status_code == 200
    assert artifacts(wire, "GET", f"0/{run}/artifacts/sub/page.html").status_code == 404
    assert wire.http.get("/api/2.0/mlflow-artifacts/artifacts", params={"path": "0/nobody/artifacts"}).json() == {
        "files": []
    }


@pytest.mark.parametrize(
    "path",
    [
        "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "%252e%252e/x", "%5c..%5cx", "a%00b", "a;b", "..;/x",
        "a%23b", "%2fetc%2fpasswd", "//etc/passwd", "a//b", "C:/x", "a%0ab", "%c0%ae%c0%ae/x", "%ff", "x" * 1100,
    ],
)  # fmt: skip
def test_no_address_and_no_verb_takes_a_path_that_leads_elsewhere(wire: Wire, path: str) -> None:
    run = wire.new_run()
    for verb in ("GET", "PUT", "DELETE"):
        for root in (f"0/{run}/artifacts/", ""):
            answer = artifacts(wire, verb, root + path, content=b"x" if verb == "PUT" else None)
            assert answer.status_code in (400, 404), (verb, root, answer.text)
    assert wire.ask("GET", "/artifacts/list", run_id=run)["files"] == []
    for address, name in (("/api/2.0/mlflow/artifacts/list", "path"), ("/get-artifact", "path")):
        answer = wire.http.get(f"{address}?run_id={run}&{name}={path}")
        assert answer.status_code in (400, 404) or answer.json()["files"] == []


def test_nobody_but_a_run_or_a_model_owns_files(wire: Wire) -> None:
    for path in ("x", "0/artifacts/x", f"0/{'0' * 32}/artifacts/x", "models/m-1/artifacts/x", "etc/passwd"):
        for verb in ("GET", "PUT", "DELETE"):
            answer = artifacts(wire, verb, path, content=b"x" if verb == "PUT" else None)
            assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_every_prefix_answers(wire: Wire) -> None:
    for prefix in PREFIXES:
        assert wire.http.get(prefix + "/experiments/get?experiment_id=0").json()["experiment"]["experiment_id"] == "0"
        assert wire.http.get(prefix + "/server-info").json()["workspaces_enabled"] is False
        found = wire.http.get(prefix + "/experiments/search?max_results=5").json()["experiments"]
        assert "Default" in [e["name"] for e in found]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks at open sockets by /proc")
def test_small_answers_do_not_wait_for_an_acknowledgement(wire: Wire) -> None:
    port = httpx2.URL(wire.address).port
    wire.new_run()
    found = []
    for entry in list(Path("/proc/self/fd").iterdir()):
        with suppress(OSError), socket.socket(fileno=os.dup(int(entry.name))) as one:
            if one.family == socket.AF_INET and one.getsockname()[1] == port and one.getpeername():
                found.append(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    assert found
    assert all(found)


def test_a_run_is_spelled_once_while_its_record_stands() -> None:
    first = Run(id=RunId("a"), experiment="0", name="first", status=RunStatus.RUNNING)
    changed = structs.replace(first, name="later")
    size = len(Spelled().several([first])[0])
    spelled = Spelled(most_bytes=2 * size)
    text = spelled.several([first])[0]
    assert json.loads(bytes(text))["info"]["run_name"] == "first"
    assert spelled.several([first])[0] is text
    assert json.loads(bytes(spelled.several([changed])[0]))["info"]["run_name"] == "later"
    others = [Run(id=RunId(i), experiment="0", name="other", status=RunStatus.RUNNING) for i in "bcd"]
    assert [json.loads(bytes(t))["info"]["run_id"] for t in spelled.several(others)] == ["b", "c", "d"]
    assert spelled.several(others[1:])[0] is spelled.several(others[1:])[0]
    again = spelled.several([first])[0]
    assert again == text and again is not text
