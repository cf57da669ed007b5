"""Quality's news: what is promised, and what a check found."""

from __future__ import annotations

from modelyard.kernel.events import News
from modelyard.quality.api.records import ReportId, Verdict


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
