"""Contracts, checks and reports: what a table promises, declared once, checked on every load and on demand.

A contract is a record; written as JSON or YAML it looks the same:

    columns:
      fare: {type: float64, nullable: false, min: 0}
      payment_type: {one_of: [Cash, Credit Card]}
    unique: [{columns: [trip_id]}]
    rows: {min: 1, severity: block}
    checks: [{name: tips are part of the fare, sql: tips <= fare, severity: warn}]
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Annotated, NewType

from msgspec import Meta, Struct

from modelyard.kernel.events import News
from modelyard.kernel.ids import ActorId, IdKind
from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name, Ref

ReportId = NewType("ReportId", str)
REPORT = IdKind("report", ReportId)
Value = bool | int | float | str
Text = Annotated[str, Meta(min_length=1, max_length=4000)]


class Severity(StrEnum):
    """What a failure does: it is noted, the row goes to the quarantine, or nothing of the load is taken."""

    WARN = "warn"
    QUARANTINE = "quarantine"
    BLOCK = "block"


class ColumnRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one column promises. A missing value breaks `nullable` alone.

    Attributes:
        type: the lake's word for its type; a column of another type blocks.
        min, max: smallest and largest value, themselves allowed; times as ISO 8601 text.
        pattern: a regular expression (RE2) that the whole text matches.
    """

    type: str | None = None
    nullable: bool = True
    min: int | float | str | None = None
    max: int | float | str | None = None
    one_of: tuple[Value, ...] = ()
    pattern: str | None = None
    severity: Severity = Severity.QUARANTINE


class UniqueRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Columns that together name a row; rows with a missing part do not count. The first of equals is kept."""

    columns: Annotated[tuple[str, ...], Meta(min_length=1, max_length=20)]
    severity: Severity = Severity.QUARANTINE


class RowsRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How many rows the table has after a load."""

    min: int | None = None
    max: int | None = None
    severity: Severity = Severity.BLOCK


class SqlRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A condition in SQL over one row; where it is false, the row breaks it."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    sql: Text
    severity: Severity = Severity.QUARANTINE


class Contract(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a table promises."""

    columns: dict[str, ColumnRule] = {}
    unique: tuple[UniqueRule, ...] = ()
    rows: RowsRule | None = None
    checks: tuple[SqlRule, ...] = ()
    description: str = ""


class DeclaredContract(Struct, frozen=True, kw_only=True):
    """A contract as it is kept; a changed contract is a new version."""

    table: str
    version: int
    ref: Ref
    contract: Contract
    author: ActorId
    at_ms: int


class CheckKind(StrEnum):
    """What a check looks at."""

    COLUMN = "column"
    PRESENT = "present"
    RANGE = "range"
    SET = "set"
    PATTERN = "pattern"
    UNIQUE = "unique"
    ROWS = "rows"
    SQL = "sql"


class Verdict(StrEnum):
    """The worst that a report found."""

    PASSED = "passed"
    WARNED = "warned"
    QUARANTINED = "quarantined"
    BLOCKED = "blocked"


class CheckResult(Struct, frozen=True, kw_only=True):
    """How one check went.

    Attributes:
        failed: rows that break it.
        share: the same as a share of all rows, 0 to 1.
        samples: some of these rows, by key where the table has one, else by load and place.
        note: what was found, where rows do not say it.
    """

    name: str
    kind: CheckKind
    column: str | None
    severity: Severity
    failed: int
    share: float
    samples: tuple[str, ...] = ()
    note: str = ""


class Report(Struct, frozen=True, kw_only=True):
    """One run of a contract over rows.

    Attributes:
        about: the version that was checked, or the load whose rows were.
        rejected: different rows that break a check of severity quarantine.
    """

    id: ReportId
    table: str
    contract: int
    about: Ref
    verdict: Verdict
    rows: int
    rejected: int
    results: tuple[CheckResult, ...]
    at_ms: int
    took_ms: int


class ContractDeclared(News, frozen=True, kw_only=True):
    """A table promises something new."""

    table: str
    version: int


class ChecksRan(News, frozen=True, kw_only=True):
    """A contract was checked; `reads` are the contract and the rows, `writes` is the report."""

    table: str
    report: ReportId
    verdict: Verdict
    failed: tuple[str, ...]


class Quality(ABC):
    """Contracts on tables, and whether they hold."""

    @operation("PUT", "/contracts/{table}", scope="quality:write", about="table:{table}", effect=Effect.WORK)
    @abstractmethod
    def declare(self, table: Name, contract: Contract) -> DeclaredContract:
        """Declare what a table promises; loads are held to it from now on.

        An equal contract makes no new version. The table need not exist yet.

        Raises:
            InvalidInput: a rule contradicts itself, or its SQL is wrong.
        """

    @operation("PUT", "/contracts/{table}/text", scope="quality:write", about="table:{table}", effect=Effect.WORK)
    @abstractmethod
    def declare_text(self, table: Name, text: str) -> DeclaredContract:
        """Declare a contract that is written as YAML or JSON.

        Raises:
            InvalidInput: the text is no contract; the detail says where.
        """

    @operation("GET", "/contracts", scope="quality:read")
    @abstractmethod
    def contracts(self, *, cursor: str | None = None, limit: Limit = 100) -> Page[DeclaredContract]:
        """List the newest contract of each table, by table."""

    @operation("GET", "/contracts/{table}", scope="quality:read", about="table:{table}")
    @abstractmethod
    def contract(self, table: Name, *, version: int | None = None) -> DeclaredContract:
        """Show what a table promises.

        Raises:
            NotFound: it promises nothing, or has no such version of a contract.
        """

    @operation("GET", "/tables/{table}/suggestion", scope="quality:read", about="table:{table}", effect=Effect.WORK)
    @abstractmethod
    def suggest(self, table: Name, *, at: str | None = None) -> Contract:
        """Suggest a contract from what a version holds; nothing is kept."""

    @operation("POST", "/tables/{table}/checks", scope="quality:write", about="table:{table}", effect=Effect.WORK)
    @abstractmethod
    def check(self, table: Name, *, at: str | None = None) -> Report:
        """Check a version of a table against its contract, now.

        Raises:
            NotFound: no such table, or it has no contract.
        """

    @operation("GET", "/reports", scope="quality:read")
    @abstractmethod
    def reports(self, *, table: Name | None = None, cursor: str | None = None, limit: Limit = 50) -> Page[Report]:
        """List reports, newest first."""

    @operation("GET", "/reports/{report}", scope="quality:read", about="report:{report}")
    @abstractmethod
    def report(self, report: ReportId) -> Report:
        """Show one report.

        Raises:
            NotFound: no such report.
        """
