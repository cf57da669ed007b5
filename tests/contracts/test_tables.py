"""The tables port's suite on Delta Lake in a folder and in a bucket, and what foreign readers see of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from modelyard.adapters.delta import DeltaTables
from modelyard.adapters.places import open_place
from modelyard.adapters.places.bucket import BucketPlace
from modelyard.adapters.places.folder import FolderPlace
from modelyard.kernel.clock import FrozenClock, SystemClock
from modelyard.kernel.errors import StaleVersion
from modelyard.ports.tables import Tables
from modelyard.testing.tables_contract import OTHER, SCHEMA, TablesContract
from tests.engines.s3 import S3Server, s3_server


class TestDelta(TablesContract):
    @pytest.fixture
    def tables(self, tmp_path: Path, frozen_clock: FrozenClock) -> Tables:
        return DeltaTables(FolderPlace(tmp_path / "tables"), tmp_path / "locks", frozen_clock)

    def test_creating_again_removes_what_was_left(self, tables: Tables, folder: Path) -> None:
        tables.create("t", SCHEMA)
        self.put(tables, folder, "a.parquet", [1])
        assert tables.create("t", OTHER) == 0
        assert tables.listing("t") == []

    def test_an_unmodified_reader_sees_the_newest_version(self, tables: Tables, folder: Path, tmp_path: Path) -> None:
        tables.create("t", SCHEMA)
        first = self.put(tables, folder, "a.parquet", [1, 2])
        second = self.put(tables, folder, "b.parquet", [3])
        base = tables.advance("t", base=0, target=[first], schema=SCHEMA, info={"commit": "commit_1"})
        tables.advance("t", base=base, target=[second], schema=SCHEMA, info={})
        table = DeltaTable(str(tmp_path / "tables" / "t"))
        assert table.to_pyarrow_table().to_pylist() == [{"n": 3, "s": "3"}]
        assert table.history()[1]["commit"] == "commit_1"
        before = DeltaTable(str(tmp_path / "tables" / "t"), version=base)
        assert duckdb.read_parquet(before.file_uris()).sum("n").fetchall() == [(3,)]

    @pytest.mark.parametrize("cleaned", [False, True], ids=["entries-stay", "entries-cleaned-up"])
    def test_a_writer_takes_up_what_others_committed_since(
        self, tables: Tables, folder: Path, tmp_path: Path, frozen_clock: FrozenClock, *, cleaned: bool
    ) -> None:
        other = DeltaTables(FolderPlace(tmp_path / "tables"), tmp_path / "locks", frozen_clock)
        log = tmp_path / "tables" / "t" / "_delta_log"
        tables.create("t", SCHEMA)
        target = [self.put(tables, folder, "a.parquet", [0])]
        base = tables.advance("t", base=0, target=target, schema=SCHEMA, info={})
        for number in range(1, 46):
            target.append(self.put(other, folder, f"b{number}.parquet", [number]))
            base = other.advance("t", base=base, target=target, schema=SCHEMA, info={})
        if cleaned:
            for number in range(40):
                (log / f"{number:020d}.json").unlink()
        target.append(self.put(tables, folder, "c.parquet", [46]))
        assert tables.advance("t", base=base, target=target, schema=SCHEMA, info={}) == base + 1
        assert self.read(other, base + 1) == list(range(47))
        assert len(DeltaTable(str(log.parent)).file_uris()) == 47
        other.drop("t")
        other.create("t", OTHER)
        last = self.put(tables, folder, "d.parquet", [1], OTHER)
        assert tables.advance("t", base=0, target=[last], schema=OTHER, info={}) == 1
        assert self.read(other, 1) == [1]


_number = count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


class TestDeltaOnS3(TablesContract):
    @pytest.fixture
    def bucket(self, server: S3Server) -> str:
        return server.make_bucket(f"tables-{next(_number)}") + "/some/prefix"

    @pytest.fixture
    def tables(self, server: S3Server, bucket: str, tmp_path: Path, frozen_clock: FrozenClock) -> Tables:
        return self.machine("one", server, bucket, tmp_path, frozen_clock)

    def machine(self, name: str, server: S3Server, bucket: str, tmp_path: Path, clock: FrozenClock) -> Tables:
        """Another machine's view of the same bucket: copies and locks of its own."""
        place = open_place(bucket, cache=tmp_path / name / "copies", options=server.options)
        return DeltaTables(place, tmp_path / name / "locks", clock, grace=timedelta(days=-3650))

    def test_what_others_may_be_about_to_commit_is_no_leftover(
        self, server: S3Server, bucket: str, folder: Path, tmp_path: Path
    ) -> None:
        clock = SystemClock()
        place = open_place(bucket, cache=tmp_path / "copies", options=server.options)
        tables = DeltaTables(place, tmp_path / "locks", clock)
        tables.create("t", SCHEMA)
        self.put(tables, folder, "a.parquet", [1])
        assert (tables.listing("t"), tables.locations()) == ([], [])
        patient = DeltaTables(place, tmp_path / "locks", clock, grace=timedelta(0))
        time.sleep(1.1)  # the bucket tells whole seconds
        assert (patient.listing("t"), patient.locations()) == (["a.parquet"], ["t"])

    def test_two_machines_never_write_the_same_version(
        self, tables: Tables, server: S3Server, bucket: str, tmp_path: Path, frozen_clock: FrozenClock
    ) -> None:
        tables.create("t", SCHEMA)
        made = list[int]()

        def write(machine: str) -> None:
            mine = self.machine(machine, server, bucket, tmp_path, frozen_clock)
            staged = tmp_path / machine
            staged.mkdir(exist_ok=True)
            files = [self.put(mine, staged, f"{machine}{n}.parquet", [n]) for n in range(8)]
            while files:
                try:
                    made.append(mine.advance("t", base=0, target=[files[-1]], schema=SCHEMA, info={}))
                    files.pop()
                except StaleVersion:
                    continue

        threads = [threading.Thread(target=write, args=(name,)) for name in ("two", "three")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert (sorted(made), tables.latest("t")) == (list(range(1, 17)), 16)

    def test_a_copy_of_rewritten_bytes_is_dropped_on_other_machines(
        self, tables: Tables, server: S3Server, bucket: str, folder: Path, tmp_path: Path, frozen_clock: FrozenClock
    ) -> None:
        other = self.machine("two", server, bucket, tmp_path, frozen_clock)
        tables.create("t", SCHEMA)
        first = self.put(tables, folder, "a.parquet", [1, 2, 3])
        one = tables.advance("t", base=0, target=[first], schema=SCHEMA, info={})
        assert self.read(other, one) == [1, 2, 3]
        fresh = folder / "fresh.parquet"
        pq.write_table(pa.table({"n": [1, 3], "s": ["1", "3"]}, schema=SCHEMA), fresh)
        tables.rewrite("t", {"a.parquet": fresh})
        assert self.read(other, one) == [1, 3]

    def test_the_longest_unused_copies_make_room(self, server: S3Server, bucket: str, folder: Path) -> None:
        place = BucketPlace(bucket, cache=folder / "copies", options=server.options, most_bytes=2_500)
        for n in range(4):
            (folder / "f").write_bytes(bytes(1_000))
            place.take("t", f"{n}.parquet", folder / "f")
        assert sum(p.is_file() for p in (folder / "copies" / "t").iterdir()) <= 2
        assert place.local("t", "0.parquet").stat().st_size == 1_000

    def test_unmodified_readers_open_the_bucket(
        self, tables: Tables, server: S3Server, bucket: str, folder: Path
    ) -> None:
        tables.create("t", SCHEMA)
        first = self.put(tables, folder, "a.parquet", [1, 2])
        tables.advance("t", base=0, target=[first], schema=SCHEMA, info={})
        options = {
            "AWS_ENDPOINT_URL": server.url, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test", "AWS_ALLOW_HTTP": "true",
        }  # fmt: skip
        rows = DeltaTable(f"{bucket}/t", storage_options=options).to_pyarrow_table().sort_by("n").to_pylist()
        assert rows == [{"n": 1, "s": "1"}, {"n": 2, "s": "2"}]
