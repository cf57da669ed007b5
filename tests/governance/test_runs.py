"""Forgetting a subject in runs and registered models: what gets a mark, what goes, what stays, and no byte left."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelyard.adapters.databases import open_database
from modelyard.adapters.journal import DatabaseJournal
from modelyard.adapters.objects.folder import FolderObjects
from modelyard.adapters.replies import DatabaseReplies
from modelyard.governance.api import Held, Left, Receipt, Subject
from modelyard.governance.service import Contents, LogEraser, NamedKeys, RegistryEraser, RunsEraser
from modelyard.governance.store import MIGRATIONS
from modelyard.kernel.errors import NotFound
from modelyard.kernel.events import Entry
from modelyard.kernel.ids import ActorId
from modelyard.kernel.mentions import MARK
from modelyard.ports import calls
from modelyard.ports.database import Migration, Transaction
from modelyard.ports.replies import ReplyKey
from modelyard.registry.api import Registry
from modelyard.registry.service import RegistryService
from modelyard.registry.store import MIGRATIONS as REGISTRY
from modelyard.testing import Bench
from modelyard.tracking.api import Dataset, DatasetInput, Point, Tracking
from modelyard.tracking.service import TrackingService
from modelyard.tracking.store import MIGRATIONS as TRACKING
from tests.governance.test_erasure import everything
from tests.governance.yard import Yard

WHO = "taxi-7f3a91c2"
TABLES = (*MIGRATIONS, *TRACKING, *REGISTRY, *DatabaseReplies.migrations)


@dataclass
class Place:
    """A yard with runs and registered models."""

    house: Yard
    tracking: Tracking
    registry: Registry

    def plan(self, key: str = WHO) -> list[tuple[str, str, int]]:
        return told(self.house.api.plan_forget("taxi", key).items)

    def forget(self, key: str = WHO) -> Receipt:
        return self.house.api.forget("taxi", key)


def told(items: Sequence[Held]) -> list[tuple[str, str, int]]:
    return [(str(h.ref), h.what, h.count) for h in items]


def furnished(bench: Bench) -> Place:
    objects = FolderObjects(bench.home / "objects")
    service = TrackingService(objects=objects)
    registry = RegistryService(objects=objects, tracking=service)
    house, keys = Yard(bench), NamedKeys()
    contents = Contents(objects, keys)
    house.furnish(
        RunsEraser(service, keys, contents, registry.objects_held), RegistryEraser(registry, keys, contents),
        LogEraser(bench.journal, DatabaseReplies(), keys),
    )  # fmt: skip
    return Place(house, bench.open(Tracking, service), bench.open(Registry, registry))


@pytest.fixture
def place(each_bench: Callable[[Sequence[Migration]], Bench]) -> Iterator[Place]:
    """On SQLite, then on Postgres."""
    yield furnished(each_bench(TABLES))


@pytest.fixture
def small() -> Iterator[Place]:
    """On SQLite alone, for what no engine can change."""
    with Bench(TABLES) as bench:
        yield furnished(bench)


def fill(place: Place) -> str:
    """The subject wherever a run may know it; the run's id."""
    tracking = place.tracking
    home = tracking.create_experiment(f"rides of {WHO}", {"mlflow.note.content": f"all about {WHO}"}).id
    run = tracking.start_run(home, f"fit {WHO}", {"about": WHO, "kept": "yes"}, user=WHO).id
    tracking.log(
        run, [Point(key=f"loss/{WHO}", value=0.5, step=1, at_ms=1), Point(key="loss", value=0.25, step=1, at_ms=1)],
        {"who": WHO, "depth": "3", "deep": json.dumps({"list": [WHO]}), WHO: "1"},
        tags={"mlflow.note.content": f"for {WHO}", "mlflow.made": json.dumps([WHO])},
    )  # fmt: skip
    data = Dataset(name=f"rides-{WHO}", digest="d1", source_type="local", source=json.dumps({"uri": WHO}), profile=WHO)
    tracking.log_inputs(run, [DatasetInput(dataset=data, tags={"of": WHO, "mlflow.data.context": "train"})])
    model = tracking.create_logged_model(home, "tips", run, params={"who": WHO}, tags={"who": WHO}).id
    tracking.log(run, [Point(key="loss", value=0.25, step=1, at_ms=1, model=model, dataset=f"of {WHO}")])
    tracking.save_view("mine", f"tags.about = '{WHO}'")
    return run


