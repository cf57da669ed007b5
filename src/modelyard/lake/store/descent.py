"""Descent: what versions were made from, on which branch, and what each lake commit did to the heads."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.lake.api import CommitId
from modelyard.lake.store.catalogue import profiles, tags, versions
from modelyard.lake.store.manifests import manifests
from modelyard.ports.database import Statement, Transaction

moves = sa.table("lake_move", *map(sa.column, ("commit_id", "table_name", "earlier", "later", "operation")))
_ADD_MOVE = Statement(
    sa.insert(moves).values(
        **{n: sa.bindparam(n) for n in ("commit_id", "table_name", "earlier", "later", "operation")}
    )
)
_EDGES = Statement(
    sa.select(versions.c.version, versions.c.parent, versions.c.merged).where(
        versions.c.table_name == sa.bindparam("name")
    )
)
_TABLES_ON = Statement(
    sa.select(versions.c.table_name)
    .where(versions.c.branch == sa.bindparam("on"))
    .distinct()
    .order_by(versions.c.table_name)
)
_VERSIONS_ON = Statement(
    sa.select(versions.c.version).where(
        versions.c.table_name == sa.bindparam("name"), versions.c.branch == sa.bindparam("on")
    )
)
_TAGGED_VERSIONS = Statement(sa.select(tags.c.version).where(tags.c.table_name == sa.bindparam("name")))
_FORGETS = tuple(
    Statement(sa.delete(table).where(table.c.table_name == sa.bindparam("name"), table.c.version == sa.bindparam("at")))
    for table in (versions, profiles, manifests)
)


def add_move(tx: Transaction, commit: CommitId, table: str, *, earlier: int | None, later: int, operation: str) -> None:
    """Note what a lake commit did to a table's head; `later` is below zero where it dropped the table."""
    row = {"commit_id": commit, "table_name": table, "earlier": earlier, "later": later, "operation": operation}
    tx.run(_ADD_MOVE, row)


def edges(tx: Transaction, name: str) -> dict[int, tuple[int, ...]]:
    """What each version of a table was made from: its parent, and the version that it took in."""
    found = tx.all(_EDGES, {"name": name})
    return {v: tuple(each for each in (parent, merged) if each is not None) for v, parent, merged in found}


def versions_on(tx: Transaction, name: str, branch: str) -> list[int]:
    """The versions of a table that were made on a branch."""
    return [row[0] for row in tx.all(_VERSIONS_ON, {"name": name, "on": branch})]


def tables_on(tx: Transaction, branch: str) -> list[str]:
    """The tables that have versions made on a branch, by name."""
    return [row[0] for row in tx.all(_TABLES_ON, {"on": branch})]


def tagged_versions(tx: Transaction, name: str) -> list[int]:
    """The versions of a table that a tag names."""
    return [row[0] for row in tx.all(_TAGGED_VERSIONS, {"name": name})]


def forget_version(tx: Transaction, name: str, version: int) -> None:
    """Remove a version that nothing refers to."""
    for statement in _FORGETS:
        tx.run(statement, {"name": name, "at": version})
