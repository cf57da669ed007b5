"""An evaluation's figures from its rows, and the comparison of two on the same rows; pure arithmetic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from math import isfinite

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from modelyard.kernel.errors import InvalidInput
from modelyard.registry.api import (
    Comparison,
    EvaluationRows,
    Figure,
    GroupGap,
    Metric,
    Parity,
    Task,
)
from modelyard.registry.model import resampling, scoring
from modelyard.registry.model.parities import MIN_GROUP_ROWS, Column, Tally
from modelyard.registry.model.scoring import Answers, Floats

MOST_ROWS = 1_000_000
_MOST_COLUMNS = 20
_MOST_PARTS = 40
_PART_METRICS = {Task.BINARY: (Metric.LOG_LOSS, Metric.AUC), Task.REGRESSION: (Metric.MAE,)}


def metrics_of(task: Task, *, timed: bool) -> list[Metric]:
    """The metrics of a task; how long answers took only where that was measured."""
    return [m for m in Metric if m.suits(task) and (timed or not m.is_time)]


def check(rows: EvaluationRows, task: Task) -> None:
    """Refuse rows that cannot be measured.

    Raises:
        InvalidInput: none, too many, columns of different lengths, values that are not numbers, or for yes or no:
            labels beside 0 and 1, scores beyond 0 to 1.
    """
    count = len(rows.labels)
    if not 0 < count <= MOST_ROWS:
        raise InvalidInput(f"an evaluation has 1 to {MOST_ROWS:,} rows, not {count:,}")
    lengths = {"scores": len(rows.scores), **{f"groups[{k}]": len(v) for k, v in rows.groups.items()}}
    if rows.ids:
        lengths["ids"] = len(rows.ids)
    if rows.latencies_ms:
        lengths["latencies_ms"] = len(rows.latencies_ms)
    for column, length in lengths.items():
        if length != count:
            raise InvalidInput(f"{column} has {length:,} rows and labels have {count:,}; give one for each")
    if len(rows.groups) > _MOST_COLUMNS:
        raise InvalidInput(f"at most {_MOST_COLUMNS} columns of groups, not {len(rows.groups)}")
    if rows.ids and len(set(rows.ids)) < count:
        raise InvalidInput("ids name rows, so each may come once only")
    if not all(map(isfinite, rows.labels)) or not all(map(isfinite, rows.scores)):
        raise InvalidInput("labels and scores are numbers; leave rows out that have none")
    if not all(isfinite(ms) and ms >= 0 for ms in rows.latencies_ms):
        raise InvalidInput("latencies_ms are milliseconds from 0 on; leave the column out if they were not measured")
    if task is Task.BINARY and not set(rows.labels) <= {0.0, 1.0}:
        raise InvalidInput("labels of a yes or no are 0 and 1; for numbers say task=regression")
    if task is Task.BINARY and not all(0.0 <= s <= 1.0 for s in rows.scores):
        raise InvalidInput("scores of a yes or no are probabilities, 0 to 1; for numbers say task=regression")


def ordered(rows: EvaluationRows) -> EvaluationRows:
    """The same rows in the order of their ids, so that equal sets of rows read equal."""
    if not rows.ids:
        return rows
    order = sorted(range(len(rows.ids)), key=rows.ids.__getitem__)
    return EvaluationRows(
        labels=[rows.labels[i] for i in order],
        scores=[rows.scores[i] for i in order],
        groups={k: [v[i] for i in order] for k, v in rows.groups.items()},
        ids=[rows.ids[i] for i in order],
        latencies_ms=[rows.latencies_ms[i] for i in order] if rows.latencies_ms else [],
    )


def rows_key(rows: EvaluationRows) -> str:
    """Equal for evaluations of the same rows: SHA-256, hex, over ids and truths, or truths and groups without ids."""
    about = (rows.ids, rows.labels) if rows.ids else (rows.labels, sorted(rows.groups.items()))
    return sha256(msgspec.json.encode(about)).hexdigest()


def answers_of(rows: EvaluationRows, threshold: float) -> Answers:
    """Rows ready to be measured."""
    latencies = np.asarray(rows.latencies_ms, np.float64) if rows.latencies_ms else None
    return Answers(np.asarray(rows.labels, np.float64), np.asarray(rows.scores, np.float64), threshold, latencies)


def parts_of(rows: EvaluationRows) -> list[tuple[str, NDArray[np.intp]]]:
    """The groups of rows with enough of them, largest first: `column=value` and the places of its rows."""
    counted = [
        (count, column, value)
        for column, values in rows.groups.items()
        for value, count in Counter(values).items()
        if count >= MIN_GROUP_ROWS
    ]
    counted.sort(key=lambda c: (-c[0], c[1], c[2]))
    chosen = counted[:_MOST_PARTS]
    columns = {name: Column(rows.groups[name]) for name in {c[1] for c in chosen}}
    return [
        (f"{column}={value}", np.flatnonzero(columns[column].codes == columns[column].names.index(value)))
        for _, column, value in chosen
    ]


def figures(rows: EvaluationRows, task: Task, threshold: float) -> tuple[Figure, ...]:
    """Every metric over all rows with its interval, then a few over each large group."""
    answers = answers_of(rows, threshold)
    wanted = metrics_of(task, timed=bool(rows.latencies_ms))
    made: list[Figure] = []
    for metric, samples in zip(wanted, resampling.spread(wanted, answers), strict=True):
        low, high = scoring.interval(samples)
        value = scoring.value_of(metric, answers)
        made.append(Figure(metric=metric, value=value, low=low, high=high, rows=len(answers)))
    for name, members in parts_of(rows):
        part = answers.part(members)
        for metric in _PART_METRICS[task]:
            value = scoring.value_of(metric, part)
            made.append(Figure(metric=metric, value=value, group=name, rows=len(part)))
    return tuple(made)


def gaps(rows: EvaluationRows, task: Task, threshold: float) -> tuple[GroupGap, ...]:
    """How far the groups of every column lie apart, both ways; none for numbers."""
    if task is not Task.BINARY:
        return ()
    answers = answers_of(rows, threshold)
    made: list[GroupGap] = []
    for name, values in rows.groups.items():
        column = Column(values)
        made += [_gap(name, parity, Tally(parity, answers, column)) for parity in Parity]
    return tuple(made)


def _gap(column: str, parity: Parity, tally: Tally) -> GroupGap:
    if len(tally.names) < 2:
        return GroupGap(parity=parity, column=column, gap=None)
    low, high = scoring.interval(tally.gaps())
    rates = tally.rates
    gap = max(rates.values()) - min(rates.values())
    return GroupGap(parity=parity, column=column, gap=gap, low=low, high=high, rates=dict(rates))


def ahead(
    metric: Metric, candidate: Answers, champion: Answers, *, confidence: float = 0.95
) -> tuple[float | None, float | None, float | None]:
    """The candidate's advantage on the same rows with its interval, by paired bootstrap."""
    value = scoring.finite(scoring.advantage(metric, candidate, champion)[0])
    samples = resampling.spread([metric], candidate, champion)[0]
    return (value, *scoring.interval(samples, confidence))


