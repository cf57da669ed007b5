"""How far groups lie apart in how often the answer is yes, and how sure one may be of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from modelyard.registry.api import Parity
from modelyard.registry.model import resampling
from modelyard.registry.model.scoring import Answers, Floats

MIN_GROUP_ROWS = 30


class Column:
    """A column of groups: the names that come in it, and which of them each row bears.

    Args:
        values: the name of each row's group.
    """

    def __init__(self, values: Sequence[str]) -> None:
        self.names = sorted(set(values))
        places = {name: place for place, name in enumerate(self.names)}
        self.codes: NDArray[np.intp] = np.fromiter(map(places.__getitem__, values), np.intp, len(values))


class Tally:
    """How often the answer is yes in each group; of the truly yes for one parity.

    Args:
        parity: which rows count.
        answers: the answers.
        column: the groups; those with too few rows that count are not judged.
    """

    def __init__(self, parity: Parity, answers: Answers, column: Column) -> None:
        counts = np.ones(len(answers), dtype=bool) if parity is Parity.SELECTION_RATE else answers.labels > 0.5
        said = answers.scores >= answers.threshold
        groups = len(column.names)
        held = np.bincount(column.codes[counts], minlength=groups)
        yes = np.bincount(column.codes[counts & said], minlength=groups)
        large = np.flatnonzero(held >= MIN_GROUP_ROWS)
        self.names = [column.names[place] for place in large]
        self._yes, self._no = yes[large], (held - yes)[large]
        self._rest = len(answers) - int(held[large].sum())

    @property
    def rates(self) -> Mapping[str, float]:
        """Each group's rate."""
        shares = self._yes / (self._yes + self._no)
        return dict(zip(self.names, shares.tolist(), strict=True))

    def gaps(self) -> Floats:
        """Highest less lowest rate over resamples of all rows; NaN where one has no row that counts."""
        found: list[Floats] = []
        for chunk in resampling.counts(np.r_[self._yes, self._no, self._rest], np.random.default_rng(0)):
            yes, no = chunk[:, : len(self.names)], chunk[:, len(self.names) : -1]
            with np.errstate(invalid="ignore", divide="ignore"):
                shares = yes / (yes + no)
            found.append(shares.max(axis=1) - shares.min(axis=1))
        return np.concatenate(found)
