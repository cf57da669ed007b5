"""A contract as SQL: one aggregate that counts every failure, and one split that names the rows to turn away.

A missing value breaks presence and nothing else: every other condition is asked of values only. Repeated keys are
looked for by one grouping that keeps repeated keys alone, so that a table without any pays for no sort; references are
joins with the different values of the other table. Text in a contract reaches SQL as a quoted literal or, for `sql`
rules, as an expression that runs in a confined session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from modelyard.quality.api import CheckKind, Severity
from modelyard.quality.model.checks import Check, reason_of
from modelyard.quality.model.distances import Sketch
from modelyard.quality.model.suitability import FLOATS, WHOLE
from modelyard.quality.store import figures
from modelyard.quality.store.literals import listed, literal, quoted

SAMPLES = 5
NEW = "new_rows"
OLD = "old_rows"
IN_STATEMENT = frozenset({CheckKind.FRESHNESS, CheckKind.DRIFT, CheckKind.BALANCE})
_PER_ROW = frozenset(
    {
        CheckKind.PRESENT, CheckKind.RANGE, CheckKind.SET, CheckKind.EXCLUDED, CheckKind.PATTERN, CheckKind.LENGTH,
        CheckKind.UNIQUE, CheckKind.REFERENCE, CheckKind.SQL,
    }
)  # fmt: skip
_SQL_TYPES = {
    "bool": "BOOLEAN", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT",
    "float32": "FLOAT", "float64": "DOUBLE", "string": "VARCHAR", "binary": "BLOB", "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compiled.

    Attributes:
        rowwise: the checks that rows pass or break.
        wide: the checks on the table that the aggregate answers beside them.
        types: the table's columns.
        hidden: classified columns, whose values are shown nowhere.
        keys: how a sample row is named; by load and place where there are none.
        against_old: True where rows stand beside the new ones.
        sketches: the reference of each drift check, by its name.
        spans: smallest and largest value of whole numbers that are to be unique, where they lie close together.
    """

    rowwise: Sequence[Check]
    wide: Sequence[Check]
    types: Mapping[str, str]
    hidden: frozenset[str] = frozenset()
    keys: Sequence[str] = ()
    against_old: bool = False
    is_load: bool = False
    sketches: Mapping[str, Sketch] = field(default_factory=dict)
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def files(paths: Sequence[str]) -> str:
    """The rows of Parquet files."""
    return "SELECT * FROM read_parquet([" + listed(paths) + "], union_by_name = true)"


def nothing(types: Mapping[str, str]) -> str:
    """No row at all, with columns of these names and types, and provenance."""
    each = [f"CAST(NULL AS {sql_type(kind)}) AS {quoted(name)}" for name, kind in types.items()]
    return f"SELECT {', '.join([*each, 'CAST(NULL AS VARCHAR) AS _load', 'CAST(NULL AS BIGINT) AS _row'])} WHERE FALSE"


def together(views: Sequence[str]) -> str:
    """The rows of several views."""
    return " UNION ALL BY NAME ".join(f"SELECT * FROM {view}" for view in views)


def kept(types: Mapping[str, str], new: Sequence[str], old: Sequence[str], rejects: Sequence[str]) -> str:
    """The rows of a table as it will be: those of old files, and those of new ones that the rejects do not name."""
    parts = [nothing(types)]
    if new:
        out = f" WHERE _row NOT IN (SELECT _row FROM ({files(rejects)}))" if rejects else ""
        parts.append(f"SELECT * FROM ({files(new)}){out}")
    if old:
        parts.append(files(old))
    return " UNION ALL BY NAME ".join(f"({part})" for part in parts)


def sql_type(kind: str) -> str:
    """A type of the lake as SQL calls it."""
    if kind.startswith("list<"):
        return _SQL_TYPES[kind[5:-1]] + "[]"
    return kind.upper() if kind.startswith("decimal") else _SQL_TYPES.get(kind, "VARCHAR")


def is_rowwise(check: Check) -> bool:
    """True for a check that single rows pass or break."""
    return check.kind in _PER_ROW


def reference_view(place: int) -> str:
    """The name under which the aggregate sees what a reference points to: columns k0, k1, ..."""
    return f"referred_{place}"


def referred(their: Sequence[str], source: str) -> str:
    """The different values that a reference may have."""
    names = [quoted(name) for name in their]
    chosen = ", ".join(f"{name} AS k{n}" for n, name in enumerate(names))
    whole = " AND ".join(f"{name} IS NOT NULL" for name in names)
    return f"SELECT DISTINCT {chosen} FROM ({source}) WHERE {whole}"


def lone_numbers(plan: Plan) -> list[str]:
    """Columns of whole numbers that are to be unique by themselves."""
    lone = [check.columns[0] for check in plan.rowwise if check.kind is CheckKind.UNIQUE and len(check.columns) == 1]
    return [name for name in dict.fromkeys(lone) if plan.types.get(name) in WHOLE]


