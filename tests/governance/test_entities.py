"""The features' part: an entity's columns are known, and its online rows are forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import pytest

from modelyard.adapters.duck import DuckQueries
from modelyard.adapters.online import open_online
from modelyard.features.api import Feature, Features, Key, KeyType, ViewSpec
from modelyard.features.service import FeaturesService
from modelyard.features.store import MIGRATIONS as FEATURES
from modelyard.governance.service import FeatureKeys, FeaturesEraser, LakeEraser
from modelyard.governance.store import MIGRATIONS
from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.operations import Effect
from modelyard.lake.api import Lake
from modelyard.lake.store import MIGRATIONS as LAKE
from modelyard.testing import Bench
from tests.governance.yard import Yard
from tests.lake.stand import lake_service

TRIPS = b"taxi,at,fare\ntaxi-4711,2026-05-01T00:00:00Z,1\ntaxi-0815,2026-05-01T00:00:00Z,2\n"
SPEC = ViewSpec(
    entity="cab", source="trips", event_time="at", features=(Feature(name="fare"),), key_columns={"cab_id": "taxi"}
)


@dataclass
class Place:
    """A yard with a lake and features in it."""

    house: Yard
    lake: Lake
    features: Features
    service: FeaturesService

    def columns(self, entity: str) -> set[str]:
        """The columns of an entity's key."""
        keys = FeatureKeys(self.service)
        return set(self.house.bench.call(lambda: keys.columns(entity), Effect.SCAN))


@pytest.fixture
def place() -> Iterator[Place]:
    with Bench((*MIGRATIONS, *LAKE, *FEATURES)) as bench, lake_service(bench) as lake:
        queries, online = DuckQueries(bench.home / "spill"), open_online(bench.home / "online")
        service = FeaturesService(lake=lake, files=lake, queries=lambda: queries, online=lambda: online)
        house = Yard(bench)
        house.furnish(FeaturesEraser(service), LakeEraser(lake, FeatureKeys(service)))
        yield Place(house, bench.open(Lake, lake), bench.open(Features, service), service)
        queries.close()
        online.close()


def ready(place: Place) -> None:
    place.lake.load("trips", [TRIPS])
    place.features.define_entity("cab", (Key(name="cab_id"),))
    place.features.define_view("by_cab", SPEC)
    place.features.materialise("by_cab")


def test_an_entitys_columns_are_its_key_and_what_sources_call_it(place: Place) -> None:
    ready(place)
    assert place.columns("cab") == place.columns("cab_id") == {"cab_id", "taxi"}
    assert place.columns("driver") == {"driver"}
    keys = FeatureKeys(place.service)
    assert set(place.house.bench.call(keys.every, Effect.SCAN)) == {"cab_id", "taxi"}


def test_a_subject_leaves_tables_and_online_rows_and_no_byte_stays(place: Place) -> None:
    ready(place)
    plan = place.house.api.plan_forget("cab", "taxi-4711")
    assert {(h.by, h.what) for h in plan.items} == {
        ("features", "online rows"), ("lake", "rows"), ("lake", "versions")
    }  # fmt: skip
    receipt = place.house.api.forget("cab", "taxi-4711")
    assert receipt.scan.found == () and receipt.clean
    assert [(h.ref, h.count) for h in receipt.done if h.by == "features"] == [("view:by_cab@1", 1)]
    answer = place.features.online(("by_cab",), [{"cab_id": "taxi-0815"}])
    assert answer.rows[0].values == {"by_cab__fare": 2}
    assert place.house.api.plan_forget("cab", "taxi-4711").items == ()


def test_an_entity_of_two_keys_is_not_told_by_one(place: Place) -> None:
    place.lake.load("trips", [TRIPS])
    place.features.define_entity("visit", (Key(name="shop"), Key(name="customer")))
    with pytest.raises(InvalidInput, match="shop, customer together"):
        place.house.api.plan_forget("visit", "taxi-4711")


def test_a_key_of_another_type_is_nobody(place: Place) -> None:
    place.lake.load("trips", [TRIPS])
    place.features.define_entity("cab", (Key(name="cab_id", type=KeyType.INT64),))
    place.features.define_view("by_cab", msgspec.structs.replace(SPEC, key_columns={"cab_id": "fare"}))
    assert place.house.api.forget("cab", "no-number").done == ()
