"""The lake's part: a subject leaves its tables, and rows are followed from their file and back to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from modelyard.governance.api import PredictionTrace, Stage
from modelyard.governance.service import LakeEraser, LakeRows, NamedKeys
from modelyard.governance.store import MIGRATIONS
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref
from modelyard.lake.api import Lake, Mode
from modelyard.lake.store import MIGRATIONS as LAKE_MIGRATIONS
from modelyard.testing import Bench
from tests.governance import test_lineage as lineage
from tests.governance.yard import Yard
from tests.lake.stand import lake_service, read

ADA = "ada@example.org"
ONE = f"id,who\n1,{ADA}\n2,bob@example.org\n".encode()
TWO = f"id,who\n3,eve@example.org\nx,{ADA}\n4,{ADA}\n".encode()


@dataclass
class Place:
    """A yard with a lake in it."""

    house: Yard
    lake: Lake


class TwoNames(NamedKeys):
    def columns(self, entity: str) -> tuple[str, ...]:
        return ("who", "person") if entity == "human" else (entity,)


@pytest.fixture
def place() -> Iterator[Place]:
    with Bench((*MIGRATIONS, *LAKE_MIGRATIONS)) as bench, lake_service(bench) as service:
        house = Yard(bench)
        house.furnish(LakeEraser(service, TwoNames()), rows=LakeRows(service, NamedKeys()))
        yield Place(house, bench.open(Lake, service))


def test_the_plan_counts_rows_versions_and_refused_rows(place: Place) -> None:
    place.lake.load("people", [ONE])
    place.lake.load("people", [TWO])
    place.lake.load("shops", [b"id,town\n1,Rome\n"])
    plan = place.house.api.plan_forget("who", ADA)
    assert {(h.ref, h.what): h.count for h in plan.items} == {
        ("table:people", "rows"): 2, ("table:people", "versions"): 2, ("table:people", "quarantined rows"): 1
    }  # fmt: skip


def test_after_forgetting_nobody_finds_the_subject_in_any_file(place: Place) -> None:
    first = place.lake.load("people", [ONE], source="one.csv")
    place.lake.load("people", [TWO], source="two.csv")
    place.lake.profile("people")
    receipt = place.house.api.forget("who", ADA)
    assert receipt.scan.found == () and receipt.scan.read_back == () and receipt.clean
    assert "parquet" in receipt.scan.unpacked
    assert {h.what for h in receipt.done} == {"rows", "versions", "data files", "quarantined rows", "source files"}
    assert [row["id"] for row in read(place.lake, "people", at=str(first.version))] == [2]


def test_rows_of_the_last_version_overwritten_before_are_still_found(place: Place) -> None:
    place.lake.load("people", [ONE])
    place.lake.load("people", [b"id,who\n9,eve@example.org\n"], mode=Mode.OVERWRITE)
    plan = place.house.api.plan_forget("who", ADA)
    assert {h.what: h.count for h in plan.items} == {"rows": 0, "versions": 1}
    assert place.house.api.forget("who", ADA).clean


def test_a_key_that_the_column_cannot_hold_touches_nothing(place: Place) -> None:
    place.lake.load("people", [ONE])
    receipt = place.house.api.forget("id", "no number")
    assert receipt.done == () and receipt.clean


@pytest.mark.parametrize("key", ["' OR 1=1 --", '"; DROP TABLE people; --', "ada%", "%", "a\\", "é\u202e{}"])
def test_a_hostile_key_finds_nothing_and_harms_nothing(place: Place, key: str) -> None:
    place.lake.load("people", [ONE])
    assert place.house.api.plan_forget("who", key).items == ()
    place.house.api.forget("who", key)
    assert place.lake.table("people").rows == 2


def test_an_entity_is_found_under_every_name_of_its_key(place: Place) -> None:
    place.lake.load("people", [ONE])
    place.lake.load("staff", [f"id,person\n1,{ADA}\n".encode()])
    assert {h.ref for h in place.house.api.plan_forget("human", ADA).items} == {"table:people", "table:staff"}
    assert place.house.api.forget("human", ADA).clean


def test_models_trained_on_the_subject_are_listed(place: Place) -> None:
    load = place.lake.load("people", [ONE])
    lineage.happen(place.house, f"table:people@{load.version}", "model:tips@1")
    lineage.happen(place.house, "table:shops@1", "model:other@1")
    receipt = place.house.api.forget("who", ADA)
    assert receipt.models == ("model:tips@1",)


def test_a_row_knows_its_file_its_place_and_the_versions_that_hold_it(place: Place) -> None:
    first = place.lake.load("people", [ONE], source="one.csv")
    second = place.lake.load("people", [TWO])
    place.lake.load("people", [b"id,who\n9,eve@example.org\n"], mode=Mode.OVERWRITE)
    found = place.house.api.reach(Ref(f"row:{first.id}/2")).row
    assert found.source == first.source_ref and found.line == 2
    assert found.tables == (f"table:people@{first.version}", f"table:people@{second.version}")


@pytest.mark.parametrize("wrong", ["row:x", "row:x/1", "row:load_1/x", "table:people", "row:/1"])
def test_there_is_no_row_of_that_name(place: Place, wrong: str) -> None:
    rows = LakeRows(place.lake, NamedKeys())
    assert place.house.bench.call(lambda: rows.row(Ref(wrong)), Effect.SCAN) is None


def test_a_prediction_finds_the_rows_of_its_entity(place: Place) -> None:
    load = place.lake.load("people", [ONE], source="one.csv")
    at = f"table:people@{load.version}"

    class Asked(lineage.Predictions):
        def trace(self, prediction: str) -> PredictionTrace | None:
            return PredictionTrace(
                ref=Ref("prediction:p"), at_ms=1, endpoint=Ref("endpoint:e"), made_from=(Ref(at),), inputs={},
                keys={"who": ADA, "unknown": "x"},
            )  # fmt: skip

    with lake_service(place.house.bench) as service:
        place.house.furnish(predictions=Asked(), rows=LakeRows(service, NamedKeys()))
        steps = place.house.api.walk("p").steps
    assert [(s.ref, s.text) for s in steps if s.stage is Stage.ROW] == [
        (f"row:{load.id}/1", f"{load.source_ref}, line 1")
    ]
    assert any(s.stage is Stage.SOURCE and s.ref == load.source_ref for s in steps)