def ends(names: Sequence[str]) -> str:
    """How many rows there are; of each column the smallest and the largest value, which files know without a scan."""
    each = ", ".join(f"min({quoted(name)}), max({quoted(name)})" for name in names)
    return f"SELECT count(*), {each} FROM {NEW}"


def counts(plan: Plan) -> str:
    """The aggregate: rows, then for each row-wise check its failures and some of the rows, then rows turned away,
    then the figures of the checks on the whole table.
    """
    found = ["count(*)"]
    sample = _sample(plan)
    for n in range(len(plan.rowwise)):
        found.append(f"count_if(f{n})")
        found.append(f"array_to_string(min(CASE WHEN f{n} THEN {sample} END, {SAMPLES}), chr(31))")
    found.append("count_if(turned)")
    old = OLD if plan.against_old else None
    found += [figures.term(check, plan.types, old, plan.sketches) for check in plan.wide]
    needed = dict.fromkeys([*plan.keys, *(name for check in plan.wide for name in check.columns)])
    return f"WITH {_flagged(plan, list(needed))} SELECT {', '.join(found)} FROM flagged"


def split(plan: Plan) -> str:
    """The split: place and reason, once for each quarantining check that a row breaks."""
    reasons = [
        f"CASE WHEN f{n} THEN {_reason(check, plan)} END"
        for n, check in enumerate(plan.rowwise)
        if check.severity is Severity.QUARANTINE
    ]
    shown = dict.fromkeys(name for check in plan.rowwise for name in check.columns)
    return (
        f"WITH {_flagged(plan, list(shown))} SELECT _row, reason FROM (SELECT _row, unnest([{', '.join(reasons)}]) "
        "AS reason FROM flagged WHERE turned) WHERE reason IS NOT NULL"
    )


def failing(plan: Plan, place: int, *, load: str | None, rows: Sequence[int] | None) -> str:
    """Every row that breaks the check at `place`, with all of its columns, in the order of loading."""
    names = list(plan.types)
    chosen = ", ".join([*map(quoted, names), "_load", "_row"])
    of_load = "" if load is None else f" AND _load = {literal(load)}"
    if rows is not None:
        of_load += f" AND _row IN ({listed([-1, *rows])})"
    return f"WITH {_flagged(plan, names)} SELECT {chosen} FROM flagged WHERE f{place}{of_load} ORDER BY _load, _row"


def _flagged(plan: Plan, needed: Sequence[str]) -> str:
    """The common tables, the last being `flagged`: some columns of the rows, and a flag for each check."""
    tables: list[str] = []
    joins: list[str] = []
    flags: list[str] = []
    for n, check in enumerate(plan.rowwise):
        if check.kind is CheckKind.UNIQUE:
            flags.append(_repeated(n, check, plan, tables, joins))
        elif check.kind is CheckKind.REFERENCE:
            flags.append(_astray(n, check, tables, joins))
        else:
            flags.append(_broken(check, plan.types))
    turned = [f"f{n}" for n, check in enumerate(plan.rowwise) if check.severity is Severity.QUARANTINE]
    chosen = [f"{NEW}.{quoted(name)}" for name in needed]
    chosen += [f"{NEW}._load", f"{NEW}._row", *(f"{flag} AS f{n}" for n, flag in enumerate(flags))]
    rows = f"SELECT {', '.join(chosen)} FROM {NEW} {' '.join(joins)}"
    tables.append(f"flagged AS (SELECT *, {' OR '.join(turned) or 'FALSE'} AS turned FROM ({rows}))")
    return ", ".join(tables)


def _broken(check: Check, types: Mapping[str, str]) -> str:
    """A condition that is true for a row that breaks the check, never null."""
    if check.kind is CheckKind.SQL:
        return f"coalesce(NOT ({check.sql}\n), FALSE)"
    column, kind = f"{NEW}.{quoted(check.columns[0])}", types.get(check.columns[0], "")
    if check.kind is CheckKind.PRESENT:
        return f"({column} IS NULL)"
    if check.kind in (CheckKind.SET, CheckKind.EXCLUDED):
        word = "IN" if check.kind is CheckKind.SET else "NOT IN"
        fits = f"{column} {word} ({listed(check.values)})"
    elif check.kind is CheckKind.PATTERN:
        fits = f"regexp_full_match(CAST({column} AS VARCHAR), {literal(check.pattern)})"
    else:
        asked = column
        if check.kind is CheckKind.LENGTH:
            asked = f"{'octet_length' if kind == 'binary' else 'length'}({column})"
        low = [] if check.low is None else [f"{asked} {'>' if check.open_low else '>='} {literal(check.low)}"]
        high = [] if check.high is None else [f"{asked} {'<' if check.open_high else '<='} {literal(check.high)}"]
        real = [f"NOT isnan({asked})"] if check.kind is CheckKind.RANGE and kind in FLOATS else []
        fits = " AND ".join([*low, *high, *real])
    return f"coalesce(NOT ({fits}), FALSE)"


