"""The catalogue: which tables there are, their versions, the lake commits that made them, and the visible head of each.

A head moves by compare-and-swap; a version becomes visible by that and by nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from modelyard.kernel.errors import StaleVersion
from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref
from modelyard.lake.api import Column, CommitId, LoadId, Version
from modelyard.lake.model.filesets import thing
from modelyard.lake.model.moments import MAIN
from modelyard.lake.store.manifests import manifests
from modelyard.ports.database import Migration, Row, Statement, Transaction

CATALOGUE = Migration(
    slice="lake",
    number=1,
    name="catalogue",
    ddl=(
        (
            "CREATE TABLE lake_table (name {text} PRIMARY KEY, location {text} NOT NULL, keys {bytes} NOT NULL,"
            " description {text} NOT NULL, created_ms {int} NOT NULL)"
        ),
        "CREATE TABLE lake_schema (hash {text} PRIMARY KEY, columns {bytes} NOT NULL)",
        (
            "CREATE TABLE lake_commit (seq {serial}, id {text} NOT NULL UNIQUE, at_ms {int} NOT NULL,"
            " author {text} NOT NULL, message {text} NOT NULL, run {text}, reads {bytes} NOT NULL)"
        ),
        (
            "CREATE TABLE lake_version (table_name {text} NOT NULL, version {int} NOT NULL, commit_id {text} NOT NULL,"
            " at_ms {int} NOT NULL, operation {text} NOT NULL, schema_hash {text} NOT NULL, row_count {int} NOT NULL,"
            " rows_added {int} NOT NULL, rows_removed {int} NOT NULL, size_bytes {int} NOT NULL, load_id {text},"
            " PRIMARY KEY (table_name, version))"
        ),
        (
            "CREATE TABLE lake_head (branch {text} NOT NULL, table_name {text} NOT NULL, version {int} NOT NULL,"
            " PRIMARY KEY (branch, table_name))"
        ),
        (
            "CREATE TABLE lake_tag (table_name {text} NOT NULL, tag {text} NOT NULL, version {int} NOT NULL,"
            " PRIMARY KEY (table_name, tag))"
        ),
        (
            "CREATE TABLE lake_profile (table_name {text} NOT NULL, version {int} NOT NULL, body {bytes} NOT NULL,"
            " PRIMARY KEY (table_name, version))"
        ),
    ),
)

tables = sa.table("lake_table", *map(sa.column, ("name", "location", "keys", "description", "created_ms")))
schemas = sa.table("lake_schema", sa.column("hash"), sa.column("columns"))
_COMMIT = ("id", "at_ms", "author", "message", "run", "reads", "branch")
_VERSION = (
    "table_name", "version", "commit_id", "at_ms", "operation", "schema_hash", "row_count", "rows_added",
    "rows_removed", "size_bytes", "load_id", "branch", "parent", "merged", "listed",
)  # fmt: skip
commits = sa.table("lake_commit", *map(sa.column, ("seq", *_COMMIT)))
versions = sa.table("lake_version", *map(sa.column, (*_VERSION, "expired_ms")))
heads = sa.table("lake_head", *map(sa.column, ("branch", "table_name", "version")))
tags = sa.table("lake_tag", *map(sa.column, ("table_name", "tag", "version")))
lineages = sa.table("lake_lineage", sa.column("table_name"))
profiles = sa.table("lake_profile", *map(sa.column, ("table_name", "version", "body")))


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A table at one of its versions, as the catalogue has it.

    Attributes:
        branch: the branch that the version was made on.
        listed: True if a manifest names its files, because the table's own log does not show it.
        expired_ms: when retention let the version go; None while it can be read.
    """

    name: str
    location: str
    keys: tuple[str, ...]
    description: str
    created_ms: int
    version: int
    columns: tuple[Column, ...]
    rows: int
    size_bytes: int
    at_ms: int
    branch: str
    listed: bool
    expired_ms: int | None = None


def _bind(*names: str) -> dict[str, sa.BindParameter[object]]:
    return {name: sa.bindparam(name) for name in names}


