"""Column lineage: which stored columns a SELECT makes its own from. It reads the query's text and runs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from modelyard.lake.api import Column
from modelyard.lake.model.columns import sql_type

_DIALECT = "duckdb"


class Traced(Struct, frozen=True):
    """How a query makes one of its columns: the expression without its literals, and (table as named, column) pairs."""

    column: str
    expression: str
    sources: tuple[tuple[str, str], ...]


def traced(query: str, tables: Mapping[str, Sequence[Column]]) -> list[Traced]:
    """Take a SELECT apart; empty where it is beyond the parser.

    Args:
        tables: what each name in the query stands for.
    """
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage

    schema = {name: {c.name: sql_type(c.type) for c in columns} for name, columns in tables.items()}
    known = {name.lower(): name for name in tables}
    found = []
    try:
        nodes = lineage(None, parse_one(query, dialect=_DIALECT), schema=schema, dialect=_DIALECT)
        for column, node in nodes.items():
            sources = set[tuple[str, str]]()
            for each in node.walk():
                if isinstance(each.expression, exp.Table) and each.expression.name.lower() in known:
                    table = known[each.expression.name.lower()]
                    sources.add((table, _spelled(parse_one(each.name, dialect=_DIALECT).name, tables[table])))
            bare = node.expression.copy().transform(lambda e: exp.Placeholder() if isinstance(e, exp.Literal) else e)
            found.append(Traced(column, bare.sql(_DIALECT), tuple(sorted(sources))))
    except (SqlglotError, RecursionError, KeyError, ValueError, AttributeError):
        return []
    return found


def _spelled(name: str, columns: Sequence[Column]) -> str:
    """The column's own spelling; a query may spell it in any case."""
    return next((c.name for c in columns if c.name.lower() == name.lower()), name)
