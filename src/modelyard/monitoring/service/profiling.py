"""Learning a reference: which columns, how large a window, what scores have meant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.refs import Ref, parts
from modelyard.lake.api import Table
from modelyard.monitoring.api import Monitor, Predictions, Profile, ProfiledColumn, Task, Watch
from modelyard.monitoring.model import performance, references, sketches
from modelyard.monitoring.model.references import Reference
from modelyard.monitoring.model.samples import Categories, Floats, Numbers, sample_of
from modelyard.monitoring.model.sketches import Kind, Measure
from modelyard.monitoring.service.reading import Reader, in_order

LEAST_ROWS = 100
_TIMES = ("timestamp", "date")


def learn(reader: Reader, name: str, watch: Watch, *, now_ms: int) -> Reference:
    """Read the reference once and keep what checks need.

    Raises:
        InvalidInput: a column is missing, or there are too few rows.
    """
    _, table_name, at = parts(watch.reference)
    held = reader.lake.table(table_name, at=at)
    columns = _columns(reader, watch, held)
    needed = list(dict.fromkeys((*columns, *_apart(watch, held))))
    rows = in_order(reader.chosen(table_name, needed, at=at, where=watch.reference_where), watch.time)
    if rows.num_rows < LEAST_ROWS:
        raise InvalidInput(
            f"the reference {watch.reference} has {rows.num_rows} rows; at least {LEAST_ROWS} are needed to learn "
            "what is usual"
        )
    window_rows = _window_rows(watch, rows)
    learnt, left_out = references.learn(
        rows.select(columns), numbers=Measure(watch.numbers), categories=Measure(watch.categories),
        window_rows=window_rows, seed_of=name, wanted=frozenset(watch.columns),
    )  # fmt: skip
    if not learnt:
        raise InvalidInput(f"no column of {watch.reference} has a distribution to compare; name some: columns")
    return Reference(
        ref=held.ref, rows=rows.num_rows, window_rows=window_rows, sketches=learnt, left_out=left_out,
        calibration=_calibration(watch.predictions, rows), made_ms=now_ms,
    )  # fmt: skip


def _columns(reader: Reader, watch: Watch, held: Table) -> list[str]:
    known = [c.name for c in held.columns]
    p = watch.predictions
    predicted = [c for c in ((p.column, p.score) if p else ()) if c is not None]
    _refuse_absent(watch.columns, held)
    _refuse_untimed(watch, held)
    watched = reader.described(watch.table)
    if watched is not None and p is not None:
        _refuse_absent([c for c in (*predicted, p.label, p.key, *p.groups) if c is not None], watched)
    if watched is not None:
        _refuse_untimed(watch, watched)
    if watch.columns:
        return list(dict.fromkeys((*watch.columns, *(c for c in predicted if c in known))))
    apart = {*held.keys, watch.time, *((p.label, p.key) if p else ())}
    return [c.name for c in held.columns if c.name not in apart and c.type not in _TIMES]


def _refuse_absent(columns: Sequence[str], table: Table) -> None:
    known = {c.name for c in table.columns}
    if missing := [c for c in columns if c not in known]:
        raise InvalidInput(f"{table.ref} has no column {missing[0]!r}; it has {', '.join(sorted(known))[:300]}")


def _refuse_untimed(watch: Watch, table: Table) -> None:
    """The reference need not have the time column where it is another table; then its own order stands."""
    found = {c.name: c.type for c in table.columns}
    if watch.time is None or (watch.time not in found and table.name != watch.table):
        return
    if found.get(watch.time) not in _TIMES:
        raise InvalidInput(f"column {watch.time!r} of {table.ref} holds no times; name a timestamp or date column")


def _apart(watch: Watch, held: Table) -> list[str]:
    """Columns that are read beside those that are compared."""
    p = watch.predictions
    known = {c.name for c in held.columns}
    wanted = (watch.time, *((p.column, p.score, p.label) if p else ()))
    return [c for c in wanted if c is not None and c in known]


def _window_rows(watch: Watch, rows: pa.Table) -> int:
    if watch.window.rows is not None:
        return watch.window.rows
    if watch.time not in rows.column_names:
        return 1_000
    times = rows.column(watch.time).cast(pa.timestamp("ms"), safe=False).cast(pa.int64()).drop_null()
    if len(times) < 2:
        return LEAST_ROWS
    values: npt.NDArray[np.int64] = times.to_numpy()
    spans = max(1.0, float(values.max() - values.min()) / ((watch.window.period_s or 1) * 1000))
    return max(30, round(int(rows.num_rows) / spans))


def numbers(table: pa.Table, column: str | None) -> Floats:
    """A column as numbers, true and false as 1 and 0; NaN where it is null, or missing altogether.

    Raises:
        InvalidInput: it holds texts other than true and false, or no values of that kind.
    """
    if column is None or column not in table.column_names:
        return np.full(table.num_rows, np.nan)
    sample = sample_of(table.column(column))
    if isinstance(sample, Numbers):
        return sample.values
    if isinstance(sample, Categories):
        meaning = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}
        if set(sample.labels) <= set(meaning):
            return np.array([*(meaning[label] for label in sample.labels), np.nan])[sample.codes]
    raise InvalidInput(f"column {column!r} is read as a prediction or label, so it holds numbers, or true and false")


def _calibration(p: Predictions | None, rows: pa.Table) -> performance.Calibration | None:
    if p is None or p.task is not Task.CLASSES or p.score is None or p.label is None:
        return None
    truth, score = numbers(rows, p.label), numbers(rows, p.score)
    known = ~np.isnan(truth) & ~np.isnan(score)
    return performance.calibrate(truth[known], score[known])


def shown(monitor: Monitor, reference: Reference) -> Profile:
    """What is kept, for people."""
    alpha, rows = monitor.watch.alpha, reference.window_rows
    columns = []
    for s in reference.sketches:
        limit = s.values_null.quantile(1 - alpha, rows, sum(s.counts[:-1]))
        numeric = s.kind is Kind.NUMBER
        columns.append(
            ProfiledColumn(
                name=s.name, kind=s.kind, measure=s.measure, rows=s.rows, null_share=s.counts[-1] / max(s.rows, 1),
                threshold=max(sketches.plain(s.measure, limit), monitor.watch.least_distance),
                windows=s.values_null.windows, time_matters=s.values_null.time_mean > 0,
                mean=s.mean if numeric else None, deviation=s.scale if numeric else None, categories=len(s.labels),
            )
        )  # fmt: skip
    return Profile(
        monitor=monitor.name, reference=Ref(reference.ref), rows=reference.rows, window_rows=rows,
        columns=tuple(columns), left_out=reference.left_out, made_ms=reference.made_ms,
    )  # fmt: skip
