"""Columns as the statistics take them: numbers with NaN for null, or codes of categories with -1 for null.

It reads Arrow columns and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A numeric column in the order of arrival; NaN where it is null."""

    values: Floats

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Categories:
    """A column of categories in the order of arrival; code -1 where it is null."""

    codes: Codes
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)


Sample = Numbers | Categories


BOUND = 1e60
"""Beyond it numbers are held for as large as this where they are averaged; their squares stay finite."""


def moments(values: Floats) -> tuple[float, float] | None:
    """Mean and standard deviation of the finite numbers; None without any. A deviation too small to divide by is 0."""
    finite = np.isfinite(values)
    held = values if finite.all() else values[finite]
    if len(held) == 0:
        return None
    low, high = float(held.min()), float(held.max())
    if max(-low, high) > BOUND:
        held = np.clip(held, -BOUND, BOUND)
    deviation = 0.0 if low == high else float(held.std())
    return float(held.mean()), deviation if deviation > 1 / BOUND else 0.0


def sample_of(column: pa.ChunkedArray) -> Sample | None:
    """An Arrow column as a sample; None for types whose values have no distribution to compare (times, lists, bytes).

    Booleans and texts are categories; integers, floats and decimals are numbers.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_boolean(kind):
        column, kind = pc.if_else(column, "true", "false"), pa.string()
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        if kind != pa.float64():
            column = column.cast(pa.float64(), safe=False)
        flat = column.combine_chunks()
        return Numbers(np.asarray(flat.to_numpy(zero_copy_only=False), dtype=np.float64))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        coded = column.combine_chunks().dictionary_encode()
        if isinstance(coded, pa.ChunkedArray):
            coded = coded.combine_chunks()
        codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        return Categories(codes, tuple(coded.dictionary.to_pylist()))
    return None
