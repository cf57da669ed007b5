"""Looking for bytes in a stream, and inside the packed forms that a home holds: gzip, Zstandard, zip and Parquet.

What only looks packed, or is torn, holds nothing more than its plain bytes. Nothing is unpacked onto disk, and no more
than some megabytes of it are in memory.
"""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from enum import IntEnum
from importlib.util import find_spec
from io import BytesIO
from typing import Any, BinaryIO, Protocol

from msgspec import Struct

_CHUNK = 4 << 20
_ROWS = 65_536
_CONTROL = bytes(set(range(32)) - {9, 10, 13})
_NOT_CONTROL = bytes(set(range(256)) - set(_CONTROL))
_BESIDE = 8
_ESCAPED = re.compile(rb"(?:%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[a-z])\Z")


class Hit(IntEnum):
    """How a key was found: not at all, only within longer names, in bytes that tell no words apart, for itself."""

    NONE = 0
    WITHIN = 1
    UNSURE = 2
    ALONE = 3


class Sought(Struct, frozen=True):
    """A key, and the byte forms in which it may stand.

    Attributes:
        others: the same forms of longer names that are known to hold it, e.g. `taxi 47110` where `taxi 4711` is sought.
    """

    key: str
    forms: Mapping[str, bytes]
    others: tuple[Mapping[str, bytes], ...] = ()


class Readable(Protocol):
    """Something to read bytes from."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end."""
        ...


def unpacked_forms() -> tuple[str, ...]:
    """The packed forms that can be searched here; Parquet needs pyarrow."""
    return ("gzip", "zstd", "zip", *(("parquet",) if find_spec("pyarrow") else ()))


def holds_plain(stream: Readable, sought: Sought) -> tuple[int, Hit]:
    """Bytes read, and how the key is among them; it stops where it stands for itself.

    It stands within a longer name where that name is known, or where letters go on beside it in what is text from end
    to end; in other files neighbours mean nothing, and it may stand for itself.
    """
    longest = max(map(len, sought.forms.values()))
    reach = longest + max((len(form) for other in sought.others for form in other.values()), default=0) + _BESIDE
    size, kept, begin, in_words, in_names, is_text = 0, b"", 0, False, False, True
    while True:
        chunk = stream.read(_CHUNK)
        size += len(chunk)
        is_text = is_text and not chunk.translate(None, _NOT_CONTROL)
        window = kept + chunk
        judged = max(0, len(window) - reach) if chunk else len(window)
        for name, form in sought.forms.items():
            at = window.find(form, begin)
            while 0 <= at < judged:
                if _in_a_name(window, at, name, sought):
                    in_names = True
                elif name in _WORDED and _in_a_word(window, at, len(form)):
                    in_words = True
                else:
                    return size, Hit.ALONE
                at = window.find(form, at + 1)
        if not chunk:
            break
        start = max(0, judged - reach)
        kept, begin = window[start:], judged - start
    if in_words and not is_text:
        return size, Hit.UNSURE
    return size, Hit.WITHIN if in_words or in_names else Hit.NONE


_WORDED = frozenset({"utf-8", "json", "percent"})


def _in_a_name(window: bytes, at: int, name: str, sought: Sought) -> bool:
    """True if what stands there is a part of a known longer name."""
    form = sought.forms[name]
    for other in sought.others:
        whole = other.get(name, other["utf-8"])
        offset = whole.find(form)
        while offset >= 0:
            if offset <= at and window[at - offset : at - offset + len(whole)] == whole:
                return True
            offset = whole.find(form, offset + 1)
    return False


def _in_a_word(window: bytes, at: int, length: int) -> bool:
    """True if a letter, a digit or `_` stands right beside it, and is not the end of an escape."""
    before, after = window[max(0, at - _BESIDE) : at], window[at + length : at + length + _BESIDE]
    first, last = after.decode("utf-8", "ignore")[:1], before.decode("utf-8", "ignore")[-1:]
    return _is_letter(first) or (_is_letter(last) and _ESCAPED.search(before) is None)


def _is_letter(sign: str) -> bool:
    return sign.isalnum() or sign == "_"


def holds_inside(file: BinaryIO, sought: Sought) -> Hit:
    """How a packed file holds what is sought in its content; not at all, if it is not packed."""
    from backports import zstd

    file.seek(0)
    head = file.read(4)
    file.seek(0)
    try:
        if head == b"PAR1" and "parquet" in unpacked_forms():
            return _parquet_holds(file, sought)
        return max((holds_plain(inner, sought)[1] for inner in _contents(file, head)), default=Hit.NONE)
    except (zlib.error, EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zstd.ZstdError, ValueError, RuntimeError):
        return Hit.NONE  # its first bytes only look so, or it is torn or locked; the plain search has covered it


def _contents(file: BinaryIO, head: bytes) -> Iterator[Readable]:
    if head.startswith(b"\x1f\x8b"):
        yield gzip.GzipFile(fileobj=file)
    elif head == b"\x28\xb5\x2f\xfd":
        from backports import zstd

        yield zstd.ZstdFile(file)
    elif head == b"PK\x03\x04":
        with zipfile.ZipFile(file) as packed:
            for member in packed.infolist():
                with packed.open(member) as inner:
                    yield inner


def _parquet_holds(file: BinaryIO, sought: Sought) -> Hit:
    import pyarrow.parquet as pq

    found = Hit.NONE
    with pq.ParquetFile(file) as table:
        for batch in table.iter_batches(_ROWS):
            for column in batch.columns:
                found = max(found, _column_holds(column, sought))
                if found is Hit.ALONE:
                    return found
    return found


def _column_holds(column: Any, sought: Sought) -> Hit:
    """How an Arrow column, however nested, holds the key: in a text, or as a whole number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, key = column.type, sought.key
    if pa.types.is_dictionary(kind):
        return _column_holds(column.dictionary, sought)
    if pa.types.is_struct(kind):
        return max((_column_holds(part, sought) for part in column.flatten()), default=Hit.NONE)
    if pa.types.is_map(kind):
        return max(_column_holds(column.keys, sought), _column_holds(column.items, sought))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _column_holds(column.flatten(), sought)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = pc.unique(column.filter(pc.match_substring(column, key))).to_pylist()
        return max((_judged(text.encode("utf-8", "surrogatepass"), sought) for text in texts if text), default=Hit.NONE)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        values = pc.unique(column.filter(pc.match_substring(column, key.encode()))).to_pylist()
        return max((_judged(value, sought) for value in values if value), default=Hit.NONE)
    if pa.types.is_integer(kind) and key.isascii() and key.isdigit():
        equal = pc.equal(column.cast(pa.decimal128(38)), pa.scalar(int(key), pa.decimal128(38)))
        return Hit.ALONE if pc.any(equal).as_py() else Hit.NONE
    return Hit.NONE


def _judged(content: bytes, sought: Sought) -> Hit:
    return holds_plain(BytesIO(content), sought)[1]
