"""MLflow's calls on runs; logging a metric or a batch takes the short way: checked and packed before the writer."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType

from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.kept import Kept
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref
from modelyard.ports.wires import WireRequest, WireResponse, WireRoute
from modelyard.protocols.mlflow import shapes, wire
from modelyard.protocols.mlflow.experiments import limit_of, view_of
from modelyard.protocols.mlflow.wire import EMPTY, KeyValue, answer, body_decoder, query_decoder, required
from modelyard.tracking.api import Batch, Dataset, DatasetInput, Log, ModelOutput, Real, Run, RunStatus, Tracking

_STATUS = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}
_HISTORY_TAG = "mlflow.log-model.history"
_HISTORY_KEYS = ("run_id", "artifact_path", "utc_time_created", "model_uuid", "flavors")


class Create(Struct, kw_only=True):
    """`CreateRun`."""

    experiment_id: str | None = None
    user_id: str | None = None
    run_name: str | None = None
    start_time: int | None = None
    tags: list[KeyValue] | None = None


class One(Struct, kw_only=True):
    """A call on one run; `run_uuid` is the old spelling."""

    run_id: str | None = None
    run_uuid: str | None = None
    status: str | int | None = None
    end_time: int | None = None
    run_name: str | None = None
    key: str | None = None
    value: str | None = None
    model_json: str | None = None

    @property
    def run(self) -> str:
        """The run's id, in either spelling."""
        return required(self.run_id or self.run_uuid, "run_id")


class Metric(
    Struct, kw_only=True, frozen=True, rename={"at_ms": "timestamp", "model": "model_id", "dataset": "dataset_name"}
):
    """`Metric`, with the fields that a `Measured` has."""

    key: str
    value: Real
    at_ms: int
    step: int = 0
    model: str | None = None
    dataset: str | None = None
    dataset_digest: str | None = None


class LogMetric(
    Struct, kw_only=True, frozen=True, rename={"at_ms": "timestamp", "model": "model_id", "dataset": "dataset_name"}
):
    """`LogMetric`: a metric and its run."""

    key: str
    value: Real
    at_ms: int
    step: int = 0
    model: str | None = None
    dataset: str | None = None
    dataset_digest: str | None = None
    run_id: str | None = None
    run_uuid: str | None = None


class LogBatch(Struct, kw_only=True):
    """`LogBatch`."""

    run_id: str | None = None
    metrics: list[Metric] | None = None
    params: list[KeyValue] | None = None
    tags: list[KeyValue] | None = None


class DatasetGiven(Struct, kw_only=True):
    """`Dataset`."""

    name: str | None = None
    digest: str | None = None
    source_type: str | None = None
    source: str | None = None
    schema: str | None = None
    profile: str | None = None


class InputGiven(Struct, kw_only=True):
    """`DatasetInput`."""

    dataset: DatasetGiven | None = None
    tags: list[KeyValue] | None = None


class ModelGiven(Struct, kw_only=True):
    """`ModelInput` and `ModelOutput`."""

    model_id: str | None = None
    step: int | None = None


class LogInputs(Struct, kw_only=True):
    """`LogInputs`."""

    run_id: str | None = None
    datasets: list[InputGiven] | None = None
    models: list[ModelGiven] | None = None


class LogOutputs(Struct, kw_only=True):
    """`LogOutputs`."""

    run_id: str | None = None
    models: list[ModelGiven] | None = None


class Search(Struct, kw_only=True):
    """`SearchRuns`."""

    experiment_ids: list[str] | None = None
    filter: str | None = None
    run_view_type: str | int | None = None
    max_results: int | None = None
    order_by: list[str] | None = None
    page_token: str | None = None


class RunAnswer(Struct, kw_only=True):
    """One run."""

    run: shapes.RunShape


class RunInfoAnswer(Struct, kw_only=True):
    """How a run stands."""

    run_info: shapes.RunInfoShape


class RunsAnswer(Struct, kw_only=True):
    """A page of runs, each spelled already."""

    runs: list[msgspec.Raw]
    next_page_token: str | UnsetType = UNSET


