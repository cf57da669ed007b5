"""Every Python file of the repository, read and parsed once and walked once, for all rules together.

Nothing is imported or run: what is judged is the text.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from tests.architecture.house import ROOT, SRC

#: Folders beside the package that the general rules hold as well.
OUTSIDE = ("tests", "benchmarks", "examples", "scripts")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file: `module` is its dotted name, `path` is relative to the repository."""

    path: str
    module: str
    text: str

    @property
    def is_product(self) -> bool:
        """Whether the file ships with the package."""
        return self.path.startswith("src/")

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text)

    @cached_property
    def lines(self) -> list[str]:
        """Physical lines."""
        return self.text.splitlines()

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree, walked once, in the order of `ast.walk` and without its generators."""
        found: list[ast.AST] = [self.tree]
        for node in found:
            for name in node._fields:
                value = getattr(node, name, None)
                if isinstance(value, ast.AST):
                    found.append(value)
                elif isinstance(value, list):
                    found += [each for each in value if isinstance(each, ast.AST)]
        return tuple(found)

    @cached_property
    def prose(self) -> frozenset[int]:
        """Identities of the string nodes that are docstrings or stand alone as prose."""
        alone = (node.value for node in self.nodes if isinstance(node, ast.Expr))
        return frozenset(id(value) for value in alone if isinstance(value, ast.Constant))

    @cached_property
    def imported(self) -> dict[str, str]:
        """Local name -> full name, for everything that an import statement binds."""
        bound: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for name in node.names:
                    bound[name.asname or name.name.split(".")[0]] = (
                        name.name if name.asname else name.name.split(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom):
                for name in node.names:
                    bound[name.asname or name.name] = f"{node.module or ''}.{name.name}"
        return bound

    @cached_property
    def comments(self) -> tuple[tuple[int, str], ...]:
        """Comments with their line numbers."""
        if "#" not in self.text:
            return ()
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return tuple((t.start[0], t.string) for t in tokens if t.type == tokenize.COMMENT)

    def full_name(self, node: ast.expr) -> str:
        """The dotted name that an expression such as `dt.now` stands for, through this file's imports."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.imported.get(node.id, node.id), *reversed(parts)])


def module_of(path: Path, root: Path) -> str:
    """The dotted name of the file at `path` for imports that start at `root`."""
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


@lru_cache(maxsize=1)
def repository() -> tuple[Source, ...]:
    """Every file that the rules hold, parsed once for the whole test run."""
    return tuple(sorted(_read(), key=lambda source: source.path))


def _read() -> Iterator[Source]:
    for folder, root in ((SRC, SRC), *((ROOT / name, ROOT) for name in OUTSIDE)):
        for path in folder.rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            yield Source(path=path.relative_to(ROOT).as_posix(), module=module_of(path, root), text=text)
