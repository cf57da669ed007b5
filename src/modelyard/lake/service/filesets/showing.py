"""Showing: lists and counts of files, their bytes, images in small, sounds as bars."""

from __future__ import annotations

import io
import warnings
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import msgspec

from modelyard.kernel.contents import Content
from modelyard.kernel.errors import InvalidInput, MissingExtra, NotFound, TooLarge, UnsupportedMedia
from modelyard.kernel.pages import Page, page_of
from modelyard.lake.api import LOAD
from modelyard.lake.api.files import DRAWN, File, FileCounts, Waveform
from modelyard.lake.api.paths import shown
from modelyard.lake.model.filesets import PREFIX, own_columns, table_of
from modelyard.lake.model.media import HEAD_BYTES, safe, wav_form
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.filesets.adds import bringing
from modelyard.lake.service.filesets.frames import SIZE_BYTES
from modelyard.lake.service.filesets.rows import entry_of, file_of, known_contents, one
from modelyard.lake.service.reading import only_select
from modelyard.lake.store import catalogue, filesets
from modelyard.ports import calls
from modelyard.ports.objects import Digest, Stored, content_of
from modelyard.ports.queries import Session

SIDES = (64, 128, 256, 512)
MOST_PIXELS = 64_000_000
MOST_IMAGE_BYTES = 64 << 20
MOST_SOUND_BYTES = 256 << 20
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
_pairs = msgspec.json.Decoder(list[tuple[str, str]])


def listed(desk: Desk, entry: catalogue.Entry, *, matching: str, after: str, limit: int) -> Page[File]:
    """Files that match, in order of path."""
    uris, own = desk.uris(entry), own_columns(entry.columns)
    query = filesets.listed(uris, entry.columns, where=matching, after=after, limit=limit + 1)
    only_select(desk, query)
    with desk.queries().confined(views={}, extra=uris) as session:
        rows = session.reader(query).read_all().to_pylist()
    return page_of([file_of(row, own) for row in rows], limit, lambda file: (file.path,))


def walked(desk: Desk, entry: catalogue.Entry, *, matching: str) -> Iterator[File]:
    """Every file that matches, in order of path."""
    uris, own = desk.uris(entry), own_columns(entry.columns)
    query = filesets.listed(uris, entry.columns, where=matching, after="", limit=None)
    only_select(desk, query)
    stack = ExitStack()
    session = stack.enter_context(desk.queries().confined(views={}, extra=uris, timeout_s=600.0))
    try:
        reader = session.reader(query)
    except BaseException:
        stack.close()
        raise

    def flow() -> Iterator[File]:
        with stack:
            for batch in reader:
                yield from (file_of(row, own) for row in batch.to_pylist())

    return flow()


def counted(desk: Desk, entry: catalogue.Entry, *, matching: str) -> FileCounts:
    """How many files match, of which kind."""
    uris = desk.uris(entry)
    query = filesets.counted(uris, entry.columns, matching)
    only_select(desk, query)
    with desk.queries().confined(views={}, extra=uris) as session:
        files, size, bare, *kinds = _first(session, query)
    labels, splits, media = ({v: int(n) for v, n in _pairs.decode(str(each or "[]"))} for each in kinds)
    return FileCounts(
        fileset=entry.name.removeprefix(PREFIX), version=entry.version, files=int(files or 0),
        size_bytes=int(size or 0), labels=labels, unlabelled=int(bare or 0), splits=splits, media_types=media,
    )  # fmt: skip


def _first(session: Session, query: str) -> Sequence[str | int | float | bool | None]:
    return session.rows(query)[0]


def content(desk: Desk, name: str, path: str, at: str | None, span: tuple[int, int | None]) -> Content:
    """A file's bytes, or a part of them."""
    start, stop = span
    if start < 0 or (stop is not None and stop < 0):
        raise InvalidInput("start and stop count bytes from 0 on")
    facts = one(desk, entry_of(name, at), path).facts
    stored = Stored(Digest(facts.digest), facts.size_bytes)
    return content_of(desk.contents(), stored, media=safe(facts.media_type), span=span)


def fetched(desk: Desk, name: str, digests: Sequence[str]) -> Iterator[bytes]:
    """Many contents, each with its size before it."""
    known = known_contents(desk, table_of(name), set(digests))
    if lost := [digest for digest in digests if digest not in known]:
        raise NotFound(f"no version of file set {name} has the content {lost[0]}")
    objects = desk.contents()

    def flow() -> Iterator[bytes]:
        for digest in digests:
            yield known[digest].size_bytes.to_bytes(SIZE_BYTES, "big")
            yield from objects.read(Digest(digest))

    return flow()


