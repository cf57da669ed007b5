"""Bringing rows online: from the source as a whole (materialise), one by one (push), and off again (forget)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from modelyard.features.api import (
    Cell,
    Entity,
    EntityForgotten,
    Forgotten,
    Materialisation,
    Materialised,
    Pushed,
    View,
)
from modelyard.features.model import packing
from modelyard.features.model.join import Log, Rows
from modelyard.features.model.semantics import SECOND_US, Plan, plan_of
from modelyard.features.service import reading
from modelyard.features.service.desk import Desk, entity_named, view_named
from modelyard.features.store import definitions, scans
from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.refs import ref
from modelyard.ports import calls
from modelyard.ports.online import Online

BATCH = 10_000
AHEAD_US = 60 * SECOND_US


def materialise(desk: Desk, name: str, *, version: int | None, up_to_ms: int | None) -> Materialisation:
    """Bring a view's online rows up to a moment; see `Features.materialise`."""
    call = calls.current()
    began = call.clock.monotonic()
    moment_ms = call.now_ms if up_to_ms is None else up_to_ms
    if moment_ms > call.now_ms:
        raise InvalidInput(
            f"up_to_ms lies {(moment_ms - call.now_ms) / 1000:g} s in the future; nothing is known of it"
        )
    view = view_named(name, version)
    plan, table, online = plan_of(view), desk.files.files(view.spec.source), desk.online()
    rows = reading.source_rows(desk, view, plan, table)
    combine = packing.materialised_onto(plan, moment_ms * 1000)
    written: set[bytes] = set()
    for batch in _packed(view, plan, rows, moment_ms * 1000):
        online.merge(view.name, view.version, batch, combine)
        written.update(batch)
    _remove_others(online, view, plan, written, moment_ms * 1000)
    state = Materialisation(
        view=view.ref, up_to_ms=moment_ms, read=table.ref, entities=len(written), at_ms=call.now_ms,
        took_ms=int((call.clock.monotonic() - began) * 1000),
    )  # fmt: skip
    call.unit(lambda: _note(view, state))
    return state


def _note(view: View, state: Materialisation) -> None:
    call = calls.current()
    definitions.put_materialisation(call.tx, view, state)
    news = Materialised(view=view.name, version=view.version, entities=state.entities, up_to_ms=state.up_to_ms)
    call.emit(news, reads=(state.read,), writes=(view.ref,))


def _packed(view: View, plan: Plan, rows: Rows, up_to_us: int) -> Iterator[dict[bytes, bytes]]:
    """The packed row of each entity, in batches."""
    nobody = [part.slice(0, 0) for part in rows.keys]
    newest = Log(plan, rows, nobody, pa.array([], pa.int64())).newest(up_to_us)
    taken = pa.array(newest.places)
    keys = [part.take(taken).to_pylist() for part in rows.keys]
    created = [None] * len(taken) if rows.created_us is None else rows.created_us.take(taken).to_pylist()
    values = [_cells(rows.values[place].take(taken)) for place in plan.newest]
    batch: dict[bytes, bytes] = {}
    for i in range(len(taken)):
        first, end = int(newest.first[i]), int(newest.end[i])
        row = packing.Row(
            int(newest.event_us[end - 1]), created[i], tuple(column[i] for column in values),
            newest.event_us[first:end].tobytes() if plan.windowed else b"",
            tuple(tail[first:end].tobytes() for tail in newest.tails),
        )  # fmt: skip
        key = packing.key_of(view.keys, {k.name: part[i] for k, part in zip(view.keys, keys, strict=True)})
        batch[key] = packing.pack(row)
        if len(batch) == BATCH:
            yield batch
            batch = {}
    if batch:
        yield batch


def _remove_others(online: Online, view: View, plan: Plan, written: set[bytes], up_to_us: int) -> None:
    """Take rows off that the table no longer has, but not those that were pushed since."""
    gone = [
        key
        for key, row in online.rows(view.name, view.version)
        if key not in written and packing.unpack(row).event_us + plan.delay_us <= up_to_us
    ]
    for start in range(0, len(gone), BATCH):
        online.delete(view.name, view.version, gone[start : start + BATCH])


