"""Metric series, read: history, samples, charts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from math import inf
from typing import NamedTuple

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.pages import Page
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.tracking.api import Axis, Point, Summary, real
from modelyard.tracking.api.batches import key_number
from modelyard.tracking.api.metrics import MetricOperations
from modelyard.tracking.model import sampling
from modelyard.tracking.model.pages import offset_of, page_from
from modelyard.tracking.model.series import Series, Span, joined, span
from modelyard.tracking.service.drawn import Drawn
from modelyard.tracking.store import runs, series

_MOST_RUNS = 100


class Stretch(NamedTuple):
    """What of a curve is drawn, and how."""

    axis: Axis
    buckets: int
    smooth: int
    first: float
    last: float


class Metrics(MetricOperations):
    """The operations that read metric series."""

    _drawn: Drawn

    def history(self, run: str, key: str, limit: int = 10_000, *, cursor: str | None = None) -> Page[Point]:
        """List the points of one metric."""
        tx = calls.current().tx
        offset = offset_of(cursor)
        whole = series.read(tx, _number(tx, run), key_number(key)).by_time()
        part = whole.slice(offset, offset + limit)
        return page_from(_points(key, part), more=offset + limit < len(whole), offset=offset)

    def sample(
        self,
        key: str,
        runs: list[str],
        limit: int = 320,
        *,
        first_step: int | None = None,
        last_step: int | None = None,
    ) -> list[Point]:
        """Give evenly chosen points of one metric in several runs."""
        tx = calls.current().tx
        steps = None
        if first_step is not None or last_step is not None:
            steps = (-(2**63) if first_step is None else first_step, 2**63 - 1 if last_step is None else last_step)
        found: list[Point] = []
        for run, number in _numbers(tx, runs):
            chosen = sampling.evenly(series.read(tx, number, key_number(key), steps=steps).by_step(), limit)
            found += _points(key, chosen, run)
        return found

    def chart(
        self,
        key: str,
        runs: list[str],
        buckets: int = 700,
        *,
        axis: Axis = Axis.STEP,
        smooth: int = 0,
        first: float | None = None,
        last: float | None = None,
    ) -> Iterator[bytes]:
        """Draw one metric of several runs."""
        tx, number_of_key = calls.current().tx, key_number(key)
        how = Stretch(axis, buckets, smooth, -inf if first is None else first, inf if last is None else last)
        return iter(
            [
                self._drawn.block(
                    (series.state_of(tx, run), number_of_key, how), partial(_block, tx, run, number_of_key, how)
                )
                for _, run in _numbers(tx, runs)
            ]
        )

    def summaries(self, run: str) -> list[Summary]:
        """Tell of each metric of a run how many points it has and between which values."""
        tx = calls.current().tx
        number = _number(tx, run)
        chunks = series.all_spans(tx, number)
        spans = {key: [held for _, held in found] for key, found in chunks.items()}
        for key, part in joined(row.body for row in series.tail_of(tx, number)).items():
            if len(new := series.unfolded(tx, number, key, part, spans=chunks.get(key, ()))):
                spans.setdefault(key, []).append(span(new))
        names = series.names_of(tx, list(spans))
        return sorted((_summary(names[key], found) for key, found in spans.items()), key=lambda s: s.key)


def _block(tx: Transaction, run: int, key: int, how: Stretch) -> bytes:
    """The curve of one run."""
    whole = series.read(tx, run, key)
    whole = whole.by_step() if how.axis is Axis.STEP else whole.by_time()
    xs: Sequence[float] = whole.steps if how.axis is Axis.STEP else whole.times
    if how.axis is Axis.RELATIVE and xs:
        xs = [x - xs[0] for x in xs]
    ys = sampling.smoothed(whole.values, how.smooth) if how.smooth else whole.values
    if how.first > -inf or how.last < inf:
        seen = sampling.between(xs, how.first, how.last)
        xs, ys = xs[seen], ys[seen]
    return sampling.block(*sampling.extremes(xs, ys, how.buckets))


def _summary(key: str, spans: list[Span]) -> Summary:
    lows, highs = [s.low for s in spans if s.low is not None], [s.high for s in spans if s.high is not None]
    return Summary(
        key=key, points=sum(s.points for s in spans), low=real(min(lows)) if lows else None,
        high=real(max(highs)) if highs else None, first_step=min(s.first_step for s in spans),
        last_step=max(s.last_step for s in spans),
    )  # fmt: skip


def _number(tx: Transaction, run: str) -> int:
    head = runs.head(tx, run)
    if head is None:
        raise NotFound(f"Run with id={run[:80]} not found")
    return head.id


def _numbers(tx: Transaction, given: list[str]) -> list[tuple[str, int]]:
    if len(given) > _MOST_RUNS:
        raise InvalidInput(f"at most {_MOST_RUNS} runs in one call, not {len(given)}; ask in parts")
    return [(run, _number(tx, run)) for run in given]


def _points(key: str, part: Series, run: str | None = None) -> list[Point]:
    return [
        Point(key=key, value=real(value), at_ms=at, step=step, run=run)
        for step, at, value in zip(part.steps, part.times, part.values, strict=True)
    ]
