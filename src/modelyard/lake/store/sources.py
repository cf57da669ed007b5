"""Declared sources, how far each was read as of a version of its table, and the files that were taken from it.

A position belongs to a version: a branch begins where it was cut, a restored table reads on from where it stood then,
and what two branches read is found again where they come together.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from modelyard.kernel.ids import ActorId
from modelyard.lake.api import Drawing, PullMode
from modelyard.lake.store import descent
from modelyard.ports.database import Migration, Row, Statement, Transaction

SOURCES = Migration(
    slice="lake",
    number=11,
    name="sources",
    ddl=(
        (
            "CREATE TABLE lake_source (name {text} PRIMARY KEY, table_name {text} NOT NULL, body {bytes} NOT NULL,"
            " author {text} NOT NULL, created_ms {int} NOT NULL, updated_ms {int} NOT NULL, pulled_ms {int})"
        ),
        (
            "CREATE TABLE lake_position (table_name {text} NOT NULL, version {int} NOT NULL, source {text} NOT NULL,"
            " position {text} NOT NULL, PRIMARY KEY (table_name, version, source))"
        ),
        (
            "CREATE TABLE lake_taken (id {text} PRIMARY KEY, source {text} NOT NULL, table_name {text} NOT NULL,"
            " parent {text} NOT NULL, name {text} NOT NULL, digest {text} NOT NULL, mark {text} NOT NULL,"
            " at_ms {int} NOT NULL)"
        ),
        "CREATE INDEX lake_taken_by_source ON lake_taken (source, table_name)",
    ),
)

_COLUMNS = ("name", "table_name", "body", "author", "created_ms", "updated_ms", "pulled_ms")
sources = sa.table("lake_source", *map(sa.column, _COLUMNS))
positions = sa.table("lake_position", *map(sa.column, ("table_name", "version", "source", "position")))
_TAKEN = ("id", "source", "table_name", "parent", "name", "digest", "mark", "at_ms")
taken_files = sa.table("lake_taken", *map(sa.column, _TAKEN))


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A declared source as it is kept."""

    name: str
    address: str
    table: str
    stream: str
    mode: PullMode
    keys: tuple[str, ...]
    cursor: str
    drawing: Drawing
    author: ActorId
    created_ms: int
    updated_ms: int
    pulled_ms: int | None = None


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was loaded; `parent` is the one before it."""

    id: str
    source: str
    table: str
    parent: str
    name: str
    digest: str
    mark: str
    at_ms: int


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    address: str
    stream: str
    mode: PullMode
    keys: tuple[str, ...]
    cursor: str
    drawing: Drawing


_bind = sa.bindparam
_ADD = Statement(sa.insert(sources).values(**{name: _bind(name) for name in _COLUMNS}))
_CHANGE = Statement(
    sa.update(sources)
    .where(sources.c.name == _bind("which"))
    .values(table_name=_bind("table_name"), body=_bind("body"), updated_ms=_bind("updated_ms"))
)
_PULLED = Statement(sa.update(sources).where(sources.c.name == _bind("which")).values(pulled_ms=_bind("moment")))
_GET = Statement(sa.select(*sources.c).where(sources.c.name == _bind("name")))
_ALL = Statement(sa.select(*sources.c).order_by(sources.c.name))
_REMOVE = Statement(sa.delete(sources).where(sources.c.name == _bind("name")))
_POSITIONS = Statement(
    sa.select(positions.c.version, positions.c.position).where(
        positions.c.table_name == _bind("name"), positions.c.source == _bind("source")
    )
)
_OF_TABLE = Statement(sa.select(positions.c.source).where(positions.c.table_name == _bind("name")).distinct())
_UNPLACE = Statement(
    sa.delete(positions).where(
        positions.c.table_name == _bind("name"), positions.c.version == _bind("at"),
        positions.c.source == _bind("source"),
    )
)  # fmt: skip
_PLACE = Statement(
    sa.insert(positions).values(
        **{name: _bind(name) for name in ("table_name", "version", "source", "position")}
    )
)  # fmt: skip
_TAKE = Statement(sa.insert(taken_files).values(**{name: _bind(name) for name in _TAKEN}))
_OF_SOURCE = Statement(
    sa.select(*taken_files.c).where(
        taken_files.c.source == _bind("source"), taken_files.c.table_name == _bind("table_name")
    )
)
_FORGET_TABLE = tuple(
    Statement(sa.delete(table).where(table.c.table_name == _bind("name"))) for table in (positions, taken_files)
)


def put(tx: Transaction, kept: Kept) -> None:
    """Keep a source, in place of one of the same name."""
    body = msgspec.json.encode(
        _Body(
            address=kept.address, stream=kept.stream, mode=kept.mode, keys=kept.keys, cursor=kept.cursor,
            drawing=kept.drawing,
        )
    )  # fmt: skip
    change = {"which": kept.name, "table_name": kept.table, "body": body, "updated_ms": kept.updated_ms}
    if tx.run(_CHANGE, change) == 0:
        tx.run(
            _ADD,
            {
                "name": kept.name, "table_name": kept.table, "body": body, "author": kept.author,
                "created_ms": kept.created_ms, "updated_ms": kept.updated_ms, "pulled_ms": None,
            },
        )  # fmt: skip


def get(tx: Transaction, name: str) -> Kept | None:
    """One source."""
    row = tx.one(_GET, {"name": name})
    return None if row is None else _kept(row)


def listed(tx: Transaction) -> list[Kept]:
    """Every source, by name."""
    return [_kept(row) for row in tx.all(_ALL)]


def remove(tx: Transaction, name: str) -> bool:
    """Forget a source; False if there was none."""
    return tx.run(_REMOVE, {"name": name}) == 1


def note_pull(tx: Transaction, name: str, moment_ms: int) -> None:
    """Note when a source was pulled."""
    tx.run(_PULLED, {"which": name, "moment": moment_ms})


def position(tx: Transaction, table: str, version: int | None, source: str) -> str:
    """How far a source was read as of a version of its table; empty if it never was."""
    if version is None:
        return ""
    known = {int(at): str(kept) for at, kept in tx.all(_POSITIONS, {"name": table, "source": source})}
    if not known:
        return ""
    made_from = descent.edges(tx, table)
    waiting, seen = [version], set[int]()
    while waiting:
        at = waiting.pop()
        if at in known:
            return known[at]
        seen.add(at)
        waiting += [v for v in made_from.get(at, ()) if v not in seen]
    return ""


def place(tx: Transaction, table: str, version: int, source: str, position_: str) -> None:
    """Note how far a source was read as of a version."""
    tx.run(_UNPLACE, {"name": table, "at": version, "source": source})
    tx.run(_PLACE, {"table_name": table, "version": version, "source": source, "position": position_})


def carry(tx: Transaction, table: str, *, old: int, fresh: int) -> None:
    """Let a version that is an older one again be read on from where each source stood then."""
    for (source,) in tx.all(_OF_TABLE, {"name": table}):
        place(tx, table, fresh, source, position(tx, table, old, source))


def take(tx: Transaction, file: Taken) -> None:
    """Note a file that was loaded."""
    tx.run(
        _TAKE,
        {
            "id": file.id, "source": file.source, "table_name": file.table, "parent": file.parent, "name": file.name,
            "digest": file.digest, "mark": file.mark, "at_ms": file.at_ms,
        },
    )  # fmt: skip


def taken(tx: Transaction, source: str, table: str, position_: str) -> list[Taken]:
    """The files that were loaded up to a position, newest first."""
    rows = tx.all(_OF_SOURCE, {"source": source, "table_name": table})
    by_id = {row[0]: row for row in rows}
    found = []
    while (row := by_id.pop(position_, None)) is not None:
        id_, of, into, parent, name, digest, mark, at_ms = row
        found.append(
            Taken(id=id_, source=of, table=into, parent=parent, name=name, digest=digest, mark=mark, at_ms=at_ms)
        )
        position_ = parent
    return found


def forget_table(tx: Transaction, table: str) -> None:
    """Forget how far any source was read into a table that is dropped."""
    for statement in _FORGET_TABLE:
        tx.run(statement, {"name": table})


_body = msgspec.json.Decoder(_Body)


def _kept(row: Row) -> Kept:
    name, table, raw, author, created, updated, pulled = row
    body = _body.decode(raw)
    return Kept(
        name=name, address=body.address, table=table, stream=body.stream, mode=body.mode, keys=body.keys,
        cursor=body.cursor, drawing=body.drawing, author=ActorId(author), created_ms=created, updated_ms=updated,
        pulled_ms=pulled,
    )  # fmt: skip
