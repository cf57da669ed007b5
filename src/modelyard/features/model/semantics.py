"""What a feature is at a moment: the one place that decides it, for training sets and for online rows alike.

1. A row of the source counts from its event time plus the view's delay on. At a moment it is known if it counts at or
   before it; a row of exactly that moment is known.
2. An entity's row at a moment is the known one with the latest event time; among those of one event time the one
   written down last (`created`, unknown being earliest), among those the one that arrived last.
3. A feature without a window is the expression's value in that row, also where that is unknown.
4. A feature with a window is the aggregate over all known rows that count within `(moment - window, moment]`; rows
   whose expression is unknown do not take part. Over no row a count is 0, a sum 0.0, all others unknown.
5. The view is `missing` if the entity has no known row, `expired` if its row counts from more than the time to live
   before the moment, else `present`. Unless it is present all its features are unknown.
6. Unknown is null, never a stand-in. NaN is unknown. A row without key or event time belongs to nobody.

Times are microseconds since the Unix epoch, UTC. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum

from msgspec import Struct

from modelyard.features.api import Aggregate, Cell, FeatureType, Status, View

SECOND_US = 1_000_000
OVER_NOTHING: dict[Aggregate, float | int | None] = {
    Aggregate.COUNT: 0, Aggregate.SUM: 0.0, Aggregate.MEAN: None, Aggregate.MIN: None, Aggregate.MAX: None,
}  # fmt: skip


class Output(Struct, frozen=True):
    """One feature of a plan.

    Attributes:
        name: `<view>__<feature>`.
        place: which of the plan's expressions it is of.
        window_us: None for the newest row's value.
    """

    name: str
    place: int
    aggregate: Aggregate | None
    window_us: int | None
    type: FeatureType


class Plan(Struct, frozen=True):
    """A view's version, ready to be computed.

    Attributes:
        expressions: different ones, each read once.
        newest: places whose value in the newest row is wanted.
        windowed: places whose values over time are wanted.
        longest_us: the longest window; 0 if there is none.
    """

    view: str
    expressions: tuple[str, ...]
    outputs: tuple[Output, ...]
    newest: tuple[int, ...]
    windowed: tuple[int, ...]
    ttl_us: int | None
    delay_us: int
    longest_us: int


def plan_of(view: View) -> Plan:
    """The plan of a view's version."""
    places: dict[str, int] = {}
    outputs = []
    for feature, kind in zip(view.spec.features, view.types, strict=True):
        place = places.setdefault(feature.expression or quoted(feature.name), len(places))
        window = None if feature.window_s is None else round(feature.window_s * SECOND_US)
        outputs.append(Output(f"{view.name}__{feature.name}", place, feature.aggregate, window, kind))
    return Plan(
        view=view.name,
        expressions=tuple(places),
        outputs=tuple(outputs),
        newest=tuple(sorted({o.place for o in outputs if o.window_us is None})),
        windowed=tuple(sorted({o.place for o in outputs if o.window_us is not None})),
        ttl_us=None if view.spec.ttl_s is None else round(view.spec.ttl_s * SECOND_US),
        delay_us=round(view.spec.delay_s * SECOND_US),
        longest_us=max((o.window_us for o in outputs if o.window_us is not None), default=0),
    )


def quoted(name: str) -> str:
    """A column's name as an expression."""
    return '"' + name.replace('"', '""') + '"'


def status_of(counts_us: int | None, moment_us: int, ttl_us: int | None) -> Status:
    """Rule 5, for the moment from which the entity's newest known row counts."""
    if counts_us is None or counts_us > moment_us:
        return Status.MISSING
    if ttl_us is not None and moment_us - counts_us > ttl_us:
        return Status.EXPIRED
    return Status.PRESENT


def precedes(event: int, created: int | None, other_event: int, other_created: int | None) -> bool:
    """Rule 2: True if the row that arrived later, the other one, is the one to keep."""
    if event != other_event:
        return event < other_event
    return created is None or (other_created is not None and created <= other_created)


def aggregated(aggregate: Aggregate, known: Sequence[float]) -> Cell:
    """Rule 4 for one window: the aggregate over its known values."""
    if not known:
        return OVER_NOTHING[aggregate]
    if aggregate is Aggregate.COUNT:
        return len(known)
    if aggregate is Aggregate.MIN:
        return min(known)
    if aggregate is Aggregate.MAX:
        return max(known)
    total = _total(known)
    value = total / len(known) if aggregate is Aggregate.MEAN else total
    return value if value == value else None  # noqa: PLR0124  # NaN alone differs from itself


def _total(known: Sequence[float]) -> float:
    """The sum, rounded once; where infinities or the range stand in its way, as they add up."""
    try:
        return fsum(known)
    except (OverflowError, ValueError):
        return float(sum(known))
