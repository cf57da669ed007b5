"""Stores of MLflow come in whole, and its own client reads the same from both."""

from __future__ import annotations

import base64
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelyard.adapters.mlflow.database import DatabaseStore
from modelyard.adapters.mlflow.folder import FolderStore
from modelyard.adapters.mlflow.server import ServerStore
from modelyard.kernel.errors import Damaged, InvalidInput, NotFound, YardError
from modelyard.protocols.mlflow.trace_reading import Answers
from modelyard.protocols.moving.report import Kind, Report
from modelyard.protocols.moving.yard import YardStore
from modelyard.sdk.hub import Yard
from modelyard.tracking.api import RunStatus, Stage
from tests.protocols.mlflow.conftest import Wire
from tests.protocols.moving.conftest import client, move, read_here, traced

RUNS_KILLED = max(10, int(os.environ.get("YARD_TEST_KILLS", "1")) + 4)
RUNS = os.environ.get("YARD_TEST_RUNS", "5")


def counted(report: Report) -> dict[Kind, int]:
    return {count.kind: count.here for count in report.counts}


def test_a_folder_comes_in_and_the_client_reads_the_same_from_both(wire: Wire, yard: Yard, tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="needs the mlflow client: pip install mlflow-skinny")
    there = client("written.py", RUNS, MLFLOW_TRACKING_URI=f"file://{tmp_path / 'mlruns'}")
    report = move(FolderStore(tmp_path / "mlruns", Answers()), yard)
    assert (report.is_whole, report.problems, report.already) == (True, [], 0)
    assert counted(report)[Kind.RUNS] == int(RUNS)
    assert counted(report)[Kind.TRACES] == len(there["traces"]) >= 3
    assert counted(report)[Kind.SPANS] == 2 * len(there["traces"])
    assert read_here(wire, "tips") == there
    again = move(FolderStore(tmp_path / "mlruns", Answers()), yard)
    assert (again.is_whole, again.counts, again.already) == (True, report.counts, int(RUNS))
    made = yard.tracking.create_experiment("after the move")
    assert yard.tracking.experiment(made.id).name == "after the move"


def plain(path: Path, *, old: bool) -> None:
    """A database as MLflow 2 (`old`) or 3 lays it out, as far as it is read."""
    base = sqlite3.connect(path)
    base.executescript(
        """
        CREATE TABLE experiments (experiment_id INTEGER, name TEXT, artifact_location TEXT, lifecycle_stage TEXT,
            creation_time BIGINT, last_update_time BIGINT);
        CREATE TABLE experiment_tags (key TEXT, value TEXT, experiment_id INTEGER);
        CREATE TABLE runs (run_uuid TEXT, name TEXT, user_id TEXT, status TEXT, start_time BIGINT, end_time BIGINT,
            lifecycle_stage TEXT, artifact_uri TEXT, experiment_id INTEGER);
        CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
        CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);
        CREATE TABLE metrics (key TEXT, value FLOAT, timestamp BIGINT, run_uuid TEXT, step BIGINT, is_nan BOOLEAN);
        CREATE TABLE registered_models (name TEXT, creation_time BIGINT, last_updated_time BIGINT, description TEXT);
        CREATE TABLE model_versions (name TEXT, version INTEGER, creation_time BIGINT, last_updated_time BIGINT,
            user_id TEXT, current_stage TEXT, source TEXT, run_id TEXT, status TEXT);
        """
    )
    base.execute("INSERT INTO experiments VALUES (7001, 'old ones', 'x', 'active', 11, 12)")
    base.execute("INSERT INTO registered_models VALUES ('old model', 5, 6, NULL)")
    base.execute(
        "INSERT INTO model_versions VALUES ('old model', 3, 5, 6, 'eve', 'Production', ?, ?, 'READY')",
        [f"/srv/mlruns/7001/{'a1' * 16}/artifacts/model", "a1" * 16],
    )
    base.execute("INSERT INTO model_versions VALUES ('old model', 9, 5, 6, NULL, 'Deleted_Internal', NULL, NULL, NULL)")
    for name, status, stage in (("a1", "FINISHED", "active"), ("b2", "KILLED", "deleted")):
        location = f"/srv/mlruns/7001/{name * 16}/artifacts"
        row = (name * 16, name, "eve", status, 100, 200, stage, location, 7001)
        base.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        base.execute("INSERT INTO params VALUES ('depth', '3', ?)", [name * 16])
        points = [("loss", 1 / n, n, name * 16, n, 0) for n in range(1, 2500)] + [("odd", 0.0, 1, name * 16, 0, 1)]
        base.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", points)
    if not old:
        base.executescript(
            "ALTER TABLE experiments ADD COLUMN workspace TEXT DEFAULT 'default';"
            "INSERT INTO experiments VALUES (7002, 'of another', 'x', 'active', 1, 1, 'theirs');"
        )
    base.commit()
    base.close()