def test_a_run_stays_with_its_metrics_and_a_mark_where_somebody_was_named(place: Place) -> None:
    run = fill(place)
    other = place.tracking.start_run("0", "other", {"about": f"{WHO}0"}).id
    planned = place.plan()
    receipt = place.forget()
    done = [(h.by, h.what, h.count) for h in receipt.done]
    assert told(receipt.done) == planned
    assert receipt.scan.read_back == () and receipt.clean, receipt.scan
    assert WHO + "0" not in receipt.scan.found
    assert {what: count for by, what, count in done if by == "runs"} == {
        "datasets": 1, "experiments' names": 1, "experiments' tags": 1, "logged models' metrics": 1,
        "logged models' params": 1, "logged models' tags": 1, "metric names": 1, "params": 3,
        "runs' names and users": 1, "saved views": 1, "tags": 4, "tags of inputs": 1,
    }  # fmt: skip
    found = place.tracking.run_record(run)
    assert (found.name, found.user) == (MARK, MARK)
    assert found.params == {"who": MARK, "depth": "3", "deep": MARK}
    assert found.tags["about"] == found.tags["mlflow.note.content"] == found.tags["mlflow.runName"] == MARK
    assert found.tags["kept"] == "yes" and "mlflow.made" not in found.tags
    (data,) = found.inputs
    assert WHO not in str(data) and data.tags["mlflow.data.context"] == "train" and data.tags["of"] == MARK
    assert {round(float(p.value), 2) for p in found.metrics} == {0.5, 0.25}
    for point in found.metrics:
        assert [p.value for p in place.tracking.history(run, point.key).items] == [point.value]
    home = place.tracking.experiment(found.experiment)
    assert WHO not in str(home) and home.name.startswith(MARK)
    assert place.tracking.runs(where=f"tags.about = '{WHO}0'").items[0].id == other
    assert place.tracking.runs(where=f"params.who = '{MARK}'").items[0].id == run
    assert place.forget().done == ()
    assert not any(
        WHO in str(event.body) and WHO + "0" not in str(event.body) for event in place.house.api.events().items
    )


def parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"taxi": [WHO, "b"]}), sink, compression="zstd")
    return bytes(sink.getvalue())


def test_files_that_name_somebody_go_from_every_run_and_say_so(place: Place) -> None:
    tracking = place.tracking
    first, second = tracking.start_run("0", "a").id, tracking.start_run("0", "b").id
    table = f"taxi,fare\n{WHO},3\n".encode()
    for path, content in (
        ("out/rides.csv", table), ("packed.json.gz", gzip.compress(b'{"taxi": "%s"}' % WHO.encode())),
        ("rows.parquet", parquet()), ("fine.txt", b"nothing"), ("longer.txt", f"of {WHO}0".encode()),
        (f"of/{WHO}/fine.txt", b"nothing either"),
    ):  # fmt: skip
        tracking.upload(first, path, [content])
    tracking.upload(second, "same.csv", [table])
    assert place.plan() == [("experiment:0", "files", 4), ("experiment:0", "names of files", 1)]
    receipt = place.forget()
    assert receipt.clean and told(receipt.done) == [
        ("experiment:0", "files", 4), ("experiment:0", "names of files", 1),
    ], receipt  # fmt: skip
    assert [one.path for one in tracking.artifacts(first).items] == ["fine.txt", "longer.txt"]
    assert tracking.artifacts(second).items == []
    gone = [one.path for one in tracking.forgotten_files(first)]
    assert gone == ["forgotten-1", "out/rides.csv", "packed.json.gz", "rows.parquet"]
    with pytest.raises(NotFound, match="named somebody who was forgotten"):
        tracking.artifact(second, "same.csv")
    assert WHO.encode() not in everything(place.house.bench.home).replace(f"{WHO}0".encode(), b"")
    tracking.upload(second, "same.csv", [b"taxi,fare\n"])
    assert b"".join(tracking.download(second, "same.csv")) == b"taxi,fare\n"


def test_a_short_key_counts_in_files_under_its_column_alone(small: Place) -> None:
    tracking = small.tracking
    run = tracking.start_run("0", "a", {"taxi": "42", "other": "42"}).id
    for path, content in (
        ("yes.csv", b"id;taxi\n1;42\n"), ("no.csv", b"id;taxi\n42;1\n"), ("yes.json", b'{"rows": [{"taxi": 42}]}'),
        ("yes.jsonl", b'{"taxi": 1}\n{"taxi": "42"}\n'), ("no.json", b'{"n": 42}'),
    ):  # fmt: skip
        tracking.upload(run, path, [content])
    receipt = small.forget("42")
    assert told(receipt.done) == [("experiment:0", "files", 3), ("experiment:0", "tags", 1)]
    assert [one.path for one in tracking.artifacts(run).items] == ["no.csv", "no.json"]
    assert tracking.run_record(run).tags["other"] == "42" and tracking.run_record(run).tags["taxi"] == MARK


