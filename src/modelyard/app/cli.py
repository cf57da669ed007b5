"""The command `yard`: the house's own commands, and a group of derived ones for each slice.

It talks to the yard that serves the home, if one does, and opens the home itself otherwise; `--address` names another.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from modelyard.app import housekeeping, moving
from modelyard.app.session import session
from modelyard.edges.cli.derived import DerivedGroup
from modelyard.edges.cli.folders import folder_commands
from modelyard.edges.cli.gating import gate_group
from modelyard.edges.cli.output import fail
from modelyard.edges.cli.pulling import pull_command
from modelyard.edges.cli.reproducing import run_commands
from modelyard.kernel.errors import YardError
from modelyard.kernel.operations import Operation
from modelyard.kernel.version import VERSION

SLICES: dict[str, tuple[str, str]] = {
    "lake": ("Lake", "Tables, their versions, loads and quarantine."),
    "quality": ("Quality", "Contracts, checks and reports."),
    "features": ("Features", "Feature views, training sets, online values."),
    "pipelines": ("Pipelines", "Flows, their runs, schedules and logs."),
    "tracking": ("Tracking", "Experiments, runs, metrics and artifacts."),
    "registry": ("Registry", "Models, versions, aliases, proposals and gates."),
    "serving": ("Serving", "Endpoints, routes, predictions, rollback."),
    "monitoring": ("Monitoring", "Monitors, drift, alerts and what they set off."),
    "governance": ("Governance", "Who may do what, who did, where from, and forgetting somebody."),
    "cost": ("Cost", "What it used and what that costs."),
    "teamwork": ("Teamwork", "Comments on anything."),
}
"""Each slice: the name of its interface, and what its commands are about."""
SHORT: dict[str, tuple[str, str]] = {
    "sql": ("lake", "Ask one SELECT over the lake's tables: yard lake sql."),
}
"""Commands of slices that need no naming of the slice, and what each does."""


def _call(op: Operation, arguments: dict[str, Any]) -> Any:
    api = _api(op.group)
    return getattr(session().yard.of(api), op.method)(**arguments)


def _api(name: str) -> type[Any]:
    found: type[Any] = getattr(import_module(f"modelyard.{name}.api"), SLICES[name][0])
    return found


def _keep(_: click.Context, param: click.Parameter, value: Any) -> None:
    """Keep what a flag said for the command that follows."""
    if value is None:
        return
    name = str(param.name).removeprefix("yard_")
    if name in ("address", "token"):
        setattr(session(), name, value)
    else:
        session().flags[name] = value


def everywhere(*, hidden: bool = True) -> list[click.Option]:
    """Which yard is meant: options that work before every command and after it."""
    said: dict[str, tuple[str, click.ParamType[Any]]] = {
        "home": ("Folder that holds the yard.  [YARD_HOME; default: .yard]", click.STRING),
        "host": ("Address to listen on.  [YARD_HOST; default: 127.0.0.1]", click.STRING),
        "port": ("Port to listen on; 0: any free one.  [YARD_PORT; default: 8470]", click.INT),
        "address": ("Speak to the yard at this address.  [YARD_ADDRESS]", click.STRING),
        "token": ("Token to speak with.  [YARD_TOKEN]", click.STRING),
    }
    return [
        click.Option(
            [f"--{name}", f"yard_{name}"], type=kind, help=text, hidden=hidden, expose_value=False, callback=_keep
        )
        for name, (text, kind) in said.items()
    ]


def _group(name: str) -> DerivedGroup:
    return DerivedGroup(name, SLICES[name][1], lambda: (_api(name),), _call, everywhere)


class _Main(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        """The house's commands first, then the slices in the order of the lifecycle."""
        return [*super().list_commands(ctx), *SHORT, *SLICES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command of the house, or the group of a slice."""
        own = super().get_command(ctx, cmd_name)
        if own is None and cmd_name in SHORT:
            return _group(SHORT[cmd_name][0]).get_command(ctx, cmd_name)
        if own is not None or cmd_name not in SLICES:
            return own
        group = _group(cmd_name)
        if cmd_name == "lake":
            for own_face in (pull_command(lambda: session().yard.lake), *folder_commands(lambda: session().yard.lake)):
                own_face.params += everywhere()
                group.add_command(own_face)
        return group

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's
        """Two lists: the yard itself, and what is in it."""
        own = [(name, c) for name, c in sorted(self.commands.items()) if not c.hidden]
        with formatter.section("The yard"):
            formatter.write_dl([(n, c.get_short_help_str(limit=70)) for n, c in own])
        with formatter.section("What is in it"):
            formatter.write_dl([(n, text) for n, (_, text) in (SHORT | SLICES).items()])


_HELP = """Modelyard: the whole ML lifecycle in one command.

\b
yard up                       start everything, here
yard status                   what is running
yard lake load trips a.csv    a file becomes a table
yard lake tables --json       for programs

The options below work before a command and after it.
"""


@click.group(cls=_Main, help=_HELP, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="yard")
def main_group() -> None:
    """The yard itself, and what is in it."""


main_group.params[:0] = everywhere(hidden=False)
housekeeping.register(main_group)
moving.register(main_group)
_gate = gate_group(lambda: session().yard.registry)
main_group.add_command(_gate)
for _own in run_commands(lambda: session().yard.tracking, lambda: session().environment):
    main_group.add_command(_own)
_groups = (moving.bring, moving.take, _gate)
for _own in (*main_group.commands.values(), *(c for group in _groups for c in group.commands.values())):
    _taken = {flag for param in _own.params for flag in param.opts}
    _own.params += [option for option in everywhere() if not _taken.intersection(option.opts)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code. Errors have codes of their own, see `kernel.errors`."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        ended: object = main_group.main(given, prog_name="yard", standalone_mode=False)
    except YardError as err:
        return fail(err, as_json="--json" in given)
    except click.exceptions.Exit as err:
        return err.exit_code
    except click.Abort:
        return 130
    except click.ClickException as err:
        err.show()
        return err.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        session().close()
    return ended if isinstance(ended, int) else 0
