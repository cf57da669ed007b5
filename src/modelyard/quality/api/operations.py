"""The operations of quality: contracts on tables, and whether they hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from modelyard.kernel.operations import ARROW, Effect, operation, stream
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name
from modelyard.quality.api.records import DeclaredContract, Outcome, Report, ReportId
from modelyard.quality.api.rules import Contract
from modelyard.quality.api.texts import TextOperations


class Quality(TextOperations, ABC):
    """Contracts on tables, and whether they hold."""

    @operation("PUT", "/contracts/{table}", scope="quality:write", about="table:{table}", effect=Effect.WORK)
    @abstractmethod
    def declare(self, table: Name, contract: Contract) -> DeclaredContract:
        """Declare what a table promises; loads are held to it from now on.

        An equal contract makes no new version. The table need not exist yet.

        Raises:
            InvalidInput: a rule contradicts itself, or its SQL is wrong.
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

    @stream(
        "GET", "/tables/{table}/reports/{report}/rows", scope="lake:read", about="table:{table}",
        effect=Effect.WORK, media=ARROW,
    )  # fmt: skip
    @abstractmethod
    def failing_rows(self, table: Name, report: ReportId, check: str) -> Iterator[bytes]:
        """Read every row that broke a check of a report, as an Arrow IPC stream; there is no cap.

        They are found again in the version that was checked, which never changes. Of a load's report, rows that went to
        the quarantine come as `_row`, `raw` and `reasons`; rows that were taken come as they stand in the table.

        Args:
            check: the check's name, as the report has it.

        Raises:
            NotFound: no such report of this table, or no such check in it.
            InvalidInput: the check looks at the table as a whole; no row breaks it.
            Gone: the load was refused, so that its rows were not kept.
        """

    @operation("GET", "/tables/{table}/trend", scope="quality:read", about="table:{table}")
    @abstractmethod
    def trend(self, table: Name, check: str, *, cursor: str | None = None, limit: Limit = 50) -> Page[Outcome]:
        """Show how one check went over time, newest first.

        Args:
            check: the check's name, as reports have it.
        """
