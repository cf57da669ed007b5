"""Building training sets: labels and sources read at pinned versions, joined, written as a version of a lake table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from modelyard.features.api import (
    Key,
    Labels,
    Status,
    TrainingSet,
    TrainingSetBuilt,
    TrainingSpec,
    View,
)
from modelyard.features.model.columns import digest_of, is_time
from modelyard.features.model.join import EXPIRED, MISSING, Joined, Log
from modelyard.features.model.semantics import Plan, plan_of, quoted
from modelyard.features.service import reading
from modelyard.features.service.desk import Desk, view_at
from modelyard.features.store import definitions, scans
from modelyard.kernel.errors import AlreadyExists, InvalidInput, NotFound
from modelyard.kernel.refs import Ref
from modelyard.lake.api import Column, Declared, Mode, TableFiles
from modelyard.ports import calls
from modelyard.ports.answers import framed

EVENT_TIME = "event_time"
_NAMES = (Status.PRESENT, Status.MISSING, Status.EXPIRED)
_BATCH_ROWS = 65_536


@dataclass(frozen=True)
class Order:
    """A training set to be built: everything it is made of, at pinned versions."""

    name: str
    spec: TrainingSpec
    labels: TableFiles
    views: tuple[View, ...]
    sources: Mapping[str, TableFiles]

    @property
    def keys(self) -> dict[str, Key]:
        """Every key that a view wants, by name."""
        return {key.name: key for view in self.views for key in view.keys}

    @property
    def reads(self) -> tuple[Ref, ...]:
        """Tables and views, each at its version, without repetition."""
        tables = (self.labels.ref, *(self.sources[view.spec.source].ref for view in self.views))
        return tuple(dict.fromkeys((*tables, *(view.ref for view in self.views))))


def build(desk: Desk, name: str, spec: TrainingSpec) -> TrainingSet:
    """Carry out a build; see `Features.build_training_set`."""
    call = calls.current()
    began = call.clock.monotonic()
    order = _ordered(desk, name, spec)
    digest = digest_of([name, spec, order.reads, [view.hash for view in order.views]])
    last = definitions.training_set(call.tx, name, None)
    if last is not None and last.hash == digest and _stands(desk, last):
        return last
    if last is None:
        _refuse_foreign(desk, name)
    chosen = _labels(desk, order)
    made, joined = _joined(desk, order, chosen)
    version = desk.lake.write(
        name, _stream(made), mode=Mode.OVERWRITE, schema=_declared(made.schema, name), reads=order.reads,
        message=f"training set of {', '.join(view.ref for view in order.views) or 'no view'}",
    )  # fmt: skip
    took_ms = int((call.clock.monotonic() - began) * 1000)
    built = TrainingSet(
        name=name, version=version.version, ref=version.ref, spec=spec, views=tuple(v.ref for v in order.views),
        reads=order.reads, columns=tuple(made.column_names), rows=made.num_rows,
        missing={view: int((j.status == MISSING).sum()) for view, j in joined.items()},
        expired={view: int((j.status == EXPIRED).sum()) for view, j in joined.items()},
        hash=digest, created_ms=call.now_ms, took_ms=took_ms, author=call.actor.id,
    )  # fmt: skip
    call.unit(lambda: _note(built))
    return built


def _note(built: TrainingSet) -> None:
    call = calls.current()
    definitions.add_training_set(call.tx, built)
    news = TrainingSetBuilt(name=built.name, version=built.version, rows=built.rows, hash=built.hash)
    call.emit(news, reads=built.reads, writes=(built.ref,))


def _stands(desk: Desk, last: TrainingSet) -> bool:
    try:
        return desk.lake.table(last.name).version == last.version
    except NotFound:
        return False


def _refuse_foreign(desk: Desk, name: str) -> None:
    """Refuse to write over a table that is no training set."""
    try:
        found = desk.lake.table(name)
    except NotFound:
        return
    raise AlreadyExists(f"{found.ref} is a table that no training set made; choose another name for this one")


def _ordered(desk: Desk, name: str, spec: TrainingSpec) -> Order:
    views = tuple(view_at(text) for text in spec.views)
    if twice := [view for view, times in Counter(v.name for v in views).items() if times > 1]:
        raise InvalidInput(f"view {twice[0]} is named twice; a training set holds one version of a view")
    sources = {view.spec.source for view in views}
    if unread := sorted(spec.at.keys() - sources):
        raise InvalidInput(
            f"`at` names table {unread[0]!r}, which no view reads; they read {', '.join(sorted(sources))}"
        )
    pinned = {source: desk.files.files(source, at=spec.at.get(source), revealing=True) for source in sorted(sources)}
    if name in sources or name == spec.labels.table:
        raise InvalidInput(f"the training set {name} would write over a table that it is made from; name it otherwise")
    return Order(name, spec, desk.files.files(spec.labels.table, at=spec.labels.at, revealing=True), views, pinned)


def _labels(desk: Desk, order: Order) -> pa.Table:
    """The labels' rows in the order of their arrival: keys, moments, selected columns."""
    spec, columns = order.spec.labels, reading.columns_of(order.labels)
    fields, texts = _label_fields(order, spec, columns)
    reading.checked(desk, [*texts, *([spec.where] if spec.where else [])], columns)
    source = scans.files(order.labels.paths, columns)
    query = scans.select(source, fields, where=spec.where, ordered=True)
    with desk.queries().confined(views={}, extra=order.labels.paths, timeout_s=reading.TIMEOUT_S) as session:
        read = reading.read_whole(desk, session, query)
    wanted = order.spec.sample_rows
    if wanted is not None and wanted < read.num_rows:
        drawn = np.random.default_rng(order.spec.seed).choice(read.num_rows, wanted, replace=False)
        read = read.take(pa.array(np.sort(drawn)))
    return read


