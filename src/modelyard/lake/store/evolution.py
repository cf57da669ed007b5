"""Schema policies as they are kept."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from modelyard.lake.api import SchemaPolicy, SchemaRules
from modelyard.ports.database import Migration, Statement, Transaction

EVOLUTION = Migration(
    slice="lake",
    number=14,
    name="evolution",
    ddl=(
        (
            "CREATE TABLE lake_schema_policy (table_name {text} PRIMARY KEY, policy {text} NOT NULL,"
            " columns {bytes} NOT NULL)"
        ),
    ),
)

_FIELDS = ("table_name", "policy", "columns")
rules_of = sa.table("lake_schema_policy", *map(sa.column, _FIELDS))
_GET = Statement(sa.select(*rules_of.c).where(rules_of.c.table_name == sa.bindparam("name")))
_FORGET = Statement(sa.delete(rules_of).where(rules_of.c.table_name == sa.bindparam("name")))
_PUT = Statement(sa.insert(rules_of).values(**{name: sa.bindparam(name) for name in _FIELDS}))
_columns = msgspec.json.Decoder(dict[str, SchemaPolicy])


def get(tx: Transaction, table: str) -> SchemaRules:
    """A table's policy; it freezes where nobody gave one."""
    if (row := tx.one(_GET, {"name": table})) is None:
        return SchemaRules(table=table)
    name, policy, columns = row
    return SchemaRules(table=name, policy=SchemaPolicy(policy), columns=_columns.decode(columns))


def put(tx: Transaction, rules: SchemaRules) -> None:
    """Keep a policy in place of the one before."""
    forget(tx, rules.table)
    tx.run(
        _PUT,
        {"table_name": rules.table, "policy": rules.policy.value, "columns": msgspec.json.encode(rules.columns)},
    )


def forget(tx: Transaction, table: str) -> None:
    """Let a table that is dropped have none."""
    tx.run(_FORGET, {"name": table})
