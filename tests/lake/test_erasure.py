"""Erasure leaves no byte of a subject, and every version readable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import Declared, Lake, Mode, TableErased
from modelyard.testing import Bench
from tests.lake.stand import lake_service, read

SUBJECT = "ada@example.org"


def holding(home: Path, text: str) -> list[str]:
    """Files below `home` that hold the text, as bytes or in a Parquet value."""
    found = []
    for path in sorted(p for p in home.rglob("*") if p.is_file()):
        values = str(pq.read_table(path).to_pylist()) if path.suffix == ".parquet" else ""
        if text.encode() in path.read_bytes() or text in values:
            found.append(str(path))
    return found


def test_a_subject_leaves_every_version_quarantine_and_source(lake: Lake, bench: Bench) -> None:
    head = b"id,who\n"
    first = lake.load("t", [head + b"1,ada@example.org\n2,bob@example.org\n"], source="one.csv")
    second = lake.load("t", [head + b"3,eve@example.org\nx,ada@example.org\ny,bob@example.org\n4,ada@example.org,z\n"])
    lake.load("t", [head + b"5,joe@example.org\n"], mode=Mode.OVERWRITE)
    lake.profile("t", at=str(first.version))
    assert len(holding(bench.home, SUBJECT)) >= 4
    done = lake.erase("t", "who", (SUBJECT,))
    assert (done.rows, done.versions, done.quarantined) == (0, (first.version, second.version), 2)
    assert set(done.sources) == {first.source_ref, second.source_ref}
    assert [f for f in holding(bench.home, SUBJECT) if "yard.db" not in f] == []
    assert read(lake, "t", at=str(first.version)) == [{"id": 2, "who": "bob@example.org"}]
    assert lake.table("t", at=str(second.version)).rows == 2
    assert [r.row for r in lake.quarantine(second.id).items] == [3]
    assert lake.load_record(second.id).held == 1
    assert bench.events(TableErased)[0].decode(TableErased).rows == 0


def test_notes_of_a_failed_replay_forget_the_subject(lake: Lake) -> None:
    load = lake.load("t", [b"id,who\n" + b"1,bob\n" * 30 + b"ada,ada\n"])
    again = lake.replay(load.id)
    assert "ada" in again.notes[0]
    lake.erase("t", "who", ("ada",))
    assert lake.load_record(again.id).notes == ()
    assert lake.load_record(load.id).held == 0


def test_foreign_readers_see_the_mended_sizes(lake: Lake, bench: Bench) -> None:
    lake.load("t", [b"id,who\n" + b"".join(b"%d,u%d\n" % (n, n % 5) for n in range(100))])
    assert lake.erase("t", "who", ("u3",)).rows == 20
    table = DeltaTable(str(bench.home / "lake" / "tables" / "t"))
    assert table.to_pyarrow_table().num_rows == 80
    assert pa.table(table.get_add_actions()).column("num_records").to_pylist() == [80]
    assert lake.table("t").rows == 80
    lake.load("t", [b"id,who\n200,u9\n"])
    assert lake.table("t").rows == 81


def test_erasing_whole_files_and_numbers_works(lake: Lake) -> None:
    lake.load("t", [b"id,who\n1,a\n1,b\n"])
    assert lake.erase("t", "id", ("1",)).rows == 2
    assert read(lake, "t") == []
    with pytest.raises(InvalidInput, match="not int64"):
        lake.erase("t", "id", ("nobody",))
    assert lake.erase("t", "id", ("7",)).files == ()


class Elsewhere:
    """Tables in a place where another machine writes, whom no lock keeps out, while an erasure is at work."""

    shared = True

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.meanwhile: Callable[[], object] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def locked(self, location: str) -> AbstractContextManager[None]:
        return nullcontext()

    def rewrite(self, location: str, replaced: Mapping[str, Path]) -> None:
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            other = threading.Thread(target=meanwhile)
            other.start()
            other.join(30)
        self._inner.rewrite(location, replaced)


def test_rows_that_another_machine_brings_meanwhile_are_searched_too(bench: Bench) -> None:
    with lake_service(bench) as service:
        tables = Elsewhere(service._desk.tables())
        service._desk = replace(service._desk, tables=lambda: tables)
        lake = bench.open(Lake, service)
        lake.load("t", [b"id,who\n1,ada@example.org\n2,bob@example.org\n"], schema=Declared(keys=("id",)))
        late = [b"id,who\n2,ada@example.org\n3,ada@example.org\n4,eve@example.org\n"]
        tables.meanwhile = lambda: lake.load("t", late, mode=Mode.MERGE)
        done = lake.erase("t", "who", (SUBJECT,))
        assert [row["id"] for row in read(lake, "t")] == [4]
        assert (done.rows, done.version, lake.table("t").rows) == (3, lake.table("t").version, 1)
        assert [f for f in holding(bench.home, SUBJECT) if "yard.db" not in f] == []
        assert lake.history("t").items[0].operation == "erase"
        assert lake.examine(deep=True).findings == ()


def test_a_process_that_knew_the_files_learns_of_an_erasure_and_of_a_table_made_anew(bench: Bench) -> None:
    with lake_service(bench) as first, lake_service(bench) as second:
        one, two = bench.open(Lake, first), bench.open(Lake, second)
        two.load("t", [b"id,who\n1,ada@example.org\n2,bob@example.org\n"])
        assert len(read(two, "t")) == 2
        one.erase("t", "who", (SUBJECT,))
        two.load("t", [b"id,who\n3,eve@example.org\n"])
        assert (two.table("t").rows, [row["id"] for row in read(two, "t")]) == (2, [2, 3])
        one.drop("t")
        one.load("t", [b"id\n7\n"])
        assert read(two, "t") == [{"id": 7}]
        two.load("t", [b"id\n8\n"])
        assert sorted(int(str(row["id"])) for row in read(one, "t")) == [7, 8]
