"""The quality rules of the standard as ours: library metrics, SQL, and our own rules that travel as custom ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.kernel.errors import InvalidInput
from modelyard.quality.api import Contract, QueryRule, RowsRule, Severity, SqlRule, UniqueRule
from modelyard.quality.model.odcs.bounds import OPERATORS, Bounds, bounds_of
from modelyard.quality.model.odcs.properties import Drop, unanchored
from modelyard.quality.model.texts import parse

ENGINE = "modelyard"
_METRICS = {
    "nullValues": "nulls", "nullCheck": "nulls", "missingValues": "missing", "invalidValues": "invalid",
    "validValues": "invalid", "duplicateValues": "duplicates", "duplicateCount": "duplicates",
    "uniqueCheck": "duplicates", "rowCount": "rows", "countCheck": "rows",
}  # fmt: skip
_SEVERITIES = {
    "error": Severity.BLOCK, "critical": Severity.BLOCK, "blocker": Severity.BLOCK, "quarantine": Severity.QUARANTINE,
    "block": Severity.BLOCK, "warn": Severity.WARN, "warning": Severity.WARN, "info": Severity.WARN,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Given:
    """A library rule, taken apart; `is_share` where it counts in percent."""

    name: str
    column: str | None
    bounds: Bounds
    severity: Severity | None
    is_share: bool
    arguments: Mapping[str, Any]


@dataclass(slots=True)
class Gathered:
    """What the quality rules of a table mean, as they are read one by one."""

    table: str
    columns: dict[str, dict[str, Any]] = field(default_factory=dict)
    unique: list[UniqueRule] = field(default_factory=list)
    rows: RowsRule | None = None
    checks: list[SqlRule] = field(default_factory=list)
    queries: list[QueryRule] = field(default_factory=list)
    own: list[Contract] = field(default_factory=list)

    def take(self, rule: object, column: str | None, drop: Drop) -> None:
        """Read one rule; what it means is gathered, what it does not is dropped by name."""
        if not isinstance(rule, Mapping):
            drop(f"{str(rule)[:80]}: no rule")
            return
        try:
            self._take(rule, column, drop)
        except (InvalidInput, TypeError, ValueError) as err:
            drop(f"{_called(rule, column)}: {err}")

    def _take(self, rule: Mapping[str, Any], column: str | None, drop: Drop) -> None:
        metric = str(rule.get("metric") or rule.get("rule") or "")
        kind = str(rule.get("type") or ("library" if metric else "text"))
        severity = _SEVERITIES.get(str(rule.get("severity") or "").lower())
        if silent := [name for name in ("scheduler", "schedule") if name in rule]:
            drop(f"{_called(rule, column)}: {' and '.join(silent)}; a contract is checked on every load")
        if kind == "custom" and rule.get("engine") == ENGINE:
            self.own.append(parse(str(rule.get("implementation") or "")))
        elif kind == "sql":
            self._sql(rule, column, severity, drop)
        elif kind == "library" and metric in _METRICS:
            share = rule.get("unit") == "percent"
            bounds = bounds_of(rule, whole=not share)
            if bounds is None and any(name in rule for name in OPERATORS):
                drop(f"{_called(rule, column)}: mustNotBe gives no interval")
                return
            arguments = rule.get("arguments")
            given = _Given(
                name=_called(rule, column), column=column, bounds=bounds or Bounds(high=0), severity=severity,
                is_share=share, arguments=arguments if isinstance(arguments, Mapping) else rule,
            )  # fmt: skip
            self._library(_METRICS[metric], given, drop)
        elif kind == "library":
            drop(f"{_called(rule, column)}: the metric {metric!r} is not known here")
        else:
            engine = f" of {rule['engine']}" if rule.get("engine") else ""
            drop(f"{_called(rule, column)}: a rule of type {kind}{engine} cannot be asked here")

    def _library(self, metric: str, given: _Given, drop: Drop) -> None:
        """A metric of the standard's library; without an operator nothing may be wrong."""
        if metric == "rows":
            level = given.severity if given.severity in (Severity.WARN, Severity.BLOCK) else Severity.BLOCK
            self.rows = RowsRule(min=_whole(given.bounds.low), max=_whole(given.bounds.high), severity=level)
        elif metric == "duplicates":
            names = given.arguments.get("properties") or ([given.column] if given.column else [])
            self._duplicates([str(name) for name in names], given)
        elif given.column is None:
            drop(f"{given.name}: it needs a property")
        else:
            self._values(_promised(metric, given.arguments), given, given.column)

    def _duplicates(self, names: Sequence[str], given: _Given) -> None:
        if given.bounds.is_zero:
            self.unique.append(UniqueRule(columns=tuple(names), severity=given.severity or Severity.QUARANTINE))
            return
        quoted = [_quoted(name) for name in names]
        whole = " AND ".join(f"{name} IS NOT NULL" for name in quoted)
        self._number(given, f"count(*) - count(DISTINCT ({', '.join(quoted)}))", f"WHERE {whole}")

    def _values(self, rules: dict[str, Any], given: _Given, column: str) -> None:
        """Rules on the values of a column: none may be wrong, or only so many."""
        if not given.bounds.is_zero:
            self._number(given, f"count_if({_wrong(_quoted(column), rules)})", "")
            return
        self.columns.setdefault(column, {}).update(rules)
        if given.severity is not None:
            self.columns[column]["severity"] = given.severity

    def _number(self, given: _Given, count: str, where: str) -> None:
        found = f"100.0 * ({count}) / greatest(count(*), 1)" if given.is_share else count
        sql = " ".join(filter(None, ("SELECT", found, "FROM", _quoted(self.table), where)))
        self.queries.append(
            QueryRule(
                name=given.name, min=given.bounds.low, max=given.bounds.high, sql=sql, severity=_wide(given.severity)
            )
        )

    def _sql(self, rule: Mapping[str, Any], column: str | None, severity: Severity | None, drop: Drop) -> None:
        query = str(rule.get("query") or "")
        for pattern, name in ((r"\$?\{(?:object|table)\}", self.table), (r"\$?\{(?:property|column)\}", column or "")):
            query = re.sub(pattern, lambda _, name=name: _quoted(name), query)  # type: ignore[misc]  # mypy: the default
        bounds = bounds_of(rule, whole=False)
        if bounds is None:
            drop(f"{_called(rule, column)}: it gives no interval to compare with")
            return
        words = re.findall(r'\b(?:from|join)\s+"?([A-Za-z_][\w.]*)', query, re.IGNORECASE)
        others = tuple(dict.fromkeys(word for word in words if word != self.table))
        self.queries.append(
            QueryRule(
                name=_called(rule, column), sql=query, min=bounds.low, max=bounds.high, tables=others,
                severity=_wide(severity),
            )
        )  # fmt: skip


