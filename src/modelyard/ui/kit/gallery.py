"""Every component in every state on one page, with invented things: for people who write pages, and for the tests.

Served under `/kit` by a server that is asked to; no page of the product links here. The numbers mean nothing.
"""

from __future__ import annotations

import math
from datetime import timedelta

from msgspec import Struct

from modelyard.ui.kit import icons, series
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.pages import Ask, Count, Crumb, Done, Foot, Found, Page, Screens
from modelyard.ui.kit.tables import (
    NONE,
    NULL,
    ActorCell,
    AliasCell,
    BestCell,
    Cell,
    Column,
    Kind,
    LinkCell,
    MarkCell,
    RefCell,
    Row,
    Rows,
    SpanCell,
    Table,
    TimeCell,
    ToneCell,
    TrendCell,
)

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(2)'>",
    "safe\u202egnp.exe",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(3)",
    "long_" * 1_000,
    "tab\there\x00null\x1bescape",
    "ünï çødé 名前 🚕",
)
ROWS = 1_000
PAGE = 200


class GalleryData(Struct, frozen=True):
    """What the gallery shows."""

    icons: tuple[str, ...]
    table: Table
    small: Table
    hostile: Table
    trend: tuple[float, ...]
    tokens: tuple[tuple[str, tuple[str, ...]], ...]
    section: str


def _wave(index: int, speed: float = 0.7, depth: float = 1.0) -> float:
    return depth * (math.sin(index * speed) + 0.4 * math.sin(index * 2.3))


def _trend(seed: int) -> tuple[float | None, ...]:
    return tuple(0.5 * math.exp(-i / 4) + 0.22 + 0.01 * _wave(i + seed, 1.9) for i in range(14))


_WORDS = ("amber", "brisk", "clear", "dusky", "early", "keen", "lucid", "mild")
_BIRDS = ("wren", "heron", "ibis", "finch", "crane", "otter", "badger", "plover")


def _row(index: int, ask: Ask) -> Row:
    name = f"{_WORDS[index % 8]}-{_BIRDS[index // 8 % 8]}-{index}"
    failed, running = index % 17 == 11, index % 23 == 2
    state = (
        MarkCell("bad", "failed")
        if failed
        else MarkCell("run", "22 %", 0.22)
        if running
        else MarkCell("ok", "4 min 56 s")
    )
    auc = 0.92 + 0.02 * math.sin(index)
    curve = TrendCell(_trend(index))
    out: list[Cell] = [BestCell(auc) if index == 0 else auc, 0.23 + 0.01 * math.cos(index)]
    out += [NONE if index % 5 else NULL, curve]
    if failed:
        out = [SpanCell("exit 137 in step fit: out of memory at 8.0 GiB", 4)]
    cells: tuple[Cell, ...] = (
        RefCell(f"run:{name}", bare=True),
        state,
        TimeCell(ask.now - timedelta(minutes=7 * index)),
        ActorCell("ana kos" if index % 3 else "nightly", machine=index % 3 == 0),
        "hgb" if index % 2 else "mlp",
        round(0.02 + 0.01 * (index % 9), 2),
        300 + 100 * (index % 4),
        RefCell("view:trip_stats@5"),
        *out,
        0.09 + 0.01 * index,
    )
    return Row(cells, key=name, href=f"/runs/{name}", ref=f"run:{name}", pinned=index == 0)


COLUMNS = (
    Column("name", "Name", group="Run", sortable=True),
    Column("state", "State", group="Run"),
    Column("started", "Started", Kind.TIME, group="Run", sortable=True),
    Column("by", "By", group="Run"),
    Column("learner", "learner", group="Parameters"),
    Column("lr", "lr", Kind.NUMBER, group="Parameters", sortable=True),
    Column("iter", "iter", Kind.COUNT, group="Parameters"),
    Column("features", "features", group="Parameters"),
    Column("auc", "auc", Kind.METRIC, group="Metrics", sortable=True),
    Column("loss", "log loss", Kind.METRIC, group="Metrics"),
    Column("brier", "brier", Kind.METRIC, group="Metrics"),
    Column("curve", "val log loss", group="Metrics"),
    Column("cost", "cost", Kind.MONEY, group="Out", unit="$"),
)


def _big(ask: Ask) -> Table:
    rows = tuple(_row(i, ask) for i in range(60))
    return Table(
        "runs", "Runs", COLUMNS, rows, source="/kit/rows", next="60", sort="-started", total=ROWS, selectable=True
    )


