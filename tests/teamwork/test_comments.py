"""Comments on anything, and whom they call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.refs import Ref
from modelyard.teamwork.api import Teamwork
from modelyard.teamwork.model import mentioned
from modelyard.teamwork.service import TeamworkService
from modelyard.teamwork.store import MIGRATIONS
from modelyard.testing import Bench

TIPS = Ref("model:tips@3")


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench(migrations=MIGRATIONS) as made:
        yield made


@pytest.fixture
def team(bench: Bench) -> Teamwork:
    return bench.open(Teamwork, TeamworkService())


def test_a_comment_stands_with_its_author_newest_first(bench: Bench, team: Teamwork) -> None:
    bench.act_as("ada")
    first = team.comment(TIPS, "First")
    bench.act_as("bob")
    second = team.comment(TIPS, "Second")
    assert team.comments(TIPS).items == [second, first]
    assert (first.author_name, second.author_name) == ("ada", "bob")


def test_without_a_version_all_versions_are_meant(team: Teamwork) -> None:
    team.comment(TIPS, "on three")
    team.comment(Ref("model:tips"), "on all")
    team.comment(Ref("model:tipsy@1"), "on another")
    assert [c.text for c in team.comments(Ref("model:tips")).items] == ["on all", "on three"]
    assert [c.text for c in team.comments(TIPS).items] == ["on three"]


def test_who_is_mentioned_finds_it(bench: Bench, team: Teamwork) -> None:
    team.comment(TIPS, "Look, @ada and @ada again")
    bench.act_as("bob")
    assert team.mentions().items == []
    bench.act_as("ada")
    assert [c.mentions for c in team.mentions().items] == [("ada",)]


def test_a_long_thread_comes_in_parts(team: Teamwork) -> None:
    for i in range(5):
        team.comment(TIPS, f"number {i}")
    page = team.comments(TIPS, limit=3)
    rest = team.comments(TIPS, limit=3, cursor=page.next)
    assert [c.text[-1] for c in page.items + rest.items] == ["4", "3", "2", "1", "0"] and rest.next is None


def test_the_news_carries_no_text(bench: Bench, team: Teamwork) -> None:
    team.comment(TIPS, "between us, @ada")
    (event,) = bench.events("teamwork.comment_added")
    assert event.reads == (TIPS,) and b"between" not in bytes(event.body)


@pytest.mark.parametrize("about", ["", "tips", "model:", "Model:tips", "model:a@b@c"])
def test_what_is_no_ref_takes_no_comment(team: Teamwork, about: str) -> None:
    with pytest.raises(InvalidInput):
        team.comment(Ref(about), "x")
    with pytest.raises(InvalidInput):
        team.comments(Ref(about))


def test_an_empty_comment_is_refused(team: Teamwork) -> None:
    for text in (" \n ", "a\x00b"):
        with pytest.raises(InvalidInput):
            team.comment(TIPS, text)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "'; drop table teamwork_comment; --", "é\u202e@ada"])
def test_hostile_text_is_kept_as_it_is(team: Teamwork, text: str) -> None:
    assert team.comment(TIPS, text).text == text
    assert team.comments(TIPS).items[0].text == text


@given(st.text(alphabet="@a`. -_é\n", max_size=400))
def test_mentions_are_few_names_that_stand_in_the_text(text: str) -> None:
    names = mentioned(text)
    assert len(set(names)) == len(names) <= 50
    assert all("@" + name in text for name in names)


def test_finding_mentions_takes_no_time_on_hostile_text() -> None:
    assert mentioned("`" * 10_000) == () and mentioned("@" * 10_000) == ()
    assert mentioned("@" + "a-" * 5_000)[0].startswith("a-a")
