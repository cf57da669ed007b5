"""Logged predictions read back: those that lie in the lake, and those that wait in segments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from modelyard.kernel.clock import to_ms
from modelyard.kernel.errors import Damaged, InvalidInput, NotFound
from modelyard.kernel.pages import Page, encode_cursor, place_of
from modelyard.kernel.refs import Ref, parts, ref
from modelyard.lake.api import Lake
from modelyard.ports import calls
from modelyard.serving.api import Prediction, Value
from modelyard.serving.hot.prediction_ids import PREDICTION, row_ids
from modelyard.serving.hot.segments import PredictionRecord, read_segment, segment_files
from modelyard.serving.service.folding import input_names, output_columns
from modelyard.serving.store import predictions as store

ROUTES = ("champion", "canary", "trial", "header", "version", "shadow")
_IN, _OUT = "in_", "out_"


class Found(Struct, frozen=True):
    """Predictions that a question reached.

    Attributes:
        total: how many there are.
        about: how many of them are about the keys.
        some: refs of the newest.
    """

    total: int
    about: int
    some: tuple[Ref, ...]


class Predictions:
    """Reads one home's predictions."""

    def __init__(self, *, home: Path, lake: Lake) -> None:
        self._segments = home / "state" / "predictions"
        self._lake = lake

    def waiting(self, endpoint: str | None = None) -> list[Prediction]:
        """Predictions that are in no table yet. Ask before anything else of a call: what is folded from then on is
        then seen in its table, so that none is missed.
        """
        return list(self._waiting(endpoint))

    def page(
        self, endpoint: str, waiting: Sequence[Prediction], *, route: str | None, cursor: str | None, limit: int
    ) -> Page[Prediction]:
        """An endpoint's predictions, newest first."""
        if route is not None and route not in ROUTES:
            raise InvalidInput(f"{route[:40]!r} is no route; there are {', '.join(ROUTES)}")
        before = PREDICTION.parse(place_of(cursor, "")) if cursor is not None else None
        wanted = [f"route = '{route}'"] if route else []
        if before is not None:
            wanted.append(f"prediction < '{before}'")
        rows: dict[tuple[str, str], Prediction] = {}
        for name in store.tables(calls.current().tx, endpoint).values():
            for found in self._rows(name, " AND ".join(wanted), limit + 1):
                rows[found.id, found.revision] = found
        for found in waiting:
            if (route is None or found.route == route) and (before is None or found.id < before):
                rows[found.id, found.revision] = found
        newest = sorted(rows.values(), key=lambda p: (p.id, p.route != "shadow"), reverse=True)[: limit + 1]
        if len(newest) <= limit:
            return Page(newest)
        return Page(newest[:limit], encode_cursor(newest[limit - 1].id))

    def one(self, prediction: str) -> Prediction:
        """A prediction as its caller was answered.

        Raises:
            NotFound: no prediction of that id was logged.
        """
        identity = PREDICTION.parse(prediction)
        for found in self._waiting(None):
            if found.id == identity and found.route != "shadow":
                return found
        for _, name in store.every_table(calls.current().tx):
            for found in self._rows(name, f"prediction = '{identity}' AND route <> 'shadow'", 1):
                return found
        raise NotFound(f"no prediction {identity} was logged; list them: yard serving predictions ENDPOINT")

    def reached(self, made_from: Sequence[Ref], keys: Mapping[str, str], *, limit: int) -> Found:
        """Predictions made from any of the model versions or endpoints, or about the keys; newest first."""
        models = {f"'{_quoted(r)}'" for r in made_from if parts(r).kind == "model"}
        names = {parts(r).name for r in made_from if parts(r).kind == "endpoint"}
        total = about = 0
        some: list[str] = []
        for endpoint, name in store.every_table(calls.current().tx):
            columns = {column.name for column in self._lake.table(name).columns}
            of_keys = _about(keys, columns)
            made = "true" if endpoint in names else f"model IN ({', '.join(sorted(models))})" if models else "false"
            where = f"({made}) OR ({of_keys})"
            total += self._lake.preview(name, where=where, limit=1).total
            about += self._lake.preview(name, where=of_keys, limit=1).total if of_keys != "false" else 0
            some += [found.id for found in self._rows(name, of_keys if of_keys != "false" else where, limit)]
        newest = sorted(set(some), reverse=True)[:limit]
        return Found(total, about, tuple(ref("prediction", identity) for identity in newest))

    def _rows(self, table: str, where: str, limit: int) -> Iterator[Prediction]:
        try:
            found = self._lake.preview(
                table, where=where or None, sort="prediction", descending=True, limit=min(limit, 1000)
            )
        except NotFound:
            return
        names = [column.name for column in found.columns]
        for row in found.rows:
            yield _prediction(dict(zip(names, row, strict=True)))

    def _waiting(self, endpoint: str | None) -> Iterator[Prediction]:
        for file in segment_files(self._segments):
            try:
                records = read_segment(file.path).records
            except (Damaged, FileNotFoundError):
                continue  # nothing whole yet, or folded meanwhile
            for record in records:
                if record.status == 200 and endpoint in (None, record.endpoint):
                    yield from _from_record(record)


def _prediction(row: Mapping[str, Value]) -> Prediction:
    keys: dict[str, Value] = json.loads(str(row["keys"]))
    return Prediction(
        id=str(row["prediction"]), ref=ref("prediction", str(row["prediction"])), endpoint=str(row["endpoint"]),
        revision=str(row["revision"]), model=Ref(str(row["model"])), version=str(row["version"]),
        route=str(row["route"]), at_ms=_ms(str(row["at"])), latency_ms=int(str(row["latency_us"])) / 1000,
        status=int(str(row["status"])), request_id=str(row["request_id"]), caller=str(row["caller"]),
        inputs={name.removeprefix(_IN): value for name, value in row.items() if name.startswith(_IN)},
        outputs={name.removeprefix(_OUT): value for name, value in row.items() if name.startswith(_OUT)}, keys=keys,
    )  # fmt: skip


def _from_record(record: PredictionRecord) -> Iterator[Prediction]:
    width = len(record.inputs) // record.rows
    names = [name.removeprefix(_IN) for name in input_names(record.columns, width)]
    outputs = [(name.removeprefix(_OUT), values) for name, values in output_columns(record)]
    for place, identity in enumerate(row_ids(record.id, record.rows)):
        row = record.inputs[place * width : (place + 1) * width]
        yield Prediction(
            id=identity, ref=ref("prediction", identity), endpoint=record.endpoint, revision=record.revision,
            model=Ref(record.model), version=record.model_version, route=record.route,
            at_ms=record.at_ns // 1_000_000, latency_ms=record.latency_us / 1000, status=record.status,
            request_id=record.request_id, caller=record.caller, inputs=dict(zip(names, row, strict=True)),
            outputs={name: values[place] for name, values in outputs}, keys=dict(record.keys),
        )  # fmt: skip


def _about(keys: Mapping[str, str], columns: set[str]) -> str:
    """A condition in SQL: the prediction is about one of these keys."""
    said = []
    for name, value in keys.items():
        text = _quoted(value)
        path = name.replace('"', "").replace("'", "''")
        said.append(f"json_extract_string(keys, '$.\"{path}\"') = '{text}'")
        if (column := _IN + name) in columns:
            quoted = column.replace('"', '""')
            said.append(f"CAST(\"{quoted}\" AS VARCHAR) = '{text}'")
    return " OR ".join(said) or "false"


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _ms(text: str) -> int:
    return to_ms(datetime.fromisoformat(text))
