"""Each rule of STYLE holds in this tree, and each bites on a planted sample and spares the sample beside it."""

from __future__ import annotations

import ast
import textwrap
import time

import pytest

from tests.architecture import effects, form
from tests.architecture.house import FILE_LINES, FUNCTION_LINES, NAMELESS, PARAMETERS
from tests.architecture.rule import RULES, Breach, breaches
from tests.architecture.source import Source, repository

#: rule -> (room, text) pairs that break it
BITES: dict[str, list[tuple[str, str]]] = {
    "only_the_edge_commits": [("lake.service", "def f(tx): tx.commit()"), ("app", "a.b.commit()")],
    "queries_live_in_store": [
        ("lake.service", "q = 'SELECT name FROM tables'"),
        ("quality.model", "q = f'INSERT INTO {table} VALUES (1)'"),
        ("sdk.hub", "q = '''\n  WITH a AS (SELECT 1) SELECT * FROM a'''"),
        ("ui.lake", "q = 'select * from runs'"),
        ("app", "run('PRAGMA journal_mode = WAL')"),
    ],
    "sqlalchemy_stays_in_store": [("lake.service", "import sqlalchemy as sa"), ("app", "from sqlalchemy.sql import x")],
    "only_the_clock_reads_the_time": [
        ("lake.service", "from datetime import datetime\ndatetime.now()"),
        ("lake.model", "import datetime as dt\ndt.date.today()"),
        ("edges.http", "from time import time as now\nnow()"),
        ("kernel.ids", "import time\nstamp = time.time_ns"),
        ("features.hot", "import pandas as pd\npd.Timestamp.now()"),
    ],
    "nothing_prints": [("edges.cli", "print('hello')")],
    "nothing_starts_a_shell": [
        ("adapters.processes", "import subprocess\nsubprocess.run('ls', shell=True)"),
        ("app", "import os\nos.system('ls')"),
    ],
    "nothing_loads_objects": [
        ("registry.service", "import pickle"),
        ("registry.model.walker", "from joblib import load"),
        ("lake.hot", "import numpy as np\nnp.load(f, allow_pickle=True)"),
        ("serving.hot", "import torch\ntorch.load(f)"),
        ("serving.model", "import pickletools"),
    ],
    "coroutines_stay_at_the_edge": [("lake.service", "async def f(): ..."), ("kernel.pages", "async def f(): ...")],
    "the_kernel_stands_on_the_standard_library": [("kernel.ids", "import httpx2"), ("kernel.ids", "from a import x")],
    "our_own_names_are_never_patched": [
        ("lake.api", "mock.patch('modelyard.lake.service.load')"),
        ("lake.api", "monkeypatch.setattr('modelyard.app.now', None)"),
    ],
    "modules_are_named_for_things": [(f"lake.{word}", "") for word in NAMELESS] + [("lake.service._utils", "")],
    "files_stay_readable_at_a_sitting": [("lake.store", "x = 1\n" * (FILE_LINES + 1))],
    "functions_fit_a_screen": [("lake.store", "async def f():\n" + "    x = 1\n" * FUNCTION_LINES)],
    "parameters_are_few": [("lake.api", f"def f({', '.join(f'p{n}' for n in range(PARAMETERS + 1))}): ...")],
    "switches_are_named_at_the_call": [
        ("lake.api", "def scan(table: str, deep: bool): ..."),
        ("lake.api", "def scan(table, deep=False): ..."),
        ("lake.api", "class A:\n    def __init__(self, deep: 'bool | None' = None): ..."),
    ],
    "modules_open_with_a_paragraph": [("lake.store", "x = 1\n" * 11)],
    "ignores_say_what_and_why": [
        ("lake.store", "x = 1  # type: ignore"),
        ("lake.store", "x = 1  # type: ignore[arg-type]"),
        ("lake.store", "x = 1  # noqa"),
        ("lake.store", "x = 1  # noqa: F401, E501"),
        ("lake.store", "x = 1  # type: ignore[misc]  # noqa: F401"),
    ],
    "nothing_is_promised_in_comments": [("lake.store", "x = 1  # TODO: more"), ("lake.store", "# FIXME later")],
}  # fmt: skip

