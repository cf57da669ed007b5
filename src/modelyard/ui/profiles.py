"""What the columns of a table hold, as pages draw it: small under a head, large in a list of columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from modelyard.lake.api import Cell as Value
from modelyard.lake.api import Column as LakeColumn
from modelyard.lake.api import ColumnProfile, TableProfile
from modelyard.ui.kit.figures import cut, metric, number, plural, share
from modelyard.ui.kit.tables import NULL, Cell, Column, Kind, Row, Sketch

_NUMBERS = ("int", "float", "decimal")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00(:00)?)?$")
_ZONE = re.compile(r"(Z|\+00(:00)?)$")
_TOP, _LONG, _WARN = 4, 300, 0.2
"""Commonest values that are drawn; characters of a cell that are shown; share of nulls from which on it is said."""


class ColumnShown(Struct, frozen=True):
    """One column with what it holds; `parts` are its commonest values with their counts, `said` facts in words."""

    name: str
    type: str
    key: bool
    nullable: bool
    comment: str
    classification: str
    sketch: Sketch | None
    facts: tuple[tuple[str, str], ...]
    parts: tuple[tuple[str, int, float], ...]


def is_number(type_: str) -> bool:
    """True for the lake's types that stand right in a column."""
    return type_.startswith(_NUMBERS)


def text_of(value: Value) -> str:
    """A value as text: moments without the T, truths in lower case, long texts cut."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return metric(value)
    if value is None:
        return "null"
    text = str(value)
    moment = _MOMENT.match(text) is not None
    return cut(_ZONE.sub("", text).replace("T", " ") if moment else text, _LONG)


def cell(value: Value) -> Cell:
    """A value of a row as a cell of a page."""
    if value is None:
        return NULL
    return text_of(value) if isinstance(value, str | bool) else value


def rows(values: Sequence[Sequence[Value]], first: int = 0) -> tuple[Row, ...]:
    """Rows of values as rows of a page."""
    return tuple(Row(tuple(cell(v) for v in row), key=str(first + i)) for i, row in enumerate(values))


def heads(columns: Sequence[LakeColumn], profile: TableProfile | None, *, sortable: bool = False) -> tuple[Column, ...]:
    """The heads of a table's rows, each with what its column holds where that is known."""
    held = {c.name: sketch(c) for c in profile.columns} if profile else {}
    return tuple(
        Column(
            c.name, c.name, Kind.NUMBER if is_number(c.type) else Kind.TEXT, sortable=sortable,
            sketch=held.get(c.name),
        )
        for c in columns
    )  # fmt: skip


def sketch(held: ColumnProfile) -> Sketch:
    """What a column holds, in a few pixels."""
    lost = held.nulls / held.rows if held.rows else 0.0
    nulls = "no nulls" if not held.nulls else f"{share(lost)} null"
    if held.histogram:
        labels = tuple(f"{metric(b.low)} to {metric(b.high)}: {number(b.count)}" for b in held.histogram)
        bars = tuple(float(b.count) for b in held.histogram)
        note = f"{_short(held.low)} – {_short(held.high)}"
        return Sketch(_word(held.type), note, bars, labels, nulls=nulls, warns=lost > _WARN)
    told = tuple((text_of(t.value), float(t.count)) for t in held.top[:_TOP] if t.value is not None)
    rest = held.rows - held.nulls - sum(count for _, count in told)
    parts = (
        *told,
        *((("others", float(rest)),) if rest > 0 else ()),
        *((("null", float(held.nulls)),) if held.nulls else ()),
    )
    names_a_row = held.distinct > 0.9 * held.rows and held.rows > 20
    note = "each its own" if names_a_row else plural(held.distinct, "value")
    shares = () if names_a_row or not told else parts
    return Sketch(_word(held.type), note, shares=shares, nulls=nulls, warns=lost > _WARN)


def _word(type_: str) -> str:
    """A type as people say it."""
    words = {"string": "text", "float64": "float", "float32": "float", "int64": "int", "timestamp": "time"}
    return words.get(type_, type_)


def _short(value: Value) -> str:
    if value is None:
        return "–"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value) if isinstance(value, int) else number(round(value, 2))
    text = text_of(value)
    return text[:10] if _MOMENT.match(text) else cut(text, 12)


def shown(columns: Sequence[LakeColumn], keys: Sequence[str], profile: TableProfile | None) -> tuple[ColumnShown, ...]:
    """Each column with all that is known of it."""
    held = {c.name: c for c in profile.columns} if profile else {}
    return tuple(_one(c, held.get(c.name), key=c.name in keys) for c in columns)


def _one(column: LakeColumn, held: ColumnProfile | None, *, key: bool) -> ColumnShown:
    facts: list[tuple[str, str]] = []
    parts: tuple[tuple[str, int, float], ...] = ()
    if held is not None:
        lost = held.nulls / held.rows if held.rows else 0.0
        facts = [
            ("nulls", f"{number(held.nulls)} ({share(lost)})" if held.nulls else "none"),
            ("distinct", number(held.distinct)),
        ]
        if held.low is not None:
            facts.append(("range", f"{text_of(held.low)} to {text_of(held.high)}"))
        if held.mean is not None and is_number(held.type):
            facts += [("mean", metric(held.mean)), ("deviation", metric(held.std))]
        parts = tuple((text_of(t.value), t.count, t.count / held.rows if held.rows else 0.0) for t in held.top[:5])
        if held.histogram or held.distinct > 0.9 * held.rows > 18:
            parts = ()
    return ColumnShown(
        column.name, column.type, key, column.nullable, column.comment,
        column.classification.value if column.classification else "", sketch(held) if held else None,
        tuple(facts), parts,
    )  # fmt: skip
