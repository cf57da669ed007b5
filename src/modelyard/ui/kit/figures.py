"""How numbers, times, sizes and names are written on a page: units after a space, thousands with commas, a true minus.

Pure text from values; knows no locale and no time zone but UTC. `null` (unknown) and `–` (does not apply) differ:
the first is decided by the table macro, the second is what these functions write for `None`.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

DASH = "–"
MINUS = "−"
_HOSTILE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_LONE = re.compile("[\ud800-\udfff]")
_SIZES = ("B", "KB", "MB", "GB", "TB", "PB")


def plain(text: str) -> str:
    """Make a foreign text safe to look at: control and direction-changing characters show as `�`."""
    if text.isprintable():  # the common case: nothing that controls, directs or stands alone
        return text
    return _LONE.sub("�", _HOSTILE.sub("�", text))


def _minus(text: str) -> str:
    return text.replace("-", MINUS)


def _special(value: float) -> str | None:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    return None


def number(value: float | None, digits: int | None = None) -> str:
    """Write a count or a plain number: `2,413,872`, `0.38`, `1.2e+09` never; `digits` fixes the decimals."""
    if value is None:
        return DASH
    if isinstance(value, int):
        return _minus(f"{value:,}")
    special = _special(value)
    if special is not None:
        return special
    if digits is not None:
        return _minus(f"{value:,.{digits}f}")
    text = f"{value:,.6f}".rstrip("0").rstrip(".")
    return _minus(text if text not in ("0", "-0") or value == 0 else f"{value:.2g}")


def metric(value: float | None) -> str:
    """Write a metric with four digits after the point, fewer when it is large: `0.9418`, `17.85`, `1,710`."""
    if value is None:
        return DASH
    special = _special(value)
    if special is not None:
        return special
    size = abs(value)
    if size != 0 and size < 0.0005:
        return _minus(f"{value:.2e}")
    return number(float(value), 4 if size < 10 else 2 if size < 1_000 else 0)


def signed(value: float | None, digits: int = 4) -> str:
    """Write a difference with its sign: `+0.0039`, `−0.0072`, `0`."""
    if value is None:
        return DASH
    special = _special(value)
    if special is not None:
        return special
    text = f"{value:+,.{digits}f}"
    return "0" if float(text.replace(",", "")) == 0 else _minus(text)


def interval(low: float, high: float, digits: int = 4) -> str:
    """Write an interval of differences: `[+0.0018, +0.0104]`."""
    return f"[{signed(low, digits)}, {signed(high, digits)}]"


def share(value: float | None, digits: int = 1) -> str:
    """Write a share in 0..1 as `34.3 %`; a share that rounds to nothing but is not says `< 0.1 %`."""
    if value is None:
        return DASH
    special = _special(value)
    if special is not None:
        return special
    step = 10.0**-digits
    if 0 < value * 100 < step / 2:
        return f"< {step:.{digits}f} %"
    return _minus(f"{value * 100:.{digits}f} %")


def money(value: float | None) -> str:
    """Write dollars: three decimals below ten cents, two below $100, none above."""
    if value is None:
        return DASH
    size = abs(value)
    digits = 2 if size == 0 or 0.0995 <= size < 99.995 else 3 if 0.0005 <= size < 0.0995 else 0 if size > 1 else 6
    return ("" if value >= 0 else MINUS) + f"${size:,.{digits}f}"


def size(count: float | None) -> str:
    """Write bytes in decimal units with up to three digits: `412 MB`, `1.9 MB`, `88 KB`."""
    if count is None:
        return DASH
    value, step = float(count), 0
    while abs(value) >= 999.5 and step < len(_SIZES) - 1:
        value, step = value / 1_000, step + 1
    digits = 0 if step == 0 or abs(value) >= 99.5 else int(value != round(value))
    return f"{_minus(f'{value:.{digits}f}')} {_SIZES[step]}"


def energy(watt_hours: float | None) -> str:
    """Write energy: `0.4 Wh`, `2.1 kWh`."""
    if watt_hours is None:
        return DASH
    if watt_hours >= 1_000:
        return f"{number(watt_hours / 1_000, 1)} kWh"
    return f"{number(float(watt_hours), 1 if watt_hours >= 0.1 or watt_hours == 0 else 4)} Wh"


def duration(span: timedelta | float | None) -> str:
    """Write a span (timedelta, or seconds): `3.8 ms`, `0.4 s`, `4 min 56 s`, `1 h 27 min`, `26 d`."""
    if span is None:
        return DASH
    seconds = span.total_seconds() if isinstance(span, timedelta) else float(span)
    sign, seconds = (MINUS, -seconds) if seconds < 0 else ("", seconds)
    if seconds == 0:
        return "0 s"
    if seconds < 0.0995:
        micro = seconds < 0.0000995
        value = seconds * (1e6 if micro else 1e3)
        return f"{sign}{value:.{1 if value < 9.95 else 0}f} {'µs' if micro else 'ms'}"
    if seconds < 59.5:
        return f"{sign}{seconds:.{1 if seconds < 9.95 else 0}f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{sign}{minutes} min {rest:02d} s" if rest else f"{sign}{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{sign}{hours} h {minutes} min" if minutes else f"{sign}{hours} h"
    return f"{sign}{hours // 24:,} d"


def ago(moment: datetime | None, now: datetime) -> str:
    """Write how long ago a moment was, as lists do under a day; older ones as a date."""
    if moment is None:
        return DASH
    gap = now - moment
    if timedelta(0) <= gap < timedelta(seconds=1):
        return "now"
    if timedelta(0) <= gap < timedelta(minutes=1):
        return f"{int(gap.total_seconds())} s ago"
    if timedelta(0) <= gap < timedelta(hours=1):
        return f"{int(gap.total_seconds() // 60)} min ago"
    if timedelta(0) <= gap < timedelta(days=1):
        return f"{int(gap.total_seconds() // 3600)} h ago"
    return moment_text(moment, now)


def moment_text(moment: datetime | None, now: datetime) -> str:
    """Write a moment in UTC as short as it stays clear: `23:40`, `22 Nov 21:40`, `9 May 2025`."""
    if moment is None:
        return DASH
    at = moment.astimezone(UTC)
    if at.date() == now.astimezone(UTC).date():
        return f"{at:%H:%M}"
    if abs((now - at).days) < 300:
        return f"{at.day} {at:%b %H:%M}"
    return f"{at.day} {at:%b %Y}"


def stamp(moment: datetime | None) -> str:
    """Write a moment in full: `2026-11-22 21:40:07 UTC`."""
    return DASH if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(moment: datetime) -> str:
    """Write a moment for the `datetime` attribute."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def short(name: str, head: int = 6, tail: int = 6) -> str:
    """Shorten a long id in its middle: `01M82T…8J86G9`; a name that fits stays whole."""
    return name if len(name) <= head + tail + 3 else f"{name[:head]}…{name[-tail:]}"


def cut(text: str, limit: int = 120) -> str:
    """Cut a text at `limit` characters with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def sentence(text: str) -> str:
    """A detail as a sentence of its own: a capital first where it begins with a plain word, a full stop at the end."""
    clean = text.strip()
    if not clean:
        return ""
    head = clean.split(" ", 1)[0]
    begun = clean[0].upper() + clean[1:] if head.isalpha() and head.islower() else clean
    return begun if begun[-1] in ".?!…" else begun + "."


def plural(count: int, one: str, many: str = "") -> str:
    """Write a count with its word: `1 row`, `2,000 rows`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def initials(name: str) -> str:
    """Two letters that stand for an actor: `JO` for jonas, `AK` for Ana Kos."""
    words = [word for word in re.split(r"[\s._@-]+", plain(name)) if word and word[0].isalnum()]
    if not words:
        return "?"
    return (words[0][0] + words[1][0] if len(words) > 1 else words[0][:2]).upper()
