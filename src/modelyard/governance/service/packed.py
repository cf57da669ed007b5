"""Looking for bytes in a stream, and inside the packed forms that a home holds: gzip, Zstandard, zip and Parquet.

What only looks packed, or is torn, holds nothing more than its plain bytes. Nothing is unpacked onto disk, and no more
than some megabytes of it are in memory.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, BinaryIO, Protocol

from msgspec import Struct

_CHUNK = 4 << 20
_ROWS = 65_536


class Sought(Struct, frozen=True):
    """A key, and the byte forms in which it may stand."""

    key: str
    forms: Mapping[str, bytes]


class Readable(Protocol):
    """Something to read bytes from."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end."""
        ...


def unpacked_forms() -> tuple[str, ...]:
    """The packed forms that can be searched here; Parquet needs pyarrow."""
    return ("gzip", "zstd", "zip", *(("parquet",) if find_spec("pyarrow") else ()))


def holds_plain(stream: Readable, forms: Mapping[str, bytes]) -> tuple[int, bool]:
    """Bytes read, and whether one of the forms is among them; it stops at the first."""
    longest = max(map(len, forms.values()))
    size, kept = 0, b""
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        window = kept + chunk
        if any(form in window for form in forms.values()):
            return size, True
        kept = window[-(longest - 1) :] if longest > 1 else b""
    return size, False


def holds_inside(file: BinaryIO, sought: Sought) -> bool:
    """True if a packed file holds what is sought in its content; False for a file that is not packed."""
    from backports import zstd

    file.seek(0)
    head = file.read(4)
    file.seek(0)
    try:
        if head == b"PAR1" and "parquet" in unpacked_forms():
            return _parquet_holds(file, sought.key)
        return any(holds_plain(inner, sought.forms)[1] for inner in _contents(file, head))
    except (zlib.error, EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zstd.ZstdError, ValueError, RuntimeError):
        return False  # its first bytes only look so, or it is torn or locked; the plain search has covered it


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


def _parquet_holds(file: BinaryIO, key: str) -> bool:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as table:
        return any(_column_holds(column, key) for batch in table.iter_batches(_ROWS) for column in batch.columns)


def _column_holds(column: Any, key: str) -> bool:
    """True if an Arrow column, however nested, holds the key: as part of a text, or as a whole number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        return _column_holds(column.dictionary, key)
    if pa.types.is_struct(kind):
        return any(_column_holds(part, key) for part in column.flatten())
    if pa.types.is_map(kind):
        return _column_holds(column.keys, key) or _column_holds(column.items, key)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _column_holds(column.flatten(), key)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return bool(pc.any(pc.match_substring(column, key)).as_py())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return bool(pc.any(pc.match_substring(column, key.encode())).as_py())
    if pa.types.is_integer(kind) and key.isascii() and key.isdigit():
        return bool(pc.any(pc.equal(column.cast(pa.decimal128(38)), pa.scalar(int(key), pa.decimal128(38)))).as_py())
    return False