def test_ids_times_stages_and_numbers_stay_and_files_are_found_by_the_end_of_their_path(
    yard: Yard, tmp_path: Path
) -> None:
    plain(tmp_path / "m.db", old=True)
    store = DatabaseStore(str(tmp_path / "m.db"), tmp_path / "moved")
    folder = tmp_path / "moved" / "7001" / ("a1" * 16) / "artifacts" / "model"
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    report = move(store, yard)
    assert (report.problems, report.is_whole) == ([], True)
    assert counted(report)[Kind.POINTS] == 5000
    first, second = (yard.tracking.run_record(name * 16) for name in ("a1", "b2"))
    assert (first.experiment, first.user, first.start_ms, first.end_ms) == ("7001", "eve", 100, 200)
    assert (second.status, second.stage, first.stage) == (RunStatus.KILLED, Stage.DELETED, Stage.ACTIVE)
    assert {p.key: p.value for p in first.metrics}["odd"] == "NaN"
    version = yard.registry.version("old model", 3)
    assert (version.source, version.stage, version.files) == (f"runs:/{'a1' * 16}/model", "Production", 1)
    assert yard.registry.register("old model", f"runs:/{'a1' * 16}/model").version == 10
    home = yard.tracking.experiment("7001")
    assert (home.created_ms, home.updated_ms) == (11, 12)
    plain(tmp_path / "new.db", old=False)
    other = move(DatabaseStore(str(tmp_path / "new.db"), tmp_path / "moved"), yard)  # the same ids, from elsewhere
    assert not other.is_whole
    assert any("already, which is not from" in problem for problem in other.problems)
    assert not any("of another" in problem for problem in other.problems)
    assert yard.tracking.run_record(first.id) == first


def test_a_postgres_database_is_read_as_its_file_is(yard: Yard, tmp_path: Path, postgres_address: str) -> None:
    psycopg = pytest.importorskip("psycopg", reason="needs psycopg: pip install 'modelyard[postgres]'")
    plain(tmp_path / "m.db", old=False)
    base = sqlite3.connect(tmp_path / "m.db")
    with psycopg.connect(postgres_address) as server:
        for table, text in base.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall():
            server.execute(text)
            for row in base.execute(f"SELECT * FROM {table}"):
                told = [*row[:-1], bool(row[-1])] if table == "metrics" else row
                server.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(row))})", told)
    base.close()
    here, there = DatabaseStore(str(tmp_path / "m.db")), DatabaseStore(postgres_address)
    try:
        assert "postgres:" not in there.name.partition("://")[2]
        assert there.experiments() == here.experiments()
        assert [*there.runs("7001")] == [*here.runs("7001")]
        assert [*there.points("a1" * 16)] == [*here.points("a1" * 16)]
        assert there.registered() == here.registered()
        assert there.versions("old model") == here.versions("old model")
    finally:
        here.close()
        there.close()


