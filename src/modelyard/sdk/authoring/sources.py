"""The sources of a flow: its module and what it imports from beside it, as a zip that is the same for the same text.

Libraries are not bundled; the worker has the yard's own. Nothing is imported or run here.
"""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from modelyard.kernel.errors import InvalidInput

_EPOCH = (1980, 1, 1, 0, 0, 0)
_FOREIGN = ("site-packages", "dist-packages")


class Place(NamedTuple):
    """Where a function is written: the folder that its imports start from, and its module's dotted name there."""

    root: Path
    module: str


def place_of(fn: Callable[..., Any]) -> Place:
    """Where a function is written.

    Raises:
        InvalidInput: it is in no file, e.g. typed at a prompt.
    """
    name = getattr(fn, "__name__", "the function")
    try:
        file = Path(inspect.getsourcefile(fn) or "").resolve()
    except TypeError:
        file = Path()
    if file.suffix != ".py" or not file.is_file():
        raise InvalidInput(f"{name} is in no file that could be sent; write it to a module, in a notebook: %%writefile")
    if fn.__module__ == "__main__":
        return Place(file.parent, file.stem)
    depth = fn.__module__.count(".") + (1 if file.name == "__init__.py" else 0)
    return Place(file.parents[depth], fn.__module__)


def local_files(place: Place) -> dict[str, Path]:
    """The module and every module beside it that it imports, straight or by way of another; by path in the bundle."""
    found: dict[str, Path] = {}
    waiting = [place.module]
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        for file in _files_of(place.root, module):
            name = file.relative_to(place.root).as_posix()
            if name not in found:
                found[name] = file
                waiting += _imports(file, _dotted(name))
    return dict(sorted(found.items()))


def bundled(place: Place) -> bytes:
    """The local files as a zip, byte for byte the same for the same sources.

    Raises:
        InvalidInput: the module belongs to an installed library, whose sources are not sent.
    """
    files = local_files(place)
    if not files:
        raise InvalidInput(
            f"{place.module} belongs to an installed library, and only files of your own are sent to a yard; "
            "copy the flow to a file beside your work and import it from there"
        )
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as zipped:
        for name, file in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            zipped.writestr(entry, file.read_bytes())
    return out.getvalue()


def commit_of(place: Place) -> str:
    """The git commit that the sources stand at, with `+` where they differ from it; empty where there is none."""
    try:
        head = _git(place.root, "rev-parse", "HEAD")
        changed = _git(place.root, "status", "--porcelain", "--", *local_files(place))
    except (OSError, subprocess.SubprocessError):
        return ""
    return head + ("+" if changed else "")


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def _files_of(root: Path, module: str) -> Iterator[Path]:
    """A local module's file, and the `__init__` of each package around it; none if it is a library's."""
    parts = module.split(".")
    if not module or parts[0] in ("modelyard", *sys.stdlib_module_names):
        return
    for depth in range(1, len(parts) + 1):
        stem = root.joinpath(*parts[:depth])
        for file in (stem / "__init__.py", stem.with_suffix(".py")):
            if file.is_file() and not set(file.parts) & set(_FOREIGN):
                yield file
                break


def _dotted(name: str) -> tuple[str, bool]:
    """The module behind a path in the bundle, and whether it is a package."""
    package = name.endswith("/__init__.py")
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", "."), package


def _imports(file: Path, dotted: tuple[str, bool]) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError as err:
        raise InvalidInput(f"{file.name} cannot be read as Python: line {err.lineno}: {err.msg}") from err
    yield from imported(tree, dotted[0], package=dotted[1])


def imported(tree: ast.AST, module: str, *, package: bool) -> Iterator[str]:
    """Every module that code may import, as dotted names; names imported from one count as modules of it, too."""
    around = module.split(".") if package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = around[: len(around) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield source
            yield from (f"{source}.{name.name}" for name in node.names)
