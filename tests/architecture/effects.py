"""Rules on what code may do: commit, ask a database, read the clock, print, start a shell, load an object, wait."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture import house
from tests.architecture.rule import Finding, rule
from tests.architecture.source import Source

IMPORTS = (ast.Import, ast.ImportFrom)

SQL = re.compile(
    r"""^\s*(
        SELECT\s.+?\sFROM\s | SELECT\s+(\*|1|COUNT\() | INSERT\s+(OR\s+\w+\s+)?INTO\s | UPDATE\s+\S+\s+SET\s
        | DELETE\s+FROM\s | (CREATE|DROP|ALTER)\s+(TEMP\s+|UNIQUE\s+|OR\s+REPLACE\s+)*(TABLE|INDEX|VIEW|MACRO)\s
        | PRAGMA\s+\w+ | BEGIN\s+IMMEDIATE | WITH\s+\w+\s+AS\s*\( | COPY\s+.+\s(TO|FROM)\s | (ATTACH|VACUUM)\s
    )""",
    re.VERBOSE | re.DOTALL,
)
#: In small letters only what prose never begins with.
SMALL_SQL = re.compile(
    r"^\s*(insert into \w+ ?\(|delete from \w+ where|create (table|index|view) \w"
    r"|select (\*|count\(|\w+(, ?\w+)+) from )"
)

WALL_CLOCKS = frozenset(
    {
        "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today",
        "time.time", "time.time_ns", "pandas.Timestamp.now", "pandas.Timestamp.utcnow", "pandas.Timestamp.today",
    }
)  # fmt: skip

SHELLS = frozenset({"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"})

OBJECT_LOADERS = ("cloudpickle", "dill", "joblib", "marshal", "pickle", "_pickle", "shelve", "jsonpickle")
LOADING_CALLS = frozenset({"pandas.read_pickle", "numpy.lib.format.read_array"})


def named_by(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Full names of the modules that an import statement asks for."""
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    return [node.module or ""]


def text_of(node: ast.AST) -> str:
    """The literal text of a string or an f-string; values that are filled in read as `?`."""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) and isinstance(part.value, str) else "?"
            for part in node.values
        )
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def keeps_sql(source: Source) -> bool:
    """Whether this file may hold queries."""
    return house.floor_of(source.module) in house.SQL_FLOORS or house.room_of(source.module) == "store"


@rule(ast.Call)
def only_the_edge_commits(node: ast.Call, source: Source) -> Iterator[Finding]:
    """One call is one transaction, with its events and its audit row inside. A service that commits for itself
    splits that unit, and a crash between the halves leaves a change without its event. Return, and let the guard
    pipeline commit; `.commit(` stands in adapters and edges alone.
    """
    commits = isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    if commits and house.floor_of(source.module) not in house.COMMITTERS:
        yield node.lineno, "calls .commit("


@rule(ast.Constant, ast.JoinedStr)
def queries_live_in_store(node: ast.Constant | ast.JoinedStr, source: Source) -> Iterator[Finding]:
    """A slice owns its tables. Queries outside its `store` hide who reads them, escape the filter by actor and break
    at the next migration. Move the statement to the slice's `store` and call it by a name that says what it answers.
    """
    if keeps_sql(source) or id(node) in source.prose:
        return
    text = text_of(node)
    if SQL.match(text) or SMALL_SQL.match(text):
        yield node.lineno, f"holds SQL: {' '.join(text.split())[:60]!r}"


@rule(*IMPORTS)
def sqlalchemy_stays_in_store(node: ast.Import | ast.ImportFrom, source: Source) -> Iterator[Finding]:
    """SQLAlchemy Core defines tables and statements; where it is imported, SQL is being written. It belongs to
    `store` rooms, ports and adapters, also because its import costs more than a whole start of the command line.
    """
    if not keeps_sql(source):
        for name in named_by(node):
            if name.split(".")[0] == "sqlalchemy":
                yield node.lineno, f"imports {name}"


