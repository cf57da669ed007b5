"""Differences between two versions of a table, and the feed of what each version did.

Versions share files; only those in which they differ are read, so the cost follows the change and not the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pyarrow as pa

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.pages import encode_cursor, place_of
from modelyard.kernel.refs import Ref
from modelyard.lake.api import (
    NEXT,
    CellChange,
    Column,
    ColumnChange,
    Difference,
    RowChange,
    RowFate,
    SchemaDiff,
)
from modelyard.lake.model.columns import arrow_schema
from modelyard.lake.model.filesets import thing
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.reading import cell, chosen
from modelyard.lake.store import catalogue, differences
from modelyard.lake.store.differences import CHANGE, VERSION, Pairing, Side
from modelyard.ports import calls
from modelyard.ports.answers import framed

_LONGEST_LINE = 1_000_000


def schema_diff(base: catalogue.Entry, target: catalogue.Entry) -> SchemaDiff:
    """How the columns of two versions differ."""
    old, new = {c.name: c for c in base.columns}, {c.name: c for c in target.columns}
    return SchemaDiff(
        table=target.name, base=_ref(base), target=_ref(target),
        added=tuple(c for c in target.columns if c.name not in old),
        removed=tuple(c for c in base.columns if c.name not in new),
        changed=tuple(
            ColumnChange(name=c.name, old=old[c.name], new=c)
            for c in target.columns
            if c.name in old and old[c.name] != c
        ),
        old_keys=base.keys, new_keys=target.keys,
    )  # fmt: skip


def diff(
    desk: Desk, base: catalogue.Entry, target: catalogue.Entry, *, columns: Sequence[str], cursor: str | None,
    limit: int,
) -> Difference:  # fmt: skip
    """Rows that differ, counted and one page of them."""
    offset = place_of(cursor, 0)
    if offset < 0:
        raise InvalidInput("the cursor is not one that this list gave out; start again without it")
    pairing = pair(desk, base, target, columns)
    counted, rows = (0, 0, 0), list[RowChange]()
    if pairing.old.files or pairing.new.files:
        with desk.queries().session() as session:
            added, removed, changed = (int(n or 0) for n in session.rows(differences.counts(pairing))[0])
            counted = (added, removed, changed)
            if offset < sum(counted):
                page = session.reader(differences.page(pairing, offset=offset, limit=limit)).read_all()
                values = zip(*(column.to_pylist() for column in page.columns), strict=True)
                rows = [_row_change(pairing, row) for row in values]
    reached = offset + len(rows)
    return Difference(
        table=target.name, base=_ref(base), target=_ref(target), by=pairing.by, columns=schema_diff(base, target),
        added=counted[0], removed=counted[1], changed=counted[2], rows=rows,
        next=encode_cursor(reached) if rows and reached < sum(counted) else None,
    )  # fmt: skip


def pair(desk: Desk, base: catalogue.Entry, target: catalogue.Entry, columns: Sequence[str] = ()) -> Pairing:
    """Two versions, ready to be compared."""
    union = {c.name: c for c in (*target.columns, *base.columns)}
    union.update({c.name: c for c in target.columns})
    if unknown := [name for name in columns if name not in union]:
        raise InvalidInput(f"table {target.name} has no column {unknown[0]!r}; it has {', '.join(union)[:300]}")
    old, new = _unshared(desk, base, target)
    held = {c.name for c in base.columns} & {c.name for c in target.columns}
    keys = target.keys if target.keys and set(target.keys) <= held else ()
    wanted = [union[name] for name in dict.fromkeys(columns or union)]
    return Pairing(Side(old, base.columns), Side(new, target.columns), wanted, keys)


def _unshared(desk: Desk, base: catalogue.Entry, target: catalogue.Entry) -> tuple[list[str], list[str]]:
    """The files of each version that the other has not."""
    old, new = desk.paths(base) if base.version else [], desk.paths(target)
    shared = set(old) & set(new)
    return (
        desk.located(base, [path for path in old if path not in shared]),
        desk.located(target, [path for path in new if path not in shared]),
    )


def _row_change(pairing: Pairing, row: Sequence[object]) -> RowChange:
    width, keys = len(pairing.columns), len(pairing.by)
    was, is_ = bool(row[0]), bool(row[1])
    key = {name: cell(value) for name, value in zip(pairing.by, row[2 : 2 + keys], strict=True)}
    old, new = row[2 + keys : 2 + keys + width], row[2 + keys + width :]
    names = [c.name for c in pairing.columns]
    if was and is_:
        pairs = [(n, cell(a), cell(b)) for n, a, b in zip(names, old, new, strict=True) if not _same(a, b)]
        cells = tuple(CellChange(column=name, old=a, new=b) for name, a, b in pairs)
        return RowChange(fate=RowFate.CHANGED, key=key, row={}, cells=cells)
    values = {name: cell(value) for name, value in zip(names, new if is_ else old, strict=True)}
    return RowChange(fate=RowFate.ADDED if is_ else RowFate.REMOVED, key=key, row=values, cells=())


def _same(old: object, new: object) -> bool:
    return old == new or (old != old and new != new)  # noqa: PLR0124 - NaN alone is unlike itself


def _ref(entry: catalogue.Entry) -> Ref:
    return thing(entry.name, entry.version)


def changes(
    desk: Desk, target: catalogue.Entry, steps: Sequence[catalogue.Entry], columns: Sequence[str]
) -> Iterator[bytes]:
    """The feed over the versions `steps`, oldest first, the first of them being known already.

    Args:
        target: whose columns the rows have.
    """
    wanted = [c for c in target.columns if c.name in set(chosen(target, columns))]
    if taken := {CHANGE, VERSION} & {c.name.lower() for c in wanted}:
        raise InvalidInput(f"a column is called {min(taken)}, as the feed's own; leave it out of `columns`")
    schema = arrow_schema(wanted, provenance=False)
    schema = schema.append(pa.field(CHANGE, pa.string())).append(pa.field(VERSION, pa.int64()))
    queries = [(pair_of(desk, old, new, target, wanted), new.version) for old, new in pairwise(steps)]

    def rows() -> Iterator[pa.RecordBatch]:
        for pairing, version in queries:
            if pairing.old.files or pairing.new.files:
                with desk.queries().session() as session:
                    for batch in session.reader(differences.feed(pairing, version)):
                        yield batch.cast(schema)

    return framed(schema.with_metadata({NEXT: str(target.version)}), rows())


def pair_of(
    desk: Desk, old: catalogue.Entry, new: catalogue.Entry, target: catalogue.Entry, wanted: Sequence[Column]
) -> Pairing:
    """One step of the feed, in the columns of its newest version."""
    before, after = _unshared(desk, old, new)
    held = {c.name for c in old.columns} & {c.name for c in new.columns}
    keys = target.keys if target.keys and set(target.keys) <= held else ()
    return Pairing(Side(before, old.columns), Side(after, new.columns), wanted, keys)


def steps(target: catalogue.Entry, since: int) -> list[catalogue.Entry]:
    """The versions from `since` to the target, both included, oldest first; version 0 is empty."""
    tx = calls.current().tx
    line = catalogue.line(tx, target.name, start=target.version, most=_LONGEST_LINE)
    known = sorted(each.version for each in line)
    if since < 0 or since > target.version or (since and since not in known):
        raise NotFound(
            f"table {target.name} has no version {since} before {target.version}; list them: "
            f"yard lake history {target.name}"
        )
    chain = [v for v in known if since <= v]
    found = [entry for v in chain if (entry := catalogue.entry(tx, target.name, v)) is not None]
    return found if since else [empty(target), *found]


def empty(entry: catalogue.Entry) -> catalogue.Entry:
    """The table before its first version."""
    import msgspec

    return msgspec.structs.replace(entry, version=0, rows=0, size_bytes=0)