def thumbnail(desk: Desk, name: str, path: str, at: str | None, side: int) -> Iterator[bytes]:
    """An image in small, made once."""
    if side not in SIDES:
        raise InvalidInput(f"a thumbnail's longer side has {', '.join(map(str, SIDES))} pixels, not {side}")
    found, objects = one(desk, entry_of(name, at), path), desk.contents()
    digest = found.facts.digest
    known = filesets.thumbnail(calls.current().tx, digest, side)
    if known is not None and objects.size(Digest(known)) is not None:
        return objects.read(Digest(known))
    small = _drawn(desk, found, side)
    with desk.bench(LOAD.new(calls.current().clock)), bringing(desk):
        stored = objects.put([small])

        def note() -> None:
            tx = calls.current().tx
            if known is not None:
                filesets.forget_thumbnails(tx, [digest])
            filesets.keep_thumbnail(tx, digest, side, stored.digest)

        calls.current().unit(note)
    return iter([small])


def _drawn(desk: Desk, file: File, side: int) -> bytes:
    """The image, unpacked within bounds and drawn small."""
    facts, what = file.facts, f"file {shown(file.path)}"
    if facts.media_type not in DRAWN:
        raise UnsupportedMedia(f"{what} is {facts.media_type}; thumbnails are drawn of {', '.join(sorted(DRAWN))}")
    if facts.size_bytes > MOST_IMAGE_BYTES or (facts.width or 0) * (facts.height or 0) > MOST_PIXELS:
        raise _too_large(what)
    try:
        from PIL import Image, ImageOps
    except ModuleNotFoundError as err:
        raise MissingExtra(f"thumbnails need {err.name}: pip install 'modelyard[media]'") from err
    raw = b"".join(desk.contents().read(Digest(facts.digest)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(raw), formats=_FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise _too_large(what)
                image.draft("RGB", (side * 2, side * 2))
                image.thumbnail((side, side))
                upright = ImageOps.exif_transpose(image)
                out = io.BytesIO()
                alpha = "A" in upright.getbands() or "transparency" in upright.info
                upright.convert("RGBA" if alpha else "RGB").save(out, "WEBP", quality=80, method=2)
    except (OSError, ValueError, SyntaxError, ZeroDivisionError, OverflowError, Image.DecompressionBombError) as err:
        raise UnsupportedMedia(f"{what} cannot be drawn: it is damaged, or unlike other {facts.media_type}") from err
    return out.getvalue()


def _too_large(what: str) -> TooLarge:
    return TooLarge(
        f"{what} has too many pixels or bytes to be drawn small; at most {MOST_PIXELS:,} pixels are unpacked here"
    )


def waveform(desk: Desk, name: str, path: str, at: str | None, bars: int) -> Waveform:
    """A sound in bars."""
    if not 10 <= bars <= 2000:
        raise InvalidInput("a waveform has 10 to 2,000 bars")
    found, objects = one(desk, entry_of(name, at), path), desk.contents()
    facts = found.facts
    head = b"".join(objects.read(Digest(facts.digest), stop=HEAD_BYTES))
    form = wav_form(head) if facts.media_type == "audio/wav" else None
    if form is None:
        raise UnsupportedMedia(f"file {shown(path)} is {facts.media_type}; bars are drawn of plain PCM in WAV")
    channels, rate, width, begin, length = form
    length = min(length, facts.size_bytes - begin)
    if length > MOST_SOUND_BYTES:
        raise TooLarge(f"file {shown(path)} has {length:,} bytes of sound; at most {MOST_SOUND_BYTES:,} are drawn")
    samples = length // width
    per_bar = max(1, -(-samples // bars))
    size = per_bar * width
    raw = objects.read(Digest(facts.digest), start=begin, stop=begin + samples * width)
    peaks = [_peak(piece, width) for piece in _stretches(raw, size)]
    return Waveform(
        path=path, duration_ms=round(samples / channels / rate * 1000), sample_rate=rate, channels=channels,
        peaks=peaks[:bars],
    )  # fmt: skip


def _stretches(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


def _peak(piece: bytes, width: int) -> float:
    """The loudest of some samples, 0 to 1; they are little-endian and, but for single bytes, signed."""
    whole = piece[: len(piece) // width * width]
    if not whole:
        return 0.0
    if width == 1:
        return round(max(abs(value - 128) for value in whole) / 128, 4)
    if width == 3:
        whole = b"".join(whole[at + 1 : at + 3] for at in range(0, len(whole), 3))
    samples = array("i" if width == 4 else "h", whole)
    full = 2 ** (31 if width == 4 else 15)
    return round(min(1.0, max(abs(max(samples)), abs(min(samples))) / full), 4)
