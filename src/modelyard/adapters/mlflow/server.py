"""An MLflow server, asked over REST as its clients ask it; no other host is asked, and no redirect is followed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from urllib.parse import quote, urlsplit

import httpx2
import msgspec
from msgspec import Struct

from modelyard.adapters.mlflow import store as words
from modelyard.adapters.mlflow.store import File, Traced, TraceReader
from modelyard.adapters.mlflow.traces import laid
from modelyard.kernel.errors import Forbidden, InvalidInput, NotFound, Unavailable
from modelyard.kernel.ids import ActorId
from modelyard.registry.api import Model, ModelStage, ModelVersion, VersionStatus
from modelyard.tracking.api import (
    Dataset,
    DatasetInput,
    Experiment,
    LoggedModel,
    ModelId,
    ModelOutput,
    ModelStatus,
    NewTrace,
    Point,
    Real,
    Run,
    RunId,
    RunStatus,
    Span,
    Stage,
    real,
)

_API = "/api/2.0/mlflow"
_API3 = "/api/3.0/mlflow"
_PAGE = 1000
_TRACES = 500
_TIMEOUT = httpx2.Timeout(120.0, connect=10.0)


class _Word(Struct, frozen=True):
    key: str = ""
    value: str = ""


class _Experiment(Struct, frozen=True):
    experiment_id: str
    name: str
    artifact_location: str = ""
    lifecycle_stage: Stage = Stage.ACTIVE
    creation_time: int = 0
    last_update_time: int = 0
    tags: list[_Word] = []


class _Info(Struct, frozen=True):
    run_id: str
    status: RunStatus
    run_name: str = ""
    user_id: str = ""
    start_time: int = 0
    end_time: int | None = None
    lifecycle_stage: Stage = Stage.ACTIVE
    artifact_uri: str = ""


class _Metric(Struct, frozen=True):
    key: str
    value: Real = 0.0
    timestamp: int = 0
    step: int = 0
    run_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class _Data(Struct, frozen=True):
    metrics: list[_Metric] = []
    params: list[_Word] = []
    tags: list[_Word] = []


class _DatasetInput(Struct, frozen=True):
    dataset: dict[str, str]
    tags: list[_Word] = []


class _ModelLink(Struct, frozen=True):
    model_id: str
    step: int = 0


class _Inputs(Struct, frozen=True):
    dataset_inputs: list[_DatasetInput] = []
    model_inputs: list[_ModelLink] = []


class _Outputs(Struct, frozen=True):
    model_outputs: list[_ModelLink] = []


class _Run(Struct, frozen=True):
    info: _Info
    data: _Data = _Data()
    inputs: _Inputs = _Inputs()
    outputs: _Outputs = _Outputs()


class _ModelInfo(Struct, frozen=True):
    model_id: str
    experiment_id: str
    name: str = ""
    artifact_uri: str = ""
    creation_timestamp_ms: int = 0
    last_updated_timestamp_ms: int = 0
    status: str = "LOGGED_MODEL_READY"
    model_type: str = ""
    source_run_id: str = ""
    tags: list[_Word] = []


class _ModelData(Struct, frozen=True):
    params: list[_Word] = []
    metrics: list[_Metric] = []


class _Model(Struct, frozen=True):
    info: _ModelInfo
    data: _ModelData = _ModelData()


class _Alias(Struct, frozen=True):
    alias: str
    version: str


class _Registered(Struct, frozen=True):
    name: str
    creation_timestamp: int = 0
    last_updated_timestamp: int = 0
    description: str = ""
    tags: list[_Word] = []
    aliases: list[_Alias] = []


class _Version(Struct, frozen=True):
    name: str
    version: str
    creation_timestamp: int = 0
    last_updated_timestamp: int = 0
    user_id: str = ""
    current_stage: str = "None"
    description: str = ""
    source: str = ""
    run_id: str = ""
    status: VersionStatus = VersionStatus.READY
    status_message: str = ""
    run_link: str = ""
    model_id: str = ""
    tags: list[_Word] = []


class _Entry(Struct, frozen=True):
    path: str
    is_dir: bool = False
    file_size: int | None = None


class _Answer(Struct, frozen=True):
    """What any of the calls answers."""

    experiments: list[_Experiment] = []
    runs: list[_Run] = []
    metrics: list[_Metric] = []
    models: list[_Model] = []
    registered_models: list[_Registered] = []
    model_versions: list[_Version] = []
    files: list[_Entry] = []
    next_page_token: str = ""


_answer = msgspec.json.Decoder(_Answer, strict=False)


class ServerStore:
    """Implements `Store` over REST.

    Args:
        address: `http://...`; MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD, sign in.
        reader: reads what the server answers about traces.
    """

    def __init__(self, address: str, reader: TraceReader) -> None:
        said = urlsplit(address)
        if said.username or said.password:
            raise InvalidInput("a password in an address ends up in logs; set MLFLOW_TRACKING_USERNAME and _PASSWORD")
        self._address = address.rstrip("/")
        self._reader = reader
        token, user = os.environ.get("MLFLOW_TRACKING_TOKEN"), os.environ.get("MLFLOW_TRACKING_USERNAME")
        auth = (user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user and not token else None
        self._http = httpx2.Client(
            base_url=self._address, timeout=_TIMEOUT, follow_redirects=False, trust_env=False, auth=auth,
            headers={"authorization": f"Bearer {token}"} if token else {},
        )  # fmt: skip
        self._homes: dict[str, str] = {}
        self._keys: dict[str, list[str]] = {}
        self._points: dict[str, list[tuple[str, _Metric]]] = {}

    @property
    def name(self) -> str:
        """Its address."""
        return self._address

    def experiments(self) -> list[Experiment]:
        """All, deleted ones too."""
        asked = {"max_results": _PAGE, "view_type": "ALL"}
        found = [one for page in self._pages("POST", "/experiments/search", asked) for one in page.experiments]
        return [
            Experiment(
                id=one.experiment_id, name=one.name, artifact_location=one.artifact_location,
                stage=one.lifecycle_stage, created_ms=one.creation_time, updated_ms=one.last_update_time,
                tags=_words(one.tags),
            )
            for one in sorted(found, key=lambda e: int(e.experiment_id))
        ]  # fmt: skip

    def runs(self, experiment: str) -> Iterator[Run]:
        """All runs of an experiment, deleted ones too; what `points` will need of their models is kept."""
        list(self.models(experiment))
        asked = {"experiment_ids": [experiment], "max_results": _PAGE, "run_view_type": "ALL"}
        for page in self._pages("POST", "/runs/search", asked):
            for one in page.runs:
                self._keys[one.info.run_id] = [metric.key for metric in one.data.metrics]
                yield _run(one, experiment)

    def points(self, run: str) -> Iterator[Point]:
        """The whole history of each metric."""
        about: dict[tuple[str, int, int], list[tuple[str, _Metric]]] = {}
        for model, metric in self._points.pop(run, []):
            about.setdefault((metric.key, metric.timestamp, metric.step), []).append((model, metric))
        for key in self._keys.pop(run, []):
            asked = {"run_id": run, "metric_key": key, "max_results": 25_000}
            for page in self._pages("GET", "/metrics/get-history", asked):
                for one in page.metrics:
                    for model, said in about.get((key, one.timestamp, one.step)) or [("", one)]:
                        yield Point(
                            key=key, value=real(float(one.value)), at_ms=one.timestamp, step=one.step,
                            model=model or None, dataset=said.dataset_name if model else None,
                            dataset_digest=said.dataset_digest if model else None,
                        )  # fmt: skip

    def models(self, experiment: str) -> Iterator[LoggedModel]:
        """The logged models of an experiment; of a server that has none, nothing."""
        try:
            asked = {"experiment_ids": [experiment], "max_results": 50}
            pages = [*self._pages("POST", "/logged-models/search", asked)]
        except NotFound:
            return
        for one in (model for page in pages for model in page.models):
            info = one.info
            for metric in one.data.metrics:
                self._points.setdefault(metric.run_id or info.source_run_id, []).append((info.model_id, metric))
            yield LoggedModel(
                id=ModelId(info.model_id), experiment=experiment, name=info.name, artifact_uri=info.artifact_uri,
                status=words.said(ModelStatus, _status(info.status), ModelStatus.PENDING),
                model_type=info.model_type, run=info.source_run_id or None, created_ms=info.creation_timestamp_ms,
                updated_ms=info.last_updated_timestamp_ms, params=_words(one.data.params), tags=_words(info.tags),
            )  # fmt: skip

    def traces(self, experiment: str) -> Iterator[Traced]:
        """The traces of an experiment, by time; of a server before 3.0, what it knows of them."""
        place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
        asked = {"locations": [place], "max_results": _TRACES, "order_by": ["timestamp_ms ASC"]}
        try:
            found = [*self._trace_pages("POST", f"{_API3}/traces/search", asked, self._reader.page)]
        except NotFound:
            asked = {"experiment_ids": experiment, "max_results": _TRACES, "order_by": "timestamp_ms ASC"}
            found = [*self._trace_pages("GET", f"{_API}/traces", asked, self._reader.old_page)]
        for one in found:
            spans: list[Span] = []
            if one.tags.get("mlflow.trace.spansLocation") == "TRACKING_STORE":
                spans = self._reader.spans(self._answered("GET", f"{_API3}/traces/get", {"trace_id": one.id}))
            tags = {key: value for key, value in one.tags.items() if key not in words.PLACES}
            spans, files = laid(one.tags, spans, self._at)
            yield Traced(trace=msgspec.structs.replace(one, tags=tags), spans=spans, files=files)

    def registered(self) -> list[Model]:
        """All registered models, with their aliases."""
        pages = self._pages("GET", "/registered-models/search", {"max_results": 1000})
        return [
            Model(
                name=one.name, description=one.description, created_ms=one.creation_timestamp,
                updated_ms=one.last_updated_timestamp, tags=_words(one.tags),
                aliases={each.alias: int(each.version) for each in one.aliases},
            )
            for page in pages
            for one in page.registered_models
        ]  # fmt: skip

    def versions(self, model: str) -> list[ModelVersion]:
        """The versions of a registered model."""
        quoted = "'" + model.replace("'", "''") + "'" if "'" not in model else f'"{model}"'
        pages = self._pages("GET", "/model-versions/search", {"filter": f"name = {quoted}", "max_results": 10_000})
        found = [
            ModelVersion(
                name=model, version=int(one.version), source=one.source, run=one.run_id or None,
                run_link=one.run_link, description=one.description,
                stage=words.said(ModelStage, one.current_stage, ModelStage.NONE),
                status=one.status, status_message=one.status_message, created_ms=one.creation_timestamp,
                updated_ms=one.last_updated_timestamp, created_by=ActorId(one.user_id),
                logged_model=one.model_id or None, tags=_words(one.tags),
            )
            for page in pages
            for one in page.model_versions
        ]  # fmt: skip
        return sorted(found, key=lambda one: one.version)

    def files(self, owner: Run | LoggedModel) -> Iterator[File]:
        """The files of a run or logged model, through the server.

        Raises:
            NotFound: the server does not hand them out.
        """
        return self._at(owner.artifact_uri)

    def _at(self, location: str) -> Iterator[File]:
        said = urlsplit(location)
        if said.scheme != "mlflow-artifacts":
            raise NotFound(f"files lie in {location}, which the server does not hand out; import its store")
        top, waiting = said.path.strip("/"), [""]
        while waiting:
            here = waiting.pop()
            folder = f"{top}/{here}".strip("/")
            for one in self._ask("GET", f"{_API}-artifacts/artifacts", {"path": folder}).files:
                path = f"{here}/{one.path}".strip("/")
                if one.is_dir:
                    waiting.append(path)
                else:
                    place = f"{_API}-artifacts/artifacts/{quote(f'{top}/{path}')}"
                    yield File(path=path, size_bytes=one.file_size, read=partial(self._bytes, place))

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def _bytes(self, place: str) -> Iterator[bytes]:
        with self._http.stream("GET", place) as answer:
            if answer.status_code != 200:
                raise NotFound(f"{self._address} does not give {place}: {answer.status_code}")
            yield from answer.iter_bytes(1 << 20)

    def _pages(self, verb: str, path: str, asked: Mapping[str, object]) -> Iterator[_Answer]:
        token = ""
        while True:
            page = self._ask(verb, _API + path, {**asked, **({"page_token": token} if token else {})})
            yield page
            if not page.next_page_token or page.next_page_token == token:
                return
            token = page.next_page_token

    def _trace_pages(
        self, verb: str, path: str, asked: Mapping[str, object], read: Callable[[bytes], tuple[list[NewTrace], str]]
    ) -> Iterator[NewTrace]:
        token = ""
        while True:
            found, following = read(self._answered(verb, path, {**asked, **({"page_token": token} if token else {})}))
            yield from found
            if not following or following == token:
                return
            token = following

    def _ask(self, verb: str, path: str, asked: Mapping[str, object]) -> _Answer:
        try:
            return _answer.decode(self._answered(verb, path, asked))
        except msgspec.MsgspecError as err:
            raise InvalidInput(f"{self._address} does not answer as MLflow does: {err}") from err

    def _answered(self, verb: str, path: str, asked: Mapping[str, object]) -> bytes:
        try:
            if verb == "GET":
                answer = self._http.get(path, params={k: str(v) for k, v in asked.items()})
            else:
                answer = self._http.post(path, content=msgspec.json.encode(asked), headers=_JSON)
        except httpx2.TransportError as err:
            raise Unavailable(f"{self._address} does not answer: {err}") from err
        if answer.status_code in (401, 403):
            raise Forbidden(f"{self._address} asks to sign in: set MLFLOW_TRACKING_TOKEN, or _USERNAME and _PASSWORD")
        if answer.status_code == 404:
            raise NotFound(f"{self._address} has no {path}; is it an MLflow server?")
        if answer.status_code != 200:
            raise Unavailable(f"{self._address} answers {answer.status_code}: {answer.text[:200]}")
        return answer.content


_JSON = {"content-type": "application/json"}


def _run(one: _Run, experiment: str) -> Run:
    info, tags = one.info, _words(one.data.tags)
    inputs = [
        DatasetInput(
            dataset=Dataset(
                name=each.dataset.get("name", ""), digest=each.dataset.get("digest", ""),
                source_type=each.dataset.get("source_type", ""), source=each.dataset.get("source", ""),
                schema=each.dataset.get("schema"), profile=each.dataset.get("profile"),
            ),
            tags=_words(each.tags),
        )
        for each in one.inputs.dataset_inputs
    ]  # fmt: skip
    return Run(
        id=RunId(info.run_id), experiment=experiment, name=info.run_name or tags.get("mlflow.runName", ""),
        status=info.status, user=info.user_id, start_ms=info.start_time, end_ms=info.end_time or None,
        stage=info.lifecycle_stage, artifact_uri=info.artifact_uri, params=_words(one.data.params), tags=tags,
        inputs=inputs, model_inputs=[each.model_id for each in one.inputs.model_inputs],
        outputs=[ModelOutput(model=each.model_id, step=each.step) for each in one.outputs.model_outputs],
    )  # fmt: skip


def _status(said: str) -> str:
    return said.removeprefix("LOGGED_MODEL_").removeprefix("UPLOAD_")


def _words(found: Sequence[_Word]) -> dict[str, str]:
    return {word.key: word.value for word in found}