_at_version = sa.select(
    tables.c.name, tables.c.location, tables.c["keys"], tables.c.description, tables.c.created_ms, versions.c.version,
    schemas.c["columns"], versions.c.row_count, versions.c.size_bytes, versions.c.at_ms, versions.c.branch,
    versions.c.listed, versions.c.expired_ms,
).select_from(
    tables.join(versions, versions.c.table_name == tables.c.name).join(
        schemas, schemas.c.hash == versions.c.schema_hash
    )
)  # fmt: skip
_at_head = _at_version.join(
    heads,
    sa.and_(
        heads.c.table_name == tables.c.name, heads.c.version == versions.c.version,
        heads.c.branch == sa.bindparam("branch"),
    ),
)  # fmt: skip
_ENTRY_AT = Statement(
    _at_version.where(tables.c.name == sa.bindparam("name"), versions.c.version == sa.bindparam("version"))
)
_EXISTS = Statement(sa.select(tables.c.name).where(tables.c.name == sa.bindparam("name")))
_ENTRY_HEAD = Statement(_at_head.where(tables.c.name == sa.bindparam("name")))
_ENTRIES = Statement(
    _at_head.where(tables.c.name > sa.bindparam("after")).order_by(tables.c.name).limit(sa.bindparam("most"))
)
_others = versions.alias("others")
_NEWEST_OF = sa.select(sa.func.max(_others.c.version)).where(_others.c.table_name == tables.c.name)
_ENTRIES_ANYWHERE = Statement(
    _at_version.where(
        tables.c.name > sa.bindparam("after"),
        versions.c.version
        == sa.func.coalesce(
            sa.select(heads.c.version)
            .where(heads.c.table_name == tables.c.name, heads.c.branch == sa.bindparam("branch"), heads.c.version > 0)
            .scalar_subquery(),
            _NEWEST_OF.scalar_subquery(),
        ),
    )
    .order_by(tables.c.name)
    .limit(sa.bindparam("most"))
)
_PLACES = Statement(sa.select(tables.c.name, tables.c.location))
_PLACE = Statement(sa.select(tables.c.location, tables.c["keys"]).where(tables.c.name == sa.bindparam("name")))
_NEWEST = Statement(sa.select(sa.func.max(versions.c.version)).where(versions.c.table_name == sa.bindparam("name")))
_VERSION_BEFORE = Statement(
    sa.select(sa.func.max(versions.c.version)).where(
        versions.c.table_name == sa.bindparam("name"), versions.c.at_ms <= sa.bindparam("moment"),
        versions.c.branch == MAIN,
    )
)  # fmt: skip
_TAGGED = Statement(
    sa.select(tags.c.version).where(tags.c.table_name == sa.bindparam("name"), tags.c.tag == sa.bindparam("tag"))
)
_UNTAG = Statement(sa.delete(tags).where(tags.c.table_name == sa.bindparam("name"), tags.c.tag == sa.bindparam("tag")))
_TAG_NAMED = Statement(sa.select(tags.c.table_name).where(tags.c.tag == sa.bindparam("tag")).limit(sa.literal(1)))
_TAG = Statement(sa.insert(tags).values(**_bind("table_name", "tag", "version")))
_ADD_TABLE = Statement(sa.insert(tables).values(**_bind("name", "location", "keys", "description", "created_ms")))
_SET_KEYS = Statement(
    sa.update(tables).where(tables.c.name == sa.bindparam("named")).values({tables.c["keys"]: sa.bindparam("fresh")})
)
_ADD_HEAD = Statement(sa.insert(heads).values(**_bind("branch", "table_name", "version")))
_MOVE_HEAD = Statement(
    sa.update(heads)
    .where(
        heads.c.branch == sa.bindparam("on"), heads.c.table_name == sa.bindparam("name"),
        heads.c.version == sa.bindparam("base"),
    )
    .values(version=sa.bindparam("fresh"))
)  # fmt: skip
_HAS_SCHEMA = Statement(sa.select(schemas.c.hash).where(schemas.c.hash == sa.bindparam("hash")))
_ADD_SCHEMA = Statement(sa.insert(schemas).values(**_bind("hash", "columns")))
_ADD_COMMIT = Statement(sa.insert(commits).values(**_bind(*_COMMIT)))
_ADD_VERSION = Statement(sa.insert(versions).values(**_bind(*_VERSION)))
_history = sa.select(
    versions.c.version, versions.c.commit_id, versions.c.operation, commits.c.author, commits.c.message,
    commits.c.run, versions.c.at_ms, versions.c.row_count, versions.c.rows_added, versions.c.rows_removed,
    versions.c.size_bytes, versions.c.schema_hash, versions.c.load_id, commits.c.reads, versions.c.branch,
    versions.c.parent, versions.c.merged, versions.c.expired_ms,
).select_from(versions.join(commits, commits.c.id == versions.c.commit_id))  # fmt: skip
_HISTORY = Statement(
    _history.where(versions.c.table_name == sa.bindparam("name"), versions.c.version < sa.bindparam("before"))
    .order_by(versions.c.version.desc())
    .limit(sa.bindparam("most"))
)
_first = (
    sa.select(versions.c.version, versions.c.parent, sa.literal_column("1").label("steps"))
    .where(versions.c.table_name == sa.bindparam("name"), versions.c.version == sa.bindparam("start"))
    .cte("line", recursive=True)
)
_line = _first.union_all(
    sa.select(versions.c.version, versions.c.parent, _first.c.steps + sa.literal_column("1")).where(
        versions.c.table_name == sa.bindparam("name"), versions.c.version == _first.c.parent,
        _first.c.steps < sa.bindparam("most"),
    )
)  # fmt: skip
_LINE = Statement(
    _history.where(
        versions.c.table_name == sa.bindparam("name"), versions.c.version.in_(sa.select(_line.c.version))
    ).order_by(versions.c.version.desc())
)
_ALL_VERSIONS = Statement(
    sa.select(versions.c.version)
    .where(versions.c.table_name == sa.bindparam("name"), versions.c.expired_ms.is_(None))
    .order_by(versions.c.version)
)
_RECOUNT = Statement(
    sa.update(versions)
    .where(versions.c.table_name == sa.bindparam("name"), versions.c.version == sa.bindparam("at"))
    .values(row_count=sa.bindparam("fresh_rows"), size_bytes=sa.bindparam("fresh_bytes"))
)
_PROFILE = Statement(
    sa.select(profiles.c.body).where(
        profiles.c.table_name == sa.bindparam("name"), profiles.c.version == sa.bindparam("version")
    )
)
_SET_PROFILE = Statement(
    sa.update(profiles)
    .where(profiles.c.table_name == sa.bindparam("name"), profiles.c.version == sa.bindparam("at"))
    .values(body=sa.bindparam("fresh"))
)
_ADD_PROFILE = Statement(sa.insert(profiles).values(**_bind("table_name", "version", "body")))
_DROPS = tuple(
    Statement(sa.delete(table).where(column == sa.bindparam("name")))
    for table, column in (
        (profiles, profiles.c.table_name), (tags, tags.c.table_name), (heads, heads.c.table_name),
        (manifests, manifests.c.table_name), (lineages, lineages.c.table_name),
        (versions, versions.c.table_name), (tables, tables.c.name),
    )
)  # fmt: skip


