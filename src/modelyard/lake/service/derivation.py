"""Tables made by a query: its answer streams into an ordinary write, and the version keeps what it was made from."""

from __future__ import annotations

from dataclasses import replace

from modelyard.kernel.errors import InvalidInput, MissingExtra, NotFound
from modelyard.lake.api import (
    ColumnLineage,
    ColumnOrigin,
    ColumnSource,
    Declared,
    Format,
    LoadId,
    Mode,
    Reading,
    Version,
)
from modelyard.lake.model.filesets import thing
from modelyard.lake.model.lineage import Traced, traced
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service.board import Board
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.loading import load
from modelyard.lake.service.orders import Order
from modelyard.lake.service.queries import Terms, named, sql, views_of
from modelyard.lake.store import catalogue, lineages, loads
from modelyard.ports import calls

_LONGEST_LINE = 100_000


def create_as(desk: Desk, board: Board, query: str, terms: Terms, order: Order) -> Version:
    """Make a table of what a SELECT gives."""
    if order.declared.columns:
        raise InvalidInput("the columns are the query's; name and cast them there")
    _, reads = views_of(desk, query, terms.at)
    found = named(query, terms.at)
    origins = _origins(query, found)

    def beside(load_id: LoadId) -> None:
        tx = calls.current().tx
        made = loads.get(tx, load_id)
        if made is not None and made.version is not None:
            about = thing(order.table, made.version)
            lineages.add(
                tx,
                ColumnLineage(table=order.table, version=made.version, ref=about, reads=reads, columns=origins),
            )

    return load(desk, replace(order, reads=reads, beside=beside), sql(desk, board, query, terms))[1]


def order_of(
    name: str, *, mode: Mode, declared: Declared | None, run: str | None, message: str, branch: str | None
) -> Order:
    """The write that a query's answer goes into."""
    return Order(
        table=name, mode=mode, declared=declared or Declared(), source="create_as", form=Format.ARROW,
        reading=Reading(), message=message or "create as", operation="create_as", keeps_source=False, run=run,
        branch=branch or MAIN,
    )  # fmt: skip


def _origins(query: str, found: dict[str, catalogue.Entry]) -> tuple[ColumnOrigin, ...]:
    try:
        taken_apart: list[Traced] = traced(query, {name: entry.columns for name, entry in found.items()})
    except ImportError as err:
        raise MissingExtra("column lineage needs sqlglot: pip install 'modelyard[lake]'") from err
    refs = {name: thing(entry.name, entry.version) for name, entry in found.items()}
    return tuple(
        ColumnOrigin(
            column=each.column, expression=each.expression,
            sources=tuple(ColumnSource(ref=refs[table], column=column) for table, column in each.sources),
        )
        for each in taken_apart
    )  # fmt: skip


def column_lineage(entry: catalogue.Entry) -> ColumnLineage:
    """How the columns of a version were made."""
    tx = calls.current().tx
    line = {each.version for each in catalogue.line(tx, entry.name, start=entry.version, most=_LONGEST_LINE)}
    found = lineages.last(tx, entry.name, line)
    if found is None:
        raise NotFound(f"no query made table {entry.name}; what it was loaded from: yard lake history {entry.name}")
    return found