class Spelled:
    """Runs as JSON; one that is handed in once more, the very same record, is not spelled again.

    It keeps up to `most_bytes`, of the runs that were asked for last.
    """

    def __init__(self, most_bytes: int = 8 << 20) -> None:
        self._kept = Kept[str, tuple[Run, msgspec.Raw]](most_bytes, lambda held: len(held[1]))

    def several(self, runs: Sequence[Run]) -> list[msgspec.Raw]:
        """Each run as JSON."""
        return [self._one(run) for run in runs]

    def _one(self, run: Run) -> msgspec.Raw:
        if (held := self._kept.get(run.id)) is not None and held[0] is run:
            return held[1]
        text = msgspec.Raw(wire.encode(shapes.run(run)))
        self._kept.put(run.id, (run, text))
        return text


_log_metric = body_decoder(LogMetric)
_log_batch = body_decoder(LogBatch)
_one = body_decoder(One)


def decode_metric(request: WireRequest) -> Batch:
    """`LogMetric` as a batch of one point."""
    asked = _log_metric(request)
    return Batch.of(required(asked.run_id or asked.run_uuid, "run_id"), points=(asked,))


def decode_batch(request: WireRequest) -> Batch:
    """`LogBatch`."""
    asked = _log_batch(request)
    params = wire.as_dict(asked.params, "params")
    if len(params) != len(asked.params or ()):
        keys = [p.key for p in asked.params or ()]
        twice = sorted({str(k) for k in keys if keys.count(k) > 1})[:20]
        raise InvalidInput(
            f"Duplicate parameter keys have been submitted: {twice}. Please ensure the request contains only one "
            "param value per param key."
        )
    tags = wire.as_dict(asked.tags, "tags")
    return Batch.of(required(asked.run_id, "run_id"), points=asked.metrics or (), params=params, tags=tags)


def decode_param(request: WireRequest) -> Batch:
    """`LogParam`."""
    asked = _one(request)
    return Batch.of(asked.run, params={required(asked.key, "key"): asked.value or ""})


def decode_tag(request: WireRequest) -> Batch:
    """`SetTag`."""
    asked = _one(request)
    return Batch.of(asked.run, tags={required(asked.key, "key"): asked.value or ""})


