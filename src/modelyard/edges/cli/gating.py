"""`yard gate check`: a model's gates from a file, asked in CI; a table for people, JSON for programs, an exit code.

The table goes to standard output. The exit code is 0 where every gate stands open and 4 where one is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelyard.edges.cli.output import Output
from modelyard.kernel.errors import GateClosed, InvalidInput

if TYPE_CHECKING:
    from modelyard.registry.api import Registry
    from modelyard.sdk.gates import GateCheck

_MARKS = {"passed": ("green", "open"), "waived": ("yellow", "waived"), "failed": ("red", "closed")}


def gate_group(registry: Callable[[], Registry]) -> click.Group:
    """The group `gate`, over whichever registry the session speaks to."""
    group = click.Group("gate", help="Ask a model's gates, in CI as on a laptop.", no_args_is_help=True)
    group.add_command(_check(registry))
    return group


def _check(registry: Callable[[], Registry]) -> click.Command:
    @click.command("check")
    @click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
    @click.option("--version", help="which version; `latest` or a number.  [default: latest]")
    @click.option("--alias", default="", help="the alias that it is to take; the file's, if left out.")
    @click.option("--declare", is_flag=True, help="let the yard ask from now on what the file asks.")
    @click.option("--attest/--no-attest", default=True, help="tell the yard what came of the tests.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    def check(*, file: Path, version: str | None, alias: str, declare: bool, attest: bool, as_json: bool) -> None:
        """Run the tests in FILE, ask the gates, and end with 4 if one stands closed.

        FILE is YAML or Python. Tests run here, never in the yard; what came of them is attested in your name. An open
        proposal of the version keeps what the gates said.

        Example:
          yard gate check gates.yaml --version 7
        """
        from modelyard.sdk.gates import GateFile

        done = GateFile(file).check(registry(), _number(version), alias=alias, declare=declare, attest=attest)
        if as_json:
            Output(as_json=True).record(done)
        else:
            _show(done, file)
        if not done.opens:
            raise click.exceptions.Exit(GateClosed.exit_code)

    return check


def _number(version: str | None) -> int | None:
    """The number that is meant; None for the newest.

    Raises:
        InvalidInput: it is neither a number nor `latest`.
    """
    if version is None or version == "latest":
        return None
    if version.isascii() and version.isdigit() and 0 < int(version) < 2**31:
        return int(version)
    raise InvalidInput(f"{version!r} is no version; write a number or latest")


def _show(done: GateCheck, file: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    against = f"against version {done.champion}" if done.champion else "with nobody to compare with"
    click.echo(f"{done.model} version {done.version} for {done.alias}, {against}")
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("gate", "is", "says"):
        table.add_column(name, overflow="fold")
    for each in done.results:
        colour, word = _MARKS.get(each.outcome.value, ("red", "unknown"))
        table.add_row(each.gate, f"[{colour}]{word}[/{colour}]", each.text.replace("[", "\\["))
    console = Console(soft_wrap=False, width=None, highlight=False)
    if done.results:
        console.print(table)
    shut = [r for r in done.results if not r.outcome.opens]
    said = f"{len(shut)} of {len(done.results)} gates closed" if shut else f"all {len(done.results)} gates open"
    click.echo(said + (f"; kept with proposal {done.proposal}" if done.proposal else ""))
    if not done.declared:
        click.echo(f"the yard asks something else of {done.model}; make it ask this: yard gate check {file} --declare")
