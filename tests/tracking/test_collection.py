"""Collection: what was deleted leaves nothing behind, and nothing else is touched."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from collections.abc import Collection as Digests
from datetime import timedelta
from hashlib import sha256

import pytest

from modelyard.adapters.objects.folder import FolderObjects
from modelyard.kernel.errors import Conflict, InvalidInput, NotFound, Unavailable
from modelyard.kernel.operations import Effect
from modelyard.ports.objects import Digest, Keeper, Stored
from modelyard.ports.statements import sql
from modelyard.tracking.api import (
    Dataset,
    DatasetInput,
    Likeness,
    ModelOutput,
    NewTrace,
    Point,
    RunsCollected,
    RunStatus,
    Subject,
    TraceState,
    Tracking,
    Verdict,
    View,
)
from modelyard.tracking.service import TrackingService
from modelyard.tracking.store import MIGRATIONS
from tests.tracking.conftest import Workplace

DDL = [text for step in MIGRATIONS for text in step.ddl]
TABLES = {
    found[1]: dict(re.findall(r"(\w+) \{(\w+)\}", found[2]))
    for text in DDL
    if (found := re.match(r"\s*CREATE TABLE (\w+) (.*)", text, re.DOTALL))
}
for _text in DDL:
    if _added := re.match(r"\s*ALTER TABLE (\w+) ADD COLUMN (\w+) \{(\w+)\}", _text):
        TABLES[_added[1]][_added[2]] = _added[3]
#: What a number in a column of that name stands for.
POINTS_TO = {
    "run": "tracking_run", "model": "tracking_model", "trace": "tracking_trace", "experiment": "tracking_experiment",
    "dataset": "tracking_dataset",
}  # fmt: skip
BOOKKEEPING = {"tracking_doomed", "tracking_spent", "tracking_key"}

Rows = dict[str, list[dict[str, object]]]


def rows(place: Workplace) -> Rows:
    """Every row of every table of tracking."""
    with place.bench.database.read() as tx:
        return {
            name: [
                dict(zip(columns, row, strict=True))
                for row in tx.all(sql(f"SELECT {', '.join(columns)} FROM {name} ORDER BY 1, 2"))
            ]
            for name, columns in TABLES.items()
            if len(columns) > 1
        }


def mentions(everything: Rows, one: str) -> list[str]:
    """Columns, of any table, in which that id stands."""
    return [
        f"{table}.{column}"
        for table, some in everything.items()
        for row in some
        for column, value in row.items()
        if one in (value.decode("latin-1") if isinstance(value, bytes) else str(value))
    ]


def danglers(everything: Rows) -> list[str]:
    """Columns that name a number of a row which is not there."""
    return [
        f"{table}.{column} = {row[column]}"
        for table, some in everything.items()
        if table not in BOOKKEEPING
        for row in some
        for column, target in POINTS_TO.items()
        if TABLES[table].get(column) == "int" and row[column] not in {one["id"] for one in everything[target]}
    ]


def filled(place: Workplace, name: str, *, experiment: str = "0") -> str:
    """A run with everything that a run can have."""
    yard = place.tracking
    run = yard.start_run(experiment, name, {"team": name}).id
    now = place.bench.clock.now_ms()
    yard.log(run, [Point(key="loss", value=float(step), at_ms=now + step, step=step) for step in range(50)])
    place.fold_all()
    yard.log(run, [Point(key="loss", value=1.0, at_ms=now + 99, step=99)], {"depth": "3"})
    yard.log_inputs(run, [DatasetInput(dataset=Dataset(name=name, digest="d", profile="rows"), tags={"a": "b"})])
    model = yard.create_logged_model(experiment, name, run, params={"p": "1"}, tags={"t": "2"}).id
    yard.log_outputs(run, [ModelOutput(model=model, step=1)])
    yard.upload(run, "notes/own.txt", [f"only {name}".encode()])
    yard.upload(run, "notes/own.txt", [f"only {name}, again".encode()])
    yard.upload(run, "common.txt", [b"everybody has this"])
    trace = yard.note_trace(
        NewTrace(experiment=experiment, at_ms=now, state=TraceState.OK, metadata={"mlflow.sourceRun": run})
    ).id
    yard.link_traces(run, [trace])
    yard.upload(trace, "traces.json", [f"a trace of {name}".encode()])
    yard.update_run(run, RunStatus.FINISHED)
    return run


def said_of(place: Workplace, run: str) -> list[object]:
    """All that the api tells of a run, its files included."""
    yard = place.tracking
    files = [a.path for a in yard.artifacts(run).items if not a.is_folder] + ["notes/own.txt"]
    return [
        yard.run_record(run), yard.history(run, "loss").items,
        [(path, b"".join(yard.download(run, path))) for path in files], yard.traces(["0"]).items,
    ]  # fmt: skip


def stored(place: Workplace) -> set[str]:
    """Digests of all objects."""
    return {str(one.digest) for one in FolderObjects(place.bench.home / "objects").digests()}


def digest(content: bytes) -> str:
    """The name of an object."""
    return sha256(content).hexdigest()


def test_a_collected_run_leaves_nothing_and_nothing_else_is_touched(place: Workplace) -> None:
    yard = place.tracking
    gone, stays = filled(place, "gone"), filled(place, "stays")
    verdict = Verdict(subject=Subject.METRIC, name="loss", likeness=Likeness.DIFFERENT, words="1 -> 2")
    yard.note_reproduction(gone, stays, [verdict])
    (model,) = [m.id for m in yard.logged_models(["0"]).items if m.run == gone]
    yard.delete_logged_model(model)
    yard.delete_run(gone)
    traces = {t.id: t for t in yard.traces(["0"]).items}
    (of_gone,) = [i for i, t in traces.items() if t.metadata["mlflow.sourceRun"] == gone]
    before, objects = rows(place), stored(place)

    plan = yard.collect()
    assert (plan.applied, plan.runs, plan.logged_models, plan.traces, plan.points) == (False, 1, 1, 1, 51)
    assert (plan.files, plan.contents_freed, plan.contents_held) == (3, 2, 1)
    assert plan.bytes_freed == len("only gone, again") + len("a trace of gone")
    assert set(plan.going) == {f"run:{gone}", f"logged_model:{model}", f"trace:{of_gone}"}
    assert (rows(place), stored(place)) == (before, objects)

    other = said_of(place, stays)
    done = yard.collect(apply=True)
    assert (done.applied, done.runs, done.logged_models, done.traces, done.points) == (True, 1, 1, 1, 51)
    assert (done.files, done.contents_freed) == (3, 4)  # the plan's two, and what both runs had written over
    after = rows(place)
    assert [mentions(after, one) for one in (gone, model, of_gone)] == [[], [], []]
    assert danglers(after) == []
    other[-1] = [t for t in traces.values() if t.id != of_gone]
    assert said_of(place, stays) == other
    for table, some in before.items():
        if table not in BOOKKEEPING:
            own = [row for row in some if row in after[table]]
            assert own == after[table], table
    kept = [b"only stays, again", b"everybody has this", b"a trace of stays"]
    assert stored(place) == {digest(content) for content in kept}
    for ask in (yard.run_record, yard.delete_run, yard.restore_run, yard.artifacts):
        with pytest.raises(NotFound):
            ask(gone)
    assert [(e.runs, e.traces) for e in _told(place) if e.runs] == [(1, 1)]
    assert yard.collect(apply=True).runs == 0


def _told(place: Workplace) -> list[RunsCollected]:
    return [event.decode(RunsCollected) for event in place.bench.events(RunsCollected)]


def test_an_experiment_goes_with_all_in_it_and_its_name_is_free(place: Workplace) -> None:
    yard = place.tracking
    number = yard.create_experiment("old", {"a": "b"}).id
    run = filled(place, "inside", experiment=number)
    yard.delete_experiment(number)
    place.bench.clock.advance(timedelta(days=2))
    assert yard.collect(older_than="3d", apply=True).runs == 0
    with pytest.raises(Conflict, match="deleted later"):
        yard.collect(experiments=[number], older_than="3d")
    done = yard.collect(older_than="1d", apply=True)
    assert (done.experiments, done.runs, done.logged_models, done.traces) == (1, 1, 1, 1)
    after = rows(place)
    assert (mentions(after, run), danglers(after), stored(place)) == ([], [], set())
    for ask in (yard.experiment, yard.restore_experiment):
        with pytest.raises(NotFound):
            ask(number)
    fresh = yard.create_experiment("old")
    assert int(fresh.id) > int(number)  # lineage and audit go on naming the one that is gone
    assert int(yard.create_experiment("next").id) == int(fresh.id) + 1


def test_an_experiment_in_use_and_the_default_one_stay(place: Workplace) -> None:
    yard = place.tracking
    number = yard.create_experiment("half").id
    gone, back = yard.start_run(number).id, yard.start_run(number).id
    alone = yard.start_run("0").id
    yard.delete_experiment(number)
    yard.delete_experiment("0")
    yard.restore_run(back)
    done = yard.collect(apply=True)
    assert (done.runs, done.experiments) == (2, 0)
    assert [one.about for one in done.kept] == ["experiment:0", f"experiment:{number}"]
    assert [r.id for r in yard.runs([number, "0"], view=View.ALL).items] == [back]
    for one in (gone, alone):
        with pytest.raises(NotFound):
            yard.run_record(one)
    assert yard.restore_experiment("0").name == "Default"


def test_only_what_is_named_goes_and_it_must_be_deleted(place: Workplace) -> None:
    yard = place.tracking
    first, second, active = (yard.start_run().id for _ in range(3))
    model = yard.create_logged_model("0").id
    for one in (first, second):
        yard.delete_run(one)
    assert yard.collect(runs=[first, first], apply=True).runs == 1
    assert [r.id for r in yard.runs(["0"], view=View.DELETED).items] == [second]
    for named, error in (
        ({"runs": [active]}, Conflict),
        ({"runs": [first]}, NotFound),
        ({"models": [model]}, Conflict),
    ):
        with pytest.raises(error):
            yard.collect(apply=True, **named)
    with pytest.raises(NotFound):
        yard.collect(experiments=["77"])
    with pytest.raises(InvalidInput, match="duration"):
        yard.collect(older_than="soon")
    yard.delete_logged_model(model)
    assert yard.collect(models=[model], apply=True).logged_models == 1
    assert yard.run_record(second).id == second


class Holding:
    """Another slice that names objects."""

    def __init__(self) -> None:
        self.digests: set[str] = set()

    def objects_held(self, digests: Digests[str]) -> set[str]:
        """Those that a test put in."""
        return self.digests & set(digests)


def kept_by(place: Workplace, *keepers: Keeper) -> Tracking:
    """Tracking on the same home, where others name objects too."""
    service = TrackingService(objects=FolderObjects(place.bench.home / "objects"), keepers=lambda: keepers)
    return place.bench.open(Tracking, service)


def test_a_content_that_another_slice_names_stays_until_it_lets_go(place: Workplace) -> None:
    other = Holding()
    yard = kept_by(place, other)
    run = yard.start_run().id
    yard.upload(run, "model.bin", [b"a model"])
    other.digests.add(digest(b"a model"))
    yard.delete_run(run)
    assert (yard.collect().contents_held, yard.collect().bytes_freed) == (1, 0)
    done = yard.collect(apply=True)
    assert (done.files, done.contents_freed, stored(place)) == (1, 0, {digest(b"a model")})
    other.digests.clear()
    assert (yard.collect(apply=True).bytes_freed, stored(place)) == (7, set())


def test_files_that_were_deleted_free_their_contents(place: Workplace) -> None:
    yard = place.tracking
    run = yard.start_run().id
    for path in ("a/one", "a/two", "b"):
        yard.upload(run, path, [path.encode()])
    yard.delete_artifacts(run, "a")
    assert (yard.collect(apply=True).contents_freed, stored(place)) == (2, {digest(b"b")})
    yard.upload(run, "a/one", [b"a/one"])
    assert b"".join(yard.download(run, "a/one")) == b"a/one"
    assert yard.collect(apply=True).contents_freed == 0
    assert b"".join(yard.download(run, "a/one")) == b"a/one"


class Interrupted(FolderObjects):
    """Objects where something happens between the bytes and the row that names them."""

    meanwhile: Callable[[], object] | None = None

    def put(self, content: Iterable[bytes], *, expect: Digest | None = None) -> Stored:
        """Store, then let it happen."""
        stored = super().put(content, expect=expect)
        if (act := self.meanwhile) is not None:
            self.meanwhile = None
            other = threading.Thread(target=act)
            other.start()
            other.join()
        return stored


def test_an_upload_of_the_same_bytes_meanwhile_is_told_to_come_again(place: Workplace) -> None:
    yard = place.tracking
    old, new = yard.start_run().id, yard.start_run().id
    yard.upload(old, "w.bin", [b"the same"])
    yard.delete_run(old)
    objects = Interrupted(place.bench.home / "objects")
    slow = place.bench.open(Tracking, TrackingService(objects=objects))
    objects.meanwhile = lambda: yard.collect(apply=True)
    with pytest.raises(Unavailable, match="again"):
        slow.upload(new, "w.bin", [b"the same"])
    assert yard.artifacts(new).items == []
    slow.upload(new, "w.bin", [b"the same"])
    assert b"".join(yard.download(new, "w.bin")) == b"the same"
    yard.collect(apply=True)
    assert b"".join(yard.download(new, "w.bin")) == b"the same"


def test_the_bytes_of_an_upload_that_was_refused_at_its_end_go_too(place: Workplace) -> None:
    yard = place.tracking
    run = yard.start_run().id
    objects = Interrupted(place.bench.home / "objects")
    slow = place.bench.open(Tracking, TrackingService(objects=objects))
    objects.meanwhile = lambda: yard.upload(run, "w.bin/below", [b"first"])
    with pytest.raises(Conflict, match="folder"):
        slow.upload(run, "w.bin", [b"too late"])
    assert yard.collect(apply=True).bytes_freed == len("too late")
    assert stored(place) == {digest(b"first")}


def test_points_that_wait_for_folding_do_not_reach_a_run_under_the_same_number(place: Workplace) -> None:
    yard = place.tracking
    old = yard.start_run().id
    yard.log(old, [Point(key="m", value=1.0, at_ms=1)])
    yard.delete_run(old)
    yard.collect(apply=True)
    new = yard.start_run().id
    yard.log(new, [Point(key="m", value=2.0, at_ms=2)])
    place.fold_all()
    assert [p.value for p in yard.history(new, "m").items] == [2.0]


def test_retention_collects_after_its_days_and_is_off_until_somebody_says_so(place: Workplace) -> None:
    yard = place.tracking

    def hour() -> None:
        place.bench.call(place.service.collect_due, Effect.WORK)

    run = filled(place, "old")
    yard.delete_run(run)
    place.bench.clock.advance(timedelta(days=400))
    hour()
    assert yard.run_record(run).id == run
    assert yard.deleted_retention().keep_days is None
    assert yard.retain_deleted(30).keep_days == 30
    fresh = yard.start_run().id
    yard.delete_run(fresh)
    hour()
    with pytest.raises(NotFound):
        yard.run_record(run)
    assert yard.run_record(fresh).id == fresh
    place.bench.clock.advance(timedelta(days=31))
    yard.retain_deleted(None)
    hour()
    assert yard.run_record(fresh).id == fresh


def test_many_deleted_runs_go_in_small_units(small: Workplace) -> None:
    yard = small.tracking
    for n in range(60):
        run = yard.start_run().id
        yard.upload(run, "f", [str(n % 55).encode()])
        yard.delete_run(run)
    done = yard.collect(apply=True)
    assert (done.runs, done.files, done.contents_freed, stored(small)) == (60, 60, 55, set())
    assert [e.runs for e in _told(small)] == [20, 20, 20]
