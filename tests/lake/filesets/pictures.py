"""Files for tests of file sets: pictures, a sound, texts; and adding them as a client does."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable, Mapping
from hashlib import sha256

import msgspec

from modelyard.kernel.clock import SystemClock
from modelyard.lake.api import ADD, FileEntry, FilesCommit, Lake

Content = Mapping[str, bytes]


def png(number: int, *, width: int = 32, height: int = 24) -> bytes:
    """A picture unlike those of other numbers."""
    from PIL import Image

    image = Image.new("RGB", (width, height), (number % 256, number // 256 % 256, 90))
    image.putpixel((number % width, 0), (255, 255, 255))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def wav(*, rate: int = 8000, frames: int = 4000) -> bytes:
    """Half a second of a tone that grows louder."""
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        values = (int(n / frames * 30000) * (1 if n // 10 % 2 else -1) for n in range(frames))
        sound.writeframes(b"".join(value.to_bytes(2, "little", signed=True) for value in values))
    return out.getvalue()


def framed(contents: Iterable[bytes]) -> bytes:
    return b"".join(len(each).to_bytes(8, "big") + each for each in contents)


def digest_of(content: bytes) -> str:
    return sha256(content).hexdigest()


def entries(files: Content, **told: object) -> list[FileEntry]:
    return [FileEntry(path=path, digest=digest_of(each), **told) for path, each in files.items()]  # type: ignore[arg-type]  # the fields of an entry, passed through


def add(
    lake: Lake, name: str, files: Content, *, given: Iterable[FileEntry] = (), mirror: bool = False
) -> FilesCommit:  # fmt: skip
    """Add files as a client does: ask what is missing, bring it, commit."""
    adding = ADD.new(SystemClock())
    by_digest = {digest_of(each): each for each in files.values()}
    lost = lake.missing_files(name, adding, tuple(by_digest))
    lake.upload_files(name, adding, [framed(by_digest[each] for each in lost)])
    lines = b"\n".join(msgspec.json.encode(entry) for entry in given or entries(files))
    return lake.commit_files(name, [lines], add=adding, mirror=mirror)
