"""A contract as a document of the standard; what the standard has no word for travels as a custom rule of ours."""

from __future__ import annotations

from typing import Any

import msgspec

from modelyard.quality.api import ColumnRule, Contract, DeclaredContract, FreshnessRule, Severity
from modelyard.quality.model.odcs.quality import ENGINE
from modelyard.quality.model.texts import dumped, written

_LOGICAL = {
    "bool": "boolean", "string": "string", "date": "date", "timestamp": "timestamp", "float32": "number",
    "float64": "number", "int8": "integer", "int16": "integer", "int32": "integer", "int64": "integer",
}  # fmt: skip


def write(declared: DeclaredContract, status: str = "active") -> str:
    """The document as YAML; reading it gives the contract again."""
    contract, table = declared.contract, declared.table
    keyed = [rule for rule in contract.unique if rule.severity is Severity.QUARANTINE and len(rule.columns) == 1]
    unique = {rule.columns[0] for rule in keyed}
    properties: list[dict[str, Any]] = []
    for name, rule in contract.columns.items():
        properties.append({"name": name, **_property(rule), **({"unique": True} if name in unique else {})})
    rest = msgspec.structs.replace(
        contract, columns={n: r for n, r in contract.columns.items() if not _is_plain(r)}, description="",
        unique=tuple(r for r in contract.unique if r not in keyed or r.columns[0] not in contract.columns),
        freshness=tuple(r for r in contract.freshness if r.severity is not Severity.WARN), rows=None,
    )  # fmt: skip
    quality: list[dict[str, Any]] = []
    if contract.rows is not None:
        bounds = {"mustBeGreaterOrEqualTo": contract.rows.min, "mustBeLessOrEqualTo": contract.rows.max}
        given = {name: value for name, value in bounds.items() if value is not None}
        quality.append({"metric": "rowCount", **given, "severity": contract.rows.severity.value})
    if rest != Contract():
        quality.append({"type": "custom", "engine": ENGINE, "implementation": written(rest)})
    body: dict[str, Any] = {"name": table, "logicalType": "object", "properties": properties}
    if quality:
        body["quality"] = quality
    made: dict[str, Any] = {
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": str(declared.ref), "name": table,
        "version": f"{declared.version}.0.0", "status": status,
    }  # fmt: skip
    if contract.description:
        made["description"] = {"purpose": contract.description}
    made["schema"] = [body]
    ages = [_age(table, rule) for rule in contract.freshness if rule.severity is Severity.WARN]
    if ages:
        made["slaProperties"] = ages
    return dumped(made)


def _property(rule: ColumnRule) -> dict[str, Any]:
    """What the standard can say of a column by itself."""
    made: dict[str, Any] = {}
    if rule.type is not None:
        logical = _LOGICAL.get(rule.type) or ("number" if rule.type.startswith("decimal") else None)
        made |= {"logicalType": logical} if logical else {}
        made["physicalType"] = rule.type
    if not rule.nullable:
        made["required"] = True
    options = {
        "minimum": rule.min, "maximum": rule.max, "exclusiveMinimum": rule.above, "exclusiveMaximum": rule.below,
        "minLength": rule.min_length, "maxLength": rule.max_length,
        "pattern": None if rule.pattern is None else f"^{rule.pattern}$",
    }  # fmt: skip
    if given := {name: value for name, value in options.items() if value is not None}:
        made["logicalTypeOptions"] = given
    if rule.one_of:
        made["enum"] = list(rule.one_of)
    return made


def _is_plain(rule: ColumnRule) -> bool:
    """True if the document says all of a rule by itself."""
    is_common = rule.type in (None, "bool", "string", "date", "timestamp", "int64", "float32", "float64")
    return is_common and rule.severity is Severity.QUARANTINE and not rule.none_of


def _age(table: str, rule: FreshnessRule) -> dict[str, Any]:
    number, unit = rule.max_age.rstrip("abcdefghijklmnopqrstuvwxyz "), rule.max_age.lstrip("0123456789. ")
    return {"property": "latency", "value": float(number), "unit": unit, "element": f"{table}.{rule.column}"}
