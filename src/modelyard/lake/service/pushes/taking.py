"""Takes a run of pushed batches into the table by one ordinary load, and notes in its transaction how far it came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import msgspec

from modelyard.kernel.errors import InvalidInput, TooLarge
from modelyard.lake.api import (
    LOAD,
    Declared,
    Format,
    Load,
    LoadId,
    LoadState,
    Mode,
    PushesFolded,
    Reading,
    RowsQuarantined,
    SchemaPolicy,
)
from modelyard.lake.model.columns import unique_names
from modelyard.lake.model.documents import columns_of
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.fitting import rules_of
from modelyard.lake.service.intake import keep_whole
from modelyard.lake.service.loading import keep_quarantine, load
from modelyard.lake.service.orders import Order
from modelyard.lake.service.pushes.waiting import Taken, Waiting
from modelyard.lake.store import catalogue, loads, pushes
from modelyard.ports import calls

_SOURCE = "push"


def take(desk: Desk, table: str, run: Sequence[Waiting], total: Taken) -> None:
    """Load the batches of a run, those left out that were taken before under the same key."""
    fresh = calls.current().unit(lambda: _fresh(table, run))
    total.batches += len(run)
    total.repeated += len(run) - len(fresh)
    note = partial(_note, table, run, fresh)
    if not fresh:
        calls.current().unit(lambda: note(None))
        return
    total.rows += sum(each.batch.rows for each in fresh)
    first = fresh[0].batch
    order = Order(
        table=table, mode=Mode(first.mode), declared=_declared(table, fresh), source=_SOURCE,
        form=Format.ARROW if first.arrow else Format.JSON_LINES, reading=Reading(),
        message=f"fold {len(fresh)} pushes", operation=_SOURCE, keeps_source=False, beside=note,
    )  # fmt: skip
    try:
        made = load(desk, order, _content(fresh))[0]
    except (InvalidInput, TooLarge) as err:
        made = _hold(desk, order, fresh, err.detail)
    total.loads.append(made.id)
    total.loaded += made.rows_loaded
    total.quarantined += made.rows_quarantined
    total.version = made.version if made.version is not None else total.version


def _declared(table: str, fresh: Sequence[Waiting]) -> Declared:
    """The columns that a table is about to get, all of them or those it lacks, as the documents write their values."""
    if fresh[0].batch.arrow:
        return Declared()
    entry = calls.current().unit(lambda: catalogue.entry(calls.current().tx, table))
    rules = rules_of(table)
    if entry is not None and not rules.evolves:
        return Declared()
    known = set() if entry is None else {column.name for column in entry.columns}
    columns = tuple(
        column
        for column in columns_of(_lines(fresh))
        if column.name not in known and (entry is None or rules.of(column.name) is SchemaPolicy.EVOLVE)
    )
    names = [column.name for column in columns]
    return Declared() if unique_names(names)[0] != tuple(names) else Declared(columns=columns)


def _fresh(table: str, run: Sequence[Waiting]) -> list[Waiting]:
    """The batches that were not taken before."""
    tx = calls.current().tx
    seen: set[tuple[str, str, str]] = set()
    fresh = []
    for each in run:
        mark = (each.batch.actor, each.batch.key, each.batch.digest)
        if each.batch.key:
            if mark in seen or each.batch.digest in pushes.digests_of(tx, table, each.batch.actor, each.batch.key):
                continue
            seen.add(mark)
        fresh.append(each)
    return fresh


def _note(table: str, run: Sequence[Waiting], fresh: Sequence[Waiting], load_id: LoadId | None) -> None:
    """What the database must know of a fold, in the transaction that makes its rows visible."""
    call = calls.current()
    pushes.advance(call.tx, table, {each.segment: each.end for each in run})
    taken = [each.batch for each in fresh]
    pushes.keep_keys(call.tx, table, [(b.actor, b.key, b.digest, b.at_ms) for b in taken if b.key])
    if load_id is not None:
        call.emit(
            PushesFolded(
                table=table, load=load_id, batches=len(taken), rows=sum(b.rows for b in taken),
                actors=tuple(sorted({b.actor for b in taken})),
            )
        )  # fmt: skip


def _content(fresh: Sequence[Waiting]) -> Iterator[bytes]:
    if fresh[0].batch.arrow:
        from modelyard.lake.service.pushes.columnar import joined

        yield from joined(each.batch.body for each in fresh)
    else:
        for each in fresh:
            yield each.batch.body


def _hold(desk: Desk, order: Order, fresh: Sequence[Waiting], reason: str) -> Load:
    """Put rows that the table refuses whole into the quarantine: they were acknowledged and must not be lost."""
    call = calls.current()
    load_id = LOAD.new(call.clock)
    entry = call.unit(lambda: catalogue.entry(calls.current().tx, order.table))
    names = dict.fromkeys(column.name for column in entry.columns) if entry is not None else {}
    for line in _lines(fresh):
        names |= dict.fromkeys(msgspec.json.decode(line, type=dict[str, msgspec.Raw]))
    with desk.bench(load_id) as folder:
        rows = keep_whole(desk.seals.create(folder / "quarantine.parquet"), _lines(fresh), list(names), reason)
        keep_quarantine(desk, folder / "quarantine.parquet", load_id)
        record = Load(
            id=load_id, table=order.table, version=None, state=LoadState.DONE, source=order.source, source_ref=None,
            digest="", size_bytes=sum(len(each.batch.body) for each in fresh), format=Format.JSON_LINES,
            mode=order.mode, rows_in=rows, rows_loaded=0, rows_quarantined=rows, held=rows, started_ms=call.now_ms,
            took_ms=0, author=call.actor.id, dialect={}, notes=(f"the table took none of the rows: {reason}",),
        )  # fmt: skip

        def note() -> None:
            now = calls.current()
            loads.add(now.tx, record)
            now.emit(RowsQuarantined(table=order.table, load=load_id, rows=rows, rows_in=rows))
            order.beside(load_id)

        call.unit(note)
    return record


def _lines(fresh: Sequence[Waiting]) -> Iterator[str]:
    """Each row as a line of JSON."""
    for each in fresh:
        if each.batch.arrow:
            from modelyard.lake.service.pushes.columnar import as_lines

            yield from as_lines(each.batch.body)
        else:
            yield from each.batch.body.decode("utf-8").rstrip("\n").split("\n")
