"""Column lineage as it is kept: one record for each version that a query made."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
import sqlalchemy as sa

from modelyard.lake.api import ColumnLineage
from modelyard.ports.database import Migration, Statement, Transaction

LINEAGES = Migration(
    slice="lake",
    number=9,
    name="lineages",
    ddl=(
        (
            "CREATE TABLE lake_lineage (table_name {text} NOT NULL, version {int} NOT NULL, body {bytes} NOT NULL,"
            " PRIMARY KEY (table_name, version))"
        ),
    ),
)

lineages = sa.table("lake_lineage", *map(sa.column, ("table_name", "version", "body")))
_ADD = Statement(sa.insert(lineages).values(**{n: sa.bindparam(n) for n in ("table_name", "version", "body")}))
_OF_TABLE = Statement(
    sa.select(lineages.c.version, lineages.c.body)
    .where(lineages.c.table_name == sa.bindparam("name"))
    .order_by(lineages.c.version.desc())
)


def add(tx: Transaction, lineage: ColumnLineage) -> None:
    """Keep how a version's columns were made."""
    row = {"table_name": lineage.table, "version": lineage.version, "body": msgspec.json.encode(lineage)}
    tx.run(_ADD, row)


def last(tx: Transaction, table: str, line: Collection[int]) -> ColumnLineage | None:
    """How the columns of the newest of some versions were made that a query made; None if it made none of them."""
    for version, body in tx.all(_OF_TABLE, {"name": table}):
        if version in line:
            return msgspec.json.decode(body, type=ColumnLineage)
    return None
