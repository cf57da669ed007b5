"""Thumbnails: drawn once, bounded, never of what is no image."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest

from modelyard.kernel.errors import InvalidInput, TooLarge, UnsupportedMedia
from modelyard.lake.api import Lake
from modelyard.testing import Bench
from tests.lake.filesets.pictures import add, png

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install 'modelyard[media]'")


def objects(bench: Bench) -> list[Path]:
    return [path for path in (bench.home / "objects" / "files").rglob("*") if path.is_file() and path.name != "lock"]


def thumbnail(lake: Lake, path: str, *, size: int = 64) -> bytes:
    return b"".join(lake.thumbnail("cats", path, size=size))


def test_an_image_is_drawn_small_and_kept(bench: Bench, lake: Lake) -> None:
    add(lake, "cats", {"wide.png": png(1, width=400, height=100)})
    before = len(objects(bench))
    small = thumbnail(lake, "wide.png")
    with Image.open(io.BytesIO(small)) as image:
        assert (image.format, image.size) == ("WEBP", (64, 16))
    assert len(objects(bench)) == before + 1
    assert thumbnail(lake, "wide.png") == small
    assert len(objects(bench)) == before + 1
    assert thumbnail(lake, "wide.png", size=256) != small
    assert lake.collect_objects().objects == 0
    with pytest.raises(InvalidInput):
        thumbnail(lake, "wide.png", size=77)


def test_a_turned_photo_stands_upright_and_transparency_stays(lake: Lake) -> None:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (200, 100), "red").save(out, "JPEG", exif=exif)
    clear = io.BytesIO()
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(clear, "PNG")
    add(lake, "cats", {"a.jpg": out.getvalue(), "b.png": clear.getvalue()})
    with Image.open(io.BytesIO(thumbnail(lake, "a.jpg"))) as image:
        assert image.size == (32, 64)
    with Image.open(io.BytesIO(thumbnail(lake, "b.png"))) as image:
        assert image.mode == "RGBA"


def bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes that claims to unpack to many."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def test_an_image_that_would_unpack_to_too_much_is_refused(lake: Lake) -> None:
    add(lake, "cats", {"bomb.png": bomb(60_000, 60_000), "large.png": bomb(9_000, 9_000)})
    for path in ("bomb.png", "large.png"):
        with pytest.raises(TooLarge):
            thumbnail(lake, path)


def test_what_is_no_image_or_a_damaged_one_is_refused(lake: Lake) -> None:
    files = {
        "a.txt": b"text", "cut.png": png(1)[:60], "junk.png": b"\x89PNG\r\n\x1a\n" + b"junk" * 50,
        "x.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "short.png": bomb(100, 100),
    }  # fmt: skip
    add(lake, "cats", files)
    for path in files:
        with pytest.raises(UnsupportedMedia):
            thumbnail(lake, path)
