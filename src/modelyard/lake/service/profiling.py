"""Profiles: what each column of a version holds; computed when it is first asked for, then kept with the version."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from modelyard.lake.api import Bucket, Cell, Column, ColumnProfile, TableProfile, TopValue
from modelyard.lake.model.columns import NUMBERS
from modelyard.lake.model.filesets import thing
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.policies import restricted, shown
from modelyard.lake.store import catalogue, profiles
from modelyard.ports import calls
from modelyard.ports.queries import Scalar, Session

_STRIDE = 12
_EDITION = 2


def profile(desk: Desk, entry: catalogue.Entry) -> TableProfile:
    """The profile of a table's version."""
    if restricted(desk, entry.name) is not None:
        return _measured(desk, entry)
    if (kept := catalogue.profile(calls.current().tx, entry.name, entry.version)) is not None:
        known = msgspec.json.decode(kept, type=TableProfile)
        if known.edition == _EDITION:
            return known
    made = _measured(desk, entry)
    body = msgspec.json.encode(made)
    calls.current().unit(lambda: catalogue.keep_profile(calls.current().tx, entry.name, entry.version, body))
    return made


def _measured(desk: Desk, entry: catalogue.Entry) -> TableProfile:
    """The profile of the rows that whoever asks may see."""
    uris, rows = shown(desk, entry)
    with desk.queries().session() as session:
        return TableProfile(
            table=entry.name,
            version=entry.version,
            ref=thing(entry.name, entry.version),
            rows=rows,
            columns=columns(session, uris, entry.columns, expected=rows),
            edition=_EDITION,
        )


def columns(
    session: Session, paths: Sequence[str], given: Sequence[Column], *, expected: int
) -> tuple[ColumnProfile, ...]:
    """Measure columns: one scan for the figures, one for the histograms, one for frequent values."""
    rows, *values = session.rows(profiles.measures(paths, given, expected))[0]
    figures = [values[n * _STRIDE : (n + 1) * _STRIDE] for n in range(len(given))]
    total = int(rows or 0)
    bars = _bars(session, paths, given, figures)
    top = _top(session, paths, given, figures)
    return tuple(
        _column(column, total, figure, bars.get(column.name, ()), top.get(column.name, ()))
        for column, figure in zip(given, figures, strict=True)
    )


def _bars(
    session: Session, paths: Sequence[str], given: Sequence[Column], figures: Sequence[list[Scalar]]
) -> dict[str, tuple[Bucket, ...]]:
    spans: list[tuple[Column, float, float]] = []
    found: dict[str, tuple[Bucket, ...]] = {}
    for column, figure in zip(given, figures, strict=True):
        low, high = figure[6:8]
        if column.classification is not None or low is None or high is None:
            continue
        if float(high) - float(low) > 0 and math.isfinite(float(high) - float(low)):
            spans.append((column, float(low), float(high)))
    if not spans:
        return found
    counts: dict[tuple[int, int], int] = {}
    for place, bar, count in session.rows(profiles.histograms(paths, spans)):
        counts[int(place or 0), int(bar or 0)] = int(count or 0)
    for place, (column, low, high) in enumerate(spans):
        step = (high - low) / profiles.BUCKETS
        found[column.name] = tuple(
            Bucket(low=low + n * step, high=low + (n + 1) * step, count=counts.get((place, n), 0))
            for n in range(profiles.BUCKETS)
        )
    return found


def _top(
    session: Session, paths: Sequence[str], given: Sequence[Column], figures: Sequence[list[Scalar]]
) -> dict[str, tuple[TopValue, ...]]:
    chosen = [
        column
        for column, figure in zip(given, figures, strict=True)
        if column.classification is None and profiles.worth_counting(column, int(figure[0] or 0), int(figure[1] or 0))
    ]
    found: dict[str, tuple[TopValue, ...]] = {}
    if chosen:
        for place, value, count in session.rows(profiles.frequent(paths, chosen)):
            column = chosen[int(place or 0)]
            top = TopValue(value=_typed(column, value), count=int(count or 0))
            found[column.name] = (*found.get(column.name, ()), top)
    return found


def _column(
    column: Column, rows: int, figure: Sequence[Scalar], bars: tuple[Bucket, ...], top: tuple[TopValue, ...]
) -> ColumnProfile:
    open_ = column.classification is None
    filled, distinct, low, high, mean, spread, _, _, quantiles, *lengths = figure if open_ else _silent(figure)
    shortest, longest, mean_length = lengths
    return ColumnProfile(
        name=column.name, type=column.type, rows=rows, nulls=rows - int(filled or 0),
        distinct=min(int(distinct or 0), int(filled or 0)), low=_typed(column, low), high=_typed(column, high),
        mean=_number(mean), std=_number(spread), histogram=bars, top=tuple(sorted(top, key=lambda each: -each.count)),
        quantiles=_quantiles(quantiles), shortest=None if shortest is None else int(shortest),
        longest=None if longest is None else int(longest), mean_length=_number(mean_length),
    )  # fmt: skip


def _silent(figure: Sequence[Scalar]) -> list[Scalar]:
    """What may be told of a classified column: how many values there are, and how many different ones."""
    return [*figure[:2], *[None] * (_STRIDE - 2)]


def _quantiles(told: Scalar) -> dict[str, float]:
    values = str(told).split(",") if told else []
    return {share: float(value) for share, value in zip(profiles.QUANTILES, values, strict=False)}


def _typed(column: Column, value: Scalar) -> Cell:
    """A value that came as text, as JSON shows it."""
    if value is None:
        return None
    if column.type == "bool":
        return value == "true"
    if column.type in NUMBERS:
        number = float(value)
        if not math.isfinite(number):
            return str(value)
        return number if column.type.startswith("float") else int(value)
    return str(value)


def _number(value: Scalar) -> float | None:
    return None if value is None or not math.isfinite(float(value)) else float(value)
