"""`yard run -- CMD` and `yard reproduce RUN`: a command whose runs can be repeated, and a run repeated and compared."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelyard.edges.cli.output import Output

if TYPE_CHECKING:
    from modelyard.sdk.reproducing.repetition import Repetition
    from modelyard.sdk.tracking import TrackingHandle

Reached = Callable[[], Mapping[str, str]]
"""Variables by which a command finds the yard that the session speaks to."""
_LIMIT = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|m|h|d)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, None: 1}
_DIFFERENT = 1
_FAILED = 4
_SHOWN = 30


class _Limit(click.ParamType[float]):
    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds behind `90s`, `30m`, `6h`, `1d`."""
        found = _LIMIT.fullmatch(str(value))
        if not found or float(found[1]) <= 0:
            self.fail(f"{value!r} is no time; write e.g. 90s, 30m, 6h or 1d", param, ctx)
        return float(found[1]) * _SECONDS[found[2]]


def run_commands(tracking: Callable[[], TrackingHandle], reach: Reached) -> list[click.Command]:
    """The commands, over whichever yard the session speaks to."""
    return [_run(tracking, reach), _reproduce(tracking, reach)]


def _run(tracking: Callable[[], TrackingHandle], reach: Reached) -> click.Command:
    @click.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
    @click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
    def run(*, command: tuple[str, ...]) -> None:
        """Run a command; each run that it makes, by mlflow too, keeps what it ran in.

        That is: command, commit, uncommitted changes, packages, lock file, Python, machine and switches, in the folder
        `reproduce` of its artifacts. `yard reproduce` does it again from there.

        Example:
          yard run -- python train.py --depth 3
        """
        from modelyard.sdk.reproducing.invoking import invoke

        done = invoke(tracking(), command, reach())
        for each in done.runs:
            click.echo(f"run {each.id} ({each.name}) can be repeated: yard reproduce {each.id}", err=True)
        raise click.exceptions.Exit(done.code if done.code >= 0 else 128 - done.code)

    return run


def _reproduce(tracking: Callable[[], TrackingHandle], reach: Reached) -> click.Command:
    @click.command("reproduce")
    @click.argument("run", metavar="RUN")
    @click.option("--repository", default=".", type=click.Path(path_type=Path), help="Where the run's commit is.")
    @click.option("--command", default="", help="What to run, in place of what the run says.")
    @click.option(
        "--packages", type=click.Choice(["auto", "here", "fresh"]), default="auto", show_default=True,
        help="The present interpreter if its packages match exactly, in any case, or fresh ones by uv or pip.",
    )  # fmt: skip
    @click.option("--python", default="", help="The present interpreter; by default what `python` means here.")
    @click.option("--tolerance", type=float, default=0.0, help="Relative difference up to which numbers are equal.")
    @click.option("--limit", "limit_s", type=_Limit(), default="1d", show_default=True, help="The most it may take.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    def reproduce(
        *, run: str, repository: Path, command: str, packages: str, python: str, tolerance: float, limit_s: float,
        as_json: bool,
    ) -> None:  # fmt: skip
        """Do a run again, in a clean worktree at its commit, and say how like the first it is.

        It starts the command that the run names, here and with your rights: look at it first (yard tracking artifacts
        RUN --folder reproduce). Exit code 0: identical, or equal within the tolerance; 1: something differs; 4: the
        command failed.

        Example:
          yard reproduce 0199c7a1b2c37d4e5f60718293a4b5c6 --tolerance 1e-9
        """
        with _interruptible():
            done = tracking().reproduce(
                run, repository=repository, command=command, packages=packages, python=python, tolerance=tolerance,
                limit_s=limit_s, reach=reach(),
            )  # fmt: skip
        if as_json:
            Output(as_json=True).record(done)
        else:
            _say(done)
        codes = {"identical": 0, "equal": 0, "different": _DIFFERENT, "failed": _FAILED}
        raise click.exceptions.Exit(codes[done.reproduction.outcome.value])

    return reproduce


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM end it as Ctrl-C does, so that nothing is left behind."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    kept = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, kept)


def _say(done: Repetition) -> None:
    kept = done.reproduction
    colour = {"identical": "green", "equal": "green", "different": "yellow", "failed": "red"}[kept.outcome.value]
    counts = {
        "identical": kept.identical, "equal": kept.equal, "different": kept.different, "missing": kept.missing,
        "extra": kept.extra,
    }  # fmt: skip
    said = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    click.echo(click.style(kept.outcome.value, fg=colour, bold=True) + f": {said or 'nothing was compared'}")
    if kept.problem:
        click.echo(f"  {kept.problem}")
    unlike = [v for v in done.verdicts if v.likeness.value != "identical" or v.words]
    unlike.sort(key=lambda v: v.likeness.value == "identical")
    for each in unlike[:_SHOWN]:
        click.echo(
            f"  {each.subject.value} {each.name}: {each.likeness.value}" + (f", {each.words}" if each.words else "")
        )
    if len(unlike) > _SHOWN:
        click.echo(f"  and {len(unlike) - _SHOWN:,} more: yard tracking verdicts {kept.by}")
    click.echo(f"  in {kept.environment}; the repetition is run {kept.by}")
    for note in kept.notes:
        click.echo(f"  note: {note}")
