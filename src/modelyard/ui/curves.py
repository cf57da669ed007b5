"""The curves of runs: where a page's charts read them, whole or a stretch of x in full detail, and the feed itself."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from urllib.parse import urlencode

from msgspec import Struct

from modelyard.kernel.errors import InvalidInput
from modelyard.tracking.api import Axis
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.pages import Ask, Screens

BUCKETS = 256
"""Buckets that a chart first asks for, with the lowest and the highest point of each: one for four dots of a page."""
IN_SIGHT = 2
"""Charts whose points are fetched with the page."""


class Range(Struct, frozen=True):
    """A stretch of x that is looked at, as its address says it: `3000..4500`; without ends it is the whole."""

    first: float | None = None
    last: float | None = None

    @classmethod
    def of(cls, text: str) -> Range:
        """Read one; what is none is the whole."""
        low, dots, high = text.partition("..")
        try:
            first, last = float(low), float(high)
        except ValueError:
            return cls()
        return cls(first, last) if dots and isfinite(first) and isfinite(last) and first < last else cls()

    def __str__(self) -> str:
        """As an address says it; empty for the whole."""
        return "" if self.first is None or self.last is None else f"{self.first:.15g}..{self.last:.15g}"


def screens() -> Screens:
    """The feed of curves."""
    mine = Screens("curves")
    mine.feed("/curves")(_curves)
    return mine


def curves_url(key: str, runs: Sequence[str], axis: Axis = Axis.STEP, seen: Range | None = None) -> str:
    """Where a chart of one metric of some runs reads it, written as scripts write it, so that it is fetched once."""
    fields = [("metric", key), ("axis", axis.value), ("buckets", str(BUCKETS)), *(("run", run) for run in runs)]
    if seen is not None and str(seen):
        fields.append(("range", str(seen)))
    return "/curves?" + urlencode(fields)


def _curves(calls: PageCalls, ask: Ask) -> bytes:
    """One metric of several runs, as `tracking.chart` packs it; smoothed if asked."""
    key, runs, axis = ask.text("metric"), list(ask.texts("run")), ask.text("axis") or Axis.STEP.value
    if not key or not runs or axis not in set(Axis):
        raise InvalidInput("say which metric of which runs: /curves?metric=loss&run=ID&axis=step")
    buckets, smooth = ask.number("buckets", 700, low=1, high=4096), ask.number("smooth", 0, high=100_000)
    seen = Range.of(ask.text("range"))
    return b"".join(
        slices(calls).tracking.chart(
            key, runs, buckets, axis=Axis(axis), smooth=smooth, first=seen.first, last=seen.last
        )
    )
