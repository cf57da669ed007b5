"""Pushed batches as bytes: how a body is read as rows, and the blocks of a segment file, torn tails included.

A segment is a magic word, then blocks of `length, crc32, payload` (little-endian, 4 + 4 bytes); each payload is one
`Batch` in msgpack. Whole blocks are good wherever they lie; the first that is not whole ends the file.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NoReturn
from zlib import crc32

import msgspec
from msgspec import Struct

from modelyard.kernel.errors import Damaged, InvalidInput, Malformed, TooLarge

MAGIC = b"YPUSH01\n"
MAX_BODY_BYTES = 16 << 20
MAX_ROW_BYTES = 4 << 20
ARROW_MARKS = (b"\xff\xff\xff\xff", b"ARROW1")
_FRAME = struct.Struct("<II")
_SHOWN = 80


class Batch(Struct, frozen=True, array_like=True):
    """One acknowledged push.

    Attributes:
        body: JSON lines, or an Arrow IPC stream where `arrow` says so.
        shape: equal for bodies that may be read as one.
        digest: of the body, to tell two batches under one key apart; empty without a key.
    """

    rows: int
    arrow: bool
    shape: str
    mode: str
    actor: str
    at_ms: int
    key: str
    digest: str
    body: bytes


_rows = msgspec.json.Decoder(list[msgspec.Raw])
_row = msgspec.json.Decoder(msgspec.Raw)
_encoder = msgspec.msgpack.Encoder()
_batch = msgspec.msgpack.Decoder(Batch)


def is_arrow(body: bytes) -> bool:
    """True if the bytes begin as an Arrow stream or file does."""
    return body.startswith(ARROW_MARKS)


def digest_of(body: bytes) -> str:
    """32 hex digits that tell bodies apart."""
    return sha256(body).hexdigest()[:32]


def json_lines(body: bytes) -> tuple[bytes, int]:
    """A body of JSON as lines of objects, and how many.

    Raises:
        Malformed: it is no JSON; the text names the row.
        InvalidInput: a row is no object, or there is none.
        TooLarge: a row is longer than 4 MiB.
    """
    plain = body.strip()
    if not plain:
        raise InvalidInput("the push holds no rows; send a JSON array of objects, JSON lines or an Arrow stream")
    _check_text(plain)
    rows = _array(plain) if plain.startswith(b"[") else _lines(plain)
    if not rows:
        raise InvalidInput("the push holds no rows")
    for place, row in enumerate(rows, start=1):
        if not row.startswith(b"{"):
            raise InvalidInput(
                f"row {place} is no JSON object but {_text(row)}; nothing was kept. Send objects, one for each row"
            )
    if len(plain) > MAX_ROW_BYTES:
        _check_lengths(rows)
    text = b"\n".join(rows)
    if text.count(b"\n") != len(rows) - 1 or b"\r" in text:
        text = b"\n".join(row.replace(b"\r", b" ").replace(b"\n", b" ") for row in rows)
    return text + b"\n", len(rows)


def encode(batch: Batch) -> bytes:
    """The block of a batch."""
    payload = _encoder.encode(batch)
    return _FRAME.pack(len(payload), crc32(payload)) + payload


def blocks(raw: bytes, *, name: str) -> Iterator[tuple[Batch, int]]:
    """Each whole batch and where the block behind it begins, counted from the start of `raw`.

    Raises:
        Damaged: a block passes its checksum and holds no batch.
    """
    at = 0
    while at + _FRAME.size <= len(raw):
        length, check = _FRAME.unpack_from(raw, at)
        begin = at + _FRAME.size
        payload = memoryview(raw)[begin : begin + length]
        if len(payload) < length or not length or crc32(payload) != check:
            return
        try:
            batch = _batch.decode(payload)
        except msgspec.MsgspecError as err:
            raise Damaged(f"{name}: the block at byte {at} passes its checksum and holds no batch: {err}") from err
        at = begin + length
        yield batch, at


def _check_text(body: bytes) -> None:
    if body.isascii():
        return
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as err:
        raise Malformed(f"byte {err.start} of the push is no UTF-8; nothing was kept") from err


def _array(body: bytes) -> list[bytes]:
    try:
        return [bytes(row) for row in _rows.decode(body)]
    except RecursionError as err:
        raise InvalidInput("a row of the push is nested too deeply; nothing was kept") from err
    except msgspec.MsgspecError as err:
        _refuse_array(body.decode("utf-8"), err)


def _refuse_array(text: str, err: msgspec.MsgspecError) -> NoReturn:
    """Say which row of an array is broken."""
    decoder, at, place = json.JSONDecoder(parse_constant=_no_constant), 1, 0
    try:
        while True:
            at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n,"))
            if at >= len(text) or text[at] == "]":
                break
            place += 1
            _, at = decoder.raw_decode(text, at)
    except (ValueError, RecursionError):
        raise Malformed(
            f"row {place} is no JSON: {_text(text[at:].encode())}; nothing was kept, mend it and push again"
        ) from err
    raise Malformed(f"the array breaks off behind row {place}: {err}; nothing was kept") from err


def _no_constant(text: str) -> NoReturn:
    raise ValueError(text)


def _lines(body: bytes) -> list[bytes]:
    try:
        return [bytes(_row.decode(body))]
    except RecursionError as err:
        raise InvalidInput("a row of the push is nested too deeply; nothing was kept") from err
    except msgspec.MsgspecError:
        return _several(body)


def _several(body: bytes) -> list[bytes]:
    rows: list[bytes] = []
    for line in body.split(b"\n"):
        if not (plain := line.strip()):
            continue
        try:
            rows.append(bytes(_row.decode(plain)))
        except (msgspec.MsgspecError, RecursionError) as err:
            raise Malformed(
                f"row {len(rows) + 1} is no JSON: {_text(plain)}; nothing was kept, mend it and push again"
            ) from err
    return rows


def _check_lengths(rows: Sequence[bytes]) -> None:
    for place, row in enumerate(rows, start=1):
        if len(row) > MAX_ROW_BYTES:
            raise TooLarge(f"row {place} is longer than {MAX_ROW_BYTES >> 20} MiB; nothing was kept")


def _text(raw: bytes) -> str:
    return repr(raw[:_SHOWN].decode("utf-8", "replace"))
