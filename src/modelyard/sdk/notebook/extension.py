"""What `%load_ext modelyard` brings: the cell magic `%%run`, and rich forms of runs, tables, models and files.

    %load_ext modelyard

    %%run fit --experiment tips
    run.params(depth=3)
    run.log(loss=0.3, step=1)

The cell runs as a run; `run` and `yard` stand in it. When the cell has ended, the notebook as it was executed so far,
outputs included, is an artifact of the run.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable
from typing import Any, Protocol

from modelyard.kernel.errors import InvalidInput, YardError
from modelyard.sdk.hub import Yard
from modelyard.sdk.notebook.reprs import formatters
from modelyard.sdk.notebook.session import Session
from modelyard.sdk.recording import RunRecorder
from modelyard.tracking.api import RunStatus

NOTEBOOK = "notebook.ipynb"


class Shell(Protocol):
    """What is asked of IPython's shell."""

    user_ns: dict[str, Any]
    events: Any
    display_formatter: Any

    def register_magic_function(self, func: Callable[[str, str], None], magic_kind: str, magic_name: str) -> None:
        """Take a magic in."""
        ...

    def run_cell(self, raw_cell: str) -> Any:
        """Run a cell; what it ended in."""
        ...


class CellFailed(Exception):  # its name is what the notebook shows
    """The cell under `%%run` failed; its own error is shown above."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def load(shell: Shell, connect: Callable[[], Yard]) -> None:
    """Bring it into a shell; done again, it changes nothing.

    Args:
        connect: finds the yard that the environment names.
    """
    if getattr(shell, "modelyard", None) is not None:
        return
    magics = Magics(shell, connect)
    shell.modelyard = magics  # type: ignore[attr-defined]  # the shell keeps what belongs to it
    shell.register_magic_function(magics.run, "cell", "run")
    html = shell.display_formatter.formatters["text/html"]
    for kind, form in formatters():
        html.for_type(kind, form)


class Magics:
    """The magics of one shell."""

    def __init__(self, shell: Shell, connect: Callable[[], Yard]) -> None:
        self._shell = shell
        self._connect = connect
        self._session = Session(shell)
        self._yard: Yard | None = None
        shell.events.register("post_run_cell", self._after)
        self._ended: list[str] = []

    def run(self, line: str, cell: str) -> None:
        """Run a cell as a run: `%%run NAME [--experiment E] [--tag KEY=VALUE]... [--no-system]`."""
        asked = _asked(line)
        yard = self._place()
        recorder = yard.tracking.run(
            asked.name, experiment=asked.experiment, tags=dict(tag.split("=", 1) for tag in asked.tag),
            system_every_s=0 if asked.no_system else 10.0,
        )  # fmt: skip
        self._shell.user_ns |= {"yard": yard, "run": recorder}
        result = self._shell.run_cell(cell)
        self._session.note_result(result)
        error = result.error_before_exec or result.error_in_exec
        recorder.end(_status(error))
        self._ended.append(recorder.id)
        _show(recorder, yard)
        if error is not None:
            raise CellFailed(
                f"run {recorder.id} ({recorder.name}) is {_status(error)}: {type(error).__name__}: {error}"
            )

    def _place(self) -> Yard:
        """The yard that stands in the notebook as `yard`, else the one that the environment names."""
        found = self._shell.user_ns.get("yard")
        if isinstance(found, Yard):
            return found
        if self._yard is None:
            self._yard = self._connect()
        return self._yard

    def _after(self, result: Any) -> None:
        """When a whole cell has ended: keep the notebook beside the runs that ended in it."""
        if not self._session.close(result):
            return
        while self._ended:
            run = self._ended.pop()
            try:
                self._place().tracking.upload(run, NOTEBOOK, iter([self._session.notebook()]))
            except YardError as err:
                self._session.say(f"the notebook is not among the artifacts of run {run}: {err}\n")


def _asked(line: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser("%%run", add_help=False, exit_on_error=False)
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--experiment", default=os.environ.get("MLFLOW_EXPERIMENT_NAME", "Default"))
    parser.add_argument("--tag", action="append", default=[])
    parser.add_argument("--no-system", action="store_true")
    try:
        found, more = parser.parse_known_args(shlex.split(line))
    except (argparse.ArgumentError, ValueError) as err:
        raise InvalidInput(f"%%run NAME [--experiment E] [--tag KEY=VALUE] [--no-system]: {err}") from err
    if more or any("=" not in tag for tag in found.tag):
        raise InvalidInput(f"%%run NAME [--experiment E] [--tag KEY=VALUE] [--no-system], not {line!r}")
    return found


def _status(error: BaseException | None) -> RunStatus:
    if error is None:
        return RunStatus.FINISHED
    return RunStatus.FAILED if isinstance(error, Exception) else RunStatus.KILLED


def _show(recorder: RunRecorder, yard: Yard) -> None:
    """The run as the yard has it now, below the cell."""
    from importlib import import_module

    try:
        import_module("IPython.display").display(yard.tracking.run_record(recorder.id))
    except YardError:
        return
