"""Judging a window: drift by column, performance, fairness, and the figures that rules watch."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
import pyarrow as pa

from modelyard.kernel.refs import Ref
from modelyard.monitoring.api import (
    ColumnVerdict,
    Fairness,
    GroupFigures,
    Monitor,
    Performance,
    Predictions,
    ShareGap,
    Task,
    Verdict,
    VerdictId,
)
from modelyard.monitoring.model import drift, fairness, performance, references, sentences
from modelyard.monitoring.model.drift import Finding
from modelyard.monitoring.model.performance import Calibration
from modelyard.monitoring.model.references import Reference
from modelyard.monitoring.model.samples import Categories, Floats, sample_of
from modelyard.monitoring.service.profiling import numbers
from modelyard.monitoring.service.reading import Rows

LEAST_ROWS = 30
_BLIND = (
    "Expected figures assume that the same inputs still mean the same; they do not see concept drift. Only labels do."
)
_NO_CALIBRATION = "Without a score and labels in the reference nothing is estimated for rows without labels."


def needed(monitor: Monitor, reference: Reference, held: frozenset[str]) -> list[str]:
    """The columns that a check reads, of those that the table has."""
    p = monitor.watch.predictions
    wanted = list(watched_names(monitor, reference).values())
    if p is not None:
        wanted += [c for c in (p.column, p.score, p.label, p.key, *p.groups) if c is not None]
    return [c for c in dict.fromkeys(wanted) if c in held]


def watched_names(monitor: Monitor, reference: Reference) -> dict[str, str]:
    """What the watched table calls the columns of the reference."""
    watch = monitor.watch
    p = watch.predictions
    bare = () if p is None else (p.column, p.score)
    return {s.name: s.name if s.name in bare else watch.prefix + s.name for s in reference.sketches}


def judge(
    monitor: Monitor, reference: Reference, rows: Rows, *, labels: Mapping[str, float], id_: VerdictId, now_ms: int
) -> Verdict:
    """The verdict on a window; `took_ms` is the caller's to fill in."""
    watch = monitor.watch
    names = watched_names(monitor, reference)
    window = references.samples_of(rows.table, names)
    found = drift.judge(reference.sketches, window, alpha=watch.alpha, least_distance=watch.least_distance)
    missing = tuple(name for name in names if name not in window)
    p = watch.predictions
    truth = None if p is None else truths(rows.table, p, labels)
    fared = None if p is None or truth is None else performed(rows.table, p, truth, reference.calibration)
    groups = () if p is None or truth is None else compared(rows.table, p, truth)
    figures = _figures(found, missing, fared, groups, p)
    figures["rows"] = float(rows.table.num_rows)
    return Verdict(
        id=id_, monitor=monitor.name, at_ms=now_ms, took_ms=0, reference=Ref(reference.ref), window=rows.ref,
        start=rows.span.start, end=rows.span.end, by_time=rows.span.by_time, rows=rows.table.num_rows,
        drifted=bool(missing) or any(f.drifted for f in found),
        sentence=sentences.sentence(found, rows=rows.table.num_rows, missing=missing, figures=figures),
        columns=tuple(_column(f) for f in found), missing=missing, performance=fared, fairness=groups,
        figures=figures,
    )  # fmt: skip


def _column(found: Finding) -> ColumnVerdict:
    return msgspec.convert(found, ColumnVerdict, from_attributes=True)


def truths(table: pa.Table, p: Predictions, labels: Mapping[str, float]) -> Floats:
    """The truth of each row: the label that arrived for its key, else the table's own; NaN without either."""
    own = numbers(table, p.label)
    if p.key is None or p.key not in table.column_names or not labels:
        return own
    arrived = np.array([labels.get(str(key), np.nan) for key in table.column(p.key).to_pylist()], dtype=np.float64)
    return np.asarray(np.where(np.isnan(arrived), own, arrived))


