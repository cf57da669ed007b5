"""Rows pushed a few at a time: on the disk before the answer, in the table once, none lost, none doubled."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pytest

from modelyard.kernel.errors import Conflict, InvalidInput, Malformed, NotFound, TooLarge, TooMany, Unavailable
from modelyard.kernel.operations import Effect
from modelyard.lake.api import Column, Declared, Inspection, Lake, Mode, PushesFolded, Verdict
from modelyard.lake.model.batches import MAGIC
from modelyard.lake.service import LakeService
from modelyard.lake.service.pushes import PushTerms
from modelyard.lake.store import MIGRATIONS, branches
from modelyard.ports import calls
from modelyard.testing import Bench
from tests.lake.stand import lake_service, open_lake, read


def rows(*given: dict[str, object]) -> list[bytes]:
    return [json.dumps(given).encode()]


def arrow(**columns: list[object]) -> list[bytes]:
    table, sink = pa.table(columns), BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return [sink.getvalue()]


def segments(bench: Bench) -> list[Path]:
    return sorted((bench.home / "lake" / "pushes").glob("*/*.seg"))


@pytest.fixture
def service(bench: Bench) -> Iterator[LakeService]:
    with lake_service(bench) as made:
        yield made


def test_what_was_pushed_is_in_the_table_after_a_flush_by_one_version(lake: Lake, bench: Bench) -> None:
    for n in range(5):
        pushed = lake.push("clicks", rows({"n": n, "who": f"u{n}"}, {"n": n, "who": None}))
        assert (pushed.table, pushed.rows, pushed.repeated) == ("clicks", 2, False)
    with pytest.raises(NotFound):
        lake.table("clicks")
    (waiting,) = lake.backlog()
    assert waiting.table == "clicks"
    assert waiting.size_bytes > 0
    (flushed,) = lake.flush("clicks")
    assert (flushed.batches, flushed.rows, flushed.rows_loaded, flushed.rows_quarantined) == (5, 10, 10, 0)
    assert [c.type for c in lake.table("clicks").columns] == ["int64", "string"]
    assert [row["n"] for row in read(lake, "clicks")] == [n for n in range(5) for _ in (0, 1)]
    (version,) = lake.history("clicks").items
    assert (version.operation, version.load) == ("push", flushed.loads[0])
    assert lake.backlog() == ()
    assert segments(bench) == []
    (event,) = bench.events(PushesFolded)
    assert b'"actors":["actor_bench"]' in bytes(event.body)
    assert lake.flush() == ()


@pytest.mark.parametrize(
    "body",
    [
        b'[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]',
        b'[\n  {"a": 1,\n   "b": "x"},\r\n {"a": 2, "b": "y"}\n]',
        b'{"a": 1, "b": "x"}\n\n{"a": 2, "b": "y"}\n',
    ],
)
def test_an_array_and_lines_are_the_same_rows(lake: Lake, body: bytes) -> None:
    assert lake.push("t", [body[:7], body[7:]]).rows == 2
    lake.flush("t")
    assert read(lake, "t") == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def test_the_columns_of_a_new_table_are_typed_as_the_values_are_written(lake: Lake) -> None:
    lake.push(
        "t",
        rows(
            {"i": 1, "f": 0.0, "s": "1", "b": True, "d": "2026-05-03", "m": "2026-05-03T12:00:00Z", "n": [1], "x": 1},
            {"i": None, "f": 2, "s": "007", "b": None, "d": None, "m": "2026-05-03", "n": {"a": 1}, "x": "one"},
        ),
    )
    lake.flush("t")
    kinds = {column.name: column.type for column in lake.table("t").columns}
    assert kinds == {
        "i": "int64", "f": "float64", "s": "string", "b": "bool", "d": "date", "m": "timestamp", "n": "string",
        "x": "string",
    }  # fmt: skip
    assert [(row["f"], row["s"], row["n"], row["x"]) for row in read(lake, "t")] == [
        (0.0, "1", "[1]", "1"),
        (2.0, "007", '{"a": 1}', "one"),
    ]


def test_one_object_over_several_lines_is_one_row(lake: Lake) -> None:
    assert lake.push("t", [b'{"a": 1,\n "b": {"deep": [1, 2]}}']).rows == 1
    lake.flush("t")
    assert read(lake, "t") == [{"a": 1, "b": '{"deep": [1, 2]}'}]


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        (b'[{"a": 1}, {"a": oops}, {"a": 3}]', Malformed, "row 2 is no JSON"),
        (b'[{"a": 1}, {"a": NaN}]', Malformed, "row 2 is no JSON"),
        (b'[{"a": 1}, {"a": 2}', Malformed, "breaks off behind row 2"),
        (b'[{"a": 1}, 7]', InvalidInput, "row 2 is no JSON object but '7'"),
        (b'{"a": 1}\n{"a": \n{"a": 3}', Malformed, "row 2 is no JSON"),
        (b'{"a": 1}\n[2]', InvalidInput, "row 2 is no JSON object"),
        (b'[{"a": "\xff"}]', Malformed, "byte 8 of the push is no UTF-8"),
        (b"[]", InvalidInput, "no rows"),
        (b"  ", InvalidInput, "no rows"),
        (b"a,b\n1,2\n", Malformed, "row 1 is no JSON"),
        (b"[" * 100_000, InvalidInput, "nested too deeply"),
        (b'[{"a": "' + b"x" * (5 << 20) + b'"}]', TooLarge, "row 1 is longer than 4 MiB"),
        (b" " * (17 << 20), TooLarge, "16 MiB"),
        (b"\xff\xff\xff\xff\x10\x00\x00\x00garbage", InvalidInput, "cannot be read as an Arrow stream"),
    ],
    ids=range(14),
)
def test_a_push_that_cannot_be_read_names_the_row_and_keeps_nothing(
    lake: Lake, bench: Bench, body: bytes, error: type[InvalidInput], said: str
) -> None:
    with pytest.raises(error, match=said):
        lake.push("t", [body])
    assert segments(bench) == []
    assert lake.flush() == ()


def test_rows_that_break_the_types_end_in_the_quarantine_of_the_fold(lake: Lake) -> None:
    lake.load("t", [b"a,b\n1,x\n"])
    lake.push("t", rows({"a": 2, "b": "y"}, {"a": "no number", "b": "z"}, {"a": 3, "c": "no such column"}))
    (flushed,) = lake.flush("t")
    assert (flushed.rows_loaded, flushed.rows_quarantined) == (1, 2)
    held = lake.quarantine(flushed.loads[0]).items
    assert [(row.row, row.raw) for row in held] == [
        (2, '{"a": "no number", "b": "z"}'),
        (3, '{"a": 3, "c": "no such column"}'),
    ]


def test_arrow_streams_keep_their_types_and_are_held_to_the_columns_of_the_table(lake: Lake, bench: Bench) -> None:
    lake.push("t", arrow(n=[1, 2], at=[1.5, None]))
    lake.push("t", arrow(n=[3], at=[2.5]))
    (flushed,) = lake.flush("t")
    assert (flushed.batches, len(flushed.loads)) == (2, 1)
    assert read(lake, "t") == [{"n": 1, "at": 1.5}, {"n": 2, "at": None}, {"n": 3, "at": 2.5}]
    with pytest.raises(InvalidInput, match="no column 'other'"):
        lake.push("t", arrow(other=[1]))
    with pytest.raises(InvalidInput, match="no rows"):
        lake.push("t", [b"".join(arrow(n=[]))])
    assert segments(bench) == []


def test_what_a_load_would_refuse_whole_is_held_whole_because_it_was_acknowledged(bench: Bench) -> None:
    class Blocking:
        def judges(self, table: str) -> bool:
            return True

        def inspect(self, about: Inspection) -> Verdict:
            return Verdict(blocks=("not on a Sunday",))

    with open_lake(bench, Blocking()) as lake:
        lake.push("t", rows({"a": 1}, {"a": 2}))
        lake.push("t", arrow(a=[3]))
        (flushed,) = lake.flush("t")
        assert (flushed.rows, flushed.rows_loaded, flushed.rows_quarantined) == (3, 0, 3)
        held = [row for load in flushed.loads for row in lake.quarantine(load).items]
        assert [row.raw for row in held] == ['{"a": 1}', '{"a": 2}', '{"a": 3}']
        assert all("not on a Sunday" in row.reasons[0] for row in held)
    with open_lake(bench) as lake:
        lake.load("t", [b"a\n0\n"])
        assert lake.replay(flushed.loads[0]).rows_loaded == 2
        assert sorted(str(row["a"]) for row in read(lake, "t")) == ["0", "1", "2"]


def test_a_merge_replaces_rows_of_equal_key_in_the_order_of_the_pushes(lake: Lake) -> None:
    declared = Declared(columns=(Column(name="id", type="int64"), Column(name="v", type="string")), keys=("id",))
    lake.load("t", [b"id,v\n1,old\n2,stays\n"], schema=declared)
    lake.push("t", rows({"id": 1, "v": "first"}), mode=Mode.MERGE)
    lake.push("t", rows({"id": 1, "v": "last"}, {"id": 3, "v": "new"}), mode=Mode.MERGE)
    lake.flush("t")
    assert {row["id"]: row["v"] for row in read(lake, "t")} == {1: "last", 2: "stays", 3: "new"}
    with pytest.raises(InvalidInput, match="load it"):
        lake.push("t", rows({"id": 1}), mode=Mode.OVERWRITE)
    with pytest.raises(InvalidInput, match="no key to merge by"):
        lake.push("nowhere", rows({"id": 1}), mode=Mode.MERGE)


def test_a_key_is_taken_once_before_and_after_the_fold_and_only_for_the_same_rows(lake: Lake, bench: Bench) -> None:
    first = lake.push("t", rows({"a": 1}), key="batch-1")
    again = lake.push("t", rows({"a": 1}), key="batch-1")
    assert (again.repeated, again.position) == (True, first.position)
    with pytest.raises(Conflict, match="batch-1"):
        lake.push("t", rows({"a": 2}), key="batch-1")
    lake.flush("t")
    assert lake.push("t", rows({"a": 1}), key="batch-1").repeated
    with pytest.raises(Conflict, match="batch-1"):
        lake.push("t", rows({"a": 2}), key="batch-1")
    bench.act_as("somebody_else")
    assert not lake.push("t", rows({"a": 1}), key="batch-1").repeated
    lake.flush("t")
    assert len(read(lake, "t")) == 2


def test_a_key_taken_by_two_processes_at_once_is_folded_once(bench: Bench) -> None:
    with open_lake(bench) as one, open_lake(bench) as other:
        one.push("t", rows({"a": 1}), key="k")
        one.push("t", rows({"a": 2}))
        other.push("t", rows({"a": 1}), key="k")
        (flushed,) = one.flush("t")
        assert (flushed.batches, flushed.rows, flushed.repeated) == (3, 2, 1)
        assert sorted(str(row["a"]) for row in read(other, "t")) == ["1", "2"]
        other.push("t", rows({"a": 3}))
        one.push("t", rows({"a": 4}))
        assert sum(made.rows for made in other.flush()) == 2


def test_pushes_at_the_same_time_are_all_there_once(lake: Lake) -> None:
    def push(client: int) -> list[int]:
        return [lake.push("t", rows({"n": client * 100 + n})).rows for n in range(50)]

    def fold() -> int:
        return sum(made.rows for _ in range(10) for made in lake.flush("t"))

    with ThreadPoolExecutor(5) as pool:
        folding = pool.submit(fold)
        done = list(pool.map(push, range(4)))
        folding.result()
    lake.flush("t")
    assert sum(map(len, done)) == 200
    assert sorted(int(str(row["n"])) for row in read(lake, "t")) == [c * 100 + n for c in range(4) for n in range(50)]


def test_a_torn_tail_is_passed_over_and_goes_with_its_segment(lake: Lake, bench: Bench) -> None:
    lake.push("t", rows({"a": 1}))
    (segment,) = segments(bench)
    whole = segment.read_bytes()
    with segment.open("ab") as file:
        file.write(whole[8:-3])
    with open_lake(bench) as later:
        (flushed,) = later.flush()
    assert flushed.rows == 1
    assert segments(bench) == []
    assert lake.push("t", rows({"a": 2})).rows == 1
    lake.flush("t")
    assert [row["a"] for row in read(lake, "t")] == [1, 2]


def test_a_full_backlog_refuses_and_says_when_to_come_again(bench: Bench) -> None:
    with lake_service(bench, pushes=PushTerms(backlog_bytes=4000, fold_s=3)) as service:
        lake = bench.open(Lake, service)
        lake.push("t", rows({"a": "x" * 3000}))
        with pytest.raises(TooMany, match="wait to be folded") as refused:
            lake.push("t", rows({"a": "y" * 3000}))
        assert refused.value.retry_after_s == 3
        lake.flush()
        bench.clock.advance(timedelta(seconds=1))
        assert lake.push("t", rows({"a": "y" * 3000})).rows == 1


def test_a_disk_that_takes_nothing_is_said_and_nothing_is_kept(
    lake: Lake, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.push("t", rows({"a": 1}))
    real = os.write

    def full(handle: int, data: bytes) -> int:
        if bytes(data) == MAGIC:
            return real(handle, data)
        real(handle, bytes(data[:20]))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(Unavailable, match="No space left"):
            lake.push("t", rows({"a": 2}))
    lake.push("t", rows({"a": 3}))
    (flushed,) = lake.flush()
    assert flushed.rows == 2
    assert [row["a"] for row in read(lake, "t")] == [1, 3]


def test_the_duty_folds_what_waited_long_enough_or_is_much(bench: Bench) -> None:
    with lake_service(bench, pushes=PushTerms(fold_s=5, fold_bytes=10_000)) as service:
        lake = bench.open(Lake, service)

        def look() -> None:
            bench.call(lambda: service.folder().round(), Effect.WORK)

        look()
        lake.push("t", rows({"a": "x"}))
        look()
        assert lake.backlog()
        bench.clock.advance(timedelta(seconds=5.1))
        look()
        assert lake.table("t").rows == 1
        lake.push("t", rows({"a": "y" * 11_000}))
        look()
        assert lake.table("t").rows == 2


def test_a_dropped_table_takes_what_waits_for_it_along(lake: Lake, bench: Bench) -> None:
    lake.load("t", [b"a\n1\n"])
    lake.push("t", rows({"a": 2}), key="k")
    lake.drop("t")
    assert segments(bench) == []
    assert lake.flush() == ()
    assert not lake.push("t", rows({"a": 2}), key="k").repeated
    lake.flush()
    assert read(lake, "t") == [{"a": 2}]


def test_an_erasure_reaches_rows_that_wait(lake: Lake, bench: Bench) -> None:
    lake.load("t", [b"who,n\nana,1\n"])
    lake.push("t", rows({"who": "subject-77", "n": 2}, {"who": "bob", "n": 3}))
    assert lake.erase("t", "who", ("subject-77",)).rows == 1
    assert [row["who"] for row in read(lake, "t")] == ["ana", "bob"]
    held = [path for path in (bench.home / "lake").rglob("*") if path.is_file() and b"subject-77" in path.read_bytes()]
    assert held == []


def test_pushes_work_on_every_database(bench: Bench, postgres_address: str) -> None:
    from modelyard.adapters.databases import open_database
    from modelyard.adapters.journal import DatabaseJournal

    journal = DatabaseJournal()
    database = open_database(postgres_address, journal=journal)
    with Bench(MIGRATIONS, database=database, journal=journal) as made, open_lake(made) as lake:
        lake.push("t", rows({"a": 1}), key="k")
        lake.push("t", rows({"a": 2}))
        lake.flush()
        assert lake.push("t", rows({"a": 1}), key="k").repeated
        assert [row["a"] for row in read(lake, "t")] == [1, 2]
    database.close()


def test_a_protected_main_takes_no_pushes(lake: Lake, bench: Bench) -> None:
    lake.push("t", rows({"a": 1}))
    lake.flush()
    bench.call(lambda: branches.protect(calls.current().tx, "main", protected=True))
    bench.clock.advance(timedelta(seconds=1))
    with pytest.raises(Conflict, match="protected"):
        lake.push("t", rows({"a": 2}))
    assert lake.backlog() == ()