def compared(
    dataset: str, task: Task, candidate: tuple[EvaluationRows, float], champion: tuple[EvaluationRows, float]
) -> list[Comparison]:
    """Candidate and champion on the same rows (rows and threshold of each): overall, then by group, worst first.

    Each group is resampled by itself. Of groups it is said that one is better only where that stands among all of them
    with at most one false in twenty (Benjamini & Hochberg 1995); the interval is each group's own.
    """
    one, other = answers_of(*candidate), answers_of(*champion)
    timed = one.latencies is not None and other.latencies is not None
    overall = _comparisons(dataset, metrics_of(task, timed=timed), "", one, other)
    parts = [
        comparison
        for name, members in parts_of(candidate[0])
        for comparison in _comparisons(dataset, _PART_METRICS[task][:1], name, one.part(members), other.part(members))
    ]
    stands = scoring.discoveries([c.chance for c in parts])
    parts = [c if keeps else replace(c, better=None) for c, keeps in zip(parts, stands, strict=True)]
    return [*overall, *sorted(parts, key=lambda c: (c.advantage is None, c.advantage or 0.0))]


def _comparisons(dataset: str, metrics: Sequence[Metric], group: str, one: Answers, other: Answers) -> list[Comparison]:
    """Two models on the same rows, both by the same resamples."""
    found = resampling.spread(metrics, one, other)
    return [
        _comparison(dataset, metric, one, other, group=group, samples=samples)
        for metric, samples in zip(metrics, found, strict=True)
    ]


def _comparison(
    dataset: str, metric: Metric, one: Answers, other: Answers, *, group: str, samples: Floats
) -> Comparison:
    low, high = scoring.interval(samples)
    figure = partial(Figure, metric=metric, group=group, rows=len(one))
    better = None if low is None or high is None else True if low > 0 else False if high < 0 else None
    ours, theirs = (scoring.measure(metric, answers)[0] for answers in (one, other))
    value = scoring.finite(ours - theirs if metric.more_is_better else theirs - ours)
    return Comparison(
        metric=metric, dataset=dataset, group=group, paired=True, low=low, high=high, better=better,
        candidate=figure(value=scoring.finite(ours)), champion=figure(value=scoring.finite(theirs)),
        advantage=value, chance=None if value is None else scoring.chance(value, samples),
    )  # fmt: skip
