"""A search of every file under a folder for some bytes, inside gzip and Zstandard too. It changes nothing.

Memory stays at some megabytes. A file that goes away meanwhile is no finding; one that cannot be read is named.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol

from msgspec import Struct

_CHUNK = 4 << 20
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
UNPACKED = ("gzip", "zstd")


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Scanned(Struct):
    """What a search went through and where it found something."""

    files: int = 0
    bytes: int = 0
    found: list[str] = []
    unreadable: list[str] = []


def search(home: Path, forms: Mapping[str, bytes]) -> Scanned:
    """Every regular file under `home` that holds one of `forms`; links are not followed.

    Costs one read of everything; about a gigabyte a second and form.
    """
    done = Scanned()
    for file in _files(home):
        name = file.relative_to(home).as_posix()
        try:
            with file.open("rb") as stream:
                head = stream.read(4)
                stream.seek(0)
                size, hit = _look(stream, forms)
                if not hit and (inner := _unpacked(stream, head)) is not None:
                    hit = _look_inside(inner, forms)
        except FileNotFoundError:
            continue
        except OSError:
            done.unreadable.append(name)
            continue
        done.files += 1
        done.bytes += size
        if hit:
            done.found.append(name)
    return done


def _files(home: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(home):
        folders.sort()
        for name in sorted(names):
            file = Path(folder) / name
            if file.is_file() and not file.is_symlink():
                yield file


def _look(stream: _Readable, forms: Mapping[str, bytes]) -> tuple[int, bool]:
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


def _unpacked(stream: BinaryIO, head: bytes) -> _Readable | None:
    """The content of a compressed file; None if it is not one."""
    stream.seek(0)
    if head.startswith(_GZIP):
        return gzip.GzipFile(fileobj=stream)
    if head == _ZSTD:
        import zstandard

        return zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
    return None


def _look_inside(inner: _Readable, forms: Mapping[str, bytes]) -> bool:
    import zstandard

    try:
        return _look(inner, forms)[1]
    except (zlib.error, EOFError, gzip.BadGzipFile, zstandard.ZstdError):
        return False  # its first bytes only look so; the raw search has covered it
