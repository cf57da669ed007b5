"""Quantities with their unit: money in micro-dollars, bytes, durations, energy; parsed from and written for people.

Amounts are integers or floats with the unit in the name; nothing here rounds what it stores.
"""

from __future__ import annotations

import re
from datetime import timedelta

from msgspec import Struct

from modelyard.kernel.errors import InvalidInput


class Money(Struct, frozen=True, order=True):
    """An amount in millionths of a US dollar, so that sums are exact."""

    micros: int = 0

    def __add__(self, other: Money) -> Money:
        """The sum."""
        return Money(self.micros + other.micros)

    def __str__(self) -> str:
        """`$1,234.56`; four digits below ten cents, six below a tenth of a cent; a true minus sign."""
        value = abs(self.micros) / 1_000_000
        text = f"{value:,.2f}" if value >= 0.1 or value == 0 else f"{value:.4f}" if value >= 0.001 else f"{value:.6f}"
        return ("\u2212" if self.micros < 0 else "") + "$" + text


_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_BYTES |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
BUSY_CORE_WATTS = 10.0
"""Estimated draw of one busy core of a server, its share of memory and fans included."""
_AMOUNT = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([A-Za-z]{0,3})\s*")


def parse_bytes(text: str) -> int:
    """Bytes from `512`, `64 MB` or `2GiB`.

    Raises:
        InvalidInput: no number, or a unit that is not one of bytes.
    """
    found = _AMOUNT.fullmatch(text)
    if found is None or (unit := found[2].lower()) not in _BYTES:
        raise InvalidInput(f"{text[:40]!r} is no size; write e.g. 64 MB or 2 GiB")
    return int(float(found[1]) * _BYTES[unit])


def parse_duration(text: str) -> timedelta:
    """A duration from `500ms`, `30s`, `10 min`, `2h`, `7d`.

    Raises:
        InvalidInput: no number, or a unit that is not one of time.
    """
    found = _AMOUNT.fullmatch(text)
    if found is None or (unit := found[2].lower()) not in _SECONDS:
        raise InvalidInput(f"{text[:40]!r} is no duration; write e.g. 500ms, 30s, 2h or 7d")
    return timedelta(seconds=float(found[1]) * _SECONDS[unit])


def format_bytes(size_bytes: float) -> str:
    """`1.2 MB`: powers of 1,000, at most four characters of number."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size_bytes) < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "B" or abs(size_bytes) >= 100 else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:,.1f} TB"


def format_duration(seconds: float) -> str:
    """`3.8 ms`, `12.0 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for big, small, big_unit, small_unit in ((60, 1, "min", "s"), (3600, 60, "h", "min"), (86400, 3600, "d", "h")):
        if whole < big * (60 if big < 3600 else 24) or big == 86400:
            head, rest = divmod(whole, big)
            return f"{head:,} {big_unit}" + (f" {rest // small} {small_unit}" if rest // small else "")
    raise AssertionError("the last row takes every length")


def format_energy(watt_hours: float) -> str:
    """`5.2 Wh` or `2.1 kWh`."""
    return f"{watt_hours:.1f} Wh" if watt_hours < 1000 else f"{watt_hours / 1000:.1f} kWh"
