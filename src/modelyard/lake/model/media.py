"""What bytes are: media type, size of an image, length of a sound, from the first of them; and how they may be shown.

Nothing is unpacked here. A name counts only where bytes cannot tell, for kinds of text.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from modelyard.kernel.contents import BYTES
from modelyard.lake.api.files import FileFacts

_NOT_IN_TEXT = bytes(byte for byte in range(32) if byte < 9 or (byte > 13 and byte != 27))
HEAD_BYTES = 256 << 10
"""How many of the first bytes are looked at."""

_ABSURD = 1_000_000  # no side of a picture and no rate of a sound: such a header lies

TEXT = "text/plain"
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"), (b"BM", "image/bmp"), (b"II*\0", "image/tiff"), (b"MM\0*", "image/tiff"),
    (b"fLaC", "audio/flac"), (b"OggS", "audio/ogg"), (b"ID3", "audio/mpeg"), (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"), (b"\x1aE\xdf\xa3", "video/webm"), (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"), (b"\x1f\x8b", "application/gzip"),
    (b"PAR1", "application/vnd.apache.parquet"), (b"\x93NUMPY", "application/x-npy"),
    (b"\x89HDF\r\n\x1a\n", "application/x-hdf5"), (b"SQLite format 3\0", "application/vnd.sqlite3"),
)  # fmt: skip
_BY_FIRST = {
    first: tuple((magic, media) for magic, media in _MAGIC if magic[:1] == first)
    for first in {magic[:1] for magic, _ in _MAGIC}
}
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {b"avif": "image/avif", b"heic": "image/heic", b"M4A ": "audio/mp4"}
_TEXTS = {
    "csv": "text/csv", "tsv": "text/tab-separated-values", "json": "application/json",
    "jsonl": "application/x-ndjson", "ndjson": "application/x-ndjson", "md": "text/markdown", "html": "text/html",
    "htm": "text/html", "xhtml": "application/xhtml+xml", "svg": "image/svg+xml", "xml": "application/xml",
    "yaml": "application/yaml", "yml": "application/yaml", "js": "text/javascript", "css": "text/css",
}  # fmt: skip
_SHOWN = frozenset(
    {
        "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif", "audio/wav", "audio/flac",
        "audio/ogg", "audio/mpeg", "audio/mp4", "video/mp4", "video/webm",
    }
)  # fmt: skip


def facts_of(digest: str, size_bytes: int, head: bytes) -> FileFacts:
    """What some bytes are, from the first of them."""
    media = media_of(head)
    told: dict[str, int] = {}
    if (measure := _MEASURES.get(media)) is not None:
        try:
            told = measure(head, size_bytes)
        except (struct.error, IndexError, ZeroDivisionError):
            told = {}
    if any(value > _ABSURD for name, value in told.items() if name != "duration_ms"):
        told = {}
    return FileFacts(digest=digest, size_bytes=size_bytes, media_type=media, **told)


def media_of(head: bytes) -> str:
    """The media type that bytes show."""
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], BYTES)
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    for magic, media in _BY_FIRST.get(head[:1], ()):
        if head.startswith(magic) and (magic != b"BM" or head[6:10] == bytes(4)):
            return media
    return TEXT if head and _is_text(head) else BYTES


def named(media: str, path: str) -> str:
    """The media type of a text, told more closely by its name; that of other bytes stays."""
    if media != TEXT:
        return media
    return _TEXTS.get(path.rpartition(".")[2].lower(), TEXT)


def safe(media: str) -> str:
    """The type under which a browser may be given bytes: never one that it would run."""
    if media in _SHOWN:
        return media
    is_text = media.startswith("text/") or media in _TEXTS.values()
    return "text/plain; charset=utf-8" if is_text else BYTES


def _is_text(head: bytes) -> bool:
    sample = head[:4096]
    if any(byte < 9 or (13 < byte < 32 and byte != 27) for byte in sample):
        return False
    try:
        sample.decode()
    except UnicodeDecodeError as err:
        return len(head) > len(sample) - 4 and err.start > len(sample) - 4 and err.reason == "unexpected end of data"
    return True


def _png(head: bytes, size: int) -> dict[str, int]:  # noqa: ARG001 - one form for all measures
    width, height = struct.unpack_from(">II", head, 16)
    return {"width": width, "height": height}


def _gif(head: bytes, size: int) -> dict[str, int]:  # noqa: ARG001 - one form for all measures
    width, height = struct.unpack_from("<HH", head, 6)
    return {"width": width, "height": height}


def _bmp(head: bytes, size: int) -> dict[str, int]:  # noqa: ARG001 - one form for all measures
    width, height = struct.unpack_from("<ii", head, 18)
    return {"width": abs(width), "height": abs(height)}


def _webp(head: bytes, size: int) -> dict[str, int]:  # noqa: ARG001 - one form for all measures
    kind = head[12:16]
    if kind == b"VP8X":
        low = struct.unpack_from("<HBHB", head, 24)
        return {"width": (low[0] | low[1] << 16) + 1, "height": (low[2] | low[3] << 16) + 1}
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return {"width": (bits & 0x3FFF) + 1, "height": (bits >> 14 & 0x3FFF) + 1}
    width, height = struct.unpack_from("<HH", head, 26)
    return {"width": width & 0x3FFF, "height": height & 0x3FFF}


def _jpeg(head: bytes, size: int) -> dict[str, int]:  # noqa: ARG001 - one form for all measures
    place = 2
    while place + 9 < len(head):
        if head[place] != 0xFF:
            return {}
        kind = head[place + 1]
        if kind == 0xFF:
            place += 1
        elif 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", head, place + 5)
            return {"width": width, "height": height}
        else:
            place += 2 + int.from_bytes(head[place + 2 : place + 4], "big")
    return {}


def _wav(head: bytes, size: int) -> dict[str, int]:
    found, place = wav_form(head), 0
    if found is None:
        return {}
    channels, rate, width, place, length = found
    length = min(length, max(size - place, 0))
    return {
        "channels": channels, "sample_rate": rate, "duration_ms": round(length / (channels * width * rate) * 1000)
    }  # fmt: skip


def wav_form(head: bytes) -> tuple[int, int, int, int, int] | None:
    """Channels, rate, bytes a sample, where the samples begin and how many bytes; None unless it is plain PCM."""
    place, form = 12, None
    while place + 8 <= len(head):
        name, length = head[place : place + 4], int.from_bytes(head[place + 4 : place + 8], "little")
        if name == b"fmt ":
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", head, place + 8)
            form = (channels, rate, bits // 8) if kind in (1, 0xFFFE) and bits in (8, 16, 24, 32) else None
        elif name == b"data":
            if form is None or not form[0] or not form[1]:
                return None
            return (*form, place + 8, length)
        place += 8 + length + length % 2
    return None


def _flac(head: bytes, size: int) -> dict[str, int]:  # noqa: ARG001 - one form for all measures
    bits = int.from_bytes(head[18:26], "big")
    rate, channels, samples = bits >> 44, (bits >> 41 & 7) + 1, bits & (1 << 36) - 1
    return {"sample_rate": rate, "channels": channels, "duration_ms": round(samples / rate * 1000)}


_MEASURES: dict[str, Callable[[bytes, int], dict[str, int]]] = {
    "image/png": _png, "image/gif": _gif, "image/bmp": _bmp, "image/webp": _webp, "image/jpeg": _jpeg,
    "audio/wav": _wav, "audio/flac": _flac,
}  # fmt: skip
