"""The verbs that change a table's columns and rows, each worked out as one outcome; see `ShapingOperations`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from modelyard.kernel.errors import AlreadyExists, InvalidInput, NotFound
from modelyard.lake.api import (
    Classification,
    Column,
    Declared,
    LoadId,
    Mode,
    Reading,
    RowCheck,
    Version,
)
from modelyard.lake.model.columns import (
    check_declared,
    check_partitions,
    checks,
    laid_out,
    naming,
    partitions,
)
from modelyard.lake.model.dialect import format_of
from modelyard.lake.model.widening import widens
from modelyard.lake.service.commits import Change, commit, may_write
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.policies import carry_mask
from modelyard.lake.service.pseudonyms import pseudonymous
from modelyard.lake.service.reshaping import Order, Outcome, Scene, one_expression, reshape, spared, without
from modelyard.lake.service.sources import open_source
from modelyard.lake.store import casts, catalogue, merging, reshaping, sources
from modelyard.ports import calls

_HEAD_BYTES = 64


def create(desk: Desk, name: str, declared: Declared, *, branch: str, message: str) -> Version:
    """Make an empty table."""
    may_write(branch)
    check_declared(declared)
    if not declared.columns:
        raise InvalidInput("a table has at least one column; declare them, or load rows and let the yard infer them")
    columns = laid_out(declared.columns, declared)
    for check in checks(columns):
        one_expression(desk, check.condition, f"check {check.name}")
    _hold(desk, columns)
    change = Change(
        table=name, operation="create", mode=Mode.CREATE, columns=columns, added=(), keys=declared.keys,
        description=declared.description, message=message or f"create {name}", branch=branch,
    )  # fmt: skip
    return commit(desk, change)


def restore(desk: Desk, old: catalogue.Entry, order: Order) -> Version:
    """Make a version that equals an older one; sources are pulled on from where they stood then."""
    files = desk.files(old)

    def work(scene: Scene) -> Outcome:
        if missing := [key for key in scene.entry.keys if key not in {c.name for c in old.columns}]:
            raise InvalidInput(f"version {old.version} has no column {missing[0]}, which is a key now; set other keys")
        held = {file.path for file in scene.files}
        back = sum(file.rows for file in files if file.path not in held)
        return Outcome(old.columns, files, added=back)

    def beside(version: int) -> None:
        sources.carry(calls.current().tx, old.name, old=old.version, fresh=version)

    return reshape(desk, replace(order, beside=beside), work)


def delete_where(desk: Desk, order: Order, condition: str) -> Version:
    """Remove the rows that match a condition."""
    return reshape(desk, order, lambda scene: without(scene, condition))


def delete_keys(desk: Desk, order: Order, content: Iterable[bytes]) -> Version:
    """Remove the rows of given keys."""
    given = b"".join(content)

    def work(scene: Scene) -> Outcome:
        keys = scene.entry.keys
        if not keys:
            raise InvalidInput(f"table {scene.entry.name} has no key to delete by; set one: yard lake set-keys")
        columns = [scene.column(key) for key in keys]
        file = _keys(scene, given, columns)
        if not scene.files:
            return Outcome(scene.entry.columns, scene.files)
        by_uri = {desk.tables().uri(scene.entry.location, f.path): f.path for f in scene.files}
        with desk.queries().session() as session:
            found = session.rows(reshaping.keyed(scene.uris, scene.entry.columns, keys, [str(file)]))
        met = {by_uri[str(uri)]: int(n or 0) for uri, n in found if str(uri) in by_uri}
        return spared(
            scene, met, lambda uris: merging.remaining(uris, scene.entry.columns, [str(file)], keys), extra=[file]
        )

    return reshape(desk, order, work)


def _keys(scene: Scene, given: bytes, columns: Sequence[Column]) -> Path:
    """The given keys as Parquet, in the types that the table's columns have."""
    spool, made = scene.folder / "given", scene.folder / "keys.parquet"
    spool.write_bytes(given)
    names = [c.name for c in columns]
    opened = open_source(spool, format_of("keys", given[:_HEAD_BYTES]), Reading(), expected=names)
    source = pseudonymous(scene.desk, opened, columns)
    if missing := [name for name in names if name not in source.names]:
        raise InvalidInput(f"the keys lack column {missing[0]!r}; give {', '.join(names)}")
    query = casts.conversion(columns, source.types, LoadId(scene.stem))
    with scene.desk.queries().session() as session:
        session.offer("source", pa.RecordBatchReader.from_batches(source.schema(), source.batches()))
        answer = session.reader(query).read_all()
    unfit = answer.column(casts.BAD).to_pylist().count(True) + len(source.take_wrong())
    if unfit:
        raise InvalidInput(f"{unfit} of the keys cannot be read as {', '.join(c.type for c in columns)}")
    pq.write_table(answer.select(names), made)
    return made


