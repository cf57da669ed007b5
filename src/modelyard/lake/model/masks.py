"""Masks: whether one fits a column. The SQL that carries them out stands in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import Column, Mask

_FITTING = {Mask.HASH: ("string",), Mask.TAIL: ("string",), Mask.YEAR: ("date", "timestamp")}


def check_masks(table: str, columns: Sequence[Column], masks: Mapping[str, Mask]) -> None:
    """Refuse masks that fit no column.

    Raises:
        InvalidInput: a column is not there, or is of another type than the mask takes.
    """
    known = {column.name: column for column in columns}
    for name, mask in masks.items():
        if name not in known:
            raise InvalidInput(f"table {table} has no column {name!r}; it has {', '.join(known)[:300]}")
        fitting = _FITTING.get(mask)
        if fitting is not None and known[name].type not in fitting:
            raise InvalidInput(
                f"column {name!r} is {known[name].type}; {mask.value} is for {' and '.join(fitting)}, null for all"
            )
