"""Brushes: ranges on axes that choose among things, as an address says them; a thing is chosen that lies within all.

A range of numbers is `NAME:LOW..HIGH`, one of words `NAME:FIRST..LAST` in the order of the axis; ends are within. What
has no value on an axis lies outside every range of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from msgspec import Struct

from modelyard.ui.kit.spreads import Scale


class Brush(Struct, frozen=True):
    """A range of one axis: `low` and `high` are numbers, or places among the axis' words."""

    field: str
    low: float
    high: float
    said: str
    """As an address says it."""
    words: str
    """As people read it."""

    def holds(self, value: float | None) -> bool:
        """True if a value lies within."""
        return value is not None and self.low <= value <= self.high


def read(text: str, scales: Sequence[Scale]) -> Brush | None:
    """The brush that a text tells, on one of these scales; None where it tells none."""
    for scale in scales:
        if text.startswith(f"{scale.name}:"):
            ends = text[len(scale.name) + 1 :]
            found = _of_words(ends, scale) if scale.words else _of_numbers(ends)
            if found is not None:
                low, high = found
                first, last = _told(low, scale), _told(high, scale)
                words = first if low == high else f"{first} to {last}"
                return Brush(scale.name, low, high, text, words)
    return None


def outside(brushes: Sequence[Brush], scales: Sequence[Scale], many: int) -> tuple[int, ...]:
    """The places of those of `many` things that some brush leaves out."""
    held = {scale.name: scale.values for scale in scales}
    return tuple(i for i in range(many) if any(not brush.holds(held[brush.field][i]) for brush in brushes))


def stretch(brush: Brush, scale: Scale) -> tuple[float, float]:
    """From where to where a brush goes on its axis, as places in 0..1; words are taken with room around them."""
    room = 0.5 if scale.words else 0.0
    low, high = scale.ends
    wide = high - low or 1.0
    first, last = ((brush.low - room - low) / wide, (brush.high + room - low) / wide)
    return min(1.0, max(0.0, first)), min(1.0, max(0.0, last))


def _told(value: float, scale: Scale) -> str:
    return scale.words[int(value)] if scale.words else f"{value:.15g}"


def _of_numbers(ends: str) -> tuple[float, float] | None:
    low, _, high = ends.partition("..")
    try:
        found = float(low), float(high)
    except ValueError:
        return None
    return found if all(isfinite(end) for end in found) and found[0] <= found[1] else None


def _of_words(ends: str, scale: Scale) -> tuple[float, float] | None:
    places = {word: float(place) for place, word in enumerate(scale.words)}
    at = ends.find("..")
    while at >= 0:  # a word may hold two points itself
        first, last = places.get(ends[:at]), places.get(ends[at + 2 :])
        if first is not None and last is not None and first <= last:
            return first, last
        at = ends.find("..", at + 1)
    return None
