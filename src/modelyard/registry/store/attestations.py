"""Rows of attestations: what tests said, each for ever."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from modelyard.kernel.ids import ActorId
from modelyard.ports.database import Row, Transaction
from modelyard.ports.statements import sql
from modelyard.registry.api import Attestation

_ADD = sql(
    'INSERT INTO registry_attestation (version, "check", passed, body, at_ms, actor) '
    "VALUES (:version, :check, :passed, :body, :now, :actor) RETURNING id"
)
_COLUMNS = 'id, "check", passed, body, at_ms, actor'
_OF = sql(
    f"SELECT {_COLUMNS} FROM registry_attestation WHERE version = :version AND id < :before ORDER BY id DESC LIMIT :n"
)


class _Said(Struct, frozen=True, kw_only=True):
    text: str
    commit: str
    link: str
    digest: str
    roles: tuple[str, ...]


_said = msgspec.json.Decoder(_Said)


def add(tx: Transaction, version: int, new: Attestation) -> int:
    """Enter one; its number."""
    said = _Said(text=new.text, commit=new.commit, link=new.link, digest=new.digest, roles=new.roles)
    row = tx.one(
        _ADD,
        {
            "version": version, "check": new.check, "passed": int(new.passed), "body": msgspec.json.encode(said),
            "now": new.at_ms, "actor": new.by,
        },
    )  # fmt: skip
    return int(row[0]) if row else 0


def of_version(
    tx: Transaction, version: int, *, name: str, number: int, before: int = 2**62, limit: int = 200
) -> list[Attestation]:
    """A version's attestations numbered below `before`, newest first."""
    return [_attestation(r, name, number) for r in tx.all(_OF, {"version": version, "before": before, "n": limit})]


def _attestation(row: Row, name: str, number: int) -> Attestation:
    id_, check, passed, body, at_ms, actor = row
    said = _said.decode(body)
    return Attestation(
        id=id_, name=name, version=number, check=check, passed=bool(passed), text=said.text, commit=said.commit,
        link=said.link, digest=said.digest, roles=said.roles, by=ActorId(actor), at_ms=at_ms,
    )  # fmt: skip
