"""Commits that are refused in the last moment: nobody sees anything of them, not even who reads the files alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from deltalake import DeltaTable

from modelyard.kernel.errors import Conflict
from modelyard.lake.api import Lake, Mode
from modelyard.ports.tables import DataFile
from modelyard.testing import Bench
from tests.lake.stand import lake_service, read


class Interrupted:
    """Tables beside whose log somebody else does something once."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.meanwhile: Callable[[], object] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def advance(
        self, location: str, *, base: int, target: Sequence[DataFile], schema: Any, info: Mapping[str, str]
    ) -> int:
        version: int = self._inner.advance(location, base=base, target=target, schema=schema, info=info)
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            other = threading.Thread(target=meanwhile)
            other.start()
            other.join(30)
        return version


@pytest.fixture
def scene(bench: Bench) -> Iterator[tuple[Lake, Interrupted]]:
    with lake_service(bench) as service:
        tables = Interrupted(service._desk.tables())
        service._desk = replace(service._desk, tables=lambda: tables)
        yield bench.open(Lake, service), tables


@pytest.mark.parametrize("mode", [Mode.APPEND, Mode.MERGE, Mode.OVERWRITE])
def test_a_load_refused_in_the_last_moment_leaves_no_file_and_no_trace_in_the_log(
    scene: tuple[Lake, Interrupted], bench: Bench, mode: Mode
) -> None:
    lake, tables = scene
    lake.load("t", [b"id,v\n1,1\n2,2\n"], mode=Mode.APPEND)
    lake.set_keys("t", ("id",))
    folder = bench.home / "lake" / "tables" / "t"
    before = {path.name for path in folder.glob("*.parquet")}
    tables.meanwhile = lambda: lake.protect("main")
    with pytest.raises(Conflict, match="protected"):
        lake.load("t", [b"id,v\n2,20\n3,30\n"], mode=mode)
    assert {path.name for path in folder.glob("*.parquet")} == before
    found = DeltaTable(str(folder))
    assert sorted(found.to_pyarrow_table().column("v").to_pylist()) == [1, 2]
    assert [row["v"] for row in read(lake, "t")] == [1, 2]
    lake.protect("main", protected=False)
    lake.load("t", [b"id,v\n2,20\n3,30\n"], mode=mode)
    assert 30 in [row["v"] for row in read(lake, "t")]
    assert lake.examine(deep=True).findings == ()
