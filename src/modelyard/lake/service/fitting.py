"""Fitting: which columns a table has after a load, and what becomes of those that the load brings beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import Column, Declared, Format, Mode, SchemaPolicy, SchemaRules
from modelyard.lake.model.columns import alike, check_declared, check_keys, laid_out
from modelyard.lake.model.widening import text_widens, widens
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.orders import Order
from modelyard.lake.service.sources import Source
from modelyard.lake.service.spooling import Spooled, opened_spool
from modelyard.lake.store import casts, catalogue, evolution
from modelyard.ports import calls
from modelyard.ports.queries import Session

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLE_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Fit:
    """The columns of a table after a load.

    Attributes:
        base: those that it has now and keeps, at least; None where it is made or replaced.
        changes: what the load changes in them, in words.
        left: columns of the source that are left out.
    """

    columns: tuple[Column, ...]
    base: tuple[Column, ...] | None = None
    changes: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def opened(order: Order, spooled: Spooled, before: catalogue.Entry | None) -> Source:
    """The rows of what was written down, read as the table and its policy expect them."""
    rules = rules_of(order.table) if spooled.form is Format.JSON_LINES else None
    return opened_spool(spooled, order.reading, expected_columns(order, before), rules)


def rules_of(table: str) -> SchemaRules:
    """The table's schema policy as it stands now."""
    return calls.current().unit(lambda: evolution.get(calls.current().tx, table))


def expected_columns(order: Order, before: catalogue.Entry | None) -> tuple[Column, ...]:
    """The columns that the rows should have, as far as anybody said."""
    if order.mode is Mode.OVERWRITE and order.declared.columns:
        return order.declared.columns
    return before.columns if before is not None else order.declared.columns


def fit(desk: Desk, order: Order, before: catalogue.Entry | None, source: Source, rules: SchemaRules) -> Fit:
    """The table's columns after the load.

    Raises:
        InvalidInput: the source has none of them, or others that the table's policy lets not in.
    """
    stays = before if order.mode is not Mode.OVERWRITE else None
    held = expected_columns(order, before)
    fresh, wider = _declared(order, stays, rules) if stays is not None else ([], {})
    if not held:
        held = tuple(c for c in inferred(desk, source) if rules.columns.get(c.name) is not SchemaPolicy.DISCARD)
    elif before is not None and not order.declared.columns:
        wider = _wider(desk, held, source, rules)
    known = {c.name for c in (*held, *fresh)}
    taken, left = _parted(rules, [name for name in source.names if name not in known], made=before is None)
    if not known.intersection(source.names):
        raise InvalidInput(f"the source has none of the columns of {order.table}: {', '.join(sorted(known))[:300]}")
    fresh += inferred(desk, source, taken) if taken else ()
    columns = _joined(held, fresh, wider, sparse=stays is not None and bool(desk.paths(stays)))
    check_keys(order.declared.keys or (before.keys if before else ()), columns)
    changes = _in_words(held, fresh, wider)
    if stays is None:
        return Fit(laid_out(columns, order.declared), None, changes if before is not None else (), tuple(left))
    return Fit(columns, stays.columns, changes, tuple(left))


def left_out(fitted: Fit, source: Source) -> tuple[str, ...]:
    """A note on columns that the table's policy left out."""
    names = list(dict.fromkeys((*fitted.left, *source.left)))
    return (f"left out what the table has no columns for: {', '.join(names)[:1000]}",) if names else ()


def _parted(rules: SchemaRules, strangers: Sequence[str], *, made: bool) -> tuple[list[str], list[str]]:
    """Columns that the table does not have, parted into those that come in and those that are left out."""
    refused = [name for name in strangers if not rules.lets_in(name)]
    if refused:
        how = "" if made else f" To let them in, or leave them out: yard lake set-schema-policy {rules.table}"
        raise InvalidInput(
            f"table {rules.table} has no column {refused[0]!r}; the source has {len(refused)} such. Declare them by "
            f"overwriting the table, or leave them out of the source; if it has no header, say so in `reading`.{how}"
        )
    taken = [name for name in strangers if rules.of(name) is SchemaPolicy.EVOLVE]
    return taken, [name for name in strangers if rules.of(name) is SchemaPolicy.DISCARD]


