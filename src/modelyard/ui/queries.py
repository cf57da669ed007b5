"""The screen of SQL: one SELECT over the lake, its rows, its plan, what runs now, and the answer kept as a table."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import InvalidInput, NotFound, TooLarge, YardError
from modelyard.lake.api import READS_KEY, Mode
from modelyard.lake.api import Cell as Value
from modelyard.ui import profiles
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Page, Screens
from modelyard.ui.kit.tables import NONE, Column, Kind, Row, Table, TimeCell
from modelyard.ui.needs import allowed

SHOWN, KEPT_BYTES, LONG = 500, 256 << 20, 20_000
"""Rows of an answer that are shown; bytes of an answer that can be kept from here; characters of a query."""


class SqlData(Struct, frozen=True):
    """A query and what became of it; `fault` is why there is no answer."""

    query: str
    at: str
    answer: Table | None
    cut: bool
    plan: str
    reads: tuple[str, ...]
    fault: str
    running: Table
    tables: tuple[tuple[str, str], ...]


class Answer(Struct, frozen=True):
    """The first rows of an answer, and the table versions that were read."""

    columns: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[Value, ...], ...]
    cut: bool
    reads: tuple[str, ...]


def screens() -> Screens:
    """The page of SQL and its forms."""
    mine = Screens("sql")
    mine.page("/sql", template="pages/sql.html", nav="sql")(_page)
    mine.form("/sql/keep")(_keep)
    mine.form("/sql/running/{query}/cancel")(_cancel)
    return mine


def _page(calls: PageCalls, ask: Ask) -> Page:
    hub = slices(calls)
    query, at = ask.text("q").strip()[:LONG], ask.text("at").strip()
    answer, plan, fault = None, "", ""
    if query:
        try:
            answer = ask_lake(hub, query, at or None)
            plan = hub.lake.explain(query, at=at or None).text
        except YardError as refused:
            fault = refused.detail
    found = allowed(lambda: hub.lake.tables(limit=100).items) or []
    tables = tuple((t.name, ", ".join(c.name for c in t.columns)[:400]) for t in found)
    data = SqlData(
        query, at, _shown(answer) if answer else None, bool(answer and answer.cut), plan,
        answer.reads if answer else (), fault, _running(hub), tables,
    )  # fmt: skip
    foot = Foot("POST /v1/sql", f"yard lake sql {query!r}"[:2000], f"yard.lake.sql({query!r})"[:2000])
    return Page("SQL", data, (Crumb("SQL"),), foot)


def ask_lake(hub: Slices, query: str, at: str | None) -> Answer:
    """The first rows of a query's answer; the rest is not computed where the engine can stop."""
    import pyarrow as pa

    stream = hub.lake.sql(query, at=at)
    try:
        with pa.ipc.open_stream(_Pipe(stream)) as reader:
            reads = (reader.schema.metadata or {}).get(READS_KEY.encode(), b"").decode().split()
            columns = tuple(
                (name, pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
                for name, kind in zip(reader.schema.names, reader.schema.types, strict=True)
            )
            rows: list[tuple[Value, ...]] = []
            for batch in reader:
                part = batch.slice(0, SHOWN + 1 - len(rows))
                lists = [[_value(v) for v in column.to_pylist()] for column in part.columns]
                rows += list(zip(*lists, strict=True)) if lists else []
                if len(rows) > SHOWN:
                    break
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()
    return Answer(columns, tuple(rows[:SHOWN]), len(rows) > SHOWN, tuple(reads))


def _value(value: object) -> Value:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


class _Pipe:
    """Chunks of bytes as a file that is read once."""

    closed = False

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = iter(chunks), b""

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer at the end."""
        while size < 0 or len(self._rest) < size:
            more = next(self._chunks, None)
            if more is None:
                break
            self._rest += more
        given, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return given

    def close(self) -> None:
        """Nothing to close: the stream ends by itself."""
        self.closed = True

    def readable(self) -> bool:
        """It can be read."""
        return True


def _shown(answer: Answer) -> Table:
    columns = tuple(
        Column(f"c{i}", name, Kind.NUMBER if right else Kind.TEXT) for i, (name, right) in enumerate(answer.columns)
    )
    return Table("answer", "Answer", columns, profiles.rows(answer.rows), total=len(answer.rows))


def _running(hub: Slices) -> Table:
    columns = (
        Column("text", "Query", Kind.CODE), Column("share", "Done", Kind.SHARE), Column("rows", "Rows", Kind.COUNT),
        Column("at", "Began", Kind.TIME), Column("id", "Id", Kind.CODE),
    )  # fmt: skip
    rows = tuple(
        Row(
            (q.text[:160], NONE if q.share is None else q.share, q.rows, TimeCell(from_ms(q.started_ms)), str(q.id)),
            key=str(q.id),
        )
        for q in allowed(hub.lake.queries) or []
    )  # fmt: skip
    return Table("running", "Queries that run now", columns, rows)


def _cancel(calls: PageCalls, ask: Ask) -> Done:
    gone = slices(calls).lake.cancel_query(ask.params["query"])
    return Done("/sql", "The query is cancelled", gone.text[:100])


def _keep(calls: PageCalls, ask: Ask) -> Done:
    """Ask again and write the whole answer as a version of a table, with what it was read from."""
    lake, name = slices(calls).lake, ask.form.get("name", "").strip()
    query, at = ask.form.get("q", "").strip(), ask.form.get("at", "").strip() or None
    if not name or not query:
        raise InvalidInput("name the table that the answer is to become, and ask something")
    try:
        lake.table(name)
        mode = Mode.OVERWRITE
    except NotFound:
        mode = Mode.CREATE
    if mode is Mode.OVERWRITE and not ask.form.get("replace"):
        raise InvalidInput(f"there is a table {name} already; tick the box to write a new version over its rows")
    held, size = [], 0
    for chunk in lake.sql(query, at=at, timeout_s=300.0):
        held.append(chunk)
        size += len(chunk)
        if size > KEPT_BYTES:
            raise TooLarge(f"an answer kept from this page holds at most {KEPT_BYTES >> 20} MB; use yard lake sql")
    reads = _reads(held)
    made = lake.write(name, held, mode=mode, reads=reads, message=f"from SQL: {query[:160]}")
    return Done(f"/tables/{name}", f"{plural(made.rows, 'row')} kept as {made.ref}", f"read from {', '.join(reads)}")


def _reads(held: list[bytes]) -> tuple[str, ...]:
    import pyarrow as pa

    with pa.ipc.open_stream(_Pipe(iter(held))) as reader:
        return tuple((reader.schema.metadata or {}).get(READS_KEY.encode(), b"").decode().split())
