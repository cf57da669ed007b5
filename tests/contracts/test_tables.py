"""The tables port's suite on Delta Lake in a folder, and what foreign readers see of it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from modelyard.adapters.delta import DeltaTables
from modelyard.kernel.clock import FrozenClock
from modelyard.ports.tables import Tables
from modelyard.testing.tables_contract import SCHEMA, TablesContract


class TestDelta(TablesContract):
    @pytest.fixture
    def tables(self, tmp_path: Path, frozen_clock: FrozenClock) -> Tables:
        return DeltaTables(tmp_path / "tables", tmp_path / "locks", frozen_clock)

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
