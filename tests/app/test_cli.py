"""The command line says what the yard has, no more and no less."""

from __future__ import annotations

from importlib import import_module

from click.testing import CliRunner

from modelyard.app.cli import SLICES, main_group
from modelyard.app.rooms import every_room


def test_the_command_line_has_a_group_for_every_room() -> None:
    rooms = {room.name: room.apis for room in every_room()}
    assert {name for name in SLICES if name in rooms} == set(rooms)
    for name, apis in rooms.items():
        assert getattr(import_module(f"modelyard.{name}.api"), SLICES[name][0]) in apis


def test_every_derived_command_explains_itself() -> None:
    for room in every_room():
        listed = CliRunner().invoke(main_group, [room.name, "--help"])
        assert listed.exit_code == 0, listed.output
        group = main_group.get_command(None, room.name)  # type: ignore[arg-type]  # no context is needed to look one up
        assert group is not None
        for command in group.list_commands(None):  # type: ignore[attr-defined]  # a group it is
            helped = CliRunner().invoke(main_group, [room.name, command, "--help"])
            assert helped.exit_code == 0, helped.output
            assert "Usage:" in helped.output
