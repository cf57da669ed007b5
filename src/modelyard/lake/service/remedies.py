"""Mending by a rule: SQL over the fields of held rows gives their new texts, which are tried, or loaded again.

Fields are texts, as they came; a text that is no row of the source's format has no fields and is mended whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice

import pyarrow as pa

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.lake.api import LOAD, Format, Load, Mend, MendRule, MendTrial, RowState, TriedRow
from modelyard.lake.model.columns import ROW_COLUMN
from modelyard.lake.model.records import join_record
from modelyard.lake.service import mending, quarantine
from modelyard.lake.service.asking import told
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.intake import take_in
from modelyard.lake.service.sources import HeldSource
from modelyard.lake.store import mends
from modelyard.ports import calls

_BATCH = 10_000
_TIMEOUT_S = 60.0
Held = dict[int, tuple[str, tuple[str, ...]]]


def trial(desk: Desk, load: Load, rule: MendRule, *, limit: int) -> MendTrial:
    """What a rule would do; it changes nothing and leaves no report."""
    held = _held(desk, load)
    texts = _texts(desk, load, rule, held)
    call = calls.current()
    remains: dict[int, tuple[str, ...]] = {}
    with desk.bench(LOAD.new(call.clock)) as folder:
        again = mending.opened(desk, load, texts.items)
        intake = take_in(
            told(desk, again.branch, dry=True), again.source, table=load.table, load=load.id,
            columns=again.fit.columns, existing=desk.uris(again.entry), folder=folder,
        )  # fmt: skip
        if intake.quarantine is not None:
            remains = {row: tuple(reasons) for row, _, reasons in quarantine.refused(desk, intake.quarantine)}
    refused = set(texts) if intake.verdict.blocks else set(intake.refused)
    examples = tuple(
        TriedRow(
            row=row, before=held[row][0], after=text, reasons=held[row][1], passes=row not in refused,
            remains=remains.get(row, ()),
        )
        for row, text in islice(sorted(texts.items()), limit)
    )  # fmt: skip
    return MendTrial(
        load=load.id, held=len(held), matched=len(texts), passing=len(texts) - len(refused),
        changed=sum(text != held[row][0] for row, text in texts.items()), blocks=intake.verdict.blocks,
        examples=examples,
    )  # fmt: skip


def apply(desk: Desk, load: Load, rule: MendRule, why: str) -> Load:
    """Mend the rows that the rule means, and load them again."""
    if not why.strip():
        raise InvalidInput("say why the rows are mended: --why 'the export wrote commas for points'")
    texts = _texts(desk, load, rule, _held(desk, load))
    if not texts:
        raise InvalidInput(f"the rule means none of the rows that load {load.id} holds; try it: yard lake try-mend")
    given = tuple(Mend(row=row, raw=text) for row, text in texts.items())
    return mending.replay(desk, load, mends=given, rows=(), said=f"mended by {_in_words(rule)}: {why.strip()}")


def _in_words(rule: MendRule) -> str:
    changes = [f"{name} = {change}" for name, change in rule.set.items()] or [f"raw = {rule.raw}"]
    return ", ".join(changes) + (f" where {rule.where}" if rule.where else "")


def _held(desk: Desk, load: Load) -> Held:
    rows = quarantine.every(desk, load)
    found = {row.row: (row.raw, row.reasons) for row in rows if row.state is RowState.HELD}
    if not found:
        raise NotFound(f"load {load.id} holds no rows any more")
    return found


def _texts(desk: Desk, load: Load, rule: MendRule, held: Held) -> dict[int, str]:
    """The new text of each row that the rule means."""
    names, delimiter = mending.described(desk, load)
    if bool(rule.set) == (rule.raw is not None):
        raise InvalidInput("a rule gives `set`, with an expression for each column, or `raw`, for whole texts")
    if unknown := [name for name in rule.set if name not in names]:
        raise InvalidInput(f"the held rows have no field {unknown[0]!r}; they have {', '.join(names)[:400]}")
    query = mends.rewritten(rule.raw, rule.where) if rule.raw else mends.mended(names, rule.set, rule.where)
    if not desk.queries().is_select(query):
        raise InvalidInput("each part of a rule is one SQL expression")
    found: dict[int, str] = {}
    with desk.queries().confined(views={}, timeout_s=_TIMEOUT_S) as session:
        for batch in _batches(held, None if rule.raw else (names, delimiter)):
            session.offer(mends.HELD, batch)
            for row in session.reader(query).read_all().to_pylist():
                place = row.pop(ROW_COLUMN)
                text = row[mends.RAW] if rule.raw else _record(load, [row[name] for name in names], names, delimiter)
                found[place] = text or ""
    return found


def _batches(held: Held, fields: tuple[Sequence[str], str | None] | None) -> Iterator[pa.Table]:
    """Held rows with place, text and reasons; with their fields, where they are asked for and can be read."""
    places = iter(sorted(held))
    while some := list(islice(places, _BATCH)):
        beside = {
            mends.RAW: pa.array([held[place][0] for place in some], pa.string()),
            mends.REASONS: pa.array([list(held[place][1]) for place in some], pa.list_(pa.string())),
        }
        if fields is None:
            yield pa.table({ROW_COLUMN: pa.array(some, pa.int64()), **beside})
            continue
        names, delimiter = fields
        source = HeldSource(lambda some=some: ((n, held[n][0]) for n in some), names=names, delimiter=delimiter)  # type: ignore[misc]  # mypy: the default
        for batch in source.batches():
            own = batch.column(ROW_COLUMN).to_pylist()
            table = pa.Table.from_batches([batch])
            for name, values in ((mends.RAW, [held[n][0] for n in own]), (mends.REASONS, [held[n][1] for n in own])):
                if name not in names:
                    table = table.append_column(name, pa.array(values, beside[name].type))
            yield table


def _record(load: Load, fields: Sequence[str | None], names: Sequence[str], delimiter: str | None) -> str:
    if load.format is Format.CSV and delimiter is not None:
        return join_record(fields, delimiter)
    return json.dumps({n: f for n, f in zip(names, fields, strict=True) if f is not None}, ensure_ascii=False)
