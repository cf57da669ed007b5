"""Moves predictions from closed segments into lake tables, each exactly once, whatever dies in between.

Before a segment's predictions are written, the fold is noted; the table's version carries the fold's id as its message.
A fold that is noted and not known to be done is looked for in the table's history before anything is written again. A
segment is removed when all its folds are done. An endpoint whose columns change gets a further table.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

from modelyard.kernel.errors import Damaged, NotFound
from modelyard.kernel.refs import ref
from modelyard.lake.api import Lake
from modelyard.ports import calls
from modelyard.serving.api import Folded, PredictionsFolded
from modelyard.serving.hot.prediction_ids import row_ids
from modelyard.serving.hot.segments import PredictionRecord, is_settled, read_segment, segment_files
from modelyard.serving.hot.server import ROLL_FILE
from modelyard.serving.hot.tensors import Scalar
from modelyard.serving.service.usage import PlaneUsage, measured
from modelyard.serving.store import predictions as store

if TYPE_CHECKING:
    import pyarrow as pa

FIXED = (
    "prediction", "request", "at", "endpoint", "revision", "model", "version", "route", "latency_us", "status",
    "request_id", "caller", "keys",
)  # fmt: skip
_LOOK_BACK = 500
_ROLL_S = 2.0
_POLL_S = 0.02
_CHUNK = 1 << 20


class Folder:
    """Folds one home's segments."""

    def __init__(self, *, home: Path, lake: Lake, usage: PlaneUsage) -> None:
        self._segments = home / "state" / "predictions"
        self._lake = lake
        self._usage = usage

    def fold_all(self) -> Folded:
        """Have the model server close its segment, then fold everything that was predicted so far."""
        roll = self._segments.parents[1] / "run" / ROLL_FILE
        waiting = [file.path for file in segment_files(self._segments) if not file.settled]
        if waiting:
            roll.write_text(waiting[0].name, "utf-8")
            ends = monotonic() + _ROLL_S
            while monotonic() < ends and not all(_is_settled(path) for path in waiting):
                sleep(_POLL_S)
        return self.fold(patient=True)

    def fold(self, *, patient: bool = False) -> Folded:
        """Fold every segment that will not grow any more; one process of the home at a time.

        While another one folds, a patient caller waits, any other leaves it to the other.
        """
        segments = predictions = 0
        tables: set[str] = set()
        with self._alone(patient=patient) as alone:
            for file in segment_files(self._segments) if alone else ():
                if file.settled:
                    taken = self._fold_segment(file.path)
                    segments += 1
                    predictions += sum(taken.values())
                    tables |= taken.keys()
        return Folded(segments=segments, predictions=predictions, tables=tuple(sorted(tables)))

    @contextmanager
    def _alone(self, *, patient: bool) -> Iterator[bool]:
        """Hold the home's lock for folding; False if somebody else does."""
        self._segments.mkdir(parents=True, exist_ok=True)
        with (self._segments / ".folding").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if patient else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True

    def _fold_segment(self, path: Path) -> dict[str, int]:
        """Fold one segment and remove it; the number of rows that each table got."""
        try:
            records = read_segment(path).records
        except Damaged:
            records = []  # its writer died before the first whole block
        call = calls.current()
        noted = {table: (fold, done) for fold, table, done in store.folds_of(call.tx, path.name)}
        taken: dict[str, int] = {}
        cpu_s_a_row = self._usage.take() / max(1, sum(r.rows for r in records))
        for (endpoint, shape), group in _grouped(records).items():
            table = self._table(endpoint, shape)
            fold = f"fold {path.stem} {table}"
            _, done = noted.get(table, ("", False))
            if not done:
                if table not in noted:
                    call.unit(partial(self._begin, fold, path.name, table))
                elif self._is_written(table, fold):
                    call.unit(partial(self._end, fold))
                    continue
                taken[table] = self._write(table, fold, group, cpu_s_a_row)
        path.unlink(missing_ok=True)
        if noted or taken:
            call.unit(partial(self._forget, path.name))
        return taken

    def _write(self, table: str, fold: str, records: Sequence[PredictionRecord], cpu_s_a_row: float) -> int:
        endpoint = records[0].endpoint
        data = arrow_of(records)
        reads = {str(ref("endpoint", endpoint)), *(r.model for r in records)}
        made = self._lake.write(table, _stream(data), reads=tuple(sorted(reads)), message=fold)

        def done() -> None:
            self._end(fold)
            calls.current().emit(
                PredictionsFolded(endpoint=endpoint, table=table, version=made.version, predictions=data.num_rows),
                reads=[ref("endpoint", endpoint)],
                writes=[made.ref],
            )
            for used in measured(endpoint, records, cpu_s_a_row):
                calls.current().emit(used, reads=[ref("endpoint", endpoint)])

        calls.current().unit(done)
        return int(data.num_rows)

    def _is_written(self, table: str, fold: str) -> bool:
        """Whether a fold reached its table before its end could be noted."""
        try:
            page = self._lake.history(table, limit=_LOOK_BACK)
        except NotFound:
            return False
        return any(version.message == fold for version in page.items)

    def _table(self, endpoint: str, shape: str) -> str:
        """The table for predictions of these columns; noted when it is first asked for."""
        call = calls.current()
        known = store.tables(call.tx, endpoint)
        if shape in known:
            return known[shape]
        name = f"predictions_{endpoint}" + (f"_{len(known) + 1}" if known else "")
        call.unit(lambda: store.add_table(calls.current().tx, endpoint, shape, name))
        return name

    def _begin(self, fold: str, segment: str, table: str) -> None:
        store.begin_fold(calls.current().tx, fold, segment=segment, name=table)

    def _end(self, fold: str) -> None:
        store.end_fold(calls.current().tx, fold)

    def _forget(self, segment: str) -> None:
        store.forget_folds(calls.current().tx, segment)