def _small() -> Table:
    columns = (
        Column("version", "Version"),
        Column("aliases", "Aliases"),
        Column("auc", "auc", Kind.METRIC),
        Column("delta", "Δ auc", Kind.SIGNED),
        Column("size", "Size", Kind.SIZE),
        Column("kept", "Nulls", Kind.SHARE),
        Column("wh", "Energy", Kind.ENERGY),
        Column("state", "State"),
    )
    cells: tuple[tuple[Cell, ...], ...] = (
        (AliasCell(("shadow",)), 0.9402, ToneCell(0.0023, "ok"), 412_000, 0.0, 0.9, "in trial"),
        (
            AliasCell(("canary",)),
            BestCell(0.9418),
            ToneCell(0.0039, "ok"),
            1_900_000,
            0.343,
            0.4,
            MarkCell("wait", "asked"),
        ),
        (AliasCell(("production", "last-good")), 0.9379, NONE, 1_400_000, 0.0004, 0.4, "serves 90 %"),
        (AliasCell(()), 0.9388, ToneCell(-0.0009, "bad"), 6_800_000, NULL, 1.3, MarkCell("bad", "rolled back")),
    )
    rows = tuple(
        Row((LinkCell(f"tips@{version}", f"/models/tips?version={version}"), *rest), tone="bad" if version == 4 else "")
        for version, rest in zip((8, 7, 6, 4), cells, strict=True)
    )
    return Table("versions", "Versions of tips", columns, rows)


def _hostile() -> Table:
    columns = (
        Column("name", "Name"),
        Column("ref", "As a ref"),
        Column("link", "As a link"),
        Column("who", "As an actor"),
    )
    rows = tuple(
        Row((name, RefCell(f"table:{name}"), LinkCell(name, "/tables"), ActorCell(name)), key=name, ref=f"table:{name}")
        for name in HOSTILE
    )
    return Table("hostile", "Names that try to break a page", columns, rows)


TOKENS = (
    ("Grounds", ("well", "page", "float", "hover", "press")),
    ("Lines", ("hair", "edge", "control")),
    ("Ink", ("ink", "ink-2", "ink-3", "accent", "accent-ink")),
    ("Meaning", ("ok-ink", "ok-fill", "warn-ink", "warn-fill", "bad-ink", "bad-fill")),
    ("Series", ("s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8")),
)


def screens() -> Screens:
    """The gallery's pages, feeds and forms."""
    mine = Screens("kit")

    @mine.page("/kit", template="kit/gallery.html", nav="runs")
    def kit(calls: PageCalls, ask: Ask) -> Page:  # noqa: ARG001 - every page is called alike
        trend = tuple(float(40 + i + 9 * _wave(i)) for i in range(40))
        section = ask.text("part", "parts")
        data = GalleryData(icons.names(), _big(ask), _small(), _hostile(), trend, TOKENS, section)
        foot = Foot(
            "GET /kit", "yard runs list --sort=-started", "yard.runs.list(sort='-started')", ("reference sheet",)
        )
        return Page("Kit", data, (Crumb("Reference", "/kit"), Crumb("Kit")), foot)

    @mine.feed("/kit/rows")
    def rows(calls: PageCalls, ask: Ask) -> Rows:  # noqa: ARG001 - every feed is called alike
        after = ask.number("after", 0, high=ROWS)
        until = min(ROWS, after + PAGE)
        return Rows(tuple(_row(i, ask) for i in range(after, until)), str(until) if until < ROWS else "", ROWS)

    @mine.feed("/kit/curves")
    def curves(calls: PageCalls, ask: Ask) -> bytes:  # noqa: ARG001 - every feed is called alike
        x = [float(i) for i in range(0, 600, 2)]
        lines = []
        for run in range(4):
            y = [0.22 + 0.01 * run + 0.4 * math.exp(-i / (30 + 9 * run)) + 0.003 * _wave(int(i) + run, 0.11) for i in x]
            low, high = [v - 0.004 for v in y], [v + 0.004 for v in y]
            lines.append(series.Curve(f"run {run}", y, low, high, ref=f"run-{run}"))
        return series.pack(x, lines)

    @mine.form("/kit/act")
    def act(calls: PageCalls, ask: Ask) -> Done:  # noqa: ARG001 - every form is called alike
        return Done(
            "/kit", f"Done: {ask.form.get('what', 'nothing')}", "endpoint:tips · event 1,204,790", undo="/kit/act"
        )

    @mine.count("alerts")
    def alerts(calls: PageCalls) -> Count:  # noqa: ARG001 - every count is called alike
        return Count(2, "bad")

    @mine.count("runs")
    def runs(calls: PageCalls) -> Count:  # noqa: ARG001 - every count is called alike
        return Count(3, "run")

    @mine.finds
    def finds(calls: PageCalls, words: str) -> list[Found]:  # noqa: ARG001 - every finder is called alike
        things = (
            Found("tips", "/endpoints/tips", "endpoint · 212 req/min", "endpoint"),
            Found("tips@7", "/models/tips?version=7", "model version · canary", "model"),
            Found("tips-drift", "/monitors/tips-drift", "monitor · 3 of 50 shifted", "pulse"),
            Found("Roll back endpoint tips to tips@5…", "/kit?part=overlays", "asks first", "undo", "Do"),
        )
        return [thing for thing in things if all(word in thing.text.lower() for word in words.lower().split())]

    return mine
