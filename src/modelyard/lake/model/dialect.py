"""How a text source is written: encoding, delimiter, header; decided from its first bytes. It reads nothing itself."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from statistics import mode

from msgspec import Struct

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import Format, Reading

SAMPLE_BYTES = 1 << 18
_DELIMITERS = ",\t;|"
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_VALUE = re.compile(r"[+-]?\d[\d.,:/ T+Z-]*|true|false|null|nan|none", re.IGNORECASE)
_LONGEST_RECORD = 1 << 18


class Dialect(Struct, frozen=True, kw_only=True):
    """How a CSV is written.

    Attributes:
        skip_bytes: where the first row of data begins, in the UTF-8 form of the source, byte order mark included.
        names: as the header has them; empty if there is none.
        width: fields in a record.
    """

    delimiter: str
    header: bool
    skip_bytes: int
    names: tuple[str, ...]
    width: int


def format_of(name: str, head: bytes) -> Format:
    """What a source is, by its first bytes, else by its name."""
    if head.startswith(b"PAR1"):
        return Format.PARQUET
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return Format.ARROW
    suffix = name.rpartition(".")[2].lower()
    if suffix in ("jsonl", "ndjson", "json") or head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return Format.JSON_LINES
    return Format.CSV


def encoding_of(head: bytes, wanted: str | None) -> str:
    """The encoding's name as the codec registry has it; `utf-8` is left as it is and checked row by row.

    Raises:
        InvalidInput: nobody knows the encoding that is asked for.
    """
    if wanted is not None:
        try:
            name = codecs.lookup(wanted).name
            "x".encode(name)
        except (LookupError, ValueError, TypeError) as err:
            raise InvalidInput(f"{wanted[:40]!r} is no text encoding; write e.g. utf-8, utf-16 or latin-1") from err
        return name
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    return "utf-8"


def sniff(head: bytes, reading: Reading, *, expected: Sequence[str] = ()) -> Dialect:
    """Decide how a CSV is written.

    Args:
        head: the first bytes, in UTF-8, at most `SAMPLE_BYTES`; cut anywhere.
        expected: the table's columns; a first record that names some of them is a header.

    Raises:
        InvalidInput: there is no record at all, or the delimiter asked for is not one character.
    """
    start = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    while head[start : start + 1] in (b"\r", b"\n"):
        start += 1
    text = head[start:].decode("utf-8", errors="backslashreplace")
    if not text.strip():
        raise InvalidInput("the source is empty: it has neither a header nor a row")
    if reading.delimiter is not None and (len(reading.delimiter) != 1 or reading.delimiter in '"\r\n'):
        raise InvalidInput(f"a delimiter is one character and no quote or line end, not {reading.delimiter[:20]!r}")
    delimiter = reading.delimiter or _delimiter(text)
    records = _records(text, delimiter, most=50)
    first = records[0]
    header = reading.header if reading.header is not None else _has_header(records, expected)
    skip = start + (_first_record_bytes(head[start:]) if header else 0)
    names = tuple(first) if header else ()
    width = len(first) if header else mode([len(r) for r in records])
    return Dialect(delimiter=delimiter, header=header, skip_bytes=skip, names=names, width=width)


def _records(text: str, delimiter: str, *, most: int) -> list[list[str]]:
    """The first records; the last line of the sample, which may be cut, only if it is the only one."""
    previous = csv.field_size_limit(1 << 27)
    try:
        found = []
        for record in csv.reader(text.splitlines(keepends=True), delimiter=delimiter):
            if record:
                found.append(record)
            if len(found) > most:
                break
    except csv.Error as err:
        raise InvalidInput(f"the source cannot be read as CSV: {err}") from err
    finally:
        csv.field_size_limit(previous)
    return found[:-1] or found


def _delimiter(text: str) -> str:
    """The candidate that cuts most records into the same number of fields, more fields being better."""
    best, best_score = ",", 0.0
    for candidate in _DELIMITERS:
        widths = [len(record) for record in _records(text, candidate, most=50)]
        usual = mode(widths)
        score = sum(width == usual for width in widths) / len(widths) * (usual > 1) * (1 + min(usual, 50) / 1000)
        if score > best_score:
            best, best_score = candidate, score
    return best


def _has_header(records: list[list[str]], expected: Sequence[str]) -> bool:
    first = [field.strip() for field in records[0]]
    if any(field in set(expected) for field in first):
        return True
    if all(not field for field in first) or any(_VALUE.fullmatch(field) for field in first):
        return False
    if len(records) == 1:
        return True
    texts_below = [any(_VALUE.fullmatch(f.strip()) for f in record) for record in records[1:]]
    return any(texts_below) or len(set(first)) == len(first)


def _first_record_bytes(data: bytes) -> int:
    """How many bytes the first record takes, its line end included."""
    quoted, place = False, 0
    while place < len(data):
        byte = data[place]
        if byte == 0x22:
            quoted = not quoted
        elif not quoted and byte in (0x0A, 0x0D):
            crlf = data[place : place + 2] == b"\r\n"
            return place + (2 if crlf else 1)
        place += 1
    return len(data)


def split_record(raw: str, delimiter: str) -> list[str | None]:
    """The fields of one record of CSV; None where nothing stands between two delimiters, not even quotes.

    Raises:
        InvalidInput: a quote is not closed, or the text is more than one record.
    """
    fields: list[str | None] = []
    place, end = 0, len(raw.rstrip("\r\n"))
    while True:
        if raw[place : place + 1] == '"':
            field, place = _quoted_field(raw, place + 1)
        else:
            stop = raw.find(delimiter, place, end)
            stop = end if stop < 0 else stop
            field, place = raw[place:stop], stop
            if "\n" in field or "\r" in field:
                raise InvalidInput("the text is more than one record")
        fields.append(field if field or raw[place - 1 : place] == '"' else None)
        if place >= end:
            return fields
        if raw[place] != delimiter:
            raise InvalidInput("after a closing quote comes neither a delimiter nor the end")
        place += 1


def _quoted_field(raw: str, place: int) -> tuple[str, int]:
    """The field whose opening quote stands before `place`, and the place behind its closing quote."""
    parts = []
    while (stop := raw.find('"', place)) >= 0:
        parts.append(raw[place:stop])
        if raw[stop + 1 : stop + 2] != '"':
            return "".join(parts), stop + 1
        parts.append('"')
        place = stop + 2
    raise InvalidInput("a quote is never closed")
