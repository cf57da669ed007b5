"""The pages of branches, differences and SQL over a real house."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.app.house import House
from modelyard.lake.api import Declared, Mode
from modelyard.ui.kit.commits import Commit, strands

if TYPE_CHECKING:
    from tests.ui.conftest import Reader

EVIL = "<b onclick=alert(1)>x</b>"


@pytest.fixture(scope="module")
def house(bare: House) -> House:
    lake = bare.yard().lake
    lake.load("fares", [b"id,fare,who\n1,2.5,ana\n2,3.5,bo\n3,4.5,cy\n"], source="a.csv", schema=Declared(keys=("id",)))
    lake.load("fares", [f"id,fare,who\n2,9.5,{EVIL}\n4,1.0,di\n".encode()], source="b.csv", mode=Mode.MERGE)
    lake.create_branch("night", description="a load by night")
    lake.load("fares", [b"id,fare,who\n5,7.5,eve\n"], source="c.csv", branch="night")
    return bare


def test_the_history_of_a_table_shows_the_versions_of_its_branches_in_lanes(reader: Reader) -> None:
    data = reader.twin("/tables/fares")
    assert [(s["version"], s["branch"]) for s in data["history"]] == [(3, "night"), (2, "main"), (1, "main")]
    assert [k["lane"] for k in data["strands"]["knots"]] == [1, 0, 0]
    assert "/branches/night" in reader.get("/tables/fares").text


def test_a_difference_names_rows_by_key_and_values_before_and_after(reader: Reader) -> None:
    data = reader.twin("/tables/fares/diff?base=1&target=2")
    assert (data["found"]["added"], data["found"]["changed"], data["found"]["removed"]) == (1, 1, 0)
    changed = next(row for row in data["rows"] if row["sign"] == "~")
    assert changed["key"] == "id 2" and {c["column"]: c["old"] for c in changed["cells"]}["who"] == "bo"
    page = reader.get("/tables/fares/diff?base=1&target=2").text
    assert EVIL not in page and "&lt;b onclick" in page
    assert "No row differs" in reader.get("/tables/fares/diff?base=2&target=2").text
    assert reader.get("/tables/fares/diff?base=99").status_code == 404


def test_a_branch_shows_where_it_goes_its_own_way_and_can_be_given_up(house: House, reader: Reader) -> None:
    move = reader.twin("/branches/night")["moves"][0]
    assert (move["table"], move["fate"], move["now"], move["then"], move["added"]) == (
        "fares",
        "forward",
        "@2",
        "@3",
        1,
    )
    assert reader.get(move["diff"]).status_code == 200
    assert "1 branch is open beside main" in reader.get("/branches").text
    made = reader.fill("/branches/make", name="short", source="night", description="")
    assert (made.status_code, made.headers["location"]) == (303, "/branches/short")
    assert reader.fill("/branches/make", name="../x").status_code == 422
    assert reader.fill("/branches/short/discard").status_code == 303
    assert "discarded" in reader.get("/branches/short").text
    assert house.yard().lake.table("fares", at="night").rows == 5


def test_a_query_shows_rows_plan_and_what_it_read(reader: Reader) -> None:
    data = reader.twin("/sql?q=select+who,+fare+from+fares+order+by+fare")
    assert [row["cells"][0] for row in data["answer"]["rows"]][:2] == ["di", "ana"] and not data["cut"]
    assert data["reads"] == ["table:fares@2"] and data["plan"]
    page = reader.get("/sql?q=select+who+from+fares").text
    assert EVIL not in page and "&lt;b onclick" in page
    assert reader.twin("/sql?q=select+count(*)+n+from+fares&at=night")["answer"]["rows"][0]["cells"] == [5]


def test_an_answer_of_many_rows_is_cut_and_says_so(reader: Reader) -> None:
    data = reader.twin("/sql?q=select+a.fare+from+fares+a,+range(1000)+r")
    assert data["cut"] and len(data["answer"]["rows"]) == 500


@pytest.mark.parametrize("query", ["drop table fares", "select nothing from fares", "select * from '/etc/passwd'"])
def test_what_cannot_be_answered_keeps_its_text_and_says_why(reader: Reader, query: str) -> None:
    answer = reader.get("/sql", params={"q": query})
    assert answer.status_code == 200 and "It cannot be answered" in answer.text
    assert query.replace("'", "&#39;") in answer.text


def test_an_answer_becomes_a_table_with_its_origin(house: House, reader: Reader) -> None:
    query = "select who, fare * 2 as twice from fares"
    done = reader.fill("/sql/keep", q=query, name="doubled")
    assert (done.status_code, done.headers["location"]) == (303, "/tables/doubled")
    assert house.yard().lake.history("doubled").items[0].reads == ("table:fares@2",)
    again = reader.fill("/sql/keep", q=query, name="doubled")
    assert again.status_code == 422 and "already" in again.text
    over = reader.fill("/sql/keep", q=query, name="doubled", replace="yes")
    assert over.status_code == 303 and house.yard().lake.table("doubled").version == 2


@given(st.lists(st.tuples(st.sampled_from(["main", "a", "b"]), st.integers(0, 8), st.integers(0, 8)), max_size=9))
def test_every_version_is_drawn_once_and_every_line_begins_at_one(rows: list[tuple[str, int, int]]) -> None:
    commits = [
        Commit(n, branch, parent if 0 < parent < n else None, merged if 0 < merged < n else None)
        for n, (branch, parent, merged) in reversed(list(enumerate(rows, 1)))
    ]
    drawn = strands(commits)
    assert len(drawn.knots) == len(commits) == len({(k.x, k.y) for k in drawn.knots})
    places = {f"M{k.x} {k.y}" for k in drawn.knots}
    assert all(any(t.path.startswith(place) for place in places) for t in drawn.threads)
    assert len(drawn.threads) == sum((c.parent is not None) + (c.merged is not None) for c in commits)
