"""Entities and views: defining, versions, what is refused and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import pytest

from modelyard.features.api import (
    Aggregate,
    EntityDefined,
    Feature,
    FeatureType,
    Key,
    KeyType,
    ViewDefined,
    ViewSpec,
)
from modelyard.features.store import MIGRATIONS
from modelyard.kernel.errors import Conflict, InvalidInput, NotFound
from modelyard.lake.store import MIGRATIONS as LAKE
from modelyard.ports.database import Migration
from modelyard.testing import Bench
from tests.features.stand import Stand, stand

SPEC = ViewSpec(
    entity="company", source="trips", event_time="at",
    features=(
        Feature(name="fare"),
        Feature(name="tip_share", expression="tips / nullif(fare, 0)"),
        Feature(name="by_card", expression="kind = 'card'"),
        Feature(name="mean_fare_7d", expression="fare", aggregate=Aggregate.MEAN, window_s=604800),
        Feature(name="trips_1d", expression="kind", aggregate=Aggregate.COUNT, window_s=86400),
    ),
)  # fmt: skip


def with_feature(expression: str, name: str = "x", **how: object) -> ViewSpec:
    feature = Feature(name=name, expression=expression, **how)  # type: ignore[arg-type]  # the feature's own fields
    return msgspec.structs.replace(SPEC, features=(feature,))


def test_a_view_is_typed_and_becomes_version_one(yard: Stand) -> None:
    yard.features.define_entity("company", (Key(name="company"),), description="a taxi company")
    view = yard.features.define_view("trips_by_company", SPEC)
    assert (view.version, view.ref) == (1, "view:trips_by_company@1")
    assert view.types == (
        FeatureType.INT64, FeatureType.FLOAT64, FeatureType.BOOL, FeatureType.FLOAT64, FeatureType.INT64,
    )  # fmt: skip
    assert set(view.columns) == {"company", "at", "fare", "tips", "kind"}
    assert yard.features.view("trips_by_company") == view
    (event,) = yard.bench.events(ViewDefined)
    assert event.reads == ("table:trips", "entity:company")
    assert event.writes == (view.ref,)


def test_the_same_definition_is_the_same_version_and_a_changed_one_the_next(yard: Stand) -> None:
    yard.features.define_entity("company", (Key(name="company"),))
    first = yard.features.define_view("v", SPEC)
    assert yard.features.define_view("v", SPEC) == first
    second = yard.features.define_view("v", msgspec.structs.replace(SPEC, ttl_s=700000))
    assert second.version == 2
    third = yard.features.define_view("v", SPEC)
    assert third.version == 3
    assert [v.version for v in yard.features.view_versions("v").items] == [3, 2, 1]
    assert yard.features.view("v", version=1) == first
    assert [v.ref for v in yard.features.views().items] == ["view:v@3"]
    assert len(yard.bench.events(ViewDefined)) == 3


def test_an_entity_keeps_its_keys(yard: Stand) -> None:
    made = yard.features.define_entity("company", (Key(name="company"),))
    assert yard.features.define_entity("company", (Key(name="company"),)) == made
    with pytest.raises(Conflict, match=r"has the keys company \(string\), which cannot change"):
        yard.features.define_entity("company", (Key(name="company", type=KeyType.INT64),))
    assert yard.features.entities().items == [made]
    assert len(yard.bench.events(EntityDefined)) == 1


def test_lists_come_in_pages(yard: Stand) -> None:
    for n in range(5):
        yard.features.define_entity(f"e{n}", (Key(name="company"),))
    page = yard.features.entities(limit=2)
    names = [e.name for e in page.items]
    while page.next:
        page = yard.features.entities(limit=2, cursor=page.next)
        names += [e.name for e in page.items]
    assert names == ["e0", "e1", "e2", "e3", "e4"]


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("avg(fare)", "avg is not a function over one row"),
        ("sum(fare) over ()", "it holds a window aggregate"),
        ("(select max(fare) from trips)", "it holds a subquery"),
        ("fare, tips", "more than one expression"),
        ("fare from trips", "more than one expression"),
        ("fare limit 1", "more than one expression"),
        ("*", "it holds a star"),
        ("random()", "random is not a function"),
        ("current_timestamp", "the source has no column 'current_timestamp'"),
        ("getenv('HOME')", "getenv is not a function"),
        ("fare + nothing", "the source has no column 'nothing'; it has company, fare"),
        ("fare +", "is not an expression"),
        ("fare) from read_text('/etc/passwd') --", "is not an expression"),
        ("fare; drop table x", "is not an expression|more than one"),
        ("$1", "it holds a value parameter"),
        ("trips.fare", "the source has no column 'trips.fare'"),
        ("_load", "the source has no column '_load'"),
        ("fare as other", "the name stands beside"),
        ("kind + 1", "cannot be answered"),
        ('"at"', "a timestamp is no feature; cast it"),
        ("[fare]", "list_value is not a function"),
    ],
)
def test_an_expression_that_looks_beyond_its_row_is_refused(yard: Stand, expression: str, why: str) -> None:
    yard.features.define_entity("company", (Key(name="company"),))
    with pytest.raises(InvalidInput, match=why):
        yard.features.define_view("v", with_feature(expression))
    assert yard.features.views().items == []


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("tips > 0.2 * fare", FeatureType.BOOL),
        ("CASE WHEN fare > 20 THEN 'dear' ELSE 'cheap' END -- a comment", FeatureType.STRING),
        ('extract(hour from "at")', FeatureType.INT64),
        ('epoch("at")', FeatureType.FLOAT64),
        ("coalesce(fare, 0) BETWEEN 1 AND 20 AND kind IN ('card', 'cash')", FeatureType.BOOL),
        ("FARE::double / 3", FeatureType.FLOAT64),
        ("upper(kind) LIKE 'C%'", FeatureType.BOOL),
        ("0.25", FeatureType.FLOAT64),
    ],
)
def test_expressions_over_one_row_are_typed(yard: Stand, expression: str, kind: FeatureType) -> None:
    yard.features.define_entity("company", (Key(name="company"),))
    assert yard.features.define_view("v", with_feature(expression)).types == (kind,)


def test_contradictions_are_refused(yard: Stand) -> None:
    yard.features.define_entity("company", (Key(name="company"),))
    replace = msgspec.structs.replace
    wrong: list[tuple[ViewSpec, str]] = [
        (replace(SPEC, event_time="nothing"), "no column 'nothing' for a time"),
        (replace(SPEC, event_time="kind"), "cannot say when"),
        (replace(SPEC, key_columns={"company": "nothing"}), "for key company"),
        (replace(SPEC, key_columns={"shop": "kind"}), "has no key 'shop'"),
        (replace(SPEC, features=(Feature(name="Fare", expression="fare"), Feature(name="fare"))), "defined twice"),
        (with_feature("fare", aggregate=Aggregate.SUM), "go together"),
        (with_feature("fare", window_s=5), "go together"),
        (with_feature("kind", aggregate=Aggregate.SUM, window_s=5), "needs numbers"),
        (replace(with_feature("fare", aggregate=Aggregate.SUM, window_s=50), ttl_s=10), "longer than the view's ttl_s"),
    ]
    for spec, why in wrong:
        with pytest.raises(InvalidInput, match=why):
            yard.features.define_view("v", spec)
    with pytest.raises(InvalidInput, match="double underscore"):
        yard.features.define_view("a__b", SPEC)
    with pytest.raises(NotFound, match="no entity shop"):
        yard.features.define_view("v", replace(SPEC, entity="shop"))
    with pytest.raises(NotFound, match="no table nothing"):
        yard.features.define_view("v", replace(SPEC, source="nothing"))
    with pytest.raises(NotFound, match="no view v"):
        yard.features.view("v")


def test_definitions_are_kept_on_both_engines(each_bench: Callable[[Sequence[Migration]], Bench]) -> None:
    bench = each_bench([*LAKE, *MIGRATIONS])
    with stand(bench) as yard:
        yard.load("trips", "company,fare,tips,at,kind\na,1,1,2026-05-01,x\n")
        yard.features.define_entity("company", (Key(name="company"),))
        yard.features.define_view("v", SPEC)
        yard.features.define_view("v", msgspec.structs.replace(SPEC, delay_s=5))
        assert [v.version for v in yard.features.view_versions("v", limit=1).items] == [2]
        first, second = yard.features.materialise("v"), yard.features.materialise("v", version=1)
        again = yard.features.materialise("v")
        assert [m.view for m in yard.features.materialisations("v")] == [first.view, second.view]
        assert again.entities == 1
