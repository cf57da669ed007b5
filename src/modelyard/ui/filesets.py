"""The screens of file sets: the list, and one set as a gallery with thumbnails, labels, splits and its versions."""

from __future__ import annotations

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import FileCounts, FileFacts, FileSet
from modelyard.ui.files import content_url, file_url, opened, thumbnail_url
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import duration, plural, size
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Page, Screens
from modelyard.ui.kit.tables import NONE, Column, Kind, LinkCell, Row, Table, TimeCell
from modelyard.ui.listing import ListData, list_page

_PAGE = 48


class Tile(Struct, frozen=True):
    """One file of a gallery; `thumbnail` is empty where it is no image."""

    path: str
    name: str
    media: str
    said: str
    labels: tuple[str, ...]
    split: str
    thumbnail: str
    href: str
    content: str


class GalleryData(Struct, frozen=True):
    """One version of a set, a window of its files."""

    set: FileSet
    sentence: str
    counts: FileCounts
    tiles: tuple[Tile, ...]
    versions: Table
    prefix: str
    label: str
    split: str
    next: str


def screens() -> Screens:
    """The pages of file sets."""
    mine = Screens("file sets")
    mine.page("/filesets", template="pages/list.html", nav="filesets")(_list)
    mine.page("/filesets/{name}", template="pages/gallery.html", nav="filesets")(_one)
    mine.form("/filesets/{name}/label")(_label)
    return mine


def _list(calls: PageCalls, ask: Ask) -> Page:
    page = slices(calls).lake.filesets(cursor=ask.text("after") or None, limit=60)
    columns = (
        Column("name", "File set"), Column("version", "Version", Kind.COUNT), Column("files", "Files", Kind.COUNT),
        Column("says", "Description"), Column("at", "Changed", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                LinkCell(s.name, f"/filesets/{s.name}"), s.version, s.files, s.description[:120] or NONE,
                TimeCell(from_ms(s.updated_ms)),
            ),
            key=s.name, href=f"/filesets/{s.name}", ref=str(s.ref),
        )
        for s in page.items
    )  # fmt: skip
    held = sum(s.files for s in page.items)
    state = f"{plural(len(rows), 'file set')} with {plural(held, 'file')}." if rows else "No file set yet."
    table = Table("filesets", "File sets", columns, rows, next=page.next or "")
    lines = "yard lake add-files cats ./photos\nyard lake filesets"
    data = ListData("File sets", state, table, "No file set yet", lines)
    return list_page(data, Foot("GET /v1/filesets", "yard lake filesets", "yard.lake.filesets()"))


def _one(calls: PageCalls, ask: Ask) -> Page:
    lake, name = slices(calls).lake, ask.params["name"]
    at = ask.text("version") or None
    found = opened(slices(calls), name, at)
    prefix, label, split = ask.text("prefix"), ask.text("label"), ask.text("split")
    page = lake.list_files(
        name, at=at, prefix=prefix, label=label or None, split=split or None, cursor=ask.text("after") or None,
        limit=_PAGE,
    )  # fmt: skip
    tiles = tuple(
        Tile(
            f.path, f.path.rpartition("/")[2], f.facts.media_type, _said(f.facts), f.labels, f.split,
            thumbnail_url(name, f, at), file_url(name, f.path, at), content_url(name, f.path, at),
        )
        for f in page.items
    )  # fmt: skip
    counts = lake.count_files(name, at=at)
    sentence = f"{plural(found.files, 'file')}, {size(counts.size_bytes)}; {counts.unlabelled:,} without a label."
    data = GalleryData(
        found, sentence, counts, tiles, _versions(calls, name), prefix, label, split, page.next or ""
    )  # fmt: skip
    foot = Foot(f"GET /v1/filesets/{name}/files", f"yard lake list-files {name}", f"yard.lake.list_files({name!r})")
    return Page(name, data, (Crumb("File sets", "/filesets"), Crumb(name)), foot)


def _said(facts: FileFacts) -> str:
    parts = [size(facts.size_bytes)]
    if facts.width and facts.height:
        parts.insert(0, f"{facts.width} × {facts.height}")
    if facts.duration_ms:
        parts.insert(0, duration(facts.duration_ms / 1000))
    return " · ".join(parts)


def _versions(calls: PageCalls, name: str) -> Table:
    columns = (
        Column("version", "Version"), Column("what", "What"), Column("added", "Added", Kind.COUNT),
        Column("removed", "Removed", Kind.COUNT), Column("at", "When", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                LinkCell(f"@{v.version}", f"/filesets/{name}?version={v.version}"), v.message or v.operation,
                v.rows_added, v.rows_removed, TimeCell(from_ms(v.at_ms)),
            ),
            key=str(v.version), ref=str(v.ref),
        )
        for v in slices(calls).lake.fileset_history(name, limit=30).items
    )  # fmt: skip
    return Table("versions", "Versions", columns, rows)


def _label(calls: PageCalls, ask: Ask) -> Done:
    name, word = ask.params["name"], ask.form.get("label", "").strip()
    paths = tuple(field.removeprefix("pick:") for field in ask.form if field.startswith("pick:"))
    if not word or not paths:
        raise InvalidInput("tick the files, and say which label they are to have or to lose")
    off = ask.form.get("do") == "off"
    add, remove = ((), (word,)) if off else ((word,), ())
    done = slices(calls).lake.label_files(name, paths=paths, add=add, remove=remove)
    said = f"{plural(done.edited, 'file')} {'lost' if off else 'got'} the label {word}"
    return Done(f"/filesets/{name}", said, f"version {done.version}")
