"""What is kept of a reference: sketches of its columns, and what its scores have meant."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pyarrow as pa
from msgspec import Struct

from modelyard.monitoring.model import sketches
from modelyard.monitoring.model.performance import Calibration
from modelyard.monitoring.model.samples import Categories, Sample, sample_of
from modelyard.monitoring.model.sketches import Measure, Sketch


class Reference(Struct, frozen=True, kw_only=True):
    """One reference as it is stored.

    Attributes:
        ref: the table version it was taken from.
        window_rows: the size of window that the nulls were learnt for; others are scaled.
        left_out: columns that were asked for or offered and have no distribution to compare.
    """

    ref: str
    rows: int
    window_rows: int
    sketches: tuple[Sketch, ...]
    left_out: tuple[str, ...]
    calibration: Calibration | None
    made_ms: int


_decoder = msgspec.msgpack.Decoder(Reference)


def encode(reference: Reference) -> bytes:
    """A reference as bytes."""
    return msgspec.msgpack.encode(reference)


def decode(body: bytes) -> Reference:
    """The reference behind bytes."""
    return _decoder.decode(body)


def learn(
    table: pa.Table, *, numbers: Measure, categories: Measure, window_rows: int, seed_of: str, wanted: frozenset[str]
) -> tuple[tuple[Sketch, ...], tuple[str, ...]]:
    """Sketch the columns of a table whose rows stand in order; and the names of those left out.

    Left out are types without a distribution and, unless `wanted` by name, texts that name rows rather than group
    them: more than half of them differ.
    """

    def one(name: str) -> Sketch | None:
        sample = sample_of(table.column(name))
        if sample is None or (name not in wanted and _names_rows(sample)):
            return None
        seed = zlib.crc32(f"{seed_of}/{name}".encode())
        return sketches.sketch(
            name, sample, numbers=numbers, categories=categories, window_rows=window_rows, seed=seed, ordered=True
        )

    with ThreadPoolExecutor(2) as pool:  # sorting and counting let go of the interpreter
        found = list(zip(table.column_names, pool.map(one, table.column_names), strict=True))
    return tuple(s for _, s in found if s is not None), tuple(name for name, s in found if s is None)


def samples_of(table: pa.Table, names: Mapping[str, str]) -> dict[str, Sample]:
    """The columns of a window that it has and that have a distribution, by the reference's name for them."""
    held = [name for name, own in names.items() if own in table.column_names]
    with ThreadPoolExecutor(2) as pool:
        found = zip(held, pool.map(lambda name: sample_of(table.column(names[name])), held), strict=True)
        return {name: sample for name, sample in found if sample is not None}


def _names_rows(sample: Sample) -> bool:
    return isinstance(sample, Categories) and len(sample) > 100 and len(sample.labels) > len(sample) / 2
