"""Mending the quarantine: held rows are loaded again, with corrected texts or under a corrected contract, or given up.

A row that is taken keeps the place and the load it first came with, so that its way back to the source stays whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import msgspec
import pyarrow.parquet as pq

from modelyard.kernel.errors import AlreadyExists, InvalidInput, NotFound, StaleVersion
from modelyard.kernel.refs import Ref
from modelyard.lake.api import (
    LOAD,
    Declared,
    Format,
    Load,
    LoadState,
    Mend,
    Mode,
    QuarantineDropped,
    Reading,
    RowState,
)
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service.asking import told
from modelyard.lake.service.commits import Change, commit
from modelyard.lake.service.desk import Desk, resolve
from modelyard.lake.service.fitting import Fit, fit, left_out, rules_of
from modelyard.lake.service.intake import Intake, take_in
from modelyard.lake.service.orders import Order
from modelyard.lake.service.quarantine import kept
from modelyard.lake.service.sources import HeldSource
from modelyard.lake.store import branches, catalogue, loads
from modelyard.ports import calls


def replay(desk: Desk, load: Load, *, mends: tuple[Mend, ...], rows: tuple[int, ...], said: str = "") -> Load:
    """Load held rows again; `said` is kept with the replay, and in the message of its commit."""
    call = calls.current()
    began = call.clock.monotonic()
    texts = {mend.row: mend.raw for mend in mends}
    chosen = _chosen(desk, load, {*texts, *rows})
    replay_id = LOAD.new(call.clock)

    def given() -> Iterator[tuple[int, str]]:
        for place, raw, _ in kept(desk, load):
            if place in chosen:
                yield place, texts.get(place, raw)

    with desk.bench(replay_id) as folder:
        again = opened(desk, load, given)
        branch = again.branch
        intake = take_in(
            told(desk, branch), again.source, table=load.table, load=load.id, columns=again.fit.columns,
            existing=desk.uris(again.entry), folder=folder,
        )  # fmt: skip
        if intake.verdict.blocks:
            raise InvalidInput(f"the contract of {load.table} blocks the replay: {'; '.join(intake.verdict.blocks)}")
        took_ms = int((call.clock.monotonic() - began) * 1000)
        record = _record(load, intake, replay=replay_id, took_ms=took_ms, branch=branch)
        notes = (*([said] if said else []), *again.fit.changes, *left_out(again.fit, again.source), *record.notes)
        record = msgspec.structs.replace(record, notes=notes)
        if not intake.files:
            call.unit(lambda: loads.add(calls.current().tx, record))
            return record
        taken = chosen - set(intake.refused)

        def beside(version: int) -> None:
            now = calls.current()
            loads.add(now.tx, msgspec.structs.replace(record, version=version))
            _settle(load, taken, state=RowState.REPLAYED, note=replay_id)

        files = [
            (msgspec.structs.replace(file, path=f"{replay_id}-{n:03d}.parquet"), path)
            for n, (file, path) in enumerate(intake.files)
        ]
        made = commit(
            desk,
            Change(
                table=load.table, operation="replay", mode=Mode.APPEND, columns=again.fit.columns, added=files,
                message="; ".join((_message(load, len(taken), said), *again.fit.changes)), load=replay_id,
                reads=_reads(load), beside=beside, branch=branch, base=again.fit.base, folder=folder,
            ),
        )  # fmt: skip
        return msgspec.structs.replace(record, version=made.version)


@dataclass(frozen=True, slots=True)
class Again:
    """Held rows, opened to be read as their table takes rows now.

    Attributes:
        entry: the table, under the columns that it will have.
    """

    source: HeldSource
    branch: str
    entry: catalogue.Entry
    fit: Fit


def opened(desk: Desk, load: Load, rows: Callable[[], Iterable[tuple[int, str]]]) -> Again:
    """Texts of a load's held rows, as rows of its table; a branch that is closed by now gives way to `main`."""
    names, delimiter = described(desk, load)
    branch = load.branch if branches.is_open(calls.current().tx, load.branch) else MAIN
    entry = resolve(load.table, None, branch=branch)
    expected = [c.name for c in entry.columns]
    rules = rules_of(load.table)
    source = HeldSource(rows, names=names, delimiter=delimiter, expected=expected, rules=rules)
    order = Order(
        table=load.table, mode=Mode.APPEND, declared=Declared(), source=load.source, form=None, reading=Reading(),
        message="", operation="replay", keeps_source=False, branch=branch,
    )  # fmt: skip
    fitted = fit(desk, order, entry, source, rules)
    return Again(source, branch, msgspec.structs.replace(entry, columns=fitted.columns), fitted)


def drop(desk: Desk, load: Load, reason: str, *, rows: tuple[int, ...]) -> Load:
    """Give held rows up."""
    if not reason.strip():
        raise InvalidInput("say why the rows are given up: --reason 'duplicates of load ...'")
    chosen = _chosen(desk, load, set(rows))

    def give_up() -> Load:
        call = calls.current()
        _settle(load, chosen, state=RowState.DROPPED, note=reason)
        call.emit(QuarantineDropped(table=load.table, load=load.id, rows=len(chosen), reason=reason))
        return msgspec.structs.replace(load, held=load.held - len(chosen))

    return calls.current().unit(give_up)


def _chosen(desk: Desk, load: Load, wanted: set[int]) -> set[int]:
    """The held rows that are meant; all where none are named."""
    resolved = loads.resolved(calls.current().tx, load.id)
    held = {place for place, _, _ in kept(desk, load) if place not in resolved}
    if missing := wanted - held:
        raise NotFound(
            f"load {load.id} holds no row {min(missing)}; list what it holds: yard lake quarantine {load.id}"
        )
    if not held:
        raise NotFound(f"load {load.id} holds no rows any more")
    return wanted or held


def described(desk: Desk, load: Load) -> tuple[list[str], str | None]:
    """The fields that the held texts have, and the delimiter between them; None where they are JSON."""
    with desk.seals.open(desk.quarantine_of(load.id)) as opened:
        told = pq.read_schema(opened).metadata or {}
    delimiter = told.get(b"delimiter", b",").decode() if load.format in (Format.CSV, Format.EXCEL) else None
    return json.loads(told[b"names"]), delimiter


def _settle(load: Load, rows: set[int], *, state: RowState, note: str) -> None:
    call = calls.current()
    try:
        settled = loads.resolve(
            call.tx, load, sorted(rows), state=state, note=note, at_ms=call.now_ms, author=call.actor.id
        )
    except AlreadyExists as err:
        raise _changed(load) from err
    if not settled:
        raise _changed(load)


def _changed(load: Load) -> StaleVersion:
    return StaleVersion(f"somebody else mended load {load.id} meanwhile; look again and repeat")


def _message(load: Load, rows: int, said: str) -> str:
    return f"replay {rows} rows of {load.source}" + (f"; {said}" if said else "")


def _reads(load: Load) -> tuple[Ref, ...]:
    return () if load.source_ref is None else (load.source_ref,)


def _record(load: Load, intake: Intake, *, replay: str, took_ms: int, branch: str) -> Load:
    call = calls.current()
    return msgspec.structs.replace(
        load, id=replay, version=None, state=LoadState.DONE, mode=Mode.APPEND, rows_in=intake.rows_in,
        rows_loaded=intake.rows_loaded, rows_quarantined=intake.rows_quarantined, held=0, started_ms=call.now_ms,
        took_ms=took_ms, author=call.actor.id, replays=load.id, branch=branch,
        notes=(*intake.verdict.warnings, *intake.samples),
    )  # fmt: skip
