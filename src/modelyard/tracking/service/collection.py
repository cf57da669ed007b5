"""Collection: deleted things removed for good, in small units, then the contents that nobody holds any more.

A unit takes whole things with all their rows and files, and dooms the contents of those files. A content is removed
inside a unit of its own, after a committed look and a second one in that unit found no holder: units come one at a
time, so whoever notes the same content meanwhile either is seen here or finds in its own unit that the bytes are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec

from modelyard.kernel.errors import Conflict, NotFound
from modelyard.kernel.refs import Ref, ref
from modelyard.kernel.units import parse_duration
from modelyard.ports import calls
from modelyard.ports.objects import Digest, Keeper, Objects
from modelyard.tracking.api import Stage
from modelyard.tracking.api.collection import (
    NAMED,
    Collection,
    CollectionOperations,
    DeletedRetention,
    KeptBack,
    RunsCollected,
)
from modelyard.tracking.hot import HotLog
from modelyard.tracking.service.experiments import number_of
from modelyard.tracking.store import collection as store
from modelyard.tracking.store import experiments
from modelyard.tracking.store.collection import One

_DAY_MS = 86_400_000
_RUNS_A_UNIT = 20
_TRACES_A_UNIT = 100
_CONTENTS_A_UNIT = 50
_DEFAULT_EXPERIMENT = 0


@dataclass(slots=True)
class Due:
    """What is to go; `before_ms`: when it must have been deleted at the latest; `homes` are emptied, then go."""

    before_ms: int
    homes: list[int] = field(default_factory=list)
    runs: list[One] = field(default_factory=list)
    models: list[One] = field(default_factory=list)
    traces: list[One] = field(default_factory=list)
    kept: list[KeptBack] = field(default_factory=list)

    @property
    def experiments(self) -> list[int]:
        """Those of the homes that go; the default one stays, empty."""
        return [number for number in self.homes if number != _DEFAULT_EXPERIMENT]

    def owners(self) -> list[str]:
        """Ids under which files may lie."""
        return [one.id for some in (self.runs, self.models, self.traces) for one in some]

    def going(self) -> tuple[Ref, ...]:
        """The first of them by name."""
        named = [ref("experiment", str(number)) for number in self.experiments[:NAMED]]
        for kind, some in (("run", self.runs), ("logged_model", self.models), ("trace", self.traces)):
            named += [ref(kind, one.id) for one in some[:NAMED]]
        return tuple(named[:NAMED])


class CollectionService(CollectionOperations):
    """The operations on what is deleted."""

    _log: HotLog
    _objects: Objects
    _keepers: Callable[[], Sequence[Keeper]]

    def collect(
        self,
        *,
        apply: bool = False,
        older_than: str = "",
        runs: list[str] | None = None,
        experiments: list[str] | None = None,
        models: list[str] | None = None,
    ) -> Collection:
        """Show what deleted things would take with them, or remove it for good."""
        call = calls.current()
        age_ms = round(parse_duration(older_than).total_seconds() * 1000) if older_than else 0
        due = Due(call.now_ms - age_ms)
        if runs or experiments or models:
            _choose(due, runs or (), experiments or (), models or ())
        else:
            _choose_all(due)
        return self._remove(due) if apply else self._planned(due)

    def retain_deleted(self, keep_days: float | None = None) -> DeletedRetention:
        """Say after how many days deleted things go by themselves."""
        call = calls.current()
        rule = DeletedRetention(keep_days=keep_days, author=call.actor.id, at_ms=call.now_ms)
        store.put_retention(call.tx, rule)
        return rule

    def deleted_retention(self) -> DeletedRetention:
        """Show how long deleted things can be restored."""
        return store.retention(calls.current().tx)

    def collect_due(self) -> None:
        """Collect what the rule lets go, and finish what was cut off; a running yard does so once an hour."""
        call = calls.current()
        days = store.retention(call.tx).keep_days
        if days is not None:
            due = Due(call.now_ms - round(days * _DAY_MS))
            _choose_all(due)
            self._remove(due)
        else:
            self._free()

    def _planned(self, due: Due) -> Collection:
        tx = calls.current().tx
        owners = due.owners()
        files = store.files_of(tx, owners)
        sizes = dict(files)
        held = self._held_elsewhere(list(sizes), but=owners)
        return Collection(
            applied=False, runs=len(due.runs), experiments=len(due.experiments), logged_models=len(due.models),
            traces=len(due.traces), points=store.points_of(tx, due.runs), files=len(files),
            contents_freed=len(sizes) - len(held), contents_held=len(held),
            bytes_freed=sum(size for digest, size in sizes.items() if digest not in held),
            going=due.going(), kept=tuple(due.kept),
        )  # fmt: skip

    def _remove(self, due: Due) -> Collection:
        plan = self._planned(due)
        done = Collection(applied=True, kept=plan.kept, contents_held=plan.contents_held, going=plan.going)
        unit = calls.current().unit
        for some in _parts(due.runs, _RUNS_A_UNIT):
            done = _sum(done, unit(partial(self._drop_runs, some, due.before_ms)))
        for some in _parts(due.models, _RUNS_A_UNIT):
            done = _sum(done, unit(partial(_drop_models, some)))
        for number in due.homes:
            done = _sum(done, self._empty(number, due.before_ms))
        freed = self._free()
        return msgspec.structs.replace(done, contents_freed=freed[0], bytes_freed=freed[1])

    def _drop_runs(self, some: Sequence[One], before_ms: int) -> Collection:
        call = calls.current()
        runs = store.still_deleted(call.tx, "tracking_run", some)
        runs = [one for one in runs if _since(store.run_state(call.tx, one.id), before_ms)]
        traces = store.traces_made_in(call.tx, runs)
        points = store.points_of(call.tx, runs)
        files = store.drop_files(call.tx, [one.id for one in (*runs, *traces)], call.now_ms)
        store.drop_traces(call.tx, traces)
        store.drop_runs(call.tx, runs)
        for one in runs:
            self._log.waiting.pop(one.number, None)
        if runs:
            said = RunsCollected(runs=len(runs), traces=len(traces), files=files)
            call.emit(said, writes=[ref("run", one.id) for one in runs])
        return Collection(applied=True, runs=len(runs), traces=len(traces), points=points, files=files)

    def _empty(self, number: int, before_ms: int) -> Collection:
        """Remove what lies in a deleted experiment, then itself."""
        call, done = calls.current(), Collection(applied=True)
        while traces := store.traces_of(call.tx, number, after=0, limit=_TRACES_A_UNIT):
            gone = call.unit(partial(_drop_traces, number, traces))
            if not gone.traces:
                return done
            done = _sum(done, gone)
        while models := store.models_of(call.tx, number, after=0, limit=_RUNS_A_UNIT):
            gone = call.unit(partial(_drop_models, models, number))
            if not gone.logged_models:
                return done
            done = _sum(done, gone)
        return _sum(done, call.unit(partial(_drop_experiment, number, before_ms)))

    def _held_elsewhere(self, digests: Sequence[str], *, but: Sequence[str] = ()) -> set[str]:
        """Those that somebody holds, files of the owners in `but` apart."""
        tx = calls.current().tx
        found = store.held(tx, digests, but=but)
        for keeper in self._keepers():
            left = [digest for digest in digests if digest not in found]
            found |= keeper.objects_held(left) if left else set()
        return found

    def _free(self) -> tuple[int, int]:
        """Remove the contents that nobody holds; how many, and their bytes."""
        call = calls.current()
        count = size = 0
        for _ in ("look", "remove"):
            after = ""
            while some := store.doomed(call.tx, after=after, limit=_CONTENTS_A_UNIT):
                after = some[-1].digest
                freed = call.unit(partial(self._judge, some))
                count, size = count + freed[0], size + freed[1]
        call.unit(lambda: store.forget_gone(calls.current().tx, call.now_ms - _DAY_MS))
        return count, size

    def _judge(self, given: Sequence[store.Doomed]) -> tuple[int, int]:
        """Look whether contents are held; remove those that were free at the look before and are now."""
        call = calls.current()
        some = store.as_they_are(call.tx, given)
        held = self._held_elsewhere([one.digest for one in some])
        store.set_state(call.tx, [one.digest for one in some if one.digest in held], store.LOOK, call.now_ms)
        free = [one for one in some if one.digest not in held]
        store.set_state(call.tx, [one.digest for one in free if one.state == store.LOOK], store.FREE, call.now_ms)
        going = [one for one in free if one.state == store.FREE]
        missing = self._objects.missing([Digest(one.digest) for one in going])
        there = [one for one in going if one.digest not in missing]
        self._objects.discard([Digest(one.digest) for one in there])
        store.set_state(call.tx, [one.digest for one in going], store.GONE, call.now_ms)
        return len(there), sum(one.size_bytes for one in there)


def _drop_models(some: Sequence[One], within: int | None = None) -> Collection:
    """Remove logged models that are deleted, or all of them that lie in an experiment which is."""
    call = calls.current()
    if within is None:
        models = store.still_deleted(call.tx, "tracking_model", some)
    else:
        models = list(some) if _is_deleted(within) else []
    files = store.drop_files(call.tx, [one.id for one in models], call.now_ms)
    store.drop_models(call.tx, models)
    if models:
        said = RunsCollected(logged_models=len(models), files=files)
        call.emit(said, writes=[ref("logged_model", one.id) for one in models])
    return Collection(applied=True, logged_models=len(models), files=files)


def _drop_traces(within: int, traces: Sequence[One]) -> Collection:
    call = calls.current()
    if not _is_deleted(within):
        return Collection(applied=True)
    files = store.drop_files(call.tx, [one.id for one in traces], call.now_ms)
    store.drop_traces(call.tx, traces)
    call.emit(RunsCollected(traces=len(traces), files=files), writes=[ref("experiment", str(within))])
    return Collection(applied=True, traces=len(traces), files=files)


def _drop_experiment(number: int, before_ms: int) -> Collection:
    call = calls.current()
    is_empty = not any(
        one(call.tx, number, after=0, limit=1) for one in (store.runs_of, store.models_of, store.traces_of)
    )
    if number == _DEFAULT_EXPERIMENT or number not in store.due_experiments(call.tx, before_ms) or not is_empty:
        return Collection(applied=True)
    store.drop_experiment(call.tx, number)
    call.emit(RunsCollected(experiments=1), writes=[ref("experiment", str(number))])
    return Collection(applied=True, experiments=1)


def _is_deleted(experiment: int) -> bool:
    one = experiments.by_id(calls.current().tx, experiment)
    return one is not None and one.stage is Stage.DELETED


def _choose_all(due: Due) -> None:
    """Everything deleted for so long."""
    tx = calls.current().tx
    for number in store.due_experiments(tx, due.before_ms):
        _take_experiment(due, number)
    _walk(lambda after: store.due_runs(tx, due.before_ms, after=after, limit=1000), due.runs)
    _walk(lambda after: store.due_models(tx, due.before_ms, after=after, limit=1000), due.models)
    due.runs, due.models = _once(due.runs), _once(due.models)
    due.traces = _once([*due.traces, *store.traces_made_in(tx, due.runs)])


def _choose(due: Due, runs: Sequence[str], numbers: Sequence[str], models: Sequence[str]) -> None:
    """Those that are named.

    Raises:
        NotFound: one does not exist.
        Conflict: one is not deleted, or not for so long.
    """
    tx = calls.current().tx
    for text in dict.fromkeys(numbers):
        one = experiments.by_id(tx, number_of(text))
        state = None if one is None else (int(one.id), one.stage.value, one.updated_ms)
        _check(f"experiment {text}", state, due.before_ms)
        _take_experiment(due, number_of(text))
    for run in dict.fromkeys(runs):
        due.runs.append(One(_check(f"run {run}", store.run_state(tx, run), due.before_ms), run))
    for model in dict.fromkeys(models):
        due.models.append(One(_check(f"logged model {model}", store.model_state(tx, model), due.before_ms), model))
    due.runs, due.models = _once(due.runs), _once(due.models)
    due.traces = _once([*due.traces, *store.traces_made_in(tx, due.runs)])


def _check(what: str, state: tuple[int, str, int] | None, before_ms: int) -> int:
    if state is None:
        raise NotFound(f"there is no {what[:80]}; list what is deleted: yard tracking runs --view deleted")
    number, stage, at_ms = state
    if stage != Stage.DELETED.value:
        raise Conflict(f"the {what} is not deleted; delete it first")
    if at_ms > before_ms:
        raise Conflict(f"the {what} was deleted later than that; ask for a shorter time")
    return number


def _take_experiment(due: Due, number: int) -> None:
    tx, about = calls.current().tx, ref("experiment", str(number))
    if store.is_in_use(tx, number, due.before_ms):
        why = "a run in it is not deleted, or not for so long; delete that run or wait"
        due.kept.append(KeptBack(about=about, why=why))
        return
    if number == _DEFAULT_EXPERIMENT:
        due.kept.append(KeptBack(about=about, why="runs without an experiment go there; what lies in it goes"))
    due.homes.append(number)
    _walk(lambda after: store.runs_of(tx, number, after=after, limit=1000), due.runs)
    _walk(lambda after: store.models_of(tx, number, after=after, limit=1000), due.models)
    _walk(lambda after: store.traces_of(tx, number, after=after, limit=1000), due.traces)


def _walk(page: Callable[[int], list[One]], into: list[One]) -> None:
    after = 0
    while some := page(after):
        into += some
        after = some[-1].number


def _once(some: Sequence[One]) -> list[One]:
    return list(dict.fromkeys(some))


def _since(state: tuple[int, str, int] | None, before_ms: int) -> bool:
    return state is not None and state[2] <= before_ms


def _parts(some: Sequence[One], size: int) -> list[Sequence[One]]:
    return [some[i : i + size] for i in range(0, len(some), size)]


def _sum(one: Collection, more: Collection) -> Collection:
    return msgspec.structs.replace(
        one, runs=one.runs + more.runs, experiments=one.experiments + more.experiments,
        logged_models=one.logged_models + more.logged_models, traces=one.traces + more.traces,
        points=one.points + more.points, files=one.files + more.files,
    )  # fmt: skip
