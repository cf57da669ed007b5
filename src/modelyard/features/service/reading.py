"""Reading sources: expressions checked and typed, the rows of a pinned version as Arrow columns for a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelyard.features.api import Aggregate, FeatureType, View
from modelyard.features.model import expressions
from modelyard.features.model.join import Ints, Rows
from modelyard.features.model.semantics import Plan
from modelyard.features.service.desk import Desk
from modelyard.features.store import scans
from modelyard.kernel.errors import Internal, InvalidInput
from modelyard.lake.api import TableFiles
from modelyard.ports.queries import Session

TIMEOUT_S = 600.0
_ROW_BITS = 40


def columns_of(table: TableFiles) -> dict[str, str]:
    """A table's columns and their types."""
    return {column.name: column.type for column in table.columns}


def need_column(columns: Mapping[str, str], name: str, table: str, what: str) -> str:
    """The type of a column.

    Raises:
        InvalidInput: the table has no such column.
    """
    if name not in columns:
        raise InvalidInput(f"table {table} has no column {name!r} for {what}; it has {', '.join(columns)[:300]}")
    return columns[name]


def checked(desk: Desk, texts: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    """The columns that some expressions read.

    Raises:
        InvalidInput: one of them is no expression over one row of these columns.
    """
    read: dict[str, None] = {}
    with desk.queries().session() as session:
        for text in texts:
            tree = session.rows(scans.parse(text))[0][0]
            read.update(dict.fromkeys(expressions.check(text, str(tree), columns)))
    return list(read)


def typed(desk: Desk, texts: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    """The lake type of each expression.

    Raises:
        InvalidInput: one cannot be computed, e.g. adds text to a number.
    """
    with desk.queries().confined(views={}) as session:
        schema = session.reader(scans.types_of(columns, texts)).schema
    return [lake_type(kind) for kind in schema.types]


def lake_type(kind: pa.DataType) -> str:
    """An Arrow type in the lake's words; its own name where the lake has none."""
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        return "string"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_date(kind):
        return "date"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    if pa.types.is_null(kind):
        return "int32"
    return {"float": "float32", "double": "float64"}.get(str(kind), str(kind))


def plan_types(plan: Plan) -> list[FeatureType | None]:
    """As what each expression of a plan is read: as its feature's type, as a number, or as it is to be counted."""
    kinds: list[FeatureType | None] = [None] * len(plan.expressions)
    for output in plan.outputs:
        if output.aggregate not in (None, Aggregate.COUNT) and kinds[output.place] is None:
            kinds[output.place] = FeatureType.FLOAT64
    for output in plan.outputs:
        if output.aggregate is None:
            kinds[output.place] = output.type
    return kinds


def fields_of(view: View, plan: Plan) -> dict[str, str]:
    """What is read of a view's source, as SQL."""
    spec = view.spec
    fields = {
        scans.key_name(place): scans.key(key, spec.key_columns.get(key.name, key.name))
        for place, key in enumerate(view.keys)
    }
    fields[scans.EVENT] = scans.moment(spec.event_time, view.columns[spec.event_time], spec.epoch_unit)
    if spec.created is not None:
        fields[scans.CREATED] = scans.moment(spec.created, view.columns[spec.created], spec.epoch_unit)
    for place, (text, kind) in enumerate(zip(plan.expressions, plan_types(plan), strict=True)):
        fields[scans.value_name(place)] = scans.valued(text, kind)
    return fields


def source_rows(desk: Desk, view: View, plan: Plan, table: TableFiles) -> Rows:
    """The rows of a view's source at a pinned version.

    Raises:
        InvalidInput: the version lacks a column of the view, or a value does not fit its feature.
    """
    columns = columns_of(table)
    for name in view.columns:
        need_column(columns, name, f"{table.table}@{table.version}", f"view {view.name}")
    fields = fields_of(view, plan) | {scans.LOAD: scans.LOAD, scans.ROW: scans.ROW}
    query = scans.select(scans.files(table.paths, columns), fields)
    with desk.queries().confined(views={}, extra=table.paths, timeout_s=TIMEOUT_S) as session:
        read = read_whole(desk, session, query)
    return rows_of(read, keys=len(view.keys), values=len(plan.expressions))


def rows_of(read: pa.Table, *, keys: int, values: int) -> Rows:
    """What was read, in the join's words."""
    return Rows(
        keys=[one_array(read, scans.key_name(place)) for place in range(keys)],
        event_us=one_array(read, scans.EVENT),
        created_us=one_array(read, scans.CREATED) if scans.CREATED in read.column_names else None,
        arrival=_arrival(read) if scans.LOAD in read.column_names else None,
        values=[one_array(read, scans.value_name(place)) for place in range(values)],
    )


def read_whole(desk: Desk, session: Session, query: str) -> pa.Table:
    """A query's whole answer.

    Raises:
        InvalidInput: a value could not be computed.
    """
    if not desk.queries().is_select(query):
        raise Internal("reading a source is one SELECT; an expression escaped its check")
    return session.reader(query).read_all()


def one_array(table: pa.Table, name: str) -> pa.Array:
    """A column in one piece."""
    column = table.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    merged = column.combine_chunks()
    return pa.concat_arrays(merged.chunks) if isinstance(merged, pa.ChunkedArray) else merged


def _arrival(read: pa.Table) -> Ints:
    """A number that grows in the order in which rows came: loads are named in order of time, rows counted in them."""
    load, row = one_array(read, scans.LOAD), one_array(read, scans.ROW)
    known = load.unique().drop_null()
    order = known.take(pc.sort_indices(known))
    place = pc.index_in(load, value_set=order).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    numbers = row.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    arrival: Ints = (place << _ROW_BITS) + numbers
    return arrival
