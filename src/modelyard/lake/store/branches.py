"""Branches: rows that say which branches there are, and for each table the version that a branch shows.

A branch is made by copying its source's heads: no data moves. A head below zero is a table that the branch dropped, and
says at which version; so a merge can tell a table that was dropped from one that never was there.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from modelyard.kernel.errors import Conflict, NotFound
from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import ref
from modelyard.lake.api import Branch, BranchState
from modelyard.ports.database import Migration, Row, Statement, Transaction

BRANCHES = Migration(
    slice="lake",
    number=3,
    name="branches",
    ddl=(
        (
            "CREATE TABLE lake_branch (seq {serial}, name {text} NOT NULL, source {text} NOT NULL,"
            " source_seq {int} NOT NULL, description {text} NOT NULL, author {text} NOT NULL, at_ms {int} NOT NULL,"
            " protected {int} NOT NULL, state {text} NOT NULL, closed_ms {int})"
        ),
        "CREATE UNIQUE INDEX lake_branch_open ON lake_branch (name) WHERE state = 'open'",
        (
            "INSERT INTO lake_branch (name, source, source_seq, description, author, at_ms, protected, state)"
            " VALUES ('main', '', 0, '', 'system', 0, 0, 'open')"
        ),
        (
            "CREATE TABLE lake_manifest (table_name {text} NOT NULL, version {int} NOT NULL, body {bytes} NOT NULL,"
            " PRIMARY KEY (table_name, version))"
        ),
        "ALTER TABLE lake_version ADD COLUMN branch {text} NOT NULL DEFAULT 'main'",
        "ALTER TABLE lake_version ADD COLUMN parent {int}",
        "ALTER TABLE lake_version ADD COLUMN merged {int}",
        "ALTER TABLE lake_version ADD COLUMN listed {int} NOT NULL DEFAULT 0",
        (
            "UPDATE lake_version SET parent = (SELECT max(o.version) FROM lake_version o"
            " WHERE o.table_name = lake_version.table_name AND o.version < lake_version.version)"
        ),
        "ALTER TABLE lake_commit ADD COLUMN branch {text} NOT NULL DEFAULT 'main'",
        "ALTER TABLE lake_load ADD COLUMN branch {text} NOT NULL DEFAULT 'main'",
        (
            "CREATE TABLE lake_move (commit_id {text} NOT NULL, table_name {text} NOT NULL, earlier {int},"
            " later {int} NOT NULL, operation {text} NOT NULL, PRIMARY KEY (commit_id, table_name))"
        ),
        (
            "INSERT INTO lake_move (commit_id, table_name, earlier, later, operation)"
            " SELECT commit_id, table_name, parent, version, operation FROM lake_version"
        ),
    ),
)

_FIELDS = (
    "seq", "name", "source", "source_seq", "description", "author", "at_ms", "protected", "state", "closed_ms",
)  # fmt: skip
branches = sa.table("lake_branch", *map(sa.column, _FIELDS))
heads = sa.table("lake_head", *map(sa.column, ("branch", "table_name", "version")))
commits = sa.table("lake_commit", sa.column("seq"))
_shown = (
    sa.select(sa.func.count())
    .where(heads.c.branch == branches.c.name, heads.c.version > 0, branches.c.state == BranchState.OPEN.value)
    .scalar_subquery()
)
_every = sa.select(*branches.c, _shown)
_OPEN = Statement(_every.where(branches.c.name == sa.bindparam("name"), branches.c.state == BranchState.OPEN.value))
_LAST = Statement(
    _every.where(branches.c.name == sa.bindparam("name")).order_by(branches.c.seq.desc()).limit(sa.literal(1))
)
_LISTED = Statement(
    _every.where(
        branches.c.seq > sa.bindparam("after"),
        sa.or_(sa.bindparam("state") == "", branches.c.state == sa.bindparam("state")),
    )
    .order_by(branches.c.seq)
    .limit(sa.bindparam("most"))
)
_NEWEST_COMMIT = Statement(sa.select(sa.func.coalesce(sa.func.max(commits.c.seq), 0)))
_ADD = Statement(
    sa.insert(branches).values(
        protected=sa.literal(0), state=sa.literal(BranchState.OPEN.value),
        **{n: sa.bindparam(n) for n in ("name", "source", "source_seq", "description", "author", "at_ms")},
    )
)  # fmt: skip
_SHOW = Statement(sa.insert(heads).values(**{n: sa.bindparam(n) for n in ("branch", "table_name", "version")}))
_COPY = Statement(
    sa.insert(heads).from_select(
        ["branch", "table_name", "version"],
        sa.select(sa.bindparam("fresh"), heads.c.table_name, heads.c.version).where(
            heads.c.branch == sa.bindparam("source"), heads.c.version > 0
        ),
    )
)
_PROTECT = Statement(
    sa.update(branches)
    .where(branches.c.name == sa.bindparam("named"), branches.c.state == BranchState.OPEN.value)
    .values(protected=sa.bindparam("fresh"))
)
_CLOSE = Statement(
    sa.update(branches)
    .where(branches.c.name == sa.bindparam("named"), branches.c.state == BranchState.OPEN.value)
    .values(state=sa.bindparam("fresh"), closed_ms=sa.bindparam("at"))
)
_FORGET_HEADS = Statement(sa.delete(heads).where(heads.c.branch == sa.bindparam("named")))
_HEADS = Statement(
    sa.select(heads.c.table_name, heads.c.version)
    .where(heads.c.branch == sa.bindparam("branch"))
    .order_by(heads.c.table_name)
)
_HEAD = Statement(
    sa.select(heads.c.version).where(heads.c.branch == sa.bindparam("branch"), heads.c.table_name == sa.bindparam("t"))
)
_EVERY_HEAD = Statement(sa.select(heads.c.version).where(heads.c.table_name == sa.bindparam("t")))
_HOLDERS = Statement(
    sa.select(heads.c.branch, heads.c.version)
    .where(heads.c.table_name == sa.bindparam("t"), heads.c.version > 0)
    .order_by(heads.c.branch)
)


def is_open(tx: Transaction, name: str) -> bool:
    """True if there is an open branch of that name."""
    return tx.one(_OPEN, {"name": name}) is not None


def opened(tx: Transaction, name: str) -> Branch:
    """An open branch.

    Raises:
        NotFound: there is none of that name.
    """
    row = tx.one(_OPEN, {"name": name})
    if row is None:
        last = tx.one(_LAST, {"name": name})
        was = "" if last is None else f" any more; it was {_branch(last).state.value}"
        raise NotFound(f"there is no branch {name}{was}. List them: yard lake branches")
    return _branch(row)


def newest(tx: Transaction, name: str) -> Branch | None:
    """The branch of that name, the last one where there were several."""
    row = tx.one(_OPEN, {"name": name}) or tx.one(_LAST, {"name": name})
    return None if row is None else _branch(row)


def writable(tx: Transaction, name: str) -> None:
    """Refuse a direct write into a branch that does not take it.

    Raises:
        NotFound: there is no such open branch.
        Conflict: it is protected.
    """
    if opened(tx, name).protected:
        raise Conflict(
            f"branch {name} is protected: write to a branch of it, then publish. E.g. yard lake create-branch "
            f"NAME --source {name}, load with --branch NAME, yard lake publish NAME"
        )


def listed(tx: Transaction, *, state: BranchState | None, after: int, most: int) -> list[tuple[int, Branch]]:
    """Branches with their place in the list, in order of making."""
    rows = tx.all(_LISTED, {"after": after, "state": "" if state is None else state.value, "most": most})
    return [(int(row[0]), _branch(row)) for row in rows]


def add(tx: Transaction, name: str, *, source: str, description: str, author: ActorId, at_ms: int) -> None:
    """Note a new branch; it shows nothing yet.

    Raises:
        AlreadyExists: an open branch has the name.
    """
    newest_commit = tx.one(_NEWEST_COMMIT)
    row = {"name": name, "source": source, "description": description, "author": author, "at_ms": at_ms}
    tx.run(_ADD, {**row, "source_seq": 0 if newest_commit is None else newest_commit[0]})
    tx.run(_FORGET_HEADS, {"named": name})


def copy_heads(tx: Transaction, name: str, *, source: str) -> None:
    """Let a branch show what another shows."""
    tx.run(_COPY, {"fresh": name, "source": source})


def show(tx: Transaction, name: str, tables: Mapping[str, int]) -> None:
    """Let a new branch show some versions, as far as they still are there."""
    tx.many(_SHOW, [{"branch": name, "table_name": table, "version": version} for table, version in tables.items()])


def protect(tx: Transaction, name: str, *, protected: bool) -> None:
    """Say whether direct writes are refused."""
    tx.run(_PROTECT, {"named": name, "fresh": int(protected)})


def close(tx: Transaction, name: str, *, state: BranchState, at_ms: int) -> None:
    """End a branch: its name is free again, it shows nothing any more."""
    tx.run(_CLOSE, {"named": name, "fresh": state.value, "at": at_ms})
    tx.run(_FORGET_HEADS, {"named": name})


def heads_of(tx: Transaction, branch: str) -> dict[str, int]:
    """The version of each table on a branch; below zero where the branch dropped it."""
    return dict(tx.all(_HEADS, {"branch": branch}))


def head(tx: Transaction, branch: str, table: str) -> int | None:
    """A table's version on a branch; below zero where the branch dropped it, None where it never was."""
    row = tx.one(_HEAD, {"branch": branch, "t": table})
    return None if row is None else int(row[0])


def every_head(tx: Transaction, table: str) -> list[int]:
    """A table's heads on all branches, those below zero included."""
    return [row[0] for row in tx.all(_EVERY_HEAD, {"t": table})]


def holders(tx: Transaction, table: str) -> dict[str, int]:
    """The open branches that show a table, and at which version."""
    return dict(tx.all(_HOLDERS, {"t": table}))


def _branch(row: Row) -> Branch:
    _, name, source, _, description, author, at_ms, protected, state, closed_ms, tables = row
    return Branch(
        name=name, ref=ref("branch", name), source=source, description=description, author=ActorId(author),
        at_ms=at_ms, protected=bool(protected), state=BranchState(state), tables=int(tables), closed_ms=closed_ms,
    )  # fmt: skip