def test_traces_come_in_with_their_spans_and_what_people_said(yard: Yard, tmp_path: Path) -> None:
    plain(tmp_path / "m.db", old=True)
    base = sqlite3.connect(tmp_path / "m.db")
    base.executescript(
        """
        UPDATE experiments SET experiment_id = 7200, name = 'traced';
        DELETE FROM runs; DELETE FROM registered_models; DELETE FROM model_versions;
        CREATE TABLE trace_info (request_id TEXT, experiment_id INTEGER, timestamp_ms BIGINT, execution_time_ms BIGINT,
            status TEXT, client_request_id TEXT, request_preview TEXT, response_preview TEXT);
        CREATE TABLE trace_tags (key TEXT, value TEXT, request_id TEXT);
        CREATE TABLE trace_request_metadata (key TEXT, value TEXT, request_id TEXT);
        CREATE TABLE spans (trace_id TEXT, experiment_id INTEGER, span_id TEXT, start_time_unix_nano BIGINT,
            content TEXT);
        CREATE TABLE assessments (assessment_id TEXT, trace_id TEXT, name TEXT, assessment_type TEXT, value TEXT,
            error TEXT, created_timestamp BIGINT, last_updated_timestamp BIGINT, source_type TEXT, source_id TEXT,
            span_id TEXT, rationale TEXT, overrides TEXT, valid BOOLEAN, assessment_metadata TEXT);
        """
    )
    trace, ids = "tr-" + "0a" * 16, [base64.b64encode(bytes([n] * 8)).decode() for n in (1, 2)]
    base.execute("INSERT INTO trace_info VALUES (?, 7200, 5, 7, 'OK', NULL, '1', '2')", [trace])
    base.execute("INSERT INTO trace_tags VALUES ('team', 'x', ?)", [trace])
    base.execute("INSERT INTO trace_tags VALUES ('mlflow.artifactLocation', '/srv/theirs', ?)", [trace])
    base.execute("INSERT INTO trace_request_metadata VALUES ('mlflow.user', 'eve', ?)", [trace])
    for number, (one, parent) in enumerate(((ids[0], None), (ids[1], ids[0]))):
        span = {
            "trace_id": base64.b64encode(bytes([10] * 16)).decode(), "span_id": one, "parent_span_id": parent,
            "name": f"s{number}", "start_time_unix_nano": 10 + number, "end_time_unix_nano": 20,
            "status": {"code": "STATUS_CODE_ERROR", "message": "why"}, "attributes": {"k": '"v"'},
            "events": [{"name": "e", "time_unix_nano": 12, "attributes": {"q": [1]}}], "links": [],
        }  # fmt: skip
        base.execute("INSERT INTO spans VALUES (?, 7200, ?, ?, ?)", [trace, one, 10 + number, json.dumps(span)])
    told = ["a-1", trace, "good", "feedback", "true", None, 8, 9, "HUMAN", "eve", "01" * 8, "so", None, 1, '{"k": "v"}']
    base.execute(f"INSERT INTO assessments VALUES ({', '.join('?' * len(told))})", told)
    base.commit()
    base.close()
    for _ in range(2):
        report = move(DatabaseStore(str(tmp_path / "m.db")), yard)
        assert (report.problems, report.is_whole) == ([], True)
        kinds = counted(report)
        assert (kinds[Kind.TRACES], kinds[Kind.SPANS], kinds[Kind.ASSESSMENTS]) == (1, 2, 1)
    found = yard.tracking.spans(trace)
    whole = found.trace
    assert (whole.experiment, whole.at_ms, whole.duration_ms, whole.state.value) == ("7200", 5, 7, "OK")
    assert (whole.tags["team"], whole.metadata["mlflow.user"], whole.response_preview) == ("x", "eve", "2")
    assert whole.tags.get("mlflow.artifactLocation") != "/srv/theirs"
    assert [(s.id, s.parent, s.status, s.attributes["k"]) for s in found.spans] == [
        ("01" * 8, None, 2, '"v"'), ("02" * 8, "01" * 8, 2, '"v"'),
    ]  # fmt: skip
    assert found.spans[0].events[0].attributes == {"q": "[1]"}
    (said,) = whole.assessments
    assert (said.name, said.value, said.source_id, said.rationale, said.created_ms) == ("good", "true", "eve", "so", 8)


