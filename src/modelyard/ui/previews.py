"""The page of one artifact, looked at without downloading it, and the frame in which foreign HTML is shown.

What is foreign never runs as a part of the yard: HTML and SVG stand in a sandboxed frame of an opaque origin, which can
reach no address, no form and nothing of the page around it. Only the head of a large file is read.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

import msgspec
from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import MissingExtra, NotFound, TooLarge, YardError
from modelyard.tracking.api import Artifact
from modelyard.ui import plotted, prose
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import number, plural, size
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Framed, Page, Screens
from modelyard.ui.kit.tables import NULL, Cell, Column, Kind, Row, Table
from modelyard.ui.plotted import Plotted

PICTURES = ("png", "jpg", "jpeg", "gif", "webp", "bmp", "avif")
_FRAMED = {"html": "text/html; charset=utf-8", "htm": "text/html; charset=utf-8", "svg": "image/svg+xml"}
_SEPARATED = {"csv": ",", "tsv": "\t"}
_TEXTS = (
    "txt", "log", "py", "yaml", "yml", "toml", "ini", "cfg", "sh", "sql", "r", "java", "js", "ts", "css", "xml", "diff",
    "patch", "rst", "ipynb", "jsonl", "env", "lock", "mlmodel", "conf", "tex", "c", "h", "cpp", "rs", "go", "scala",
)  # fmt: skip
_HEAD, _WHOLE, _FRAME = 256 << 10, 32 << 20, 32 << 20
_ROWS, _WIDE, _CELL = 200, 40, 300
_Scalar = str | int | float | bool | None


class PreviewData(Struct, frozen=True):
    """One artifact; `shows` says how: picture, frame, table, plot, prose, text or none; `note` what is left out."""

    owner: str
    owner_name: str
    path: str
    shows: str
    sentence: str
    artifact: Artifact
    stored: datetime | None
    raw: str
    frame: str = ""
    table: Table | None = None
    plot: Plotted | None = None
    html: str = ""
    text: str = ""
    note: str = ""


def screens() -> Screens:
    """The page of an artifact and the frame for what is foreign."""
    mine = Screens("previews")
    mine.page("/runs/{id}/file", template="pages/preview.html", nav="runs")(_page)
    mine.frame("/frames/{owner}/{path:path}")(_frame)
    return mine


def raw_url(owner: str, path: str) -> str:
    """The bytes of an artifact; they take ranges."""
    return f"/v1/artifacts/{quote(owner, safe='')}/{quote(path)}"


def preview_url(owner: str, path: str) -> str:
    """The page of an artifact."""
    return f"/runs/{quote(owner, safe='')}/file?path={quote(path, safe='')}"


def is_picture(path: str) -> bool:
    """True for what a browser draws and cannot run."""
    return _ending(path) in PICTURES


def _ending(path: str) -> str:
    name = path.rpartition("/")[2].lower()
    return name.rpartition(".")[2] if "." in name else name


def head_of(hub: Slices, owner: str, path: str, most: int) -> bytes:
    """The first bytes of an artifact, no more than asked for."""
    flow: Iterator[bytes] = hub.tracking.download(owner, path)
    parts, held = list[bytes](), 0
    for part in flow:
        parts.append(part)
        held += len(part)
        if held >= most:
            break
    close = getattr(flow, "close", None)
    if close is not None:
        close()
    return b"".join(parts)[:most]


def _page(calls: PageCalls, ask: Ask) -> Page:
    hub, owner, path = slices(calls), ask.params["id"], ask.text("path")
    if not path:
        raise NotFound("name a file of the run: /runs/RUN lists them")
    found = hub.tracking.artifact(owner, path)
    whole = found.size_bytes or 0
    try:
        name = hub.tracking.run_record(owner).name
    except YardError:
        name = owner
    data = PreviewData(
        owner, name, path, "none", size(whole), found, None if found.stored_ms is None else from_ms(found.stored_ms),
        raw_url(owner, path),
    )  # fmt: skip
    data = _shown(hub, data, _ending(path), whole)
    foot = Foot(
        f"GET {data.raw}"[:300],
        f"yard tracking download {owner} {path}",
        f"yard.tracking.download({owner!r}, {path!r})",
    )
    crumbs = (Crumb("Runs", "/runs"), Crumb(name, f"/runs/{quote(owner, safe='')}"), Crumb(path))
    return Page(path, data, crumbs, foot)


def _frame(calls: PageCalls, ask: Ask) -> Framed:
    """Foreign HTML or SVG, for a sandboxed frame."""
    owner, path = ask.params["owner"], ask.params["path"]
    hub = slices(calls)
    found = hub.tracking.artifact(owner, path)
    media = _FRAMED.get(_ending(path))
    if media is None:
        raise NotFound(f"only HTML and SVG are framed, not {path[:80]!r}")
    if (found.size_bytes or 0) > _FRAME:
        raise TooLarge(f"up to {size(_FRAME)} are framed; download it: {raw_url(owner, path)}"[:500])
    return Framed(head_of(hub, owner, path, _FRAME), media, scripts=media.startswith("text/html"))


# --- kinds -----------------------------------------------------------------------------------------------------------


def _shown(hub: Slices, data: PreviewData, ending: str, whole: int) -> PreviewData:
    def read(most: int) -> bytes:
        return head_of(hub, data.owner, data.path, most)

    change = msgspec.structs.replace
    if ending in PICTURES:
        return change(data, shows="picture")
    if ending in _FRAMED:
        if whole > _FRAME:
            return change(data, note=f"Files up to {size(_FRAME)} are shown in a frame; this one has {size(whole)}.")
        frame = f"/frames/{quote(data.owner, safe='')}/{quote(data.path)}"
        return change(data, shows="frame", frame=frame)
    if ending in _SEPARATED:
        return change(data, shows="table", table=_separated(read(_HEAD), _SEPARATED[ending], cut=whole > _HEAD))
    if ending in ("parquet", "pq"):
        if whole > _WHOLE:
            return change(data, note=f"Parquet up to {size(_WHOLE)} is shown; this file has {size(whole)}.")
        try:
            return change(data, shows="table", table=_parquet(read(_WHOLE)))
        except (MissingExtra, ValueError) as refused:
            return change(data, note=str(refused))
    if ending == "json" and whole <= _WHOLE:
        return _json(data, read(_WHOLE))
    if ending in ("md", "markdown") and whole <= _HEAD:
        return change(data, shows="prose", html=prose.html(read(_HEAD).decode("utf-8", "replace")))
    body = read(_HEAD) if ending in (*_TEXTS, "json", "md", "markdown") or whole <= _HEAD else b""
    if body and b"\0" not in body[:8192]:
        note = f"The first {size(_HEAD)} of {size(whole)}." if whole > _HEAD else ""
        return change(data, shows="text", text=body.decode("utf-8", "replace"), note=note)
    return change(data, note="There is no way to show this kind of file here. Download it.")


def _separated(head: bytes, separator: str, *, cut: bool) -> Table:
    text = head.decode("utf-8", "replace")
    if cut:
        text = text[: text.rfind("\n") + 1]
    rows = list(csv.reader(io.StringIO(text), delimiter=separator))
    return _table(rows[0] if rows else [], rows[1:], more=cut)


def _parquet(body: bytes) -> Table:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as missing:
        raise MissingExtra("Parquet is read by pyarrow: pip install 'modelyard[lake]'") from missing
    try:
        file = pq.ParquetFile(io.BytesIO(body))
        batch = next(file.iter_batches(_ROWS), None)
    except pa.ArrowException as bad:
        raise ValueError(f"The file cannot be read as Parquet: {bad}"[:300]) from bad
    names = list(file.schema_arrow.names)
    columns = [column.to_pylist() for column in batch.columns] if batch is not None else []
    return _table(
        names, list(zip(*columns, strict=True)), more=file.metadata.num_rows > _ROWS, all_rows=file.metadata.num_rows
    )


def _table(
    names: Sequence[object], rows: Sequence[Sequence[object]], *, more: bool, all_rows: int | None = None
) -> Table:
    shown = rows[:_ROWS]
    kinds = [
        Kind.FIGURE if shown and all(_is_number(row[i]) for row in shown if i < len(row)) else Kind.TEXT
        for i in range(min(len(names), _WIDE))
    ]
    columns = tuple(Column(f"c{i}", str(names[i])[:80] or f"column {i + 1}", kind) for i, kind in enumerate(kinds))
    cells = tuple(
        Row(tuple(_cell(row[i]) if i < len(row) else NULL for i in range(len(columns))), key=str(at))
        for at, row in enumerate(shown)
    )
    told = f"{number(all_rows)} rows" if all_rows is not None else plural(len(rows), "row")
    label = f"The first {number(len(shown))} rows" if more or len(rows) > _ROWS else told
    wide = f", {number(_WIDE)} of {number(len(names))} columns" if len(names) > _WIDE else ""
    return Table("rows", label + wide, columns, cells)


def _is_number(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if value is None or value == "" or isinstance(value, int | float):
        return True
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _cell(value: object) -> Cell:
    if value is None:
        return NULL
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)[:_CELL]


def _json(data: PreviewData, body: bytes) -> PreviewData:
    """JSON: a figure of Plotly as a picture, a table of rows as a table, all else as indented text."""
    change = msgspec.structs.replace
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return change(data, shows="text", text=body[:_HEAD].decode("utf-8", "replace"), note="This is no valid JSON.")
    if (plot := plotted.read(value)) is not None:
        return change(data, shows="plot", plot=plot)
    if (table := _rows_of(value)) is not None:
        return change(data, shows="table", table=table)
    text = msgspec.json.format(body, indent=2).decode("utf-8", "replace")
    return change(data, shows="text", text=text[:_HEAD], note=f"The first {size(_HEAD)}." if len(text) > _HEAD else "")


def _rows_of(value: object) -> Table | None:
    """A table as MLflow's `log_table` writes it (columns and data), or a list of objects."""
    if isinstance(value, Mapping) and isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        rows = [row for row in value["data"] if isinstance(row, list)]
        return _table(value["columns"], rows, more=False)
    if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value[:_ROWS]):
        names = list(dict.fromkeys(str(name) for row in value[:_ROWS] for name in row))
        return _table(names, [[row.get(name) for name in names] for row in value[: _ROWS + 1]], more=len(value) > _ROWS)
    return None