def _repeated(n: int, check: Check, plan: Plan, tables: list[str], joins: list[str]) -> str:
    """True for every row but the first whose key is whole and is there already."""
    names = [quoted(name) for name in check.columns]
    own = [f"{NEW}.{name}" for name in names]
    whole = " AND ".join(f"{name} IS NOT NULL" for name in names)
    # one plain column groups by itself; several, or texts, by a hash, which takes a fraction of the memory and names
    # candidates only: the firsts are found by the values themselves
    lone = len(names) == 1 and plan.types.get(check.columns[0], "string") not in ("string", "binary")
    mark = names[0] if lone else f"hash({', '.join(names)})"
    chosen = ", ".join(f"{name} AS u{n}_k{k}" for k, name in enumerate(names))
    few = ""
    if len(names) == 1 and (span := plan.spans.get(check.columns[0])) is not None:
        # a bit for each value there can be: as many bits as values means that none repeats, and nothing is grouped
        bits = f"bit_count(bitstring_agg({names[0]}, {span[0]}, {span[1]}))"
        few = f" AND (SELECT {bits} < count({names[0]}) FROM {NEW})"
    tables.append(
        f"twice_{n} AS MATERIALIZED (SELECT {mark} AS mark FROM {NEW} WHERE {whole}{few} "
        "GROUP BY ALL HAVING count(*) > 1)"
    )
    place = "_row" if plan.is_load else "struct_pack(l := _load, r := _row)"
    mine = f"{NEW}._row" if plan.is_load else f"struct_pack(l := {NEW}._load, r := {NEW}._row)"
    tables.append(
        f"first_{n} AS MATERIALIZED (SELECT {chosen}, min({place}) AS u{n}_first FROM {NEW} "
        f"WHERE {whole} AND {mark} IN (SELECT mark FROM twice_{n}) GROUP BY {', '.join(names)})"
    )
    same = " AND ".join(f"{name} = u{n}_k{k}" for k, name in enumerate(own))
    joins.append(f"LEFT JOIN first_{n} ON {same}")
    again = f"coalesce(u{n}_first <> {mine}, FALSE)"
    if plan.against_old:
        fits = " AND ".join(f"o.{name} = w.{name}" for name in names)
        known = ", ".join(f"o.{name} AS o{n}_k{k}" for k, name in enumerate(names))
        tables.append(f"known_{n} AS MATERIALIZED (SELECT DISTINCT {known} FROM {OLD} o SEMI JOIN {NEW} w ON {fits})")
        joins.append(f"LEFT JOIN known_{n} ON " + " AND ".join(f"{name} = o{n}_k{k}" for k, name in enumerate(own)))
        again = f"({again} OR o{n}_k0 IS NOT NULL)"
    return again


def _astray(n: int, check: Check, tables: list[str], joins: list[str]) -> str:
    """True for a row whose whole reference is not there."""
    own = [f"{NEW}.{quoted(name)}" for name in check.columns]
    chosen = ", ".join(f"k{k} AS r{n}_k{k}" for k in range(len(own)))
    tables.append(f"there_{n} AS (SELECT {chosen}, TRUE AS r{n}_hit FROM {reference_view(n)})")
    joins.append(f"LEFT JOIN there_{n} ON " + " AND ".join(f"{name} = r{n}_k{k}" for k, name in enumerate(own)))
    return "(" + " AND ".join([*(f"{name} IS NOT NULL" for name in own), f"r{n}_hit IS NULL"]) + ")"


def _reason(check: Check, plan: Plan) -> str:
    words = reason_of(check, hidden=not plan.hidden.isdisjoint(check.columns))
    if not words.shows_value:
        return literal(words.head)
    shown = " || ', ' || ".join(f"coalesce(CAST({quoted(name)} AS VARCHAR), '')" for name in check.columns)
    return f"{literal(words.head)} || left({shown}, 80) || {literal(words.tail)}"


def _sample(plan: Plan) -> str:
    """How a sample row is named: by its key, else by load and place; in a load by its place."""
    if plan.is_load:
        return "'row ' || lpad(CAST(_row AS VARCHAR), 9, ' ')"
    if not plan.keys:
        return "_load || ' row ' || CAST(_row AS VARCHAR)"
    parts = [f"{literal(key + '=')} || coalesce(CAST({quoted(key)} AS VARCHAR), 'null')" for key in plan.keys]
    return " || ', ' || ".join(parts)
