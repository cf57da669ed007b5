"""Who did what: the list, its filters, the verdict, and following what happens."""

from __future__ import annotations

from datetime import timedelta

import pytest

from modelyard.kernel.actors import SYSTEM
from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.events import Event
from modelyard.kernel.operations import Effect
from tests.governance.yard import Yard


def test_the_audit_names_the_actor_and_filters(house: Yard) -> None:
    house.bench.call(lambda: None, operation="lake.drop")
    house.bench.actor = SYSTEM
    house.bench.call(lambda: None, operation="lake.sweep")
    house.bench.actor = house.owner
    rows = house.api.audit(operation="lake.drop").items
    assert [(r.operation, r.actor_name, r.outcome) for r in rows] == [("lake.drop", "owner", "ok")]
    assert [r.actor_name for r in house.api.audit(actor=SYSTEM.id, operation="lake.sweep").items] == ["system"]
    assert house.api.audit(outcome="forbidden").items == []


def test_the_audit_goes_on_where_it_stopped(house: Yard) -> None:
    for i in range(5):
        house.bench.call(lambda: None, operation=f"lake.o{i}")
    first = house.api.audit(limit=2)
    second = house.api.audit(limit=2, cursor=first.next)
    assert [r.operation for r in first.items + second.items] == ["lake.o4", "lake.o3", "lake.o2", "lake.o1"]


@pytest.mark.parametrize("cursor", ["", "x", "WyJhIl0", "W10", "é"])
def test_a_foreign_cursor_is_refused(house: Yard, cursor: str) -> None:
    with pytest.raises(InvalidInput):
        house.api.audit(cursor=cursor)
    with pytest.raises(InvalidInput):
        house.api.events(cursor=cursor)


def test_the_chain_is_intact(house: Yard) -> None:
    house.person("ada")
    verdict = house.api.verify_audit()
    assert verdict.intact and verdict.broken_at is None and verdict.checked > 0


def test_secrets_are_in_no_event_and_no_audit_row(house: Yard) -> None:
    made = house.api.create_token(house.owner.id, "ci")
    told = b"".join(bytes(e.body) for e in house.api.events().items)
    told += "".join(r.detail for r in house.api.audit().items).encode()
    assert made.secret[8:].encode() not in told and made.token.id.encode() in told


def test_following_gives_what_is_there_and_ends(house: Yard) -> None:
    ids = [e.id for e in house.bench.events()]

    def listen() -> list[Event]:
        return list(house.service.follow(after=0, seconds=0))

    assert [e.id for e in house.bench.call(listen, Effect.SCAN)] == ids


def test_following_from_now_on_waits_for_news(house: Yard) -> None:
    last = len(house.bench.events())
    flow = house.bench.call(lambda: house.service.follow(after=last), Effect.SCAN)
    ada, _ = house.person("ada")
    assert house.bench.call(lambda: next(flow), Effect.SCAN).kind == "governance.actor_created"
    house.bench.clock.advance(timedelta(seconds=300))
    rest = house.bench.call(lambda: list(flow), Effect.SCAN)
    assert [e.kind for e in rest] == ["governance.token_created"]
    assert ada
