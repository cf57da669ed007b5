"""Geometry of many things over several scales: parallel coordinates, scatter, and the front of the best so far.

Coordinates only, never a colour. A scale is of numbers, or of words where not every value is a number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from modelyard.ui.kit.drawings import ticks

Value = float | str | None


class Scale(Struct, frozen=True):
    """One axis: its name, its ticks as (place in 0..1, word), and where each thing stands on it (None: nowhere).

    `values` are the numbers themselves, or places among `words`; `ends` are the lowest and the highest of them.
    """

    name: str
    ticks: tuple[tuple[float, str], ...]
    places: tuple[float | None, ...]
    words: tuple[str, ...] = ()
    values: tuple[float | None, ...] = ()
    ends: tuple[float, float] = (0.0, 1.0)


class Parallel(Struct, frozen=True):
    """Drawn parallel coordinates: axes as (x, name, ticks as (y, word)), lines as (key, series, path).

    Axes go from `top` down to `bottom`; `ranges` are (y, height) of what is chosen on each, empty where all is.
    """

    width: int
    height: int
    top: int
    bottom: int
    axes: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]
    lines: tuple[tuple[str, int, str], ...]
    ranges: tuple[tuple[str, str], ...] = ()


class Dot(Struct, frozen=True):
    """A thing in a scatter."""

    key: str
    series: int
    x: str
    y: str
    said: str


class Scatter(Struct, frozen=True):
    """A drawn scatter; `front` is the path of the best so far, or empty."""

    width: int
    height: int
    left: int
    bottom: int
    xticks: tuple[tuple[str, str], ...]
    yticks: tuple[tuple[str, str], ...]
    dots: tuple[Dot, ...]
    front: str = ""


def number_of(value: Value) -> float | None:
    """A value as a finite number, if it is one or reads as one."""
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def scale(name: str, values: Sequence[Value]) -> Scale:
    """The scale of some values: of numbers if all that are there are numbers, else of words in their order."""
    told = [v for v in values if v is not None]
    numbers = [number_of(v) for v in values]
    known = [n for n in numbers if n is not None]
    if told and len(known) == sum(not _is_odd(v) for v in told):
        low, high = min(known, default=0.0), max(known, default=1.0)
        spread = high - low
        places = tuple(None if n is None else 0.5 if not spread else (n - low) / spread for n in numbers)
        marks = ticks(low, high, 4) if spread else [low]
        if spread:
            marks = [low, *(m for m in marks if low + spread * 0.08 < m < high - spread * 0.08), high]
        told_at = tuple(((m - low) / spread if spread else 0.5, _short(m)) for m in marks)
        return Scale(name, told_at, places, values=tuple(numbers), ends=(low, high))
    words = sorted({str(v) for v in told})
    at = {word: i / (len(words) - 1) if len(words) > 1 else 0.5 for i, word in enumerate(words)}
    places = tuple(None if v is None else at[str(v)] for v in values)
    order = {word: float(i) for i, word in enumerate(words)}
    stood = tuple(None if v is None else order[str(v)] for v in values)
    ends = (0.0, max(0.0, len(words) - 1.0))
    return Scale(name, tuple((at[w], w) for w in words[:12]), places, tuple(words), stood, ends)


def _is_odd(value: Value) -> bool:
    """True for what is a number and not a finite one."""
    try:
        return value is not None and not math.isfinite(float(value))
    except ValueError:
        return False


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def parallel(
    scales: Sequence[Scale], things: Sequence[tuple[str, int]], *,
    stretches: Sequence[tuple[float, float] | None] = (), width: int = 900, height: int = 260,
) -> Parallel:  # fmt: skip
    """Draw things, each (key, series), over scales side by side; a thing that is missing on one skips it.

    `stretches` say from where to where each axis is chosen, as places in 0..1.
    """
    top, bottom, edge = 30, height - 12, 60
    step = (width - 2 * edge) / max(1, len(scales) - 1)

    def y(place: float) -> float:
        return bottom - place * (bottom - top)

    axes = tuple(
        (_r(edge + i * step), one.name, tuple((_r(y(at)), word) for at, word in one.ticks))
        for i, one in enumerate(scales)
    )
    lines = []
    for index, (key, series) in enumerate(things):
        path, before = "", None
        for i, one in enumerate(scales):
            place = one.places[index]
            if place is None:
                continue
            x, at = edge + i * step, y(place)
            if before is None:
                path = f"M{_r(x)} {_r(at)}"
            else:
                middle = (before[0] + x) / 2
                path += f"C{_r(middle)} {_r(before[1])} {_r(middle)} {_r(at)} {_r(x)} {_r(at)}"
            before = (x, at)
        if "C" in path:
            lines.append((key, series, path))
    ranges = tuple(("", "") if s is None else (_r(y(s[1])), _r(y(s[0]) - y(s[1]))) for s in stretches)
    return Parallel(width, height, top, bottom, axes, tuple(lines), ranges or (("", ""),) * len(axes))


def scatter(
    x: Scale, y: Scale, things: Sequence[tuple[str, int, str]], *, best: Literal["", "min", "max"] = "",
    width: int = 900, height: int = 300,
) -> Scatter:  # fmt: skip
    """Draw things, each (key, series, words), where two scales meet; with `best` the front of the best y along x."""
    left, bottom, top, right = 56, height - 28, 12, width - 12

    def px(place: float) -> float:
        return left + 8 + place * (right - left - 16)

    def py(place: float) -> float:
        return bottom - 8 - place * (bottom - top - 16)

    dots, stood = [], []
    for (key, series, said), at, up in zip(things, x.places, y.places, strict=True):
        if at is not None and up is not None:
            dots.append(Dot(key, series, _r(px(at)), _r(py(up)), said))
            stood.append((at, up))
    front = ""
    if best and stood:
        reached: float | None = None
        for at, up in sorted(stood):
            if reached is None or (up > reached if best == "max" else up < reached):
                front += f"M{_r(px(at))} {_r(py(up))}" if reached is None else f"H{_r(px(at))}V{_r(py(up))}"
                reached = up
        front += f"H{right}"
    return Scatter(
        width, height, left, bottom, tuple((_r(px(at)), word) for at, word in x.ticks),
        tuple((_r(py(at)), word) for at, word in y.ticks), tuple(dots), front,
    )  # fmt: skip


def _r(value: float) -> str:
    text = f"{value:.1f}"
    return text.removesuffix(".0")
