"""What the app must know of a slice to furnish it: how its service is built, its tables, what it does unasked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.app.engines import Engines
from modelyard.ports.database import Migration
from modelyard.ports.duties import Duty, Reaction
from modelyard.ports.wires import WireRoute


def _nothing(_: Any) -> tuple[()]:
    return ()


@dataclass(frozen=True, slots=True)
class Room:
    """One slice, as the app furnishes it.

    Attributes:
        name: the slice.
        apis: the interfaces whose operations it serves; all answered by the one service.
        build: makes the service from the engines and the slices below.
        migrations: its tables.
        reactions, duties, wires: what the built service does at news, by the clock, and in foreign words.
        recover: sweeps what a crash left, when a yard process starts that will serve; a sentence for each thing.
    """

    name: str
    apis: tuple[type[Any], ...]
    build: Callable[[Engines], Any]
    migrations: tuple[Migration, ...] = ()
    reactions: Callable[[Any], Sequence[Reaction]] = _nothing
    duties: Callable[[Any], Sequence[Duty]] = _nothing
    wires: Callable[[Engines], Sequence[WireRoute]] = _nothing
    recover: Callable[[Any], Sequence[str]] = _nothing
