"""`yard lake pull`: a pull with a bar while it runs, once or again and again; the one command with a face of its own.

The bar goes to standard error and only to a terminal; what was brought goes to standard output.
"""

from __future__ import annotations

import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from modelyard.edges.cli.output import Output, fail
from modelyard.kernel.errors import StaleVersion, TimedOut, Unavailable, by_code
from modelyard.kernel.units import format_bytes

if TYPE_CHECKING:
    from modelyard.lake.api import Lake, Progress, Pulled

_EVERY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|m|h|d)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, None: 1}
_PASSING = (Unavailable, TimedOut, StaleVersion)
"""What a repeated pull waits out."""


class _Period(click.ParamType[float]):
    name = "period"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds behind `30s`, `5m`, `2h`, `1d`."""
        found = _EVERY.fullmatch(str(value))
        seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
        if not 0.1 <= seconds <= 30 * 86_400:
            self.fail(f"{value!r} is no period; write e.g. 30s, 5m, 2h or 1d", param, ctx)
        return seconds


def pull_command(lake: Callable[[], Lake]) -> click.Command:
    """The command, over whichever lake the session speaks to."""

    @click.command("pull")
    @click.argument("name", metavar="NAME")
    @click.option("--branch", help="the branch that it goes to; `main` where it is left out.")
    @click.option("--every", type=_Period(), metavar="PERIOD", help="again and again, e.g. 5m, until Ctrl-C.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    def pull(*, name: str, branch: str | None, every: float | None, as_json: bool) -> None:
        """Read what is new in a source into its table, as governed loads.

        Cursor and rows are in the same commit: a pull that dies at any moment is simply made again, and no row comes
        twice and none is lost.


        Example:
          yard lake pull orders --every 5m
        """
        if every is None:
            _say(_watched(lake(), name, branch), as_json=as_json)
            return
        _repeat(lake(), name, branch, every, as_json=as_json)

    return pull


def _repeat(lake: Lake, name: str, branch: str | None, every_s: float, *, as_json: bool) -> None:
    """Pull until somebody stops it; what passes by itself is said and waited out."""
    stopped = threading.Event()
    with _stopping(stopped):
        while not stopped.is_set():
            try:
                _say(_watched(lake, name, branch), as_json=as_json)
            except _PASSING as err:
                fail(err, as_json=as_json)
            stopped.wait(every_s)
    click.echo(f"stopped; source {name} is read on from here by the next pull", err=True)


@contextmanager
def _stopping(stopped: threading.Event) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM end the pull under way whole, and the second break it off."""

    def stop(number: int, _: object) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()
        signal.signal(number, stop)

    kept = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in kept.items():
            signal.signal(each, handler)


def _watched(lake: Lake, name: str, branch: str | None) -> Pulled:
    """Pull, with a bar where there is a terminal.

    Raises:
        YardError: what the pull ended in.
    """
    last: Progress | None = None
    with _bar(name) as show:
        for last in lake.pull_live(name, branch=branch):
            show(last)
            if last.code:
                raise by_code(last.code)(last.detail)
    if last is None or last.pulled is None:
        raise Unavailable(f"the pull of {name} broke off; pull again, nothing comes twice")
    return last.pulled


@contextmanager
def _bar(name: str) -> Iterator[Callable[[Progress], None]]:
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None, said="")

        def show(progress: Progress) -> None:
            total, done = progress.total_bytes, progress.size_bytes
            if total is None:
                total, done = progress.total_rows, progress.rows
            bar.update(
                task, total=total, completed=done, description=f"{name} {progress.of}"[:60], said=_words(progress)
            )

        yield show


def _words(progress: Progress) -> str:
    left = "" if progress.left_s is None else f" · {progress.left_s:,.0f} s left"
    return (
        f"{progress.stage} · {progress.rows:,} rows · {format_bytes(progress.size_bytes)} · "
        f"{format_bytes(int(progress.bytes_per_s))}/s{left}"
    )


def _say(pulled: Pulled, *, as_json: bool) -> None:
    if as_json:
        Output(as_json=True).record(pulled)
        return
    if not pulled.loads and not pulled.rows_unchanged:
        click.echo(f"{pulled.source}: nothing new")
    else:
        click.echo(
            f"{pulled.source} -> {pulled.table}: {pulled.rows_loaded:,} rows loaded, {pulled.rows_quarantined:,} held, "
            f"{pulled.rows_unchanged:,} unchanged, {pulled.rows_removed:,} removed in {pulled.took_ms / 1000:,.1f} s"
        )
    for load in pulled.loads:
        if load.rows_quarantined:
            click.echo(f"  {load.source}: {load.rows_quarantined:,} rows wait: yard lake quarantine {load.id}")
    if pulled.left:
        click.echo(f"  left for later, somebody may still write them: {', '.join(pulled.left[:5])}")
