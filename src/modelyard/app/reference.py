"""What the reference is made of in this yard: every slice's api, and the commands of the yard itself."""

from __future__ import annotations

from functools import cache
from typing import Any

import click

from modelyard.app.cli import SLICES, main_group
from modelyard.ui.reference import Chapter, Command, chapters


def every_api() -> tuple[type[Any], ...]:
    """The interface of each slice, in the order of the lifecycle."""
    from importlib import import_module

    return tuple(getattr(import_module(f"modelyard.{name}.api"), face) for name, (face, _) in SLICES.items())


def every_command() -> tuple[Command, ...]:
    """The commands that belong to no slice, by name."""
    return tuple(
        Command(name, _usage(name, command), command.get_short_help_str(300), _options(command))
        for name, command in sorted(main_group.commands.items())
        if not command.hidden
    )


@cache
def reference() -> tuple[Chapter, ...]:
    """The whole reference."""
    return chapters(every_api(), every_command())


def _usage(name: str, command: click.Command) -> str:
    words = [p.human_readable_name.upper() for p in command.params if isinstance(p, click.Argument)]
    options = ["[OPTIONS]"] if any(isinstance(p, click.Option) for p in command.params) else []
    return " ".join(["yard", name, *options, *words])


def _options(command: click.Command) -> tuple[tuple[str, str], ...]:
    return tuple((" / ".join(p.opts), p.help or "") for p in command.params if isinstance(p, click.Option))
