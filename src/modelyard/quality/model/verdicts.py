"""What the results of checks amount to: columns that do not fit, the worst that was found, a failure in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from modelyard.quality.api import CheckKind, CheckResult, Contract, Severity, Verdict
from modelyard.quality.model.checks import Check, no_column


def unfit(contract: Contract, checks: Sequence[Check], columns: Mapping[str, str]) -> list[CheckResult]:
    """Columns that are missing or of another type than the contract says; they block.

    Args:
        columns: name -> type, as the table has them.
    """
    found = []
    for name, rule in contract.columns.items():
        have = columns.get(name)
        if have is not None and rule.type is not None and rule.type.replace(" ", "") != have.replace(" ", ""):
            found.append(misfit(name, f"it is {have}, not {rule.type}"))
    wanted = dict.fromkeys([*contract.columns, *(name for check in checks for name in check.columns)])
    found += [misfit(name, no_column(name, list(columns))) for name in wanted if name not in columns]
    return found


def misfit(name: str, note: str) -> CheckResult:
    """A column that is not as it must be."""
    return CheckResult(
        name=f"{name}: a column", kind=CheckKind.COLUMN, column=name, severity=Severity.BLOCK, failed=0, share=0.0,
        note=note,
    )  # fmt: skip


def verdict_of(results: Iterable[CheckResult]) -> Verdict:
    """The worst of what failed."""
    worst = {result.severity for result in results if broke(result)}
    if Severity.BLOCK in worst:
        return Verdict.BLOCKED
    if Severity.QUARANTINE in worst:
        return Verdict.QUARANTINED
    return Verdict.WARNED if worst else Verdict.PASSED


def broke(result: CheckResult) -> bool:
    """True if a check did not hold."""
    return result.failed > 0 or bool(result.note)


def said(result: CheckResult) -> str:
    """A failed check in words."""
    return f"{result.name}: {result.note}" if result.note else f"{result.name}: {result.failed:,} rows break it"