def performed(table: pa.Table, p: Predictions, truth: Floats, calibration: Calibration | None) -> Performance:
    """How right the predictions were, and ought to be."""
    predicted, score = numbers(table, p.column), numbers(table, p.score)
    known = ~np.isnan(truth) & ~np.isnan(predicted)
    y, guess = truth[known], predicted[known]
    counted = Performance(rows=table.num_rows, labelled=int(known.sum()))
    if p.task is Task.NUMBERS:
        return msgspec.structs.replace(
            counted,
            mean_absolute_error=performance.mean_absolute_error(y, guess),
            root_mean_squared_error=performance.root_mean_squared_error(y, guess),
            blind_to="Nothing is estimated for numbers without labels.",
        )
    scored = known & ~np.isnan(score)
    figures = msgspec.structs.replace(
        counted,
        accuracy=performance.accuracy(y, guess),
        log_loss=performance.log_loss(truth[scored], score[scored]),
        auc=performance.area_under_curve(truth[scored], score[scored]),
        blind_to=_NO_CALIBRATION,
    )
    held = ~np.isnan(score) & ~np.isnan(predicted)
    if calibration is None or not held.any():
        return figures
    guessed = performance.expected(score[held], predicted[held], calibration)
    return msgspec.structs.replace(
        figures, expected_accuracy=guessed.accuracy, expected_log_loss=guessed.log_loss, expected_auc=guessed.auc,
        blind_to=_BLIND,
    )  # fmt: skip


def compared(table: pa.Table, p: Predictions, truth: Floats) -> tuple[Fairness, ...]:
    """Groups of each group column, where the predictions are classes."""
    if p.task is not Task.CLASSES:
        return ()
    predicted, found = numbers(table, p.column), []
    for column in p.groups:
        groups = sample_of(table.column(column).cast(pa.string())) if column in table.column_names else None
        if not isinstance(groups, Categories):
            continue
        counted = fairness.by_group(groups, predicted, truth)[:100]
        selection, opportunity = fairness.selection_gap(counted), fairness.opportunity_gap(counted)
        found.append(
            Fairness(
                column=column, selection=_gap(selection), opportunity=_gap(opportunity),
                groups=tuple(msgspec.convert(g, GroupFigures, from_attributes=True) for g in counted),
            )
        )  # fmt: skip
    return tuple(found)


def _gap(gap: fairness.Gap | None) -> ShareGap | None:
    return None if gap is None else msgspec.convert(gap, ShareGap, from_attributes=True)


def _figures(
    found: list[Finding], missing: tuple[str, ...], fared: Performance | None, groups: tuple[Fairness, ...],
    p: Predictions | None,
) -> dict[str, float]:  # fmt: skip
    """Every number that a rule can watch, by name."""
    drifted = sum(f.drifted for f in found)
    figures = {
        "drifted_columns": float(drifted),
        "drifted_share": drifted / max(len(found), 1),
        "missing_columns": float(len(missing)),
        "worst_null_share": max((f.null_share for f in found), default=0.0),
    }
    about = () if p is None else (p.column, p.score)
    for f in found:
        figures[f"distance.{f.name}"] = f.distance
        figures[f"null_share.{f.name}"] = f.null_share
        if f.unseen:
            figures[f"unseen_share.{f.name}"] = f.unseen_share
        if f.name in about:
            figures["prediction_distance"] = max(figures.get("prediction_distance", 0.0), f.distance)
            figures["prediction_drifted"] = max(figures.get("prediction_drifted", 0.0), float(f.drifted))
    if fared is not None:
        told = msgspec.structs.asdict(fared)
        figures |= {k: float(v) for k, v in told.items() if isinstance(v, int | float) and k != "rows"}
    for each in groups:
        for what, gap in (("selection", each.selection), ("opportunity", each.opportunity)):
            if gap is not None:
                figures[f"{what}_gap.{each.column}"] = gap.value
    return figures
