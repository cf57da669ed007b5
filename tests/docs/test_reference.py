"""The reference names every setting, error, command and operation, because it is made from them."""

from __future__ import annotations

import msgspec
import pytest

from modelyard.app.cli import SLICES, main_group
from modelyard.app.reference import every_api, reference
from modelyard.kernel.errors import every_error
from modelyard.kernel.operations import Operation, group_of, operations
from modelyard.settings import Settings
from modelyard.ui.reference import command_of

TEXTS = {chapter.slug: chapter.text for chapter in reference()}
EVERY = [(op, TEXTS[group_of(api)]) for api in every_api() for op in operations(api)]


def test_every_slice_has_its_chapter() -> None:
    assert set(TEXTS) == {"settings", "errors", "commands", *SLICES}


@pytest.mark.parametrize("field", msgspec.structs.fields(Settings), ids=lambda field: str(field.name))
def test_every_setting_is_told_with_its_default_and_purpose(field: msgspec.structs.FieldInfo) -> None:
    row = next(line for line in TEXTS["settings"].splitlines() if line.startswith(f"| `{field.name}` |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1] == f"`YARD_{field.name.upper()}`"
    assert cells[2] == f"`{msgspec.json.encode(field.default).decode()}`"
    assert len(cells[3]) > 10


def test_every_error_is_told_with_its_status_and_exit_code() -> None:
    for error in every_error()[1:]:
        assert f"| `{error.code}` | {error.status} | {error.exit_code} |" in TEXTS["errors"]


def test_every_command_of_the_yard_is_told_with_its_options() -> None:
    for name, command in main_group.commands.items():
        assert (f"## yard {name}\n" in TEXTS["commands"]) is not command.hidden
        for option in () if command.hidden else command.params:
            assert option.param_type_name == "argument" or option.opts[0] in TEXTS["commands"]


@pytest.mark.parametrize(("op", "text"), EVERY, ids=[op.name for op, _ in EVERY])
def test_every_operation_is_told_from_all_its_sides(op: Operation, text: str) -> None:
    part = text.split(f"## {op.name}\n", 1)[1].split("\n## ", 1)[0]
    assert op.summary in part
    assert f"`{op.verb} /v1{op.path}`" in part
    assert f"`{op.scope}`" in part
    assert all(f"| `{p.name}` |" in part for p in op.parameters)
    command = command_of(op)
    assert command is None or f"`{command}`" in part


@pytest.mark.parametrize(("op", "text"), EVERY, ids=[op.name for op, _ in EVERY])
def test_a_command_of_the_reference_is_one_that_the_shell_knows(op: Operation, text: str) -> None:
    command = command_of(op)
    if command is None:
        assert op.command == "-"
        return
    group = main_group.get_command(main_group.make_context("yard", ["-h"], resilient_parsing=True), op.group)
    assert group is not None
    context = group.make_context(op.group, ["x"], resilient_parsing=True)
    found = group.get_command(context, command.split()[2])  # type: ignore[attr-defined]  # a group of commands
    assert found is not None
    assert found.get_short_help_str(300).rstrip(".") in text
