"""A store of MLflow's brought into the yard: ids, times, users and stages as they are, each thing once.

Every step may be done again: a run that was not said to be complete is written on where it was, a point, a param or a
file that is there already changes nothing. So a move that was killed is simply made again. At its end everything is
counted anew, in the store and in the yard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

import msgspec

from modelyard.adapters.mlflow.store import File, Store, Traced
from modelyard.kernel.errors import NotFound, YardError
from modelyard.protocols.moving.report import Kind, Report, Step, Tally
from modelyard.registry.api import Model, ModelVersion, Registry
from modelyard.tracking.api import AdoptedKind, Experiment, LoggedModel, Point, Run, Stage, Tracking
from modelyard.tracking.api.limits import MAX_METRICS

T = TypeVar("T")
_SPANS = 10_000
Show = Callable[[Step], None]


class Mover:
    """Moves one store.

    Args:
        show: is told how far it is.
    """

    def __init__(self, store: Store, tracking: Tracking, registry: Registry, show: Show) -> None:
        self._store = store
        self._tracking = tracking
        self._registry = registry
        self._show = show
        self._tally = Tally()
        self._done = {kind: self._complete(kind) for kind in AdoptedKind}
        self._total = 0
        self._count = 0

    def move(self) -> Report:
        """Bring all of it, then count."""
        already = len(self._done[AdoptedKind.RUN])
        experiments = self._store.experiments()
        for one in experiments:
            self._say(f"experiment {one.name}")
            self._experiment(one)
        for model in self._store.registered():
            self._say(f"model {model.name}")
            self._model(model)
        for one in experiments:
            self._close(one)
        self._recount(experiments)
        return Report(
            source=self._store.name, counts=self._tally.counts(), already=already, problems=self._tally.problems
        )

    def _complete(self, kind: AdoptedKind) -> dict[str, str]:
        """What came whole before, with where it came to."""
        found: dict[str, str] = {}
        cursor: str | None = None
        while True:
            page = self._tracking.adopted(kind, self._store.name, cursor=cursor)
            found |= {one.id: one.target for one in page.items}
            cursor = page.next
            if cursor is None:
                return found

    def _say(self, words: str) -> None:
        self._show(Step(done=self._count, total=self._total, words=words))

    def _experiment(self, one: Experiment) -> None:
        known = self._done[AdoptedKind.EXPERIMENT].get(one.id)
        home = known or self._tried(
            f"experiment {one.name}", lambda: self._tracking.adopt_experiment(self._store.name, one).id
        )
        if home is None:
            return
        for model in self._store.models(one.id):
            if model.id not in self._done[AdoptedKind.LOGGED_MODEL]:
                self._tried(f"logged model {model.id}", lambda m=model: self._logged(m, home))  # type: ignore[misc]  # bound now
        runs = [*self._store.runs(one.id)]
        self._total += len(runs)
        for run in runs:
            self._say(f"run {run.name or run.id} of {one.name}")
            if run.id not in self._done[AdoptedKind.RUN]:
                self._tried(f"run {run.id}", lambda r=run: self._run(r, home))  # type: ignore[misc]  # bound now
            self._count += 1

        for traced in self._store.traces(one.id):
            if known is None or not self._has_trace(str(traced.trace.id)):
                self._tried(f"trace {traced.trace.id}", lambda t=traced: self._trace(t, home))  # type: ignore[misc]  # bound now

    def _trace(self, traced: Traced, home: str) -> None:
        whole = msgspec.structs.replace(traced.trace, experiment=home)
        self._tracking.note_trace(msgspec.structs.replace(whole, assessments=[]))
        for begin in range(0, len(traced.spans), _SPANS):
            self._tracking.note_spans(home, traced.spans[begin : begin + _SPANS])
        if whole.assessments:  # they may speak of spans
            self._tracking.note_trace(whole)
        for file in traced.files:
            self._tracking.upload(str(whole.id), file.path, file.read())

    def _has_trace(self, trace: str) -> bool:
        try:
            return self._tracking.trace(trace).id == trace
        except NotFound:
            return False

    def _logged(self, model: LoggedModel, home: str) -> None:
        moved = msgspec.structs.replace(model, experiment=home)
        self._tracking.adopt_logged_model(self._store.name, moved)
        self._files(model)
        self._tracking.adopt_logged_model(self._store.name, moved, complete=True)

    def _run(self, run: Run, home: str) -> None:
        moved = msgspec.structs.replace(run, experiment=home)
        self._tracking.adopt_run(self._store.name, moved)
        points = self._store.points(run.id)
        while some := [*islice(points, MAX_METRICS)]:
            self._tracking.log(run.id, some)
        self._files(run)
        self._tracking.adopt_run(self._store.name, moved, complete=True)

    def _files(self, owner: Run | LoggedModel) -> None:
        for file in self._listed(owner, told=True):
            self._tried(
                f"file {file.path} of {owner.id}",
                lambda f=file: self._tracking.upload(owner.id, f.path, f.read()),  # type: ignore[misc]  # bound now
            )

    def _listed(self, owner: Run | LoggedModel, *, told: bool) -> list[File]:
        try:
            return [*self._store.files(owner)]
        except (YardError, OSError) as err:
            if told:
                self._tally.problem(f"files of {owner.id}: {err}")
            return []

    def _model(self, model: Model) -> None:
        name = self._store.name
        if self._tried(f"model {model.name}", lambda: self._registry.adopt_model(name, model)) is None:
            return
        for version in self._store.versions(model.name):
            self._tried(
                f"version {version.version} of {model.name}",
                lambda v=version: self._registry.adopt_version(name, v),  # type: ignore[misc]  # bound now
            )
        self._tried(f"model {model.name}", lambda: self._registry.adopt_model(name, model, complete=True))

    def _close(self, one: Experiment) -> None:
        if one.id not in self._done[AdoptedKind.EXPERIMENT]:
            self._tried(
                f"experiment {one.name}",
                lambda: self._tracking.adopt_experiment(self._store.name, one, complete=True),
            )

    def _tried(self, what: str, work: Callable[[], T]) -> T | None:
        """Do it; what the yard refuses is noted, and the rest goes on."""
        try:
            return work()
        except (YardError, OSError) as err:
            self._tally.problem(f"{what}: {err}")
            return None

    def _recount(self, experiments: list[Experiment]) -> None:
        """Count both sides from the beginning."""
        there, here = self._tally.there, self._tally.here
        homes = self._complete(AdoptedKind.EXPERIMENT)
        self._count = 0
        for one in experiments:
            there[Kind.EXPERIMENTS] += 1
            here[Kind.EXPERIMENTS] += one.id in homes
            for model in self._store.models(one.id):
                self._count_owner(model, Kind.LOGGED_MODELS)
            for run in self._store.runs(one.id):
                self._say(f"counting run {run.name or run.id}")
                self._count += 1
                self._count_owner(run, Kind.RUNS)
            for traced in self._store.traces(one.id):
                self._count_trace(traced)
        for registered in self._store.registered():
            self._count_model(registered)

    def _count_trace(self, traced: Traced) -> None:
        there, here = self._tally.there, self._tally.here
        there[Kind.TRACES] += 1
        there[Kind.SPANS] += len(traced.spans)
        there[Kind.ASSESSMENTS] += len(traced.trace.assessments)
        try:
            found = self._tracking.spans(str(traced.trace.id))
        except YardError:
            return
        here[Kind.TRACES] += 1
        here[Kind.SPANS] += len(found.spans)
        here[Kind.ASSESSMENTS] += len(found.trace.assessments)

    def _count_owner(self, owner: Run | LoggedModel, kind: Kind) -> None:
        there, here = self._tally.there, self._tally.here
        there[kind] += 1
        there[Kind.PARAMS] += len(owner.params)
        there[Kind.TAGS] += len(owner.tags)
        files = self._listed(owner, told=False)
        there[Kind.FILES] += len(files)
        there[Kind.BYTES] += sum(file.size_bytes or 0 for file in files)
        if isinstance(owner, Run):
            there[Kind.INPUTS] += len(owner.inputs)
            there[Kind.POINTS] += len({*map(_point, self._store.points(owner.id))})
        found = self._found(owner)
        if found is None:
            return
        here[kind] += 1
        here[Kind.PARAMS] += len(found.params.keys() & owner.params.keys())
        here[Kind.TAGS] += len(found.tags.keys() & owner.tags.keys())
        if isinstance(found, Run):
            here[Kind.INPUTS] += len(found.inputs)
            here[Kind.POINTS] += sum(self._length(found.id, point.key) for point in found.metrics)
        kept = dict(self._kept(owner.id, ""))
        here[Kind.FILES] += sum(file.path in kept for file in files)
        here[Kind.BYTES] += sum(kept.get(file.path, 0) for file in files if file.size_bytes is not None)

    def _found(self, owner: Run | LoggedModel) -> Run | LoggedModel | None:
        try:
            if isinstance(owner, Run):
                return self._tracking.run_record(owner.id)
            return self._tracking.logged_model(owner.id, deleted=owner.stage is Stage.DELETED)
        except YardError:
            return None

    def _length(self, run: str, key: str) -> int:
        count, cursor = 0, None
        while True:
            page = self._tracking.history(run, key, 100_000, cursor=cursor)
            count += len(page.items)
            cursor = page.next
            if cursor is None:
                return count

    def _kept(self, owner: str, folder: str) -> Iterator[tuple[str, int]]:
        cursor: str | None = None
        while True:
            page = self._tracking.artifacts(owner, folder, cursor=cursor)
            for each in page.items:
                if each.is_folder:
                    yield from self._kept(owner, each.path)
                else:
                    yield each.path, each.size_bytes or 0
            cursor = page.next
            if cursor is None:
                return

    def _count_model(self, model: Model) -> None:
        there, here = self._tally.there, self._tally.here
        versions = self._store.versions(model.name)
        there[Kind.MODELS] += 1
        there[Kind.VERSIONS] += len(versions)
        there[Kind.ALIASES] += len(model.aliases)
        try:
            found = self._registry.model(model.name)
        except YardError:
            return
        here[Kind.MODELS] += 1
        here[Kind.ALIASES] += sum(found.aliases.get(alias) == number for alias, number in model.aliases.items())
        here[Kind.VERSIONS] += sum(self._has(version) for version in versions)

    def _has(self, version: ModelVersion) -> bool:
        try:
            return self._registry.version(version.name, version.version).created_ms == version.created_ms
        except YardError:
            return False


def _point(point: Point) -> tuple[str, int, int, str]:
    return point.key, point.at_ms, point.step, repr(point.value)