def _label_fields(order: Order, spec: Labels, columns: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """What is read of the labels' table, as SQL, and the expressions among it."""
    where = f"{order.labels.table}@{order.labels.version}"
    fields: dict[str, str] = {}
    for view in order.views:
        for key in view.keys:
            if order.keys[key.name] != key:
                raise InvalidInput(
                    f"two entities have a key {key.name} of different types; they cannot be joined at once"
                )
            column = spec.key_columns.get(key.name, key.name)
            reading.need_column(columns, column, where, f"key {key.name} of entity {view.spec.entity}")
            fields[key.name] = scans.key(key, column)
    kind = reading.need_column(columns, spec.time, where, "the time of the labels")
    if not is_time(kind):
        raise InvalidInput(
            f"column {spec.time!r} of {where} is a {kind} and cannot say when; it must be a time or number"
        )
    fields[EVENT_TIME] = scans.moment(spec.time, kind, spec.epoch_unit)
    texts = [each.expression or quoted(each.name) for each in spec.columns]
    for each, text in zip(spec.columns, texts, strict=True):
        if each.name in fields:
            raise InvalidInput(
                f"the training set would have two columns {each.name!r}; give the selected one another name"
            )
        fields[each.name] = scans.valued(text, None)
    return fields, texts


def _joined(desk: Desk, order: Order, labels: pa.Table) -> tuple[pa.Table, dict[str, Joined]]:
    """The labels with the features of every view, and what became of each view."""
    moments = reading.one_array(labels, EVENT_TIME)
    stamps = moments.cast(pa.timestamp("us", "UTC"))
    made = labels.set_column(labels.column_names.index(EVENT_TIME), EVENT_TIME, stamps)
    joined = {}
    for view in order.views:
        plan = plan_of(view)
        keys = [reading.one_array(labels, key.name) for key in view.keys]
        rows = reading.source_rows(desk, view, plan, order.sources[view.spec.source])
        done = joined[view.name] = Log(plan, rows, keys, moments).join()
        made = _with_features(made, plan, done, statuses=order.spec.statuses)
    return made, joined


def _with_features(made: pa.Table, plan: Plan, done: Joined, *, statuses: bool) -> pa.Table:
    added: list[tuple[str, pa.Array]] = [(o.name, column) for o, column in zip(plan.outputs, done.columns, strict=True)]
    if statuses:
        words = pa.array([str(each) for each in _NAMES]).take(pa.array(done.status))
        added.append((f"{plan.view}__status", words))
    for name, column in added:
        if name in made.column_names:
            raise InvalidInput(f"the training set would have two columns {name!r}; give the selected one another name")
        made = made.append_column(name, column)
    return made


def _declared(schema: pa.Schema, name: str) -> Declared:
    columns = tuple(Column(name=field.name, type=reading.lake_type(field.type)) for field in schema)
    return Declared(columns=columns, description=f"Training set {name}")


def _stream(made: pa.Table) -> Iterator[bytes]:
    """The table as an Arrow IPC stream, batch by batch."""
    return framed(made.schema, made.to_batches(max_chunksize=_BATCH_ROWS))
