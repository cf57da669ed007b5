"""What a table promises, as a record: rules on columns, on keys, on the table as a whole.

Written as YAML or JSON it looks the same:

    columns:
      fare: {type: float64, nullable: false, min: 0}
      payment_type: {one_of: [Cash, Credit Card]}
    unique: [{columns: [trip_id]}]
    references: [{columns: [zone], table: zones, at: "3", their: [id]}]
    rows: {min: 1, severity: block}
    freshness: [{column: at, max_age: 2d}]
    checks: [{name: tips are part of the fare, sql: tips <= fare, severity: warn}]
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

Value = bool | int | float | str
Text = Annotated[str, Meta(min_length=1, max_length=4000)]
RuleName = Annotated[str, Meta(min_length=1, max_length=200)]
ColumnNames = Annotated[tuple[str, ...], Meta(min_length=1, max_length=20)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]


class Severity(StrEnum):
    """What a failure does: it is noted, the row goes to the quarantine, or nothing of the load is taken."""

    WARN = "warn"
    QUARANTINE = "quarantine"
    BLOCK = "block"


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a contract; fields that nobody knows are refused."""


class ColumnRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one column promises. A missing value breaks `nullable` alone.

    Attributes:
        type: the lake's word for its type; a column of another type blocks.
        min, max: smallest and largest value, themselves allowed; times as ISO 8601 text.
        above, below: the same, themselves not allowed.
        one_of: the values there may be.
        none_of: values there may not be.
        pattern: a regular expression (RE2) that the whole text matches.
        min_length, max_length: of a text in characters, of a list in elements.
    """

    type: str | None = None
    nullable: bool = True
    min: int | float | str | None = None
    max: int | float | str | None = None
    above: int | float | str | None = None
    below: int | float | str | None = None
    one_of: tuple[Value, ...] = ()
    none_of: tuple[Value, ...] = ()
    pattern: Text | None = None
    min_length: Count | None = None
    max_length: Count | None = None
    severity: Severity = Severity.QUARANTINE


class UniqueRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Columns that together name a row; rows with a missing part do not count. The first of equals is kept."""

    columns: ColumnNames
    severity: Severity = Severity.QUARANTINE


class ReferenceRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Columns whose values stand in another table; rows with a missing part do not count.

    Attributes:
        table: the other table; the same one for a tree of rows.
        their: its columns, in the same order; those of the same names where it is left out.
        at: its version, tag, branch or moment; where it is left out, the newest, seen from where the rows stand.
    """

    columns: ColumnNames
    table: str
    their: tuple[str, ...] = ()
    at: str | None = None
    severity: Severity = Severity.QUARANTINE


class SqlRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A condition in SQL over one row; where it is false, the row breaks it."""

    name: RuleName
    sql: Text
    severity: Severity = Severity.QUARANTINE


class RowsRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How many rows the table has after a load."""

    min: int | None = None
    max: int | None = None
    severity: Severity = Severity.BLOCK


class VolumeRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How much the number of rows may change from the version before.

    Attributes:
        shrink: the share of rows that may go, 0.1 for a tenth; None does not limit.
        grow: the share of rows that may come, 1.0 for as many again; None does not limit.
    """

    shrink: Share | None = None
    grow: Annotated[float, Meta(ge=0)] | None = None
    severity: Severity = Severity.WARN


class FreshnessRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How old the newest value of a time column may be, by the yard's clock.

    Attributes:
        max_age: a duration: `30m`, `26h`, `7d`.
    """

    column: str
    max_age: str
    severity: Severity = Severity.WARN


class Distance(StrEnum):
    """How far two distributions lie apart.

    psi: population stability index (Siddiqi 2006, Credit Risk Scorecards). ks: the largest gap of the two cumulative
    shares (Smirnov 1948), numbers only. tv: total variation, half the sum of the gaps of shares.
    """

    PSI = "psi"
    KS = "ks"
    TV = "tv"


class DriftRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A column is distributed as in a reference version. On a load, the rows that come in are compared.

    Attributes:
        at: the version or tag of this table to compare with.
        max: the largest distance; 0.2 is usual for psi, 0.1 for ks and tv.
        min_rows: fewer rows say nothing and pass.
    """

    column: str
    at: Annotated[str, Meta(min_length=1, max_length=200)]
    distance: Distance = Distance.PSI
    max: Annotated[float, Meta(gt=0)] = 0.2
    min_rows: Count = 200
    severity: Severity = Severity.WARN


class BalanceRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who is represented: the share of each group, and how their label rates compare.

    Attributes:
        column: names the group of a row; a missing value is in no group.
        groups: those that must be there; where it is left out, those that are found.
        min_share, max_share: of all rows that have a group.
        label, positive: the column whose value `positive` counts, for the rate of each group.
        min_ratio: the smallest rate over the largest; 0.8 is the four-fifths rule (29 CFR 1607.4 D).
        min_rows: groups of fewer labelled rows are not compared by rate.
    """

    column: str
    groups: tuple[Value, ...] = ()
    min_share: Share | None = None
    max_share: Share | None = None
    label: str | None = None
    positive: Value = True
    min_ratio: Share | None = None
    min_rows: Count = 30
    severity: Severity = Severity.WARN


class QueryRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One SELECT over the whole table: it returns the rows that break the rule, or one number within bounds.

    It sees the table under its own name and those it names, and nothing else.

    Attributes:
        min, max: bounds of the number; with neither, every row that comes back is a failure.
        tables: other tables that it reads, as `name` or `name@version`.
    """

    name: RuleName
    sql: Text
    min: int | float | None = None
    max: int | float | None = None
    tables: tuple[str, ...] = ()
    severity: Severity = Severity.WARN


class Contract(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a table promises.

    Attributes:
        checks: conditions over one row.
        queries: SELECTs over the whole table.
    """

    columns: dict[str, ColumnRule] = {}
    unique: tuple[UniqueRule, ...] = ()
    references: tuple[ReferenceRule, ...] = ()
    rows: RowsRule | None = None
    volume: VolumeRule | None = None
    freshness: tuple[FreshnessRule, ...] = ()
    drift: tuple[DriftRule, ...] = ()
    balance: tuple[BalanceRule, ...] = ()
    checks: tuple[SqlRule, ...] = ()
    queries: tuple[QueryRule, ...] = ()
    description: str = ""
