"""The terms of the aggregate that measure the table as a whole, and how their answers are read.

Each term looks at the rows that are kept: new rows that are not turned away, and those that stand beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelyard.quality.api import BalanceRule, CheckKind, Severity
from modelyard.quality.model.checks import Check
from modelyard.quality.model.distances import BINS, CATEGORIES, Sketch
from modelyard.quality.model.suitability import TIMES, is_number
from modelyard.quality.model.wide import MOST_GROUPS, Drifted, Group
from modelyard.quality.store.literals import literal, quoted

_FIELD, _ROW = "\x1e", "\x1f"


def term(check: Check, types: Mapping[str, str], old: str | None, sketches: Mapping[str, Sketch]) -> str:
    """One column of the aggregate over `flagged`."""
    name = quoted(check.columns[0])
    if check.kind is CheckKind.FRESHNESS:
        newest = f"max({name}) FILTER (NOT turned)"
        if old:
            newest = f"greatest({newest}, (SELECT max({name}) FROM {old}))"
        return f"epoch_ms(CAST({newest} AS TIMESTAMP))"
    if check.kind is CheckKind.DRIFT:
        return _binned(check, types[check.columns[0]], sketches[check.name])
    return _grouped(check, old)


def as_number(name: str, kind: str) -> str:
    """A column of numbers or times as float64, null where it is not finite."""
    if kind in TIMES:
        return f"epoch({name})"
    plain = f"CAST({name} AS DOUBLE)"
    return f"CASE WHEN isfinite({plain}) THEN {plain} END" if kind.startswith("float") else plain


def _binned(check: Check, kind: str, sketch: Sketch) -> str:
    """Counts of rows in the bins of a sketch, of rows with a value, and of rows; only of rows that come in."""
    name = quoted(check.columns[0])
    if sketch.edges is not None:
        value, bins = as_number(name, kind), f"histogram(v, [{', '.join(map(repr, sketch.edges))}]::DOUBLE[])"
    else:
        labels = ", ".join(literal("=" + label) for label in sketch.labels or ())
        value, bins = f"'=' || CAST({name} AS VARCHAR)", f"histogram_exact(v, [{labels}]::VARCHAR[])"
    bins = bins.replace("(v,", f"({value},")
    return (
        f"coalesce(array_to_string(map_values({bins} FILTER (NOT turned)), ','), '') || ';' || "
        f"CAST(count({value}) FILTER (NOT turned) AS VARCHAR) || ';' || CAST(count_if(NOT turned) AS VARCHAR)"
    )


def drifted(text: str, sketch: Sketch) -> Drifted:
    """The answer of a drift term."""
    told, present, rows = text.split(";")
    size = len(sketch.edges if sketch.edges is not None else sketch.labels or ())
    inside = [int(n) for n in told.split(",") if n][:size] or [0] * size
    counts = (*inside, int(present) - sum(inside))
    return Drifted(sketch=sketch, counts=counts, missing=int(rows) - int(present))


def _grouped(check: Check, old: str | None) -> str:
    rule = check.rule
    if not isinstance(rule, BalanceRule):
        raise TypeError(f"{check.kind} is no check that the aggregate measures")
    label = quoted(rule.label) if rule.label else "NULL"
    chosen = f"{quoted(rule.column)} AS g, {label} AS l"
    rows = f"SELECT {chosen} FROM flagged WHERE NOT turned"
    if old:
        rows += f" UNION ALL SELECT {chosen} FROM {old}"
    good = f"count_if(l = {literal(rule.positive)})" if rule.label else "0"
    parts = f" || {literal(_FIELD)} || ".join(("n", "labelled", "positive", f"replace(g, {literal(_ROW)}, ' ')"))
    return (
        f"(SELECT string_agg({parts}, {literal(_ROW)}) FROM (SELECT CAST(g AS VARCHAR) AS g, count(*) AS n, "
        f"count(l) AS labelled, {good} AS positive FROM ({rows}) WHERE g IS NOT NULL GROUP BY 1 "
        f"ORDER BY n DESC, g LIMIT {MOST_GROUPS + 1}))"
    )


def groups(text: str | None) -> list[Group]:
    """The answer of a balance term."""
    found = []
    for one in text.split(_ROW) if text else ():
        rows, labelled, positive, name = one.split(_FIELD, 3)
        found.append(Group(name=name, rows=int(rows), labelled=int(labelled), positive=int(positive)))
    return found


def edges(name: str, kind: str, source: str) -> str:
    """Upper ends of bins of about equal share, of numbers and times."""
    steps = ", ".join(f"{n / BINS:g}" for n in range(1, BINS))
    spread = f"approx_quantile({as_number(quoted(name), kind)}, [{steps}])"
    return f"SELECT DISTINCT unnest({spread}) AS e FROM ({source}) ORDER BY e"


def labels(name: str, source: str) -> str:
    """The frequent values of a column as text."""
    return (
        f"SELECT CAST({quoted(name)} AS VARCHAR) AS v FROM ({source}) WHERE v IS NOT NULL "
        f"GROUP BY 1 ORDER BY count(*) DESC, v LIMIT {CATEGORIES}"
    )


def sketch_counts(name: str, kind: str, sketch: Sketch, source: str) -> str:
    """The reference itself counted in its bins."""
    check = Check(name="", kind=CheckKind.DRIFT, severity=Severity.WARN, columns=(name,))
    return f"SELECT {_binned(check, kind, sketch)} FROM (SELECT *, FALSE AS turned FROM ({source}))"


def has_bins(kind: str) -> bool:
    """True for columns whose sketch has edges rather than labels."""
    return is_number(kind) or kind in TIMES


def read_sketch(text: str, made: Sketch) -> tuple[Sequence[int], int]:
    """Counts and missing rows of a reference."""
    found = drifted(text, made)
    return found.counts, found.missing
