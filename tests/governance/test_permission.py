"""Deny by default, confinement, and nobody hands out more than they hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.governance.api import Role
from modelyard.governance.model.permission import ROLES, Holding, may_hand_out, permitted
from modelyard.kernel.actors import SYSTEM, Actor
from modelyard.kernel.errors import AlreadyExists, Conflict, Forbidden
from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref, ref
from tests.governance.yard import Yard


def test_an_actor_without_a_grant_may_nothing_but_ask_who_it_is(house: Yard) -> None:
    _, secret = house.person("ada")
    ada = house.as_one(secret)
    assert not house.recognition.may(ada, "lake:read", None)
    assert house.recognition.may(ada, "governance:self", None)
    assert house.api.whoami().name == "ada"


def test_a_grant_counts_at_once_and_its_end_too(house: Yard) -> None:
    ada, secret = house.person("ada")
    who = house.known(secret)
    given = house.api.grant(ada, Role.EDITOR)
    assert house.recognition.may(who, "lake:write", Ref("table:trips"))
    house.api.revoke_grant(given.id)
    assert not house.recognition.may(who, "lake:write", Ref("table:trips"))


def test_a_grant_on_some_things_holds_for_those_alone(house: Yard) -> None:
    ada, secret = house.person("ada")
    house.api.grant(ada, Role.EDITOR, ["table:trips", "model:tips_*"])
    who = house.known(secret)
    may = house.recognition.may
    assert may(who, "lake:write", Ref("table:trips@12"))
    assert may(who, "registry:write", Ref("model:tips_v2"))
    for foreign in ("table:trips2", "table:tripsx@1", "table:Trips", "model:tips", "run:table:trips"):
        assert not may(who, "lake:write", Ref(foreign))
    assert not may(who, "lake:write", None)


def test_a_token_narrows_what_its_actor_may(house: Yard) -> None:
    made = house.api.create_token(house.owner.id, "ci", scopes=["tracking:write"], resources=["experiment:a"])
    who = house.known(made.secret)
    assert house.recognition.may(who, "tracking:write", Ref("experiment:a"))
    assert not house.recognition.may(who, "tracking:write", Ref("experiment:b"))
    assert not house.recognition.may(who, "lake:read", Ref("experiment:a"))


@pytest.mark.parametrize(
    "name", ["trips@1", "trips%40", "tri%70s", "trips:x", "../trips", "trips\n", "TRIPS", "trips*"]
)
def test_no_spelling_of_another_name_passes_for_the_confined_one(house: Yard, name: str) -> None:
    made = house.api.create_token(house.owner.id, "ci", resources=["table:trips"])
    who = house.known(made.secret)
    assert not house.recognition.may(who, "lake:read", ref("table", name))


def test_a_session_holds_no_more_than_the_token_that_asked(house: Yard) -> None:
    made = house.api.create_token(house.owner.id, "ci", scopes=["lake:read"], resources=["table:trips"])
    house.as_one(made.secret)
    session = house.recognition.session(house.sign_in(house.api.sign_in_link().code))
    assert session is not None
    assert session.scopes == frozenset({"lake:read"}) and session.resources == ("table:trips",)
    house.bench.actor = session
    again = house.recognition.session(house.sign_in(house.api.sign_in_link().code))
    assert again is not None and again.scopes == session.scopes and again.resources == session.resources


def test_a_narrow_token_makes_no_wider_one_for_itself(house: Yard) -> None:
    made = house.api.create_token(house.owner.id, "admin", scopes=["governance:admin"])
    house.as_one(made.secret)
    assert house.api.create_token(house.owner.id, "same").token.scopes == ("governance:admin",)
    for scopes in (["*"], ["governance:*"], ["lake:read"]):
        with pytest.raises(Forbidden):
            house.api.create_token(house.owner.id, "wider", scopes=scopes)


def test_a_confined_token_makes_no_unconfined_one(house: Yard) -> None:
    made = house.api.create_token(house.owner.id, "admin", resources=["actor:*"])
    house.as_one(made.secret)
    with pytest.raises(Forbidden):
        house.api.create_token(house.owner.id, "free", resources=[])
    with pytest.raises(Forbidden):
        house.api.create_token(house.owner.id, "free", resources=["table:*"])
    assert house.api.create_token(house.owner.id, "within", resources=["actor:a*"]).token.resources == ("actor:a*",)


def test_a_narrow_admin_hands_out_nothing_it_does_not_hold(house: Yard) -> None:
    ada, _ = house.person("ada")
    other, _ = house.person("other", Role.OWNER)
    made = house.api.create_token(house.owner.id, "admin", scopes=["governance:admin"])
    house.as_one(made.secret)
    for role in Role:
        with pytest.raises(Forbidden):
            house.api.grant(ada, role)
    with pytest.raises(Forbidden):
        house.api.create_token(other, "theirs")
    with pytest.raises(Forbidden):
        house.api.invite(other)
    with pytest.raises(Forbidden):
        house.api.enable_actor(other)


def test_the_last_owner_stays(house: Yard) -> None:
    grant = house.api.grants(house.owner.id).items[0]
    with pytest.raises(Conflict, match="another owner"):
        house.api.revoke_grant(grant.id)
    other, _ = house.person("other", Role.OWNER)
    house.api.revoke_grant(grant.id)
    assert not house.recognition.may(house.owner, "lake:read", None)
    assert other


def test_the_yard_itself_may_all_and_nobody_can_pretend(house: Yard) -> None:
    assert house.recognition.may(SYSTEM, "lake:write", None)
    forged = Actor(id=SYSTEM.id, name="system", kind=SYSTEM.kind, scopes=SYSTEM.scopes)
    assert not house.recognition.may(forged, "lake:write", None)


def test_a_name_is_taken_once(house: Yard) -> None:
    house.person("ada")
    with pytest.raises(AlreadyExists):
        house.api.create_actor("ada")


def test_lists_go_on_where_they_stopped(house: Yard) -> None:
    for name in ("eve", "bob", "ada"):
        house.person(name, Role.VIEWER)
    names: list[str] = []
    cursor: str | None = None
    while True:
        page = house.api.actors(2, cursor)
        names += [m.name for m in page.items]
        if (cursor := page.next) is None:
            break
    assert names == ["ada", "bob", "eve", "owner"]
    first = house.api.grants(limit=3)
    assert len(first.items) == 3 and len(house.api.grants(limit=3, cursor=first.next).items) == 1


scopes = st.frozensets(st.sampled_from(["*", "a:*", "b:*", "a:x", "a:y", "b:x"]), max_size=3)
patterns = st.lists(st.sampled_from(["*", "t:*", "t:a", "t:a*", "t:ab", "m:*", "m:q"]), max_size=2).map(tuple)
holdings = st.builds(Holding, scopes, patterns)
things = st.sampled_from([None, *map(Ref, ("t:a", "t:ab", "t:b", "m:q", "t:a@3"))])


@given(holdings, st.lists(holdings, max_size=3), holdings, st.sampled_from(["a:x", "a:y", "b:x", "c:z"]), things)
def test_what_may_be_handed_out_never_allows_what_the_giver_may_not(
    credential: Holding, grants: list[Holding], wanted: Holding, scope: str, about: Ref | None
) -> None:
    giver = Actor(id=ActorId("a"), name="a", scopes=credential.scopes, resources=credential.resources)
    if may_hand_out(giver, grants, wanted) and wanted.covers(scope, about):
        assert permitted(giver, grants, scope, about)


def test_every_role_is_within_owner() -> None:
    owner = Actor(id=ActorId("a"), name="a", scopes=frozenset({"*"}))
    for held in ROLES.values():
        assert may_hand_out(owner, [Holding(ROLES[Role.OWNER])], Holding(held))
