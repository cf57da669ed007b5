"""The migrator of every database: numbered steps of slices, each taken once, under a lock that the adapter holds.

It decides which steps are due and refuses a database that a newer program made. It never edits or undoes a step.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol

from modelyard.kernel.errors import Conflict, Damaged
from modelyard.ports.database import Migration

Taken = Mapping[tuple[str, int], str]
"""The checksum of each step that a database has taken, by slice and number."""

CREATE_LEDGER = """CREATE TABLE IF NOT EXISTS schema_step (
    slice {text} NOT NULL, number {int} NOT NULL, name {text} NOT NULL, checksum {text} NOT NULL,
    applied_ms {int} NOT NULL, PRIMARY KEY (slice, number))"""
_TYPE = re.compile(r"\{(int|real|text|bytes|serial)\}")
READ_LEDGER = "SELECT slice, number, checksum FROM schema_step"


class Ledger(Protocol):
    """A connection inside the locked transaction of a migration."""

    def taken(self) -> Taken:
        """The steps that this database has taken; makes the ledger's table if there is none."""
        ...

    def execute(self, ddl: str) -> None:
        """Run one statement, its type words already put in."""
        ...

    def note(self, step: Migration, checksum: str) -> None:
        """Write a step into the ledger."""
        ...


def take(steps: Sequence[Migration], ledger: Ledger, types: Mapping[str, str]) -> list[str]:
    """Take every step that is due, in the order given; the names of those taken.

    Raises:
        Conflict: the database has taken steps that are not in `steps`.
        Damaged: a step that was taken reads differently now.
    """
    _check_numbers(steps)
    taken = ledger.taken()
    due = _due(steps, taken)
    for step in due:
        for ddl in step.ddl:
            ledger.execute(spell(ddl, types))
        ledger.note(step, checksum(step))
    return [f"{step.slice}.{step.number} {step.name}" for step in due]


def spell(ddl: str, types: Mapping[str, str]) -> str:
    """The statement with the engine's own type in place of `{int}`, `{text}`, ...; other braces stay as they are."""
    return _TYPE.sub(lambda word: types[word[1]], ddl)


def checksum(step: Migration) -> str:
    """The SHA-256 of a step's statements, in hex; its name may be mended later."""
    return hashlib.sha256("\x00".join(step.ddl).encode()).hexdigest()


def _due(steps: Sequence[Migration], taken: Taken) -> list[Migration]:
    known = {(step.slice, step.number): step for step in steps}
    if unknown := sorted(set(taken) - set(known)):
        listed = ", ".join(f"{slice_}.{number}" for slice_, number in unknown[:5])
        raise Conflict(
            f"this database was written by a newer modelyard: it has taken steps that this version does not know "
            f"({listed}). Upgrade with: pip install -U modelyard, or restore a backup made by this version"
        )
    for key, step in known.items():
        if key in taken and taken[key] != checksum(step):
            raise Damaged(
                f"migration {step.slice}.{step.number} ({step.name}) was changed after this database had taken it; "
                f"install the version that wrote the database, and add a further step instead of editing one"
            )
    return [step for step in steps if (step.slice, step.number) not in taken]


def _check_numbers(steps: Sequence[Migration]) -> None:
    seen: defaultdict[str, int] = defaultdict(int)
    for step in steps:
        seen[step.slice] += 1
        if step.number != seen[step.slice]:
            raise ValueError(f"{step.slice}: step {step.number} stands where step {seen[step.slice]} belongs")
