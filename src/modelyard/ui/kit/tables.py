"""A table as a record: columns with units and groups, rows of typed cells, where the next rows are.

The same record becomes the first rows as HTML (macro `table`) and the further rows as JSON (read by `yard-table.js`),
so both write a cell alike. A cell says what it is: unknown (`NULL`) differs from "does not apply" (`NONE`) and from 0.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """How a column is written and aligned."""

    TEXT = "text"
    CODE = "code"
    COUNT = "count"
    NUMBER = "number"
    METRIC = "metric"
    SIGNED = "signed"
    SHARE = "share"
    MONEY = "money"
    SIZE = "size"
    ENERGY = "energy"
    DURATION = "duration"
    TIME = "time"
    FIGURE = "figure"
    """A number as whoever wrote it did; a text for all else."""


_RIGHT = {
    Kind.COUNT, Kind.NUMBER, Kind.METRIC, Kind.SIGNED, Kind.SHARE, Kind.MONEY, Kind.SIZE, Kind.ENERGY, Kind.DURATION,
    Kind.FIGURE,
}  # fmt: skip


class Sketch(Struct, frozen=True, omit_defaults=True):
    """What a column holds, drawn small under its head: bars for numbers, shares for words; `nulls` in words."""

    kind: str
    note: str = ""
    bars: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    shares: tuple[tuple[str, float], ...] = ()
    nulls: str = ""
    warns: bool = False


class Column(Struct, frozen=True, omit_defaults=True):
    """A column: `key` sorts it, `group` is its upper head, `unit` stands beside its word; `pinned` stays in sight."""

    key: str
    head: str
    kind: Kind = Kind.TEXT
    group: str = ""
    unit: str = ""
    digits: int | None = None
    sortable: bool = False
    sketch: Sketch | None = None
    pinned: bool = False

    @property
    def right(self) -> bool:
        """Numbers stand right, text left."""
        return self.kind in _RIGHT


class Null(Struct, frozen=True, tag="null", tag_field="t"):
    """Unknown: written as an italic null; `why` is its tooltip."""

    why: str = ""


class NotApplicable(Struct, frozen=True, tag="none", tag_field="t"):
    """Does not apply here: written as a dash."""


class RefCell(Struct, frozen=True, tag="ref", tag_field="t", omit_defaults=True):
    """A ref; `bare` leaves out its frame, `text` replaces what is written."""

    ref: str
    text: str = ""
    bare: bool = False


class LinkCell(Struct, frozen=True, tag="link", tag_field="t"):
    """A name that opens a page of the yard."""

    text: str
    href: str


class MarkCell(Struct, frozen=True, tag="mark", tag_field="t", omit_defaults=True):
    """A state: its shape and its words; `done` in 0..1 draws a bar."""

    state: str
    text: str = ""
    done: float | None = None


class ActorCell(Struct, frozen=True, tag="actor", tag_field="t", omit_defaults=True):
    """Who: initials and, where there is room, the name."""

    name: str
    machine: bool = False
    full: bool = True


class TrendCell(Struct, frozen=True, tag="trend", tag_field="t"):
    """A spark of values, oldest first."""

    values: tuple[float | None, ...]


class AliasCell(Struct, frozen=True, tag="alias", tag_field="t"):
    """Aliases of a version."""

    names: tuple[str, ...]


class BestCell(Struct, frozen=True, tag="best", tag_field="t"):
    """The best value of its column."""

    value: float


class ToneCell(Struct, frozen=True, tag="tone", tag_field="t"):
    """A value with meaning: tone is ok, warn, bad or dim."""

    value: str | float
    tone: str


class SpanCell(Struct, frozen=True, tag="span", tag_field="t"):
    """Says over `columns` cells why they could not be filled."""

    text: str
    columns: int
    tone: str = "bad"


class TimeCell(Struct, frozen=True, tag="time", tag_field="t"):
    """A moment."""

    at: datetime


Special = (
    Null | NotApplicable | RefCell | LinkCell | MarkCell | ActorCell | TrendCell | AliasCell | BestCell | ToneCell
    | SpanCell | TimeCell
)  # fmt: skip
Cell = str | int | float | Special
NULL, NONE = Null(), NotApplicable()


class Row(Struct, frozen=True, omit_defaults=True):
    """A row: `ref` is the thing it shows, `href` what Enter opens, `key` identifies it among its table's rows."""

    cells: tuple[Cell, ...]
    key: str = ""
    href: str = ""
    ref: str = ""
    tone: str = ""
    pinned: bool = False


class Table(Struct, frozen=True, omit_defaults=True):
    """A table: `source` is the feed of further rows, `next` the cursor after the last row (empty: these are all).

    `sort` is a column key, with `-` before it for descending; `total` is None where counting would cost a scan.
    `indexed`: `source` gives any rows by their place (`first`, `limit`); `first` is the place of the first row here.
    `kept` rows stand above all others whatever is found.
    """

    name: str
    label: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    source: str = ""
    next: str = ""
    sort: str = ""
    total: int | None = None
    selectable: bool = False
    indexed: bool = False
    first: int = 0
    kept: tuple[Row, ...] = ()

    @property
    def groups(self) -> tuple[tuple[str, int], ...]:
        """The upper storey of the head: (group, columns under it); empty where no column has one."""
        runs: list[tuple[str, int]] = []
        for column in self.columns:
            if runs and runs[-1][0] == column.group:
                runs[-1] = (column.group, runs[-1][1] + 1)
            else:
                runs.append((column.group, 1))
        return tuple(runs) if any(name for name, _ in runs) else ()

    @property
    def looks(self) -> tuple[str, ...]:
        """The classes of each column's cells; `begins` is the hairline before a group."""
        before = [None, *(c.group for c in self.columns)]
        return tuple(
            " ".join(
                word
                for word, holds in (
                    ("num", c.right),
                    ("begins", i > 0 and c.group and c.group != before[i]),
                    ("held-left", c.pinned),
                )
                if holds
            )
            for i, c in enumerate(self.columns)
        )


class Rows(Struct, frozen=True, omit_defaults=True):
    """What a feed of rows answers: the next rows and the cursor after them."""

    rows: tuple[Row, ...]
    next: str = ""
    total: int | None = None
