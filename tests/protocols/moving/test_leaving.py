"""What the yard holds goes out into tables of MLflow's, and is the same when it is read there."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import msgspec
import pytest

from modelyard.adapters.mlflow.database import DatabaseStore
from modelyard.adapters.mlflow.store import Store
from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.protocols.moving.leaving import Leaver
from modelyard.protocols.moving.report import Report
from modelyard.protocols.moving.yard import YardStore
from modelyard.sdk.hub import Yard
from modelyard.tracking.api import Dataset, DatasetInput, ModelOutput, Point, Run, RunStatus, real
from tests.protocols.moving.conftest import traced

TABLES = """
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT UNIQUE, artifact_location TEXT,
    lifecycle_stage TEXT, creation_time BIGINT, last_update_time BIGINT);
CREATE TABLE experiment_tags (key TEXT, value TEXT, experiment_id INTEGER, PRIMARY KEY (key, experiment_id));
CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, name TEXT, user_id TEXT, status TEXT, start_time BIGINT, end_time BIGINT,
    lifecycle_stage TEXT, artifact_uri TEXT, experiment_id INTEGER, deleted_time BIGINT);
CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT, PRIMARY KEY (key, run_uuid));
CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT, PRIMARY KEY (key, run_uuid));
CREATE TABLE metrics (key TEXT, value FLOAT, timestamp BIGINT, run_uuid TEXT, step BIGINT, is_nan BOOLEAN,
    PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan));
CREATE TABLE latest_metrics (key TEXT, value FLOAT, timestamp BIGINT, step BIGINT, is_nan BOOLEAN, run_uuid TEXT,
    PRIMARY KEY (key, run_uuid));
CREATE TABLE datasets (dataset_uuid TEXT, experiment_id INTEGER, name TEXT, digest TEXT, dataset_source_type TEXT,
    dataset_source TEXT, dataset_schema TEXT, dataset_profile TEXT, PRIMARY KEY (experiment_id, name, digest));
CREATE TABLE inputs (input_uuid TEXT, source_type TEXT, source_id TEXT, destination_type TEXT, destination_id TEXT,
    step BIGINT, PRIMARY KEY (source_type, source_id, destination_type, destination_id));
CREATE TABLE input_tags (input_uuid TEXT, name TEXT, value TEXT, PRIMARY KEY (input_uuid, name));
CREATE TABLE registered_models (name TEXT PRIMARY KEY, creation_time BIGINT, last_updated_time BIGINT,
    description TEXT);
CREATE TABLE registered_model_aliases (name TEXT, alias TEXT, version INTEGER, PRIMARY KEY (name, alias));
CREATE TABLE model_versions (name TEXT, version INTEGER, creation_time BIGINT, last_updated_time BIGINT, user_id TEXT,
    current_stage TEXT, source TEXT, run_id TEXT, status TEXT, storage_location TEXT, PRIMARY KEY (name, version));
CREATE TABLE trace_info (request_id TEXT PRIMARY KEY, experiment_id INTEGER, timestamp_ms BIGINT,
    execution_time_ms BIGINT, status TEXT, client_request_id TEXT, request_preview TEXT, response_preview TEXT,
    trace_name TEXT, session_id TEXT, input_tokens BIGINT);
CREATE TABLE trace_tags (key TEXT, value TEXT, request_id TEXT, PRIMARY KEY (request_id, key));
CREATE TABLE trace_request_metadata (key TEXT, value TEXT, request_id TEXT, PRIMARY KEY (request_id, key));
CREATE TABLE spans (trace_id TEXT, experiment_id INTEGER, span_id TEXT, parent_span_id TEXT, name TEXT, type TEXT,
    status TEXT, start_time_unix_nano BIGINT, end_time_unix_nano BIGINT, content TEXT, PRIMARY KEY (trace_id, span_id));
CREATE TABLE assessments (assessment_id TEXT PRIMARY KEY, trace_id TEXT, name TEXT, assessment_type TEXT, value TEXT,
    error TEXT, created_timestamp BIGINT, last_updated_timestamp BIGINT, source_type TEXT, source_id TEXT, span_id TEXT,
    rationale TEXT, overrides TEXT, valid BOOLEAN, assessment_metadata TEXT);
INSERT INTO experiments VALUES (0, 'Default', 'x', 'active', 1, 1);
"""
"""Tables as MLflow lays them out, as far as they are read; without logged models, as in its version 2."""


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A database with empty tables of MLflow's."""
    base = sqlite3.connect(tmp_path / "out.db")
    base.executescript(TABLES)
    base.close()
    return tmp_path / "out.db"


def leave(yard: Yard, target: Path, folder: Path) -> Report:
    return Leaver(YardStore(yard.tracking, yard.registry), str(target), folder, lambda _: None).leave()


def written(yard: Yard, home: str) -> Run:
    """A run with everything."""
    tracking = yard.tracking
    run = tracking.start_run(home, "full", {"team": "ü"}, user="eve", start_ms=1000)
    points = [Point(key="loss", value=1 / n, at_ms=n, step=n) for n in range(1, 900)]
    points += [Point(key="odd", value=real(v), at_ms=i, step=i) for i, v in enumerate((math.nan, math.inf, -math.inf))]
    tracking.log(run.id, points, {"depth": "3"})
    data = Dataset(name="trips", digest="d1", source_type="local", source="x", schema="{}", profile=None)
    tracking.log_inputs(run.id, [DatasetInput(dataset=data, tags={"mlflow.data.context": "training"})], ["m-1"])
    tracking.log_outputs(run.id, [ModelOutput(model="m-2", step=4)])
    tracking.upload(run.id, "model/MLmodel", iter([b"flavors: {}\n"]))
    return tracking.update_run(run.id, RunStatus.FAILED, 2000)


