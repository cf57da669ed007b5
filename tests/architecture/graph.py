"""Which module imports which, by our own measure: deferred and type-only imports count like any other.

import-linter judges siblings; this sees circles of any shape, such as a child that imports its own package.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from tests.architecture.house import FLOORS, PACKAGE, floor_of, height_of
from tests.architecture.source import Source

Graph = dict[str, set[str]]


def imports_of(source: Source) -> Iterator[str]:
    """Dotted names that a file asks for; for `from a import b` both `a.b` and, through it, `a`."""
    package = source.module if source.path.endswith("__init__.py") else source.module.rpartition(".")[0]
    for node in source.nodes:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package.split(".")
            above = ".".join(start[: len(start) - node.level + 1]) if node.level else ""
            whole = ".".join(part for part in (above, node.module or "") if part)
            yield from (f"{whole}.{name.name}" for name in node.names)


def module_graph(sources: Iterable[Source]) -> Graph:
    """Module -> modules of the package that it imports, each name cut back to the module that holds it."""
    every = {source.module: source for source in sources}
    graph: Graph = {}
    for name, source in every.items():
        targets = set()
        for wanted in imports_of(source):
            found = wanted
            while found and found not in every:
                found = found.rpartition(".")[0]
            if found:
                targets.add(found)
        graph[name] = targets - {name}
    return graph


def reachable(graph: Graph, start: str) -> set[str]:
    """Every module that `start` reaches in one step or more."""
    seen: set[str] = set()
    waiting = list(graph.get(start, ()))
    while waiting:
        here = waiting.pop()
        if here not in seen:
            seen.add(here)
            waiting.extend(graph.get(here, ()))
    return seen


def circles(graph: Graph) -> list[list[str]]:
    """Groups of modules that all reach each other, each group once and sorted."""
    reach = {name: reachable(graph, name) for name in graph}
    found = {
        tuple(sorted({name, *(other for other in reach[name] if name in reach[other])}))
        for name in graph
        if name in reach[name]
    }
    return [list(group) for group in sorted(found)]


def upward_arrows(graph: Graph) -> list[str]:
    """Imports that lead to a higher floor or to a neighbour on the same one."""
    known = {room for floor in FLOORS for room in floor}
    found = []
    for name, targets in graph.items():
        for target in targets:
            here, there = floor_of(name), floor_of(target)
            if name == PACKAGE or here == "__main__":
                continue
            if target == PACKAGE:
                found.append(f"{name} -> {target} (the public face is for users; import the room itself)")
            elif here in known and there in known and here != there and height_of(there) >= height_of(here):
                found.append(f"{name} -> {target}")
    return sorted(found)
