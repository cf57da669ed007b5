"""Rows of registered models: their tags, aliases and cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from modelyard.kernel.ids import ActorId
from modelyard.ports.database import Row, Transaction
from modelyard.ports.statements import batches, cached, in_params, sql
from modelyard.registry.api import Model, ModelCard, Rules

COLUMNS = "m.id, m.name, m.description, m.created_ms, m.updated_ms, m.created_by, m.last_version, m.needs_proposal"
_ADD = sql(
    "INSERT INTO registry_model (name, description, created_ms, updated_ms, created_by, last_version, needs_proposal) "
    "VALUES (:name, :description, :now, :now, :actor, 0, :needs) RETURNING id"
)
_REVIVE = sql(
    "UPDATE registry_model SET description = :description, created_ms = :now, updated_ms = :now, created_by = :actor, "
    "needs_proposal = :needs, deleted_ms = NULL WHERE name = :name AND deleted_ms IS NOT NULL RETURNING id"
)
_ONE = sql(f"SELECT {COLUMNS} FROM registry_model m WHERE m.name = :name AND m.deleted_ms IS NULL")
_BY_ID = sql(f"SELECT {COLUMNS} FROM registry_model m WHERE m.id = :model")
_TAKEN = sql("SELECT deleted_ms FROM registry_model WHERE name = :name")
_RENAME = sql("UPDATE registry_model SET name = :name, updated_ms = :now WHERE id = :model")
_DESCRIBE = sql(
    "UPDATE registry_model SET description = :description, needs_proposal = :needs, updated_ms = :now WHERE id = :model"
)
_TOUCH = sql("UPDATE registry_model SET updated_ms = :now WHERE id = :model")
_COUNT_UP = sql(
    "UPDATE registry_model SET last_version = last_version + 1, updated_ms = :now WHERE id = :model "
    "RETURNING last_version"
)
_DELETE = sql("UPDATE registry_model SET deleted_ms = :now, updated_ms = :now WHERE id = :model")
_DELETE_VERSIONS = sql("UPDATE registry_version SET deleted_ms = :now WHERE model = :model AND deleted_ms IS NULL")
_DROP_CARDS = sql("DELETE FROM registry_card WHERE model = :model")
_DROP_RULES = sql("DELETE FROM registry_rules WHERE model = :model")
_rules = msgspec.json.Decoder(Rules)
_DROP_TAGS = sql("DELETE FROM registry_model_tag WHERE model = :model")
_PUT_TAG = sql(
    "INSERT INTO registry_model_tag (model, key, value) VALUES (:model, :key, :value) "
    "ON CONFLICT (model, key) DO UPDATE SET value = excluded.value"
)
_DROP_TAG = sql("DELETE FROM registry_model_tag WHERE model = :model AND key = :key")
_LAST_EDITION = sql("SELECT max(edition) FROM registry_card WHERE model = :model")
_ADD_CARD = sql(
    "INSERT INTO registry_card (model, edition, body, version, at_ms, author) "
    "VALUES (:model, :edition, :body, :version, :now, :actor)"
)
_CARDS = sql(
    "SELECT edition, body, version, at_ms, author FROM registry_card WHERE model = :model AND edition < :before "
    "ORDER BY edition DESC LIMIT :n"
)


def add(tx: Transaction, name: str, *, description: str, actor: ActorId, needs_proposal: bool, now_ms: int) -> int:
    """Enter a model, or bring back the row of one that was set aside; its number.

    Raises:
        AlreadyExists: the name is taken.
    """
    params = {"name": name, "description": description, "now": now_ms, "actor": actor, "needs": int(needs_proposal)}
    row = tx.one(_REVIVE, params) or tx.one(_ADD, params)
    if row is None:
        raise AssertionError("an insert with RETURNING gives a row")
    return int(row[0])


def one(tx: Transaction, name: str) -> tuple[int, Model] | None:
    """A model and its number."""
    row = tx.one(_ONE, {"name": name})
    return (int(row[0]), hydrate(tx, [row])[0]) if row else None


def by_number(tx: Transaction, model: int) -> Model | None:
    """A model by its number, set aside or not."""
    row = tx.one(_BY_ID, {"model": model})
    return hydrate(tx, [row])[0] if row else None


def is_taken(tx: Transaction, name: str) -> bool:
    """True if a model has the name, be it one that was set aside."""
    return tx.one(_TAKEN, {"name": name}) is not None


def rename(tx: Transaction, model: int, name: str, now_ms: int) -> None:
    """Call it otherwise."""
    tx.run(_RENAME, {"model": model, "name": name, "now": now_ms})


def describe(tx: Transaction, model: int, *, description: str, needs_proposal: bool, now_ms: int) -> None:
    """Say what it is."""
    tx.run(_DESCRIBE, {"model": model, "description": description, "needs": int(needs_proposal), "now": now_ms})


def touch(tx: Transaction, model: int, now_ms: int) -> None:
    """Note that it changed."""
    tx.run(_TOUCH, {"model": model, "now": now_ms})


def next_number(tx: Transaction, model: int, now_ms: int) -> int:
    """The number of its next version; never given again."""
    row = tx.one(_COUNT_UP, {"model": model, "now": now_ms})
    return int(row[0]) if row else 0


def delete(tx: Transaction, model: int, now_ms: int) -> None:
    """Set it and its versions aside."""
    tx.run(_DELETE, {"model": model, "now": now_ms})
    tx.run(_DELETE_VERSIONS, {"model": model, "now": now_ms})
    tx.run(_DROP_TAGS, {"model": model})
    tx.run(_DROP_CARDS, {"model": model})
    tx.run(_DROP_RULES, {"model": model})


def put_tags(tx: Transaction, model: int, tags: Mapping[str, str]) -> None:
    """Set tags."""
    if tags:
        tx.many(_PUT_TAG, [{"model": model, "key": k, "value": v} for k, v in tags.items()])


def drop_tag(tx: Transaction, model: int, key: str) -> None:
    """Remove a tag, if it is there."""
    tx.run(_DROP_TAG, {"model": model, "key": key})


def add_card(
    tx: Transaction, model: int, *, text: str, version: int | None, actor: ActorId, now_ms: int
) -> int:  # fmt: skip
    """Keep a card; its edition."""
    row = tx.one(_LAST_EDITION, {"model": model})
    edition = 1 + int((row and row[0]) or 0)
    tx.run(
        _ADD_CARD,
        {"model": model, "edition": edition, "body": text, "version": version, "now": now_ms, "actor": actor},
    )
    return edition


def cards(tx: Transaction, model: int, name: str, *, before: int, limit: int) -> list[ModelCard]:
    """Editions below `before`, newest first."""
    return [
        ModelCard(name=name, edition=edition, text=body, version=version, at_ms=at_ms, author=ActorId(author))
        for edition, body, version, at_ms, author in tx.all(_CARDS, {"model": model, "before": before, "n": limit})
    ]


def hydrate(tx: Transaction, rows: Sequence[Row]) -> list[Model]:
    """Models from rows of `COLUMNS`, in the same order."""
    numbers = [int(row[0]) for row in rows]
    tags: dict[int, dict[str, str]] = {}
    aliases: dict[int, dict[str, int]] = {}
    rules: dict[int, Rules] = {}
    for some in batches(numbers):
        inside, params = in_params("m", some)
        text = f"SELECT model, key, value FROM registry_model_tag WHERE model IN ({inside}) ORDER BY key"
        for model, key, value in tx.all(cached(text), params):
            tags.setdefault(model, {})[key] = value
        text = f"SELECT model, alias, number FROM registry_alias WHERE model IN ({inside}) ORDER BY alias"
        for model, alias, number in tx.all(cached(text), params):
            aliases.setdefault(model, {})[alias] = int(number)
        text = f"SELECT model, body FROM registry_rules WHERE model IN ({inside})"
        rules |= {int(model): _rules.decode(body) for model, body in tx.all(cached(text), params)}
    return [
        Model(
            name=name, description=description, tags=tags.get(model, {}), aliases=aliases.get(model, {}),
            last_version=last, needs_proposal=bool(needs), rules=rules.get(model, Rules()),
            created_ms=created, updated_ms=updated,
            created_by=ActorId(actor),
        )
        for model, name, description, created, updated, actor, last, needs in rows
    ]  # fmt: skip
