"""Tells the day in a terminal: what happens, how long it took, where to look. It decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from modelyard.kernel.clock import Clock
from modelyard.kernel.units import format_duration

_WIDTH = 110


class Narrator:
    """Writes steps, lines and small tables."""

    def __init__(self, clock: Clock, console: Console | None = None) -> None:
        self._clock = clock
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._began = clock.monotonic()
        self.address = ""
        self.steps: list[tuple[str, float]] = []

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step of the day, with its number and time."""
        number = len(self.steps) + 1
        self._console.print()
        self._console.print(f"[bold]{number}. {title}[/bold]")
        began = self._clock.monotonic()
        yield
        took = self._clock.monotonic() - began
        self.steps.append((title, took))
        self._console.print(f"   [dim]{format_duration(took)}[/dim]")

    def now(self) -> float:
        """Seconds on the clock that steps are timed by."""
        return self._clock.monotonic()

    def say(self, text: str) -> None:
        """One thing that happened."""
        self._console.print(f"   {text}", markup=False)

    def see(self, path: str, what: str) -> None:
        """Where in the screens to look."""
        self._console.print(f"   → {self.address}{path}  {what}", style="cyan", markup=False)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A few rows."""
        table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
        for i, head in enumerate(heads):
            numbers = all(row[i][:1].isdigit() or row[i][:1] in "$−+–" for row in rows)
            table.add_column(head, justify="right" if numbers and rows else "left")
        for row in rows:
            table.add_row(*row)
        from rich.padding import Padding

        self._console.print(Padding(table, (0, 0, 0, 3)), width=_WIDTH)

    def end(self, text: str) -> None:
        """How the day ended, and how long all of it took."""
        took = format_duration(self._clock.monotonic() - self._began)
        self._console.print()
        self._console.print(f"[bold]{text}[/bold]  [dim]{took} in all[/dim]")
