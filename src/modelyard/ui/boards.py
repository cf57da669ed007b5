"""The page of runs: any window of them as a table, filtered, sorted, grouped, pinned and kept as views by address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import isfinite
from urllib.parse import parse_qsl

from msgspec import Struct, structs

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import InvalidInput
from modelyard.tracking.api import Board, BoardRow, Field, FieldValue, Run, RunGroup, View
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import duration, metric, number, plural
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Page, Screens
from modelyard.ui.kit.tables import (
    NONE,
    Cell,
    Column,
    Kind,
    LinkCell,
    MarkCell,
    Row,
    Rows,
    Table,
    TimeCell,
)  # fmt: skip
from modelyard.ui.looks import ROAD, Look, chosen, label, quoted
from modelyard.ui.needs import allowed
from modelyard.ui.runs import MARKS

WINDOW, FIRST, SOON = 100, 28, 1000
"""Rows of one window that script asks for; rows that stand in the page itself; runs that it tells the states of."""
_LOOKED, _METRICS, _PARAMS, _SHORT = 25, 7, 6, 40
_HINT = "metrics.auc > 0.9 and params.model = 'gbm'"
_LINES = "mlflow.set_tracking_uri(yard_address)\nmlflow.start_run()\nmlflow.log_metric('auc', 0.94)"
_ALWAYS = (
    Column("name", "Name", group="Run", sortable=True, pinned=True),
    Column("state", "State", group="Run", sortable=True),
    Column("started", "Started", Kind.TIME, group="Run", sortable=True),
    Column("by", "By", group="Run", sortable=True),
)  # fmt: skip
_GROUPS = {"metrics": "Metrics", "params": "Parameters", "tags": "Tags"}
_STATES = (
    ("RUNNING", "running"),
    ("SCHEDULED", "waiting"),
    ("FAILED", "failed"),
    ("KILLED", "stopped"),
    ("FINISHED", "finished"),
)
NO_VALUE = "no value"


class Columns(Struct, frozen=True):
    """The columns that are shown beside those that always are: pinned ones beside the name, then the rest."""

    pinned: tuple[str, ...]
    rest: tuple[str, ...]

    @property
    def all(self) -> list[str]:
        """All of them, in the order of their values."""
        return [*self.pinned, *self.rest]


class Clause(Struct, frozen=True):
    """One comparison of the filter, and the address without it."""

    text: str
    without: str


class ViewLink(Struct, frozen=True):
    """A saved view; `mine` may be dropped."""

    name: str
    href: str
    current: bool
    mine: bool
    owner: str


class BoardData(Struct, frozen=True):
    """Runs as they are looked at.

    Attributes:
        found: how many; None where that is told afterwards.
        tally: the feed that tells how many and in which states; empty where the page does.
        counted: the address of the page that does, for who has no script.
        fault: why the filter finds nothing to show.
    """

    state: str
    look: Look
    table: Table
    found: int | None
    grouped: bool
    clauses: tuple[Clause, ...]
    views: tuple[ViewLink, ...]
    experiments: tuple[tuple[str, str], ...]
    hidden: tuple[tuple[str, str], ...]
    query: str
    hint: str
    lines: str
    tally: str = ""
    counted: str = ""
    fault: str = ""


class Told(Struct, frozen=True):
    """How many runs are found, and that in words."""

    total: int
    state: str


class Words(Struct, frozen=True):
    """What a filter may name."""

    fields: list[Field]


class Values(Struct, frozen=True):
    """What a field may be compared with."""

    values: list[FieldValue]


def screens() -> Screens:
    """The page of runs, its further rows, what its filter may say, and its saved views."""
    mine = Screens("boards")
    mine.page(ROAD, template="pages/runs.html", nav="runs")(_page)
    mine.feed("/runs/rows")(_rows)
    mine.feed("/runs/tally")(_tally)
    mine.feed("/runs/fields")(_fields)
    mine.feed("/runs/values")(_values)
    mine.form("/runs/views")(_save)
    mine.form("/runs/views/drop")(_drop)
    return mine


def _page(calls: PageCalls, ask: Ask) -> Page:
    hub, look = slices(calls), Look.of(ask)
    first = ask.number("after", 0, high=10_000_000)
    fault, columns, table = "", look.columns, Table("runs", "Runs", _ALWAYS, ())
    found: int | None = 0
    clauses: list[str] = []
    tally = counted = ""
    state = "No run is shown."
    try:
        columns = look.columns or _usual(hub, look)
        if look.group:
            groups = hub.tracking.board_groups(
                look.group, look.scope, look.where, columns=[c for c in columns if c.startswith("metrics.")]
            )
            clauses = hub.tracking.board(look.scope, look.where, limit=1).clauses if look.where else []
            found, table = sum(g.runs for g in groups), _grouped(look, groups, columns)
            state = f"{plural(len(groups), 'group')} of {plural(found, 'run')} by {label(look.group)}."
        else:
            shown = _arranged(look, columns)
            board = _window(hub, look, shown, first, FIRST)
            if ask.text("counted") or (board.total is not None and board.total <= SOON):
                told = _told(hub, look)
                found, state, board = told.total, told.state, structs.replace(board, total=told.total)
            else:
                found, state = board.total, _least(look, board)
                tally, counted = (
                    f"/runs/tally?{look.query()}",
                    look.url() + ("&" if look.query() else "?") + "counted=yes",
                )
            clauses, table = board.clauses, _table(hub, look, shown, board)
    except InvalidInput as refused:
        fault = refused.detail
    data = BoardData(
        state, look, table, found, bool(look.group), _clauses(look, clauses), _views(hub, look, calls.actor_name),
        _experiments(hub), look.hidden("where"), look.query(), _HINT, _LINES, tally, counted, fault,
    )  # fmt: skip
    foot = Foot(f"GET /v1/run-board?{look.query()}".rstrip("?")[:300], "yard tracking board", "yard.tracking.board()")
    return Page("Runs", data, (Crumb("Runs"),), foot)


def _rows(calls: PageCalls, ask: Ask) -> Rows:
    look = Look.of(ask)
    columns = _arranged(look, look.columns)
    board = _window(
        slices(calls),
        look,
        columns,
        ask.number("first", 0, high=10_000_000),
        ask.number("limit", WINDOW, low=1, high=500),
    )
    after = str(board.first + len(board.rows)) if board.more else ""
    return Rows(tuple(_row(row, columns) for row in board.rows), next=after, total=board.total)


def _tally(calls: PageCalls, ask: Ask) -> Told:
    return _told(slices(calls), Look.of(ask))


def _fields(calls: PageCalls, ask: Ask) -> Words:
    return Words(slices(calls).tracking.board_fields(Look.of(ask).scope))


def _values(calls: PageCalls, ask: Ask) -> Values:
    return Values(slices(calls).tracking.board_values(ask.text("field"), ask.text("like")))


# --- rows ------------------------------------------------------------------------------------------------------------


def _window(hub: Slices, look: Look, columns: Columns, first: int, limit: int) -> Board:
    return hub.tracking.board(
        look.scope, look.where, look.order, columns=columns.all, view=look.stage, first=first, limit=limit
    )


def _usual(hub: Slices, look: Look) -> tuple[str, ...]:
    """The columns of who has chosen none: what most of the newest runs have, and what tells them apart."""
    runs = hub.tracking.runs(look.scope, look.where, view=look.stage, limit=_LOOKED).items
    measured = Counter(p.key for run in runs for p in run.metrics if not p.key.startswith("system/"))
    given = Counter(key for run in runs for key, value in run.params.items() if len(value) <= _SHORT)
    telling = {key: given[key] for key in given if _differs(runs, key)}
    return (
        *(_field("params", key) for key in chosen(telling, _PARAMS)),
        *(_field("metrics", key) for key in chosen(measured, _METRICS)),
    )


def _differs(runs: Sequence[Run], key: str) -> bool:
    """True if a parameter tells apart the runs that have it; of one run, all do."""
    return len(runs) < 2 or len({run.params[key] for run in runs if key in run.params}) > 1


def _field(head: str, key: str) -> str:
    plain = all(part and all(c.isalnum() or c in "_$@#" for c in part) for part in key.split("."))
    return f"{head}.{key}" if plain else f"{head}.`{key}`"


def _arranged(look: Look, columns: Sequence[str]) -> Columns:
    """The columns as they stand: those that are pinned beside the name, then the rest."""
    pinned = tuple(c for c in columns if c in look.pinned)
    return Columns(pinned, tuple(c for c in columns if c not in pinned))


def _table(hub: Slices, look: Look, columns: Columns, board: Board) -> Table:
    kept: tuple[Row, ...] = ()
    if look.top:
        which = ", ".join(quoted(run) for run in look.top)
        tops = hub.tracking.board(where=f"run_id IN ({which})", columns=columns.all, view=View.ALL, limit=100).rows
        kept = tuple(_row(row, columns, pinned=True) for row in sorted(tops, key=lambda r: look.top.index(r.id)))
    rows = tuple(_row(row, columns) for row in board.rows)
    last = board.first + len(rows)
    return Table(
        "runs", "Runs", _heads(columns, board.rows), rows, source=_source(look, columns),
        next=str(last) if board.more else "", sort=look.sort or "-started", total=board.total,
        selectable=True, indexed=True, first=board.first, kept=kept,
    )  # fmt: skip


def _source(look: Look, columns: Columns) -> str:
    query = Look(look.experiments, look.where, look.sort, tuple(columns.all), columns.pinned, stage=look.stage).query()
    return f"/runs/rows?{query}"


def _heads(columns: Columns, rows: Sequence[BoardRow]) -> tuple[Column, ...]:
    heads = [
        Column(
            name, label(name), _kind(name, [row.values[i] for row in rows]),
            group=_GROUPS.get(name.partition(".")[0], "Run"), sortable=True, pinned=name in columns.pinned,
        )
        for i, name in enumerate(columns.all)
    ]  # fmt: skip
    many = len(columns.pinned)
    return (_ALWAYS[0], *heads[:many], *_ALWAYS[1:], *heads[many:])


def _kind(name: str, values: Sequence[float | str | None]) -> Kind:
    if name.startswith("metrics."):
        return Kind.METRIC
    told = [v for v in values if v is not None]
    return Kind.FIGURE if told and all(_is_number(v) for v in told) else Kind.TEXT


def _is_number(value: float | str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _row(row: BoardRow, columns: Columns, *, pinned: bool = False) -> Row:
    took = duration((row.end_ms - row.start_ms) / 1000) if row.end_ms is not None else row.status.lower()
    values = [_cell(name, value) for name, value in zip(columns.all, row.values, strict=True)]
    many = len(columns.pinned)
    cells: tuple[Cell, ...] = (
        LinkCell(row.name, f"/runs/{row.id}"), *values[:many], MarkCell(MARKS[row.status], took),
        TimeCell(from_ms(row.start_ms)), row.user, *values[many:],
    )  # fmt: skip
    return Row(cells, key=row.id, href=f"/runs/{row.id}", pinned=pinned)


def _cell(name: str, value: float | str | None) -> Cell:
    if value is None:
        return NONE
    if not name.startswith("metrics."):
        return str(value)
    number = float(value)
    return number if isfinite(number) else metric(number)


# --- words, groups, views --------------------------------------------------------------------------------------------


def _told(hub: Slices, look: Look) -> Told:
    """How many, and how many of them go on or have failed."""
    tally = hub.tracking.board_tally(look.scope, look.where, view=look.stage)
    if not tally.total:
        return Told(0, "No run is shown.")
    told = ", ".join(f"{number(tally.states[s])} {word}" for s, word in _STATES if tally.states.get(s))
    return Told(tally.total, f"{plural(tally.total, 'run')}{_found(look)}: {told}.")


def _least(look: Look, board: Board) -> str:
    """How many as far as the window says."""
    if board.total is not None:
        return f"{plural(board.total, 'run')}{_found(look)}."
    return f"More than {plural(board.first + len(board.rows), 'run')}{_found(look)}."


def _found(look: Look) -> str:
    return " found" if look.where else ""


def _clauses(look: Look, clauses: Sequence[str]) -> tuple[Clause, ...]:
    return tuple(
        Clause(text, look.url(where=" AND ".join([*clauses[:i], *clauses[i + 1 :]]))) for i, text in enumerate(clauses)
    )


def _grouped(look: Look, groups: Sequence[RunGroup], columns: Sequence[str]) -> Table:
    metrics = [c for c in columns if c.startswith("metrics.")]
    heads = [
        Column("value", label(look.group)), Column("runs", "Runs", Kind.COUNT),
        Column("failed", "Failed", Kind.COUNT), Column("last", "Last start", Kind.TIME),
    ]  # fmt: skip
    for name in metrics:
        heads += [
            Column(f"{name}-mean", "mean", Kind.METRIC, group=label(name)),
            Column(f"{name}-low", "least", Kind.METRIC, group=label(name)),
            Column(f"{name}-high", "greatest", Kind.METRIC, group=label(name)),
        ]
    rows = []
    for group in groups:
        clause = f"{look.group} IS NULL" if group.value is None else f"{look.group} = {quoted(group.value)}"
        href = look.url(where=look.narrowed(clause), group="")
        cells: list[Cell] = [
            LinkCell(NO_VALUE if group.value is None else group.value or '""', href), group.runs, group.failed,
            TimeCell(from_ms(group.last_ms)),
        ]  # fmt: skip
        for spread in group.spreads:
            cells += [NONE if v is None else v for v in (spread.mean, spread.low, spread.high)]
        rows.append(Row(tuple(cells), key=str(group.value), href=href))
    return Table("groups", f"Runs by {label(look.group)}", tuple(heads), tuple(rows))


def _experiments(hub: Slices) -> tuple[tuple[str, str], ...]:
    found = allowed(lambda: hub.tracking.experiments(limit=200).items) or []
    return tuple((e.id, e.name) for e in found)


def _views(hub: Slices, look: Look, me: str) -> tuple[ViewLink, ...]:
    here = look.query()
    own = {(v.owner, v.name): v for v in hub.tracking.saved_views()}
    return tuple(ViewLink(v.name, f"{ROAD}?{v.query}", v.query == here, v.owner == me, v.owner) for v in own.values())


def _save(calls: PageCalls, ask: Ask) -> Done:
    name, query = ask.form.get("name", "").strip(), ask.form.get("query", "")
    if not name:
        raise InvalidInput("give the view a name")
    kept = Look.of(Ask(ROAD, {}, _fields_of(query), {}, ask.now)).query()
    view = slices(calls).tracking.save_view(name, kept, shared=bool(ask.form.get("shared")))
    return Done(
        f"{ROAD}?{view.query}", f"View {name} is kept", "everybody sees it" if view.shared else "only you see it"
    )


def _drop(calls: PageCalls, ask: Ask) -> Done:
    name = ask.form.get("name", "")
    slices(calls).tracking.drop_view(name)
    return Done(ROAD, f"View {name} is dropped")


def _fields_of(query: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in parse_qsl(query[:6000]):
        found[name] = (*found.get(name, ()), value)
    return found
