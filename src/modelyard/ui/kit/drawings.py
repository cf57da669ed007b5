"""Geometry of the small pictures: sparks, forests, bars, timelines and lines as SVG coordinates; never a colour.

Everything is computed on the server, so that a picture stands in the page without script and without a style attribute.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct


def _r(value: float) -> str:
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


class Spark(Struct, frozen=True):
    """A spark: its path and its last point, in a box of `width` x `height`."""

    path: str
    last_x: str
    last_y: str
    width: int
    height: int


def spark(values: Sequence[float | None], width: int = 72, height: int = 18) -> Spark | None:
    """Draw a spark; gaps break the line; fewer than two finite values draw nothing."""
    points = [(i, v) for i, v in enumerate(values) if v is not None and math.isfinite(v)]
    if len(points) < 2:
        return None
    low, high = min(v for _, v in points), max(v for _, v in points)
    spread = (high - low) or 1.0
    across = (width - 4) / max(1, len(values) - 1)

    def at(index: int, value: float) -> tuple[float, float]:
        share = 0.5 if high == low else (value - low) / spread
        return 1 + index * across, 2 + (1 - share) * (height - 4)

    path, before = [], None
    for index, value in points:
        x, y = at(index, value)
        path.append(f"{'L' if before == index - 1 else 'M'}{_r(x)} {_r(y)}")
        before = index
    x, y = at(*points[-1])
    return Spark("".join(path), _r(x), _r(y), width, height)


class Forest(Struct, frozen=True):
    """One row of a forest: an interval around zero; right is always better."""

    width: int
    zero: str
    low: str
    high: str
    point: str
    tone: str


def forest(
    point: float,
    low: float,
    high: float,
    *,
    reach: float,
    lower_is_better: bool = False,
    guard: float = 0.0,
    width: int = 128,
) -> Forest:
    """Place an interval on an axis of ±`reach`.

    The tone is `ok` when the whole interval is better than zero, `bad` when all of it is worse than `guard`
    (how much worse is still allowed, >= 0), else `flat`: no evidence, or within the guard.
    """
    if lower_is_better:
        point, low, high = -point, -high, -low
    tone = "ok" if low > 0 else "bad" if high < -abs(guard) else "flat"
    span = reach or 1.0

    def x(value: float) -> str:
        return _r(width / 2 + max(-1.0, min(1.0, value / span)) * (width / 2 - 4))

    return Forest(width, x(0), x(low), x(high), x(point), tone)


class Bar(Struct, frozen=True):
    """One bar of a histogram."""

    x: str
    y: str
    width: str
    height: str
    label: str


def histogram(
    counts: Sequence[float], labels: Sequence[str] = (), *, width: int = 120, height: int = 24
) -> tuple[Bar, ...]:
    """Draw counts as bars; a count above zero is never thinner than one pixel."""
    top = max(counts, default=0) or 1
    step = width / max(1, len(counts))
    bars = []
    for index, count in enumerate(counts):
        tall = 0.0 if count <= 0 else max(1.0, count / top * height)
        label = labels[index] if index < len(labels) else f"{count:g}"
        bars.append(Bar(_r(index * step), _r(height - tall), _r(max(1.0, step - 1)), _r(tall), label))
    return tuple(bars)


class Piece(Struct, frozen=True):
    """One piece of a strip of shares, in percent of its width."""

    x: str
    width: str
    label: str
    rank: int


def shares(parts: Sequence[tuple[str, float]]) -> tuple[Piece, ...]:
    """Lay parts of a whole side by side, in the order given."""
    total = sum(value for _, value in parts if value > 0) or 1.0
    pieces, left = [], 0.0
    for rank, (label, value) in enumerate(parts):
        wide = max(0.0, value) / total * 100
        pieces.append(Piece(f"{left:.2f}%", f"{max(0.0, wide - 0.6):.2f}%", label, min(rank, 4)))
        left += wide
    return tuple(pieces)


class Span(Struct, frozen=True):
    """A stretch of time in a lane: `until` of None means it still holds."""

    label: str
    since: datetime
    until: datetime | None = None
    href: str = ""


class Lane(Struct, frozen=True):
    """One lane of a timeline; `tone` is `solid`, `line` or `dashed`."""

    name: str
    spans: tuple[Span, ...]
    tone: str = "line"


class Box(Struct, frozen=True):
    """A drawn span."""

    x: str
    y: int
    width: str
    label: str
    href: str
    now: bool
    fits: bool


class Timeline(Struct, frozen=True):
    """A drawn timeline: lanes of boxes over ticks of time."""

    width: int
    height: int
    lanes: tuple[tuple[str, str, int, tuple[Box, ...]], ...]
    ticks: tuple[tuple[str, str], ...]
    moments: tuple[tuple[str, str, str], ...]


_STEPS = (
    (timedelta(minutes=5), "%H:%M"),
    (timedelta(minutes=30), "%H:%M"),
    (timedelta(hours=3), "%H:%M"),
    (timedelta(days=1), "%-d %b"),
    (timedelta(days=7), "%-d %b"),
    (timedelta(days=30), "%b %Y"),
    (timedelta(days=90), "%b %Y"),
    (timedelta(days=365), "%Y"),
)
_LANE, _TOP, _LEFT = 30, 24, 84


def timeline(
    lanes: Sequence[Lane],
    *,
    now: datetime,
    since: datetime | None = None,
    moments: Sequence[tuple[datetime, str, str]] = (),
    width: int = 1120,
) -> Timeline:
    """Draw lanes from `since` (else the first span) to `now`; `moments` are (when, tone, label) lines across."""
    starts = [span.since for lane in lanes for span in lane.spans]
    first = since or min(starts, default=now - timedelta(days=1))
    total = max((now - first).total_seconds(), 1.0)

    def x(at: datetime) -> float:
        return _LEFT + max(0.0, min(1.0, (at - first).total_seconds() / total)) * (width - _LEFT - 4)

    drawn = []
    for row, lane in enumerate(lanes):
        y = _TOP + row * _LANE
        boxes = []
        for span in lane.spans:
            left, right = x(span.since), x(span.until or now)
            wide = max(3.0, right - left - 1)
            boxes.append(
                Box(_r(left), y, _r(wide), span.label, span.href, span.until is None, wide > len(span.label) * 7 + 6)
            )
        drawn.append((lane.name, lane.tone, y, tuple(boxes)))
    step, form = next(((s, f) for s, f in _STEPS if total / s.total_seconds() <= 9), _STEPS[-1])
    ticks = tuple(
        (_r(x(first + step * i)), f"{first + step * i:{form}}") for i in range(int(total // step.total_seconds()) + 1)
    )
    lines = tuple((_r(x(at)), tone, label) for at, tone, label in moments)
    return Timeline(width, _TOP + len(drawn) * _LANE + 2, tuple(drawn), ticks, lines)


class Line(Struct, frozen=True):
    """One series of a still chart: `y` has a value, or None, for each x."""

    name: str
    y: tuple[float | None, ...]
    series: int = 1
    area: bool = False
    dashed: bool = False


class Plot(Struct, frozen=True):
    """A drawn line chart: paths by series, ticks by axis, event lines."""

    width: int
    height: int
    left: int
    bottom: int
    paths: tuple[tuple[str, str, int, bool, bool], ...]
    xticks: tuple[tuple[str, str], ...]
    yticks: tuple[tuple[str, str], ...]
    events: tuple[tuple[str, str], ...]
    limit: str = ""


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round ticks (1, 2 or 5 times a power of ten) that lie within `low`..`high`."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low] if math.isfinite(low) else []
    raw = (high - low) / max(1, wanted)
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def plot(
    x: Sequence[float],
    lines: Sequence[Line],
    *,
    width: int = 400,
    height: int = 160,
    floor: float | None = None,
    limit: float | None = None,
    xlabel: Sequence[tuple[float, str]] = (),
    events: Sequence[tuple[float, str]] = (),
) -> Plot:
    """Draw lines over `x` (ascending); `xlabel` names its ticks, `floor` pins the axis, `limit` is drawn across."""
    left, top, bottom = 40, 10, height - 20
    seen = [v for line in lines for v in line.y if v is not None and math.isfinite(v)]
    low = min([*seen, *([floor] if floor is not None else []), *([limit] if limit is not None else [])], default=0.0)
    high = max([*seen, *([limit] if limit is not None else [])], default=1.0)
    pad = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    low, high = (low if floor is not None else low - pad), high + pad
    x0, x1 = (x[0], x[-1]) if x else (0.0, 1.0)

    def px(value: float) -> float:
        return left + (value - x0) / ((x1 - x0) or 1.0) * (width - left - 8)

    def py(value: float) -> float:
        return bottom - (value - low) / ((high - low) or 1.0) * (bottom - top)

    paths = []
    for line in lines:
        parts: list[str] = []
        pen, begun = False, 0.0
        for at, value in zip(x, line.y, strict=False):
            if value is None or not math.isfinite(value):
                pen = False
                continue
            begun = begun if parts else px(at)
            parts.append(f"{'L' if pen else 'M'}{_r(px(at))} {_r(py(value))}")
            pen = True
        last = next((px(a) for a, v in reversed(list(zip(x, line.y, strict=False))) if v is not None), begun)
        area = f"{''.join(parts)}L{_r(last)} {bottom}L{_r(begun)} {bottom}Z" if line.area and parts else ""
        paths.append(("".join(parts), area, line.series, line.dashed, bool(parts)))
    named = xlabel or tuple((t, f"{t:g}") for t in ticks(x0, x1, 5))
    return Plot(
        width=width,
        height=height,
        left=left,
        bottom=bottom,
        paths=tuple(paths),
        xticks=tuple((_r(px(at)), text) for at, text in named),
        yticks=tuple((_r(py(at)), f"{at:.6g}".replace("-", "−")) for at in ticks(low, high, 3)),
        events=tuple((_r(px(at)), text) for at, text in events),
        limit="" if limit is None else _r(py(limit)),
    )
