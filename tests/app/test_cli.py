"""The command line says what the yard has, no more and no less."""

from __future__ import annotations

import json
import os
import pty
import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from modelyard.app.cli import SLICES, main, main_group
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


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a table, loaded from a file by the command."""
    home = tmp_path_factory.mktemp("cli") / "home"
    file = home.parent / "trips.csv"
    file.write_text("id,note\n" + "".join(f"{n},{'x' * 90}\n" for n in range(30_000)))
    assert main(["lake", "load", "trips", str(file), "--home", str(home)]) == 0
    return home


def test_a_yard_is_named_before_or_after_a_command_or_by_the_environment(
    loaded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    home, ask = str(loaded), ["lake", "tables", "--json"]

    def names(*arguments: str) -> list[str]:
        assert main(arguments) == 0
        return [table["name"] for table in json.loads(capsys.readouterr().out)["items"]]

    capsys.readouterr()
    assert names("--home", home, *ask) == names(*ask, "--home", home) == ["trips"]
    assert names("lake", "--home", home, "tables", "--json") == ["trips"]
    monkeypatch.setenv("YARD_HOME", home)
    assert names(*ask) == ["trips"]
    monkeypatch.delenv("YARD_HOME")
    (tmp_path / "modelyard.toml").write_text(f'home = "{home}"\nport = 1234\n')
    assert names(*ask) == ["trips"]
    assert main(["settings", "--json", "--port", "77"]) == 0
    assert json.loads(capsys.readouterr().out)["port"] == 77
    assert main(["status", "--home", "elsewhere"]) == 6
    assert "no yard serves" in capsys.readouterr().out


def test_a_bar_with_bytes_and_rate_is_drawn_on_a_terminal_alone(
    loaded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = ["lake", "load", "trips", str(loaded.parent / "trips.csv"), "--home", str(loaded)]
    assert main(load) == 0
    assert capsys.readouterr().err == "", "without a terminal there is no bar"
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with os.fdopen(theirs, "w") as terminal, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", terminal)
        assert main(load) == 0
        terminal.flush()
        drawn = os.read(ours, 1 << 16).decode("utf-8", "replace")
    os.close(ours)
    told = capsys.readouterr().out
    assert "rows_loaded" in told and "\x1b" not in told
    assert "trips.csv" in drawn and re.search(r"[\d.]+/[\d.]+ MB", drawn), drawn
    assert re.search(r"\d+:\d\d|--:--", drawn), drawn


def test_rows_are_shown_on_a_terminal_and_written_as_a_file_is_named(
    loaded: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("YARD_HOME", str(loaded))
    query = "select distinct id, note[:2] as n, [1, 2] as l from trips where id < 200 order by id"
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["sql", query]) == 0
    shown = capfdbinary.readouterr().out.decode()
    assert re.search(r"id +n +l", shown) and re.search(r"99 +xx +\[1,2\]", shown) and "first 100 rows" in shown
    assert not re.search(r"^ *100 ", shown, re.MULTILINE)
    assert main(["sql", "select id from trips where id < 0"]) == 0
    assert b"no rows" in capfdbinary.readouterr().out
    assert main(["sql", query, "--json"]) == 0
    lines = capfdbinary.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [{"id": n, "n": "xx", "l": [1, 2]} for n in range(200)]
    rows = ["sql", "select distinct id from trips where id < 3 order by id", "--output"]
    read: dict[str, Callable[[Path], object]] = {
        "r.csv": lambda file: file.read_text().split(), "r.parquet": lambda file: pq.read_table(file).num_rows,
        "r.jsonl": lambda file: file.read_text().split(),
        "r": lambda file: pa.ipc.open_stream(file).read_all().num_rows,
    }  # fmt: skip
    found = {}
    for name, back in read.items():
        assert main([*rows, str(tmp_path / name)]) == 0
        found[name] = back(tmp_path / name)
    lines_, cells = [f'{{"id":{n}}}' for n in range(3)], ['"id"', "0", "1", "2"]
    assert found == {"r.csv": cells, "r.parquet": 3, "r.jsonl": lines_, "r": 3}
    assert main(["sql", query, "-o", str(tmp_path / "no.csv")]) == 2
    assert "write .parquet or .jsonl" in capfdbinary.readouterr().err.decode()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(read)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    assert main(["sql", "select 1 as a"]) == 0
    assert pa.ipc.open_stream(capfdbinary.readouterr().out).read_all().to_pylist() == [{"a": 1}]


def test_a_table_is_named_with_what_stands_behind_an_at(loaded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["preview", "trips@1"], ["preview", "trips", "--at", "1"]):
        assert main(["lake", *words, "--home", str(loaded), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["version"] == 1
    assert main(["lake", "preview", "trips@77", "--home", str(loaded)]) == 3
    assert "trips has nothing at 77" in capsys.readouterr().err


def test_a_shell_completes_groups_commands_and_options() -> None:
    def completed(*words: str) -> list[str]:
        shell = ShellComplete(main_group, {}, "yard", "_YARD_COMPLETE")
        return [str(item.value) for item in shell.get_completions(list(words[:-1]), words[-1])]

    assert completed("la") == ["lake"]
    assert "load" in completed("lake", "lo")
    assert completed("lake", "load", "--mod") == ["--mode"]
    assert set(completed("lake", "load", "--mode", "")) >= {"append", "create"}
