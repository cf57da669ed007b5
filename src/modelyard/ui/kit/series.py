"""Curves as bytes: the form in which the server sends points to the charts, little-endian float32 columns.

Layout: uint32 length of a JSON head (UTF-8, padded with spaces to a multiple of four), the head, then float32 columns
of equal length: x (relative to `x0`), and for each series y, or low, high and y where points are buckets. NaN breaks a
line. Float32 keeps seven digits, which is more than a screen has pixels; `x0` keeps times exact.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence

import msgspec
from msgspec import Struct


class Curve(Struct, frozen=True):
    """One series: `y` for each x; `low` and `high` are the extremes of a bucket, or empty."""

    name: str
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    ref: str = ""


class _Head(Struct):
    n: int
    x0: float
    time: bool
    series: list[dict[str, str | bool]]


def _bytes(values: Sequence[float]) -> bytes:
    column = array("f", values)
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def pack(x: Sequence[float], curves: Sequence[Curve], *, time: bool = False) -> bytes:
    """Pack curves over `x` (steps, or Unix seconds with `time`).

    Raises:
        ValueError: a column is not as long as `x`.
    """
    x0 = x[0] if x else 0.0
    columns: list[Sequence[float]] = [[value - x0 for value in x]]
    head = _Head(len(x), float(x0), time, [])
    for curve in curves:
        banded = bool(curve.low or curve.high)
        parts = [curve.low, curve.high, curve.y] if banded else [curve.y]
        if any(len(part) != len(x) for part in parts):
            raise ValueError(f"curve {curve.name} has columns of {[len(p) for p in parts]} points over {len(x)} x")
        head.series.append({"name": curve.name, "ref": curve.ref, "band": banded})
        columns.extend(parts)
    text = msgspec.json.encode(head)
    text += b" " * (-len(text) % 4)
    return len(text).to_bytes(4, "little") + text + b"".join(_bytes(column) for column in columns)
