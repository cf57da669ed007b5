"""Input that means harm: nothing is lost, nothing half-visible, memory stays bounded, and the error says what it is."""

from __future__ import annotations

import gzip
import io
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd

from modelyard.kernel.errors import InvalidInput, NotFound, TooLarge, Unavailable, YardError
from modelyard.lake.api import Lake, Reading
from modelyard.lake.service.sources.marking import MARK, MarkedFile
from modelyard.testing import Bench
from tests.lake.stand import open_lake, read

LINE_MB = int(os.environ.get("LINE_MB", "48"))
PEAK_MB = 700


def parquet() -> bytes:
    sink = io.BytesIO()
    table = pa.table(
        {"id": range(2000), "word": [f"word {n % 50}" for n in range(2000)], "x": [n / 7 for n in range(2000)]}
    )
    pq.write_table(table, sink, row_group_size=500)
    return sink.getvalue()


def test_a_parquet_file_cut_or_flipped_is_refused_whole_or_counted_whole(lake: Lake) -> None:
    whole, rng = parquet(), random.Random(3)
    lake.load("t", [whole], source="good.parquet")
    taken = 2000
    for number in range(60):
        broken = bytearray(whole)
        if number % 3 == 0:
            del broken[rng.randrange(4, len(broken)) :]
        for _ in range(1 + number % 5):
            place = rng.randrange(len(broken))
            broken[place] ^= 1 << rng.randrange(8)
        try:
            load = lake.load("t", [bytes(broken)], source=f"{number}.parquet")
        except YardError as err:
            assert err.status < 500, err.detail
        else:
            assert load.rows_in == load.rows_loaded + load.rows_quarantined
            taken += load.rows_loaded
        assert lake.table("t").rows == taken
    assert len(read(lake, "t", columns=("id",))) == taken


def test_a_hundred_thousand_columns_are_refused_at_once(lake: Lake) -> None:
    header = b",".join(b"c%d" % n for n in range(100_000))
    for text in (header + b"\n" + b",".join([b"1"] * 100_000) + b"\n", b"," * 100_000 + b"\n1\n"):
        with pytest.raises(InvalidInput, match="at most"):
            lake.load("t", [text])
    lake.load("t", [b"a,b\n1,2\n"])
    with pytest.raises(InvalidInput):
        lake.load("t", [header + b"\n"])
    assert lake.table("t").rows == 1


