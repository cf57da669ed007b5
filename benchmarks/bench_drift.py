"""Drift of a wide table against its reference, beside a loop of scipy over the columns in the same run.

Ours learns a null from a million reference rows and judges a window with false discoveries held down; the daily check
has the sketch already. scipy's loop computes one exact Smirnov test a column, with no null of its own and no sketch to
come back to; it runs on a tenth of the columns and its time is scaled.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from benchmarks.row import Row
from scipy import stats

from modelyard.monitoring.model import drift, references
from modelyard.monitoring.model.sketches import Measure

COLUMNS, REFERENCE, WINDOW = 50, 1_000_000, 100_000


def table(seed: int, rows: int) -> pa.Table:
    """Forty columns of numbers and ten of eight categories."""
    rng = np.random.default_rng(seed)
    words = np.array([f"kind {i}" for i in range(8)])
    columns: dict[str, object] = {f"n{i}": rng.normal(size=rows) for i in range(COLUMNS - 10)}
    for i in range(10):
        codes = pa.array(rng.integers(0, 8, rows).astype(np.int32))
        columns[f"c{i}"] = pa.DictionaryArray.from_arrays(codes, pa.array(words)).cast(pa.string())
    return pa.table(columns)


def learn(reference: pa.Table) -> references.Reference:
    """What is kept of the reference, as bytes and back, as a check finds it."""
    found, left_out = references.learn(
        reference, numbers=Measure.KS, categories=Measure.JS, window_rows=WINDOW, seed_of="bench", wanted=frozenset()
    )
    kept = references.Reference(
        ref="table:bench@1", rows=REFERENCE, window_rows=WINDOW, sketches=found, left_out=left_out, calibration=None,
        made_ms=0,
    )  # fmt: skip
    return references.decode(references.encode(kept))


def judge(known: references.Reference, window: pa.Table) -> int:
    """How many columns drifted."""
    samples = references.samples_of(window, {s.name: s.name for s in known.sketches})
    return sum(f.drifted for f in drift.judge(known.sketches, samples, alpha=0.05, least_distance=0.0))


def measure() -> Iterator[Row]:
    """Seconds for the whole report, for the daily check, and for scipy's loop."""
    reference, window = table(1, REFERENCE), table(2, WINDOW)
    began = time.perf_counter()
    known = learn(reference)
    learnt = time.perf_counter() - began
    judged = min(_timed(lambda: judge(known, window)) for _ in range(3))
    tenth = _timed(
        lambda: [
            stats.ks_2samp(reference[f"n{i}"].to_numpy(), window[f"n{i}"].to_numpy(), method="asymp")
            for i in range(COLUMNS // 10)
        ]
    )
    scipy = tenth * 10
    yield Row("report: 50 columns, 1M rows x 100k", learnt + judged, "s", scipy, "scipy ks_2samp loop", 1.0)
    yield Row("daily check with a stored profile", judged, "s", scipy, "scipy ks_2samp loop", 0.1)
    yield Row("profile of 50 columns", len(references.encode(known)) / 1e3, "kB")


def _timed(work: object) -> float:
    began = time.perf_counter()
    if callable(work):
        work()
    return time.perf_counter() - began