def add_column(desk: Desk, order: Order, column: Column, expression: str | None) -> Version:
    """Add a column, null or computed."""

    def work(scene: Scene) -> Outcome:
        columns = scene.entry.columns
        if column.partitioned or column.checks:
            raise InvalidInput("add the column first, then partition by it or check it")
        check_declared(Declared(columns=(*columns, column)))
        fresh = msgspec.structs.replace(column, sparse=expression is None and bool(scene.files))
        if expression is None:
            if not column.nullable and any(file.rows for file in scene.files):
                raise InvalidInput(f"{column.name} would be null in the rows that there are; give an expression")
            return Outcome((*columns, fresh), scene.files)
        one_expression(desk, expression, "an expression")
        outcome = scene.anew(lambda uris: reshaping.extended(uris, columns, column, expression), (*columns, fresh))
        if not column.nullable:
            _refuse_nulls(scene, outcome, column)
        return outcome

    return reshape(desk, order, work)


def _refuse_nulls(scene: Scene, outcome: Outcome, column: Column) -> None:
    made = [str(path) for _, path in outcome.fresh]
    missing = scene.count(reshaping.breaking(made, outcome.columns, f"{casts.quoted(column.name)} IS NOT NULL"), made)
    if missing[0]:
        raise InvalidInput(f"{column.name} would be null in {missing[0]:,} rows and may not be")


def widen(desk: Desk, order: Order, column: str, kind: str) -> Version:
    """Give a column a type that holds all of its values."""

    def work(scene: Scene) -> Outcome:
        held = scene.column(column)
        if not widens(held.type, kind):
            raise InvalidInput(f"{column} is {held.type}; {kind} does not hold all that it may hold, or is the same")
        columns = _replaced(scene, held, type=kind)
        check_declared(Declared(columns=columns))
        return scene.anew(lambda uris: reshaping.cast(uris, scene.entry.columns, {column: kind}), columns)

    return reshape(desk, order, work)


def rename(desk: Desk, order: Order, column: str, fresh: str) -> Version:
    """Rename a column; what a policy hides stays hidden under the new name."""
    carry_mask(desk, order.table, column, fresh)

    def work(scene: Scene) -> Outcome:
        held = _loose(scene, column, "renamed")
        columns = _replaced(scene, held, name=fresh)
        check_declared(Declared(columns=columns))
        _hold(desk, columns)
        return scene.anew(lambda uris: reshaping.renamed(uris, scene.entry.columns, column, fresh), columns)

    return reshape(desk, order, work)


def drop(desk: Desk, order: Order, column: str) -> Version:
    """Remove a column."""

    def work(scene: Scene) -> Outcome:
        held = _loose(scene, column, "dropped")
        rest = [c for c in scene.entry.columns if c is not held]
        if not rest:
            raise InvalidInput(f"{column} is the only column; drop the table instead")
        columns = laid_out(rest, Declared(checks=held.checks))
        _hold(desk, columns)
        return scene.anew(lambda uris: reshaping.chosen(uris, scene.entry.columns, [c.name for c in rest]), columns)

    return reshape(desk, order, work)


def _loose(scene: Scene, column: str, what: str) -> Column:
    """A column that neither keys nor partitions hold on to."""
    held = scene.column(column)
    if column in scene.entry.keys:
        raise InvalidInput(
            f"{column} is part of the key and cannot be {what}; set other keys first: yard lake set-keys"
        )
    if held.partitioned:
        raise InvalidInput(f"{column} keeps rows apart and cannot be {what}; partition otherwise first")
    return held


def comment(desk: Desk, order: Order, column: str, text: str) -> Version:
    """Say what a column means."""
    return reshape(
        desk, order, lambda scene: Outcome(_replaced(scene, scene.column(column), comment=text), scene.files)
    )  # fmt: skip


