"""Metric points: the tail of packed calls, the chunks they are folded into, the last point of each key, the names.

Reading joins both: chunks in their order, then the tail in the order of arrival. A point that is in both, or twice in
one, is dropped at read and at fold. Nothing here decides when to fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

from modelyard.ports.database import Transaction
from modelyard.ports.statements import cached, in_params, sql
from modelyard.tracking.api import KeyClash, Latest
from modelyard.tracking.model.series import Key, Series, Span, decode, fresh, span, unpack

_ADD_TAIL = sql("INSERT INTO tracking_tail (run, points, body) VALUES (:run, :points, :body)")
_PUT_LATEST = sql(
    "INSERT INTO tracking_latest (run, key, value, is_nan, step, at_ms) "
    "VALUES (:run, :key, :value, :is_nan, :step, :at) "
    "ON CONFLICT (run, key) DO UPDATE SET value = excluded.value, is_nan = excluded.is_nan, step = excluded.step, "
    "at_ms = excluded.at_ms WHERE (excluded.step, excluded.at_ms, coalesce(excluded.value, 0)) > "
    "(tracking_latest.step, tracking_latest.at_ms, coalesce(tracking_latest.value, 0))"
)
_ADD_KEY = sql("INSERT INTO tracking_key (id, name) VALUES (:id, :name) ON CONFLICT (id) DO NOTHING")
_KEY = sql("SELECT name FROM tracking_key WHERE id = :id")
_TAIL = sql("SELECT id, points, body FROM tracking_tail WHERE run = :run ORDER BY id")
_TAIL_AFTER = sql("SELECT id, points, body FROM tracking_tail WHERE run = :run AND id > :after ORDER BY id")
_TAIL_BOUNDS = sql(
    "SELECT MAX(id), SUM(CASE WHEN id > :after THEN points ELSE 0 END) FROM tracking_tail WHERE run = :run"
)
_PULSE = sql("SELECT MAX(id) FROM tracking_tail")
_TAIL_SIZES = sql("SELECT run, COUNT(*), SUM(points) FROM tracking_tail GROUP BY run")
_FOLDS = sql("SELECT folds FROM tracking_run WHERE id = :run")
_IDENTITY = sql("SELECT run FROM tracking_run WHERE id = :run")
_STATE = sql(
    "SELECT run, folds, (SELECT COUNT(*) FROM tracking_tail WHERE run = :run) FROM tracking_run WHERE id = :run"
)
_COUNT_FOLD = sql("UPDATE tracking_run SET folds = folds + 1 WHERE id = :run AND folds = :folds AND run = :identity")
_DROP_TAIL = sql("DELETE FROM tracking_tail WHERE id = :id")
_CHUNKS = sql("SELECT body FROM tracking_chunk WHERE run = :run AND key = :key ORDER BY seq")
_CHUNKS_BETWEEN = sql(
    "SELECT body FROM tracking_chunk WHERE run = :run AND key = :key AND last_step >= :first AND first_step <= :last "
    "ORDER BY seq"
)
_SPANS = sql(
    "SELECT seq, points, first_step, last_step, first_ms, last_ms, low, high FROM tracking_chunk "
    "WHERE run = :run AND key = :key ORDER BY seq"
)
_ALL_SPANS = sql(
    "SELECT key, seq, points, first_step, last_step, first_ms, last_ms, low, high FROM tracking_chunk WHERE run = :run "
    "ORDER BY key, seq"
)
_BODY = sql("SELECT body FROM tracking_chunk WHERE run = :run AND key = :key AND seq = :seq")
_PUT_CHUNK = sql(
    "INSERT INTO tracking_chunk (run, key, seq, points, first_step, last_step, first_ms, last_ms, low, high, body) "
    "VALUES (:run, :key, :seq, :points, :first_step, :last_step, :first_ms, :last_ms, :low, :high, :body) "
    "ON CONFLICT (run, key, seq) DO UPDATE SET points = excluded.points, first_step = excluded.first_step, "
    "last_step = excluded.last_step, first_ms = excluded.first_ms, last_ms = excluded.last_ms, low = excluded.low, "
    "high = excluded.high, body = excluded.body"
)


@dataclass(frozen=True, slots=True)
class TailRow:
    """One packed call."""

    id: int
    points: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """One packed stretch of a series, ready to be stored."""

    key: int
    seq: int
    span: Span
    body: bytes


def append(tx: Transaction, run: int, *, points: int, body: bytes, latest: Sequence[Latest]) -> None:
    """Add a packed call to the tail and bring the last points up to date."""
    tx.run(_ADD_TAIL, {"run": run, "points": points, "body": body})
    rows = [
        {
            "run": run, "key": one.number, "value": None if isnan(one.value) else one.value,
            "is_nan": int(isnan(one.value)), "step": one.step, "at": one.at_ms,
        }
        for one in latest
    ]  # fmt: skip
    if len(rows) == 1:
        tx.run(_PUT_LATEST, rows[0])
    else:
        tx.many(_PUT_LATEST, rows)


def name_keys(tx: Transaction, names: Sequence[Latest]) -> None:
    """Make sure that these metric names can be read back from their numbers.

    Raises:
        KeyClash: another name has the same number.
    """
    for one in names:
        if tx.run(_ADD_KEY, {"id": one.number, "name": one.key}) == 0:
            row = tx.one(_KEY, {"id": one.number})
            if row is None or row[0] != one.key:
                raise KeyClash(f"the metric name {one.key!r} has the same number as {row[0] if row else ''!r}; rename")


def known_keys(tx: Transaction, numbers: Sequence[int]) -> set[int]:
    """Which of these numbers have a name in this snapshot."""
    if not numbers:
        return set()
    inside, params = in_params("k", numbers)
    return {row[0] for row in tx.all(cached(f"SELECT id FROM tracking_key WHERE id IN ({inside})"), params)}


def read(tx: Transaction, run: int, key: int, *, steps: tuple[int, int] | None = None) -> Series:
    """All points of one key that are not twice there, in the order they came; `steps` narrows, both ends included."""
    where = {"run": run, "key": key}
    if steps is None:
        bodies = tx.all(_CHUNKS, where)
    else:
        bodies = tx.all(_CHUNKS_BETWEEN, {**where, "first": steps[0], "last": steps[1]})
    whole = Series()
    for (body,) in bodies:
        whole.extend(decode(body))
    tail = Series()
    for row in tail_of(tx, run):
        if (part := unpack(row.body, key).get(key)) is not None:
            tail.extend(part)
    if len(tail):
        overlaps = len(whole) > 0 and (min(tail.times) <= max(whole.times))
        known: set[Key] = set(whole.keys()) if overlaps else set()
        whole.extend(tail if not overlaps and tail.rises() else fresh(tail, known))
    if steps is not None:
        whole = whole.chosen(i for i, step in enumerate(whole.steps) if steps[0] <= step <= steps[1])
    return whole


def tail_of(tx: Transaction, run: int) -> list[TailRow]:
    """The packed calls of a run that are not folded yet."""
    return [TailRow(*row) for row in tx.all(_TAIL, {"run": run})]


def tail_after(tx: Transaction, run: int, after: int) -> list[TailRow]:
    """The packed calls of a run that came after one of them."""
    return [TailRow(*row) for row in tx.all(_TAIL_AFTER, {"run": run, "after": after})]


def tail_bounds(tx: Transaction, run: int, after: int) -> tuple[int, int]:
    """The last packed call of a run (0: there is none), and how many points came after another one."""
    row = tx.one(_TAIL_BOUNDS, {"run": run, "after": after})
    return (int(row[0] or 0), int(row[1] or 0)) if row else (0, 0)


def pulse(tx: Transaction) -> int:
    """The last packed call of all."""
    row = tx.one(_PULSE)
    return int(row[0] or 0) if row else 0


def names_of(tx: Transaction, numbers: Sequence[int]) -> dict[int, str]:
    """The metric names that these numbers stand for."""
    if not numbers:
        return {}
    inside, params = in_params("k", numbers)
    found = tx.all(cached(f"SELECT id, name FROM tracking_key WHERE id IN ({inside})"), params)
    return {int(number): name for number, name in found}


def tail_sizes(tx: Transaction) -> list[tuple[int, int, int]]:
    """Each run that has a tail, with its calls and points."""
    return [(int(run), int(calls), int(points)) for run, calls, points in tx.all(_TAIL_SIZES)]


def folds_of(tx: Transaction, run: int) -> int | None:
    """How often a run was folded; None if there is no such run."""
    row = tx.one(_FOLDS, {"run": run})
    return int(row[0]) if row else None


def identity_of(tx: Transaction, run: int) -> str | None:
    """The id of the run of that number; the number of one that is gone for good may be given again."""
    row = tx.one(_IDENTITY, {"run": run})
    return str(row[0]) if row else None


def state_of(tx: Transaction, run: int) -> tuple[str, int, int]:
    """Which run it is, how often it was folded and how many packed calls its tail holds: with these, its series stand.

    The last one's number would not do: of two writers on one Postgres the later number may be committed first.
    """
    row = tx.one(_STATE, {"run": run})
    return (str(row[0]), int(row[1]), int(row[2] or 0)) if row else ("", 0, 0)


def spans_of(tx: Transaction, run: int, key: int) -> list[tuple[int, Span]]:
    """What each chunk of a key holds, by its place."""
    return [(row[0], Span(*row[1:])) for row in tx.all(_SPANS, {"run": run, "key": key})]


def all_spans(tx: Transaction, run: int) -> dict[int, list[tuple[int, Span]]]:
    """What each chunk of a run holds, by key, each with its place."""
    found: dict[int, list[tuple[int, Span]]] = {}
    for key, seq, *bounds in tx.all(_ALL_SPANS, {"run": run}):
        found.setdefault(key, []).append((seq, Span(*bounds)))
    return found


def chunk(tx: Transaction, run: int, key: int, seq: int) -> Series:
    """The points of one chunk."""
    row = tx.one(_BODY, {"run": run, "key": key, "seq": seq})
    return decode(row[0]) if row else Series()


def unfolded(tx: Transaction, run: int, key: int, part: Series, *, spans: Sequence[tuple[int, Span]]) -> Series:
    """The points of a part of the tail that no chunk of the key holds, each once; `spans` are those of its chunks."""
    bounds = span(part)
    known: set[Key] = set()
    for seq, held in spans:
        meets = held.first_ms <= bounds.last_ms and held.last_ms >= bounds.first_ms
        if meets and held.first_step <= bounds.last_step and held.last_step >= bounds.first_step:
            known.update(chunk(tx, run, key, seq).keys())
    return part if not known and part.rises() else fresh(part, known)


def put_folded(
    tx: Transaction, run: int, *, identity: str, folds: int, rows: Sequence[TailRow], chunks: Sequence[Chunk]
) -> bool:
    """Replace tail rows by chunks; False, and nothing changed, if somebody folded this run or removed it meanwhile."""
    if tx.run(_COUNT_FOLD, {"run": run, "folds": folds, "identity": identity}) == 0:
        return False
    tx.many(_PUT_CHUNK, [{"run": run, "key": c.key, "seq": c.seq, "body": c.body, **c.span._asdict()} for c in chunks])
    tx.many(_DROP_TAIL, [{"id": row.id} for row in rows])
    return True