def test_what_a_version_holds_stays_and_is_told_and_words_about_it_go(place: Place) -> None:
    tracking, registry = place.tracking, place.registry
    run = tracking.start_run("0", "a").id
    tracking.upload(run, "model/MLmodel", [b"flavors: {}\n"])
    tracking.upload(run, "model/example.json", [json.dumps({"taxi": WHO}).encode()])
    registry.create_model("tips", f"as {WHO} likes it", tags={"for": WHO})
    version = registry.register("tips", f"runs:/{run}/model", run=run, description=f"by {WHO}", tags={"for": WHO})
    registry.write_card("tips", f"A model about {WHO}.")
    plan = place.plan()
    words = [("cards", 1), ("descriptions", 1), ("descriptions of versions", 1), ("tags", 1), ("tags of versions", 1)]
    assert [(what, n) for about, what, n in plan if about == "registered_model:1"] == words
    assert ("model:tips@1", "contents of versions: a person decides", 1) in plan
    receipt = place.forget()
    assert [(h.what, h.count) for h in receipt.done if h.by == "registry"] == words
    assert receipt.scan.read_back == ("registry: contents of model:tips@1",) and not receipt.clean
    after = registry.version("tips", version.version)
    assert after.digest == version.digest and after.description == MARK and after.tags == {"for": MARK}
    assert registry.model("tips").description == MARK and registry.card("tips").text == MARK
    assert tracking.artifact(run, "model/example.json").size_bytes
    assert b"".join(registry.download("tips", version.version, "example.json"))


def test_answers_remembered_for_repeated_calls_go_where_they_name_somebody(place: Place) -> None:
    replies, keys = DatabaseReplies(), [
        ReplyKey(actor=ActorId("owner"), key=f"k{number}", digest="d") for number in range(450)
    ]  # fmt: skip

    def remember() -> None:
        for number, key in enumerate(keys):
            replies.begin(calls.current().tx, key, 1)
            answer = json.dumps({"name": WHO if number % 3 == 0 else f"{WHO}0"})
            replies.keep(calls.current().tx, key, 1, answer.encode())

    place.house.bench.call(remember)
    assert place.plan() == [("log:answers", "remembered answers", 150)]
    assert told(place.forget().done) == [("log:answers", "remembered answers", 150)]
    left = [place.house.bench.call(lambda key=key: replies.find(calls.current().tx, key)) for key in keys[:4]]  # type: ignore[misc]  # a default in a lambda
    assert [answer is None for answer in left] == [True, False, False, True]


class Late:
    """A participant that holds nothing, while somebody logs to a run after all others were asked."""

    name = "late"

    def __init__(self, tracking: TrackingService) -> None:
        self.tracking = tracking
        self.run = ""

    def plan(self, subject: Subject) -> Sequence[Held]:
        return []

    def erase(self, subject: Subject) -> Sequence[Held]:
        calls.current().unit(lambda: self.tracking.log(self.run, tags={"late": subject.key}))
        return []

    def remains(self, subject: Subject) -> Left:
        return Left()


def test_what_is_written_while_somebody_is_forgotten_is_found_by_the_last_look(small: Place) -> None:
    objects, keys = FolderObjects(small.house.bench.home / "objects"), NamedKeys()
    service = TrackingService(objects=objects)
    late = Late(service)
    late.run = small.tracking.start_run("0", "a", {"about": WHO}).id
    small.house.furnish(RunsEraser(service, keys, Contents(objects, keys), lambda _: set()), late)
    receipt = small.forget()
    assert not receipt.clean and receipt.scan.read_back == ("runs: tags of experiment:0",)
    assert small.tracking.run_record(late.run).tags["about"] == MARK


class Cut(DatabaseJournal):
    """A journal under which every commit fails after some: what a kill leaves."""

    left: int | None = None

    def append(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        super().append(tx, entries)
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("the power went")


def test_an_erasure_cut_off_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    journal = Cut()
    database = open_database(tmp_path / "yard.sqlite", journal=journal)
    with closing(database), Bench(TABLES, database=database, journal=journal) as bench:
        place = furnished(bench)
        fill(place)
        for number in range(3):
            place.tracking.upload(
                place.tracking.start_run("0", tags={"of": WHO}).id, "a.txt", [f"{number} {WHO}".encode()]
            )
        tries = 0
        while tries < 30:
            tries += 1
            journal.left = tries
            try:
                receipt = place.forget()
            except RuntimeError:
                continue
            break
        journal.left = None
        assert tries > 3 and receipt.clean and place.forget().done == ()
        assert WHO.encode() not in everything(bench.home) + everything(tmp_path)
