"""The compute port: children that do heavy or foreign work apart from the yard, within limits and metered.

A child is a program with its arguments, its folder and its log file. It may start children of its own: limits, meter
and end cover the whole group. No child outlives the yard that started it. What a child computes, and whether it is
started again, is the caller's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NewType, Protocol

from msgspec import Struct, field

ChildId = NewType("ChildId", str)


class Limits(Struct, frozen=True, kw_only=True):
    """What a child may use; None does not limit.

    Attributes:
        memory_bytes: address space of each process of the child; beyond it, allocations fail there.
        cpu_s: CPU time of each process of the child, user and system; beyond it, that process is killed.
        wall_s: how long the child may run before it is stopped.
    """

    memory_bytes: int | None = None
    cpu_s: int | None = None
    wall_s: float | None = None


class Order(Struct, frozen=True, kw_only=True):
    """What to start.

    Attributes:
        argv: the program and its arguments; never read by a shell.
        folder: the working folder; it exists.
        log: where standard output and error are appended; its folder exists.
        env: variables beyond those that the engine gives to every child.
    """

    argv: Sequence[str]
    folder: Path
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()


class Metered(Struct, frozen=True, kw_only=True):
    """What a child and its own children have used so far.

    Attributes:
        cpu_s: user and system time; of grandchildren that ended unwaited for, up to the last look at them.
        peak_memory_bytes: highest resident size of the group, as seen at looks up to a second apart; of the child
            itself, where the machine tells, between looks too.
        read_bytes, written_bytes: to and from storage, as seen at looks; 0 where the machine does not tell.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    read_bytes: int = 0
    written_bytes: int = 0


class End(StrEnum):
    """How a child ended."""

    EXITED = "exited"
    KILLED = "killed"
    STOPPED = "stopped"
    TIMED_OUT = "timed_out"


class Child(Struct, frozen=True, kw_only=True):
    """A child as it stands.

    Attributes:
        end: None while it runs. `exited` by itself; `killed` by a signal that was not ours; `stopped` by `stop` or
            with the engine; `timed_out` by its wall limit.
        exit_code: 0 to 255 when it exited; the negative number of the signal when one ended it; None while it runs.
        last_line: the last line of its log that is not blank, at most 500 characters; empty while it runs.
    """

    id: ChildId
    pid: int
    end: End | None = None
    exit_code: int | None = None
    used: Metered = Metered()
    last_line: str = ""

    @property
    def runs(self) -> bool:
        """True until it has ended."""
        return self.end is None


class Compute(Protocol):
    """Where children run."""

    def start(self, order: Order) -> Child:
        """Start a child.

        Raises:
            InvalidInput: there is no such program, or it may not be run.
            Unavailable: the machine has no room for another process, or the engine is closed.
        """
        ...

    def look(self, child: ChildId) -> Child:
        """How it stands; quick. The state of a child that ended stays until it is forgotten.

        Raises:
            NotFound: no such child was started here, or it was forgotten.
        """
        ...

    def stop(self, child: ChildId, *, grace_s: float = 5.0) -> Child:
        """Ask the whole group to end, insist after `grace_s` seconds, and wait until it is gone.

        Raises:
            NotFound: no such child was started here, or it was forgotten.
        """
        ...

    def forget(self, child: ChildId) -> None:
        """Drop the state of a child that ended; one that runs is left alone."""
        ...

    def children(self) -> Sequence[Child]:
        """Every child that was started here and not forgotten, oldest first."""
        ...

    def sweep(self) -> int:
        """End what an earlier yard of this home left running; the number of groups that were ended."""
        ...

    def close(self) -> None:
        """Stop every child, then take no more orders."""
        ...
