"""Rows of signatures of versions, and of what models ask of every version."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from modelyard.kernel.ids import ActorId
from modelyard.ports.database import Transaction
from modelyard.ports.statements import batches, cached, in_params, sql
from modelyard.registry.api import Rules, Seal

_PUT = sql(
    "INSERT INTO registry_seal (version, key, body, at_ms, actor) VALUES (:version, :key, :body, :now, :actor) "
    "ON CONFLICT (version, key) DO UPDATE SET body = excluded.body, at_ms = excluded.at_ms, actor = excluded.actor"
)
_OF = sql("SELECT body FROM registry_seal WHERE version = :version ORDER BY at_ms, key")
_RULES = sql("SELECT body FROM registry_rules WHERE model = :model")
_DECLARE = sql(
    "INSERT INTO registry_rules (model, body, at_ms, actor) VALUES (:model, :body, :now, :actor) "
    "ON CONFLICT (model) DO UPDATE SET body = excluded.body, at_ms = excluded.at_ms, actor = excluded.actor"
)
_seal = msgspec.json.Decoder(Seal)
_rules = msgspec.json.Decoder(Rules)


def put(tx: Transaction, version: int, seal: Seal) -> None:
    """Keep a signature; one by the same key is replaced."""
    row = {"version": version, "key": seal.key, "body": msgspec.json.encode(seal), "now": seal.at_ms, "actor": seal.by}
    tx.run(_PUT, row)


def of_version(tx: Transaction, version: int) -> list[Seal]:
    """A version's signatures, oldest first."""
    return [_seal.decode(row[0]) for row in tx.all(_OF, {"version": version})]


def keys_of(tx: Transaction, versions: Sequence[int]) -> dict[int, list[str]]:
    """The names of the keys that signed each of some versions."""
    found: dict[int, list[str]] = {}
    for some in batches(list(versions)):
        inside, params = in_params("v", some)
        text = f"SELECT version, key FROM registry_seal WHERE version IN ({inside}) ORDER BY at_ms, key"
        for version, key in tx.all(cached(text), params):
            found.setdefault(int(version), []).append(str(key))
    return found


def rules(tx: Transaction, model: int) -> Rules:
    """What a model asks of every version."""
    row = tx.one(_RULES, {"model": model})
    return _rules.decode(row[0]) if row else Rules()


def declare(tx: Transaction, model: int, asked: Rules, *, actor: ActorId, now_ms: int) -> None:
    """Ask it from now on."""
    tx.run(_DECLARE, {"model": model, "body": msgspec.json.encode(asked), "now": now_ms, "actor": actor})
