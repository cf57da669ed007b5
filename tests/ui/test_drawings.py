from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.ui.kit import drawings, graphs, series
from modelyard.ui.kit.refs import shown

NOW = datetime(2026, 11, 22, 23, 41, 7, tzinfo=UTC)


def test_a_spark_breaks_where_a_value_is_missing() -> None:
    spark = drawings.spark([1, 2, None, 4, 5])
    assert spark is not None and spark.path.count("M") == 2
    assert drawings.spark([1, None]) is None


@given(st.lists(st.one_of(st.none(), st.floats(-1e12, 1e12)), max_size=40))
def test_a_spark_stays_in_its_box(values: list[float | None]) -> None:
    spark = drawings.spark(values)
    if spark is not None:
        pairs = re.findall(r"[ML](\S+) (\S+?)(?=[ML]|$)", spark.path)
        assert all(0 <= float(x) <= 72 and 0 <= float(y) <= 18 for x, y in pairs)


@pytest.mark.parametrize(
    ("interval", "lower_is_better", "guard", "tone"),
    [
        ((0.3, 0.1, 0.5), False, 0.0, "ok"),
        ((-0.3, -0.5, -0.1), True, 0.0, "ok"),
        ((0.3, 0.1, 0.5), True, 0.0, "bad"),
        ((0.3, 0.1, 0.5), True, 1.0, "flat"),
        ((0.1, -0.1, 0.3), False, 0.0, "flat"),
    ],
)
def test_a_forest_row_is_coloured_only_by_evidence(
    interval: tuple[float, float, float], lower_is_better: bool, guard: float, tone: str
) -> None:
    row = drawings.forest(*interval, reach=1.0, lower_is_better=lower_is_better, guard=guard)
    assert row.tone == tone and float(row.low) <= float(row.point) <= float(row.high)


def test_a_small_count_still_shows() -> None:
    assert [bar.height for bar in drawings.histogram([0, 1, 1_000_000])] == ["0", "1", "24"]


def test_a_timeline_ends_now_and_marks_what_still_holds() -> None:
    lanes = [
        drawings.Lane(
            "production",
            (
                drawings.Span("@1", NOW - timedelta(days=9), NOW - timedelta(days=3)),
                drawings.Span("@2", NOW - timedelta(days=3)),
            ),
        )
    ]
    ((_, _, _, (first, second)),) = drawings.timeline(lanes, now=NOW).lanes
    assert (first.now, second.now) == (False, True)
    assert float(first.x) + float(first.width) <= float(second.x)


def test_a_chart_leaves_gaps_and_keeps_its_floor() -> None:
    plot = drawings.plot([0, 1, 2, 3], [drawings.Line("a", (1.0, None, 3.0, 4.0), area=True)], floor=0.0)
    assert plot.paths[0][0].count("M") == 2
    assert plot.yticks[0][1] == "0"


edges = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30)


@given(edges)
def test_every_node_has_its_own_place_even_in_a_circle(pairs: list[tuple[int, int]]) -> None:
    nodes = [graphs.Node(f"n:{i}", str(i)) for i in range(10)]
    drawing = graphs.layout(nodes, [graphs.Link(f"n:{a}", f"n:{b}") for a, b in pairs])
    places = {(p.x, p.y) for p in drawing.nodes}
    assert len(places) == 10
    assert all(x >= 0 and x + drawing.box_width <= drawing.width for x, _ in places)
    assert all(y >= 0 and y + drawing.box_height <= drawing.height for _, y in places)


@given(edges)
def test_without_circles_every_arrow_points_right(pairs: list[tuple[int, int]]) -> None:
    forward = [graphs.Link(str(min(a, b)), str(max(a, b))) for a, b in pairs if a != b]
    column = graphs.columns([str(i) for i in range(10)], forward)
    assert all(column[link.source] < column[link.target] for link in forward)


def test_curves_must_be_as_long_as_their_steps() -> None:
    with pytest.raises(ValueError, match="loss"):
        series.pack([0.0, 1.0], [series.Curve("loss", [1.0])])


def test_a_ref_is_taken_apart_for_the_eye() -> None:
    ref = shown("model:tips@7")
    assert (ref.kind, ref.name, ref.version, ref.href) == ("model", "tips", "7", "/models/tips?version=7")
    assert shown("table:a%40b").href == "/tables/a%40b"
    assert shown("no ref at all").href == "/lineage?ref=no%20ref%20at%20all"