def entry(tx: Transaction, name: str, version: int | None = None, *, branch: str = MAIN) -> Entry | None:
    """A table at a version, by default at its head on a branch; None if there is none."""
    if version is None:
        row = tx.one(_ENTRY_HEAD, {"name": name, "branch": branch})
    else:
        row = tx.one(_ENTRY_AT, {"name": name, "version": version})
    return None if row is None else _entry(row)


def exists(tx: Transaction, name: str) -> bool:
    """True if there is a table of that name, on whatever branch."""
    return tx.one(_EXISTS, {"name": name}) is not None


def entries(
    tx: Transaction, *, branch: str = MAIN, every: bool = False, after: str = "", most: int = 1_000_000
) -> list[Entry]:
    """Tables at their heads on a branch, by name; with `every` also the others, at their newest version anywhere."""
    query = _ENTRIES_ANYWHERE if every else _ENTRIES
    return [_entry(row) for row in tx.all(query, {"branch": branch, "after": after, "most": most})]


def places(tx: Transaction) -> dict[str, str]:
    """The location of every table that any branch has or had; name -> location."""
    return dict(tx.all(_PLACES))


def place(tx: Transaction, name: str) -> tuple[str, tuple[str, ...]] | None:
    """A table's location and keys, wherever it is shown; None if nothing is known of it."""
    row = tx.one(_PLACE, {"name": name})
    return None if row is None else (row[0], _texts.decode(row[1]))


