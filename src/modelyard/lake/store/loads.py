"""Loads and what became of each quarantined row; the rows themselves lie in one Parquet file a load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import sqlalchemy as sa

from modelyard.kernel.errors import NotFound
from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import ref
from modelyard.lake.api import Format, Load, LoadId, LoadState, Mode, RowState
from modelyard.ports.database import Migration, Row, Statement, Transaction
from modelyard.ports.statements import cached, in_params

LOADS = Migration(
    slice="lake",
    number=2,
    name="loads",
    ddl=(
        (
            "CREATE TABLE lake_load (id {text} PRIMARY KEY, table_name {text} NOT NULL, version {int},"
            " state {text} NOT NULL,"
            " source {text} NOT NULL, digest {text} NOT NULL, size_bytes {int} NOT NULL, format {text} NOT NULL,"
            " mode {text} NOT NULL, rows_in {int} NOT NULL, rows_loaded {int} NOT NULL,"
            " rows_quarantined {int} NOT NULL,"
            " held {int} NOT NULL, started_ms {int} NOT NULL, took_ms {int} NOT NULL, author {text} NOT NULL,"
            " dialect {bytes} NOT NULL, notes {bytes} NOT NULL, replays {text}, source_ref {text} NOT NULL)"
        ),
        "CREATE INDEX lake_load_by_table ON lake_load (table_name, id)",
        "CREATE INDEX lake_load_by_digest ON lake_load (digest)",
        (
            "CREATE TABLE lake_resolution (load_id {text} NOT NULL, row_no {int} NOT NULL, state {text} NOT NULL,"
            " note {text} NOT NULL, at_ms {int} NOT NULL, author {text} NOT NULL, PRIMARY KEY (load_id, row_no))"
        ),
    ),
)

ORIGINS = Migration(
    slice="lake",
    number=12,
    name="origins",
    ddl=(
        "ALTER TABLE lake_load ADD COLUMN origin {text} NOT NULL DEFAULT ''",
        "ALTER TABLE lake_load ADD COLUMN rows_unchanged {int} NOT NULL DEFAULT 0",
        "ALTER TABLE lake_load ADD COLUMN position_before {text} NOT NULL DEFAULT ''",
        "ALTER TABLE lake_load ADD COLUMN position_after {text} NOT NULL DEFAULT ''",
    ),
)

_FIELDS = (
    "id", "table_name", "version", "state", "source", "digest", "size_bytes", "format", "mode", "rows_in",
    "rows_loaded", "rows_quarantined", "held", "started_ms", "took_ms", "author", "dialect", "notes", "replays",
    "source_ref", "branch", "origin", "rows_unchanged", "position_before", "position_after",
)  # fmt: skip
loads = sa.table("lake_load", *map(sa.column, _FIELDS))
resolutions = sa.table("lake_resolution", *map(sa.column, ("load_id", "row_no", "state", "note", "at_ms", "author")))

_AT_ONCE = 200
_ADD = Statement(sa.insert(loads).values(**{name: sa.bindparam(name) for name in _FIELDS}))
_GET = Statement(sa.select(*loads.c).where(loads.c.id == sa.bindparam("id")))
_ALL = Statement(
    sa.select(*loads.c)
    .where(loads.c.id < sa.bindparam("before"))
    .order_by(loads.c.id.desc())
    .limit(sa.bindparam("most"))
)
_OF_TABLE = Statement(
    sa.select(*loads.c)
    .where(loads.c.table_name == sa.bindparam("name"), loads.c.id < sa.bindparam("before"))
    .order_by(loads.c.id.desc())
    .limit(sa.bindparam("most"))
)
_HELD = Statement(sa.select(loads.c.table_name, sa.func.sum(loads.c.held)).group_by(loads.c.table_name))
_HELD_OF = Statement(
    sa.select(sa.func.coalesce(sa.func.sum(loads.c.held), 0)).where(loads.c.table_name == sa.bindparam("name"))
)
_SET_HELD = Statement(
    sa.update(loads)
    .where(loads.c.id == sa.bindparam("load"), loads.c.held == sa.bindparam("was"))
    .values(held=sa.bindparam("fresh"))
)
_LESS = Statement(
    sa.update(loads).where(loads.c.id == sa.bindparam("load")).values(held=loads.c.held - sa.bindparam("less"))
)
_SET_NOTES = Statement(sa.update(loads).where(loads.c.id == sa.bindparam("load")).values(notes=sa.bindparam("fresh")))
_FORGET_SOURCE = Statement(sa.update(loads).where(loads.c.digest == sa.bindparam("gone")).values(digest=""))
_RESOLVE = Statement(
    sa.insert(resolutions).values(
        **{n: sa.bindparam(n) for n in ("load_id", "row_no", "state", "note", "at_ms", "author")}
    )
)
_RESOLVED = Statement(
    sa.select(
        resolutions.c.row_no, resolutions.c.state, resolutions.c.note, resolutions.c.at_ms, resolutions.c.author
    ).where(resolutions.c.load_id == sa.bindparam("load"))
)
_HOLDING = Statement(
    sa.select(*loads.c).where(loads.c.table_name == sa.bindparam("name"), loads.c.held > 0).order_by(loads.c.id.desc())
)
_DROP_LOADS = Statement(sa.delete(loads).where(loads.c.table_name == sa.bindparam("name")))
_DROP_RESOLUTIONS = Statement(sa.delete(resolutions).where(resolutions.c.load_id == sa.bindparam("load")))

_LAST = "\x7f"


def add(tx: Transaction, load: Load) -> None:
    """Note a load."""
    tx.run(
        _ADD,
        {
            "id": load.id, "table_name": load.table, "version": load.version, "state": load.state.value,
            "source": load.source, "digest": load.digest, "size_bytes": load.size_bytes, "format": load.format.value,
            "mode": load.mode.value, "rows_in": load.rows_in, "rows_loaded": load.rows_loaded,
            "rows_quarantined": load.rows_quarantined, "held": load.held, "started_ms": load.started_ms,
            "took_ms": load.took_ms, "author": load.author, "dialect": msgspec.json.encode(load.dialect),
            "notes": msgspec.json.encode(load.notes), "replays": load.replays, "source_ref": _short(load),
            "branch": load.branch,
            "origin": load.origin, "rows_unchanged": load.rows_unchanged, "position_before": load.position_before,
            "position_after": load.position_after,
        },
    )  # fmt: skip


def _short(load: Load) -> str:
    return "" if load.source_ref is None else load.source_ref.rpartition("@")[2]


def get(tx: Transaction, load: LoadId) -> Load | None:
    """One load."""
    row = tx.one(_GET, {"id": load})
    return None if row is None else _load(row)


def found(tx: Transaction, load: LoadId) -> Load:
    """One load.

    Raises:
        NotFound: there is none of that id.
    """
    if (known := get(tx, load)) is None:
        raise NotFound(f"there is no load {load}; list them: yard lake loads")
    return known


def listed(tx: Transaction, *, table: str | None, before: str | None, most: int) -> list[Load]:
    """Loads, newest first."""
    if table is None:
        rows = tx.all(_ALL, {"before": before or _LAST, "most": most})
    else:
        rows = tx.all(_OF_TABLE, {"name": table, "before": before or _LAST, "most": most})
    return [_load(row) for row in rows]


def held_by_table(tx: Transaction) -> dict[str, int]:
    """Rows that wait in the quarantine, by table."""
    return {name: int(held or 0) for name, held in tx.all(_HELD)}


def held(tx: Transaction, table: str) -> int:
    """Rows of one table that wait in the quarantine."""
    row = tx.one(_HELD_OF, {"name": table})
    return 0 if row is None else int(row[0])


def resolve(
    tx: Transaction, load: Load, rows: Iterable[int], *, state: RowState, note: str, at_ms: int, author: ActorId
) -> bool:
    """Note what became of held rows; False if the load changed since it was read.

    Raises:
        AlreadyExists: one of the rows is no longer held.
    """
    fresh = [
        {"load_id": load.id, "row_no": row, "state": state.value, "note": note, "at_ms": at_ms, "author": author}
        for row in rows
    ]
    if tx.run(_SET_HELD, {"load": load.id, "was": load.held, "fresh": load.held - len(fresh)}) != 1:
        return False
    tx.many(_RESOLVE, fresh)
    return True


class Resolution(msgspec.Struct, frozen=True):
    """What became of a held row: who said so, when, and why."""

    state: RowState
    note: str
    at_ms: int
    author: ActorId


def resolved(tx: Transaction, load: LoadId) -> dict[int, Resolution]:
    """Rows of a load that are no longer held, and what became of them."""
    return {
        row: Resolution(RowState(state), note, at_ms, ActorId(author))
        for row, state, note, at_ms, author in tx.all(_RESOLVED, {"load": load})
    }


def holding(tx: Transaction, table: str) -> list[Load]:
    """Loads of a table that still hold rows, newest first."""
    return [_load(row) for row in tx.all(_HOLDING, {"name": table})]


def hold_less(tx: Transaction, load: LoadId, rows: int) -> None:
    """Note that an erasure removed held rows of a load."""
    tx.run(_LESS, {"load": load, "less": rows})


def set_notes(tx: Transaction, load: LoadId, notes: Iterable[str]) -> None:
    """Replace a load's notes."""
    tx.run(_SET_NOTES, {"load": load, "fresh": msgspec.json.encode(tuple(notes))})


