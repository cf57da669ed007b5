"""How answers look in a terminal: tables and records for people, JSON for programs.

Everything goes to standard output; what went wrong goes to standard error with an exit code of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import click
import msgspec

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import YardError
from modelyard.kernel.pages import Page

_WIDE = 60
_COLUMNS = 9
_DATES_FROM_MS = 10**12


class Output:
    """Writes answers."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def record(self, value: Any) -> None:
        """One answer: a page or list as a table, a record as its fields."""
        if self.as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))
            return
        if isinstance(value, Page):
            self._table(value.items)
            if value.next is not None:
                click.echo(f"more: --cursor {value.next}")
        elif isinstance(value, list | tuple):
            self._table(value)
        elif isinstance(value, msgspec.Struct):
            self._fields(value)
        else:
            click.echo(str(msgspec.to_builtins(value)))

    def line(self, value: Any) -> None:
        """One of many records, as it comes."""
        click.echo(msgspec.json.encode(value).decode())

    def rows(self, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows of data, with all of their columns."""
        from rich.table import Table

        table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
        for name in names:
            numeric = bool(rows) and isinstance(rows[0][name], int | float | Decimal)
            table.add_column(name, justify="right" if numeric else "left", overflow="fold")
        for row in rows:
            table.add_row(*(_cell(row[name], wide=False) for name in names))
        _print(table)
        if not rows:
            click.echo("no rows")

    def done(self, what: str) -> None:
        """A call that answers nothing went well."""
        if not self.as_json:
            click.echo("done: " + what[:1].lower() + what[1:].rstrip("."))

    def _fields(self, value: msgspec.Struct) -> None:
        from rich.table import Table

        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        listed = [n for n in value.__struct_fields__ if _is_listing(getattr(value, n))]
        for name in (n for n in value.__struct_fields__ if n not in listed):
            table.add_row(name, _cell(_dated(name, getattr(value, name)), wide=True))
        _print(table)
        for name in listed:
            click.echo(f"\n{name}")
            self._table(getattr(value, name))

    def _table(self, rows: Sequence[Any]) -> None:
        if not rows:
            click.echo("nothing yet")
            return
        if not isinstance(rows[0], msgspec.Struct):
            for row in rows:
                click.echo(_cell(row, wide=True))
            return
        from rich.table import Table

        names = rows[0].__struct_fields__[:_COLUMNS]
        table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
        for name in names:
            numeric = isinstance(getattr(rows[0], name), int | float)
            table.add_column(name, justify="right" if numeric else "left", overflow="fold")
        for row in rows:
            table.add_row(*(_cell(_dated(name, getattr(row, name)), wide=False) for name in names))
        _print(table)


def fail(error: YardError, *, as_json: bool) -> int:
    """Say what went wrong; the exit code."""
    if as_json:
        document = {"code": error.code, "title": error.title, "detail": error.detail}
        click.echo(msgspec.json.encode(document).decode(), err=True)
    else:
        click.echo(click.style("error: ", fg="red", bold=True) + error.detail, err=True)
    return error.exit_code


def _print(table: Any) -> None:
    from rich.console import Console

    terminal = sys.stdout.isatty()
    Console(soft_wrap=not terminal, width=None if terminal else 200, highlight=False).print(table, markup=False)


def _is_listing(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], msgspec.Struct)


def _dated(name: str, value: Any) -> Any:
    """A moment in milliseconds as a date for people; anything else as it is."""
    if name.endswith("_ms") and isinstance(value, int) and value > _DATES_FROM_MS:
        return from_ms(value).strftime("%Y-%m-%d %H:%M:%S")
    return value


def _cell(value: Any, *, wide: bool) -> str:
    """A value as text."""
    plain = msgspec.to_builtins(value)
    if plain is None or plain in ((), [], {}):
        return "–"
    if isinstance(plain, dict | list | tuple):
        text = msgspec.json.encode(plain).decode()
    elif isinstance(plain, float):
        text = f"{plain:.6g}"
    else:
        text = str(plain)
    return text if wide or len(text) <= _WIDE else text[: _WIDE - 1] + "…"
