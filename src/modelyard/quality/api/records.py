"""What quality speaks of beside the rules: contracts as they are kept, checks as they went, reports. No behaviour."""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

from msgspec import Struct

from modelyard.kernel.ids import ActorId, IdKind
from modelyard.kernel.refs import Ref
from modelyard.quality.api.rules import Contract, Severity

ReportId = NewType("ReportId", str)
REPORT = IdKind("report", ReportId)


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
    EXCLUDED = "excluded"
    PATTERN = "pattern"
    LENGTH = "length"
    UNIQUE = "unique"
    REFERENCE = "reference"
    SQL = "sql"
    ROWS = "rows"
    VOLUME = "volume"
    FRESHNESS = "freshness"
    DRIFT = "drift"
    BALANCE = "balance"
    QUERY = "query"


class Verdict(StrEnum):
    """The worst that a report found."""

    PASSED = "passed"
    WARNED = "warned"
    QUARANTINED = "quarantined"
    BLOCKED = "blocked"


class CheckResult(Struct, frozen=True, kw_only=True):
    """How one check went; it broke if rows failed or a note says what is wrong.

    Attributes:
        failed: rows that break it.
        share: the same as a share of all rows, 0 to 1.
        samples: some of these rows, by key where the table has one, else by load and place.
        note: what is wrong, where rows do not say it; empty where the check held.
        measured: the figure of a check on the whole table: rows, change, age in seconds, distance, ratio, number.
    """

    name: str
    kind: CheckKind
    column: str | None
    severity: Severity
    failed: int
    share: float
    samples: tuple[str, ...] = ()
    note: str = ""
    measured: float | None = None


class Report(Struct, frozen=True, kw_only=True):
    """One run of a contract over rows. All failing rows of a check: `failing_rows`.

    Attributes:
        about: the version that was checked, or the load whose rows were.
        rejected: different rows that break a check of severity quarantine.
        against: other versions that checks looked at, as the contract names them (`zones`, `zones@2`), to what they
            were: its table's version.
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
    against: dict[str, int] = {}


class Outcome(Struct, frozen=True, kw_only=True):
    """How one check went in one report.

    Attributes:
        failed, share, measured: as in the report's result.
    """

    report: ReportId
    about: Ref
    at_ms: int
    contract: int
    severity: Severity
    broke: bool
    failed: int
    share: float
    measured: float | None