def push(desk: Desk, name: str, given: Sequence[Mapping[str, Cell]], *, version: int | None) -> Pushed:
    """Let rows count online at once; see `Features.push`."""
    call = calls.current()
    view = view_named(name, version)
    plan = plan_of(view)
    read = _computed(desk, view, plan, given)
    rows = reading.rows_of(read, keys=len(view.keys), values=len(plan.expressions))
    combine = packing.pushed_onto(plan)
    comes: dict[bytes, bytes] = {}
    for key, row in _pushed_rows(view, plan, rows, latest_us=call.now_ms * 1000 + AHEAD_US):
        comes[key] = combine(comes.get(key), packing.pack(row))
    desk.online().merge(view.name, view.version, comes, combine)
    return Pushed(view=view.ref, rows=len(given), entities=len(comes))


def _computed(desk: Desk, view: View, plan: Plan, given: Sequence[Mapping[str, Cell]]) -> pa.Table:
    """The keys, moments and values of pushed rows, by the same expressions as the table's."""
    columns = {}
    for name in view.columns:
        if missing := next((place for place, row in enumerate(given) if name not in row), None):
            raise InvalidInput(f"pushed row {missing} lacks {name!r}; view {view.ref} reads {', '.join(view.columns)}")
        if name not in given[0]:
            raise InvalidInput(f"pushed row 0 lacks {name!r}; view {view.ref} reads {', '.join(view.columns)}")
        try:
            columns[name] = pa.array([row[name] for row in given])
        except (pa.ArrowException, OverflowError) as err:
            raise InvalidInput(
                f"the pushed values of {name!r} are of different types or too large; it is {view.columns[name]}"
            ) from err
    with desk.queries().session() as session:
        session.offer("pushed", pa.table(columns))
        query = scans.select(scans.recast("pushed", view.columns), reading.fields_of(view, plan))
        return reading.read_whole(desk, session, query)


def _pushed_rows(view: View, plan: Plan, rows: Rows, *, latest_us: int) -> Iterator[tuple[bytes, packing.Row]]:
    keys = [part.to_pylist() for part in rows.keys]
    events = rows.event_us.to_pylist()
    created = [None] * len(events) if rows.created_us is None else rows.created_us.to_pylist()
    values = [_cells(column) for column in rows.values]
    for i, event in enumerate(events):
        key = packing.key_of(view.keys, {k.name: part[i] for k, part in zip(view.keys, keys, strict=True)})
        if event is None or event > latest_us:
            what = "is no moment" if event is None else "lies in the future"
            raise InvalidInput(f"pushed row {i}: its {view.spec.event_time} {what}; correct it and push it again")
        times = event.to_bytes(8, "little", signed=True) if plan.windowed else b""
        tails = tuple(packing.tail_of(values[place][i]) for place in plan.windowed)
        yield key, packing.Row(event, created[i], tuple(values[place][i] for place in plan.newest), times, tails)


def _cells(column: pa.Array) -> list[Cell]:
    """Values as an online row keeps them; NaN is unknown."""
    cells: list[Cell] = column.to_pylist()
    if pa.types.is_floating(column.type):
        return [None if cell != cell else cell for cell in cells]  # noqa: PLR0124  # NaN alone differs from itself
    return cells


def forget(desk: Desk, name: str, key: Mapping[str, Cell]) -> Forgotten:
    """Erase an entity's online rows; see `Features.forget`."""
    call = calls.current()
    entity = entity_named(name)
    packing.key_of(entity.keys, key)
    if strange := sorted(key.keys() - {part.name for part in entity.keys}):
        raise InvalidInput(f"entity {name} has no key {strange[0]!r}; it has {', '.join(k.name for k in entity.keys)}")
    online, removed = desk.online(), dict[str, int]()
    for view in definitions.every_view(call.tx):
        if all(part in view.keys for part in entity.keys):
            removed[view.ref] = online.delete(view.name, view.version, _keys_of(online, view, entity, key))
    online.scrub()
    call.unit(lambda: call_forgotten(name, sum(removed.values())))
    return Forgotten(entity=name, rows=removed, at_ms=call.now_ms)


def call_forgotten(name: str, rows: int) -> None:
    """Tell that an entity was forgotten."""
    calls.current().emit(EntityForgotten(entity=name, rows=rows), writes=(ref("entity", name),))


def _keys_of(online: Online, view: View, entity: Entity, key: Mapping[str, Cell]) -> list[bytes]:
    """The online keys of a view that hold an entity's key."""
    if view.keys == entity.keys:
        return [packing.key_of(entity.keys, key)]
    sought = [(view.keys.index(part), packing.key_part(part, key[part.name])) for part in entity.keys]
    return [
        found
        for found, _ in online.rows(view.name, view.version)
        if all(packing.parts_of(found)[place] == value for place, value in sought)
    ]
