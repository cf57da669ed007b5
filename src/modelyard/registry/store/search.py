"""Searches: conditions and orders of the registry's filter language as one query, paged by offset."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.ports.database import Row, Transaction
from modelyard.ports.statements import cached, in_params, like_params
from modelyard.registry.model.filters import Condition, Kind, Order
from modelyard.registry.store import models, versions

PROMPT_TAG = "mlflow.prompt.is_prompt"


class _Query:
    def __init__(self, alias: str, tags: str, owner: str) -> None:
        self.alias = alias
        self.tags = tags
        self.owner = owner
        self.wheres: list[str] = []
        self.params: dict[str, str | int] = {}

    def bind(self, value: str | int) -> str:
        name = f"w{len(self.params)}"
        self.params[name] = value
        return f":{name}"

    def keep(self, condition: Condition, columns: dict[str, str]) -> None:
        if condition.kind is not Kind.TAG:
            self.wheres.append(self._compare(columns[condition.key], condition))
            return
        alias = f"t{len(self.wheres)}"
        head = f"SELECT 1 FROM {self.tags} {alias} WHERE {alias}.{self.owner} = {self.alias}.id"
        same = f"{alias}.key = {self.bind(condition.key)}"
        self.wheres.append(f"EXISTS ({head} AND {same} AND {self._compare(f'{alias}.value', condition)})")

    def without_tag(self, key: str) -> None:
        head = f"SELECT 1 FROM {self.tags} x WHERE x.{self.owner} = {self.alias}.id"
        self.wheres.append(f"NOT EXISTS ({head} AND x.key = {self.bind(key)})")

    def _compare(self, value: str, condition: Condition) -> str:
        given = condition.value
        if isinstance(given, tuple):
            inside, params = in_params(f"w{len(self.params)}", given)
            self.params |= params
            return f"{value} {condition.comparator} ({inside})"
        if condition.comparator == "ILIKE":
            return f"lower({value}) LIKE lower({self.bind(str(given))}) ESCAPE '\x01'"
        if condition.comparator == "LIKE":
            name = f"w{len(self.params)}"
            self.params |= like_params(name, str(given))
            return f"{value} {{like:{name}}}"
        return f"{value} {condition.comparator} {self.bind(given)}"


def _shuns_prompts(condition: Condition) -> bool:
    """True for the clause that MLflow's clients add to every search; a model without the tag meets it too."""
    return (
        condition.kind is Kind.TAG
        and condition.key == PROMPT_TAG
        and (condition.comparator, condition.value) in (("!=", "true"), ("=", "false"))
    )


def find_models(
    tx: Transaction, conditions: Sequence[Condition], orders: Sequence[Order], *, limit: int, offset: int
) -> list[Row]:
    """Rows of `models.COLUMNS`; prompts only where a condition asks for them."""
    query = _Query("m", "registry_model_tag", "model")
    query.wheres.append("m.deleted_ms IS NULL")
    kept = [c for c in conditions if not _shuns_prompts(c)]
    for condition in kept:
        query.keep(condition, {"name": "m.name"})
    if not any(c.kind is Kind.TAG and c.key == PROMPT_TAG for c in kept):
        query.without_tag(PROMPT_TAG)
    keys = [f"m.{o.key} {'ASC' if o.ascending else 'DESC'}" for o in orders]
    if not any(o.key == "name" for o in orders):
        keys.append("m.name ASC")
    text = (
        f"SELECT {models.COLUMNS} FROM registry_model m WHERE {' AND '.join(query.wheres)} ORDER BY {', '.join(keys)}"
    )
    return _rows(tx, text, query, limit=limit, offset=offset)


_COLUMNS = {
    "name": "m.name", "run": "v.run", "source": "v.source", "number": "v.number", "created_ms": "v.created_ms",
    "updated_ms": "v.updated_ms",
}  # fmt: skip


def find_versions(
    tx: Transaction, model: int | None, conditions: Sequence[Condition], orders: Sequence[Order], *, limit: int,
    offset: int,
) -> list[Row]:  # fmt: skip
    """Rows of `versions.COLUMNS`, of one model or of all."""
    query = _Query("v", "registry_version_tag", "version")
    query.wheres.append("v.deleted_ms IS NULL")
    if model is not None:
        query.wheres.append(f"v.model = {query.bind(model)}")
    wanted = [c for c in conditions if not _shuns_prompts(c)]
    for condition in wanted:
        query.keep(condition, _COLUMNS)
    if len(wanted) < len(conditions) or (
        not any(c.kind is Kind.TAG and c.key == PROMPT_TAG for c in conditions)
        and model is None
        and not any(c.key == "name" for c in conditions)
    ):
        query.without_tag(PROMPT_TAG)
    keys = [f"{_COLUMNS[o.key]} {'ASC' if o.ascending else 'DESC'}" for o in orders]
    if not orders:
        keys.append("v.number DESC" if model is not None else "v.updated_ms DESC")
    rest = {"name": "m.name ASC", "number": "v.number DESC"}
    keys += [text for key, text in rest.items() if not any(o.key == key for o in orders) and text not in keys]
    kept, sorted_by = " AND ".join(query.wheres), ", ".join(keys)
    text = f"SELECT {versions.COLUMNS} FROM {versions.SOURCE} WHERE {kept} ORDER BY {sorted_by}"
    return _rows(tx, text, query, limit=limit, offset=offset)


def _rows(tx: Transaction, text: str, query: _Query, *, limit: int, offset: int) -> list[Row]:
    return tx.all(cached(text + " LIMIT :n_rows OFFSET :n_skip"), {**query.params, "n_rows": limit, "n_skip": offset})
