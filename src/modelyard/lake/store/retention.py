"""Retention: how long versions of each table stay, and which are gone."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from modelyard.kernel.ids import ActorId
from modelyard.lake.api import Retention
from modelyard.ports.database import Migration, Statement, Transaction

RETENTION = Migration(
    slice="lake",
    number=4,
    name="retention",
    ddl=(
        "ALTER TABLE lake_version ADD COLUMN expired_ms {int}",
        (
            "CREATE TABLE lake_retention (table_name {text} PRIMARY KEY, keep_days {real},"
            " keep_versions {int} NOT NULL, author {text} NOT NULL, at_ms {int} NOT NULL)"
        ),
    ),
)

_FIELDS = ("table_name", "keep_days", "keep_versions", "author", "at_ms")
retentions = sa.table("lake_retention", *map(sa.column, _FIELDS))
versions = sa.table(
    "lake_version", *map(sa.column, ("table_name", "version", "branch", "at_ms", "parent", "expired_ms"))
)
tags = sa.table("lake_tag", *map(sa.column, ("table_name", "tag", "version")))

_FORGET = Statement(sa.delete(retentions).where(retentions.c.table_name == sa.bindparam("name")))
_SET = Statement(sa.insert(retentions).values(**{name: sa.bindparam(name) for name in _FIELDS}))
_GET = Statement(sa.select(*retentions.c).where(retentions.c.table_name == sa.bindparam("name")))
_STANDING = Statement(
    sa.select(versions.c.version, versions.c.branch, versions.c.at_ms)
    .where(versions.c.table_name == sa.bindparam("name"), versions.c.expired_ms.is_(None))
    .order_by(versions.c.version)
)
_PARENTS = Statement(
    sa.select(versions.c.version, versions.c.branch, versions.c.parent).where(
        versions.c.table_name == sa.bindparam("name"), versions.c.expired_ms.is_(None)
    )
)
_TAGGED = Statement(sa.select(tags.c.version, tags.c.tag).where(tags.c.table_name == sa.bindparam("name")))
_EXPIRE = Statement(
    sa.update(versions)
    .where(versions.c.table_name == sa.bindparam("name"), versions.c.version == sa.bindparam("gone"))
    .values(expired_ms=sa.bindparam("now"))
)


def put(tx: Transaction, rule: Retention) -> None:
    """Keep a table's rule, in place of the one before."""
    tx.run(_FORGET, {"name": rule.table})
    tx.run(
        _SET,
        {
            "table_name": rule.table, "keep_days": rule.keep_days, "keep_versions": rule.keep_versions,
            "author": rule.author, "at_ms": rule.at_ms,
        },
    )  # fmt: skip


def get(tx: Transaction, table: str) -> Retention | None:
    """A table's rule; None if nobody gave one."""
    if (row := tx.one(_GET, {"name": table})) is None:
        return None
    name, days, kept, author, at_ms = row
    return Retention(table=name, keep_days=days, keep_versions=kept, author=ActorId(author), at_ms=at_ms)


def forget(tx: Transaction, table: str) -> None:
    """Remove the rule of a table that is dropped."""
    tx.run(_FORGET, {"name": table})


def standing(tx: Transaction, table: str) -> list[tuple[int, str, int]]:
    """The versions that can be read: number, branch, when it was made; oldest first."""
    return [(int(version), branch, int(at_ms)) for version, branch, at_ms in tx.all(_STANDING, {"name": table})]


def parents(tx: Transaction, table: str) -> dict[int, tuple[str, int | None]]:
    """For each version that can be read: the branch it was made on, and the version it was made from."""
    return {int(version): (branch, parent) for version, branch, parent in tx.all(_PARENTS, {"name": table})}


def tagged(tx: Transaction, table: str) -> dict[int, str]:
    """Versions that a tag names, and one of its tags."""
    return {int(version): tag for version, tag in tx.all(_TAGGED, {"name": table})}


def expire(tx: Transaction, table: str, gone: Iterable[int], now_ms: int) -> None:
    """Note that versions can be read no more."""
    tx.many(_EXPIRE, [{"name": table, "gone": version, "now": now_ms} for version in gone])
