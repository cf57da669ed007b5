"""The yard as a store to read from: what an export writes elsewhere, and what a count compares with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from modelyard.adapters.mlflow.store import PLACES, File, Traced
from modelyard.kernel.pages import Page
from modelyard.registry.api import Model, ModelVersion, Registry
from modelyard.tracking.api import Artifact, Experiment, LoggedModel, NewTrace, Point, Run, Tracking, View

T = TypeVar("T")


class YardStore:
    """Implements `Store` over a yard's tracking and registry."""

    def __init__(self, tracking: Tracking, registry: Registry) -> None:
        self._tracking = tracking
        self._registry = registry

    @property
    def name(self) -> str:
        """What it is called."""
        return "this yard"

    def experiments(self) -> list[Experiment]:
        """All, deleted ones too."""
        found = _all(lambda cursor: self._tracking.experiments(view=View.ALL, limit=1000, cursor=cursor))
        return sorted(found, key=lambda one: int(one.id))

    def runs(self, experiment: str) -> Iterator[Run]:
        """All runs of an experiment, deleted ones too, as they were begun."""
        order = ["attributes.start_time ASC"]
        return _all(
            lambda cursor: self._tracking.runs([experiment], "", order, view=View.ALL, limit=1000, cursor=cursor)
        )

    def points(self, run: str) -> Iterator[Point]:
        """The whole history of each metric."""
        for latest in self._tracking.run_record(run).metrics:
            yield from _all(partial(self._history, run, latest.key))

    def models(self, experiment: str) -> Iterator[LoggedModel]:
        """The logged models of an experiment that were not deleted."""
        return _all(lambda cursor: self._tracking.logged_models([experiment], limit=50, cursor=cursor))

    def traces(self, experiment: str) -> Iterator[Traced]:
        """The traces of an experiment, by time."""
        order = ["timestamp_ms ASC"]
        for one in _all(lambda cursor: self._tracking.traces([experiment], "", order, limit=500, cursor=cursor)):
            tags = {key: value for key, value in one.tags.items() if key not in PLACES}
            told = NewTrace(
                id=str(one.id), experiment=experiment, at_ms=one.at_ms, duration_ms=one.duration_ms, state=one.state,
                client_request=one.client_request, request_preview=one.request_preview,
                response_preview=one.response_preview, metadata=one.metadata, tags=tags, assessments=one.assessments,
            )  # fmt: skip
            yield Traced(trace=told, spans=self._tracking.spans(one.id).spans, files=[*self._files(one.id)])

    def registered(self) -> list[Model]:
        """All registered models."""
        return [*_all(lambda cursor: self._registry.models(limit=1000, cursor=cursor))]

    def versions(self, model: str) -> list[ModelVersion]:
        """The versions of a registered model."""
        found = _all(lambda cursor: self._registry.versions(model, limit=1000, cursor=cursor))
        return sorted(found, key=lambda one: one.version)

    def files(self, owner: Run | LoggedModel) -> Iterator[File]:
        """The files of a run or logged model."""
        return self._files(owner.id)

    def _files(self, owner: str) -> Iterator[File]:
        waiting = [""]
        while waiting:
            here = waiting.pop()
            for each in _all(partial(self._listed, owner, here)):
                if each.is_folder:
                    waiting.append(each.path)
                else:
                    read = partial(self._tracking.download, owner, each.path)
                    yield File(path=each.path, size_bytes=each.size_bytes, read=read)

    def version_files(self, version: ModelVersion) -> Iterator[File]:
        """The files of a version, which the registry keeps for itself."""
        for each in _all(lambda cursor: self._registry.files(version.name, version.version, cursor=cursor)):
            read = partial(self._registry.download, version.name, version.version, each.path)
            yield File(path=each.path, size_bytes=each.size_bytes, read=read)

    def close(self) -> None:
        """Nothing is held."""

    def _history(self, run: str, key: str, cursor: str | None) -> Page[Point]:
        return self._tracking.history(run, key, 100_000, cursor=cursor)

    def _listed(self, owner: str, folder: str, cursor: str | None) -> Page[Artifact]:
        return self._tracking.artifacts(owner, folder, cursor=cursor)


def _all(ask: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """Every row of every page."""
    cursor: str | None = None
    while True:
        page = ask(cursor)
        yield from page.items
        cursor = page.next
        if cursor is None:
            return