def classify(desk: Desk, order: Order, column: str, classification: Classification | None) -> Version:
    """Say how careful one must be with a column."""

    def work(scene: Scene) -> Outcome:
        held = scene.column(column)
        if classification is not None and held.partitioned:
            raise InvalidInput(f"{column} keeps rows apart, so its values stand in the log; partition otherwise first")
        columns = _replaced(scene, held, classification=classification)
        if (classification is None) == (held.classification is None):
            return Outcome(columns, scene.files)
        return scene.anew(lambda uris: reshaping.chosen(uris, columns, [c.name for c in columns]), columns)

    def beside(_: int) -> None:
        catalogue.forget_profiles(calls.current().tx, order.table)

    return reshape(desk, replace(order, beside=beside), work)


def add_check(desk: Desk, order: Order, check: RowCheck) -> Version:
    """Hold a condition from now on."""
    one_expression(desk, check.condition, "a condition")

    def work(scene: Scene) -> Outcome:
        columns = scene.entry.columns
        if check.name in {held.name for held in checks(columns)}:
            raise AlreadyExists(
                f"table {scene.entry.name} has a check {check.name}; drop it first, or name it otherwise"
            )
        (breaking,) = scene.count(reshaping.breaking(scene.uris, columns, check.condition), scene.uris)
        if breaking:
            raise InvalidInput(
                f"{breaking:,} rows break check {check.name}; mend or remove them first: yard lake preview "
                f"{scene.entry.name} --where 'not ({check.condition[:200]})'"
            )
        held = columns[naming(check.condition, [c.name for c in columns])]
        return Outcome(_replaced(scene, held, checks=(*held.checks, check)), scene.files)

    return reshape(desk, order, work)


def drop_check(desk: Desk, order: Order, name: str) -> Version:
    """Hold a condition no longer."""

    def work(scene: Scene) -> Outcome:
        for held in scene.entry.columns:
            rest = tuple(check for check in held.checks if check.name != name)
            if len(rest) < len(held.checks):
                return Outcome(_replaced(scene, held, checks=rest), scene.files)
        known = ", ".join(check.name for check in checks(scene.entry.columns)) or "none"
        raise NotFound(f"table {scene.entry.name} has no check {name}; it has {known}")

    return reshape(desk, order, work)


def partition(desk: Desk, order: Order, names: Sequence[str]) -> Version:
    """Keep rows apart by the values of some columns."""

    def work(scene: Scene) -> Outcome:
        columns = scene.entry.columns
        check_partitions(names, columns)
        parted = [msgspec.structs.replace(c, partitioned=c.name in set(names)) for c in columns]
        if partitions(parted) == partitions(columns):
            return Outcome(columns, scene.files)
        return scene.anew(lambda uris: reshaping.chosen(uris, columns, [c.name for c in columns]), parted)

    return reshape(desk, order, work)


def check_unique(desk: Desk, entry: catalogue.Entry, keys: Sequence[str]) -> None:
    """Refuse keys that do not identify the rows of a version."""
    known = {c.name for c in entry.columns}
    if missing := [key for key in keys if key not in known]:
        raise InvalidInput(f"table {entry.name} at version {entry.version} has no column {missing[0]!r}")
    if not keys:
        return
    with desk.queries().session() as session:
        lost, again = session.rows(reshaping.unkeyed(desk.uris(entry), entry.columns, keys))[0]
    if lost or again:
        raise InvalidInput(
            f"{', '.join(keys)} cannot be the key of {entry.name}: at version {entry.version} it is not whole in "
            f"{int(lost or 0):,} rows, and {int(again or 0):,} keys come more than once"
        )


def _replaced(scene: Scene, held: Column, **fresh: object) -> tuple[Column, ...]:
    changed = msgspec.structs.replace(held, **fresh)
    return tuple(changed if c is held else c for c in scene.entry.columns)


def _hold(desk: Desk, columns: Sequence[Column]) -> None:
    """Refuse columns under which a check can no longer be told."""
    held = checks(columns)
    if held:
        with desk.queries().confined(views={}) as session:
            for check in held:
                try:
                    session.rows(reshaping.breaking([], columns, check.condition))
                except InvalidInput as err:
                    raise InvalidInput(f"check {check.name} ({check.condition[:200]}): {err.detail}") from err
