"""Prediction segments: what was written whole is read whole, whatever happens to the tail."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import Damaged, Unavailable
from modelyard.serving.hot import segments
from modelyard.serving.hot.prediction_ids import PREDICTION, PredictionIds, row_ids
from modelyard.serving.hot.prediction_log import Durability, PredictionLog
from modelyard.serving.hot.segments import PredictionRecord, SegmentHeader

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=9)
)
RECORDS = st.builds(
    PredictionRecord,
    id=st.text(max_size=31), at_ns=st.integers(0, 2**62), endpoint=st.text(max_size=9), revision=st.text(max_size=9),
    model=st.text(max_size=9), model_version=st.text(max_size=9), route=st.sampled_from(["champion", "shadow"]),
    rows=st.integers(1, 9), columns=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    inputs=st.lists(SCALARS, max_size=5), output_names=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    outputs=st.lists(st.lists(SCALARS, max_size=4), max_size=2), latency_us=st.integers(0, 2**40),
    request_id=st.text(max_size=9), caller=st.text(max_size=9), status=st.sampled_from([200, 422, 500]),
)  # fmt: skip
OPENING = segments.encode_opening(SegmentHeader("w0", "BOOT", 1, 5))


def record(name: str = "p") -> PredictionRecord:
    return PredictionRecord(
        name, 1, "tips", "r1", "model:tips@1", "1", "champion", 1, ("a",), [1.5], ("y",), [[2.5]], 40, "", "actor", 200
    )


def log_in(folder: Path, **more: object) -> PredictionLog:
    known = {"worker": "w0", "boot": "BOOT", "now_ns": SystemClock().now_ns, **more}
    return PredictionLog(folder, **known)  # type: ignore[arg-type]  # named options of a test


@given(st.lists(st.lists(RECORDS, min_size=1, max_size=3), max_size=4), st.booleans())
def test_what_was_written_is_read_back(batches: list[list[PredictionRecord]], closed: bool) -> None:
    written = list(itertools.chain.from_iterable(batches))
    raw = OPENING + b"".join(segments.encode_block(b) for b in batches)
    raw += segments.encode_closing(len(written)) if closed else b""
    segment = segments.parse_segment(raw, name="s")
    assert segment.records == written
    assert (segment.closed, segment.torn_bytes) == (closed, 0)


@given(st.lists(st.lists(RECORDS, min_size=1, max_size=2), min_size=1, max_size=4), st.data())
def test_a_torn_tail_reads_to_the_last_whole_block(batches: list[list[PredictionRecord]], data: st.DataObject) -> None:
    blocks = [segments.encode_block(b) for b in batches]
    whole = OPENING + b"".join(blocks)
    cut = data.draw(st.integers(len(OPENING), len(whole)))
    junk = data.draw(st.sampled_from([b"", b"\0" * 40, b"\xff\xfe" * 9]))
    raw = whole[:cut] + (junk if cut < len(whole) else b"")
    ends = list(itertools.accumulate([len(OPENING), *map(len, blocks)]))
    count = sum(end <= cut for end in ends) - 1
    segment = segments.parse_segment(raw, name="s")
    assert segment.records == list(itertools.chain.from_iterable(batches[:count]))
    assert segment.end + segment.torn_bytes == len(raw)
    resumed = segments.parse_segment(whole, name="s", start=segment.end)
    assert segment.records + resumed.records == list(itertools.chain.from_iterable(batches))


@given(st.binary(max_size=60))
def test_foreign_bytes_are_told_apart_from_a_torn_segment(junk: bytes) -> None:
    with pytest.raises(Damaged):
        segments.parse_segment(junk, name="s")


def test_a_segment_is_settled_once_its_writer_is_done_or_dead(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.append([record()])
    (file,) = segments.segment_files(tmp_path)
    assert not file.settled
    read = os.open(file.path, os.O_RDONLY)
    log.close()
    os.close(read)
    (file,) = segments.segment_files(tmp_path)
    assert file.settled
    assert segments.read_segment(file.path).closed


def test_segments_roll_by_size_and_by_age(tmp_path: Path) -> None:
    now = [0]
    log = log_in(tmp_path, now_ns=lambda: now[0], roll_bytes=150, roll_s=5)
    for name in "abc":
        log.append([record(name)])
    now[0] = 6_000_000_000
    log.tick()
    files = list(segments.segment_files(tmp_path))
    assert len(files) > 1
    assert all(f.settled for f in files)
    assert [r.id for f in files for r in segments.read_segment(f.path).records] == ["a", "b", "c"]


@pytest.mark.parametrize("durability", list(Durability))
def test_every_durability_keeps_the_same_records(tmp_path: Path, durability: Durability) -> None:
    log = log_in(tmp_path, durability=durability)
    log.append([record("a"), record("b")])
    log.sync()
    log.close()
    (file,) = segments.segment_files(tmp_path)
    assert [r.id for r in segments.read_segment(file.path).records] == ["a", "b"]


def test_a_full_disk_leaves_whole_blocks_and_says_so(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.append([record("a")])
    (file,) = segments.segment_files(tmp_path)
    log._fd, held = os.open("/dev/full", os.O_WRONLY), log._fd
    with pytest.raises(Unavailable, match="free space"):
        log.append([record("lost")])
    os.close(held)
    log.append([record("b")])
    log.close()
    read = [r.id for f in segments.segment_files(tmp_path) for r in segments.read_segment(f.path).records]
    assert read == ["a", "b"]
    assert file.path.exists()


def test_prediction_ids_sort_by_birth_and_count_up_by_row() -> None:
    ids = PredictionIds()
    born = []
    for now_ms in (5, 5, 6, 4, 7):
        ids.turn(now_ms)
        born += ids.draw_many(700)
    assert born == sorted(set(born))
    assert all(PREDICTION.parse(i) == i for i in born)
    ids.turn(9)
    rows = ids.draw_many(2000)
    assert rows == row_ids(rows[0], 2000)
