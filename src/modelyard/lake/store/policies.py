"""Policies as they are kept, and the SQL of a copy of a version as a reader may see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import sqlalchemy as sa

from modelyard.kernel.ids import ActorId
from modelyard.lake.api import Column, Mask, Policy
from modelyard.lake.model.columns import LOAD_COLUMN, ROW_COLUMN, sql_type
from modelyard.lake.store.casts import literal, quoted
from modelyard.lake.store.scans import source
from modelyard.ports.database import Migration, Statement, Transaction

POLICIES = Migration(
    slice="lake",
    number=13,
    name="policies",
    ddl=(
        (
            "CREATE TABLE lake_policy (table_name {text} PRIMARY KEY, row_filter {text} NOT NULL,"
            " masks {bytes} NOT NULL, salt {text} NOT NULL, author {text} NOT NULL, at_ms {int} NOT NULL)"
        ),
    ),
)

_FIELDS = ("table_name", "row_filter", "masks", "salt", "author", "at_ms")
policies = sa.table("lake_policy", *map(sa.column, _FIELDS))
_GET = Statement(sa.select(*policies.c).where(policies.c.table_name == sa.bindparam("name")))
_FORGET = Statement(sa.delete(policies).where(policies.c.table_name == sa.bindparam("name")))
_PUT = Statement(sa.insert(policies).values(**{name: sa.bindparam(name) for name in _FIELDS}))
_masks = msgspec.json.Decoder(dict[str, Mask])


def get(tx: Transaction, table: str) -> tuple[Policy, str] | None:
    """A table's policy and the salt of its hashes; None if it hides nothing."""
    if (row := tx.one(_GET, {"name": table})) is None:
        return None
    name, row_filter, masks, salt, author, at_ms = row
    found = Policy(table=name, row_filter=row_filter, masks=_masks.decode(masks), author=ActorId(author), at_ms=at_ms)
    return found, salt


def put(tx: Transaction, policy: Policy, salt: str) -> None:
    """Keep a policy in place of the one before."""
    forget(tx, policy.table)
    tx.run(
        _PUT,
        {
            "table_name": policy.table, "row_filter": policy.row_filter, "masks": msgspec.json.encode(policy.masks),
            "salt": salt, "author": policy.author, "at_ms": policy.at_ms,
        },
    )  # fmt: skip


def forget(tx: Transaction, table: str) -> None:
    """Let a table show everything."""
    tx.run(_FORGET, {"name": table})


def seen(
    paths: Sequence[str], columns: Sequence[Column], *, masks: Mapping[str, Mask], row_filter: str, salt: str
) -> str:
    """The rows that a reader may see, as they may be seen, with provenance."""
    shown = [
        f"{_masked(c, masks[c.name], salt)} AS {quoted(c.name)}" if c.name in masks else quoted(c.name) for c in columns
    ]
    where = f" WHERE (\n{row_filter}\n)" if row_filter else ""
    return f"SELECT {', '.join([*shown, LOAD_COLUMN, ROW_COLUMN])} FROM {source(paths, columns)}{where}"


def _masked(column: Column, mask: Mask, salt: str) -> str:
    name = quoted(column.name)
    if mask is Mask.HASH:
        return f"left(sha256({literal(salt)} || {name}), 16)"
    if mask is Mask.TAIL:
        return f"CASE WHEN length({name}) <= 4 THEN repeat('•', length({name})) ELSE '•••' || right({name}, 4) END"
    if mask is Mask.YEAR:
        return f"CAST(date_trunc('year', {name}) AS {sql_type(column.type)})"
    return f"CAST(NULL AS {sql_type(column.type)})"


def counted(query: str) -> str:
    """How many rows a query gives."""
    return f"SELECT count(*) FROM ({query})"
