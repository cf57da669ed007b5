"""`yard import mlflow` and `yard import tensorboard`: moves with a bar, and a count of both sides at their end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelyard.app.session import session
from modelyard.edges.cli.output import Output
from modelyard.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from modelyard.adapters.mlflow.store import Store
    from modelyard.protocols.moving.report import Report, Step

_INCOMPLETE = 1


def register(group: click.Group) -> None:
    """Put the commands into `group`."""
    group.add_command(bring)
    group.add_command(take)


@click.group("import")
def bring() -> None:
    """Bring in what another tracker wrote."""


@bring.command("mlflow")
@click.argument("source", metavar="SOURCE")
@click.option(
    "--artifacts", type=click.Path(file_okay=False, path_type=Path),
    help="The folder below which files lie; of a folder mlruns, that folder.",
)  # fmt: skip
@click.option("--workspace", default="default", show_default=True, help="Which workspace of a newer server's database.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def from_mlflow(*, source: str, artifacts: Path | None, workspace: str, as_json: bool) -> None:
    """Bring in a store of MLflow: a server, a SQLite file, a Postgres database, or a folder mlruns.

    Ids, times, users, stages, whole histories, datasets, files, logged and registered models with their versions and
    aliases are as they were. Killed, it is made again and goes on; nothing comes twice. At the end both sides are
    counted; exit code 1 if anything is missing. Files are read only below the folder that you name, or from the server.

    Example:
      yard import mlflow sqlite:///mlflow.db --artifacts mlartifacts
    """
    from modelyard.protocols.moving.mlflow import Mover

    yard = session().yard
    with closing(_opened(source, artifacts, workspace)) as store, _bar(quiet=as_json) as show:
        report = Mover(store, yard.tracking, yard.registry, show).move()
    _say(report, as_json=as_json)


@bring.command("tensorboard")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--experiment", default="", help="Where the runs go; by default the folder's name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def from_tensorboard(*, folder: Path, experiment: str, as_json: bool) -> None:
    """Bring in a folder of TensorBoard's: each folder with event files below it becomes a run.

    Scalars become metrics, hparams params; texts, pictures, sounds and histograms files of the run. Brought again,
    grown meanwhile or not, it is the same runs, and nothing comes twice. At the end both sides are counted.

    Example:
      yard import tensorboard logs
    """
    from modelyard.protocols.moving.tensorboard import TensorBoardMover

    with _bar(quiet=as_json) as show:
        report = TensorBoardMover(folder, session().yard.tracking, show, experiment).move()
    _say(report, as_json=as_json)


@click.group("export")
def take() -> None:
    """Take out what the yard holds."""


@take.command("mlflow")
@click.argument("database", metavar="DATABASE")
@click.option(
    "--artifacts", required=True, type=click.Path(file_okay=False, path_type=Path),
    help="The folder below which files are written.",
)  # fmt: skip
@click.option("--served", is_flag=True, help="The server hands files out: that folder is its --artifacts-destination.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def to_mlflow(*, database: str, artifacts: Path, served: bool, as_json: bool) -> None:
    """Write experiments, runs, files, models and traces into a DATABASE of MLflow's, with their ids and times.

    DATABASE is a SQLite file or postgresql://..., in which MLflow made its tables (mlflow db upgrade sqlite:///FILE).
    What is there already stays, so an export that broke off is made again. At the end both sides are counted; exit
    code 1 if anything is missing.

    Example:
      yard export mlflow mlflow.db --artifacts mlartifacts
    """
    from modelyard.protocols.moving.leaving import Leaver
    from modelyard.protocols.moving.yard import YardStore

    yard = session().yard
    with _bar(quiet=as_json) as show:
        report = Leaver(YardStore(yard.tracking, yard.registry), database, artifacts, show, served=served).leave()
    _say(report, as_json=as_json)


def _opened(source: str, artifacts: Path | None, workspace: str) -> Store:
    """The store behind an address or a path.

    Raises:
        InvalidInput: it is none of MLflow's.
    """
    if artifacts is not None and not artifacts.is_dir():
        raise InvalidInput(f"--artifacts {artifacts} is no folder; name the one below which the files of the store lie")
    from modelyard.protocols.mlflow.trace_reading import Answers

    if source.startswith(("http://", "https://")):
        from modelyard.adapters.mlflow.server import ServerStore

        return ServerStore(source, Answers())
    path = Path(source.removeprefix("file://")).expanduser()
    if path.is_dir():
        from modelyard.adapters.mlflow.folder import FolderStore

        return FolderStore(path, Answers(), artifacts)
    if "://" in source and not source.startswith(("postgres", "sqlite:///")):
        raise InvalidInput(f"{source} is not read; name http://..., a SQLite file, postgresql://... or a folder mlruns")
    from modelyard.adapters.mlflow.database import DatabaseStore

    return DatabaseStore(source, artifacts, workspace)


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Callable[[Step], None]]:
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda step: bar.update(task, completed=step.done, total=step.total or None, description=step.words[:60])


def _say(report: Report, *, as_json: bool) -> None:
    if as_json:
        Output(as_json=True).record(report)
    else:
        Output(as_json=False).record([count for count in report.counts if count.there])
        if report.already:
            click.echo(f"{report.already:,} runs had come whole before")
        for note in report.notes:
            click.echo(f"note: {note}", err=True)
        for problem in report.problems:
            click.echo(f"not brought: {problem}", err=True)
        click.echo(f"{report.source}: " + ("nothing is missing" if report.is_whole else "something is missing"))
    if not report.is_whole:
        raise click.exceptions.Exit(_INCOMPLETE)
