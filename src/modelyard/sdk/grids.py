"""Tables in HTML, of whatever text: escaped, cut, never markup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

import msgspec
from msgspec import Struct

from modelyard.kernel.clock import from_ms

_ROWS = 50
_LEFT = "style='text-align:left'"
_TEXT = 200
_DATES_FROM_MS = 10**12


def grid(names: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table."""
    columns = [*names]
    head = "".join(f"<th {_LEFT}>{text(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{text(_said(n, v))}</td>" for n, v in zip(columns, row, strict=False)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def pairs(title: str, told: Mapping[str, object]) -> str:
    """Names and values below a title; nothing of none."""
    if not told:
        return ""
    rows = "".join(
        f"<tr><th {_LEFT}>{text(name)}</th><td {_LEFT}>{text(_said(name, value))}</td></tr>"
        for name, value in [*told.items()][:_ROWS]
    )
    return f"<table><caption {_LEFT}>{text(title)}</caption><tbody>{rows}</tbody></table>"


def _said(name: str, value: object) -> object:
    if name.endswith("_ms") and isinstance(value, int) and value > _DATES_FROM_MS:
        return from_ms(value).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Struct | list | tuple | dict):
        return msgspec.json.encode(value).decode()
    return "" if value is None else value


def text(value: object) -> str:
    """A value as text that is no markup."""
    said = str(value)
    return escape(said if len(said) <= _TEXT else said[: _TEXT - 1] + "…")
