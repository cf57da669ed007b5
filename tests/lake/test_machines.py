"""Several machines on one lake: homes of their own, one Postgres, one bucket; nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from deltalake import DeltaTable

from modelyard.app.house import House
from modelyard.settings import Settings
from tests.engines.s3 import S3Server, s3_server
from tests.lake.stand import read

pytestmark = pytest.mark.slow
WRITERS = tuple(f"machine {n}" for n in range(int(os.environ.get("YARD_TEST_WRITERS", "2"))))
APPENDS = int(os.environ.get("YARD_TEST_APPENDS", "3"))
WRITER = """
import sys
from modelyard.app.house import House
from modelyard.settings import Settings
home, database, tables, objects, who, appends = sys.argv[1:]
house = House(Settings(home=home, database=database, tables=tables, objects=objects, sync="normal"))
for n in range(int(appends)):
    house.yard().lake.load("t", [b"who,n\\n%s,%d\\n" % (who.encode(), n)])
house.close()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


def test_machines_that_share_a_bucket_and_a_database_write_one_table(
    server: S3Server, postgres_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {
        "AWS_ENDPOINT_URL": server.url, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test", "AWS_ALLOW_HTTP": "true",
    }  # fmt: skip
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    lake, objects = server.make_bucket("lake"), server.make_bucket("objects")
    places = {"database": postgres_address, "tables": f"{lake}/tables", "objects": f"{objects}/yard"}
    first = House(
        Settings(
            home=str(tmp_path / "first"), sync="normal", database=places["database"], tables=places["tables"],
            objects=places["objects"],
        )
    )  # fmt: skip
    try:
        children = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(tmp_path / who), *places.values(), who, str(APPENDS)],
                env={**os.environ, **known},
            )
            for who in WRITERS
        ]
        assert [child.wait(300) for child in children] == [0] * len(WRITERS)
        table = first.yard().lake.table("t")
        assert table.rows == len(WRITERS) * APPENDS
        rows = read(first.yard().lake, "t")
        assert {(row["who"], row["n"]) for row in rows} == {(w, n) for w in WRITERS for n in range(APPENDS)}
        assert [v.rows for v in first.yard().lake.history("t", limit=500).items] == list(range(table.rows, 0, -1))
        where = first.yard().lake.whereabouts("t")
        assert where.address == f"{lake}/tables/t"
        assert DeltaTable(where.address, storage_options=known).count() == table.rows
    finally:
        first.close()
