"""A folder `mlruns`, as MLflow's file store keeps it: a file for each param and tag, a line for each point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import yaml

from modelyard.adapters.mlflow.places import Places
from modelyard.adapters.mlflow.store import DELETED, PLACES, File, Traced, TraceReader, said
from modelyard.adapters.mlflow.traces import laid
from modelyard.kernel.errors import Damaged, InvalidInput
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
    Run,
    RunId,
    RunStatus,
    Stage,
    real,
)

_RUN_STATUS: dict[str, object] = {
    "1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED",
}  # fmt: skip
_MODEL_STATUS = {1: ModelStatus.PENDING, 2: ModelStatus.READY, 3: ModelStatus.FAILED}
_META = "meta.yaml"
_TRACES, _TRACE = "traces", "trace_info.yaml"
_TRASH = ".trash"
_REGISTRY = "models"
_Told = Mapping[str, object]
_About = tuple[str | None, str | None, str | None]
"""A logged model, and the dataset with its digest on which it was measured."""


class FolderStore:
    """Implements `Store` over a folder.

    Args:
        root: the folder.
        reader: reads traces, which lie there in the form in which servers answer.
        artifacts: another folder below which files lie; by default the same.
    """

    def __init__(self, root: Path, reader: TraceReader, artifacts: Path | None = None) -> None:
        self._root = root.expanduser().resolve()
        self._reader = reader
        self._places = Places(artifacts or self._root)
        self._about: dict[Path, dict[str, dict[tuple[str, int, int], list[_About]]]] = {}
        if not (self._homes() or (self._root / _REGISTRY).is_dir()):
            raise InvalidInput(f"{root} is no folder that MLflow wrote: no experiment lies in it (mlruns/0/meta.yaml)")

    @property
    def name(self) -> str:
        """The folder."""
        return str(self._root)

    def experiments(self) -> list[Experiment]:
        """All, deleted ones too."""
        found = []
        for home in self._homes():
            told = _told(home)
            found.append(
                Experiment(
                    id=str(told.get("experiment_id", home.name)), name=_text(told, "name"),
                    artifact_location=_text(told, "artifact_location"), stage=_stage(told),
                    created_ms=_number(told, "creation_time"), updated_ms=_number(told, "last_update_time"),
                    tags=_words(home / "tags"),
                )
            )  # fmt: skip
        return sorted(found, key=lambda one: one.id)

    def runs(self, experiment: str) -> Iterator[Run]:
        """All runs of an experiment, deleted ones too."""
        for place in self._below(experiment):
            told = _told(place)
            if "run_uuid" not in told and "run_id" not in told:
                continue
            tags = _words(place / "tags")
            status = told.get("status", 3)
            yield Run(
                id=RunId(place.name), experiment=experiment,
                name=_text(told, "run_name") or tags.get("mlflow.runName", ""),
                status=said(RunStatus, _RUN_STATUS.get(str(status), status), RunStatus.FINISHED),
                user=_text(told, "user_id"), start_ms=_number(told, "start_time"),
                end_ms=_number(told, "end_time") or None, stage=_stage(told), artifact_uri=_text(told, "artifact_uri"),
                params=_words(place / "params"), tags=tags, inputs=_inputs(self._home(experiment), place),
                model_inputs=[_text(link, "source_id") for link in _links(place / "inputs", "MODEL")],
                outputs=[
                    ModelOutput(model=_text(link, "source_id"), step=_number(link, "step"))
                    for link in _links(place / "outputs", "RUN_OUTPUT")
                ],
            )  # fmt: skip

    def points(self, run: str) -> Iterator[Point]:
        """The whole history of each metric; points that a logged model keeps carry it."""
        place = next(iter(p for home in self._homes() for p in (home / run,) if p.is_dir()), None)
        if place is None:
            return
        about = self._measured(place.parent).get(run, {})
        seen: set[tuple[str, int, int, str]] = set()
        for key, at, value, step, _ in _lines(place / "metrics"):
            if (key, at, step, repr(value)) in seen:
                continue
            seen.add((key, at, step, repr(value)))
            for model, dataset, digest in about.get((key, at, step)) or [(None, None, None)]:
                yield Point(
                    key=key, value=real(value), at_ms=at, step=step, model=model, dataset=dataset, dataset_digest=digest
                )

    def _measured(self, home: Path) -> dict[str, dict[tuple[str, int, int], list[_About]]]:
        """What the logged models of an experiment keep of points, by run; read once."""
        if home not in self._about:
            found: dict[str, dict[tuple[str, int, int], list[_About]]] = {}
            for model in sorted((home / _REGISTRY).glob("m-*")):
                for key, at, _, step, rest in _lines(model / "metrics"):
                    run, *data = rest or [""]
                    said = (model.name, " ".join(data[:-1]) or None, data[-1] if data else None)
                    found.setdefault(run, {}).setdefault((key, at, step), []).append(said)
            self._about = {home: found}
        return self._about[home]

    def models(self, experiment: str) -> Iterator[LoggedModel]:
        """All logged models of an experiment."""
        for place in sorted((self._home(experiment) / _REGISTRY).glob("m-*")):
            told = _told(place)
            status = told.get("status", 1)
            yield LoggedModel(
                id=ModelId(place.name), experiment=experiment, name=_text(told, "name"),
                artifact_uri=_text(told, "artifact_location"),
                status=_MODEL_STATUS.get(status, ModelStatus.PENDING)
                if isinstance(status, int)
                else said(ModelStatus, status, ModelStatus.PENDING),
                model_type=_text(told, "model_type"), run=_text(told, "source_run_id") or None,
                created_ms=_number(told, "creation_timestamp"), updated_ms=_number(told, "last_updated_timestamp"),
                stage=_stage(told), params=_words(place / "params"), tags=_words(place / "tags"),
            )  # fmt: skip

    def traces(self, experiment: str) -> Iterator[Traced]:
        """The traces of an experiment, by time.

        Raises:
            Damaged: one cannot be read.
        """
        places = sorted((self._home(experiment) / _TRACES).glob(f"*/{_TRACE}"))
        for one in sorted((self._trace(place.parent) for place in places), key=lambda t: (t.at_ms, t.id)):
            spans, files = laid(one.tags, [], self._places.files)
            tags = {key: value for key, value in one.tags.items() if key not in PLACES}
            yield Traced(trace=msgspec.structs.replace(one, tags=tags), spans=spans, files=files)

    def _trace(self, place: Path) -> NewTrace:
        told, tags, metadata = _told(place, _TRACE), _words(place / "tags"), _words(place / "request_metadata")
        said = [_told(path.parent, path.name) for path in sorted((place / "assessments").glob("*.yaml"))]
        taken = told.get("execution_duration_ms")
        new = {**told, "tags": tags, "trace_metadata": metadata, "assessments": said}
        if isinstance(taken, int):
            new["execution_duration"] = f"{taken / 1000}s"
        old = {**told, "tags": _pairs(tags), "request_metadata": _pairs(metadata)}
        is_new = "trace_id" in told
        body = {"traces": [{k: v for k, v in (new if is_new else old).items() if v is not None}]}
        try:
            read = self._reader.page if is_new else self._reader.old_page
            return read(msgspec.json.encode(body))[0][0]
        except (InvalidInput, TypeError) as err:
            raise Damaged(f"the trace in {place} cannot be read: {err}") from err

    def registered(self) -> list[Model]:
        """All registered models, with their aliases."""
        found = []
        for place in sorted((self._root / _REGISTRY).glob("*")):
            if (place / _META).is_file():
                told = _told(place)
                found.append(
                    Model(
                        name=_text(told, "name"), description=_text(told, "description"), tags=_words(place / "tags"),
                        created_ms=_number(told, "creation_timestamp"),
                        updated_ms=_number(told, "last_updated_timestamp"),
                        last_version=max((_number(_told(p), "version") for p in place.glob("version-*")), default=0),
                        aliases={alias: int(number) for alias, number in _words(place / "aliases").items()},
                    )
                )  # fmt: skip
        return found

    def versions(self, model: str) -> list[ModelVersion]:
        """The versions of a registered model."""
        found = []
        for place in (self._root / _REGISTRY / model).glob("version-*"):
            told = _told(place)
            if _text(told, "current_stage") == DELETED:
                continue
            found.append(
                ModelVersion(
                    name=model, version=_number(told, "version"), source=_text(told, "source"),
                    storage=_text(told, "storage_location"), run=_text(told, "run_id") or None,
                    run_link=_text(told, "run_link"), description=_text(told, "description"),
                    stage=said(ModelStage, _text(told, "current_stage"), ModelStage.NONE), status=VersionStatus.READY,
                    created_ms=_number(told, "creation_timestamp"), updated_ms=_number(told, "last_updated_timestamp"),
                    created_by=ActorId(_text(told, "user_id")), logged_model=_text(told, "model_id") or None,
                    tags=_words(place / "tags"),
                )
            )  # fmt: skip
        return sorted(found, key=lambda one: one.version)

    def files(self, owner: Run | LoggedModel) -> Iterator[File]:
        """The files of a run or logged model, below the folder."""
        return self._places.files(owner.artifact_uri)

    def close(self) -> None:
        """Nothing is held."""

    def _homes(self) -> list[Path]:
        if not self._root.is_dir():
            return []
        tops = [*self._root.iterdir(), *((self._root / _TRASH).iterdir() if (self._root / _TRASH).is_dir() else ())]
        return [top for top in sorted(tops) if top.name.isdigit() and (top / _META).is_file()]

    def _home(self, experiment: str) -> Path:
        return next(top for top in self._homes() if top.name == experiment)

    def _below(self, experiment: str) -> list[Path]:
        home = self._home(experiment)
        return [place for place in sorted(home.iterdir()) if len(place.name) == 32 and (place / _META).is_file()]


def _told(place: Path, name: str = _META) -> _Told:
    try:
        found = yaml.safe_load((place / name).read_bytes())
    except (OSError, ValueError, yaml.YAMLError) as err:
        raise Damaged(f"{place / name} cannot be read: {err}") from err
    if not isinstance(found, dict):
        raise Damaged(f"{place / name} holds no fields")
    return found


def _pairs(words: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in words.items()]


def _text(told: _Told, name: str) -> str:
    value = told.get(name)
    return "" if value is None else str(value)


def _number(told: _Told, name: str) -> int:
    value = told.get(name)
    return int(value) if isinstance(value, int | str) and str(value).lstrip("-").isdigit() else 0


def _stage(told: _Told) -> Stage:
    return Stage.DELETED if told.get("lifecycle_stage") == "deleted" else Stage.ACTIVE


def _words(folder: Path) -> dict[str, str]:
    """A file for each: names may hold slashes, so they may lie in folders."""
    if not folder.is_dir():
        return {}
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8", errors="replace") for path in files}


def _lines(folder: Path) -> Iterator[tuple[str, int, float, int, list[str]]]:
    """Points: name, time, value, step, and what stands behind; a last line that is torn is left out."""
    for key, text in _words(folder).items():
        for line in text.splitlines():
            parts = line.split(" ")
            try:
                at, value = int(parts[0]), float(parts[1])
                step = int(parts[2]) if len(parts) > 2 else 0
            except (IndexError, ValueError):
                continue
            yield key, at, value, step, parts[3:]


def _links(folder: Path, kind: str) -> Iterator[_Told]:
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        if (place / _META).is_file():
            told = _told(place)
            if _text(told, "source_type") == kind:
                yield told


def _inputs(home: Path, run: Path) -> list[DatasetInput]:
    found = []
    folder = run / "inputs"
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        told = _told(place) if (place / _META).is_file() else {}
        if _text(told, "source_type") != "DATASET":
            continue
        data = _told(home / "datasets" / Path(_text(told, "source_id")).name)
        tags = told.get("tags")
        found.append(
            DatasetInput(
                dataset=Dataset(
                    name=_text(data, "name"), digest=_text(data, "digest"), source_type=_text(data, "source_type"),
                    source=_text(data, "source"), schema=_text(data, "schema") or None,
                    profile=_text(data, "profile") or None,
                ),
                tags={str(k): str(v) for k, v in tags.items()} if isinstance(tags, dict) else {},
            )
        )  # fmt: skip
    return found
