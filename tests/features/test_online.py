"""Online rows: materialised, pushed, read at a moment, agreeing with training sets, forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from modelyard.features.api import (
    Cell,
    EntityForgotten,
    Feature,
    Key,
    KeyType,
    Labels,
    Materialised,
    Selected,
    Status,
    TrainingSpec,
    ViewSpec,
)
from modelyard.kernel.clock import to_ms
from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.lake.api import Mode
from tests.features.stand import Stand
from tests.features.test_training_sets import BUILD
from tests.features.test_views import SPEC


@pytest.fixture
def ready(yard: Stand) -> Stand:
    yard.features.define_entity("company", (Key(name="company"),))
    yard.features.define_view("v", SPEC)
    return yard


def ms(text: str) -> int:
    return to_ms(datetime.fromisoformat(text).replace(tzinfo=UTC))


def test_online_features_are_those_of_the_newest_rows(ready: Stand) -> None:
    state = ready.features.materialise("v")
    assert (state.entities, state.view) == (2, "view:v@1")
    answer = ready.features.online(("v",), [{"company": "b"}, {"company": "a"}, {"company": "?"}])
    assert answer.views == ("view:v@1",)
    b, a, nobody = answer.rows
    assert a.values == {
        "v__fare": 44, "v__tip_share": 9 / 44, "v__by_card": True, "v__mean_fare_7d": 28.5, "v__trips_1d": 0,
    }  # fmt: skip
    assert b.values["v__fare"] is None
    assert b.values["v__mean_fare_7d"] == 30.0
    assert a.status == {"v": Status.PRESENT}
    assert a.age_s == {"v": 2 * 86400.0}
    assert nobody.status == {"v": Status.MISSING}
    assert nobody.age_s == {"v": None}
    assert set(nobody.values.values()) == {None}
    (event,) = ready.bench.events(Materialised)
    assert event.writes == ("view:v@1",)
    assert event.reads == (ready.lake.table("trips").ref,)


def test_online_rows_agree_with_the_training_set_at_the_same_moments(ready: Stand) -> None:
    moments = ["2026-05-02T00:00:00", "2026-05-02T06:00:00", "2026-05-02T13:00:00"]
    ready.load("asks", "company,at\n" + "".join(f"{c},{m}Z\n" for m in moments for c in ("a", "b", "c")))
    labels = Labels(table="asks", time="at", columns=(Selected(name="at"),))
    ready.features.build_training_set("t", TrainingSpec(labels=labels, views=("v",), statuses=True))
    offline = iter(ready.rows("t"))
    for moment in moments:
        ready.features.materialise("v", up_to_ms=ms(moment))
        answer = ready.features.online(("v",), [{"company": c} for c in ("a", "b", "c")], at_ms=ms(moment))
        for row in answer.rows:
            trained = next(offline)
            assert row.values == {name: trained[name] for name in row.values}
            assert row.status["v"] == trained["v__status"]


def test_time_to_live_and_windows_are_decided_at_the_moment_of_reading(ready: Stand) -> None:
    ready.features.define_view("v", msgspec.structs.replace(SPEC, ttl_s=8 * 86400))
    ready.features.materialise("v")
    (now,) = ready.features.online(("v",), [{"company": "a"}]).rows
    assert now.values["v__mean_fare_7d"] == 28.5
    ready.bench.clock.advance(timedelta(days=4, hours=20))
    (later,) = ready.features.online(("v",), [{"company": "a"}]).rows
    assert later.values["v__mean_fare_7d"] == 42.0, "only the rows of the last seven days"
    ready.bench.clock.advance(timedelta(days=2))
    (expired,) = ready.features.online(("v",), [{"company": "a"}]).rows
    assert expired.status == {"v": Status.EXPIRED}
    assert set(expired.values.values()) == {None}
    assert expired.age_s["v"] == pytest.approx(8 * 86400 + 20 * 3600)


def test_a_pushed_row_counts_at_once(ready: Stand) -> None:
    ready.features.materialise("v")
    row: dict[str, Cell] = {"company": "a", "fare": 100, "tips": 50, "at": "2026-05-03T11:00:00Z", "kind": "cash"}
    pushed = ready.features.push("v", [row, {**row, "company": "new", "fare": 7.0}])
    assert (pushed.rows, pushed.entities) == (2, 2)
    a, new = ready.features.online(("v",), [{"company": "a"}, {"company": "new"}]).rows
    assert a.values == {
        "v__fare": 100, "v__tip_share": 0.5, "v__by_card": False, "v__mean_fare_7d": pytest.approx(214 / 5),
        "v__trips_1d": 1,
    }  # fmt: skip
    assert new.values["v__mean_fare_7d"] == 7.0
    late: dict[str, Cell] = {"company": "a", "fare": 6, "tips": 0, "at": "2026-05-03T10:00:00Z", "kind": None}
    ready.features.push("v", [late])
    (a,) = ready.features.online(("v",), [{"company": "a"}]).rows
    assert a.values["v__fare"] == 100, "an older row does not become the newest"
    assert a.values["v__mean_fare_7d"] == pytest.approx(220 / 6), "but it counts in its window"


def test_the_table_has_the_last_word_up_to_its_moment(ready: Stand) -> None:
    row: dict[str, Cell] = {"company": "x", "fare": 1, "tips": 1, "at": "2026-05-02T00:00:00Z", "kind": "card"}
    ready.features.push("v", [row, {**row, "company": "y", "fare": 2, "at": "2026-05-03T11:59:00Z"}])
    ready.features.materialise("v", up_to_ms=ms("2026-05-03T00:00:00"))
    x, y, a = ready.features.online(("v",), [{"company": c} for c in "xya"]).rows
    assert x.status == {"v": Status.MISSING}
    assert y.values["v__fare"] == 2
    assert a.values["v__fare"] == 44


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"company": None}, "key company is a string and never null"),
        ({"at": None}, "its at is no moment"),
        ({"at": "2026-05-03T13:00:00Z"}, "lies in the future"),
        ({"at": "yesterday"}, "cannot be answered"),
        ({"fare": "much"}, "cannot be answered"),
        ({"fare": 10**30}, "different types or too large"),
        ({"fare": 1e300}, "cannot be answered"),
    ],
)
def test_a_row_that_cannot_count_is_refused_whole(ready: Stand, change: dict[str, Cell], why: str) -> None:
    good: dict[str, Cell] = {"company": "a", "fare": 100, "tips": 50, "at": "2026-05-03T11:00:00Z", "kind": "cash"}
    with pytest.raises(InvalidInput, match=why):
        ready.features.push("v", [{**good, **change}])
    with pytest.raises(InvalidInput, match="lacks 'tips'"):
        ready.features.push("v", [good, {k: v for k, v in good.items() if k != "tips"}])
    assert list(ready.online.rows("v", 1)) == []


def test_versions_of_a_view_stand_side_by_side(ready: Stand) -> None:
    ready.features.materialise("v")
    ready.features.define_view("v", msgspec.structs.replace(SPEC, features=(Feature(name="tips"),)))
    ready.features.materialise("v")
    assert ready.features.online(("v@1",), [{"company": "a"}]).rows[0].values["v__fare"] == 44
    assert ready.features.online(("v",), [{"company": "a"}]).rows[0].values == {"v__tips": 9}
    assert [m.view for m in ready.features.materialisations("v")] == ["view:v@2", "view:v@1"]


def test_what_cannot_be_asked_is_said(ready: Stand) -> None:
    with pytest.raises(NotFound, match="no view nothing"):
        ready.features.online(("nothing",), [{"company": "a"}])
    with pytest.raises(InvalidInput, match="the key company is missing"):
        ready.features.online(("v",), [{"firm": "a"}])
    with pytest.raises(InvalidInput, match="named twice"):
        ready.features.online(("v", "v@1"), [{"company": "a"}])
    with pytest.raises(InvalidInput, match="in the future"):
        ready.features.materialise("v", up_to_ms=ms("2027-01-01T00:00:00"))


def test_a_forgotten_entity_leaves_every_view_and_the_disk(ready: Stand) -> None:
    secret = "a-name-to-be-forgotten"
    ready.load(
        "visits", f"company,shop,at,note\n{secret},1,2026-05-01,{secret}\na,1,2026-05-01,x\n{secret},2,2026-05-01,y\n"
    )
    ready.features.define_entity("pair", (Key(name="shop", type=KeyType.INT64), Key(name="company")))
    ready.features.define_entity("shop", (Key(name="shop", type=KeyType.INT64),))
    for view, entity in (("by_company", "company"), ("by_pair", "pair"), ("by_shop", "shop")):
        spec = ViewSpec(entity=entity, source="visits", event_time="at", features=(Feature(name="shop"),))
        ready.features.define_view(view, spec)
        ready.features.materialise(view)
    receipt = ready.features.forget("company", {"company": secret})
    assert receipt.rows == {"view:by_company@1": 1, "view:by_pair@1": 2, "view:v@1": 0}
    (gone,) = ready.features.online(("by_company",), [{"company": secret}]).rows
    assert gone.status == {"by_company": Status.MISSING}
    asked: list[dict[str, Cell]] = [{"shop": 1, "company": "a"}, {"shop": 1, "company": secret}]
    kept, gone = ready.features.online(("by_pair",), asked).rows
    assert (kept.status["by_pair"], gone.status["by_pair"]) == (Status.PRESENT, Status.MISSING)
    for path in (ready.bench.home / "online").rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()
    (event,) = ready.bench.events(EntityForgotten)
    assert secret.encode() not in bytes(event.body)
    with pytest.raises(InvalidInput, match="has no key 'shop'"):
        ready.features.forget("company", {"company": "a", "shop": 1})


def test_a_row_erased_from_the_table_leaves_with_the_next_materialisation(ready: Stand) -> None:
    ready.features.materialise("v")
    ready.lake.load("trips", [b"company,fare,tips,at,kind\nz,1,1,2026-05-01,x\n"], mode=Mode.OVERWRITE)
    ready.features.materialise("v")
    a, z = ready.features.online(("v",), [{"company": "a"}, {"company": "z"}]).rows
    assert (a.status["v"], z.status["v"]) == (Status.MISSING, Status.PRESENT)


def test_an_empty_source_is_no_fault(ready: Stand) -> None:
    ready.load("empty", "company,fare,tips,at,kind\na,1,1,2026-05-01,x\n")
    ready.features.define_view("e", msgspec.structs.replace(SPEC, source="empty", ttl_s=604800))
    assert ready.features.materialise("e", up_to_ms=0).entities == 0
    ready.load("orders", "company,amount,at\na,1,2026-05-01\n")
    made = ready.features.build_training_set("t", msgspec.structs.replace(BUILD, views=()))
    assert made.columns == ("event_time", "big", "amount")
