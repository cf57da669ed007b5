"""Many tests at once: which of them may be called discoveries. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def false_discovery_rates(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values (q): calling all with `q <= alpha` keeps the expected share of false calls at `alpha`.

    Benjamini and Hochberg 1995, in the step-up form; it holds under independence and positive dependence.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if len(p) == 0:
        return []
    order = np.argsort(p, kind="stable")
    ranked = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1.0)
    q = np.empty_like(adjusted)
    q[order] = np.maximum(adjusted, p[order])  # rounding must not take a q below its p
    return [float(each) for each in q]
