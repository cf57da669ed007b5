"""The screens of one file of a set, looked at or listened to, and of what differs between two versions of a set."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from urllib.parse import quote

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import InvalidInput, NotFound, YardError
from modelyard.lake.api import DRAWN, File, FileChange, FileDifference, FileFate, FileSet, Waveform
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import duration, number, plural, size
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Page, Screens
from modelyard.ui.kit.tables import Column, Row, Table
from modelyard.ui.people import names
from modelyard.ui.profiles import text_of
from modelyard.ui.sections import version_choice

_SIGN = {FileFate.ADDED: "+", FileFate.REMOVED: "−", FileFate.REPLACED: "~", FileFate.EDITED: "~"}
_SEPARATED = ("text/csv", "text/tab-separated-values")
_PAGE, _BARS, _TEXT = 60, 240, 20_000
_LINES, _WIDE = 60, 60
"""Lines and fields of a file that are shown as a table."""


class FileData(Struct, frozen=True):
    """One file; `shows` says what element plays it: image, audio, video, text, table or none."""

    set: FileSet
    file: File
    shows: str
    sentence: str
    added: datetime
    who: str
    content: str
    thumbnail: str
    wave: Waveform | None
    text: str
    rows: Table | None
    facts: tuple[tuple[str, str], ...]


class Changed(Struct, frozen=True):
    """A file that differs; `said` are facts as (word, before, after)."""

    sign: str
    fate: str
    path: str
    href: str
    before: str
    after: str
    said: tuple[tuple[str, str, str], ...]


class FilesDiffData(Struct, frozen=True):
    """Two versions of a set and the files in which they differ, a page of them."""

    set: FileSet
    base: str
    target: str
    sentence: str
    found: FileDifference
    files: tuple[Changed, ...]
    choices: tuple[tuple[str, str], ...]


def screens() -> Screens:
    """The pages of files."""
    mine = Screens("files")
    mine.page("/filesets/{name}/file", template="pages/file.html", nav="filesets")(_file)
    mine.page("/filesets/{name}/diff", template="pages/filesdiff.html", nav="filesets")(_diff)
    mine.form("/filesets/{name}/file/label")(_label)
    return mine


def file_url(name: str, path: str, at: str | None = None) -> str:
    """The page of a file."""
    return f"/filesets/{name}/file?path={quote(path, safe='')}" + (f"&version={quote(at)}" if at else "")


def content_url(name: str, path: str, at: str | None = None) -> str:
    """The bytes of a file; they take ranges, so that players can seek."""
    return f"/v1/filesets/{name}/content/{quote(path)}" + (f"?at={quote(at)}" if at else "")


def thumbnail_url(name: str, file: File, at: str | None = None, side: int = 128) -> str:
    """A picture in small; empty for what is no picture."""
    if file.facts.media_type not in DRAWN:
        return ""
    return f"/v1/filesets/{name}/thumbnails/{quote(file.path)}?size={side}" + (f"&at={quote(at)}" if at else "")


def opened(hub: Slices, name: str, at: str | None) -> FileSet:
    """A set as it stands at a version."""
    found = hub.lake.fileset(name, at=at)
    return FileSet(**{field: getattr(found, field) for field in FileSet.__struct_fields__})


# --- one file --------------------------------------------------------------------------------------------------------


def _file(calls: PageCalls, ask: Ask) -> Page:
    hub, name, path, at = slices(calls), ask.params["name"], ask.text("path"), ask.text("version") or None
    if not path:
        raise NotFound(f"name a file of {name}: /filesets/{name} lists them")
    found = hub.lake.file(name, path, at=at)
    shows = _shows(found.facts.media_type)
    data = FileData(
        opened(hub, name, at), found, shows, _said(found), from_ms(found.added_ms),
        names(calls).get(found.added_by, "yard"), content_url(name, path, at), thumbnail_url(name, found, at, 512),
        _wave(hub, name, path, at) if shows == "audio" else None,
        _text(hub, name, path, at) if shows == "text" else "",
        _table(hub, name, path, at) if shows == "table" else None, _facts(found),
    )  # fmt: skip
    foot = Foot(f"GET /v1/filesets/{name}/files/{path}"[:300], f"yard lake file {name} {path}",
                f"yard.lake.file({name!r}, {path!r})")  # fmt: skip
    crumbs = (Crumb("File sets", "/filesets"), Crumb(name, f"/filesets/{name}"), Crumb(path))
    return Page(path, data, crumbs, foot)


def _shows(media: str) -> str:
    kind = media.partition("/")[0]
    if kind in ("audio", "video"):
        return kind
    if media in DRAWN:
        return "image"
    if media in _SEPARATED:
        return "table"
    return "text" if kind == "text" or media in ("application/json", "application/xml") else "none"


def _wave(hub: Slices, name: str, path: str, at: str | None) -> Waveform | None:
    """A sound drawn; None where its kind is only played."""
    try:
        return hub.lake.waveform(name, path, at=at, bars=_BARS)
    except YardError:
        return None


def _text(hub: Slices, name: str, path: str, at: str | None) -> str:
    stream = hub.lake.read_file(name, path, at=at, stop=_TEXT)
    return b"".join(stream).decode("utf-8", "replace")


def _table(hub: Slices, name: str, path: str, at: str | None) -> Table | None:
    """The first lines of a file of fields, under the names of its first; None where it is no such file."""
    text = _text(hub, name, path, at)
    try:
        kind = csv.Sniffer().sniff(text[:4000], delimiters=",;\t|")
    except csv.Error:
        kind = csv.excel
    head, *lines = [line for line in csv.reader(io.StringIO(text), kind) if line][: _LINES + 1] or [[]]
    columns = tuple(Column(f"c{i}", word[:80]) for i, word in enumerate(head[:_WIDE]))
    rows = (
        Row(tuple(text_of(word) for word in [*line, *[""] * len(head)][: len(columns)]), key=str(i))
        for i, line in enumerate(lines)
    )
    return Table("fields", f"The first lines of {path}", columns, tuple(rows)) if columns else None


def _said(file: File) -> str:
    facts = file.facts
    told = [facts.media_type]
    if facts.width and facts.height:
        told.append(f"{facts.width} × {facts.height}")
    if facts.duration_ms:
        told.append(duration(facts.duration_ms / 1000))
    return ", ".join([*told, size(facts.size_bytes)]) + "."


def _facts(file: File) -> tuple[tuple[str, str], ...]:
    facts = file.facts
    told = {"digest": facts.digest, "split": file.split or "none", "labels": ", ".join(file.labels) or "none"}
    if facts.sample_rate:
        told["sound"] = f"{number(facts.sample_rate)} samples a second, {plural(facts.channels or 1, 'channel')}"
    return (*told.items(), *((name, text_of(value)) for name, value in file.attributes.items()))


def _label(calls: PageCalls, ask: Ask) -> Done:
    name, path, word = ask.params["name"], ask.form.get("path", ""), ask.form.get("label", "").strip()
    if not word or not path:
        raise InvalidInput("say which label the file is to have or to lose")
    off = ask.form.get("do") == "off"
    add, remove = ((), (word,)) if off else ((word,), ())
    done = slices(calls).lake.label_files(name, paths=(path,), add=add, remove=remove)
    return Done(file_url(name, path), f"It {'lost' if off else 'got'} the label {word}", f"version {done.version}")


# --- two versions ----------------------------------------------------------------------------------------------------


def _diff(calls: PageCalls, ask: Ask) -> Page:
    hub, name = slices(calls), ask.params["name"]
    history = hub.lake.fileset_history(name, limit=100).items
    newest = str(history[0].version)
    base = ask.text("base") or str(history[min(1, len(history) - 1)].version)
    target = ask.text("target") or newest
    found = hub.lake.diff_files(name, base, target, cursor=ask.text("after") or None, limit=_PAGE)
    data = FilesDiffData(
        opened(hub, name, None), base, target, _differs(found), found,
        tuple(_changed(name, change, base, target) for change in found.files), tuple(map(version_choice, history)),
    )  # fmt: skip
    foot = Foot(f"GET /v1/filesets/{name}/diff?base={base}&target={target}",
                f"yard lake diff-files {name} {base} --target {target}",
                f"yard.lake.diff_files({name!r}, {base!r}, {target!r})")  # fmt: skip
    crumbs = (Crumb("File sets", "/filesets"), Crumb(name, f"/filesets/{name}"), Crumb(f"{base} → {target}"))
    return Page(f"{name}: {base} → {target}", data, crumbs, foot)


def _differs(found: FileDifference) -> str:
    if not (found.added or found.removed or found.replaced or found.edited):
        return "No file differs."
    told = (f"{found.added:,} added", f"{found.removed:,} removed", f"{found.replaced:,} with other bytes")
    return f"{', '.join(told)}, {found.edited:,} labelled or split anew."


def _changed(name: str, change: FileChange, base: str, target: str) -> Changed:
    old, new = change.old, change.new
    at = target if new is not None else base
    said = []
    if old is not None and new is not None:
        pairs = (
            ("size", size(old.facts.size_bytes), size(new.facts.size_bytes)),
            ("labels", ", ".join(old.labels) or "none", ", ".join(new.labels) or "none"),
            ("split", old.split or "none", new.split or "none"),
            *(
                (word, text_of(value), text_of(new.attributes.get(word)))
                for word, value in old.attributes.items()
            ),
        )  # fmt: skip
        said = [pair for pair in pairs if pair[1] != pair[2]]
    else:
        kept = new or old
        said = [("holds", "", _said(kept).rstrip("."))] if kept else []
    return Changed(
        _SIGN[change.fate], change.fate.value, change.path, file_url(name, change.path, at),
        thumbnail_url(name, old, base, 64) if old else "", thumbnail_url(name, new, target, 64) if new else "",
        tuple(said),
    )  # fmt: skip