class Runs:
    """Translates calls on runs."""

    def __init__(self, tracking: Tracking, log: Log) -> None:
        self._tracking = tracking
        self._log = log
        self._spelled = Spelled()

    def routes(self) -> list[WireRoute]:
        """Their addresses."""
        one = body_decoder(One)
        hot = [
            ("log_metric", "/runs/log-metric", decode_metric),
            ("log_batch", "/runs/log-batch", decode_batch),
            ("log_param", "/runs/log-parameter", decode_param),
            ("set_tag", "/runs/set-tag", decode_tag),
        ]
        found = [
            r
            for name, path, decode in hot
            for r in wire.route(
                name, f"POST {path}", decode, self.log, effect=Effect.NOTE, about=_logged, audited=False
            )
        ]
        return [
            *found,
            *wire.route("create_run", "POST /runs/create", body_decoder(Create), self.create, effect=Effect.NOTE,
                        about=lambda asked: wire.experiment_ref(asked.experiment_id or "0")),
            *wire.route("get_run", "GET /runs/get", query_decoder(One), self.get, effect=Effect.READ, about=_about),
            *wire.route("update_run", "POST /runs/update", one, self.update, effect=Effect.NOTE, about=_about),
            *wire.route("delete_run", "POST /runs/delete", one, self.delete, effect=Effect.WRITE, about=_about),
            *wire.route("restore_run", "POST /runs/restore", one, self.restore, effect=Effect.WRITE, about=_about),
            *wire.route("delete_tag", "POST /runs/delete-tag", one, self.untag, effect=Effect.WRITE, about=_about,
                        audited=False),
            *wire.route("log_inputs", "POST /runs/log-inputs", body_decoder(LogInputs), self.inputs,
                        effect=Effect.WRITE, about=lambda asked: wire.run_ref(asked.run_id)),
            *wire.route("log_outputs", "POST /runs/outputs", body_decoder(LogOutputs), self.outputs,
                        effect=Effect.WRITE, about=lambda asked: wire.run_ref(asked.run_id)),
            *wire.route("log_model", "POST /runs/log-model", one, self.log_model, effect=Effect.WRITE, about=_about),
            *wire.route("search_runs", "POST /runs/search", body_decoder(Search), self.search, effect=Effect.SCAN),
        ]  # fmt: skip

    def log(self, batch: Batch) -> WireResponse:
        """Note a batch."""
        self._log.write(batch)
        return EMPTY

    def create(self, asked: Create) -> WireResponse:
        """Begin a run."""
        made = self._tracking.start_run(
            asked.experiment_id or "0", asked.run_name or "", wire.as_dict(asked.tags, "tags"),
            user=asked.user_id or None, start_ms=asked.start_time,
        )  # fmt: skip
        return answer(RunAnswer(run=shapes.run(made)))

    def get(self, asked: One) -> WireResponse:
        """Show a run."""
        return answer(RunAnswer(run=shapes.run(self._tracking.run_record(asked.run))))

    def update(self, asked: One) -> WireResponse:
        """Change a run's status, end or name."""
        status = None if asked.status is None else _status(str(asked.status))
        found = self._log.change(asked.run, status, asked.end_time, name=asked.run_name or None)
        return answer(RunInfoAnswer(run_info=shapes.run_info(found)))

    def delete(self, asked: One) -> WireResponse:
        """Set a run aside."""
        self._tracking.delete_run(asked.run)
        return EMPTY

    def restore(self, asked: One) -> WireResponse:
        """Bring a run back."""
        self._tracking.restore_run(asked.run)
        return EMPTY

    def untag(self, asked: One) -> WireResponse:
        """Remove a tag."""
        self._tracking.untag_run(asked.run, required(asked.key, "key"))
        return EMPTY

    def inputs(self, asked: LogInputs) -> WireResponse:
        """Note inputs."""
        datasets = [_input(one, i) for i, one in enumerate(asked.datasets or ())]
        models = [required(m.model_id, f"models[{i}].model_id") for i, m in enumerate(asked.models or ())]
        self._tracking.log_inputs(required(asked.run_id, "run_id"), datasets, models)
        return EMPTY

    def outputs(self, asked: LogOutputs) -> WireResponse:
        """Note outputs."""
        models = [
            ModelOutput(model=required(m.model_id, f"models[{i}].model_id"), step=m.step or 0)
            for i, m in enumerate(required(asked.models, "models"))
        ]
        self._tracking.log_outputs(required(asked.run_id, "run_id"), models)
        return EMPTY

    def log_model(self, asked: One) -> WireResponse:
        """Keep what old clients say of a model, in the tag where they look for it."""
        try:
            model = msgspec.json.decode(required(asked.model_json, "model_json"), type=dict[str, object])
            old = self._tracking.run_record(asked.run).tags.get(_HISTORY_TAG, "[]")
            history = msgspec.json.decode(old, type=list[object])
        except msgspec.MsgspecError as err:
            raise InvalidInput("Malformed model info. It is not a valid JSON object.") from err
        if missing := {"artifact_path", "flavors", "utc_time_created", "run_id"} - set(model):
            raise InvalidInput(f"Model json is missing mandatory fields: {sorted(missing)}")
        kept = {k: model[k] for k in _HISTORY_KEYS if k in model}
        text = msgspec.json.encode([*history, kept]).decode()
        self._log.write(Batch.of(asked.run, tags={_HISTORY_TAG: text}))
        return EMPTY

    def search(self, asked: Search) -> WireResponse:
        """Find runs."""
        page = self._tracking.runs(
            asked.experiment_ids or [], asked.filter or "", asked.order_by, view=view_of(asked.run_view_type),
            limit=limit_of(asked.max_results, 1000), cursor=asked.page_token or None,
        )  # fmt: skip
        return answer(RunsAnswer(runs=self._spelled.several(page.items), next_page_token=page.next or UNSET))


def _status(given: str) -> RunStatus:
    name = _STATUS.get(given, given)
    if name not in RunStatus.__members__:
        raise InvalidInput(f"Invalid value {given[:40]!r} for parameter 'status' supplied.")
    return RunStatus(name)


def _input(one: InputGiven, place: int) -> DatasetInput:
    given = required(one.dataset, f"datasets[{place}].dataset")
    dataset = Dataset(
        name=required(given.name, f"datasets[{place}].dataset.name"),
        digest=required(given.digest, f"datasets[{place}].dataset.digest"),
        source_type=required(given.source_type, f"datasets[{place}].dataset.source_type"),
        source=required(given.source, f"datasets[{place}].dataset.source"),
        schema=given.schema,
        profile=given.profile,
    )
    return DatasetInput(dataset=dataset, tags=wire.as_dict(one.tags, f"datasets[{place}].tags"))


def _about(asked: One) -> Ref | None:
    return wire.run_ref(asked.run_id or asked.run_uuid)


def _logged(batch: Batch) -> Ref | None:
    return wire.run_ref(batch.run)
