"""The stream of runs that go on: from now, from a mark, and read once for all who wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from modelyard.app.house import House
from modelyard.governance.api import Role
from modelyard.kernel.actors import Actor
from modelyard.kernel.errors import Forbidden, InvalidInput, NotFound
from modelyard.tracking.api import Point
from modelyard.ui import follows
from modelyard.ui.kit.calls import POINTS, Hub, PageNews
from modelyard.ui.kit.pages import Ask, Told

AT = datetime(2026, 11, 28, tzinfo=UTC)
((_, FOLLOW),) = follows.screens().streams


class Calls:
    """The calls of the owner."""

    actor_name, roles, csrf_token = "owner", ("owner",), ""

    def __init__(self, house: House, actor: Actor | None = None) -> None:
        self.hub: Hub = house.yard(actor)


async def beats(many: int) -> AsyncIterator[PageNews | None]:
    for i in range(many):
        yield PageNews(i, POINTS, AT + timedelta(seconds=i))


def asked(run: str, last: str = "") -> Ask:
    return Ask("/follow", {}, {"run": (run,), **({"last": (last,)} if last else {})}, {}, AT)


def told(house: House, ask: Ask, *, many: int = 1) -> list[Told]:
    async def collect() -> list[Told]:
        return [one async for one in FOLLOW(Calls(house), ask, beats(many)) if one is not None]

    return asyncio.run(collect())


async def _next(stream: AsyncIterator[Told | None]) -> AsyncIterator[Told]:
    if (one := await anext(stream)) is not None:
        yield one


def points(one: Told) -> dict[str, list[list[float]]]:
    return dict(next(iter(msgspec.json.decode(one.body)["tails"]), {"points": {}})["points"])


def test_a_reader_that_comes_back_is_told_what_it_missed_and_nothing_twice(house: House) -> None:
    tracking = house.yard().tracking
    run = tracking.start_run().id
    tracking.log(run, [Point(key="loss", value=1.0, at_ms=1, step=0)])
    (first,) = told(house, asked(run))
    assert points(first) == {} and first.mark
    tracking.log(run, [Point(key="loss", value=0.5, at_ms=2, step=1)])
    again = told(house, asked(run, first.mark))
    assert points(again[0]) == {"loss": [[1, 2, 0.5]]} and again[0].mark != first.mark
    assert points(told(house, asked(run, again[0].mark))[0]) == {}


def test_what_came_meanwhile_is_told_at_the_next_beat(house: House) -> None:
    tracking = house.yard().tracking
    run = tracking.start_run().id

    async def follow() -> list[dict[str, list[list[float]]]]:
        stream = FOLLOW(Calls(house), asked(run), beats(2))
        heard = [await anext(stream)]
        tracking.log(run, [Point(key="loss", value=0.25, at_ms=3, step=2)])
        heard += [one async for one in stream]
        return [points(one) for one in heard if one is not None]

    assert asyncio.run(follow()) == [{}, {"loss": [[2, 3, 0.25]]}]


def test_a_reader_whose_right_is_taken_away_hears_no_more(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follows, "ASK_EVERY_S", 0.0)
    owner = house.yard()
    run = owner.tracking.start_run().id
    member = owner.governance.create_actor("ada")
    granted = owner.governance.grant(member.id, Role.VIEWER)
    ada = Actor(id=member.id, name="ada", scopes=frozenset({"*"}))

    async def follow() -> None:
        stream = FOLLOW(Calls(house, ada), asked(run), beats(50))
        assert [points(one) async for one in _next(stream)] == [{}]
        owner.tracking.log(run, [Point(key="loss", value=0.5, at_ms=1, step=0)])
        assert [points(one) async for one in _next(stream)] == [{"loss": [[0, 1, 0.5]]}]
        owner.governance.revoke_grant(granted.id)
        owner.tracking.log(run, [Point(key="loss", value=0.1, at_ms=2, step=1)])
        with pytest.raises(Forbidden):
            await anext(stream)

    asyncio.run(follow())


def test_a_stream_of_nothing_or_of_too_many_is_refused(house: House) -> None:
    with pytest.raises(InvalidInput):
        told(house, Ask("/follow", {}, {}, {}, AT))
    with pytest.raises(NotFound):
        told(house, asked("0" * 32))
    with pytest.raises(InvalidInput):
        told(house, Ask("/follow", {}, {"run": tuple(str(i) for i in range(51))}, {}, AT))