def test_a_trace_that_an_older_client_laid_into_a_folder_comes_with_its_file(yard: Yard, tmp_path: Path) -> None:
    home = tmp_path / "mlruns" / "7"
    trace = home / "traces" / ("0b" * 16)
    told = f"request_id: {trace.name}\nexperiment_id: '7'\nstatus: OK\ntimestamp_ms: 5\n"
    spans = b'{"spans": [{"name": "s", "context": {"span_id": "0x1", "trace_id": "0x2"}, "parent_id": null}]}'
    for path, text in (
        (home / "meta.yaml", b"experiment_id: '7'\nname: old\n"),
        (trace / "trace_info.yaml", told.encode()),
        (trace / "tags" / "mlflow.artifactLocation", f"/srv/gone/7/traces/{trace.name}/artifacts".encode()),
        (trace / "tags" / "team", b"x"),
        (trace / "request_metadata" / "mlflow.sourceRun", b"r"),
        (trace / "artifacts" / "traces.json", spans),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    report = move(FolderStore(tmp_path / "mlruns", Answers()), yard)
    assert (report.is_whole, report.problems, counted(report)[Kind.TRACES]) == (True, [], 1)
    found = yard.tracking.spans(trace.name)
    assert (found.trace.at_ms, found.trace.tags["team"], found.trace.metadata["mlflow.sourceRun"]) == (5, "x", "r")
    assert (found.spans, b"".join(yard.tracking.download(trace.name, "traces.json"))) == ([], spans)
    (trace / "trace_info.yaml").write_bytes(b"trace_id: t\nrequest_time: no time\n")
    with pytest.raises(Damaged, match=f"the trace in .*{trace.name} cannot be read"):
        list(FolderStore(tmp_path / "mlruns", Answers()).traces("7"))


def test_a_move_that_is_killed_is_made_again_and_nothing_comes_twice(yard: Yard, wire: Wire, tmp_path: Path) -> None:
    base = sqlite3.connect(tmp_path / "m.db")
    plain(tmp_path / "m.db", old=True)
    base.execute("UPDATE experiments SET experiment_id = 7100, name = 'many'")
    base.execute("UPDATE registered_models SET name = 'many model'")
    base.execute("UPDATE model_versions SET name = 'many model'")
    for n in range(2, RUNS_KILLED + 2):
        for table in ("runs", "params", "metrics"):
            columns = [row[1] for row in base.execute(f"PRAGMA table_info({table})")]
            asked = ", ".join(
                f"'{n:032x}'" if c == "run_uuid" else "7100" if c == "experiment_id" else c for c in columns
            )
            base.execute(f"INSERT INTO {table} SELECT {asked} FROM {table} WHERE run_uuid = ?", ["a1" * 16])
    for table in ("runs", "params", "metrics"):
        base.execute(f"DELETE FROM {table} WHERE run_uuid IN (?, ?)", ["a1" * 16, "b2" * 16])
    base.commit()
    base.close()
    words = [
        sys.executable, "-m", "modelyard", "import", "mlflow", str(tmp_path / "m.db"), "--json", "--address",
        wire.address, "--token", "owner",
    ]  # fmt: skip
    before = 0
    for _ in range(int(os.environ.get("YARD_TEST_KILLS", "1"))):
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            until = time.monotonic() + 30
            while time.monotonic() < until and child.poll() is None and _begun(yard) <= before:
                time.sleep(0.02)
            child.send_signal(signal.SIGKILL)
        before = _begun(yard)
    report = move(DatabaseStore(str(tmp_path / "m.db"), tmp_path), yard)
    assert (report.problems, report.is_whole) == ([], True)
    runs = yard.tracking.runs(["7100"]).items
    assert sorted(r.id for r in runs) == [f"{n:032x}" for n in range(2, RUNS_KILLED + 2)]
    assert {len(yard.tracking.history(r.id, "loss").items) for r in runs} == {2499}


def _begun(yard: Yard) -> int:
    """How many runs of the experiment there are."""
    try:
        return len(yard.tracking.runs(["7100"]).items)
    except YardError:
        return 0


def test_another_yard_is_read_as_the_server_that_it_is(yard: Yard, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """A yard speaks MLflow's wire, so it is a server to import from; into itself, it keeps what it has."""
    home = yard.tracking.create_experiment("served").id
    run = yard.tracking.start_run(home, "one", {"team": "x"})
    yard.tracking.upload(run.id, "deep/ü.txt", iter([b"bytes"]))
    traced(yard, home)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "owner")
    store = ServerStore(wire.address, Answers())
    try:
        (served,) = [e for e in store.experiments() if e.name == "served"]
        (found,) = store.runs(served.id)
        assert (found.id, found.name, found.tags["team"]) == (run.id, "one", "x")
        (file,) = store.files(found)
        assert (file.path, b"".join(file.read())) == ("deep/ü.txt", b"bytes")
        (here,), (there,) = YardStore(yard.tracking, yard.registry).traces(home), store.traces(served.id)
        assert there.spans == here.spans and len(there.spans) == 2 and there.files == []
        (first, second), kept = there.trace.assessments, [each.value for each in here.trace.assessments]
        assert (first.valid, second.valid, [first.value, second.value]) == (False, True, kept)
        assert msgspec.structs.replace(there.trace, assessments=[]) == msgspec.structs.replace(
            here.trace, assessments=[]
        )
        report = move(store, yard)
        assert any("already, which is not from" in problem for problem in report.problems)
        assert yard.tracking.run_record(run.id).name == "one"
    finally:
        store.close()


def test_no_path_of_a_store_is_trusted(yard: Yard, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "password").write_text("hunter2")
    for n, location in enumerate(
        [
            str(secret), f"file://{secret}", "mlflow-artifacts:/../secret", "../secret", f"/x/../{secret}",
            "mlflow-artifacts:/%2e%2e/secret", "s3://bucket/x", "file://host/x", "dbfs:/x",
        ]
    ):  # fmt: skip
        plain(tmp_path / f"{n}.db", old=True)
        base: Any = sqlite3.connect(tmp_path / f"{n}.db")
        base.execute("UPDATE runs SET artifact_uri = ?", [location])
        base.commit()
        base.close()
        (tmp_path / "root").mkdir(exist_ok=True)
        store = DatabaseStore(str(tmp_path / f"{n}.db"), tmp_path / "root")
        run = next(iter(store.runs("7001")))
        try:
            assert [*store.files(run)] == []
        except NotFound:
            pass
        finally:
            store.close()
    (tmp_path / "root" / "7001" / ("a1" * 16) / "artifacts").mkdir(parents=True)
    (tmp_path / "root" / "7001" / ("a1" * 16) / "artifacts" / "link").symlink_to(secret / "password")
    plain(tmp_path / "link.db", old=True)
    store = DatabaseStore(str(tmp_path / "link.db"), tmp_path / "root")
    with pytest.raises(NotFound, match="leads out"):
        [*store.files(next(iter(store.runs("7001"))))]
    store.close()


def test_what_is_no_store_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all, but a text")
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE x (y TEXT)").connection.close()
    for name, words in (("none", "no file"), ("text", "cannot be read"), ("other", "no database of MLflow")):
        with pytest.raises((NotFound, InvalidInput), match=words):
            DatabaseStore(str(tmp_path / f"{name}.db"))
    with pytest.raises(InvalidInput, match="no folder that MLflow wrote"):
        FolderStore(tmp_path, Answers())
    with pytest.raises(InvalidInput, match="password"):
        ServerStore("http://eve:secret@127.0.0.1:1", Answers())
