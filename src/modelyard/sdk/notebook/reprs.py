"""Records as a notebook shows them: a run with its params and metrics, lists as tables, rows of a table as a table.

Everything that comes from a yard is text of somebody's: it is escaped, cut, and never markup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.pages import Page
from modelyard.sdk.grids import grid, pairs, text
from modelyard.tracking.api import Artifact, Experiment, LoggedModel, Reproduction, Run, Verdict

_ROWS = 50
_COLUMNS = 12


def formatters() -> list[tuple[type[Any], Callable[[Any], str | None]]]:
    """For each kind of record, what makes HTML of it."""
    from modelyard.lake.api import Table, Version
    from modelyard.registry.api import Model, ModelVersion

    plain: tuple[type[Struct], ...] = (
        Artifact, Experiment, LoggedModel, Reproduction, Verdict, Table, Version, Model, ModelVersion,
    )  # fmt: skip
    found: list[tuple[type[Any], Callable[[Any], str | None]]] = [(kind, record) for kind in plain]
    return [*found, (Run, run), (Page, page), (list, several)]


def run(one: Run) -> str:
    """A run: how it stands, its params and its last metrics beside each other."""
    took = "" if one.end_ms is None else f" · {(one.end_ms - one.start_ms) / 1000:,.1f} s"
    begun = from_ms(one.start_ms).strftime("%Y-%m-%d %H:%M:%S")
    head = f"<b>{text(one.name)}</b> · {text(one.status.value)} · {begun}{took} · <code>run:{text(one.id)}</code>"
    metrics = {point.key: point.value for point in one.metrics if not point.key.startswith("system/")}
    sides = [pairs("metrics", metrics), pairs("params", one.params)]
    if one.reads:
        sides.append(pairs("reads", {str(ref): "" for ref in one.reads}))
    return f"<div>{head}<div style='display:flex;gap:2em;align-items:flex-start'>{''.join(sides)}</div></div>"


def record(one: Struct) -> str:
    """A record, field by field."""
    told = {name: getattr(one, name) for name in one.__struct_fields__}
    return pairs(
        type(one).__name__, {name: value for name, value in told.items() if value not in (None, "", [], {}, ())}
    )


def page(one: Page[Any]) -> str | None:
    """A page of a list."""
    return several(one.items, more=one.next is not None)


def several(items: Sequence[Any], *, more: bool = False) -> str | None:
    """Records below each other; None if they are no records of ours, so that the notebook shows them as it does."""
    if not items or not all(isinstance(one, Struct) and type(one).__module__.startswith("modelyard.") for one in items):
        return None
    names = items[0].__struct_fields__[:_COLUMNS]
    rows = [[getattr(one, name, None) for name in names] for one in items[:_ROWS]]
    left = f"<p>{len(items) - _ROWS:,} more</p>" if len(items) > _ROWS else "<p>and further pages</p>" if more else ""
    return grid(names, rows) + left
