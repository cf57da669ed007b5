"""Orders: what somebody asked to be loaded, and what it came to. Records only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from modelyard.kernel.refs import Ref
from modelyard.lake.api import Declared, Format, Load, LoadId, Mode, Reading, Version
from modelyard.lake.model.moments import MAIN
from modelyard.lake.store import sources


@dataclass(frozen=True, slots=True)
class Terms:
    """What a pull adds to a load.

    Attributes:
        before, after: the source's position that the load goes on from, and the one that it reaches.
        taken: the file that it brings in.
        compares: True to leave out rows that are in the table already.
        window: a column whose values only grow; where there are no keys, whole rows are compared from its least value.
        removes: True to remove rows whose key does not come.
    """

    source: str
    before: str
    after: str
    taken: sources.Taken | None = None
    compares: bool = False
    window: str = ""
    removes: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asked to be loaded.

    Attributes:
        terms: of a pull; None for what people and programs send.
        keeps_source: True to keep the bytes as an object, so that lineage reaches them.
        reads: what a program made the rows from.
        branch: the branch that is to show them.
        beside: further rows to write in the transaction that makes the load visible.
    """

    table: str
    mode: Mode
    declared: Declared
    source: str
    form: Format | None
    reading: Reading
    message: str
    operation: str
    keeps_source: bool
    reads: tuple[Ref, ...] = ()
    run: str | None = None
    branch: str = MAIN
    beside: Callable[[LoadId], None] = field(default=lambda _: None)
    terms: Terms | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What a load came to.

    Attributes:
        load, version: None where everything was in the table already.
        removed: rows that a snapshot no longer has.
    """

    load: Load | None
    version: Version | None
    rows_in: int
    unchanged: int
    removed: int
