"""Segment files of predictions: their bytes, and how to read them, torn tails included.

A file is a magic word, then blocks of `length, crc32, payload` (little-endian, 4 + 4 bytes), then, if its writer closed
it, a marker: length `0xFFFFFFFF` and the number of records in place of the checksum. The first payload is the header,
each further one a msgpack array of records. The live writer holds an exclusive `flock`; so a file without the marker
whose lock is free belonged to a writer that died and will never grow. This module never writes a file.
"""

from __future__ import annotations

import fcntl
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from zlib import crc32

import msgspec
from msgspec import Struct

from modelyard.kernel.errors import Damaged
from modelyard.serving.hot.tensors import Scalar

MAGIC = b"YPRED01\n"
CLOSED = 0xFFFFFFFF
SUFFIX = ".seg"
MAX_BLOCK_BYTES = 1 << 30
_FRAME = struct.Struct("<II")


class SegmentHeader(Struct, frozen=True, array_like=True):
    """Whose file it is: `worker` names the process, `boot` its start, `number` counts the files of that start."""

    worker: str
    boot: str
    number: int
    created_ns: int


class PredictionRecord(Struct, frozen=True, array_like=True):
    """One answered request, or what a shadow would have answered to it.

    Attributes:
        id: the id of its first row; the others follow by counting up (`prediction_ids.row_ids`).
        at_ns: when the answer was ready, Unix nanoseconds.
        model: ref of the model version.
        route: `champion`, `canary`, `trial`, `header`, `version` (asked for by number) or `shadow`.
        columns: names of the inputs, in the order of `inputs`.
        inputs: row by row, `rows * width` values; as the caller sent them, before any conversion.
        outputs: for each of `output_names` its values, row by row.
        request_id: what the caller named the request (`x-request-id`, else the body's `id`), or empty.
        status: the HTTP status of the answer; outputs are empty unless it is 200.
        keys: the scalar parameters of the request: what the caller said it is about.
    """

    id: str
    at_ns: int
    endpoint: str
    revision: str
    model: str
    model_version: str
    route: str
    rows: int
    columns: tuple[str, ...]
    inputs: list[Scalar]
    output_names: tuple[str, ...]
    outputs: list[list[Scalar]]
    latency_us: int
    request_id: str
    caller: str
    status: int
    keys: dict[str, str | int | float | bool] = {}


class Segment(Struct, frozen=True, kw_only=True):
    """A segment as far as it is whole.

    Attributes:
        closed: its writer ended it with the marker.
        end: offset behind the last whole block; pass it as `start` to read on later.
        torn_bytes: what lies behind and is no whole block.
    """

    header: SegmentHeader
    records: list[PredictionRecord]
    closed: bool
    end: int
    torn_bytes: int


class SegmentFile(Struct, frozen=True, kw_only=True):
    """A segment file in a folder; `settled` once it will never grow again."""

    path: Path
    size_bytes: int
    settled: bool


_encoder = msgspec.msgpack.Encoder()
_records = msgspec.msgpack.Decoder(list[PredictionRecord])
_header = msgspec.msgpack.Decoder(SegmentHeader)


def frame(payload: bytes) -> bytes:
    """A block around the payload."""
    return _FRAME.pack(len(payload), crc32(payload)) + payload


def encode_block(records: Sequence[PredictionRecord]) -> bytes:
    """The block of some records."""
    return frame(_encoder.encode(records))


def encode_opening(header: SegmentHeader) -> bytes:
    """What a file begins with."""
    return MAGIC + frame(_encoder.encode(header))


def encode_closing(count: int) -> bytes:
    """The marker behind `count` records."""
    return _FRAME.pack(CLOSED, count & 0xFFFFFFFF)


def read_segment(path: Path, *, start: int = 0) -> Segment:
    """Every record from `start` (0, or an earlier `end`) to the last whole block.

    Raises:
        Damaged: it is no segment file, or a whole block holds something else than records.
    """
    with path.open("rb") as file:
        return parse_segment(file.read(), name=path.name, start=start)


def parse_segment(raw: bytes, *, name: str, start: int = 0) -> Segment:
    """Like `read_segment`, from bytes.

    Raises:
        Damaged: as there.
    """
    if not raw.startswith(MAGIC):
        raise Damaged(f"{name} is no prediction segment: it does not begin with {MAGIC!r}")
    first, at, _ = _block_at(raw, len(MAGIC))
    if first is None:
        raise Damaged(f"{name} has no whole header; its writer died before the first prediction")
    records: list[PredictionRecord] = []
    closed = False
    try:
        header = _header.decode(first)
        at = max(at, start)
        while True:
            payload, after, closed = _block_at(raw, at)
            if closed or payload is None:
                break
            records += _records.decode(payload)
            at = after
    except msgspec.MsgspecError as err:
        raise Damaged(f"{name}: the block at byte {at} passes its checksum and holds no records: {err}") from err
    end = len(raw) if closed else at
    return Segment(header=header, records=records, closed=closed, end=at, torn_bytes=len(raw) - end)


def segment_files(folder: Path) -> Iterator[SegmentFile]:
    """The segment files of a folder, oldest writer's first by name, each with whether it is settled."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            yield SegmentFile(path=path, size_bytes=path.stat().st_size, settled=is_settled(path))
        except FileNotFoundError:
            continue  # folded by somebody else meanwhile


def is_settled(path: Path) -> bool:
    """Whether no living writer holds the file.

    Raises:
        FileNotFoundError: it is gone.
    """
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _block_at(raw: bytes, at: int) -> tuple[bytes | None, int, bool]:
    """The payload at an offset and where the next block begins; no payload at a torn tail; the flag at the marker."""
    if at + _FRAME.size > len(raw):
        return None, at, False
    length, check = _FRAME.unpack_from(raw, at)
    if length == CLOSED:
        return None, at, True
    begin = at + _FRAME.size
    payload = raw[begin : begin + length]
    if not 0 < length <= MAX_BLOCK_BYTES or len(payload) < length or crc32(payload) != check:
        return None, at, False
    return payload, begin + length, False