def _promised(metric: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a metric promises of the values of a column, as fields of its rule."""
    rules: dict[str, Any] = {}
    if metric == "nulls":
        rules["nullable"] = False
    elif metric == "missing":
        values = list(arguments.get("missingValues") or [None])
        if None in values:
            rules["nullable"] = False
        if words := tuple(value for value in values if value is not None):
            rules["none_of"] = words
    else:
        if listed := arguments.get("validValues"):
            rules["one_of"] = tuple(listed)
        if arguments.get("pattern"):
            rules["pattern"] = unanchored(arguments["pattern"])
        if not rules:
            raise InvalidInput("it names neither validValues nor a pattern")
    return rules


def _wrong(column: str, rules: Mapping[str, Any]) -> str:
    """A condition that is true where a value is wrong."""
    parts = []
    if rules.get("nullable") is False:
        parts.append(f"{column} IS NULL")
    if "none_of" in rules:
        parts.append(f"coalesce({column} IN ({_literals(rules['none_of'])}), FALSE)")
    if "one_of" in rules:
        parts.append(f"coalesce({column} NOT IN ({_literals(rules['one_of'])}), FALSE)")
    if "pattern" in rules:
        pattern = _literals([rules["pattern"]])
        parts.append(f"coalesce(NOT regexp_full_match(CAST({column} AS VARCHAR), {pattern}), FALSE)")
    return " OR ".join(parts)


def _literals(values: Sequence[object]) -> str:
    def one(value: object) -> str:
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        return repr(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"

    return ", ".join(one(value) for value in values)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _called(rule: Mapping[str, Any], column: str | None) -> str:
    name = rule.get("name") or rule.get("metric") or rule.get("rule") or rule.get("description") or rule.get("type")
    return (
        str(name or "a rule")[:200]
        if column is None or rule.get("name")
        else f"{column}: {str(name or 'a rule')[:160]}"
    )


def _wide(severity: Severity | None) -> Severity:
    return Severity.BLOCK if severity is Severity.BLOCK else Severity.WARN


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
