"""From a contract to named checks, and from their counts to a verdict. It runs no query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from modelyard.kernel.errors import InvalidInput
from modelyard.quality.api import CheckKind, CheckResult, ColumnRule, Contract, Severity, Value, Verdict

MOST_CHECKS = 2000


class Check(Struct, frozen=True, kw_only=True):
    """One check of a contract, by itself.

    Attributes:
        columns: the column, or those that are unique together.
        low, high, values, pattern, sql: whichever its kind needs.
    """

    name: str
    kind: CheckKind
    severity: Severity
    columns: tuple[str, ...] = ()
    low: int | float | str | None = None
    high: int | float | str | None = None
    values: tuple[Value, ...] = ()
    pattern: str = ""
    sql: str = ""


def checks_of(contract: Contract) -> tuple[Check, ...]:
    """Every check that a contract means, in the order in which it is written.

    Raises:
        InvalidInput: a rule contradicts itself.
    """
    found: list[Check] = []
    for name, rule in contract.columns.items():
        found += _of_column(name, rule)
    for unique in contract.unique:
        named = ", ".join(unique.columns)
        found.append(
            Check(name=f"{named}: unique", kind=CheckKind.UNIQUE, severity=unique.severity, columns=unique.columns)
        )
    if (rows := contract.rows) is not None:
        _check_span("rows", rows.min, rows.max)
        said = _span(rows.min, rows.max)
        found.append(
            Check(name=f"rows: {said}", kind=CheckKind.ROWS, severity=rows.severity, low=rows.min, high=rows.max)
        )
    found += [Check(name=c.name, kind=CheckKind.SQL, severity=c.severity, sql=c.sql) for c in contract.checks]
    if len(found) > MOST_CHECKS:
        raise InvalidInput(f"a contract has at most {MOST_CHECKS:,} checks, not {len(found):,}")
    return tuple(found)


def _of_column(name: str, rule: ColumnRule) -> list[Check]:
    made: list[Check] = []
    column, severity = (name,), rule.severity
    if not rule.nullable:
        made.append(Check(name=f"{name}: present", kind=CheckKind.PRESENT, severity=severity, columns=column))
    if rule.min is not None or rule.max is not None:
        _check_span(name, rule.min, rule.max)
        said = f"{name}: {_span(rule.min, rule.max)}"
        made.append(
            Check(name=said, kind=CheckKind.RANGE, severity=severity, columns=column, low=rule.min, high=rule.max)
        )
    if rule.one_of:
        listed = ", ".join(str(value) for value in rule.one_of[:6]) + (", …" if len(rule.one_of) > 6 else "")
        said = f"{name}: one of {listed}"
        made.append(Check(name=said, kind=CheckKind.SET, severity=severity, columns=column, values=rule.one_of))
    if rule.pattern is not None:
        said = f"{name}: like {rule.pattern}"
        made.append(Check(name=said, kind=CheckKind.PATTERN, severity=severity, columns=column, pattern=rule.pattern))
    return made


def _check_span(name: str, low: int | float | str | None, high: int | float | str | None) -> None:
    if low is None and high is None:
        raise InvalidInput(f"{name}: give a smallest or a largest value")
    if isinstance(low, str) != isinstance(high, str) and None not in (low, high):
        raise InvalidInput(f"{name}: min and max are of different kinds")
    if low is not None and high is not None and low > high:  # type: ignore[operator]  # of one kind, as checked above
        raise InvalidInput(f"{name}: min {low} is above max {high}")


def _span(low: int | float | str | None, high: int | float | str | None) -> str:
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"


def unfit(contract: Contract, columns: Mapping[str, str]) -> list[CheckResult]:
    """Columns that are missing or of another type than the contract says; they block.

    Args:
        columns: name -> type, as the table has them.
    """
    found = []
    for name, rule in contract.columns.items():
        have = columns.get(name)
        if have is None:
            note = "there is no such column"
        elif rule.type is not None and rule.type.replace(" ", "") != have.replace(" ", ""):
            note = f"it is {have}, not {rule.type}"
        else:
            continue
        found.append(
            CheckResult(
                name=f"{name}: a column", kind=CheckKind.COLUMN, column=name, severity=Severity.BLOCK, failed=0,
                share=0.0, note=note,
            )
        )  # fmt: skip
    return found


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