def objects_held(tx: Transaction, digests: Sequence[str]) -> set[str]:
    """Those of the digests that are the source of a load."""
    found: set[str] = set()
    for start in range(0, len(digests), _AT_ONCE):
        inside, params = in_params("d", digests[start : start + _AT_ONCE])
        rows = tx.all(cached(f"SELECT DISTINCT digest FROM lake_load WHERE digest IN ({inside})"), params)
        found |= {digest for (digest,) in rows}
    return found


def forget_source(tx: Transaction, digest: str) -> None:
    """Note that the bytes of a source are gone."""
    tx.run(_FORGET_SOURCE, {"gone": digest})


def drop(tx: Transaction, table: str) -> None:
    """Remove the loads of a table."""
    for load in listed(tx, table=table, before=None, most=1_000_000):
        tx.run(_DROP_RESOLUTIONS, {"load": load.id})
    tx.run(_DROP_LOADS, {"name": table})


_dialect = msgspec.json.Decoder(dict[str, str])
_notes = msgspec.json.Decoder(tuple[str, ...])


def _load(row: Row) -> Load:
    (
        load, table, version, state, source, digest, size, form, mode, rows_in, loaded, quarantined, held_rows, started,
        took, author, dialect, notes, replays, source_ref, branch, origin, unchanged, before, after,
    ) = row  # fmt: skip
    return Load(
        id=LoadId(load), table=table, version=version, state=LoadState(state), source=source,
        source_ref=ref("source", source, source_ref) if source_ref else None, digest=digest, size_bytes=size,
        format=Format(form), mode=Mode(mode), rows_in=rows_in, rows_loaded=loaded, rows_quarantined=quarantined,
        held=held_rows, started_ms=started, took_ms=took, author=ActorId(author), dialect=_dialect.decode(dialect),
        notes=_notes.decode(notes), replays=None if replays is None else LoadId(replays), branch=branch, origin=origin,
        rows_unchanged=unchanged, position_before=before, position_after=after,
    )  # fmt: skip