def _declared(
    order: Order, stays: catalogue.Entry, rules: SchemaRules
) -> tuple[list[Column], dict[str, str]]:  # fmt: skip
    """Columns that a declaration adds to a table, and types that it widens.

    Raises:
        InvalidInput: it asks for something else that the table is not.
    """
    declared, fresh, wider = order.declared, list[Column](), dict[str, str]()
    held = {c.name: c for c in stays.columns}
    fits = not (declared.partitions or declared.checks)
    if not rules.evolves:
        fits = fits and (not declared.columns or alike(declared.columns, stays.columns))
    for column in declared.columns if rules.evolves else ():
        there = held.get(column.name)
        moves = rules.of(column.name) is SchemaPolicy.EVOLVE
        if there is None and moves:
            fresh.append(column)
        elif there is None or not alike([msgspec.structs.replace(column, type=there.type)], [there]):
            fits = False
        elif moves and widens(there.type, column.type):
            wider[column.name] = column.type
        else:
            fits = fits and (column.type == there.type or (moves and widens(column.type, there.type)))
    if not fits:
        raise InvalidInput(f"table {order.table} has other columns than declared; leave them out, or overwrite it")
    return fresh, wider


def _wider(desk: Desk, held: Sequence[Column], source: Source, rules: SchemaRules) -> dict[str, str]:
    """Types that give way, because the source's hold more or its first texts are more."""
    found, texts = dict[str, str](), list[tuple[str, str, str]]()
    for column in held:
        if rules.of(column.name) is not SchemaPolicy.EVOLVE or column.partitioned or column.name not in source.types:
            continue
        kind = source.types[column.name] or source.hints.get(column.name)
        if kind and widens(column.type, kind):
            found[column.name] = kind
        elif not kind and (wide := text_widens(column.type)) is not None:
            texts.append((column.name, column.type, wide))
    if texts and (sample := source.sample(_SAMPLE_ROWS)):
        with desk.queries().session() as session:
            for name, old, wide in texts:
                session.offer("source", _tally(0, [batch.column(name) for batch in sample]))
                for _, _, _, fits, more in session.rows(casts.inference((old, wide))):
                    if int(more or 0) > int(fits or 0):
                        found[name] = wide
    return found


def _joined(
    held: Sequence[Column], fresh: Sequence[Column], wider: Mapping[str, str], *, sparse: bool
) -> tuple[Column, ...]:  # fmt: skip
    """All columns; new ones may be null, and stand behind."""
    columns = tuple(msgspec.structs.replace(c, type=wider.get(c.name, c.type)) for c in held)
    new = tuple(
        msgspec.structs.replace(c, nullable=True, sparse=sparse, partitioned=False, checks=()) for c in fresh
    )  # fmt: skip
    if new or wider:
        check_declared(Declared(columns=(*columns, *new)))
    return (*columns, *new)


def _in_words(held: Sequence[Column], fresh: Sequence[Column], wider: Mapping[str, str]) -> tuple[str, ...]:
    added = ", ".join(f"{c.name} ({c.type})" for c in fresh)
    widened = [f"widened {c.name} from {c.type} to {wider[c.name]}" for c in held if c.name in wider]
    return (*([f"added column {added}"] if added else []), *widened)


def inferred(desk: Desk, source: Source, names: Sequence[str] | None = None) -> tuple[Column, ...]:
    """Columns with the types that the first rows show: those named, or all."""
    kinds = {name: source.types[name] or source.hints.get(name) or None for name in names or source.names}
    texts = [name for name, kind in kinds.items() if kind is None]
    if texts and (sample := source.sample(_SAMPLE_ROWS)):
        with desk.queries().session() as session:
            kinds.update(_kinds(session, sample, texts))
    return tuple(Column(name=name, type=kind or "string") for name, kind in kinds.items())


def _kinds(session: Session, sample: Sequence[pa.RecordBatch], texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The type of each column of text; numbers are settled first, since to refuse a date costs far more."""
    import pyarrow as pa

    tallies = {place: _tally(place, [b.column(name) for b in sample]) for place, name in enumerate(texts)}
    for kinds in casts.CANDIDATES:
        if not tallies:
            return
        session.offer("source", pa.concat_tables(tallies.values()))
        for place, *counts in session.rows(casts.inference(kinds)):
            found = casts.inferred(kinds, [int(n or 0) for n in counts])
            if found is not None:
                del tallies[int(place or 0)]
                yield texts[int(place or 0)], found


def _tally(place: int, chunks: Sequence[pa.Array]) -> pa.Table:
    """Each value of a column once, with how often it came: most columns repeat themselves."""
    import pyarrow as pa
    import pyarrow.compute as pc

    tally = pc.value_counts(pa.chunked_array(chunks, pa.string()))
    places = pa.repeat(pa.scalar(place, pa.int32()), len(tally))
    made = pa.table({"place": places, "value": tally.field(0), "n": tally.field(1)})
    return made.filter(pc.is_valid(made.column("value")))
