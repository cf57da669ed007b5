"""Tokens, links and sessions: who is let in, and who no more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from modelyard.governance.api import OWNER, Governance, Role, TokenId
from modelyard.governance.service import Recognition
from modelyard.kernel.actors import SYSTEM
from modelyard.kernel.errors import Conflict, NotFound, Unauthenticated
from modelyard.kernel.operations import Effect, operations
from modelyard.kernel.refs import Ref
from tests.governance.yard import Yard


def test_the_first_start_makes_one_owner_and_the_second_none(house: Yard) -> None:
    house.bench.actor = SYSTEM
    assert house.bench.call(house.service.bootstrap_owner, Effect.WORK) is None
    assert house.recognition.may(house.owner, "lake:write", Ref("table:trips"))


def test_the_owner_stands_from_the_first_moment_and_keeps_its_id(house: Yard) -> None:
    assert house.owner.id == OWNER
    assert [m.id for m in house.api.actors().items] == [OWNER]


def test_no_secret_stands_anywhere_in_the_home(house: Yard) -> None:
    house.as_one(house.secret)
    link = house.api.sign_in_link()
    cookie = house.sign_in(link.code)
    kept = b"".join(p.read_bytes() for p in house.bench.home.rglob("*") if p.is_file())
    for secret in (house.secret, link.code, cookie):
        assert secret.encode() not in kept
        assert secret[8:].encode() not in kept


@pytest.mark.parametrize(
    "wrong",
    ["", "yard_", "yard_" + "A" * 43, "Bearer x", "yard_" + "A" * 42 + "\n", "x" * 100_000, "\ud800", "yard_\x00"],
)
def test_a_wrong_token_is_nobody(house: Yard, wrong: str) -> None:
    assert house.recognition.authenticate(wrong) is None
    assert house.recognition.session(wrong) is None


def test_a_token_is_no_session_and_a_session_no_token(house: Yard) -> None:
    cookie = house.sign_in(house.api.sign_in_link().code)
    assert house.recognition.session(house.secret) is None
    assert house.recognition.authenticate(cookie) is None


def test_an_expired_token_is_nobody_even_from_memory(house: Yard) -> None:
    made = house.api.create_token(house.owner.id, "short", days=1)
    assert house.recognition.authenticate(made.secret) is not None
    house.bench.clock.advance(timedelta(days=1))
    assert house.recognition.authenticate(made.secret) is None


def test_a_revoked_token_is_nobody_at_once(house: Yard) -> None:
    made = house.api.create_token(house.owner.id, "gone")
    assert house.recognition.authenticate(made.secret) is not None
    revoked = house.api.revoke_token(made.token.id)
    assert revoked.revoked_ms == house.bench.clock.now_ms()
    assert house.recognition.authenticate(made.secret) is None
    assert house.api.revoke_token(made.token.id) == revoked


def test_another_process_sees_a_revocation_within_a_second(house: Yard) -> None:
    other = Recognition(database=house.bench.database, clock=house.bench.clock)
    made = house.api.create_token(house.owner.id, "gone")
    assert other.authenticate(made.secret) is not None
    house.api.revoke_token(made.token.id)
    house.bench.clock.advance(timedelta(seconds=1.1))
    assert other.authenticate(made.secret) is None


def test_revoking_what_is_not_there_says_how_to_look(house: Yard) -> None:
    with pytest.raises(NotFound, match="yard governance tokens"):
        house.api.revoke_token(TokenId("tok_nothing"))


def test_a_disabled_actor_is_nobody_until_enabled(house: Yard) -> None:
    ada, secret = house.person("ada", Role.EDITOR)
    house.api.disable_actor(ada)
    assert house.recognition.authenticate(secret) is None
    house.api.enable_actor(ada)
    assert house.recognition.authenticate(secret) is not None


def test_nobody_disables_themselves(house: Yard) -> None:
    with pytest.raises(Conflict):
        house.api.disable_actor(house.owner.id)


def test_a_link_signs_in_once(house: Yard) -> None:
    link = house.api.sign_in_link()
    cookie = house.sign_in(link.code)
    who = house.recognition.session(cookie)
    assert who is not None and who.id == house.owner.id
    with pytest.raises(Unauthenticated):
        house.sign_in(link.code)


def test_a_link_is_over_after_ten_minutes(house: Yard) -> None:
    link = house.api.sign_in_link()
    house.bench.clock.advance(timedelta(minutes=10))
    with pytest.raises(Unauthenticated):
        house.sign_in(link.code)


@pytest.mark.parametrize("code", ["", "ylink_", "ylink_" + "A" * 43, "\ud800", "' OR 1=1 --", "x" * 100_000])
def test_a_made_up_code_signs_nobody_in(house: Yard, code: str) -> None:
    with pytest.raises(Unauthenticated):
        house.sign_in(code)


def test_every_sign_in_gets_a_cookie_of_its_own(house: Yard) -> None:
    first, second = (house.sign_in(house.api.sign_in_link().code) for _ in range(2))
    assert first != second
    assert house.recognition.session("ysess_" + "A" * 43) is None
    assert house.recognition.csrf(first) != house.recognition.csrf(second)
    assert house.recognition.csrf(first) == house.recognition.csrf(first)
    assert first not in house.recognition.csrf(first)


def test_an_idle_session_ends_and_a_used_one_lasts_a_week(house: Yard) -> None:
    idle, used = (house.sign_in(house.api.sign_in_link().code) for _ in range(2))
    for _ in range(20):
        house.bench.clock.advance(timedelta(hours=8))
        assert house.recognition.session(used) is not None
    assert house.recognition.session(idle) is None
    house.bench.clock.advance(timedelta(hours=9))
    assert house.recognition.session(used) is None


def test_use_is_written_coarsely_and_keeps_a_session_alive_elsewhere(house: Yard) -> None:
    cookie = house.sign_in(house.api.sign_in_link().code)
    house.bench.clock.advance(timedelta(hours=8))
    house.recognition.session(cookie)
    house.recognition.authenticate(house.secret)
    house.bench.call(house.service.write_uses, Effect.WORK)
    other = Recognition(database=house.bench.database, clock=house.bench.clock)
    house.bench.clock.advance(timedelta(hours=8))
    assert other.session(cookie) is not None
    used = house.api.tokens().items[0].used_ms
    assert used == house.bench.clock.now_ms() - 8 * 3_600_000


def test_sign_out_ends_own_sessions_alone(house: Yard) -> None:
    ada, secret = house.person("ada", Role.VIEWER)
    mine = house.sign_in(house.api.sign_in_link().code)
    house.as_one(secret)
    hers = house.sign_in(house.api.sign_in_link().code)
    foreign = house.recognition.session(mine)
    assert foreign is not None
    assert [s.actor for s in house.api.sessions()] == [ada]
    assert house.api.sign_out() == 1
    assert house.recognition.session(hers) is None
    assert house.recognition.session(mine) is not None


def test_nobody_ends_a_foreign_session(house: Yard) -> None:
    mine = house.sign_in(house.api.sign_in_link().code)
    session = house.api.sessions()[0]
    _, secret = house.person("ada", Role.VIEWER)
    house.as_one(secret)
    assert house.api.sign_out(session.id) == 0
    assert house.recognition.session(mine) is not None


def test_the_cookie_ends_its_own_session(house: Yard) -> None:
    cookie = house.sign_in(house.api.sign_in_link().code)
    assert house.bench.call(lambda: house.service.end(cookie), Effect.WORK)
    assert house.recognition.session(cookie) is None
    assert not house.bench.call(lambda: house.service.end("nonsense"), Effect.WORK)


def test_revoking_a_token_ends_its_sessions_and_unused_links(house: Yard) -> None:
    made = house.api.create_token(house.owner.id, "laptop")
    house.as_one(made.secret)
    cookie = house.sign_in(house.api.sign_in_link().code)
    unused = house.api.sign_in_link()
    session = house.recognition.session(cookie)
    assert session is not None
    house.bench.actor = session
    from_session = house.api.sign_in_link()
    house.bench.actor = house.owner
    house.api.revoke_token(made.token.id)
    assert house.recognition.session(cookie) is None
    for link in (unused, from_session):
        with pytest.raises(Unauthenticated):
            house.sign_in(link.code)


def test_a_session_ends_with_the_token_it_came_from(house: Yard) -> None:
    made = house.api.create_token(house.owner.id, "day", days=1)
    house.as_one(made.secret)
    cookie = house.sign_in(house.api.sign_in_link().code)
    house.bench.clock.advance(timedelta(hours=11))
    assert house.recognition.session(cookie) is not None
    house.bench.clock.advance(timedelta(hours=11))
    assert house.recognition.session(cookie) is not None
    house.bench.clock.advance(timedelta(hours=2))
    assert house.recognition.session(cookie) is None


def test_a_lost_owner_token_is_replaced_and_the_old_one_stops(house: Yard) -> None:
    house.bench.actor = SYSTEM
    made = house.bench.call(house.service.reissue_owner_token, Effect.WORK)
    assert made.secret != house.secret
    assert house.recognition.authenticate(house.secret) is None
    assert house.known(made.secret).id == house.owner.id


def test_a_hit_costs_a_microsecond_or_little_more(house: Yard) -> None:
    import timeit

    house.bench.clock.advance(timedelta(seconds=60))
    house.recognition.authenticate(house.secret)
    cost_us = min(timeit.repeat(lambda: house.recognition.authenticate(house.secret), number=2000, repeat=5)) / 2000
    assert cost_us * 1e6 < 20


def test_answers_that_hold_a_secret_are_never_kept_for_a_repeat() -> None:
    secret = {op.method for op in operations(Governance) if op.confidential}
    assert secret == {"create_token", "sign_in_link", "invite"}
