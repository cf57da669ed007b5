"""Rows of aliases, and of every move they made."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from modelyard.kernel.ids import ActorId
from modelyard.ports.database import Row, Transaction
from modelyard.ports.statements import sql
from modelyard.registry.api import AliasMove

_ONE = sql("SELECT number FROM registry_alias WHERE model = :model AND alias = :alias")
_OF = sql("SELECT alias FROM registry_alias WHERE model = :model AND number = :number ORDER BY alias")
_PUT = sql(
    "INSERT INTO registry_alias (model, alias, number) VALUES (:model, :alias, :number) "
    "ON CONFLICT (model, alias) DO UPDATE SET number = excluded.number"
)
_DROP = sql("DELETE FROM registry_alias WHERE model = :model AND alias = :alias")
_NOTE = sql(
    "INSERT INTO registry_alias_move (model, alias, number, before, at_ms, actor, proposal, approvers) "
    "VALUES (:model, :alias, :number, :before, :now, :actor, :proposal, :approvers)"
)
_COLUMNS = (
    "a.id, a.alias, a.number, a.before, a.at_ms, a.actor, a.proposal, a.approvers, "
    "(SELECT min(b.at_ms) FROM registry_alias_move b WHERE b.model = a.model AND b.alias = a.alias AND b.id > a.id)"
)
_MOVES = sql(
    f"SELECT {_COLUMNS} FROM registry_alias_move a WHERE a.model = :model AND a.id < :before "
    "ORDER BY a.id DESC LIMIT :n"
)
_MOVES_OF = sql(
    f"SELECT {_COLUMNS} FROM registry_alias_move a WHERE a.model = :model AND a.alias = :alias AND a.id < :before "
    "ORDER BY a.id DESC LIMIT :n"
)
_AT = sql(
    f"SELECT {_COLUMNS} FROM registry_alias_move a WHERE a.model = :model AND a.alias = :alias AND a.at_ms <= :at "
    "ORDER BY a.at_ms DESC, a.id DESC LIMIT 1"
)
_approvers = msgspec.json.Decoder(tuple[ActorId, ...])


def one(tx: Transaction, model: int, alias: str) -> int | None:
    """The number of the version that an alias stands for."""
    row = tx.one(_ONE, {"model": model, "alias": alias})
    return int(row[0]) if row else None


def of_version(tx: Transaction, model: int, number: int) -> list[str]:
    """The aliases that stand for a version."""
    return [str(row[0]) for row in tx.all(_OF, {"model": model, "number": number})]


def move(tx: Transaction, model: int, done: AliasMove) -> None:
    """Point an alias where the move says, and note the move."""
    if done.version is None:
        tx.run(_DROP, {"model": model, "alias": done.alias})
    else:
        tx.run(_PUT, {"model": model, "alias": done.alias, "number": done.version})
    tx.run(
        _NOTE,
        {
            "model": model, "alias": done.alias, "number": done.version, "before": done.before, "now": done.at_ms,
            "actor": done.actor, "proposal": done.proposal, "approvers": msgspec.json.encode(done.approvers).decode(),
        },
    )  # fmt: skip


def moves(
    tx: Transaction, model: int, name: str, *, alias: str | None, before: int, limit: int
) -> list[tuple[int, AliasMove]]:
    """Moves with their places, newest first, those below `before`."""
    params = {"model": model, "before": before, "n": limit}
    rows = tx.all(_MOVES, params) if alias is None else tx.all(_MOVES_OF, {**params, "alias": alias})
    return [(int(row[0]), _move(name, row)) for row in rows]


def at(tx: Transaction, model: int, name: str, *, alias: str, at_ms: int) -> AliasMove | None:
    """The move that stood at a moment."""
    row = tx.one(_AT, {"model": model, "alias": alias, "at": at_ms})
    return _move(name, row) if row else None


def _move(name: str, row: Row | Sequence[object]) -> AliasMove:
    _, alias, number, before, at_ms, actor, proposal, approvers, until = row
    return msgspec.convert(
        {
            "name": name, "alias": alias, "version": number, "before": before, "at_ms": at_ms, "actor": actor,
            "proposal": proposal, "approvers": _approvers.decode(str(approvers)), "until_ms": until,
        },
        AliasMove,
    )  # fmt: skip