#: rule -> (room, text) pairs that look alike and are allowed
SPARES: dict[str, list[tuple[str, str]]] = {
    "only_the_edge_commits": [("adapters.sqlite", "tx.commit()"), ("lake.service", "commit(tx)")],
    "queries_live_in_store": [
        ("lake.store.tables", "q = 'SELECT name FROM tables'"),
        ("adapters.sqlite", "q = 'PRAGMA foreign_keys = ON'"),
        ("lake.service", "'''SELECT this FROM that is prose.'''\nx = 'Select a table from the list'"),
    ],
    "sqlalchemy_stays_in_store": [("lake.store", "import sqlalchemy"), ("ports.database", "import sqlalchemy")],
    "only_the_clock_reads_the_time": [
        ("kernel.clock", "import time\ntime.time_ns()"),
        ("lake.service", "import time\ntime.monotonic()\nclock.now()"),
    ],
    "nothing_prints": [("edges.cli", "console.print('hello')")],
    "nothing_starts_a_shell": [("adapters.processes", "import subprocess\nsubprocess.run(['ls'], shell=False)")],
    "nothing_loads_objects": [
        ("registry.model.opcodes", "import pickletools"),
        ("serving.hot", "import torch\ntorch.load(f, weights_only=True)"),
    ],
    "coroutines_stay_at_the_edge": [("serving.hot.loop", "async def f(): ..."), ("edges.http", "async def f(): ...")],
    "the_kernel_stands_on_the_standard_library": [("kernel.ids", "import os, msgspec\nimport modelyard.kernel.refs")],
    "our_own_names_are_never_patched": [("lake.api", "monkeypatch.setattr('os.sep', '/')\nsetattr(a, 'b', 1)")],
    "modules_are_named_for_things": [("lake.database", "")],
    "files_stay_readable_at_a_sitting": [("lake.store", "x = 1\n" * FILE_LINES)],
    "functions_fit_a_screen": [
        ("lake.store", "@cached\ndef f():\n" + '    """A\n\n    B\n    """\n' + "    x = 1\n" * (FUNCTION_LINES - 1)),
    ],
    "parameters_are_few": [
        ("lake.api", f"class A:\n    def f(self, {', '.join(f'p{n}' for n in range(PARAMETERS))}): ..."),
    ],
    "switches_are_named_at_the_call": [
        ("lake.api", "def scan(table, *, deep: bool = False): ..."),
        ("lake.api", "class A:\n    def __eq__(self, other: bool): ..."),
        ("lake.api", "class A:\n    @deep.setter\n    def deep(self, value: bool): ..."),
    ],
    "modules_open_with_a_paragraph": [("lake.store", "x = 1\n" * 10), ("lake.store", "'For this.'\n" + "x = 1\n" * 20)],
    "ignores_say_what_and_why": [
        ("lake.store", "x = 1  # type: ignore[arg-type]  # the stub lacks the overload"),
        ("lake.store", "x = 1  # noqa: BLE001, S110 - a plug-in may raise anything"),
        ("lake.store", "# the form is `# noqa`"),
    ],
    "nothing_is_promised_in_comments": [("lake.store", "todo = 'a list'  # the list of things to do")],
}  # fmt: skip


def sample(room: str, text: str) -> Source:
    module = f"modelyard.{room}"
    return Source(path=f"src/{module.replace('.', '/')}.py", module=module, text=textwrap.dedent(text))


def report(found: list[Breach]) -> str:
    return "\n".join(
        f"\n{name}\n  {RULES[name].reason}\n" + "\n".join(f"  - {each}" for each in found if each.rule.name == name)
        for name in sorted({each.rule.name for each in found})
    )


def test_this_tree_breaks_no_rule() -> None:
    began = time.process_time()
    found = [breach for source in repository() for breach in breaches(source, RULES.values())]
    assert not found, report(found)
    assert time.process_time() - began < 20, "the rules have become slow: they must parse and walk each file once"


@pytest.mark.parametrize("name", RULES)
def test_a_rule_bites_on_each_planted_sample(name: str) -> None:
    for room, text in BITES[name]:
        source = sample(room, text)
        found = list(breaches(source, [RULES[name]]))
        assert found, f"{name} does not see, in {room}:\n{text[:200]}"
        assert RULES[name].reason in report(found)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_spares_what_only_looks_alike(name: str) -> None:
    for room, text in SPARES[name]:
        found = list(breaches(sample(room, text), [RULES[name]]))
        assert not found, f"{name} is wrong about {room}:\n{text[:200]}\n{report(found)}"


def test_every_rule_has_a_reason_and_samples() -> None:
    assert set(BITES) == set(SPARES) == set(RULES)
    for each in RULES.values():
        assert each.check.__module__ in {effects.__name__, form.__name__}
        assert len(each.reason) > 60, f"{each.name} gives no reason"


def test_a_file_is_parsed_and_walked_once_for_all_rules() -> None:
    source = sample("lake.store", "'''For this.'''\nx = 1")
    assert source.tree is source.tree
    assert source.nodes is source.nodes
    assert isinstance(source.nodes[0], ast.Module)
    assert repository() is repository()