@rule(ast.Attribute, ast.Name)
def only_the_clock_reads_the_time(node: ast.Attribute | ast.Name, source: Source) -> Iterator[Finding]:
    """Code that reads the wall clock cannot be replayed, backfilled or tested at a chosen moment. Take a `Clock` and
    ask it; for durations use `clock.monotonic()`. Only kernel/clock.py reads the machine's time.
    """
    if source.module != house.CLOCK and source.full_name(node) in WALL_CLOCKS:
        yield node.lineno, f"reads the wall clock: {source.full_name(node)}"


@rule(ast.Call)
def nothing_prints(node: ast.Call, source: Source) -> Iterator[Finding]:
    """A library that prints writes into its user's pipes, and into the JSON of `--json`. The command line writes
    through its console, everything else logs.
    """
    if isinstance(node.func, ast.Name) and node.func.id == "print":
        yield node.lineno, "calls print("


@rule(ast.Call)
def nothing_starts_a_shell(node: ast.Call, source: Source) -> Iterator[Finding]:
    """A shell reads names, paths and labels that users chose as commands. Pass a list of arguments to subprocess;
    never a string, never shell=True.
    """
    for keyword in node.keywords:
        if keyword.arg == "shell" and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False):
            yield node.lineno, "passes shell="
    if source.full_name(node.func) in SHELLS:
        yield node.lineno, f"calls {source.full_name(node.func)}"


@rule(*IMPORTS, ast.Call)
def nothing_loads_objects(node: ast.Import | ast.ImportFrom | ast.Call, source: Source) -> Iterator[Finding]:
    """Unpickling runs whatever the sender wrote. No module of the product imports a loader of pickles, so that none
    can be reached from any wire or file. Keep data as msgspec, Arrow, ONNX, skops or safetensors. Looking without
    running (`pickletools`) is for the registry's decision on foreign model files alone.
    """
    if isinstance(node, ast.Call):
        name = source.full_name(node.func)
        keywords = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
        if name in LOADING_CALLS or (name == "torch.load" and keywords.get("weights_only") is not True):
            yield node.lineno, f"calls {name}"
        if keywords.get("allow_pickle") is True:
            yield node.lineno, "passes allow_pickle=True"
        return
    for name in named_by(node):
        if name.split(".")[0] in OBJECT_LOADERS:
            yield node.lineno, f"imports {name}"
        if name == "pickletools" and not f"{source.module}.".startswith(f"{house.OPCODES}."):
            yield node.lineno, f"imports {name}"


@rule(ast.AsyncFunctionDef)
def coroutines_stay_at_the_edge(node: ast.AsyncFunctionDef, source: Source) -> Iterator[Finding]:
    """Services are plain functions that the edge runs on the right thread: one kind of code to read, test and call.
    A coroutine below the edge forces its callers to be coroutines too, or grows a synchronous twin. `async def`
    stands in edges, protocols, adapters, ui, sdk, app and measured fast paths named `hot`.
    """
    if house.floor_of(source.module) in house.ASYNC_FLOORS or "hot" in source.module.split("."):
        return
    yield node.lineno, f"async def {node.name}"


@rule(*IMPORTS)
def the_kernel_stands_on_the_standard_library(node: ast.Import | ast.ImportFrom, source: Source) -> Iterator[Finding]:
    """Every room imports the kernel, so what it imports is paid at each start and tied to every part. It stands on
    the standard library and msgspec alone.
    """
    if house.floor_of(source.module) != "kernel":
        return
    for name in named_by(node):
        top = name.split(".")[0]
        if top not in house.KERNEL_MAY_IMPORT:
            yield node.lineno, f"imports {name}"


@rule(ast.Call, everywhere=True)
def our_own_names_are_never_patched(node: ast.Call, source: Source) -> Iterator[Finding]:
    """A test that replaces a name inside the package passes when the call it fakes is gone. Test by behaviour
    through `api` and fake the port: every seam takes its engine as an argument.
    """
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called in {"patch", "setattr"} and node.args:
        target = text_of(node.args[0])
        if target == house.PACKAGE or target.startswith(f"{house.PACKAGE}."):
            yield node.lineno, f"patches {target}"
