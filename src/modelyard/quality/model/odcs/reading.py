"""A document of the standard as a contract, and what of it has no place there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from modelyard.kernel.errors import InvalidInput
from modelyard.quality.api import ColumnRule, Contract, FreshnessRule, ReferenceRule, SqlRule, Translated, UniqueRule
from modelyard.quality.model.odcs.properties import KNOWN, SILENT, references_of, rule_of
from modelyard.quality.model.odcs.quality import Gathered
from modelyard.quality.model.texts import document

_READ = frozenset({"apiVersion", "kind", "schema", "slaProperties", "description"})
_HEAD = frozenset({"id", "name", "version", "status", "domain", "dataProduct", "tenant", "contractCreatedTs"})
_OF_TABLE = frozenset({"properties", "quality", "relationships"})
_AGES = {
    "d": "d", "day": "d", "days": "d", "h": "h", "hr": "h", "hour": "h", "hours": "h", "m": "min", "min": "min",
    "minute": "min", "minutes": "min", "s": "s", "second": "s", "seconds": "s", "w": "w", "week": "w", "weeks": "w",
}  # fmt: skip
_FRESH = frozenset({"latency", "ly", "freshness"})


def read(text: str, table: str, chosen: str | None, types: Mapping[str, str]) -> Translated:
    """The contract of one table of a document.

    Args:
        table: what the table is called here; queries are turned to it.
        chosen: what it is called in the document, where that is another name.
        types: the columns that the table has, if there is one.

    Raises:
        InvalidInput: it is no document of the standard's version 3, or describes several tables and none of that name.
    """
    found = document(text)
    if not isinstance(found.data, Mapping) or found.data.get("kind", "DataContract") != "DataContract":
        raise InvalidInput("the text is no document of the Open Data Contract Standard: kind is DataContract")
    if not str(found.data.get("apiVersion") or "").startswith("v3"):
        raise InvalidInput(
            f"{found.where(('apiVersion',))}: version 3 of the standard is read, not {found.data.get('apiVersion')}"
        )
    left: list[str] = []
    given, place = _table(found.data, table, chosen, left)
    made = _Table(f"schema[{place}]", table, types, left).read(given)
    fresh = _freshness(found.data, str(given.get("name")), left)
    said = given.get("description") or _purpose(found.data)
    left += [f"{name}: a contract here says nothing of it" for name in found.data if name not in _READ | _HEAD]
    if named := [name for name in found.data if name in _HEAD]:
        left.append(f"{', '.join(named)}: the contract is kept under its table, with a version of its own")
    try:
        whole = msgspec.structs.replace(
            made, freshness=(*made.freshness, *fresh), description=str(said or made.description)
        )
        return Translated(contract=msgspec.convert(msgspec.to_builtins(whole), Contract), left_out=tuple(left))
    except msgspec.ValidationError as err:
        raise InvalidInput(f"the document says what no contract can: {err}") from err


def _purpose(data: Mapping[str, Any]) -> object:
    told = data.get("description")
    return told.get("purpose") if isinstance(told, Mapping) else told


def _table(data: Mapping[str, Any], table: str, chosen: str | None, left: list[str]) -> tuple[Mapping[str, Any], int]:
    listed = data.get("schema")
    every = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    names = [str(each.get("name")) for each in every]
    wanted = chosen or table
    fitting = [
        n
        for n, each in enumerate(every)
        if wanted.lower() in (str(each.get(k)).lower() for k in ("name", "physicalName"))
    ]
    if not fitting and len(every) == 1 and chosen is None:
        fitting = [0]
    if not fitting:
        raise InvalidInput(
            f"the document has no table {wanted}; it has {', '.join(names) or 'none'}: say which is meant"
        )
    left += [f"schema[{n}]: {name} is another table" for n, name in enumerate(names) if n != fitting[0]]
    return every[fitting[0]], fitting[0]


class _Table:
    """One table of a document, gathered piece by piece; what has no place is left out by name."""

    def __init__(self, place: str, table: str, types: Mapping[str, str], left: list[str]) -> None:
        self._place = place
        self._types = types
        self._left = left
        self._gathered = Gathered(table)
        self._columns: dict[str, ColumnRule] = {}
        self._checks: list[SqlRule] = []
        self._references: list[ReferenceRule] = []
        self._keys: list[tuple[int, str]] = []
        self._passed: dict[str, int] = {}

    def _drop(self, what: str) -> None:
        self._left.append(f"{self._place}: {what}")

    def read(self, given: Mapping[str, Any]) -> Contract:
        """The whole of it."""
        for n, each in enumerate(_list(given.get("properties"))):
            here = f"{self._place}.properties[{n}]"
            if isinstance(each, Mapping) and each.get("name"):
                self._property(each, str(each["name"]), here)
            else:
                self._left.append(f"{here}: a property without a name")
        for rule in _list(given.get("quality")):
            self._gathered.take(rule, None, self._drop)
        self._references += references_of([], given.get("relationships"), self._drop)
        for key in given:
            if key not in _OF_TABLE | {"name", "description", "logicalType"}:
                self._drop(f"{key}: a contract here says nothing of it")
        for key, count in self._passed.items():
            self._left.append(f"{self._place}.properties: {key} of {count} columns says nothing of values")
        return self._made()

    def _property(self, each: Mapping[str, Any], name: str, here: str) -> None:
        def drop(what: str) -> None:
            self._left.append(f"{here} ({name}): {what}")

        self._columns[name], more = rule_of(each, self._types.get(name), drop)
        self._checks += more
        self._references += references_of([name], each.get("relationships"), drop)
        if each.get("unique") is True:
            self._gathered.unique.append(UniqueRule(columns=(name,)))
        if each.get("primaryKey") is True:
            position = each.get("primaryKeyPosition")
            is_placed = isinstance(position, int) and position > 0
            self._keys.append((int(str(position)) if is_placed else len(self._keys) + 1, name))
        for rule in _list(each.get("quality")):
            self._gathered.take(rule, name, drop)
        for key in each:
            if key in SILENT and key not in ("name", "id"):
                self._passed[key] = self._passed.get(key, 0) + 1
            elif key not in KNOWN | SILENT:
                drop(f"{key}: a contract here says nothing of it")

    def _made(self) -> Contract:
        found = self._gathered
        unique = list(found.unique)
        if self._keys:
            unique.insert(0, UniqueRule(columns=tuple(name for _, name in sorted(self._keys))))
        columns = {
            name: msgspec.structs.replace(rule, **found.columns.get(name, {})) for name, rule in self._columns.items()
        }
        plain = Contract(
            columns=columns, unique=tuple(dict.fromkeys(unique)), references=tuple(self._references), rows=found.rows,
            checks=(*self._checks, *found.checks), queries=tuple(found.queries),
        )  # fmt: skip
        for own in found.own:
            plain = joined(plain, own)
        return plain


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def joined(first: Contract, second: Contract) -> Contract:
    """Two contracts as one; where both speak of a thing that there is one of, the second counts."""
    return msgspec.structs.replace(
        first, columns={**first.columns, **second.columns},
        rows=second.rows or first.rows, volume=second.volume or first.volume,
        **{
            name: tuple(dict.fromkeys([*getattr(first, name), *getattr(second, name)]))
            for name in ("unique", "references", "freshness", "drift", "balance", "checks", "queries")
        },
    )  # fmt: skip


def _freshness(data: Mapping[str, Any], name: str, left: list[str]) -> list[FreshnessRule]:
    found = []
    listed = data.get("slaProperties")
    for n, each in enumerate(listed if isinstance(listed, list) else ()):
        here = f"slaProperties[{n}]"
        if not isinstance(each, Mapping) or str(each.get("property")).lower() not in _FRESH:
            left.append(f"{here}: {each.get('property') if isinstance(each, Mapping) else each} is not checked here")
            continue
        unit = _AGES.get(str(each.get("unit") or "d").lower())
        value = each.get("value")
        elements = [
            str(one).strip().rpartition(".") for one in str(each.get("element") or "").split(",") if one.strip()
        ]
        own = [column for table, _, column in elements if table in ("", name)]
        if unit is None or not own or not isinstance(value, int | float):
            left.append(f"{here}: it names no column of {name}, or no age in days, hours or minutes")
            continue
        found += [FreshnessRule(column=column, max_age=f"{value:g}{unit}") for column in own]
    return found
