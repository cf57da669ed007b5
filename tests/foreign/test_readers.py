"""Tables read by engines that know nothing of the yard: unmodified, from the files alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from modelyard.app.house import House
from modelyard.lake.api import Lake, Mode
from modelyard.settings import Settings

FIRST = b"day,company,fare\n2026-01-01,Blue,10.5\n2026-01-02,Red,20.25\n2026-01-03,,7\n"
SECOND = b"day,company,fare\n2026-01-04,Blue,1\n"


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """A lake whose table `trips` has two versions, of three rows and of four."""
    house = House(Settings(home=str(tmp_path / "home"), sync="normal"))
    try:
        made = house.yard().lake
        made.load("trips", [FIRST], source="first.csv")
        made.load("trips", [SECOND], source="second.csv", mode=Mode.APPEND)
        yield made
    finally:
        house.close()


def fares(rows: list[dict[str, object]]) -> list[object]:
    return sorted(row["fare"] for row in rows)  # type: ignore[type-var]  # numbers, as the engine gives them


def test_deltalake_reads_the_newest_version_and_those_before(lake: Lake) -> None:
    address = lake.whereabouts("trips").address
    assert fares(DeltaTable(address).to_pyarrow_table().to_pylist()) == [1.0, 7.0, 10.5, 20.25]
    before = DeltaTable(address, version=lake.whereabouts("trips", at="1").version)
    assert fares(before.to_pyarrow_table().to_pylist()) == [7.0, 10.5, 20.25]


def test_duckdb_reads_a_version_by_its_files(lake: Lake) -> None:
    for at, total in (("1", 37.75), (None, 38.75)):
        assert duckdb.read_parquet(list(lake.whereabouts("trips", at=at).files)).sum("fare").fetchall() == [(total,)]


def test_polars_scans_the_table_and_its_versions(lake: Lake) -> None:
    polars = pytest.importorskip("polars", reason="Polars is missing: pip install 'modelyard[frames]'")
    where = lake.whereabouts("trips")
    assert fares(polars.scan_delta(where.address).collect().to_dicts()) == [1.0, 7.0, 10.5, 20.25]
    assert fares(polars.read_delta(where.address, version=1).to_dicts()) == [7.0, 10.5, 20.25]


@pytest.mark.slow
def test_spark_reads_a_version_by_its_files(lake: Lake) -> None:
    pytest.importorskip("pyspark", reason="Spark is missing: pip install 'modelyard[spark]', with a Java 17 or newer")
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    try:
        read: Callable[..., list[dict[str, object]]] = lambda at: [  # noqa: E731 - one expression, used twice
            row.asDict() for row in session.read.parquet(*lake.whereabouts("trips", at=at).files).collect()
        ]
        assert fares(read("1")) == [7.0, 10.5, 20.25]
        assert fares(read(None)) == [1.0, 7.0, 10.5, 20.25]
        assert {row["company"] for row in read(None)} == {"Blue", "Red", None}
    finally:
        session.stop()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_data_reads_a_version_by_its_files(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # else it keeps a token in the home of whoever runs the test
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # else it takes the machine's address for 127.0.0.1
    ray = pytest.importorskip("ray", reason="Ray is missing: pip install 'modelyard[ray]'")
    ray.init(
        num_cpus=1,
        include_dashboard=False,
        object_store_memory=80 << 20,
        _node_ip_address="127.0.0.1",
        log_to_driver=False,
    )
    try:
        dataset = ray.data.read_parquet(list(lake.whereabouts("trips", at="1").files))
        assert fares(dataset.take_all()) == [7.0, 10.5, 20.25]
    finally:
        ray.shutdown()
