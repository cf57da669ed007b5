"""Packed files: gzip and Zstandard are unpacked beside the source, spreadsheets become text; bombs are not let grow.

A file may unpack to a certain multiple of its size, and never to more than the disk can bear; what goes beyond is
refused with nothing kept.
"""

from __future__ import annotations

import csv
import gzip
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, cast

from modelyard.kernel.errors import InvalidInput, MissingExtra, TooLarge
from modelyard.kernel.units import format_bytes

_CHUNK = 1 << 20
MOST_TIMES = 250
"""A gzip of one repeated byte grows 1,032 times; text of tables grows 5 to 40 times, rarely 100."""
FREE_BYTES = 256 << 20
"""So much of the disk is left alone."""
ALWAYS_BYTES = 64 << 20
"""What may always be unpacked, however small the file."""
MOST_SHEET_BYTES = 512 << 20
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0"
_WINDOW_LOG = 27


def packing_of(head: bytes) -> str:
    """How a file is packed by its first bytes: `gzip`, `zstd`, `zip`, `xls`, or nothing."""
    known = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (_ZIP, "zip"), (_OLE, "xls"))
    return next((name for mark, name in known if head.startswith(mark)), "")


def unpacked(path: Path, target: Path, packing: str) -> bytes:
    """Unpack gzip or Zstandard into `target`; its first bytes.

    Raises:
        TooLarge: it grows beyond what a table does, or beyond the disk.
        InvalidInput: it is cut off or damaged.
    """
    most = max(ALWAYS_BYTES, path.stat().st_size * MOST_TIMES)
    head, size = b"", 0
    with _refused(packing), _opened(path, packing) as packed, target.open("wb") as made:
        while chunk := packed.read(_CHUNK):
            head = head or chunk[:64]
            size += len(chunk)
            if size > most:
                raise TooLarge(
                    f"the {packing} file unpacks to more than {MOST_TIMES} times its size, as a bomb does; unpack it "
                    "yourself if you trust it. Nothing was taken"
                )
            if size % (32 * _CHUNK) < _CHUNK and shutil.disk_usage(target.parent).free < FREE_BYTES:
                raise TooLarge(f"the {packing} file unpacks to more than the disk of this yard can bear")
            made.write(chunk)
    return head


def sheet_as_text(path: Path, target: Path, sheet: str | None) -> str:
    """Write a sheet of a spreadsheet as CSV; the name of the sheet.

    Raises:
        MissingExtra: the library is not installed.
        InvalidInput: it is no spreadsheet, or has no such sheet.
        TooLarge: it unpacks to more than `MOST_SHEET_BYTES`.
    """
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ModuleNotFoundError as err:
        raise MissingExtra("a spreadsheet needs python-calamine: pip install 'modelyard[excel]'") from err
    with path.open("rb") as file:
        if file.read(4) == _ZIP:
            _measure(path)
    try:
        book = CalamineWorkbook.from_path(str(path))
        names = list(book.sheet_names)
        chosen = sheet or next(iter(names), "")
        if chosen not in names:
            raise InvalidInput(f"the spreadsheet has no sheet {chosen[:60]!r}; it has {', '.join(names)[:300]}")
        with target.open("w", encoding="utf-8", newline="") as made:
            write = csv.writer(made, lineterminator="\n").writerow
            for row in book.get_sheet_by_name(chosen).iter_rows():
                write([_text(value) for value in row])
    except (CalamineError, OSError, ValueError) as err:
        raise InvalidInput(f"the source cannot be read as a spreadsheet: {str(err)[:200]}; nothing was taken") from err
    return chosen


def is_spreadsheet(path: Path, packing: str) -> bool:
    """True for an archive that holds a workbook; another archive is none of ours.

    Raises:
        InvalidInput: it is an archive of something else.
    """
    if packing == "xls":
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, UnicodeError) as err:
        raise InvalidInput(f"the source is a damaged zip archive: {str(err)[:100]}; nothing was taken") from err
    if "xl/workbook.xml" in names or "xl/workbook.bin" in names or "content.xml" in names:
        return True
    raise InvalidInput("the source is a zip archive, which may hold many files; unpack it and load what is in it")


def _measure(path: Path) -> None:
    """Unpack every part into nothing, because what an archive says of its size may be a lie."""
    total = 0
    with _refused("spreadsheet"), zipfile.ZipFile(path) as archive:
        for part in archive.infolist():
            with archive.open(part) as file:
                while chunk := file.read(_CHUNK):
                    total += len(chunk)
                    if total > MOST_SHEET_BYTES:
                        raise TooLarge(
                            f"the spreadsheet unpacks to more than {format_bytes(MOST_SHEET_BYTES)}; save it as CSV "
                            "or Parquet. Nothing was taken"
                        )


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


@contextmanager
def _opened(path: Path, packing: str) -> Iterator[IO[bytes]]:
    if packing == "gzip":
        with gzip.open(path) as file:
            yield cast("IO[bytes]", file)
        return
    from backports import zstd

    with zstd.open(path, "rb", options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}) as file:
        yield cast("IO[bytes]", file)


@contextmanager
def _refused(packing: str) -> Iterator[None]:
    from backports.zstd import ZstdError

    try:
        yield
    except (
        EOFError,
        gzip.BadGzipFile,
        zlib.error,
        ZstdError,
        zipfile.BadZipFile,
        RuntimeError,
        NotImplementedError,
    ) as err:
        raise InvalidInput(
            f"the {packing} file is cut off or damaged: {str(err)[:100]}; send it again, nothing was taken"
        ) from err


def form_within(name: str) -> str:
    """The name without the suffix of its packing."""
    return name.removesuffix(".gz").removesuffix(".zst").removesuffix(".zstd").removesuffix(".gzip")
