"""How far segments of pushed batches are folded, and the keys under which batches were taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from modelyard.ports.database import Migration, Statement, Transaction

PUSHES = Migration(
    slice="lake",
    number=5,
    name="pushes",
    ddl=(
        (
            "CREATE TABLE lake_push_segment (segment {text} PRIMARY KEY, table_name {text} NOT NULL,"
            " folded {int} NOT NULL)"
        ),
        (
            "CREATE TABLE lake_push_key (table_name {text} NOT NULL, actor {text} NOT NULL, push_key {text} NOT NULL,"
            " digest {text} NOT NULL, at_ms {int} NOT NULL, PRIMARY KEY (table_name, actor, push_key, digest))"
        ),
        "CREATE INDEX lake_push_key_by_age ON lake_push_key (at_ms)",
    ),
)

segments = sa.table("lake_push_segment", *map(sa.column, ("segment", "table_name", "folded")))
keys = sa.table("lake_push_key", *map(sa.column, ("table_name", "actor", "push_key", "digest", "at_ms")))

_FOLDED = Statement(sa.select(segments.c.segment, segments.c.folded))
_ADD = Statement(
    sa.insert(segments).values(**{n: sa.bindparam(n) for n in ("segment", "table_name", "folded")})
)  # fmt: skip
_MOVE = Statement(
    sa.update(segments).where(segments.c.segment == sa.bindparam("name")).values(folded=sa.bindparam("fresh"))
)
_FORGET = Statement(sa.delete(segments).where(segments.c.segment == sa.bindparam("name")))
_KEY = Statement(
    sa.select(keys.c.digest).where(
        keys.c.table_name == sa.bindparam("name"), keys.c.actor == sa.bindparam("who"),
        keys.c.push_key == sa.bindparam("key"),
    )
)  # fmt: skip
_ADD_KEY = Statement(
    sa.insert(keys).values(
        **{n: sa.bindparam(n) for n in ("table_name", "actor", "push_key", "digest", "at_ms")}
    )
)  # fmt: skip
_EXPIRE = Statement(sa.delete(keys).where(keys.c.at_ms < sa.bindparam("before")))
_DROP = Statement(sa.delete(keys).where(keys.c.table_name == sa.bindparam("name")))


def folded(tx: Transaction) -> dict[str, int]:
    """How many bytes of each segment are in their table."""
    return {name: int(upto) for name, upto in tx.all(_FOLDED)}


def advance(tx: Transaction, table: str, ends: Mapping[str, int]) -> None:
    """Note that segments are folded up to there."""
    for name, upto in ends.items():
        if tx.run(_MOVE, {"name": name, "fresh": upto}) == 0:
            tx.run(_ADD, {"segment": name, "table_name": table, "folded": upto})


def forget(tx: Transaction, names: Iterable[str]) -> None:
    """Note that segments are gone."""
    for name in names:
        tx.run(_FORGET, {"name": name})


def digests_of(tx: Transaction, table: str, actor: str, key: str) -> frozenset[str]:
    """What was taken under a key; more than one body only where several processes took them at the same time."""
    return frozenset(digest for (digest,) in tx.all(_KEY, {"name": table, "who": actor, "key": key}))


def keep_keys(tx: Transaction, table: str, taken: Iterable[tuple[str, str, str, int]]) -> None:
    """Remember the keys of folded batches, as actor, key, digest and moment."""
    tx.many(
        _ADD_KEY,
        [
            {"table_name": table, "actor": actor, "push_key": key, "digest": digest, "at_ms": at_ms}
            for actor, key, digest, at_ms in taken
        ],
    )


def expire_keys(tx: Transaction, before_ms: int) -> None:
    """Forget keys of batches that were pushed before a moment."""
    tx.run(_EXPIRE, {"before": before_ms})


def drop(tx: Transaction, table: str) -> None:
    """Forget the keys of a table."""
    tx.run(_DROP, {"name": table})
