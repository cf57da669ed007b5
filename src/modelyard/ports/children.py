"""The children port: processes that live beside the control process and outlive its restarts.

A service says which children it wants; the supervisor of the yard starts them, restarts them with back-off when they
die, and says how they fare. A child is never "pending" for ever: its status names its last exit and last words.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Wanted(Struct, frozen=True, kw_only=True):
    """A child as a service wants it.

    Attributes:
        name: unique in the home; letters, digits, `-` and `_`.
        argv: the program and its arguments; `{python}` stands for the interpreter of the yard.
        env: what its environment holds besides the yard's own.
        generation: change it to have a running child replaced by a new one.
    """

    name: str
    argv: tuple[str, ...]
    env: dict[str, str] = {}
    generation: int = 0


class ChildStatus(Struct, frozen=True, kw_only=True):
    """How a child fares.

    Attributes:
        pid: of the running process; None if none runs.
        restarts: how often it was started again after it died.
        last_exit: exit code of the last one that ended (negative: the signal), None if none did.
        last_words: the last line it wrote before it ended.
    """

    name: str
    pid: int | None
    started_ms: int
    restarts: int = 0
    last_exit: int | None = None
    last_words: str = ""


class Children(Protocol):
    """What runs beside the control process of one home."""

    def want(self, child: Wanted) -> None:
        """Have a child run from now on; the same name replaces what was wanted before."""
        ...

    def unwant(self, name: str) -> None:
        """Have it stopped."""
        ...

    def wanted(self) -> list[Wanted]:
        """What is wanted now."""
        ...

    def statuses(self) -> list[ChildStatus]:
        """How each fares; empty while no supervisor runs."""
        ...
