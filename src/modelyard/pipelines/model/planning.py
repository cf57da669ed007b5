"""Whether parameters fit a flow, whether a plan can run, and when a schedule is due."""

from __future__ import annotations

from collections.abc import Mapping

from modelyard.kernel.errors import InvalidInput
from modelyard.pipelines.api import FlowSpec, Json, Plan


def bound_params(flow: str, spec: FlowSpec, given: Mapping[str, Json]) -> dict[str, Json]:
    """The parameters of a run, defaults filled in, in the order of the declaration.

    Raises:
        InvalidInput: one is unknown, or a required one is missing.
    """
    known = {p.name: p for p in spec.parameters}
    has = f"it has {', '.join(known)}" if known else "it has none"
    if unknown := [name for name in given if name not in known]:
        raise InvalidInput(f"{flow} has no parameter {unknown[0][:60]!r}; {has}")
    if missing := [name for name, p in known.items() if p.required and name not in given]:
        raise InvalidInput(f"{flow} needs the parameter {missing[0]!r}; {has}")
    return {name: given.get(name, p.default) for name, p in known.items()}


def check_plan(plan: Plan) -> None:
    """Return if every step comes after what it needs.

    Raises:
        InvalidInput: an id stands twice, or a step needs one that does not come before it.
    """
    seen: set[str] = set()
    for step in plan.steps:
        if step.id in seen:
            raise InvalidInput(f"the plan of {plan.flow} holds two steps named {step.id}")
        if late := [need for need in step.needs if need not in seen]:
            raise InvalidInput(f"in the plan of {plan.flow}, {step.id} needs {late[0]}, which does not come before it")
        seen.add(step.id)


def following(next_ms: int, every_s: int, now_ms: int) -> int:
    """When a schedule that was due at `next_ms` is due again: on its own beat, and after now, however many it missed.

    >>> following(10_000, 10, 12_000)
    20000
    >>> following(10_000, 10, 47_000)
    50000
    """
    every_ms = every_s * 1000
    missed = max(0, (now_ms - next_ms) // every_ms)
    return next_ms + (missed + 1) * every_ms
