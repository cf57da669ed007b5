"""Pulls: what is new in a source is read, taken in as governed loads, and told of while it runs.

The position that a pull reaches is written with the lake commit of its rows, for the version that they make. Nothing is
remembered elsewhere, so a pull that dies is made again, and what it had not committed was never there.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import msgspec

from modelyard.kernel.errors import InvalidInput, StaleVersion, YardError
from modelyard.lake.api import (
    LOAD,
    Declared,
    Format,
    Load,
    LoadId,
    Mode,
    Progress,
    Pulled,
    PullMode,
    PullStage,
    Reading,
)
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service.commits import may_write
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.fitting import opened as fitted
from modelyard.lake.service.fitting import rules_of
from modelyard.lake.service.loading import settling
from modelyard.lake.service.orders import Order, Settled, Terms
from modelyard.lake.service.pulling.declaring import found, look_back_of, opened
from modelyard.lake.service.pulling.progress import Meter
from modelyard.lake.service.sources import PulledSource, Source, Spool
from modelyard.lake.service.spooling import Spooled, spooling
from modelyard.lake.store import catalogue, sources
from modelyard.ports import calls
from modelyard.ports.sources import Ask, FileEntry, FileSource, RowSource

T = TypeVar("T")
Telling = Generator[Progress, None, T]
_ATTEMPTS = 4
BY_KEY = (PullMode.MERGE, PullMode.SNAPSHOT)


@dataclass(slots=True)
class Trip:
    """One pull under way.

    Attributes:
        low, high: the range of a back-fill.
    """

    desk: Desk
    kept: sources.Kept
    branch: str
    meter: Meter
    low: str = ""
    high: str = ""
    loads: list[Load] = field(default_factory=list)
    unchanged: int = 0
    removed: int = 0
    rows_in: int = 0
    left: list[str] = field(default_factory=list)

    @property
    def ranged(self) -> bool:
        """True for a back-fill."""
        return bool(self.low or self.high)

    def entry(self) -> catalogue.Entry | None:
        """The table as the branch shows it now."""
        return calls.current().unit(lambda: catalogue.entry(calls.current().tx, self.kept.table, branch=self.branch))

    def position(self) -> str:
        """How far the source was read."""
        entry = self.entry()
        if entry is None:
            return ""
        return calls.current().unit(
            lambda: sources.position(calls.current().tx, self.kept.table, entry.version, self.kept.name)
        )

    def note(self, settled: Settled) -> None:
        """Count what a load came to."""
        self.rows_in += settled.rows_in
        self.unchanged += settled.unchanged
        self.removed += settled.removed
        if settled.load is not None:
            self.loads.append(settled.load)


def pull(desk: Desk, name: str, *, branch: str | None, low: str = "", high: str = "", ranged: bool = False) -> Pulled:
    """Pull to the end."""
    last: Pulled | None = None
    for progress in pulling(desk, name, branch=branch, low=low, high=high, ranged=ranged):
        last = progress.pulled
    assert last is not None
    return last


def pulling(
    desk: Desk, name: str, *, branch: str | None, low: str = "", high: str = "", ranged: bool = False
) -> Iterator[Progress]:
    """Pull, and tell how far it is; what fails is told and raised."""
    telling = _pulling(desk, name, branch=branch, low=low, high=high, ranged=ranged)
    return desk.under_way.follow(name, telling)


def _pulling(desk: Desk, name: str, *, branch: str | None, low: str, high: str, ranged: bool) -> Generator[Progress]:
    kept = found(name)
    if ranged and not kept.cursor:
        raise InvalidInput(f"source {name} has no cursor column to fill a range by; declare it with --cursor")
    if ranged and not (low or high):
        raise InvalidInput("say the range to fill: --low, --high, or both")
    may_write(branch or MAIN)
    trip = Trip(desk, kept, branch or MAIN, Meter(calls.current().clock, name), low=low, high=high)
    try:
        with desk.tables().locked(f"source.{name}"):
            before = trip.position()
            with closing(opened(desk, kept)) as source:
                if isinstance(source, FileSource):
                    yield from _files(trip, source)
                else:
                    yield from _rows(trip, source)
            after = trip.position()
            calls.current().unit(lambda: sources.note_pull(calls.current().tx, name, calls.current().now_ms))
    except YardError as err:
        failed = trip.meter.now(PullStage.FAILED)
        yield msgspec.structs.replace(failed, code=err.code, detail=err.detail)
        raise
    done = trip.meter.now(PullStage.DONE)
    yield msgspec.structs.replace(done, left_s=0.0, pulled=pulled(trip, before, after))


def pulled(trip: Trip, before: str, after: str) -> Pulled:
    """What a trip came to."""
    loads = tuple(trip.loads)
    return Pulled(
        source=trip.kept.name, table=trip.kept.table, loads=loads, rows_in=trip.rows_in,
        rows_loaded=sum(each.rows_loaded for each in loads),
        rows_quarantined=sum(each.rows_quarantined for each in loads), rows_unchanged=trip.unchanged,
        rows_removed=trip.removed, size_bytes=trip.meter.size_bytes, before=before, after=after,
        left=tuple(trip.left[:100]), took_ms=trip.meter.took_ms,
    )  # fmt: skip


def _rows(trip: Trip, source: RowSource) -> Telling[None]:
    """Rows of a database, topic or collection."""
    kept, can = trip.kept, source.abilities
    if kept.drawing.query and not can.queries:
        raise InvalidInput(f"source {kept.name} answers no queries; name a stream")
    if kept.mode is PullMode.INCREMENTAL and can.columns_as_cursor and not kept.cursor:
        raise InvalidInput(f"source {kept.name} is incremental and has no cursor column; declare it with --cursor")
    if trip.ranged and not can.ranges:
        raise InvalidInput(f"source {kept.name} cannot read ranges")
    goes_on = kept.mode is PullMode.INCREMENTAL or (can.exact and kept.mode in (PullMode.APPEND, PullMode.MERGE))
    more = True
    while more:
        before = trip.position()
        ask = Ask(
            stream=kept.stream, query=kept.drawing.query, cursor=kept.cursor if goes_on or trip.ranged else "",
            after=before if goes_on and not trip.ranged else "", look_back=look_back_of(kept.drawing),
            low=trip.low, high=trip.high, late=rules_of(kept.table).lets_in,
        )  # fmt: skip
        with trip.desk.bench(job := LOAD.new(calls.current().clock)) as folder:
            spool, after, more = yield from _spooled(trip, source, ask, folder, cut=goes_on and not trip.ranged)
            empty = spool.rows == 0
            if empty and kept.mode not in (PullMode.FULL, PullMode.SNAPSHOT):
                return
            terms = Terms(
                source=kept.name, before=before, after=after if goes_on and not trip.ranged else before,
                compares=not (can.exact and goes_on) and (goes_on or trip.ranged or kept.mode in BY_KEY),
                window=kept.cursor if goes_on or trip.ranged else "", removes=kept.mode is PullMode.SNAPSHOT,
            )  # fmt: skip
            order = replace(
                order_of(trip), source=trip.meter.of, form=Format.ARROW, keeps_source=False, terms=terms,
            )  # fmt: skip
            spooled = Spooled(
                path=spool.paths[0], text=spool.paths[0], digest="", size_bytes=spool.size_bytes, form=Format.ARROW
            )
            yield from settled(trip, folder, job, lambda: PulledSource(spool), order=order, spooled=spooled)  # noqa: B023 - called before the next round


def _spooled(trip: Trip, source: RowSource, ask: Ask, folder: Path, *, cut: bool) -> Telling[tuple[Spool, str, bool]]:
    """Rows on disk as they came, the position behind them, and whether there are more."""
    meter, position, more = trip.meter, ask.after, False
    shape = source.shape(ask)
    meter.of, meter.total_rows = ask.stream or "query", shape.rows
    spool = Spool(folder, shape.schema, shape.hints)
    try:
        for batch in source.read(ask):
            spool.write(batch)
            meter.rows += batch.rows.num_rows + len(batch.wrong)
            meter.size_bytes += batch.rows.nbytes
            position = batch.position or position
            yield from meter.due(PullStage.READING)
            if cut and spool.rows >= trip.kept.drawing.load_rows and position != ask.after:
                more = True
                break
    finally:
        spool.close()
    return spool, position, more


def settled(
    trip: Trip, folder: Path, job: LoadId, open_: Callable[[], Source], *, order: Order, spooled: Spooled
) -> Telling[Settled]:
    """Rows on disk, taken in; again where other writers changed the table meanwhile."""
    for attempt in range(_ATTEMPTS):
        # Another try has another id, because files of the first may lie in the table's folder.
        load = job if attempt == 0 else LOAD.new(calls.current().clock)
        work = folder / load
        work.mkdir()
        try:
            settled = yield from _told(trip, settling(trip.desk, order, open_(), spooled, load=load, folder=work))
        except StaleVersion:
            if attempt + 1 == _ATTEMPTS:
                raise
            continue
        trip.note(settled)
        return settled
    raise StaleVersion(f"table {order.table}: other writers were quicker {_ATTEMPTS} times; pull again")


def _told(trip: Trip, work: Generator[int, None, Settled]) -> Telling[Settled]:
    """Turn the rows that were checked so far into progress."""
    while True:
        try:
            checked = next(work)
        except StopIteration as end:
            found_: Settled = end.value
            return found_
        yield from trip.meter.due(PullStage.CHECKING, checked=checked)


def order_of(trip: Trip) -> Order:
    """What a pull asks to be loaded."""
    kept, mode = trip.kept, _mode(trip)
    declared, reading = kept.drawing.schema or Declared(), kept.drawing.reading or Reading()
    if mode is not Mode.OVERWRITE and trip.entry() is not None:
        declared = Declared()  # it says what the first pull makes
    return Order(
        table=kept.table, mode=mode, declared=msgspec.structs.replace(declared, keys=declared.keys or kept.keys),
        source=kept.name, form=reading.format, reading=reading,
        message=f"pull {kept.name}", operation="pull", keeps_source=True, branch=trip.branch,
    )  # fmt: skip


def _mode(trip: Trip) -> Mode:
    kept, entry = trip.kept, trip.entry()
    keys = kept.keys if entry is None else entry.keys
    if kept.mode is PullMode.FULL and not trip.ranged:
        return Mode.OVERWRITE
    if kept.mode in (PullMode.MERGE, PullMode.SNAPSHOT) or (
        keys and (kept.mode is PullMode.INCREMENTAL or trip.ranged)
    ):
        return Mode.MERGE
    return Mode.APPEND


def _files(trip: Trip, source: FileSource) -> Telling[None]:
    """Files that were not loaded before, each in a load of its own."""
    kept = trip.kept
    if trip.ranged or kept.cursor or kept.drawing.query:
        raise InvalidInput(f"source {kept.name} gives files; they have no cursor, range or query")
    entries = list(source.entries())
    trip.left += [entry.name for entry in entries if not entry.settled]
    whole = kept.mode in (PullMode.FULL, PullMode.SNAPSHOT)
    if whole and len(entries) > 1:
        raise InvalidInput(
            f"source {kept.name} names {len(entries)} files; {kept.mode} reads one. Narrow the address, or use append"
        )
    known = _taken(trip)
    marks = {each.name: each.mark for each in reversed(known)}
    fresh = [e for e in entries if e.settled and (not e.mark or marks.get(e.name) != e.mark)]
    trip.meter.total_bytes = sum(entry.size_bytes or 0 for entry in fresh) or None
    for entry in fresh:
        yield from _file(trip, source, entry)


def _taken(trip: Trip) -> list[sources.Taken]:
    position = trip.position()
    return calls.current().unit(lambda: sources.taken(calls.current().tx, trip.kept.name, trip.kept.table, position))


def _file(trip: Trip, source: FileSource, entry: FileEntry) -> Telling[None]:
    kept, meter = trip.kept, trip.meter
    meter.of = entry.name
    with trip.desk.bench(job := LOAD.new(calls.current().clock)) as folder:
        # Of rows that are left out as known nothing tells an erasure; their bytes are then not kept either.
        order = replace(order_of(trip), source=entry.name, keeps_source=kept.mode not in BY_KEY)
        began = meter.size_bytes
        reading = spooling(folder, source.read(entry), name=order.source, form=order.form, reading=order.reading)
        spooled = yield from _read(trip, reading)
        before = trip.position()
        file = sources.Taken(
            id=job, source=kept.name, table=kept.table, parent=before, name=entry.name, digest=spooled.digest,
            mark=entry.mark, at_ms=calls.current().now_ms,
        )  # fmt: skip
        meter.size_bytes = began + spooled.size_bytes
        if any((each.name, each.digest) == (file.name, file.digest) for each in _taken(trip)):
            _note_mark(trip, file)
            return
        terms = Terms(
            source=kept.name, before=before, after=job, taken=file, compares=kept.mode in BY_KEY,
            removes=kept.mode is PullMode.SNAPSHOT,
        )  # fmt: skip
        rows = trip.rows_in
        yield from settled(
            trip, folder, job, lambda: fitted(order, spooled, trip.entry()),
            order=replace(order, terms=terms), spooled=spooled,
        )  # fmt: skip
        meter.rows += trip.rows_in - rows


def _read(trip: Trip, reading: Generator[int, None, Spooled]) -> Telling[Spooled]:
    """Turn the bytes that were read into progress."""
    before = trip.meter.size_bytes
    while True:
        try:
            trip.meter.size_bytes = before + next(reading)
        except StopIteration as end:
            spooled: Spooled = end.value
            return spooled
        yield from trip.meter.due(PullStage.READING)


def _note_mark(trip: Trip, file: sources.Taken) -> None:
    """Note that a file whose mark changed holds what was loaded before."""

    def note() -> None:
        tx = calls.current().tx
        entry = catalogue.entry(tx, trip.kept.table, branch=trip.branch)
        if entry is not None:
            sources.take(tx, file)
            sources.place(tx, trip.kept.table, entry.version, trip.kept.name, file.id)

    calls.current().unit(note)
