"""Finding runs and logged models in MLflow's filter language."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.kernel.errors import InvalidInput
from modelyard.tracking.api import (
    Dataset,
    DatasetFilter,
    DatasetInput,
    ModelLogged,
    ModelOrder,
    ModelStatus,
    Point,
    RunStatus,
    Special,
)
from modelyard.tracking.model.filters import RUNS, Condition, Entity, parse, parse_order
from modelyard.tracking.store import search
from tests.tracking.conftest import Workplace


@pytest.fixture
def fleet(place: Workplace) -> Workplace:
    """Six runs, r0 the oldest; r4 has a metric that is no number, r5 none."""
    yard = place.tracking
    for i in range(6):
        run = yard.start_run("0", f"r{i}", {"kind": "Even" if i % 2 == 0 else "odd"})
        points = [] if i == 5 else [Point(key="f1", value=Special.NAN if i == 4 else i / 10, at_ms=1)]
        yard.log(run.id, points, {"depth": str(i), **({"note": "x" * 500 + str(i)} if i < 2 else {})})
        place.bench.clock.advance(timedelta(seconds=1))
    return place


def named(place: Workplace, where: str = "", order_by: list[str] | None = None) -> str:
    return " ".join(r.name for r in place.tracking.runs(None, where, order_by).items)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("", "r5 r4 r3 r2 r1 r0"),
        ("metrics.f1 > 0.1", "r3 r2"),
        ("metric.f1 >= 0.1 and metrics.f1 < 3e-1", "r2 r1"),
        ("metrics.`f1` = 0", "r0"),
        ('metrics."f1" != 0', "r4 r3 r2 r1"),
        ("metrics.f1 < 0", ""),
        ("params.depth = '3'", "r3"),
        ("params.depth != '3'", "r5 r4 r2 r1 r0"),
        ("parameter.depth LIKE '%3%' AND tags.kind = 'odd'", "r3"),
        ("tags.kind LIKE 'even'", ""),
        ("tags.kind ILIKE 'even'", "r4 r2 r0"),
        ("tags.kind LIKE 'E_en'", "r4 r2 r0"),
        ("tags.kind like 'E*'", ""),
        ("params.note IS NULL", "r5 r4 r3 r2"),
        ("params.note IS NOT NULL", "r1 r0"),
        ("params.note = '" + "x" * 500 + "1'", "r1"),
        ("tags.nothing = 'x'", ""),
        ("run_name = 'r1'", "r1"),
        ("attributes.`Run name` LIKE 'r%' and status = 'RUNNING' AND params.depth = '0'", "r0"),
        ("attributes.start_time > 0 AND attr.end_time > 0", ""),
        ("attributes.created < 5", ""),
        ("AND metrics.f1 > 0.1 AND AND params.depth = '3' tags.kind = 'odd' AND", "r3"),
    ],
)
def test_a_filter_finds(fleet: Workplace, where: str, found: str) -> None:
    assert named(fleet, where) == found


@pytest.mark.parametrize(
    "orders", [[], ["start_time"], ["metrics.f1 DESC"], ["params.depth"], ["tags.kind", "end_time"]]
)
def test_large_sets_choose_what_small_ones_do(
    fleet: Workplace, orders: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wheres = [
        "metrics.f1 > 0.1", "metrics.f1 >= 0.1 and params.depth != '2' and tags.kind = 'odd'", "metrics.f1 != 0",
        "params.depth = '3' and tags.kind = 'odd' and metrics.f1 > 0", "tags.nothing = 'x'",
        "params.note = '" + "x" * 500 + "1'", "tags.kind = 'Even' and params.depth LIKE '%' and metrics.f1 >= 0",
        "status = 'RUNNING' and params.depth != '1' and tags.kind = 'odd'", "status = 'RUNNING'",
    ]  # fmt: skip
    small = [named(fleet, where, orders) for where in wheres]
    for size in (0, 1, 2):
        monkeypatch.setattr(search, "_SMALL", size)
        assert [named(fleet, where, orders) for where in wheres] == small, size
        for where, whole in zip(wheres, small, strict=True):
            windows = [fleet.tracking.board(None, where, orders, first=at, limit=2).rows for at in (0, 2, 4)]
            assert " ".join(r.name for rows in windows for r in rows) == whole, (size, where)
    assert len(set(small)) == len(wheres)


def test_runs_are_found_by_a_list_of_ids(fleet: Workplace) -> None:
    ids = [r.id for r in fleet.tracking.runs(None, "params.depth = '1'").items]
    assert named(fleet, f"run_id IN ('{ids[0]}', 'nobody')") == "r1"
    assert named(fleet, f"run_id NOT IN ('{ids[0]}')") == "r5 r4 r3 r2 r0"


@pytest.mark.parametrize(
    ("order", "found"),
    [
        (["metrics.f1 DESC"], "r3 r2 r1 r0 r4 r5"),
        (["metrics.f1"], "r0 r1 r2 r3 r4 r5"),
        (["params.depth asc"], "r0 r1 r2 r3 r4 r5"),
        (["tag.kind", "metrics.f1 DESC"], "r2 r0 r4 r3 r1 r5"),
        (["start_time ASC"], "r0 r1 r2 r3 r4 r5"),
        (["attributes.run_name DESC"], "r5 r4 r3 r2 r1 r0"),
        (["params.`missing` DESC"], "r5 r4 r3 r2 r1 r0"),
    ],
)
def test_an_order_puts_what_is_missing_last(fleet: Workplace, order: list[str], found: str) -> None:
    assert named(fleet, "", order) == found
    assert named(fleet, "metrics.f1 >= 0", ["metrics.f1 DESC"]) == "r3 r2 r1 r0"


def test_pages_go_on_where_the_last_one_ended(fleet: Workplace) -> None:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = fleet.tracking.runs(["0"], order_by=["metrics.f1"], limit=4, cursor=cursor)
        seen += [r.name for r in page.items]
        if (cursor := page.next) is None:
            break
    assert seen == ["r0", "r1", "r2", "r3", "r4", "r5"]
    assert fleet.tracking.runs([]).items == []
    with pytest.raises(InvalidInput):
        fleet.tracking.runs(cursor="nonsense")


def test_runs_are_found_by_their_datasets(fleet: Workplace) -> None:
    run = fleet.tracking.runs(None, "params.depth = '2'").items[0].id
    data = DatasetInput(dataset=Dataset(name="trips", digest="abc"), tags={"mlflow.data.context": "train"})
    fleet.tracking.log_inputs(run, [data])
    assert named(fleet, "dataset.name = 'trips' AND datasets.context LIKE 'tr%'") == "r2"
    assert named(fleet, "dataset.digest IN ('abc', 'def')") == "r2"
    assert named(fleet, "dataset.name = 'other'") == ""


@pytest.mark.parametrize(
    "where",
    [
        "metrics.f1", "metrics.f1 >", "metrics.f1 > 'a'", "params.a > '1'", "params.a = 1", "params.a = b",
        "metrics.f1 > +1",
        "metrics.f1 > 1 OR metrics.f1 < 1", "metrics.f1 > 1 NOT metrics.f1 < 2", "nothing.a = 'x'", "nothing = 'x'",
        "status IN ('a')", "run_id IN ()", "run_id IN (1)", "run_id IN ('a'", "metrics.f1 LIKE 'a'", "start_time = 'a'",
        "metrics.f1 IS NULL", "status > 'a'", "metrics.f1 > 1;", "metrics.a-b > 1",
        "dataset.size = 'x'",
        "a = 'unclosed",
        "metrics.f1 IN ('a')", "metrics.f1 > 1 AND OR", "'a' = 'b'", "(", "=",
    ],
)  # fmt: skip
def test_a_filter_that_cannot_be_read_is_refused(where: str) -> None:
    with pytest.raises(InvalidInput):
        parse(where, RUNS)


@pytest.mark.parametrize(
    "order", ["", "a b c", "metrics.f1 sideways", "nothing.x", "nothing", "dataset.name", "a.b.c d e"]
)
def test_an_order_that_cannot_be_read_is_refused(order: str) -> None:
    with pytest.raises(InvalidInput):
        parse_order(order, RUNS)


def test_an_order_must_not_name_a_key_twice(small: Workplace) -> None:
    with pytest.raises(InvalidInput, match="duplicate"):
        small.tracking.runs(None, "", ["start_time", "created DESC"])


@given(st.text(max_size=60))
def test_the_reader_of_filters_ends_with_conditions_or_a_refusal(text: str) -> None:
    try:
        parse(text, RUNS)
    except InvalidInput:
        return


KEYS = st.text(alphabet="abcXYZ019 ./-_:", min_size=1, max_size=12).filter(lambda k: k.strip() == k)
VALUES = st.text(max_size=20).filter(lambda v: "'" not in v and "\\" not in v)


@given(
    st.lists(
        st.tuples(st.sampled_from(["params", "tags"]), KEYS, st.sampled_from(["=", "!=", "LIKE"]), VALUES),
        min_size=1,
        max_size=5,
    )
)
def test_a_written_filter_is_read_back(parts: list[tuple[str, str, str, str]]) -> None:
    text = " AND ".join(f"{e}.`{k}` {c} '{v}'" for e, k, c, v in parts)
    kinds = {"params": Entity.PARAM, "tags": Entity.TAG}
    assert parse(text, RUNS) == [Condition(kinds[e], k, c, v) for e, k, c, v in parts]


def test_logged_models_are_found_by_metrics_on_a_dataset(place: Workplace) -> None:
    yard = place.tracking
    run = yard.start_run()
    for i in range(3):
        model = yard.create_logged_model("0", f"m{i}", run.id, params={"depth": str(i)}, tags={"team": "a"})
        points = [
            Point(key="f1", value=i / 10, at_ms=1, model=model.id, dataset="train", dataset_digest="d"),
            Point(key="f1", value=1 - i / 10, at_ms=2, model=model.id, dataset="test", dataset_digest="d"),
        ]
        yard.log(run.id, points)
        yard.log(run.id, points)
        place.bench.clock.advance(timedelta(seconds=1))

    def found(where: str = "", order: list[ModelOrder] | None = None, data: list[DatasetFilter] | None = None) -> str:
        return " ".join(m.name for m in yard.logged_models(["0"], where, order, datasets=data).items)

    assert found() == "m2 m1 m0"
    assert found("metrics.f1 > 0.85") == "m1 m0"
    assert found("metrics.f1 > 0.15", data=[DatasetFilter(name="train", digest="d")]) == "m2"
    assert found("params.depth = '1' AND tags.team = 'a' AND name LIKE 'm%'") == "m1"
    assert found(data=[DatasetFilter(name="none")]) == ""
    assert found(order=[ModelOrder(field="metrics.f1", ascending=False)]) == "m0 m1 m2"
    assert found(order=[ModelOrder(field="metrics.f1", ascending=False, dataset="train")]) == "m2 m1 m0"
    assert found(order=[ModelOrder(field="creation_time")]) == "m0 m1 m2"
    assert len(yard.logged_model(yard.logged_models(["0"]).items[0].id).metrics) == 2
    with pytest.raises(InvalidInput):
        found(order=[ModelOrder(field="params.depth")])


def test_a_logged_model_is_announced_completed_and_set_aside(place: Workplace) -> None:
    yard = place.tracking
    run = yard.start_run()
    model = yard.create_logged_model("0", "gbm", run.id)
    assert (model.status, model.artifact_uri) == (
        ModelStatus.PENDING,
        f"mlflow-artifacts:/0/models/{model.id}/artifacts",
    )
    assert yard.finalize_logged_model(model.id).status is ModelStatus.READY
    yard.finalize_logged_model(model.id)
    logged = place.bench.events(ModelLogged)
    assert len(logged) == 1
    assert (logged[0].reads, logged[0].writes) == ((f"run:{run.id}",), (f"logged_model:{model.id}",))
    yard.log_model_params(model.id, {"a": "1"})
    yard.log_model_params(model.id, {"a": "1", "b": "2"})
    with pytest.raises(InvalidInput, match="cannot become"):
        yard.log_model_params(model.id, {"a": "2"})
    assert yard.tag_logged_model(model.id, {"t": "1"}).tags == {"t": "1"}
    yard.untag_logged_model(model.id, "t")
    yard.delete_logged_model(model.id)
    with pytest.raises(Exception, match="not found"):
        yard.logged_model(model.id)
    assert yard.logged_model(model.id, deleted=True).params == {"a": "1", "b": "2"}
    assert yard.logged_models(["0"]).items == []


def test_a_run_that_is_over_is_found_by_its_status(fleet: Workplace) -> None:
    run = fleet.tracking.runs(None, "params.depth = '0'").items[0].id
    fleet.tracking.update_run(run, RunStatus.FAILED)
    assert named(fleet, "attributes.status = 'FAILED'") == "r0"
    assert named(fleet, "attributes.end_time > 0") == "r0"
