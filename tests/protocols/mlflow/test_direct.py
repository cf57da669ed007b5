"""Files that go past the yard to its bucket: the unmodified client's parts and links, rights, paths, leftovers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from modelyard.app.house import House
from modelyard.app.rooms import registry, tracking
from modelyard.kernel.actors import Actor, ScopeAuthority
from modelyard.kernel.clock import SystemClock
from modelyard.kernel.ids import ActorId
from modelyard.ports.journal import AuditFilter
from modelyard.settings import Settings
from modelyard.tracking.service import TrackingService
from tests.engines.s3 import s3_server
from tests.protocols.mlflow.conftest import ACTORS, Known, Wire, listening
from tests.protocols.mlflow.test_client import run_flow
from tests.protocols.mlflow.test_paths import HOSTILE, REFUSED, harmless

FILES = "/api/2.0/mlflow-artifacts"


class Ahead(SystemClock):
    """The machine's clock, or ahead of it."""

    by = timedelta()

    def now(self) -> datetime:
        """The present moment, or a later one."""
        return datetime.now(UTC) + self.by

    def now_ms(self) -> int:
        """The same in milliseconds."""
        return super().now_ms() + round(self.by.total_seconds() * 1000)


@pytest.fixture(scope="module")
def bucket_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with s3_server() as server, pytest.MonkeyPatch.context() as env:
        for name, value in (
            ("ENDPOINT_URL", server.url), ("REGION", "us-east-1"), ("ACCESS_KEY_ID", "test"),
            ("SECRET_ACCESS_KEY", "test"),
        ):  # fmt: skip
            env.setenv(f"AWS_{name}", value)
        settings = Settings(
            home=str(tmp_path_factory.mktemp("direct") / "home"), port=0, objects=server.make_bucket("files") + "/yard"
        )
        yield House(settings, clock=Ahead(), rooms=(tracking.ROOM, registry.ROOM), identity=(Known(), ScopeAuthority()))


@pytest.fixture(scope="module")
def direct(bucket_house: House) -> Iterator[Wire]:
    yield from listening(bucket_house)


def audited(house: House, operation: str) -> list[tuple[str, str | None]]:
    """Outcome of, and thing meant by, each call of that name in the audit."""
    with house.engines.database.read() as tx:
        rows = house.engines.journal.audit(tx, before=None, limit=500, only=AuditFilter(operation=operation))
    return [(row.outcome, row.about) for row in rows]


def parts_after(house: House, ahead: timedelta) -> int:
    """How many parts the duty finds so much later."""
    service, clock = house.engines.service(TrackingService), house.clock
    assert isinstance(clock, Ahead)
    clock.by = ahead
    try:
        return house.guard.as_system("tracking.sweep_uploads", service.sweep_uploads)
    finally:
        clock.by = timedelta()


def test_a_client_sends_parts_to_the_bucket_and_fetches_from_it(direct: Wire, bucket_house: House) -> None:
    pytest.importorskip("mlflow", reason="needs the mlflow client: pip install mlflow-skinny")
    parts_after(bucket_house, timedelta(hours=4))  # what the other tests here left
    seen = run_flow(direct, "direct_flow.py", "")
    assert (seen["by_link"], seen["proxied"], seen["version"]) == (True, True, True)
    assert (seen["failed"], seen["listed"]) == (True, ["big.bin", "model"])
    about = f"run:{seen['run']}"
    calls = {"create_parts": 4, "complete_parts": 2, "abort_parts": 1, "presign_download": 4, "upload_artifact": 3}
    for call, times in calls.items():
        ended = [outcome for outcome, thing in audited(bucket_house, f"mlflow.{call}") if thing == about]
        assert ended.count("ok") == times, call
    assert (parts_after(bucket_house, timedelta(hours=2)), parts_after(bucket_house, timedelta(hours=4))) == (0, 3)

    gone = seen["collected"]
    assert (gone["runs"], gone["found"]) == (1, [False, True])
    assert gone["codes"] == ["RESOURCE_DOES_NOT_EXIST"] * 9, gone["codes"]
    assert gone["back"] != "none"


def ask(wire: Wire, what: str, path: str, body: dict[str, Any], token: str = "owner") -> httpx2.Response:
    return wire.http.post(
        f"{FILES}/mpu/{what}/{path}", json=body, headers={"authorization": f"Bearer {token}"}
    )  # fmt: skip


def begun(wire: Wire, root: str, name: str, token: str = "owner") -> dict[str, Any]:
    """An upload of one part, which was sent."""
    answer = ask(wire, "create", root, {"path": name, "num_parts": 1}, token)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    (one,) = made["credentials"]
    with httpx2.Client(trust_env=False) as bucket:
        tag = bucket.put(one["url"], content=b"x", headers=one["headers"]).headers["etag"]
    return {"path": name, "upload_id": made["upload_id"], "parts": [{"part_number": 1, "etag": tag}]}


