"""Reference sketches, kept by the content that they were made of; one row a column of a version."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from modelyard.ports.database import Migration, Statement, Transaction
from modelyard.quality.model.distances import Sketch

SKETCHES = Migration(
    slice="quality",
    number=3,
    name="sketches",
    ddl=(
        (
            "CREATE TABLE quality_sketch (table_name {text} NOT NULL, digest {text} NOT NULL, body {bytes} NOT NULL,"
            " PRIMARY KEY (table_name, digest))"
        ),
    ),
)

sketches = sa.table("quality_sketch", *map(sa.column, ("table_name", "digest", "body")))
_GET = Statement(
    sa.select(sketches.c.body).where(
        sketches.c.table_name == sa.bindparam("name"), sketches.c.digest == sa.bindparam("of")
    )
)
_ADD = Statement(sa.insert(sketches).values(**{n: sa.bindparam(n) for n in ("table_name", "digest", "body")}))
_FORGET = Statement(sa.delete(sketches).where(sketches.c.table_name == sa.bindparam("name")))
_decoder = msgspec.json.Decoder(Sketch)


def get(tx: Transaction, table: str, digest: str) -> Sketch | None:
    """The sketch of what has this digest."""
    row = tx.one(_GET, {"name": table, "of": digest})
    return None if row is None else _decoder.decode(row[0])


def keep(tx: Transaction, table: str, digest: str, sketch: Sketch) -> None:
    """Keep a sketch, unless another call was quicker."""
    if get(tx, table, digest) is None:
        tx.run(_ADD, {"table_name": table, "digest": digest, "body": msgspec.json.encode(sketch)})


def forget(tx: Transaction, table: str) -> None:
    """Remove the sketches of a table."""
    tx.run(_FORGET, {"name": table})
