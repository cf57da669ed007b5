"""A figure in Plotly's JSON as a still picture: lines, points, bars, histograms and heat maps; never its scripts.

What is not drawn (other kinds of trace, second axes) is named beside the picture. Nothing of the figure's own styling
is taken, so that it reads in both themes.
"""

from __future__ import annotations

import base64
import binascii
import math
from array import array
from collections.abc import Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

from modelyard.ui.kit.spreads import Scale, scale

_TYPES = {"f8": "d", "f4": "f", "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q"}
_DRAWN = frozenset({"scatter", "scattergl", "bar", "histogram", "heatmap"})
_MOST, _BINS, _CELLS, _TRACES = 20_000, 30, 4_000, 24
WIDTH, HEIGHT, _LEFT, _TOP = 1080, 420, 64, 14

_Value = float | str | None


class Stroke(Struct, frozen=True):
    """One trace: a path, or points, or boxes (x, y, width, height, rank of heat)."""

    name: str
    series: int
    path: str = ""
    points: tuple[tuple[str, str], ...] = ()
    boxes: tuple[tuple[str, str, str, str, int], ...] = ()


class Plotted(Struct, frozen=True):
    """A drawn figure; `left_out` says what of it is not shown."""

    title: str
    x_title: str
    y_title: str
    xticks: tuple[tuple[str, str], ...]
    yticks: tuple[tuple[str, str], ...]
    strokes: tuple[Stroke, ...]
    left_out: tuple[str, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    bottom: int = HEIGHT - 34


class _Trace(Struct, frozen=True):
    kind: str
    name: str
    x: list[_Value]
    y: list[_Value]
    mode: str
    z: list[list[_Value]] = []


def read(value: object) -> Plotted | None:
    """The picture of a Plotly figure; None if the value is no such figure, or has nothing that is drawn here."""
    if not isinstance(value, Mapping) or not isinstance(value.get("data"), list) or "layout" not in value:
        return None
    given = [t for t in value["data"] if isinstance(t, Mapping)]
    traces = [made for i, t in enumerate(given[:_TRACES]) if (made := _trace(t, i)) is not None]
    if not traces:
        return None
    left_out = sorted(
        {str(t.get("type", "scatter"))[:40] for t in given if str(t.get("type", "scatter")) not in _DRAWN}
    )
    if len(given) > _TRACES:
        left_out.append(f"{len(given) - _TRACES} more traces")
    layout = value["layout"] if isinstance(value["layout"], Mapping) else {}
    xs = scale("x", [v for t in traces for v in t.x])
    ys = scale("y", [v for t in traces for v in (*t.y, *((0.0,) if t.kind in ("bar", "histogram") else ()))])
    return Plotted(
        _title(layout), _title(layout.get("xaxis")), _title(layout.get("yaxis")),
        tuple((_r(_px(at)), word[:18]) for at, word in xs.ticks),
        tuple((_r(_py(at)), word[:9]) for at, word in ys.ticks),
        tuple(_strokes(traces, xs, ys)), tuple(left_out),
    )  # fmt: skip


def _title(of: object) -> str:
    title = of.get("title") if isinstance(of, Mapping) else None
    text = title.get("text") if isinstance(title, Mapping) else title
    return str(text)[:120] if isinstance(text, str) else ""


def _trace(given: Mapping[str, object], place: int) -> _Trace | None:
    kind = str(given.get("type", "scatter"))
    name = str(given.get("name") or f"trace {place + 1}")[:60]
    x, y = _values(given.get("x")), _values(given.get("y"))
    if kind not in _DRAWN:
        return None
    if kind == "histogram":
        return _histogram(name, x or y)
    if kind == "heatmap":
        rows = given.get("z")
        z = [_values(row) for row in rows[:200]] if isinstance(rows, list) else []
        wide = max((len(row) for row in z), default=0)
        if not z or wide * len(z) > _CELLS:
            return None
        return _Trace(kind, name, x or list(map(float, range(wide))), y or list(map(float, range(len(z)))), "", z)
    if given.get("orientation") == "h":
        return None
    if not y:
        return None
    return _Trace(kind, name, (x or list(map(float, range(len(y)))))[: len(y)], y, str(given.get("mode", "lines")))


def _values(of: object) -> list[_Value]:
    """An array as Plotly writes it: a list, or base64 of packed numbers."""
    if isinstance(of, Mapping):
        code = _TYPES.get(str(of.get("dtype")))
        try:
            raw = base64.b64decode(str(of.get("bdata", "")), validate=True)
        except (binascii.Error, ValueError):
            return []
        if code is None or not raw:
            return []
        packed = array(code)
        packed.frombytes(raw[: len(raw) // packed.itemsize * packed.itemsize])
        return [float(v) for v in packed[:_MOST]]
    if not isinstance(of, list):
        return []
    return [_value(v) for v in of[:_MOST]]


def _value(value: object) -> _Value:
    if isinstance(value, bool) or value is None:
        return None if value is None else str(value)
    return float(value) if isinstance(value, int | float) else str(value)[:60]


def _histogram(name: str, values: Sequence[_Value]) -> _Trace | None:
    known = [v for v in values if isinstance(v, float) and math.isfinite(v)]
    if not known:
        words = [str(v) for v in values if v is not None]
        counts = {word: words.count(word) for word in dict.fromkeys(words[:2000])}
        return _Trace("bar", name, list(counts), [float(n) for n in counts.values()], "") if counts else None
    low, high = min(known), max(known)
    width = (high - low) / _BINS or 1.0
    bins = [0.0] * _BINS
    for v in known:
        bins[min(_BINS - 1, int((v - low) / width))] += 1
    return _Trace("bar", name, [low + (i + 0.5) * width for i in range(_BINS)], list(bins), "")


def _strokes(traces: Sequence[_Trace], xs: Scale, ys: Scale) -> list[Stroke]:
    found, at_x, at_y = [], 0, 0
    bars = [t for t in traces if t.kind == "bar"]
    for place, trace in enumerate(traces):
        zero = 1 if trace.kind in ("bar", "histogram") else 0
        px = [None if p is None else _px(p) for p in xs.places[at_x : at_x + len(trace.x)]]
        py = [None if p is None else _py(p) for p in ys.places[at_y : at_y + len(trace.y)]]
        ground = ys.places[at_y + len(trace.y)] if zero else None
        at_x, at_y = at_x + len(trace.x), at_y + len(trace.y) + zero
        series = place % 8 + 1
        if trace.kind == "heatmap":
            found.append(Stroke(trace.name, 0, boxes=_heat(trace, px, py)))
        elif trace.kind == "bar":
            found.append(
                Stroke(trace.name, series, boxes=_bars(px, py, _py(ground or 0.0), bars.index(trace), len(bars)))
            )
        else:
            points = [(x, y) if x is not None and y is not None else None for x, y in zip(px, py, strict=False)]
            path = _path(points) if "lines" in trace.mode or trace.mode == "none" else ""
            shown = tuple((_r(p[0]), _r(p[1])) for p in points[:2000] if p) if "markers" in trace.mode else ()
            found.append(Stroke(trace.name, series, path, shown))
    return found


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    path, pen = [], False
    for point in points:
        if point is not None:
            path.append(f"{'L' if pen else 'M'}{_r(point[0])} {_r(point[1])}")
        pen = point is not None
    return "".join(path)


def _bars(
    px: Sequence[float | None], py: Sequence[float | None], ground: float, turn: int, turns: int
) -> tuple[tuple[str, str, str, str, int], ...]:
    places = sorted({x for x in px if x is not None})
    gaps = [b - a for a, b in pairwise(places)]
    wide = max(1.0, min(gaps, default=60.0) * 0.8 / turns)
    return tuple(
        (_r(left), _r(min(y, ground)), _r(right - left), _r(max(0.5, abs(ground - y))), -1)
        for x, y in zip(px, py, strict=False)
        if x is not None and y is not None
        for left in [max(_LEFT, x - wide * turns / 2 + wide * turn)]
        for right in [min(WIDTH - 12, x - wide * turns / 2 + wide * (turn + 1))]
    )


def _heat(
    trace: _Trace, px: Sequence[float | None], py: Sequence[float | None]
) -> tuple[tuple[str, str, str, str, int], ...]:
    known = [v for row in trace.z for v in row if isinstance(v, float) and math.isfinite(v)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    wide, tall = (WIDTH - _LEFT - 12) / max(1, len(px)), (HEIGHT - 34 - _TOP) / max(1, len(py))
    boxes = []
    for j, row in enumerate(trace.z):
        for i, v in enumerate(row[: len(px)]):
            if isinstance(v, float) and math.isfinite(v):
                rank = min(5, int((v - low) / ((high - low) or 1.0) * 6))
                x, y = _LEFT + i * wide, HEIGHT - 34 - (j + 1) * tall
                boxes.append((_r(x), _r(y), _r(wide), _r(tall), rank))
    return tuple(boxes)


def _px(place: float) -> float:
    return _LEFT + 36 + place * (WIDTH - _LEFT - 84)


def _py(place: float) -> float:
    return HEIGHT - 42 - place * (HEIGHT - 50 - _TOP)


def _r(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