def _is_settled(path: Path) -> bool:
    try:
        return is_settled(path)
    except FileNotFoundError:
        return True


def _grouped(records: Sequence[PredictionRecord]) -> dict[tuple[str, str], list[PredictionRecord]]:
    """Records by endpoint and by a word for their columns."""
    groups: dict[tuple[str, str], list[PredictionRecord]] = {}
    for record in records:
        if record.status == 200:
            shape = _shape(record)
            groups.setdefault((record.endpoint, shape), []).append(record)
    return groups


def _shape(record: PredictionRecord) -> str:
    width = len(record.inputs) // record.rows
    inputs = [f"{name}:{'string' if isinstance(record.inputs[at], str) else 'number'}" for at, name in
              enumerate(input_names(record.columns, width))]  # fmt: skip
    outputs = [
        f"{name}:{'string' if isinstance(values[0], str) else 'number'}" for name, values in output_columns(record)
    ]
    return sha256(json.dumps([inputs, outputs]).encode()).hexdigest()[:16]


def input_names(columns: Sequence[str], width: int) -> list[str]:
    """A name for each value of a row: the columns' own, or numbered ones where one input is a matrix."""
    if len(columns) == width:
        return [f"in_{name}" for name in columns]
    return [f"in_{columns[0]}_{place}" for place in range(width)]


def output_columns(record: PredictionRecord) -> Iterator[tuple[str, Sequence[Scalar]]]:
    """Each output's values with a name; one of several values a row is split into numbered columns."""
    for name, values in zip(record.output_names, record.outputs, strict=True):
        width = len(values) // record.rows
        if width == 1:
            yield f"out_{name}", values
        else:
            for place in range(width):
                yield f"out_{name}_{place}", values[place::width]


def arrow_of(records: Sequence[PredictionRecord]) -> pa.Table:
    """One row for each predicted row; all records have the same columns."""
    import pyarrow as pa

    width = len(records[0].inputs) // records[0].rows
    columns: dict[str, list[object]] = {name: [] for name in FIXED}
    inputs = input_names(records[0].columns, width)
    outputs = [name for name, _ in output_columns(records[0])]
    for name in (*inputs, *outputs):
        columns[name] = []
    for record in records:
        fixed = (
            record.at_ns // 1000, record.endpoint, record.revision, record.model, record.model_version, record.route,
            record.latency_us, record.status, record.request_id, record.caller,
            json.dumps(record.keys, sort_keys=True) if record.keys else "{}",
        )  # fmt: skip
        columns["prediction"] += row_ids(record.id, record.rows)
        columns["request"] += [record.id] * record.rows
        for name, value in zip(FIXED[2:], fixed, strict=True):
            columns[name] += [value] * record.rows
        for place, name in enumerate(inputs):
            columns[name] += record.inputs[place::width]
        for name, output in output_columns(record):
            columns[name] += output
    types = {"at": pa.timestamp("us", tz="UTC"), "latency_us": pa.int64(), "status": pa.int32()}
    arrays = {}
    for name, values in columns.items():
        kind = types.get(name) or (pa.string() if name in FIXED else _arrow_type(values))
        arrays[name] = pa.array([_cast(value, kind) for value in values], kind)
    return pa.table(arrays)


def _arrow_type(values: Sequence[object]) -> pa.DataType:
    import pyarrow as pa

    return pa.string() if any(isinstance(value, str) for value in values) else pa.float64()


def _cast(value: object, kind: pa.DataType) -> object:
    return float(value) if isinstance(value, bool | int) and str(kind) == "double" else value


def _stream(data: pa.Table) -> Iterator[bytes]:
    import pyarrow as pa

    sink = BytesIO()
    with pa.ipc.new_stream(sink, data.schema) as writer:
        writer.write_table(data)
    content = sink.getbuffer()
    for at in range(0, len(content), _CHUNK):
        yield bytes(content[at : at + _CHUNK])
