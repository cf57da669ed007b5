"""A contract as SQL: one aggregate that counts every failure, and one split that names the rows to turn away.

A missing value breaks presence and nothing else: every other condition is asked of values only. Text in a contract
reaches SQL as a quoted literal or, for `sql` rules, as an expression that runs in a confined session.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.quality.api import CheckKind, Severity, Value
from modelyard.quality.model.checks import Check

SAMPLES = 5
NEW = "new_rows"
OLD = "old_rows"
_PER_ROW = frozenset({CheckKind.PRESENT, CheckKind.RANGE, CheckKind.SET, CheckKind.PATTERN, CheckKind.SQL})


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: Value) -> str:
    """A value as SQL writes it."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return repr(value) if isinstance(value, int | float) else "'" + value.replace("'", "''") + "'"


def files(paths: Sequence[str]) -> str:
    """The rows of Parquet files."""
    return "SELECT * FROM read_parquet([" + ", ".join(literal(path) for path in paths) + "], union_by_name = true)"


def nothing(columns: Sequence[tuple[str, str]]) -> str:
    """No row at all, with columns of these names and SQL types, and provenance."""
    each = [f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in columns]
    return f"SELECT {', '.join(each)}, CAST(NULL AS VARCHAR) AS _load, CAST(NULL AS BIGINT) AS _row WHERE FALSE"


def rowwise(checks: Sequence[Check]) -> list[Check]:
    """The checks that rows pass or break; the number of rows is counted aside."""
    return [check for check in checks if check.kind in _PER_ROW or check.kind is CheckKind.UNIQUE]


def _broken(check: Check, *, against_old: bool) -> str:
    """A condition that is true for a row that breaks the check, never null."""
    if check.kind is CheckKind.SQL:
        return f"coalesce(NOT ({check.sql}\n), FALSE)"
    if check.kind is CheckKind.UNIQUE:
        return _repeated(check.columns, against_old=against_old)
    column = quoted(check.columns[0])
    if check.kind is CheckKind.PRESENT:
        return f"({column} IS NULL)"
    if check.kind is CheckKind.SET:
        fits = f"{column} IN ({', '.join(literal(value) for value in check.values)})"
    elif check.kind is CheckKind.PATTERN:
        fits = f"regexp_full_match(CAST({column} AS VARCHAR), {literal(check.pattern)})"
    else:
        low = [] if check.low is None else [f"{column} >= {literal(check.low)}"]
        high = [] if check.high is None else [f"{column} <= {literal(check.high)}"]
        fits = " AND ".join(low + high)
        if not isinstance(check.low, str) and not isinstance(check.high, str):
            fits = f"({fits} AND NOT isnan(CAST({column} AS DOUBLE)))"
    return f"coalesce(NOT ({fits}), FALSE)"


def _repeated(columns: Sequence[str], *, against_old: bool) -> str:
    """True for every row but the first whose key is whole and is there already."""
    names = [quoted(name) for name in columns]
    whole = " AND ".join(f"{name} IS NOT NULL" for name in names)
    again = f"row_number() OVER (PARTITION BY {', '.join(names)} ORDER BY _load, _row) > 1"
    if against_old:
        key, known = ", ".join(names), ", ".join(f"o.{name}" for name in names)
        present = " AND ".join(f"o.{name} IS NOT NULL" for name in names)
        again = f"({again} OR ({key}) IN (SELECT ({known}) FROM {OLD} o WHERE {present}))"
    return f"({whole} AND {again})"


def _flagged(checks: Sequence[Check], *, against_old: bool) -> str:
    flags = [f"{_broken(check, against_old=against_old)} AS f{n}" for n, check in enumerate(checks)]
    return f"SELECT *, {', '.join(flags)} FROM {NEW}" if flags else f"SELECT * FROM {NEW}"


def counts(checks: Sequence[Check], *, sample: str, against_old: bool) -> str:
    """The aggregate: rows, then for each row-wise check its failures and some of the rows, then rows turned away."""
    found = []
    turned = []
    for n, check in enumerate(checks):
        found.append(f"count_if(f{n})")
        found.append(f"array_to_string(min({sample}, {SAMPLES}) FILTER (f{n}), chr(31))")
        if check.severity is Severity.QUARANTINE:
            turned.append(f"f{n}")
    found.append(f"count_if({' OR '.join(turned)})" if turned else "0")
    return f"SELECT count(*), {', '.join(found)} FROM ({_flagged(checks, against_old=against_old)})"


def split(checks: Sequence[Check], *, against_old: bool) -> str:
    """The split: place and reason, once for each quarantining check that a row breaks."""
    reasons = [
        f"CASE WHEN f{n} THEN {_reason(check)} END"
        for n, check in enumerate(checks)
        if check.severity is Severity.QUARANTINE
    ]
    return (
        f"SELECT _row, reason FROM (SELECT _row, unnest([{', '.join(reasons)}]) AS reason "
        f"FROM ({_flagged(checks, against_old=against_old)})) WHERE reason IS NOT NULL"
    )


def _reason(check: Check) -> str:
    if check.kind in (CheckKind.PRESENT, CheckKind.SQL):
        return literal(f"breaks {check.name!r}" if check.kind is CheckKind.SQL else f"{check.columns[0]}: missing")
    if check.kind is CheckKind.UNIQUE:
        return literal(f"{', '.join(check.columns)}: a row with the same key came before")
    column, _, rule = check.name.partition(": ")
    shown = f"left(CAST({quoted(check.columns[0])} AS VARCHAR), 80)"
    return f"{literal(column + ': ')} || {shown} || {literal(' is not ' + rule)}"


def by_key(keys: Sequence[str]) -> str:
    """How a sample row is named: by its key, else by load and place."""
    if not keys:
        return "_load || ' row ' || CAST(_row AS VARCHAR)"
    parts = [f"{literal(key + '=')} || coalesce(CAST({quoted(key)} AS VARCHAR), 'null')" for key in keys]
    return " || ', ' || ".join(parts)


BY_PLACE = "'row ' || lpad(CAST(_row AS VARCHAR), 9, ' ')"