def test_a_server_with_a_bucket_says_so_and_one_without_says_no(direct: Wire, wire: Wire) -> None:
    run = wire.new_run()
    for asked, is_open in ((direct, True), (wire, False)):
        info = asked.http.get("/api/3.0/mlflow/server-info").json()
        assert (info["multipart_uploads_enabled"], info["multipart_downloads_enabled"]) == (is_open, is_open)
    for root in (f"0/{run}/artifacts", f"0/{run}/artifacts/a"):
        for what in ("create", "complete", "abort"):
            refused = ask(wire, what, root, {"path": "/home/me/f.bin", "num_parts": 1, "upload_id": "upl_x"})
            assert refused.status_code == 501
            assert refused.json()["message"].startswith("Multipart upload is not supported")
    wire.http.put(f"{FILES}/artifacts/0/{run}/artifacts/f", content=b"f").raise_for_status()
    assert wire.http.get(f"{FILES}/presigned/0/{run}/artifacts/f").status_code == 501


def test_each_call_asks_the_rights_anew(direct: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    root = f"0/{direct.new_run()}/artifacts"
    rights = ("tracking:read", "tracking:write")
    monkeypatch.setitem(ACTORS, "passing", Actor(id=ActorId("passing"), name="passing", scopes=frozenset(rights)))
    body = begun(direct, root, "f.bin", "passing")
    for token in ("reader", "nobody"):
        for what in ("create", "complete", "abort"):
            assert ask(direct, what, root, {**body, "num_parts": 1}, token).status_code in (401, 403)
    for what in ("complete", "abort"):  # another one who may write: it is not theirs
        refused = ask(direct, what, root, body, "tracker")
        assert (refused.status_code, refused.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
        assert ask(direct, what, root, {**body, "path": "g.bin"}, "passing").status_code == 404
    monkeypatch.setitem(ACTORS, "passing", Actor(id=ActorId("passing"), name="passing", scopes=frozenset(rights[:1])))
    assert ask(direct, "complete", root, body, "passing").status_code == 403
    assert direct.http.get(f"{FILES}/artifacts", params={"path": root}).json()["files"] == []
    monkeypatch.setitem(ACTORS, "passing", Actor(id=ActorId("passing"), name="passing", scopes=frozenset(rights)))
    assert ask(direct, "complete", root, body, "passing").status_code == 200
    at = f"{FILES}/presigned/{root}/f.bin"
    assert direct.http.get(at, headers={"authorization": "Bearer reader"}).json()["file_size"] == 1
    assert direct.http.get(at, headers={"authorization": "Bearer nobody"}).status_code == 401
    assert direct.http.get(at + "x").status_code == 404


def test_no_path_leads_an_upload_or_a_link_out_of_its_owner(direct: Wire) -> None:
    run = direct.new_run()
    root = f"0/{run}/artifacts"
    upload = begun(direct, root, "f.bin")
    for path in HOSTILE:
        raw = quote(path, safe="/").replace(".", "%2E")  # so that the library here does not make another path of it
        for where in (root + "/", ""):
            for what in ("create", "complete", "abort"):
                answer = ask(direct, what, where + raw, {**upload, "num_parts": 1})
                if path == "a?b" or harmless(path):
                    continue
                assert answer.status_code in REFUSED, (what, path, answer.text[:200])
            answer = direct.http.get(f"{FILES}/presigned/{where}{raw}")
            assert answer.status_code in REFUSED, (path, answer.text[:200])
    for path, name in (
        ("../../secret.txt", "secret.txt"),
        ("C:\\Users\\me\\w.bin", "w.bin"),
        ("/etc/passwd", "passwd"),
    ):
        body = begun(direct, root, path)
        assert ask(direct, "complete", root, body).status_code == 200
        assert direct.http.get(f"{FILES}/artifacts/{root}/{name}").content == b"x"
    for path in ("..", "a/..", "a;b", "a\x00b", "%2e%2e%2fb", "", "a/", "x" * 300):
        assert ask(direct, "create", root, {"path": path, "num_parts": 1}).status_code == 400, path
    for count in (0, -1, 10_001):
        assert ask(direct, "create", root, {"path": "f", "num_parts": count}).status_code == 400
    listed = direct.http.get(f"{FILES}/artifacts", params={"path": root}).json()["files"]
    assert sorted(f["path"] for f in listed) == ["passwd", "secret.txt", "w.bin"]
