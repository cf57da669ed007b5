"""Manifests: the files of versions that the tables' own logs do not show, because they stand on a branch."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import msgspec
import sqlalchemy as sa

from modelyard.kernel.errors import NotFound
from modelyard.ports.database import Statement, Transaction
from modelyard.ports.tables import DataFile

manifests = sa.table("lake_manifest", *map(sa.column, ("table_name", "version", "body")))
_ADD = Statement(sa.insert(manifests).values(**{n: sa.bindparam(n) for n in ("table_name", "version", "body")}))
_GET = Statement(
    sa.select(manifests.c.body).where(
        manifests.c.table_name == sa.bindparam("name"), manifests.c.version == sa.bindparam("at")
    )
)
_SET = Statement(
    sa.update(manifests)
    .where(manifests.c.table_name == sa.bindparam("name"), manifests.c.version == sa.bindparam("at"))
    .values(body=sa.bindparam("fresh"))
)
_OF_TABLE = Statement(
    sa.select(manifests.c.version, manifests.c.body)
    .where(manifests.c.table_name == sa.bindparam("name"))
    .order_by(manifests.c.version)
)
_FORGET = Statement(
    sa.delete(manifests).where(
        manifests.c.table_name == sa.bindparam("name"), manifests.c.version == sa.bindparam("at")
    )
)
_DROP = Statement(sa.delete(manifests).where(manifests.c.table_name == sa.bindparam("name")))
_decoder = msgspec.msgpack.Decoder(tuple[DataFile, ...])


def add(tx: Transaction, table: str, version: int, files: Sequence[DataFile]) -> None:
    """Note the files of a version."""
    tx.run(_ADD, {"table_name": table, "version": version, "body": _packed(files)})


def get(tx: Transaction, table: str, version: int) -> tuple[DataFile, ...]:
    """The files of a version, in order of path.

    Raises:
        NotFound: it has no manifest.
    """
    if (row := tx.one(_GET, {"name": table, "at": version})) is None:
        raise NotFound(f"table {table} has no version {version} on a branch any more")
    return _files(row[0])


def of_table(tx: Transaction, table: str) -> Iterator[tuple[int, tuple[DataFile, ...]]]:
    """Every version of a table that has a manifest, and its files; oldest first."""
    for version, body in tx.all(_OF_TABLE, {"name": table}):
        yield int(version), _files(body)


def replace(tx: Transaction, table: str, version: int, files: Sequence[DataFile]) -> None:
    """Note what an erasure left of a version's files."""
    tx.run(_SET, {"name": table, "at": version, "fresh": _packed(files)})


def forget(tx: Transaction, table: str, version: int) -> None:
    """Remove one manifest."""
    tx.run(_FORGET, {"name": table, "at": version})


def drop(tx: Transaction, table: str) -> None:
    """Remove every manifest of a table."""
    tx.run(_DROP, {"name": table})


def _packed(files: Sequence[DataFile]) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(sorted(files, key=lambda file: file.path)), 3)


def _files(body: bytes) -> tuple[DataFile, ...]:
    return _decoder.decode(zlib.decompress(body))
