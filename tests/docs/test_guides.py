"""The guides agree with the program: every command they show exists with its options, every Python block is valid."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import takewhile
from pathlib import Path

import click
import msgspec
import pytest

from modelyard.app.cli import main_group
from modelyard.settings import Settings
from tests.architecture.house import FLOORS, ROOT

GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(*kinds: str) -> Iterator[tuple[str, str]]:
    for guide in GUIDES:
        for kind, text in BLOCK.findall(guide.read_text(encoding="utf-8")):
            if kind in kinds:
                yield f"{guide.relative_to(ROOT)}", text


COMMANDS = [
    (guide, line.removeprefix("$ "))
    for guide, text in blocks("console", "sh")
    for line in text.splitlines()
    if line.removeprefix("$ ").startswith("yard ")
]


def parse(words: list[str]) -> None:
    """Let click read a command line down to its last word, without running it."""
    with ExitStack() as opened:
        context = opened.enter_context(main_group.make_context("yard", list(words)))
        group: click.Command = main_group
        while isinstance(group, click.Group):
            name, found, rest = group.resolve_command(context, [*context._protected_args, *context.args])
            assert found is not None
            if "--help" in rest:
                return
            context = opened.enter_context(found.make_context(name, list(rest), parent=context))
            group = found


@pytest.mark.parametrize(("guide", "line"), COMMANDS, ids=[f"{guide}: {line}" for guide, line in COMMANDS])
def test_a_command_in_a_guide_is_one_that_the_shell_takes(
    guide: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*takewhile(lambda word: word not in (">", "|"), shlex.split(line, comments=True))]
    monkeypatch.chdir(tmp_path)
    for word in words:
        name = word.removeprefix("@")
        if re.fullmatch(r"[\w/-]+\.(csv|json|tar)", name) and "backup" not in words:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text("{}", encoding="utf-8")
    parse(words[1:])


PYTHON = list(blocks("python"))


@pytest.mark.parametrize(("guide", "text"), PYTHON, ids=[f"{guide}-{i}" for i, (guide, _) in enumerate(PYTHON)])
def test_python_in_a_guide_is_valid_and_imports_what_is_there(guide: str, text: str) -> None:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("modelyard"):
            module = importlib.import_module(str(node.module))
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


@pytest.mark.parametrize(("guide", "text"), list(blocks("toml")))
def test_settings_in_a_guide_are_settings(guide: str, text: str) -> None:
    msgspec.convert(tomllib.loads(text), Settings)


def test_the_index_leads_to_every_guide() -> None:
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    assert [g.name for g in (ROOT / "docs/how-to").glob("*.md") if f"(how-to/{g.name})" not in index] == []


def test_the_drawing_of_the_floors_is_the_map() -> None:
    drawing = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split("```")[1]
    floors = [set(re.split(r" · ", line.split("  ")[0].strip())) for line in drawing.strip().splitlines()]
    assert floors == [set(rooms) for rooms in FLOORS]
