"""Do groups fare alike: who is selected, and who of the deserving is. Shares with intervals, never a ruling."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from modelyard.monitoring.model.performance import wilson
from modelyard.monitoring.model.samples import Categories, Floats


class GroupShares(Struct, frozen=True, kw_only=True):
    """One group: rows, how many were selected, and of the labelled positives how many."""

    group: str
    rows: int
    selected: int
    positives: int
    hits: int


class Gap(Struct, frozen=True, kw_only=True):
    """The widest difference of a share between two groups, with its 95 % interval."""

    high: str
    low: str
    value: float
    lower: float
    upper: float


def by_group(groups: Categories, predicted: Floats, truth: Floats) -> list[GroupShares]:
    """Counts for each group, largest first; `truth` is NaN where no label has arrived."""
    found = []
    for code, label in enumerate(groups.labels):
        mine = groups.codes == code
        if not (rows := int(mine.sum())):
            continue
        chosen = predicted == 1
        deserving = mine & (truth == 1)
        found.append(
            GroupShares(
                group=label, rows=rows, selected=int((mine & chosen).sum()), positives=int(deserving.sum()),
                hits=int((deserving & chosen).sum()),
            )
        )  # fmt: skip
    return sorted(found, key=lambda each: (-each.rows, each.group))


def selection_gap(groups: Sequence[GroupShares], *, least_rows: int = 30) -> Gap | None:
    """Demographic parity difference (Dwork et al. 2012): widest gap in the share selected."""
    return _gap([(g.group, g.selected, g.rows) for g in groups], least_rows)


def opportunity_gap(groups: Sequence[GroupShares], *, least_rows: int = 30) -> Gap | None:
    """Equal opportunity difference (Hardt et al. 2016): widest gap in the true positive rate."""
    return _gap([(g.group, g.hits, g.positives) for g in groups], least_rows)


def _gap(counted: Sequence[tuple[str, int, int]], least_rows: int) -> Gap | None:
    """The widest gap among groups of at least `least_rows`; its interval after Newcombe 1998, method 10."""
    enough = [(hits / rows, name, hits, rows) for name, hits, rows in counted if rows >= least_rows]
    if len(enough) < 2:
        return None
    low, high = min(enough), max(enough)
    (low_l, low_u), (high_l, high_u) = wilson(low[2], low[3]), wilson(high[2], high[3])
    value = high[0] - low[0]
    return Gap(
        high=high[1], low=low[1], value=value,
        lower=value - math.sqrt((high[0] - high_l) ** 2 + (low_u - low[0]) ** 2),
        upper=value + math.sqrt((high_u - high[0]) ** 2 + (low[0] - low_l) ** 2),
    )  # fmt: skip
