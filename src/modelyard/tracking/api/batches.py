"""What a run logs in one call, checked and packed before it reaches the writer.

`Batch.of` does all that needs no database: names, limits, columns, the last point of each key. It may run on the
event loop while the writer is busy with somebody else's call. `Log` is the short way in for the wires.
"""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from math import isnan
from typing import Protocol

from msgspec import Struct

from modelyard.kernel.errors import Conflict, InvalidInput
from modelyard.tracking.api import limits
from modelyard.tracking.api.records import Real, RunId, RunInfo, RunStatus

HEAD = struct.Struct("<qI")
"""One key's part of a packed batch: key number, count; then steps and times as int64, values as float64."""

_POINT = struct.Struct("<qqd")

RUN_NAME_TAG = "mlflow.runName"
FORGOTTEN_NAME = "forgotten-"
"""What a metric is called whose name told of a person, with its number behind."""
_FORGOTTEN = re.compile(FORGOTTEN_NAME + r"(\d{1,19})", re.ASCII)


class Measured(Protocol):
    """A point of a metric, in whatever record it came; `Point` is one."""

    @property
    def key(self) -> str:
        """The metric's name."""
        ...

    @property
    def value(self) -> Real:
        """What was measured."""
        ...

    @property
    def at_ms(self) -> int:
        """When, in milliseconds since the Unix epoch."""
        ...

    @property
    def step(self) -> int:
        """At which step."""
        ...

    @property
    def model(self) -> str | None:
        """The logged model that it describes."""
        ...

    @property
    def dataset(self) -> str | None:
        """The dataset that it was measured on."""
        ...

    @property
    def dataset_digest(self) -> str | None:
        """That dataset's digest."""
        ...


@lru_cache(maxsize=8192)
def key_number(key: str) -> int:
    """The number that stands for a metric's name: 62 bits of its BLAKE2b hash, so that nobody has to look it up.

    A name that was taken away tells the number itself, since its points stay under it.
    """
    if (told := _FORGOTTEN.fullmatch(key)) is not None:
        return int(told[1])
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()) >> 2


class Latest(Struct, frozen=True):
    """The last point of one key within a batch."""

    key: str
    number: int
    step: int
    at_ms: int
    value: float


class Batch(Struct, frozen=True, kw_only=True):
    """A checked call of `log`.

    Attributes:
        body: all points, packed by key.
        count: how many they are.
        model_points: the points that describe a logged model.
    """

    run: RunId
    body: bytes = b""
    count: int = 0
    latest: tuple[Latest, ...] = ()
    model_points: tuple[Measured, ...] = ()
    params: dict[str, str] = {}
    tags: dict[str, str] = {}

    @classmethod
    def of(
        cls,
        run: str,
        *,
        points: Iterable[Measured] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Batch:
        """Check and pack.

        Raises:
            InvalidInput: a name or number breaks a rule, or there are too many.
        """
        if not run:
            raise InvalidInput("Missing value for required parameter 'run_id'.")
        given = list(points)
        limits.check_counts(metrics=len(given), params=len(params or ()), tags=len(tags or ()))
        body, latest = pack(given)
        return cls(
            run=RunId(run),
            body=body,
            count=len(given),
            latest=latest,
            model_points=tuple(p for p in given if p.model),
            params=limits.check_params(params or {}),
            tags=limits.check_tags(tags or {}),
        )


def pack(points: Sequence[Measured]) -> tuple[bytes, tuple[Latest, ...]]:
    """Points as packed columns by key, and the last point of each key (by step, then time, then value).

    Raises:
        InvalidInput: a name or number breaks a rule.
    """
    if len(points) == 1 and (one := _single(points[0])) is not None:
        return one
    columns: dict[str, tuple[array[int], array[int], array[float]]] = {}
    for i, p in enumerate(points):
        found = columns.get(p.key)
        if found is None:
            limits.check_key(p.key, f"metrics[{i}].name" if i else "name")
            found = columns[p.key] = (array("q"), array("q"), array("d"))
        if p.at_ms < 0:
            limits.check_time(p.at_ms, f"metrics[{i}].timestamp")
        try:
            found[0].append(p.step)
            found[1].append(p.at_ms)
            found[2].append(float(p.value))
        except OverflowError:
            limits.check_int64(p.step, f"metrics[{i}].step")
            limits.check_int64(p.at_ms, f"metrics[{i}].timestamp")
            raise
    parts: list[bytes] = []
    latest: list[Latest] = []
    for key, (steps, times, values) in columns.items():
        number = key_number(key)
        parts += (HEAD.pack(number, len(steps)), steps.tobytes(), times.tobytes(), values.tobytes())
        best = _last(steps, times, values)
        latest.append(Latest(key, number, steps[best], times[best], values[best]))
    return b"".join(parts), tuple(latest)


def _single(point: Measured) -> tuple[bytes, tuple[Latest, ...]] | None:
    """As `pack`; None where it must say what is wrong. Most calls of clients bring one point."""
    key, step, at_ms = point.key, point.step, point.at_ms
    limits.check_key(key, "name")
    try:
        value = float(point.value)
        columns = _POINT.pack(step, at_ms, value)
    except (struct.error, OverflowError):
        return None
    if at_ms < 0:
        return None
    number = key_number(key)
    return HEAD.pack(number, 1) + columns, (Latest(key, number, step, at_ms, value),)


def _last(steps: array[int], times: array[int], values: array[float]) -> int:
    """Where the last point stands: the highest step, then the latest time, then the highest value."""
    top = max(steps)
    if steps.count(top) == 1:  # nearly always, and at the speed of C
        return steps.index(top)
    same = (i for i, step in enumerate(steps) if step == top)
    return max(same, key=lambda i: (times[i], 0.0 if isnan(values[i]) else values[i]))


class Log(Protocol):
    """Where what wires bring goes; called within a call of effect NOTE or WRITE."""

    def write(self, batch: Batch) -> None:
        """Note what the batch holds.

        Raises:
            NotFound: there is no such run.
            InvalidInput: the run is deleted, or a param already has another value.
        """
        ...

    def change(
        self, run: str, status: RunStatus | None = None, end_ms: int | None = None, *, name: str | None = None
    ) -> RunInfo:
        """Set a run's status, end or name.

        Raises:
            NotFound: there is no such run.
            InvalidInput: the run is deleted, or the end is no time.
        """
        ...


class KeyClash(Conflict):
    """Two metric names share one number; rename the newer metric."""

    code, title = "key_clash", "Two metric names share one number"
