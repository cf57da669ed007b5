"""Sources on disk: the bytes as they came, with their hash; and as they are read, unpacked and in UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import Column, Format, Reading, SchemaRules
from modelyard.lake.model.dialect import encoding_of, format_of
from modelyard.lake.service.sources import Source, open_source
from modelyard.lake.service.sources.packed import (
    form_within,
    is_spreadsheet,
    packing_of,
    sheet_as_text,
    unpacked,
)

T = TypeVar("T")
_CHUNK = 1 << 20
_HEAD_BYTES = 64


@dataclass(frozen=True, slots=True)
class Spooled:
    """The bytes of a source, on disk: as they came, and as they are read.

    Attributes:
        text: unpacked, and in UTF-8 where it is text.
        told: how it was packed.
    """

    path: Path
    text: Path
    digest: str
    size_bytes: int
    form: Format
    told: tuple[tuple[str, str], ...] = ()


def drained(work: Generator[object, None, T]) -> T:
    """Do work to its end without telling how far it is."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            found: T = end.value
            return found


def spooling(
    folder: Path, content: Iterable[bytes], *, name: str, form: Format | None, reading: Reading
) -> Generator[int, None, Spooled]:
    """Write the bytes down as they come, hash them, and tell how many there were so far."""
    path, seen, size, head = folder / "source", sha256(), 0, b""
    with path.open("wb") as file:
        for chunk in content:
            head = head if len(head) >= _HEAD_BYTES else head + bytes(chunk[:_HEAD_BYTES])
            seen.update(chunk)
            size += file.write(chunk)
            yield size
    if size == 0:
        raise InvalidInput("the source is empty: it has neither a header nor a row")
    text, told = path, dict[str, str]()
    if (packing := packing_of(head)) in ("gzip", "zstd"):
        text = folder / "unpacked"
        head, name, told["packed"] = unpacked(path, text, packing), form_within(name), packing
        packing = packing_of(head)
    if packing in ("zip", "xls") and form is not Format.PARQUET and is_spreadsheet(text, packing):
        given, text = text, folder / "sheet"
        form, told["sheet"] = Format.EXCEL, sheet_as_text(given, text, reading.sheet)
    elif form is Format.EXCEL:
        raise InvalidInput("the source is no spreadsheet; leave the format out, or send one")
    form = form or format_of(name, head)
    if form in (Format.CSV, Format.JSON_LINES):
        encoding = encoding_of(head, reading.encoding)
        if codecs.lookup(encoding).name != "utf-8":
            given, text = text, folder / "text"
            _transcode(given, text, encoding)
    return Spooled(path=path, text=text, digest=seen.hexdigest(), size_bytes=size, form=form, told=tuple(told.items()))


def opened_spool(
    spooled: Spooled, reading: Reading, expected: Sequence[Column], rules: SchemaRules | None = None
) -> Source:  # fmt: skip
    """The rows of what was written down."""
    return open_source(spooled.text, spooled.form, reading, expected=[c.name for c in expected], rules=rules)


def _transcode(path: Path, target: Path, encoding: str) -> None:
    decoder = codecs.getincrementaldecoder(encoding)(errors="backslashreplace")
    with path.open("rb") as given, target.open("wb") as made:
        while chunk := given.read(_CHUNK):
            made.write(decoder.decode(chunk).encode("utf-8", errors="backslashreplace"))
        made.write(decoder.decode(b"", final=True).encode("utf-8", errors="backslashreplace"))
