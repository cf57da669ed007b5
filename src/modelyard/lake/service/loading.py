"""Loads and writes: bytes come in, rows end in the table or in the quarantine, and the record says how many where."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from modelyard.kernel.errors import AlreadyExists, InvalidInput, StaleVersion
from modelyard.kernel.refs import parts, ref
from modelyard.lake.api import LOAD, Load, LoadId, LoadRefused, LoadState, Mode, RowsQuarantined, SchemaRules, Version
from modelyard.lake.model.columns import check_declared
from modelyard.lake.model.filesets import refuse_listing
from modelyard.lake.model.pseudonyms import tokened
from modelyard.lake.service.asking import told
from modelyard.lake.service.commits import Change, commit, may_write
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.fitting import Fit, fit, left_out, opened
from modelyard.lake.service.intake import Comparison, Intake, taking_in
from modelyard.lake.service.orders import Order, Settled, Terms
from modelyard.lake.service.sources import Source
from modelyard.lake.service.spooling import Spooled, drained, spooling
from modelyard.lake.store import catalogue, evolution, loads, sources
from modelyard.ports import calls
from modelyard.ports.objects import Digest, check_stand

_CHUNK = 1 << 20


def load(desk: Desk, order: Order, content: Iterable[bytes]) -> tuple[Load, Version]:
    """Carry out a load; see `Lake.load`."""
    load_id = LOAD.new(calls.current().clock)
    check_declared(order.declared)
    refuse_listing(order.table)
    for each in order.reads:
        parts(each)
    may_write(order.branch)
    before = catalogue.entry(calls.current().tx, order.table, branch=order.branch)
    if order.mode is Mode.CREATE and before is not None:
        raise AlreadyExists(f"table {order.table} exists, at version {before.version}; append to it or overwrite it")
    with desk.bench(load_id) as folder:
        spooled = drained(spooling(folder, content, name=order.source, form=order.form, reading=order.reading))
        source = opened(order, spooled, before)
        settled = drained(settling(desk, order, source, spooled, load=load_id, folder=folder))
    assert settled.load is not None
    assert settled.version is not None
    return settled.load, settled.version


def settling(
    desk: Desk, order: Order, source: Source, spooled: Spooled, *, load: LoadId, folder: Path
) -> Generator[int, None, Settled]:
    """Take the rows of an opened source in, and tell how many were checked so far.

    Raises:
        StaleVersion: what a pull compares with changed meanwhile; do it again.
    """
    call = calls.current()
    began = call.clock.monotonic()

    def look() -> tuple[catalogue.Entry | None, SchemaRules]:
        tx = calls.current().tx
        return catalogue.entry(tx, order.table, branch=order.branch), evolution.get(tx, order.table)

    before, rules = call.unit(look)
    fitted = fit(desk, order, before, source, rules)
    seen = before if before is None else msgspec.structs.replace(before, columns=fitted.columns)
    if tokened(fitted.columns):
        order = replace(order, keeps_source=False)  # it holds the names
    intake = yield from taking_in(
        told(desk, order.branch), source, table=order.table, load=load, columns=fitted.columns,
        existing=desk.uris(seen) if seen is not None and order.mode is Mode.APPEND else [],
        folder=folder, compare=_comparison(desk, order, seen),
    )  # fmt: skip
    if order.terms is not None and before is not None and intake.brings_nothing and order.mode is not Mode.OVERWRITE:
        call.unit(lambda: _note_position(order, before.version))
        return Settled(None, None, intake.rows_in, intake.rows_unchanged, 0)
    took_ms = int((call.clock.monotonic() - began) * 1000)
    record = _record(order, spooled, source, intake, load_id=load, took_ms=took_ms)
    record = msgspec.structs.replace(record, notes=(*fitted.changes, *left_out(fitted, source), *record.notes))
    if intake.verdict.blocks:
        _refuse(record, intake)
    made = _publish(desk, order, spooled, intake, record=record, fitted=fitted, before=before, folder=folder)
    return Settled(*made, intake.rows_in, intake.rows_unchanged, intake.rows_gone)


def _comparison(desk: Desk, order: Order, before: catalogue.Entry | None) -> Comparison:
    """How the rows that come are told from those that are there."""
    terms = order.terms
    keys = _merge_key(order, before) if order.mode is Mode.MERGE else ()
    merges = desk.uris(before) if before is not None and order.mode is Mode.MERGE else ()
    if terms is None or before is None or not terms.compares:
        return Comparison(keys=keys, merges=merges)
    return Comparison(
        keys=keys, there=desk.uris(before), drops=True, window=terms.window, removes=terms.removes, merges=merges
    )  # fmt: skip


def _note_position(order: Order, version: int) -> None:
    """Note how far a source was read as of a version, if it was read from where this pull believed."""
    if (terms := order.terms) is None:
        return
    tx = calls.current().tx
    if sources.position(tx, order.table, version, terms.source) != terms.before:
        raise StaleVersion(f"source {terms.source} was pulled by somebody else meanwhile; pull again")
    if terms.taken is not None:
        sources.take(tx, terms.taken)
    if terms.after != terms.before:
        sources.place(tx, order.table, version, terms.source, terms.after)


def _merge_key(order: Order, before: catalogue.Entry | None) -> tuple[str, ...]:
    keys = before.keys if before is not None else order.declared.keys
    if not keys:
        raise InvalidInput(
            f"table {order.table} has no key to merge by; name it: yard lake set-keys {order.table} COLUMN"
        )
    return keys


def _record(order: Order, spooled: Spooled, source: Source, intake: Intake, *, load_id: LoadId, took_ms: int) -> Load:
    call = calls.current()
    blocked = bool(intake.verdict.blocks)
    terms = order.terms or Terms(source="", before="", after="")
    return Load(
        id=load_id, table=order.table, version=None, state=LoadState.REFUSED if blocked else LoadState.DONE,
        source=order.source,
        source_ref=ref("source", order.source, spooled.digest[:12]) if order.keeps_source else None,
        digest=spooled.digest if order.keeps_source and not blocked else "", size_bytes=spooled.size_bytes,
        format=spooled.form, mode=order.mode, rows_in=intake.rows_in,
        rows_loaded=0 if blocked else intake.rows_loaded,
        rows_quarantined=0 if blocked else intake.rows_quarantined,
        held=0 if blocked else intake.rows_quarantined, started_ms=call.now_ms, took_ms=took_ms,
        author=call.actor.id, dialect={**source.describe(), **dict(spooled.told)},
        notes=(*source.notes, *intake.verdict.warnings, *intake.verdict.blocks, *_told(intake)),
        rows_unchanged=intake.rows_unchanged, origin=terms.source, position_before=terms.before,
        position_after=terms.after, branch=order.branch,
    )  # fmt: skip


def _told(intake: Intake) -> tuple[str, ...]:
    if intake.rows_gone:
        return (f"removed {intake.rows_gone:,} rows whose key the source no longer has",)
    if intake.keeps_gone:
        return ("rows were refused, so none was taken for gone; mend them and pull again",)
    return ()


def _refuse(record: Load, intake: Intake) -> None:
    """Note a load that the contract blocks, and say so."""

    def note() -> None:
        call = calls.current()
        loads.add(call.tx, record)
        call.emit(LoadRefused(table=record.table, load=record.id, reasons=intake.verdict.blocks))

    calls.current().unit(note)
    raise InvalidInput(
        f"the contract of {record.table} blocks the load: {'; '.join(intake.verdict.blocks)}. Nothing was taken; "
        f"see yard lake load-record {record.id}"
    )


def _publish(
    desk: Desk, order: Order, spooled: Spooled, intake: Intake, *, record: Load, fitted: Fit,
    before: catalogue.Entry | None, folder: Path,
) -> tuple[Load, Version]:  # fmt: skip
    reads = order.reads if order.terms is None else (*order.reads, ref("source", order.terms.source))
    if order.keeps_source:
        desk.objects.put(_chunks(spooled.path), expect=Digest(spooled.digest))
        reads = (*reads, ref("source", order.source, spooled.digest[:12]))
    if intake.quarantine is not None:
        keep_quarantine(desk, intake.quarantine, record.id)

    def beside(version: int) -> None:
        call = calls.current()
        check_stand(desk.objects, [spooled.digest] if order.keeps_source else ())
        loads.add(call.tx, _at(record, version))
        order.beside(record.id)
        _note_position(order, version)
        if intake.rows_quarantined:
            call.emit(
                RowsQuarantined(table=order.table, load=record.id, rows=intake.rows_quarantined, rows_in=intake.rows_in)
            )

    made = commit(
        desk,
        Change(
            table=order.table, operation=order.operation, mode=order.mode, columns=fitted.columns, added=intake.files,
            keys=order.declared.keys or (before.keys if before else ()), description=order.declared.description,
            message="; ".join((order.message, *fitted.changes)), run=order.run, folder=folder, reads=reads,
            load=record.id, base=fitted.base,
            beside=beside, branch=order.branch, gone=intake.gone,
            based_on=before.version if intake.compared and before is not None else None,
        ),
    )  # fmt: skip
    return _at(record, made.version), made


def _at(record: Load, version: int) -> Load:
    return msgspec.structs.replace(record, version=version)


def keep_quarantine(desk: Desk, path: Path, load_id: LoadId) -> None:
    """Put a load's refused rows where they stay; synced before it is renamed."""
    desk.vault.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.rename(desk.quarantine_of(load_id))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
