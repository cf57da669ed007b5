"""What a rule about code is, and how all rules are run over a file in one walk.

A rule is a function whose docstring is its reason: it is printed when the rule is broken. It names the node types it
looks at, is handed each such node once and yields the line and what stands there. To change a rule, write an ADR;
there is no way to switch one off for a line.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from tests.architecture.source import Source

Finding = tuple[int, str]
Check = Callable[..., Iterable[Finding]]
C = TypeVar("C", bound=Check)


@dataclass(frozen=True)
class Rule:
    """A check, the node types it looks at, and whether it holds tests, examples and scripts as well."""

    check: Check
    looks_at: tuple[type[ast.AST], ...]
    everywhere: bool

    @property
    def name(self) -> str:
        """The rule as a claim."""
        return self.check.__name__

    @property
    def reason(self) -> str:
        """Why the rule stands, and what to do instead."""
        return " ".join((self.check.__doc__ or "").split())


@dataclass(frozen=True)
class Breach:
    """Where a rule is broken, and by what."""

    rule: Rule
    path: str
    line: int
    what: str

    def __str__(self) -> str:
        """The place and what stands there, as editors and terminals can jump to it."""
        return f"{self.path}:{self.line}: {self.what}"


RULES: dict[str, Rule] = {}


def rule(*looks_at: type[ast.AST], everywhere: bool = False) -> Callable[[C], C]:
    """Declare a rule on nodes of these types; `everywhere` also holds what does not ship."""

    def declare(check: C) -> C:
        RULES[check.__name__] = Rule(check, looks_at, everywhere)
        return check

    return declare


def breaches(source: Source, rules: Iterable[Rule]) -> Iterator[Breach]:
    """Every breach of `rules` in one file, found in a single walk over its nodes."""
    watching: defaultdict[type[ast.AST], list[Rule]] = defaultdict(list)
    for each in rules:
        if each.everywhere or source.is_product:
            for kind in each.looks_at:
                watching[kind].append(each)
    for node in source.nodes:
        for each in watching.get(type(node), ()):
            for line, what in each.check(node, source):
                yield Breach(each, source.path, line, what)
