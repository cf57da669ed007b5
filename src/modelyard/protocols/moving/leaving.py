"""What the yard holds, taken out into a database and a folder that MLflow reads: ids, times, stages as they are.

What is there stays, so an export that broke off is made again; at its end everything is counted on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from modelyard.adapters.mlflow.database import DatabaseStore
from modelyard.adapters.mlflow.store import File, Store, Traced
from modelyard.adapters.mlflow.writing import DatabaseTarget, location_of, trace_location, write_file
from modelyard.kernel.errors import YardError
from modelyard.protocols.moving.report import Kind, Report, Step, Tally
from modelyard.protocols.moving.yard import YardStore
from modelyard.registry.api import ModelVersion
from modelyard.tracking.api import Experiment, LoggedModel, Run

T = TypeVar("T")
_PLACE = re.compile(r".*?(?:(?P<run>[0-9a-f]{32})|models/(?P<model>m-[0-9a-f]{32}))/artifacts(?:/(?P<path>.*))?")


class Leaver:
    """Takes a yard out.

    Args:
        address: the database, with MLflow's tables in it.
        artifacts: the folder below which files are written.
        served: files are handed out by the server (`--artifacts-destination` is that folder), so locations say
            `mlflow-artifacts:` and not the folder.
    """

    def __init__(
        self, yard: YardStore, address: str, artifacts: Path, show: Callable[[Step], None], *, served: bool = False
    ) -> None:
        self._yard = yard
        self._address = address
        self._target = DatabaseTarget(address)
        self._folder = artifacts.expanduser().resolve()
        self._root = "mlflow-artifacts:" if served else str(self._folder)
        self._show = show
        self._tally = Tally()
        self._places: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._traces: set[str] = set()

    def leave(self) -> Report:
        """Write all of it, then count."""
        try:
            experiments = self._yard.experiments()
            for one in experiments:
                self._show(Step(done=0, total=0, words=f"experiment {one.name}"))
                self._tried(f"experiment {one.name}", lambda e=one: self._experiment(e))  # type: ignore[misc]  # bound now
            for model in self._yard.registered():
                self._show(Step(done=0, total=0, words=f"model {model.name}"))
                versions = [(version, self._version(version)) for version in self._yard.versions(model.name)]
                self._tried(f"model {model.name}", lambda m=model, v=versions: self._target.model(m, v))  # type: ignore[misc]  # bound now
        finally:
            self._target.close()
        there = DatabaseStore(self._address, self._folder)
        try:
            self._count(self._yard, self._tally.there)
            self._count(there, self._tally.here, {each.name for each in self._yard.experiments()})
        finally:
            there.close()
        return Report(
            source=self._target.name, counts=self._tally.counts(), already=0, problems=self._tally.problems,
            notes=self._tally.notes,
        )  # fmt: skip

    def _experiment(self, one: Experiment) -> None:
        home = self._target.experiment(one, f"{self._root}/{one.id}")
        self._names[one.id] = home
        if home != one.id:
            self._tally.note(f"experiment {one.name} has the number {home} there, since {one.id} is taken")
        models = [*self._yard.models(one.id)]
        for model in models:
            self._files(model, home)
            self._tried(model.id, lambda m=model: self._target.logged_model(m, home, self._places[m.id]))  # type: ignore[misc]  # bound now
        runs = [*self._yard.runs(one.id)]
        for number, run in enumerate(runs):
            self._show(Step(done=number, total=len(runs), words=f"run {run.name} of {one.name}"))
            self._files(run, home)
            self._tried(
                f"run {run.id}",
                lambda r=run: self._target.run(r, home, self._places[r.id], self._yard.points(r.id)),  # type: ignore[misc]  # bound now
            )
        for model in models:
            self._tried(model.id, lambda m=model: self._target.measured(m, home))  # type: ignore[misc]  # bound now
        for traced in self._yard.traces(one.id):
            self._tried(f"trace {traced.trace.id}", lambda t=traced: self._trace(t, home))  # type: ignore[misc]  # bound now

    def _trace(self, traced: Traced, home: str) -> None:
        name = str(traced.trace.id)
        self._traces.add(name)
        folder = Path(trace_location(str(self._folder), home, name))
        for file in traced.files:
            _written(folder, file)
        self._target.trace(traced, home, trace_location(self._root, home, name))

    def _files(self, owner: Run | LoggedModel, home: str) -> None:
        self._places[owner.id] = location_of(self._root, home, owner)
        folder = Path(location_of(str(self._folder), home, owner))
        for file in self._yard.files(owner):
            self._tried(f"file {file.path} of {owner.id}", lambda f=file: _written(folder, f))  # type: ignore[misc]  # bound now

    def _version(self, version: ModelVersion) -> str:
        """Where the files of a version lie there: with its run or logged model, else in a place of their own."""
        found = _PLACE.fullmatch(version.storage)
        owner = self._places.get(found["run"] or found["model"]) if found else None
        if found and owner:
            return f"{owner}/{found['path']}" if found["path"] else owner
        name = f"registered/{version.name}/{version.version}"
        files = [*self._yard.version_files(version)]
        for file in files:
            self._tried(f"file {file.path} of {name}", lambda f=file: _written(self._folder / name, f))  # type: ignore[misc]  # bound now
        return f"{self._root}/{name}" if files else version.source

    def _tried(self, what: str, work: Callable[[], T]) -> T | None:
        try:
            return work()
        except (YardError, OSError) as err:
            self._tally.problem(f"{what}: {err}")
            return None

    def _count(self, store: Store, into: dict[Kind, int], names: set[str] | None = None) -> None:
        """Count a side; of the target, only what the yard has too."""
        for one in store.experiments():
            if names is not None and one.name not in names:
                continue
            into[Kind.EXPERIMENTS] += 1
            for kind, owners in ((Kind.LOGGED_MODELS, store.models(one.id)), (Kind.RUNS, store.runs(one.id))):
                self._count_owners(store, into, kind, owners)
            for traced in store.traces(one.id):
                if traced.trace.id in self._traces:
                    into[Kind.TRACES] += 1
                    into[Kind.SPANS] += len(traced.spans)
                    into[Kind.ASSESSMENTS] += len(traced.trace.assessments)
        ours = {model.name for model in self._yard.registered()}
        for model in store.registered():
            if model.name in ours:
                into[Kind.MODELS] += 1
                into[Kind.ALIASES] += len(model.aliases)
                into[Kind.VERSIONS] += len(store.versions(model.name))

    def _count_owners(
        self, store: Store, into: dict[Kind, int], kind: Kind, owners: Iterator[LoggedModel] | Iterator[Run]
    ) -> None:
        for owner in owners:
            if owner.id not in self._places:
                continue
            into[kind] += 1
            into[Kind.PARAMS] += len(owner.params)
            into[Kind.TAGS] += len(owner.tags)
            files = self._tried(f"files of {owner.id}", lambda o=owner: [*store.files(o)])  # type: ignore[misc]  # bound now
            into[Kind.FILES] += len(files or ())
            into[Kind.BYTES] += sum(file.size_bytes or 0 for file in files or ())
            if isinstance(owner, Run):
                into[Kind.INPUTS] += len(owner.inputs)
                into[Kind.POINTS] += len({(p.key, p.at_ms, p.step, repr(p.number)) for p in store.points(owner.id)})


def _written(folder: Path, file: File) -> None:
    write_file(folder, file.path, file.read())
