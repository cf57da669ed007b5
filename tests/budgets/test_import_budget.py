"""What a start may import: the public face loads nothing heavy, whatever the machine has installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.architecture.house import HEAVY

#: Beside the libraries that the contracts name: what is slow to import or opens something.
SLOW = ("asyncio", "cryptography", "httpx2", "jinja2", "lmdb", "msgspec", "obstore", "prometheus_client", "sqlite3")


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that `statement` brings into a fresh interpreter, beyond what the interpreter brings itself."""
    code = f"import sys\nbefore = set(sys.modules)\n{statement}\nsys.stderr.write(' '.join(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return {name.split(".")[0] for name in run.stderr.split()}


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = loaded_by("import modelyard")
    assert "modelyard" in loaded
    assert not loaded & {*HEAVY, *SLOW}


@pytest.mark.parametrize("module", ["modelyard.kernel.ids", "modelyard.kernel.errors", "modelyard.kernel.operations"])
def test_the_words_of_the_kernel_load_nothing_heavy(module: str) -> None:
    assert not loaded_by(f"import {module}") & {*HEAVY, "asyncio", "cryptography", "httpx2", "jinja2", "sqlite3"}


def test_asking_the_command_for_help_loads_no_engine() -> None:
    loaded = loaded_by("from modelyard.app.cli import main; assert main(['--help']) == 0")
    assert not loaded & {*HEAVY, "cryptography", "jinja2", "lmdb", "obstore", "sqlite3"} - {"click", "rich"}


def test_asking_a_group_of_commands_for_help_loads_no_engine() -> None:
    loaded = loaded_by("from modelyard.app.cli import main; assert main(['lake', '--help']) == 0")
    assert not loaded & {*HEAVY, "cryptography", "jinja2", "lmdb", "obstore", "sqlite3"} - {"click", "rich"}


def test_the_supervisor_loads_no_engine_before_the_control_process_starts() -> None:
    loaded = loaded_by("import modelyard.app.cli, modelyard.app.upkeep")
    assert not loaded & {*HEAVY, "sqlalchemy", *SLOW} - {"click", "rich", "msgspec"}
