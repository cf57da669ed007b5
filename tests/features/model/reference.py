"""The semantics of features, slowly and obviously: what `features.model.semantics` says in six sentences, in loops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from modelyard.features.api import Aggregate, Cell, Status
from modelyard.features.model.semantics import Plan


@dataclass(frozen=True)
class Fact:
    """One row of a source, in the order of arrival."""

    key: tuple[str | int | None, ...]
    event: int | None
    created: int | None
    values: tuple[Cell, ...]


@dataclass(frozen=True)
class Ask:
    """One label."""

    key: tuple[str | int | None, ...]
    moment: int | None


def unknown(value: Cell) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def answer(plan: Plan, facts: Sequence[Fact], ask: Ask) -> tuple[Status, list[Cell]]:
    nothing: list[Cell] = [None] * len(plan.outputs)
    if ask.moment is None or None in ask.key:
        return Status.MISSING, nothing
    known = [
        (fact.event + plan.delay_us, -(10**30) if fact.created is None else fact.created, arrival, fact)
        for arrival, fact in enumerate(facts)
        if fact.key == ask.key and fact.event is not None and fact.event + plan.delay_us <= ask.moment
    ]
    if not known:
        return Status.MISSING, nothing
    counts, _, _, newest = max(known, key=lambda each: each[:3])
    if plan.ttl_us is not None and ask.moment - counts > plan.ttl_us:
        return Status.EXPIRED, nothing
    values: list[Cell] = []
    for output in plan.outputs:
        if output.window_us is None or output.aggregate is None:
            value = newest.values[output.place]
            values.append(None if unknown(value) else value)
            continue
        inside = [
            fact.values[output.place] for at, _, _, fact in known if ask.moment - output.window_us < at <= ask.moment
        ]
        values.append(over(output.aggregate, [float(value) for value in inside if not unknown(value)]))  # type: ignore[arg-type]  # numbers by construction
    return Status.PRESENT, values


def over(aggregate: Aggregate, known: list[float]) -> Cell:
    if aggregate is Aggregate.COUNT:
        return len(known)
    if not known:
        return 0.0 if aggregate is Aggregate.SUM else None
    if aggregate is Aggregate.MIN:
        return min(known)
    if aggregate is Aggregate.MAX:
        return max(known)
    if math.inf in known and -math.inf in known:
        return None
    total = sum(known) if math.inf in known or -math.inf in known else math.fsum(known)
    return total / len(known) if aggregate is Aggregate.MEAN else total
