"""What every adapter of the tables port must do. Derive a test class and give it `tables` and `folder` fixtures.

    class TestMyStore(TablesContract):
        @pytest.fixture
        def tables(self, tmp_path: Path) -> Tables:
            return MyStore(...)

Each test needs a store that holds no table before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec import structs

from modelyard.kernel.errors import NotFound
from modelyard.ports.tables import DataFile, Tables

SCHEMA = pa.schema([("n", pa.int64()), ("s", pa.string())])
OTHER = pa.schema([("x", pa.float64())])


class TablesContract:
    """The suite."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Where files are written before they are published; on the store's own file system."""
        made = tmp_path / "staged"
        made.mkdir()
        return made

    def put(
        self, tables: Tables, folder: Path, path: str, values: Sequence[int], schema: pa.Schema = SCHEMA
    ) -> DataFile:
        """Publish a file of some rows."""
        rows = {"n": list(values), "s": [str(v) for v in values]} if schema is SCHEMA else {"x": list(values)}
        pq.write_table(pa.table(rows, schema=schema), folder / path)
        size = (folder / path).stat().st_size
        tables.publish("t", path, folder / path)
        return DataFile(path=path, rows=len(values), size_bytes=size, stats=json.dumps({"numRecords": len(values)}))

    def read(self, tables: Tables, version: int) -> list[int]:
        """The first column of a version."""
        found: list[int] = []
        for file in tables.files("t", version):
            found += pq.read_table(tables.local("t", file.path)).column(0).to_pylist()
        return sorted(found)

    def test_a_new_table_is_empty_at_version_0(self, tables: Tables) -> None:
        assert not tables.exists("t")
        assert tables.create("t", SCHEMA) == 0
        assert tables.exists("t")
        assert tables.files("t", 0) == ()
        assert tables.locations() == ["t"]

    def test_each_commit_is_a_version_that_stays(self, tables: Tables, folder: Path) -> None:
        tables.create("t", SCHEMA)
        first = self.put(tables, folder, "a.parquet", [1, 2])
        second = self.put(tables, folder, "b.parquet", [3])
        one = tables.advance("t", base=0, target=[first], schema=SCHEMA, info={"who": "me"})
        two = tables.advance("t", base=one, target=[first, second], schema=SCHEMA, info={})
        three = tables.advance("t", base=two, target=[second], schema=SCHEMA, info={})
        assert [self.read(tables, version) for version in (one, two, three)] == [[1, 2], [1, 2, 3], [3]]
        assert [(f.path, f.rows, f.size_bytes) for f in tables.files("t", one)] == [("a.parquet", 2, first.size_bytes)]
        assert tables.latest("t") == three

    def test_a_commit_undoes_what_stands_above_its_base(self, tables: Tables, folder: Path) -> None:
        tables.create("t", SCHEMA)
        first = self.put(tables, folder, "a.parquet", [1])
        lost = self.put(tables, folder, "lost.parquet", [666], OTHER)
        second = self.put(tables, folder, "b.parquet", [2])
        base = tables.advance("t", base=0, target=[first], schema=SCHEMA, info={})
        orphan = tables.advance("t", base=base, target=[lost], schema=OTHER, info={})
        made = tables.advance("t", base=base, target=[first, second], schema=SCHEMA, info={})
        assert made > orphan
        assert self.read(tables, made) == [1, 2]

    def test_other_columns_may_come_with_new_files(self, tables: Tables, folder: Path) -> None:
        tables.create("t", SCHEMA)
        first = self.put(tables, folder, "a.parquet", [1])
        base = tables.advance("t", base=0, target=[first], schema=SCHEMA, info={})
        fresh = self.put(tables, folder, "b.parquet", [5], OTHER)
        after = tables.advance("t", base=base, target=[fresh], schema=OTHER, info={})
        assert self.read(tables, after) == [5]
        assert self.read(tables, base) == [1]

    def test_a_column_may_be_added_while_files_stay(self, tables: Tables, folder: Path) -> None:
        tables.create("t", SCHEMA)
        first = self.put(tables, folder, "a.parquet", [1])
        base = tables.advance("t", base=0, target=[first], schema=SCHEMA, info={})
        wider = SCHEMA.append(pa.field("x", pa.float64(), metadata={"comment": "fresh"}))
        wider = wider.with_metadata({"constraints": json.dumps({"small": "n < 9"})})
        after = tables.advance("t", base=base, target=[first], schema=wider, info={"who": "me"})
        assert [file.path for file in tables.files("t", after)] == ["a.parquet"]
        second = self.put(tables, folder, "b.parquet", [2])
        again = tables.advance("t", base=after, target=[first, second], schema=wider, info={})
        assert self.read(tables, again) == [1, 2]
        back = tables.advance("t", base=after, target=[first], schema=SCHEMA, info={})
        assert (self.read(tables, back), tables.latest("t")) == ([1], back)

    def test_files_keep_the_values_of_their_partition(self, tables: Tables, folder: Path) -> None:
        parted = SCHEMA.with_metadata({"partitions": json.dumps(["s"])})
        tables.create("t", parted)
        given = [{"s": "1"}, {"s": None}, {"s": "a b/%=\n"}]
        files = [
            structs.replace(self.put(tables, folder, f"{n}.parquet", [n]), part=part) for n, part in enumerate(given)
        ]
        base = tables.advance("t", base=0, target=files, schema=parted, info={})
        assert [file.part for file in tables.files("t", base)] == given
        after = tables.advance("t", base=base, target=files[1:], schema=parted, info={})
        assert [file.part for file in tables.files("t", after)] == given[1:]
        tables.checkpoint("t")
        assert [file.part for file in tables.files("t", after)] == given[1:]

    def test_rewriting_changes_every_version_that_holds_the_file(self, tables: Tables, folder: Path) -> None:
        tables.create("t", SCHEMA)
        first = self.put(tables, folder, "a.parquet", [1, 2, 3])
        second = self.put(tables, folder, "b.parquet", [4])
        one = tables.advance("t", base=0, target=[first], schema=SCHEMA, info={})
        two = tables.advance("t", base=one, target=[first, second], schema=SCHEMA, info={})
        three = tables.advance("t", base=two, target=[second], schema=SCHEMA, info={})
        fresh = folder / "fresh.parquet"
        pq.write_table(pa.table({"n": [1, 3], "s": ["1", "3"]}, schema=SCHEMA), fresh)
        tables.rewrite("t", {"a.parquet": fresh})
        assert [self.read(tables, version) for version in (one, two, three)] == [[1, 3], [1, 3, 4], [4]]
        (file,) = tables.files("t", one)
        assert (file.rows, file.size_bytes) == (2, tables.local("t", "a.parquet").stat().st_size)
        tables.rewrite("t", {})

    def test_a_number_can_be_taken_without_a_change(self, tables: Tables, folder: Path) -> None:
        tables.create("t", SCHEMA)
        first = self.put(tables, folder, "a.parquet", [1])
        one = tables.advance("t", base=0, target=[first], schema=SCHEMA, info={})
        taken = tables.reserve("t", {"branch": "dev"})
        assert taken == one + 1 == tables.latest("t")
        assert self.read(tables, taken) == [1]
        second = self.put(tables, folder, "b.parquet", [2])
        assert tables.advance("t", base=one, target=[first, second], schema=SCHEMA, info={}) == taken + 1

    def test_the_log_tells_what_each_version_added_and_removed(self, tables: Tables, folder: Path) -> None:
        tables.create("t", SCHEMA)
        first = self.put(tables, folder, "a.parquet", [1])
        second = self.put(tables, folder, "b.parquet", [2])
        tables.advance("t", base=0, target=[first], schema=SCHEMA, info={})
        tables.reserve("t", {})
        tables.advance("t", base=1, target=[second], schema=SCHEMA, info={})
        assert list(tables.movements("t")) == [
            (0, frozenset(), frozenset()),
            (1, frozenset({"a.parquet"}), frozenset()),
            (2, frozenset(), frozenset()),
            (3, frozenset({"b.parquet"}), frozenset({"a.parquet"})),
        ]
        with pytest.raises(NotFound):
            list(tables.movements("never"))

    def test_files_that_nobody_needs_can_be_expelled(self, tables: Tables, folder: Path) -> None:
        tables.create("t", SCHEMA)
        self.put(tables, folder, "a.parquet", [1])
        assert tables.listing("t") == ["a.parquet"]
        assert tables.expel("t", ["a.parquet", "never.parquet"]) == 1
        assert tables.listing("t") == []

    def test_versions_stay_readable_over_many_commits_and_checkpoints(self, tables: Tables, folder: Path) -> None:
        tables.create("t", SCHEMA)
        files: list[DataFile] = []
        version = 0
        for n in range(45):
            files.append(self.put(tables, folder, f"{n}.parquet", [n]))
            version = tables.advance("t", base=version, target=files, schema=SCHEMA, info={})
        assert self.read(tables, version) == list(range(45))
        assert self.read(tables, 7) == list(range(7))

    def test_what_is_not_there_is_not_found(self, tables: Tables) -> None:
        with pytest.raises(NotFound):
            tables.latest("nowhere")
        tables.create("t", SCHEMA)
        with pytest.raises(NotFound):
            tables.files("t", 5)
        tables.drop("t")
        tables.drop("t")
        assert not tables.exists("t")
        assert tables.locations() == []

    def test_what_an_unfinished_creation_left_is_no_part_of_the_table(self, tables: Tables, folder: Path) -> None:
        tables.create("t", SCHEMA)
        lost = self.put(tables, folder, "lost.parquet", [1])
        tables.advance("t", base=0, target=[lost], schema=SCHEMA, info={})
        assert tables.create("t", OTHER) == 0
        assert tables.files("t", 0) == ()
        fresh = self.put(tables, folder, "fresh.parquet", [5], OTHER)
        assert self.read(tables, tables.advance("t", base=0, target=[fresh], schema=OTHER, info={})) == [5]

    def test_a_lock_lets_one_writer_in_at_a_time(self, tables: Tables) -> None:
        import threading

        inside, seen = threading.Event(), list[bool]()

        def other() -> None:
            with tables.locked("t"):
                seen.append(inside.is_set())

        with tables.locked("t"):
            thread = threading.Thread(target=other)
            thread.start()
            thread.join(0.05)
            assert thread.is_alive()
            inside.set()
        thread.join(10)
        assert seen == [True]
