"""From a contract to named checks: each by itself, of one kind, over some columns. It runs no query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.units import parse_duration
from modelyard.quality.api import (
    BalanceRule,
    CheckKind,
    ColumnRule,
    Contract,
    Distance,
    DriftRule,
    FreshnessRule,
    QueryRule,
    ReferenceRule,
    RowsRule,
    Severity,
    Value,
    VolumeRule,
)

MOST_CHECKS = 2000
Bound = int | float | str | None
TableRule = RowsRule | VolumeRule | FreshnessRule | DriftRule | BalanceRule | QueryRule


class Check(Struct, frozen=True, kw_only=True):
    """One check of a contract, by itself.

    Attributes:
        columns: the column, or those that are unique together, that refer, or that the table-wide rule reads.
        low, high, open_low, open_high, values, pattern, sql, refers: whichever its kind needs.
        rule: of a check on the whole table, the rule itself.
    """

    name: str
    kind: CheckKind
    severity: Severity
    columns: tuple[str, ...] = ()
    low: Bound = None
    high: Bound = None
    open_low: bool = False
    open_high: bool = False
    values: tuple[Value, ...] = ()
    pattern: str = ""
    sql: str = ""
    refers: ReferenceRule | None = None
    rule: TableRule | None = None


def checks_of(contract: Contract) -> tuple[Check, ...]:
    """Every check that a contract means, in the order in which it is written.

    Raises:
        InvalidInput: a rule contradicts itself, or two checks have one name.
    """
    found: list[Check] = []
    for name, rule in contract.columns.items():
        found += _of_column(name, rule)
    for unique in contract.unique:
        named = ", ".join(unique.columns)
        found.append(
            Check(name=f"{named}: unique", kind=CheckKind.UNIQUE, severity=unique.severity, columns=unique.columns)
        )
    found += [_of_reference(each) for each in contract.references]
    found += [Check(name=c.name, kind=CheckKind.SQL, severity=c.severity, sql=c.sql) for c in contract.checks]
    found += _of_table(contract)
    if len(found) > MOST_CHECKS:
        raise InvalidInput(f"a contract has at most {MOST_CHECKS:,} checks, not {len(found):,}")
    _refuse_twins(found)
    return tuple(found)


def _of_column(name: str, rule: ColumnRule) -> list[Check]:
    made: list[Check] = []
    column, severity = (name,), rule.severity
    if not rule.nullable:
        made.append(Check(name=f"{name}: present", kind=CheckKind.PRESENT, severity=severity, columns=column))
    low, high = _one(name, rule.min, rule.above, "min", "above"), _one(name, rule.max, rule.below, "max", "below")
    if low is not None or high is not None:
        open_low, open_high = rule.above is not None, rule.below is not None
        _check_span(name, low, high)
        said = f"{name}: {span(low, high, open_low=open_low, open_high=open_high)}"
        made.append(
            Check(
                name=said, kind=CheckKind.RANGE, severity=severity, columns=column, low=low, high=high,
                open_low=open_low, open_high=open_high,
            )
        )  # fmt: skip
    for values, word, kind in (
        (rule.one_of, "one of", CheckKind.SET), (rule.none_of, "other than", CheckKind.EXCLUDED),
    ):  # fmt: skip
        if values:
            listed = ", ".join(str(value) for value in values[:6]) + (", …" if len(values) > 6 else "")
            said = f"{name}: {word} {listed}"
            made.append(Check(name=said, kind=kind, severity=severity, columns=column, values=values))
    if rule.pattern is not None:
        said = f"{name}: like {rule.pattern}"
        made.append(Check(name=said, kind=CheckKind.PATTERN, severity=severity, columns=column, pattern=rule.pattern))
    if rule.min_length is not None or rule.max_length is not None:
        _check_span(name, rule.min_length, rule.max_length)
        said = f"{name}: of length {span(rule.min_length, rule.max_length)}"
        made.append(
            Check(
                name=said, kind=CheckKind.LENGTH, severity=severity, columns=column, low=rule.min_length,
                high=rule.max_length,
            )
        )  # fmt: skip
    return made


def _one(name: str, closed: Bound, open_: Bound, word: str, other: str) -> Bound:
    if closed is not None and open_ is not None:
        raise InvalidInput(f"{name}: give {word} or {other}, not both")
    return open_ if closed is None else closed


def _of_reference(rule: ReferenceRule) -> Check:
    named = ", ".join(rule.columns)
    their = rule.their or rule.columns
    if len(their) != len(rule.columns):
        raise InvalidInput(
            f"{named}: it has {len(rule.columns)} columns and refers to {len(their)} of {rule.table}; name as many"
        )
    at = f"@{rule.at}" if rule.at else ""
    return Check(
        name=f"{named}: in {rule.table}{at} ({', '.join(their)})", kind=CheckKind.REFERENCE, severity=rule.severity,
        columns=rule.columns, refers=rule,
    )  # fmt: skip


def _of_table(contract: Contract) -> list[Check]:
    """The checks on the whole table."""
    made = []
    if (rows := contract.rows) is not None:
        _check_span("rows", rows.min, rows.max)
        made.append(_wide(f"rows: {span(rows.min, rows.max)}", CheckKind.ROWS, rows))
    if (volume := contract.volume) is not None:
        if volume.shrink is None and volume.grow is None:
            raise InvalidInput("volume: say by which share the rows may shrink or grow")
        parts = [
            f"{word} by at most {share:.0%}"
            for word, share in (("shrinks", volume.shrink), ("grows", volume.grow))
            if share is not None
        ]
        made.append(_wide(f"volume: {', '.join(parts)}", CheckKind.VOLUME, volume))
    for fresh in contract.freshness:
        parse_duration(fresh.max_age)
        made.append(_wide(f"{fresh.column}: at most {fresh.max_age} old", CheckKind.FRESHNESS, fresh, fresh.column))
    for drift in contract.drift:
        said = f"{drift.column}: distributed as at {drift.at} ({drift.distance.value} at most {drift.max:g})"
        if drift.distance is not Distance.PSI and drift.max > 1:
            raise InvalidInput(f"{drift.column}: {drift.distance.value} lies between 0 and 1; its max cannot be above")
        made.append(_wide(said, CheckKind.DRIFT, drift, drift.column))
    for balance in contract.balance:
        columns = [balance.column, *([balance.label] if balance.label else [])]
        made.append(_wide(_balanced(balance), CheckKind.BALANCE, balance, *columns))
    for query in contract.queries:
        if query.min is not None and query.max is not None:
            _check_span(query.name, query.min, query.max)
        made.append(_wide(query.name, CheckKind.QUERY, query))
    return made


def _balanced(rule: BalanceRule) -> str:
    parts = []
    if rule.groups:
        parts.append("every group there")
    if rule.min_share is not None or rule.max_share is not None:
        _check_span(rule.column, rule.min_share, rule.max_share)
        parts.append(f"shares {span(rule.min_share, rule.max_share)}")
    if rule.min_ratio is not None:
        if rule.label is None:
            raise InvalidInput(f"{rule.column}: a ratio of label rates needs a label: name its column")
        parts.append(f"{rule.label} rates at least {rule.min_ratio:g} of the largest")
    if not parts:
        raise InvalidInput(f"{rule.column}: say groups, min_share, max_share, or label with min_ratio")
    return f"{rule.column}: {', '.join(parts)}"


def _wide(name: str, kind: CheckKind, rule: TableRule, *columns: str) -> Check:
    if rule.severity is Severity.QUARANTINE:
        raise InvalidInput(
            f"{name}: it looks at the table as a whole, so no single row can go to the quarantine; "
            "its severity is warn or block"
        )
    return Check(name=name, kind=kind, severity=rule.severity, columns=columns, rule=rule)


def _refuse_twins(checks: Iterable[Check]) -> None:
    seen = set()
    for check in checks:
        if check.name in seen:
            raise InvalidInput(f"two checks are called {check.name!r}; give one of them another name, or leave it out")
        seen.add(check.name)


def _check_span(name: str, low: Bound, high: Bound) -> None:
    if low is None and high is None:
        raise InvalidInput(f"{name}: give a smallest or a largest value")
    if isinstance(low, str) != isinstance(high, str) and None not in (low, high):
        raise InvalidInput(f"{name}: min and max are of different kinds")
    if low is not None and high is not None and low > high:  # type: ignore[operator]  # of one kind, as checked above
        raise InvalidInput(f"{name}: min {low} is above max {high}")


def span(low: Bound, high: Bound, *, open_low: bool = False, open_high: bool = False) -> str:
    """Bounds in words: `0 to 5`, `at least 0`, `above 0, at most 5`."""
    if low is not None and high is not None and not open_low and not open_high:
        return f"{low} to {high}"
    least = [] if low is None else [f"above {low}" if open_low else f"at least {low}"]
    most = [] if high is None else [f"below {high}" if open_high else f"at most {high}"]
    return ", ".join(least + most)


class Reason(Struct, frozen=True, kw_only=True):
    """Why a row was turned away, in words: `head`, then its value where the check shows one, then `tail`."""

    head: str
    tail: str = ""
    shows_value: bool = False

    def fits(self, text: str) -> bool:
        """True if these words could be of this reason."""
        if not self.shows_value:
            return text == self.head
        return text.startswith(self.head) and text.endswith(self.tail) and len(text) >= len(self.head + self.tail)


def reason_of(check: Check, *, hidden: bool = False) -> Reason:
    """The words of a check on rows.

    Args:
        hidden: True where the value must not be shown.
    """
    named = ", ".join(check.columns)
    if check.kind is CheckKind.SQL:
        return Reason(head=f"breaks {check.name!r}")
    if check.kind is CheckKind.PRESENT:
        return Reason(head=f"{named}: missing")
    if check.kind is CheckKind.UNIQUE:
        return Reason(head=f"{named}: a row with the same key came before")
    rule = check.name[len(named) + 2 :]
    if hidden:
        return Reason(head=f"{named}: the value is not {rule}")
    return Reason(head=f"{named}: ", tail=f" is not {rule}", shows_value=True)


def refuse_unknown(checks: Sequence[Check], contract: Contract, known: Sequence[str]) -> None:
    """Refuse rules on columns that are not there.

    Raises:
        InvalidInput: a rule names an unknown column; the detail says which there are.
    """
    for name in contract.columns:
        if name not in known:
            raise InvalidInput(f"columns: {no_column(name, known)}")
    for check in checks:
        for name in check.columns:
            if name not in known:
                raise InvalidInput(f"{check.name}: {no_column(name, known)}")


def no_column(name: str, known: Sequence[str]) -> str:
    """That a column is not there, and which are."""
    listed = ", ".join(known)
    return f"there is no column {name!r}; there are {listed[:400]}{'…' if len(listed) > 400 else ''}"