def newest(tx: Transaction, name: str) -> int | None:
    """The newest version of a table on any branch."""
    row = tx.one(_NEWEST, {"name": name})
    return None if row is None else row[0]


def version_before(tx: Transaction, name: str, moment_ms: int) -> int | None:
    """The version that was the newest on `main` at a moment."""
    row = tx.one(_VERSION_BEFORE, {"name": name, "moment": moment_ms})
    return None if row is None else row[0]


def tagged(tx: Transaction, name: str, tag: str) -> int | None:
    """The version that a tag names."""
    row = tx.one(_TAGGED, {"name": name, "tag": tag})
    return None if row is None else row[0]


def is_tag(tx: Transaction, tag: str) -> bool:
    """True if a version of any table has the tag."""
    return tx.one(_TAG_NAMED, {"tag": tag}) is not None


def set_keys(tx: Transaction, name: str, keys: Sequence[str]) -> None:
    """Let other columns identify a table's rows."""
    tx.run(_SET_KEYS, {"named": name, "fresh": msgspec.json.encode(keys)})


def set_tag(tx: Transaction, name: str, tag: str, version: int) -> None:
    """Let a tag name a version."""
    tx.run(_UNTAG, {"name": name, "tag": tag})
    tx.run(_TAG, {"table_name": name, "tag": tag, "version": version})


def add_table(
    tx: Transaction, name: str, *, location: str, keys: Sequence[str], description: str, created_ms: int
) -> None:
    """Note a new table; no branch shows it yet.

    Raises:
        AlreadyExists: the name is taken.
    """
    row = {"name": name, "location": location, "keys": msgspec.json.encode(keys), "description": description}
    tx.run(_ADD_TABLE, {**row, "created_ms": created_ms})


def move_head(tx: Transaction, name: str, *, branch: str, base: int | None, fresh: int) -> None:
    """Make `fresh` the version that a branch shows, if `base` still is.

    Args:
        base: None if the branch never had the table; below zero if it dropped it.

    Raises:
        StaleVersion: it no longer is.
        AlreadyExists: the branch has the table by now.
    """
    if base is None:
        tx.run(_ADD_HEAD, {"branch": branch, "table_name": name, "version": fresh})
    elif tx.run(_MOVE_HEAD, {"on": branch, "name": name, "base": base, "fresh": fresh}) != 1:
        raise StaleVersion(f"table {name} is no longer at version {base} on {branch}; look again and repeat")


def add_commit(
    tx: Transaction, *, commit: CommitId, at_ms: int, author: ActorId, message: str, run: str | None,
    reads: Sequence[Ref], branch: str,
) -> None:  # fmt: skip
    """Note a lake commit."""
    row = {"id": commit, "at_ms": at_ms, "author": author, "message": message, "run": run, "branch": branch}
    tx.run(_ADD_COMMIT, {**row, "reads": msgspec.json.encode(reads)})


