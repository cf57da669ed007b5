"""Batches that wait to be folded, and the sum of what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelyard.lake.api import LoadId
from modelyard.lake.model.batches import Batch


@dataclass(frozen=True, slots=True)
class Waiting:
    """A batch that is not folded yet; `end` is where its block ends in the segment."""

    segment: str
    end: int
    batch: Batch


@dataclass(slots=True)
class Taken:
    """What came of a fold so far."""

    batches: int = 0
    rows: int = 0
    loaded: int = 0
    quarantined: int = 0
    repeated: int = 0
    loads: list[LoadId] = field(default_factory=list)
    version: int | None = None
