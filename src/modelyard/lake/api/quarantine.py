"""The quarantine of a table across its loads, and mending it by a rule that is tried before it is applied."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name
from modelyard.lake.api.records import Load, LoadId, QuarantinedRow

Expression = Annotated[str, Meta(min_length=1, max_length=4000)]


class MendRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How held rows are put right: SQL over their fields, which are texts as they came.

    Attributes:
        set: column -> expression that gives its new text, e.g. `{"fare": "replace(fare, ',', '.')"}`.
        raw: in place of `set`, an expression over `raw`, the whole text of the row; for rows that are no rows yet.
        where: a condition that says which held rows are meant; it may ask `_reasons`, a list of texts, and `raw`.
    """

    set: dict[str, Expression] = {}
    raw: Expression | None = None
    where: Expression | None = None


class TriedRow(Struct, frozen=True, kw_only=True):
    """What a rule does to one held row.

    Attributes:
        reasons: why it is held.
        passes: True if the table would take it.
        remains: why it would still be held.
    """

    row: int
    before: str
    after: str
    reasons: tuple[str, ...]
    passes: bool
    remains: tuple[str, ...]


class MendTrial(Struct, frozen=True, kw_only=True):
    """What a rule would do; nothing was changed.

    Attributes:
        held: rows that the load holds.
        matched: those that the rule means.
        changed: those whose text it changes.
        passing: those that the table would then take.
        blocks: why the table's contract would take none of them.
        examples: the first of those that match.
    """

    load: LoadId
    held: int
    matched: int
    changed: int
    passing: int
    blocks: tuple[str, ...]
    examples: tuple[TriedRow, ...]


class HeldLoad(Struct, frozen=True, kw_only=True):
    """A load that still holds rows."""

    load: LoadId
    source: str
    at_ms: int
    held: int


class HeldReason(Struct, frozen=True, kw_only=True):
    """Rows that are held for reasons of one kind.

    Attributes:
        reason: with values left out: `fare: … is not float64`.
        rows: how many; a row with several reasons counts for each.
        loads: how many loads hold such rows.
        example: one of them with its value.
    """

    reason: str
    rows: int
    loads: int
    example: str


class TableQuarantine(Struct, frozen=True, kw_only=True):
    """What a table's quarantine holds, across loads; the most frequent reasons first."""

    table: str
    held: int
    loads: tuple[HeldLoad, ...]
    reasons: tuple[HeldReason, ...]


class QuarantineOperations(ABC):
    """The quarantine across loads, and rules that mend it."""

    @operation("GET", "/tables/{name}/quarantine", scope="lake:read", about="table:{name}", effect=Effect.SCAN)
    @abstractmethod
    def table_quarantine(self, name: Name) -> TableQuarantine:
        """Show what a table's quarantine holds: by load and by reason."""

    @operation("GET", "/tables/{name}/quarantine/rows", scope="lake:read", about="table:{name}", effect=Effect.SCAN)
    @abstractmethod
    def held(
        self, name: Name, *, reason: str | None = None, cursor: str | None = None, limit: Limit = 100
    ) -> Page[QuarantinedRow]:
        """List the rows that a table's quarantine holds, newest load first.

        Args:
            reason: rows of this kind of reason alone, as `table_quarantine` writes it.
        """

    @operation("POST", "/loads/{load}/mend-trials", scope="lake:write", about="load:{load}", effect=Effect.WORK)
    @abstractmethod
    def try_mend(self, load: LoadId, rule: MendRule, *, limit: Limit = 20) -> MendTrial:
        """Show what a rule would do to held rows, before and after, and how many the table would then take.

        Args:
            limit: how many rows are shown.

        Raises:
            InvalidInput: the rule is no SQL, or names a field that is not there.
            NotFound: the load holds no rows.

        Example:
            yard lake try-mend load_01M85YFRS22QW0NTCPZ562W6YB '{"set": {"fare": "replace(fare, chr(44), chr(46))"}}'
        """

    @operation("POST", "/loads/{load}/mends", scope="lake:write", about="load:{load}", effect=Effect.WORK)
    @abstractmethod
    def mend(self, load: LoadId, rule: MendRule, why: str) -> Load:
        """Mend held rows by a rule and load those that it means again; those that fail again stay held as they were.

        Who did it, when, why and by which rule is kept with the replay; the rows' old texts stay in the quarantine.

        Raises:
            InvalidInput: the rule is no SQL or matches no row, or no reason is given.
            NotFound: the load holds no rows.
        """
