"""Predictions that flip: rows that a candidate answers otherwise than the champion, where both have answered."""

from __future__ import annotations

from msgspec import Struct

from modelyard.kernel.refs import Ref
from modelyard.registry.api.evaluations import Task


class Portion(Struct, frozen=True, kw_only=True):
    """Some rows of many.

    Attributes:
        share: of all rows that were looked at, 0 to 1.
        low, high: the 95 % interval of the share (Wilson 1927).
    """

    rows: int
    share: float
    low: float
    high: float


class Turn(Struct, frozen=True, kw_only=True):
    """One cell of champion's label by candidate's label.

    Attributes:
        before, after: what champion and candidate say, 0 or 1.
        true_rows: of the rows, those whose truth is 1.
    """

    before: int
    after: int
    rows: int
    true_rows: int


class SliceFlips(Struct, frozen=True, kw_only=True):
    """How many predictions change within one group.

    Attributes:
        group: `column=value`.
        rows: of the group.
        changed: of these rows.
        better, worse: how many of the changed rows come to be right (nearer to the truth), or wrong (farther from it).
    """

    group: str
    rows: int
    changed: Portion
    better: int
    worse: int


class FlippedRow(Struct, frozen=True, kw_only=True):
    """A row whose prediction changes.

    Attributes:
        row: its place in the evaluation, from 0 on; where rows have ids, in the order of the ids.
        id: what names it; empty where rows have no ids.
        before, after: the scores of champion and candidate.
        groups: its value in each column of groups.
    """

    row: int
    id: str
    truth: float
    before: float
    after: float
    groups: dict[str, str] = {}


class Flips(Struct, frozen=True, kw_only=True):
    """How predictions change on one set of rows that both versions have answered.

    Of a yes or no, a prediction changes if it falls on the other side of its version's threshold; it then becomes right
    or wrong, as there are two labels. A number changes if it moves by more than `tolerance`; it then comes nearer to
    the truth or goes farther from it.

    Attributes:
        rows: that both have answered.
        thresholds: of champion and candidate, from which a score counts as yes; of no use for numbers.
        changed, better, worse: rows that change, and of those that become right (nearer) or wrong (farther); each a
            share of all rows.
        turns: for a yes or no: all four cells of champion's by candidate's label.
        tolerance: for numbers: a tenth of the standard deviation of the truth, in the unit of the predictions.
        quantiles: for numbers: candidate's less champion's prediction at 0, 0.05, 0.25, 0.5, 0.75, 0.95 and 1, in the
            unit of the predictions.
        slices: groups of at least 30 rows in which something changes, those with the highest sure share (`low`) first,
            at most 20.
        examples: rows that change, those that become worse first, then by how far the score moved; at most 50.
        withheld: why no rows are shown to whoever asks; empty where they may see them.
        data: the rows' table or training set, if they have one.
    """

    dataset: str
    task: Task
    rows: int
    thresholds: tuple[float, float]
    changed: Portion
    better: Portion
    worse: Portion
    turns: tuple[Turn, ...] = ()
    tolerance: float | None = None
    quantiles: dict[str, float] = {}
    slices: tuple[SliceFlips, ...] = ()
    examples: tuple[FlippedRow, ...] = ()
    withheld: str = ""
    data: Ref | None = None
