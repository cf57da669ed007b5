"""Training sets: right at every label's moment, pinned, repeatable, never a row lost."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from modelyard.features.api import (
    Aggregate,
    Feature,
    Key,
    Labels,
    Selected,
    TrainingSetBuilt,
    TrainingSpec,
    ViewSpec,
)
from modelyard.kernel.errors import AlreadyExists, InvalidInput, NotFound
from tests.features.stand import Stand
from tests.features.test_views import SPEC

TAXI = Path(__file__).resolve().parents[3] / "shared" / "data" / "chicago_taxi.csv"
LABELS = Labels(
    table="orders", time="at",
    columns=(Selected(name="big", expression="amount > 10"), Selected(name="amount")),
)  # fmt: skip
BUILD = TrainingSpec(labels=LABELS, views=("v",), statuses=True)
ORDERS = """company,amount,at
a,1,2026-05-01T11:59:59Z
a,2,2026-05-01T12:00:00Z
b,30,2026-05-02T12:00:00Z
c,4,2026-05-01T12:00:00Z
a,5,2026-04-30T12:00:00Z
,6,2026-05-01T12:00:00Z
a,7,
"""


@pytest.fixture
def ready(yard: Stand) -> Stand:
    yard.load("orders", ORDERS)
    yard.features.define_entity("company", (Key(name="company"),))
    yard.features.define_view("v", SPEC)
    return yard


def test_features_are_what_they_were_at_each_label_and_no_label_is_lost(ready: Stand) -> None:
    made = ready.features.build_training_set("orders_training", BUILD)
    rows = ready.rows("orders_training")
    assert [row["amount"] for row in rows] == [1, 2, 30, 4, 5, 6, 7], "every label, in its order"
    assert [row["big"] for row in rows] == [False, False, True, False, False, False, False]
    assert [row["v__fare"] for row in rows] == [20, 44, None, None, None, None, None]
    assert [row["v__mean_fare_7d"] for row in rows] == [15.0, 28.5, 30.0, None, None, None, None]
    assert [row["v__trips_1d"] for row in rows] == [2, 3, 1, None, None, None, None]
    assert [row["v__status"] for row in rows] == ["present"] * 3 + ["missing"] * 4
    assert rows[0]["event_time"] == datetime(2026, 5, 1, 11, 59, 59, tzinfo=UTC)
    assert (made.rows, made.missing, made.expired) == (7, {"v": 4}, {"v": 0})
    assert made.columns == (
        "company", "event_time", "big", "amount", "v__fare", "v__tip_share", "v__by_card", "v__mean_fare_7d",
        "v__trips_1d", "v__status",
    )  # fmt: skip


def test_it_reads_pinned_versions_and_says_which(ready: Stand) -> None:
    before = ready.lake.table("trips").version
    made = ready.features.build_training_set("t", BUILD)
    orders = ready.lake.table("orders").version
    assert made.reads == (f"table:orders@{orders}", f"table:trips@{before}", "view:v@1")
    (event,) = ready.bench.events(TrainingSetBuilt)
    assert event.reads == made.reads
    assert event.writes == (made.ref,)
    assert ready.lake.history("t").items[0].reads == made.reads
    ready.load("trips", "company,fare,tips,at\na,1000,0,2026-05-01T11:00:00Z\n")
    old = ready.features.build_training_set("t", msgspec.structs.replace(BUILD, at={"trips": str(before)}))
    new = ready.features.build_training_set("t", BUILD)
    first = [row["v__fare"] for row in ready.rows("t", at=str(made.version))]
    assert [row["v__fare"] for row in ready.rows("t", at=str(old.version))] == first
    assert next(row["v__fare"] for row in ready.rows("t", at=str(new.version))) == 1000


def test_the_same_build_is_answered_with_what_is_there(ready: Stand) -> None:
    made = ready.features.build_training_set("t", BUILD)
    assert ready.features.build_training_set("t", BUILD) == made
    assert len(ready.bench.events(TrainingSetBuilt)) == 1
    other = ready.features.build_training_set("t", msgspec.structs.replace(BUILD, seed=1))
    assert other.version > made.version
    assert [s.ref for s in ready.features.training_sets().items] == [other.ref, made.ref]
    assert ready.features.training_sets(name="t", limit=1).items == [other]
    assert ready.features.training_set("t", version=made.version) == made


def test_its_columns_may_change_from_version_to_version(ready: Stand) -> None:
    ready.features.build_training_set("t", BUILD)
    ready.features.define_view("v", msgspec.structs.replace(SPEC, features=(Feature(name="kind"),)))
    made = ready.features.build_training_set("t", BUILD)
    assert made.columns == ("company", "event_time", "big", "amount", "v__kind", "v__status")
    assert [row["v__kind"] for row in ready.rows("t")][:3] == ["cash", "card", "card"]


def test_a_row_counts_once_its_delay_is_over_and_until_it_expires(ready: Stand) -> None:
    hour = 3600.0
    spec = msgspec.structs.replace(SPEC, features=(Feature(name="fare"),), delay_s=hour, ttl_s=11 * hour)
    ready.features.define_view("v", spec)
    made = ready.features.build_training_set("t", BUILD)
    rows = ready.rows("t")
    assert [row["v__fare"] for row in rows] == [20, 20, None, None, None, None, None]
    assert [row["v__status"] for row in rows][:3] == ["present", "present", "present"]
    assert made.expired == {"v": 0}
    short = msgspec.structs.replace(spec, ttl_s=hour)
    ready.features.define_view("v", short)
    made = ready.features.build_training_set("t", BUILD)
    assert (made.expired, made.missing) == ({"v": 3}, {"v": 4})


def test_of_rows_of_one_time_the_one_written_last_counts(ready: Stand) -> None:
    ready.load("trips", "company,fare,tips,at,written\na,1,1,2026-05-01T12:00:00Z,2026-05-01T12:00:00Z\n")
    ready.features.define_view("v", msgspec.structs.replace(SPEC, created="written"))
    ready.features.build_training_set("t", BUILD)
    assert ready.rows("t")[1]["v__fare"] == 44
    ready.features.define_view("v", SPEC)
    ready.features.build_training_set("t", BUILD)
    assert ready.rows("t")[1]["v__fare"] == 1, "without a written time the last to arrive"


def test_several_views_and_entities_are_joined_at_once(ready: Stand) -> None:
    ready.load("shops", "shop,size,seen\n1,10,1777600000\n2,20,1777600000\n")
    ready.load("visits", "company,shop,at,score\na,1,2026-05-03,5\nb,2,2026-05-03,6\nb,3,2026-05-03,7\n")
    ready.features.define_entity("shop", (Key(name="shop"),))
    ready.features.define_view(
        "shops", ViewSpec(entity="shop", source="shops", event_time="seen", features=(Feature(name="size"),))
    )
    labels = Labels(table="visits", time="at", columns=(Selected(name="score"),))
    ready.features.build_training_set("t", TrainingSpec(labels=labels, views=("v@1", "shops")))
    assert [(r["company"], r["shop"], r["v__fare"], r["shops__size"]) for r in ready.rows("t")] == [
        ("a", "1", 44, 10), ("b", "2", None, 20), ("b", "3", None, None),
    ]  # fmt: skip


def test_labels_are_narrowed_by_a_condition_and_drawn_by_a_seed(ready: Stand) -> None:
    labels = msgspec.structs.replace(LABELS, where="amount > 3 and company is not null")
    narrow = msgspec.structs.replace(BUILD, labels=labels)
    ready.features.build_training_set("t", narrow)
    assert [row["amount"] for row in ready.rows("t")] == [30, 4, 5, 7]
    drawn = msgspec.structs.replace(BUILD, sample_rows=3, seed=5)
    ready.features.build_training_set("s1", drawn)
    ready.features.build_training_set("s2", drawn)
    assert ready.rows("s1") == ready.rows("s2")
    assert len(ready.rows("s1")) == 3


def test_a_table_that_is_no_training_set_is_not_written_over(ready: Stand) -> None:
    ready.load("precious", "a\n1\n")
    with pytest.raises(AlreadyExists, match="a table that no training set made"):
        ready.features.build_training_set("precious", BUILD)
    for name in ("orders", "trips"):
        with pytest.raises(InvalidInput, match="write over a table that it is made from"):
            ready.features.build_training_set(name, BUILD)


def test_what_does_not_fit_is_said(ready: Stand) -> None:
    replace = msgspec.structs.replace
    wrong: list[tuple[TrainingSpec, str]] = [
        (replace(BUILD, views=("v", "v@1")), "named twice"),
        (replace(BUILD, views=("v@x",)), "names no version"),
        (replace(BUILD, at={"orders": "1"}), "which no view reads"),
        (replace(BUILD, labels=replace(LABELS, time="company")), "cannot say when"),
        (replace(BUILD, labels=replace(LABELS, columns=(Selected(name="company"),))), "two columns 'company'"),
        (replace(BUILD, labels=replace(LABELS, columns=(Selected(name="x"),))), "no column 'x'"),
        (
            replace(BUILD, labels=replace(LABELS, columns=(Selected(name="x", expression="max(amount)"),))),
            "over one row",
        ),
        (replace(BUILD, labels=replace(LABELS, where="random() > 0.5")), "over one row"),
        (replace(BUILD, labels=replace(LABELS, key_columns={"company": "firm"})), "for key company of entity company"),
    ]
    for spec, why in wrong:
        with pytest.raises(InvalidInput, match=why):
            ready.features.build_training_set("t", spec)
    with pytest.raises(NotFound, match="no view nothing"):
        ready.features.build_training_set("t", replace(BUILD, views=("nothing",)))
    with pytest.raises(NotFound, match="no version 9; its newest is 1"):
        ready.features.build_training_set("t", replace(BUILD, views=("v@9",)))
    with pytest.raises(NotFound):
        ready.features.training_set("t")


@pytest.mark.skipif(not TAXI.exists(), reason="needs ../shared/data/chicago_taxi.csv")
def test_fifteen_thousand_real_trips_become_a_training_set(yard: Stand) -> None:
    with TAXI.open("rb") as file:
        load = yard.lake.load("taxi", iter(lambda: file.read(1 << 20), b""), source="chicago_taxi.csv")
    yard.features.define_entity("company", (Key(name="company"),))
    week = 7 * 86400.0
    view = yard.features.define_view(
        "company_trips",
        ViewSpec(
            entity="company", source="taxi", event_time="trip_start_timestamp", delay_s=1,
            features=(
                Feature(name="trips_7d", expression="1", aggregate=Aggregate.COUNT, window_s=week),
                Feature(name="mean_fare_7d", expression="fare", aggregate=Aggregate.MEAN, window_s=week),
                Feature(name="tip_share", expression="tips / nullif(fare, 0)"),
            ),
        ),
    )  # fmt: skip
    labels = Labels(
        table="taxi", time="trip_start_timestamp",
        columns=(Selected(name="big_tip", expression="tips > 0.2 * fare"), Selected(name="trip_miles")),
    )  # fmt: skip
    made = yard.features.build_training_set("tips", TrainingSpec(labels=labels, views=(view.ref.split(":")[1],)))
    rows = yard.rows("tips")
    assert made.rows == len(rows) == load.rows_loaded
    source = yard.rows("taxi")
    for i in range(0, len(source), 997):
        row, at = source[i], source[i]["trip_start_timestamp"]
        assert isinstance(at, int)
        before = [
            other for other in source
            if other["company"] is not None and other["company"] == row["company"]
            and at - week < other["trip_start_timestamp"] + 1 <= at  # type: ignore[operator]  # numbers by the schema
        ]  # fmt: skip
        assert rows[i]["company_trips__trips_7d"] in (len(before), None)
        fares = [other["fare"] for other in before if other["fare"] is not None]
        mean = rows[i]["company_trips__mean_fare_7d"]
        assert mean is None if not fares else mean == pytest.approx(sum(fares) / len(fares))  # type: ignore[arg-type]  # numbers by the schema
