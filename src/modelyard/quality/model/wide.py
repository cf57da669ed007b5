"""Checks on the table as a whole, judged: from figures to what is wrong. It computes no figure itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from modelyard.kernel.units import format_duration, parse_duration
from modelyard.quality.api import (
    BalanceRule,
    CheckResult,
    DriftRule,
    FreshnessRule,
    QueryRule,
    RowsRule,
    VolumeRule,
)
from modelyard.quality.model.checks import Check, span
from modelyard.quality.model.distances import Sketch, distance

MOST_GROUPS = 1000
MOST_SAID = 5


class Group(Struct, frozen=True, kw_only=True):
    """A group of rows: how many, how many of them have a label, and how many of those the positive one."""

    name: str
    rows: int
    labelled: int
    positive: int


class Drifted(Struct, frozen=True, kw_only=True):
    """What a drift check was given: the reference, and the rows in its bins."""

    sketch: Sketch
    counts: tuple[int, ...]
    missing: int


def result(check: Check, note: str, measured: float | None, *, failed: int = 0, share: float = 0.0) -> CheckResult:
    """A check on the whole table as it went."""
    return CheckResult(
        name=check.name, kind=check.kind, column=check.columns[0] if check.columns else None, severity=check.severity,
        failed=failed, share=share, note=note, measured=measured,
    )  # fmt: skip


def sampled(found: CheckResult, told: str) -> CheckResult:
    """A result with samples, as the engine tells them."""
    return replace(found, samples=tuple(" ".join(one.split()) for one in told.split("\x1f") if one))


def rows(check: Check, rule: RowsRule, count: int) -> CheckResult:
    """How many rows there are."""
    wrong = (rule.min is not None and count < rule.min) or (rule.max is not None and count > rule.max)
    return result(check, f"there are {count:,}" if wrong else "", count)


def volume(check: Check, rule: VolumeRule, count: int, before: int | None) -> CheckResult:
    """How the number of rows changed; the first version of all has nothing to compare with."""
    if not before:
        return result(check, "", None)
    change = count / before - 1
    few = rule.shrink is not None and -change > rule.shrink
    many = rule.grow is not None and change > rule.grow
    return result(check, f"{before:,} rows became {count:,} ({change:+.1%})" if few or many else "", change)


def freshness(check: Check, rule: FreshnessRule, newest_ms: int | None, now_ms: int) -> CheckResult:
    """How old the newest value is."""
    if newest_ms is None:
        return result(check, "no row has a value", None)
    age = timedelta(milliseconds=now_ms - newest_ms)
    stale = age > parse_duration(rule.max_age)
    said = f"the newest value is {format_duration(age.total_seconds())} old" if stale else ""
    return result(check, said, age.total_seconds())


def drift(check: Check, rule: DriftRule, found: Drifted) -> CheckResult:
    """How far a column moved."""
    if sum(found.counts) + found.missing < rule.min_rows:
        return result(check, "", None)
    moved = distance(rule.distance, found.sketch, found.counts, found.missing)
    return result(check, f"{rule.distance.value} is {moved:.3f}" if moved > rule.max else "", moved)


def balance(check: Check, rule: BalanceRule, groups: Sequence[Group], *, hidden: bool) -> CheckResult:
    """Whether each group is there, with its share, and how label rates compare.

    Args:
        hidden: True where the names of groups must not be shown.
    """
    if len(groups) > MOST_GROUPS:
        return result(check, f"{rule.column} has more than {MOST_GROUPS:,} values, which are no groups", None)
    known = {group.name: group for group in groups}
    wanted = [_text(value) for value in rule.groups] or list(known)
    whole = sum(group.rows for group in groups)
    wrong = []
    for name in wanted:
        share = known[name].rows / whole if name in known else 0.0
        shown = "a group" if hidden else name
        if rule.groups and name not in known:
            wrong.append(f"{shown} is not there")
        elif share < (rule.min_share or 0.0) or share > (1.0 if rule.max_share is None else rule.max_share):
            wrong.append(f"{shown} has {share:.1%} of the rows")
    ratio, uneven = _ratio(rule, [known[name] for name in wanted if name in known], hidden=hidden)
    wrong += uneven
    more = f", and {len(wrong) - MOST_SAID} more" if len(wrong) > MOST_SAID else ""
    least = min((group.rows / whole for group in groups if group.name in wanted), default=0.0)
    return result(check, ", ".join(wrong[:MOST_SAID]) + more, least if rule.min_ratio is None else ratio)


def _ratio(rule: BalanceRule, groups: Sequence[Group], *, hidden: bool) -> tuple[float | None, list[str]]:
    """The smallest label rate over the largest; and what is wrong with it."""
    if rule.min_ratio is None:
        return None, []
    rates = {g.name: g.positive / g.labelled for g in groups if g.labelled and g.labelled >= rule.min_rows}
    if len(rates) < 2 or not max(rates.values()):
        return None, []
    low, high = min(rates, key=lambda name: rates[name]), max(rates, key=lambda name: rates[name])
    ratio = rates[low] / rates[high]
    if ratio >= rule.min_ratio:
        return ratio, []
    names = ("one group", "another") if hidden else (low, high)
    rated = f"{rates[low]:.1%} in {names[0]} and {rates[high]:.1%} in {names[1]}"
    return ratio, [f"{rule.label} rate is {rated}, a ratio of {ratio:.2f}"]


def _text(value: object) -> str:
    """A group as the query writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def number(check: Check, rule: QueryRule, found: float | None) -> CheckResult:
    """Whether a query's number lies within bounds."""
    if found is None:
        return result(check, "the query gave no number", None)
    low = rule.min is not None and found < rule.min
    high = rule.max is not None and found > rule.max
    note = f"the query gave {found:,.6g}, not {span(rule.min, rule.max)}" if low or high or found != found else ""  # noqa: PLR0124 - NaN alone
    return result(check, note, found)
