"""Contracts, one row a version; the newest of a table is the one that counts."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import ref
from modelyard.ports.database import Migration, Row, Statement, Transaction
from modelyard.quality.api import Contract, DeclaredContract

CONTRACTS = Migration(
    slice="quality",
    number=1,
    name="contracts",
    ddl=(
        (
            "CREATE TABLE quality_contract (table_name {text} NOT NULL, version {int} NOT NULL, body {bytes} NOT NULL,"
            " author {text} NOT NULL, at_ms {int} NOT NULL, PRIMARY KEY (table_name, version))"
        ),
    ),
)

contracts = sa.table("quality_contract", *map(sa.column, ("table_name", "version", "body", "author", "at_ms")))
_later = contracts.alias("later")
_FIELDS = (contracts.c.table_name, contracts.c.version, contracts.c.body, contracts.c.author, contracts.c.at_ms)
_NEWEST = Statement(
    sa.select(*_FIELDS)
    .where(contracts.c.table_name == sa.bindparam("name"))
    .order_by(contracts.c.version.desc())
    .limit(1)
)
_AT = Statement(
    sa.select(*_FIELDS).where(
        contracts.c.table_name == sa.bindparam("name"), contracts.c.version == sa.bindparam("version")
    )
)
_LISTED = Statement(
    sa.select(*_FIELDS)
    .where(
        contracts.c.table_name > sa.bindparam("after"),
        ~sa.exists().where(_later.c.table_name == contracts.c.table_name, _later.c.version > contracts.c.version),
    )
    .order_by(contracts.c.table_name)
    .limit(sa.bindparam("most"))
)
_ADD = Statement(
    sa.insert(contracts).values(
        **{name: sa.bindparam(name) for name in ("table_name", "version", "body", "author", "at_ms")}
    )
)


def newest(tx: Transaction, table: str) -> DeclaredContract | None:
    """The contract that counts."""
    row = tx.one(_NEWEST, {"name": table})
    return None if row is None else _contract(row)


def at(tx: Transaction, table: str, version: int) -> DeclaredContract | None:
    """One version of a table's contract."""
    row = tx.one(_AT, {"name": table, "version": version})
    return None if row is None else _contract(row)


def listed(tx: Transaction, *, after: str, most: int) -> list[DeclaredContract]:
    """The contracts that count, by table."""
    return [_contract(row) for row in tx.all(_LISTED, {"after": after, "most": most})]


def add(tx: Transaction, declared: DeclaredContract) -> None:
    """Keep a new version."""
    row = {"table_name": declared.table, "version": declared.version, "author": declared.author}
    tx.run(_ADD, {**row, "body": msgspec.json.encode(declared.contract), "at_ms": declared.at_ms})


_decoder = msgspec.json.Decoder(Contract)


def _contract(row: Row) -> DeclaredContract:
    table, version, body, author, at_ms = row
    return DeclaredContract(
        table=table, version=version, ref=ref("contract", table, version), contract=_decoder.decode(body),
        author=ActorId(author), at_ms=at_ms,
    )  # fmt: skip