def add_version(tx: Transaction, version: Version, columns: Sequence[Column], *, listed: bool) -> None:
    """Note a version of a table and its columns.

    Args:
        listed: a manifest names its files.
    """
    if tx.one(_HAS_SCHEMA, {"hash": version.schema_hash}) is None:
        tx.run(_ADD_SCHEMA, {"hash": version.schema_hash, "columns": msgspec.json.encode(columns)})
    tx.run(
        _ADD_VERSION,
        {
            "table_name": version.table, "version": version.version, "commit_id": version.commit,
            "at_ms": version.at_ms, "operation": version.operation, "schema_hash": version.schema_hash,
            "row_count": version.rows, "rows_added": version.rows_added, "rows_removed": version.rows_removed,
            "size_bytes": version.size_bytes, "load_id": version.load, "branch": version.branch,
            "parent": version.parent, "merged": version.merged, "listed": int(listed),
        },
    )  # fmt: skip


def history(tx: Transaction, name: str, *, before: int, most: int) -> list[Version]:
    """Versions of all branches below `before`, newest first."""
    return [_version(name, row) for row in tx.all(_HISTORY, {"name": name, "before": before, "most": most})]


def line(tx: Transaction, name: str, *, start: int, most: int) -> list[Version]:
    """A version, the one it was made from, and so on; newest first."""
    return [_version(name, row) for row in tx.all(_LINE, {"name": name, "start": start, "most": most})]


def all_versions(tx: Transaction, name: str) -> list[int]:
    """Every version that can be read, oldest first."""
    return [row[0] for row in tx.all(_ALL_VERSIONS, {"name": name})]


def recount(tx: Transaction, name: str, version: int, *, rows: int, size_bytes: int) -> None:
    """Note what an erasure left of a version."""
    tx.run(_RECOUNT, {"name": name, "at": version, "fresh_rows": rows, "fresh_bytes": size_bytes})


def profile(tx: Transaction, name: str, version: int) -> bytes | None:
    """The stored profile of a version."""
    row = tx.one(_PROFILE, {"name": name, "version": version})
    return None if row is None else bytes(row[0])


def keep_profile(tx: Transaction, name: str, version: int, body: bytes) -> None:
    """Store a profile, in place of an older one."""
    if tx.run(_SET_PROFILE, {"name": name, "at": version, "fresh": body}) == 0:
        tx.run(_ADD_PROFILE, {"table_name": name, "version": version, "body": body})


def forget_profiles(tx: Transaction, name: str) -> None:
    """Remove the profiles of all versions of a table."""
    tx.run(_DROPS[0], {"name": name})


def drop(tx: Transaction, name: str) -> None:
    """Remove a table from the catalogue; its commits stay."""
    for statement in _DROPS:
        tx.run(statement, {"name": name})


_columns = msgspec.json.Decoder(tuple[Column, ...])
_texts = msgspec.json.Decoder(tuple[str, ...])
_refs = msgspec.json.Decoder(tuple[Ref, ...])


def _entry(row: Row) -> Entry:
    (
        name, location, keys, description, created_ms, version, columns, rows, size_bytes, at_ms, branch, listed, gone,
    ) = row  # fmt: skip
    return Entry(
        name=name, location=location, keys=_texts.decode(keys), description=description, created_ms=created_ms,
        version=version, columns=_columns.decode(columns), rows=rows, size_bytes=size_bytes, at_ms=at_ms,
        branch=branch, listed=bool(listed), expired_ms=gone,
    )  # fmt: skip


def _version(name: str, row: Row) -> Version:
    (
        version, commit, operation, author, message, run, at_ms, rows, added, removed, size, schema, load, reads,
        branch, parent, merged, gone,
    ) = row  # fmt: skip
    return Version(
        table=name, version=version, ref=thing(name, version), commit=CommitId(commit), operation=operation,
        author=ActorId(author), message=message, run=run, at_ms=at_ms, rows=rows, rows_added=added,
        rows_removed=removed, size_bytes=size, schema_hash=schema, load=None if load is None else LoadId(load),
        reads=_refs.decode(reads), branch=branch, parent=parent, merged=merged, expired_ms=gone,
    )  # fmt: skip