MEASURE = """
import sys, tempfile
from modelyard.app.house import House
from modelyard.kernel.errors import YardError
from modelyard.settings import Settings
kind, megabytes = sys.argv[1], int(sys.argv[2])
def content():
    yield {"csv": b"a,b\\n1,2\\n", "quoted": b'a,b\\n1,"', "jsonl": b'{"a": "', "rows": b"a,b\\n"}[kind]
    for n in range(megabytes):
        yield (b"x" * 99 + b"\\n") * 10_485 if kind == "rows" else b"x" * (1 << 20)
with tempfile.TemporaryDirectory() as home:
    house = House(Settings(home=home, sync="normal"))
    lake = house.yard().lake
    lake.load("warm", [b"a,b\\n1,2\\n"])
    try:
        load = lake.load("t", content(), source="x.jsonl" if kind == "jsonl" else "x.csv")
        said = f"{load.rows_in} {load.rows_loaded} {load.rows_quarantined}"
    except YardError as err:
        said = err.detail
    print([t.name for t in lake.tables().items], said)
    house.close()
with open("/proc/self/status") as status:  # the peak of this program alone; ru_maxrss counts who started it, too
    print(next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "quoted", "jsonl"])
def test_one_endless_line_is_refused_in_bounded_memory(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, kind, str(LINE_MB)], capture_output=True, text=True, check=True, timeout=170
    )
    said, peak = done.stdout.strip().splitlines()
    assert "['warm']" in said
    assert "longer than" in said or "no line that is a JSON object" in said
    assert int(peak) < PEAK_MB


def test_odd_bytes_in_rows_are_held_with_their_reason_and_the_rest_is_taken(lake: Lake) -> None:
    text = b"id,word\n1,plain\n" + "2,café\n".encode() + "3,café\n".encode("latin-1") + b"4,n\x00l\n5,\xed\xa0\x80\n"
    load = lake.load("t", [text + b"6,last\n"])
    assert (load.rows_in, load.rows_loaded, load.rows_quarantined) == (6, 4, 2)
    assert [row.row for row in lake.quarantine(load.id).items] == [3, 5]
    assert "not UTF-8" in lake.quarantine(load.id).items[0].reasons[0]
    double = lake.load("d", [b"a,A,a,_row,\n1,2,3,4,5\n"])
    names = [c.name for c in lake.table("d").columns]
    assert len({name.lower() for name in names}) == len(names) == 5
    assert double.notes
    assert lake.load("u", ["a,b\n1,é\n".encode("utf-16")], reading=Reading(encoding="utf-16")).rows_loaded == 1


def test_a_ragged_row_with_odd_bytes_is_held_like_any_other(lake: Lake) -> None:
    load = lake.load("t", [b"a,b\n1,2\n3,\xbf,4\n\xe9\n5,\xc3"])
    assert (load.rows_in, load.rows_loaded, load.rows_quarantined) == (4, 1, 3)
    held = lake.quarantine(load.id).items
    assert [(row.row, row.raw) for row in held] == [(2, r"3,\xbf,4"), (3, r"\xe9"), (4, r"5,\xc3")]
    assert "fields where 2 are expected" in held[0].reasons[0] and "not UTF-8" in held[2].reasons[0]


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 5, 64])
def test_bad_bytes_are_marked_wherever_a_file_is_cut_into_blocks(block_bytes: int) -> None:
    text = "a€é😀b".encode() * 3
    content = text + b"\xe2\x82" + text + b"\xf0\x9f\x98x" + b"\xff" + text + b"\xe2"
    reader = MarkedFile(io.BytesIO(content))
    read = b"".join(iter(lambda: reader.read(block_bytes), b""))
    assert read.decode().replace(MARK, "") == content.decode(errors="backslashreplace")
    assert reader.found
    whole = MarkedFile(io.BytesIO(text))
    assert b"".join(iter(lambda: whole.read(block_bytes), b"")) == text and not whole.found


def test_bombs_do_not_go_off(lake: Lake, bench: Bench) -> None:
    zeros = b"1,2\n" * (1 << 18)
    for name, content in {
        "gzip": gzip.compress(b"a,b\n" + zeros * 96, 9), "zstd": zstd.compress(b"a,b\n" + zeros * 96),
    }.items():  # fmt: skip
        assert len(content) < 1 << 20
        with pytest.raises(TooLarge, match="as a bomb does"):
            lake.load("t", [content], source=f"x.csv.{name}")
    for content in (gzip.compress(b"a,b\n1,2\n" * 999)[:-20], b"\x1f\x8b" + b"x" * 99, b"\x28\xb5\x2f\xfd" + b"x" * 99):
        with pytest.raises(InvalidInput, match="cut off or damaged"):
            lake.load("t", [content], source="x.csv")
    nested = gzip.compress(gzip.compress(b"a,b\n1,2\n"))
    with pytest.raises(YardError):
        lake.load("t", [nested], source="x.csv.gz.gz")
    with pytest.raises(NotFound):
        lake.table("t")
    assert not list((bench.home / "lake" / "staging").glob("*"))


def test_an_archive_is_no_table_and_a_spreadsheet_that_explodes_is_refused(lake: Lake) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../etc/passwd", "a,b\n1,2\n")
    with pytest.raises(InvalidInput, match="unpack it"):
        lake.load("t", [out.getvalue()], source="x.zip")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as part:
            for _ in range(600):
                part.write(b"<c/>" * (1 << 18))
    assert len(bomb.getvalue()) < 4 << 20
    with pytest.raises(TooLarge, match="save it as CSV"):
        lake.load("t", [bomb.getvalue()], source="x.xlsx")
    with pytest.raises(InvalidInput, match=r"spreadsheet|zip archive"):
        lake.load("t", [b"PK\x03\x04" + b"x" * 200], source="x.xlsx")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 22 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=22m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if made.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {made.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_said_and_nothing_of_the_load_is_seen(bench: Bench, small_disk: Path) -> None:
    (bench.home / "lake").mkdir(exist_ok=True)
    for name in ("staging", "tables", "quarantine", "spill"):
        (small_disk / name).mkdir()
        target = bench.home / "lake" / name
        shutil.rmtree(target, ignore_errors=True)
        target.symlink_to(small_disk / name)
    rng = random.Random(1)
    text = b"a,b\n" + b"".join(b"%d,%s\n" % (n, rng.randbytes(24).hex().encode()) for n in range(150_000))
    with open_lake(bench) as lake:
        lake.load("t", [b"a,b\n1,x\n"])
        for rows in (text * 4, text * 2):
            with pytest.raises(Unavailable, match="disk of this yard is full"):
                lake.load("t", [rows], source="big.csv")
            assert lake.table("t").rows == 1
            assert len(read(lake, "t")) == 1
            assert not list((bench.home / "lake" / "staging").glob("*"))
        lake.load("t", [b"a,b\n2,y\n"])
        assert lake.table("t").rows == 2