def same(run: Run) -> Run:
    """A run without where it lies and what the reader does not fill in."""
    return msgspec.structs.replace(run, artifact_uri="", metrics=[], commit=None, parent=None, reads=[])


def seen(store: Store, run: str) -> set[tuple[str, int, int, str]]:
    return {(p.key, p.step, p.at_ms, repr(max(min(p.number, 1.7976931348623157e308), -1.7976931348623157e308)))
            for p in store.points(run)}  # fmt: skip


def test_everything_goes_out_and_is_the_same_there_however_often(yard: Yard, target: Path, tmp_path: Path) -> None:
    home = yard.tracking.create_experiment("going out", {"a": "b"})
    run = written(yard, home.id)
    gone = yard.tracking.start_run(home.id, "set aside")
    yard.tracking.delete_run(gone.id)
    name = traced(yard, home.id)
    yard.tracking.upload(name, "attachments/a.bin", iter([b"attached"]))
    yard.registry.create_model("leaver", "what leaves")
    yard.registry.register("leaver", f"runs:/{run.id}/model", description="the first")
    yard.registry.set_alias("leaver", "champion", 1)
    for _ in range(2):
        report = leave(yard, target, tmp_path / "out")
        assert (report.problems, report.is_whole) == ([], True)
    here, there = YardStore(yard.tracking, yard.registry), DatabaseStore(str(target), tmp_path / "out")
    (number,) = [e.id for e in there.experiments() if e.name == "going out"]
    assert {r.id: same(r) for r in there.runs(number)} == {r.id: same(r) for r in here.runs(home.id)}
    assert seen(there, run.id) == seen(here, run.id)
    (found,) = [r for r in there.runs(number) if r.id == run.id]
    assert {f.path: b"".join(f.read()) for f in there.files(found)} == {"model/MLmodel": b"flavors: {}\n"}
    (ours,), (theirs,) = here.traces(home.id), there.traces(number)
    hidden = {"mlflow.traceRequestId": f'"{name}"'}
    assert [msgspec.structs.replace(s, attributes=s.attributes | hidden) for s in ours.spans] == theirs.spans
    assert msgspec.structs.replace(ours.trace, experiment=number) == theirs.trace
    folder = tmp_path / "out" / number / "traces" / name / "artifacts" / "attachments"
    assert (folder / "a.bin").read_bytes() == b"attached"
    (version,) = there.versions("leaver")
    assert (version.description, version.run, version.source) == ("", run.id, f"runs:/{run.id}/model")
    assert Path(version.storage, "MLmodel").is_file()
    assert [m.aliases for m in there.registered() if m.name == "leaver"] == [{"champion": 1}]
    there.close()
    base = sqlite3.connect(target)
    assert base.execute("SELECT session_id, input_tokens FROM trace_info").fetchall() == [("s", 3)]
    assert base.execute("SELECT count(*) FROM latest_metrics WHERE run_uuid = ?", [run.id]).fetchone() == (2,)
    base.close()


def test_a_number_that_is_taken_is_another_one_and_that_is_said(yard: Yard, target: Path, tmp_path: Path) -> None:
    home = yard.tracking.create_experiment("of this number")
    base = sqlite3.connect(target)
    base.execute("INSERT INTO experiments VALUES (?, 'somebody else', 'x', 'active', 1, 1)", [int(home.id)])
    base.commit()
    base.close()
    report = leave(yard, target, tmp_path / "out")
    assert any("of this number has the number" in note for note in report.notes)
    store = DatabaseStore(str(target))
    names = {e.name: e.id for e in store.experiments()}
    store.close()
    assert names["somebody else"] == home.id != names["of this number"]


def test_postgres_takes_the_same(yard: Yard, postgres_address: str, tmp_path: Path) -> None:
    psycopg = pytest.importorskip("psycopg", reason="needs psycopg: pip install 'modelyard[postgres]'")
    run = written(yard, yard.tracking.create_experiment("to a server").id)
    with psycopg.connect(postgres_address) as server:
        server.execute(TABLES)
    for _ in range(2):
        report = Leaver(
            YardStore(yard.tracking, yard.registry), postgres_address, tmp_path / "out", lambda _: None
        ).leave()
        assert (report.problems, report.is_whole) == ([], True)
    there = DatabaseStore(postgres_address, tmp_path / "out")
    try:
        assert seen(there, run.id) == seen(YardStore(yard.tracking, yard.registry), run.id)
    finally:
        there.close()


def test_what_is_no_database_of_mlflows_is_said_with_what_makes_one(yard: Yard, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="mlflow db upgrade"):
        leave(yard, tmp_path / "none.db", tmp_path)
    sqlite3.connect(tmp_path / "empty.db").execute("CREATE TABLE x (y TEXT)").connection.close()
    with pytest.raises(InvalidInput, match="mlflow db upgrade"):
        leave(yard, tmp_path / "empty.db", tmp_path)
