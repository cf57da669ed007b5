"""TensorBoard's folders come in, whole as far as they are whole, and the same runs however often."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.adapters.tensorboard.events import Reader
from modelyard.adapters.tensorboard.records import EventFile, masked_crc
from modelyard.kernel.errors import Damaged, InvalidInput, NotFound
from modelyard.protocols.moving.report import Kind, Report
from modelyard.protocols.moving.tensorboard import TensorBoardMover
from modelyard.sdk.hub import Yard

PNG = b"\x89PNG\r\n\x1a\n"


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def part(number: int, value: bytes | int | float, kind: str = "") -> bytes:
    """One field: bytes with their length, an integer as a varint, or a number as `f` or `d`."""
    if kind:
        return varint(number << 3 | (5 if kind == "f" else 1)) + struct.pack(f"<{kind}", value)
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3) + varint(int(value))


def event(step: int, *values: bytes, at_s: float = 1_700_000_000.0) -> bytes:
    return part(1, at_s, "d") + part(2, step) + part(5, b"".join(part(1, value) for value in values))


def plugin(name: str, content: bytes = b"") -> bytes:
    return part(9, part(1, part(1, name.encode()) + part(2, content)))


def scalar(tag: str, value: float) -> bytes:
    return part(1, tag.encode()) + part(2, value, "f")


def strings(tag: str, kind: str, *texts: bytes) -> bytes:
    return part(1, tag.encode()) + plugin(kind) + part(8, part(1, 7) + b"".join(part(8, text) for text in texts))


def record(data: bytes) -> bytes:
    head = struct.pack("<Q", len(data))
    return head + struct.pack("<I", masked_crc(head)) + data + struct.pack("<I", masked_crc(data))


def write(path: Path, events: Iterable[bytes], *, mode: str = "wb") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open(mode) as file:
        for each in events:
            file.write(record(each))


def move(root: Path, yard: Yard) -> Report:
    return TensorBoardMover(root, yard.tracking, lambda _: None).move()


def counted(report: Report) -> dict[Kind, int]:
    assert all(count.there == count.here for count in report.counts), report.counts
    return {count.kind: count.here for count in report.counts if count.here}


def test_the_checksum_is_that_of_the_format() -> None:
    """CRC-32C of `123456789` is E3069283 (RFC 3720, B.4 gives the polynomial), masked as TFRecord does."""
    crc = 0xE3069283
    assert masked_crc(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_scalars_params_texts_pictures_and_histograms_come_in(yard: Yard, tmp_path: Path) -> None:
    hparams = part(3, b"".join(
        part(1, part(1, name) + part(2, value))
        for name, value in ((b"lr", part(2, 0.5, "d")), (b"opt", part(3, b"adam")), (b"aug", part(4, 1)))
    ))  # fmt: skip
    tensor = part(1, 1) + part(2, b"") + part(5, struct.pack("<f", 0.25))
    buckets = b"".join(struct.pack("<d", n) for n in (0.0, 1.0, 5.0, 1.0, 2.0, 7.0))
    write(tmp_path / "logs" / "a" / "events.out.tfevents.1.host", [
        part(3, b"brain.Event:2"),
        *(event(step, scalar("loss/train (x)", 1 / (step + 1)), at_s=1_700_000_000.0 + step) for step in range(1500)),
        event(-3, part(1, b"acc") + plugin("scalars") + part(8, tensor)),
        event(7, part(1, b"acc") + part(8, tensor)),
        event(0, part(1, b"_hparams_/session_start_info") + plugin("hparams", hparams)),
        event(2, strings("note", "text", b"hello **world**")),
        event(2, strings("pairs", "images", b"8", b"8", PNG + b"1", PNG + b"2")),
        event(2, part(1, b"img") + part(4, part(1, 8) + part(4, PNG))),
        event(2, part(1, b"w") + plugin("histograms")
              + part(8, part(1, 2) + part(2, part(2, part(1, 2)) + part(2, part(1, 3))) + part(4, buckets))),
        event(2, part(1, b"old") + part(5, part(1, -1.0, "d") + part(6, struct.pack("<2d", 0, 1))
              + part(7, struct.pack("<2d", 3, 4)))),
        event(2, part(1, b"curve") + plugin("pr_curves") + part(8, part(1, 1))),
    ])  # fmt: skip
    write(tmp_path / "logs" / "b" / "events.out.tfevents.1.host", [event(0, scalar("loss", 1.0))])
    report = move(tmp_path / "logs", yard)
    assert report.is_whole, report.problems
    assert counted(report) == {
        Kind.EXPERIMENTS: 1, Kind.RUNS: 2, Kind.POINTS: 1503, Kind.PARAMS: 3, Kind.FILES: 6,
    }  # fmt: skip
    assert report.notes == ["a: 1 values of the plugin pr_curves are not read"]
    home = yard.tracking.experiment_named("logs")
    runs = {run.name: run for run in yard.tracking.runs([home.id]).items}
    one = runs["a"]
    assert one.params == {"lr": "0.5", "opt": "adam", "aug": "True"}
    assert (one.start_ms, one.end_ms) == (1_700_000_000_000, 1_700_001_499_000)
    assert {p.key: p.value for p in one.metrics}["acc"] == 0.25
    points = yard.tracking.history(one.id, "loss/train _x_").items
    assert [p.step for p in points] == list(range(1500))
    assert points[3].at_ms == 1_700_000_003_000
    read = {name: b"".join(yard.tracking.download(one.id, name)) for name in (
        "text/note.md", "images/pairs/step-2-1.png", "images/img/step-2.png", "histograms/w.json",
        "histograms/old.json",
    )}  # fmt: skip
    assert b"hello **world**" in read["text/note.md"]
    assert (read["images/pairs/step-2-1.png"], read["images/img/step-2.png"]) == (PNG + b"2", PNG)
    assert b'"buckets":[[0.0,1.0,5.0],[1.0,2.0,7.0]]' in read["histograms/w.json"]
    assert b'"buckets":[[-1.0,0.0,3.0],[0.0,1.0,4.0]]' in read["histograms/old.json"]


def test_a_folder_that_grew_is_the_same_runs_with_what_was_added(yard: Yard, tmp_path: Path) -> None:
    file = tmp_path / "grown" / "events.out.tfevents.1.host"
    write(file, [event(step, scalar("loss", float(step))) for step in range(10)])
    whole = file.read_bytes()
    file.write_bytes(whole[:-5])
    torn = move(tmp_path / "grown", yard)
    assert (torn.is_whole, counted(torn)[Kind.POINTS]) == (True, 9)
    assert "ends in the middle of a record" in torn.notes[0]
    file.write_bytes(whole)
    write(file, [event(step, scalar("loss", float(step))) for step in range(10, 15)], mode="ab")
    grown = move(tmp_path / "grown", yard)
    assert (grown.notes, counted(grown)) == ([], {Kind.EXPERIMENTS: 1, Kind.RUNS: 1, Kind.POINTS: 15})
    (run,) = yard.tracking.runs([yard.tracking.experiment_named("grown").id]).items
    assert [p.value for p in yard.tracking.history(run.id, "loss").items] == [float(n) for n in range(15)]


def test_what_is_damaged_is_read_up_to_there_and_told(yard: Yard, tmp_path: Path) -> None:
    file = tmp_path / "broken" / "events.out.tfevents.1.host"
    write(file, [event(step, scalar("loss", float(step))) for step in range(10)])
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 0xFF
    file.write_bytes(body)
    write(file.with_name("events.out.tfevents.2.host"), [b"\xff" * 20])
    report = move(tmp_path / "broken", yard)
    assert not report.is_whole
    assert "does not match its checksum" in report.problems[0]
    assert len(report.problems) == 2
    assert counted(report)[Kind.POINTS] == 5
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="no event file"):
        move(tmp_path / "empty", yard)
    with pytest.raises(NotFound, match="no folder"):
        move(tmp_path / "nowhere", yard)


def test_tags_that_no_name_may_be_get_one_of_their_own(yard: Yard, tmp_path: Path) -> None:
    tags = ["../../etc", "a[b]", "a(b)", "//x", "é", "a" * 400, "\x00", "a/../b"]
    write(tmp_path / "odd" / "tfevents", [event(1, *(scalar(tag, 1.0) for tag in tags))])
    report = move(tmp_path / "odd", yard)
    assert (report.problems, counted(report)[Kind.POINTS]) == ([], len(tags))


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_are_damaged(body: bytes) -> None:
    try:
        list(Reader().values(body))
    except Damaged:
        return


@given(st.binary(max_size=100))
def test_any_file_ends_in_its_records_a_tear_or_damage(body: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tfevents"
        path.write_bytes(body)
        file = EventFile(path)
        try:
            assert sum(len(each) + 16 for each in file.records()) == len(body) or file.torn
        except Damaged:
            return
