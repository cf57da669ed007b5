"""The operations on actors, tokens, grants and sessions.

Nobody hands out more than they hold: making a token, inviting and granting are checked against the caller's own
credential and grants. Every change raises the counter of rights in its own commit.
"""

from __future__ import annotations

from modelyard.governance.api import (
    GRANT,
    TOKEN,
    ActorCreated,
    ActorDisabled,
    ActorEnabled,
    Grant,
    GrantId,
    GrantRevoked,
    IdentityOperations,
    Member,
    NewToken,
    Role,
    RoleGranted,
    RoleScopes,
    Session,
    SessionId,
    SignInLink,
    Token,
    TokenCreated,
    TokenId,
    TokenRevoked,
    WhoAmI,
)
from modelyard.governance.model.credentials import BEARER_PREFIX, LINK_LASTS_MS, LINK_PREFIX, digest_of, new_secret
from modelyard.governance.model.permission import ROLES, Holding, may_hand_out, narrowed
from modelyard.governance.service.recognition import Recognition, holdings_of
from modelyard.governance.store import credentials, identity
from modelyard.governance.store.credentials import Pass
from modelyard.governance.store.identity import LAST
from modelyard.kernel.actors import SYSTEM, ActorKind, confines
from modelyard.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from modelyard.kernel.ids import ACTOR, ActorId
from modelyard.kernel.pages import Page, page_of, place_of
from modelyard.kernel.refs import Ref, ref
from modelyard.ports import calls

_DAY_MS = 86_400_000


class IdentityService(IdentityOperations):
    """Who is known here, by which credentials, and what each was granted."""

    def __init__(self, recognition: Recognition) -> None:
        self._recognition = recognition

    def whoami(self) -> WhoAmI:
        """Say who the caller is."""
        call = calls.current()
        who = call.actor
        return WhoAmI(
            id=who.id, name=who.name, kind=who.kind, scopes=narrowed(who.scopes), resources=who.resources,
            grants=tuple(identity.grants(call.tx, of=who.id)),
        )  # fmt: skip

    def roles(self) -> list[RoleScopes]:
        """The roles and what each allows."""
        return [RoleScopes(role=role, scopes=narrowed(scopes)) for role, scopes in ROLES.items()]

    def create_actor(self, name: str, kind: ActorKind = ActorKind.PERSON) -> Member:
        """Enter somebody in the register."""
        call = calls.current()
        if kind is ActorKind.SYSTEM:
            raise InvalidInput("only the yard itself is of kind system; choose person or program")
        member = Member(id=ACTOR.new(call.clock), name=name, kind=kind, created_ms=call.now_ms)
        identity.add_actor(call.tx, member)
        call.emit(ActorCreated(actor=member.id, name=name), writes=(ref("actor", member.id),))
        return member

    def actors(self, limit: int = 100, cursor: str | None = None) -> Page[Member]:
        """Who is known here, by name."""
        after = place_of(cursor, "")
        return page_of(identity.actors(calls.current().tx, after=after, limit=limit + 1), limit, lambda m: (m.name,))

    def disable_actor(self, actor: ActorId) -> Member:
        """Stop an actor's credentials."""
        call = calls.current()
        member = self._member(actor)
        if actor == call.actor.id:
            raise Conflict("you cannot disable yourself; let another owner do it")
        if member.disabled_ms is None:
            identity.able(call.tx, actor, call.now_ms)
            call.emit(ActorDisabled(actor=actor), writes=(ref("actor", actor),))
            self._changed()
        return self._member(actor)

    def enable_actor(self, actor: ActorId) -> Member:
        """Let an actor's credentials work again."""
        call = calls.current()
        self._member(actor)
        self._hand_out_all_of(actor)
        identity.able(call.tx, actor, None)
        call.emit(ActorEnabled(actor=actor), writes=(ref("actor", actor),))
        self._changed()
        return self._member(actor)

    def create_token(
        self, actor: ActorId, name: str, *, scopes: list[str] | None = None, resources: list[str] | None = None,
        days: int | None = 90,
    ) -> NewToken:  # fmt: skip
        """Make a token; never wider than what the caller holds."""
        call = calls.current()
        member = self._member(actor)
        if member.disabled_ms is not None:
            raise Conflict(f"{member.name} is disabled; enable it first: yard governance enable-actor {actor}")
        own = actor == call.actor.id
        held = Holding(call.actor.scopes, call.actor.resources)
        wanted = Holding(
            frozenset(scopes) if scopes is not None else held.scopes if own else frozenset({"*"}),
            tuple(resources) if resources is not None else held.resources if own else (),
        )
        if own:
            self._hand_out(wanted, over=[held])
        else:
            self._hand_out_all_of(actor)
        secret = new_secret(BEARER_PREFIX)
        token = Token(
            id=TOKEN.new(call.clock), actor=actor, name=name, scopes=narrowed(wanted.scopes),
            resources=wanted.resources, created_ms=call.now_ms, by=call.actor.id, hint=secret[-4:],
            expires_ms=None if days is None else call.now_ms + days * _DAY_MS,
        )  # fmt: skip
        credentials.add_token(call.tx, token, digest_of(secret))
        call.emit(TokenCreated(token=token.id, actor=actor), writes=(ref("actor", actor),))
        self._changed()
        return NewToken(token=token, secret=secret)

    def tokens(self, actor: ActorId | None = None, limit: int = 100, cursor: str | None = None) -> Page[Token]:
        """Tokens, newest first."""
        rows = credentials.tokens(calls.current().tx, of=actor, before=place_of(cursor, LAST), limit=limit + 1)
        return page_of(rows, limit, lambda t: (t.id,))

    def revoke_token(self, token: TokenId) -> Token:
        """Stop a token and what came from it."""
        call = calls.current()
        held = credentials.token(call.tx, token)
        if held is None:
            raise NotFound(f"there is no token {token[:60]}; list them: yard governance tokens")
        if held.revoked_ms is None:
            credentials.revoke(call.tx, token, call.now_ms)
            call.emit(TokenRevoked(token=token, actor=held.actor), writes=(ref("actor", held.actor),))
            self._changed()
        return credentials.token(call.tx, token) or held

    def grant(self, actor: ActorId, role: Role, resources: list[str] | None = None) -> Grant:
        """Give a role; never more than the caller holds."""
        call = calls.current()
        self._member(actor)
        given = Grant(
            id=GRANT.new(call.clock), actor=actor, role=role, resources=tuple(resources or ()), at_ms=call.now_ms,
            by=call.actor.id,
        )  # fmt: skip
        self._hand_out(Holding(ROLES[role], given.resources))
        identity.add_grant(call.tx, given)
        call.emit(
            RoleGranted(grant=given.id, actor=actor, role=role, resources=given.resources),
            writes=(ref("actor", actor),),
        )
        self._changed()
        return given

    def grants(self, actor: ActorId | None = None, limit: int = 100, cursor: str | None = None) -> Page[Grant]:
        """Grants, newest first."""
        rows = identity.grants(calls.current().tx, of=actor, before=place_of(cursor, LAST), limit=limit + 1)
        return page_of(rows, limit, lambda g: (g.id,))

    def revoke_grant(self, grant: GrantId) -> Grant:
        """Take a role back."""
        call = calls.current()
        held = identity.grant(call.tx, grant)
        if held is None:
            raise NotFound(f"there is no grant {grant[:60]}; list them: yard governance grants")
        if [g.id for g in identity.owners(call.tx)] == [grant]:
            raise Conflict("this is the last grant that makes anybody owner of this yard; grant another owner first")
        identity.drop_grant(call.tx, grant)
        call.emit(GrantRevoked(grant=grant, actor=held.actor, role=held.role), writes=(ref("actor", held.actor),))
        self._changed()
        return held

    def sign_in_link(self) -> SignInLink:
        """A one-time link for the caller, with the caller's own limits."""
        who = calls.current().actor
        if who is SYSTEM:
            raise Forbidden("the yard itself does not sign in; ask with somebody's token")
        return self._link(Pass(actor=who.id, token=who.via, scopes=narrowed(who.scopes), resources=who.resources))

    def invite(self, actor: ActorId) -> SignInLink:
        """A one-time link for somebody else."""
        if self._member(actor).disabled_ms is not None:
            raise Conflict(f"{actor} is disabled; enable it first: yard governance enable-actor {actor}")
        self._hand_out_all_of(actor)
        return self._link(Pass(actor=actor, token="", scopes=("*",), resources=()))

    def sessions(self) -> list[Session]:
        """The caller's sessions."""
        call = calls.current()
        return credentials.sessions(call.tx, call.actor.id, call.now_ms)

    def sign_out(self, session: SessionId | None = None) -> int:
        """End the caller's sessions, or one of them."""
        call = calls.current()
        ended = credentials.end_sessions(call.tx, call.actor.id, session, call.now_ms)
        if ended:
            self._changed()
        return ended

    def name_of(self, actor: ActorId) -> str:
        """What somebody is called; the id where nobody is known by it."""
        member = identity.actor(calls.current().tx, actor)
        return str(actor) if member is None else member.name

    def roles_of(self, actor: ActorId, about: Ref) -> frozenset[str]:
        """The roles that an active actor was granted on a thing, by name."""
        tx = calls.current().tx
        member = identity.actor(tx, actor)
        if member is None or member.disabled_ms is not None:
            return frozenset()
        return frozenset(g.role.value for g in identity.grants(tx, of=actor) if confines(g.resources, about))

    def write_uses(self) -> None:
        """Keep the coarse times of last use; for a duty."""
        uses = self._recognition.take_uses()
        if uses.tokens or uses.sessions:
            call = calls.current()
            call.unit(lambda: credentials.note_use(call.tx, tokens=uses.tokens, sessions=uses.sessions))

    def _link(self, handed: Pass) -> SignInLink:
        call = calls.current()
        code = new_secret(LINK_PREFIX)
        expires_ms = call.now_ms + LINK_LASTS_MS
        credentials.add_link(call.tx, digest_of(code), handed, now_ms=call.now_ms, expires_ms=expires_ms)
        return SignInLink(path=f"/sign-in?code={code}", code=code, actor=handed.actor, expires_ms=expires_ms)

    def _member(self, actor: ActorId) -> Member:
        member = identity.actor(calls.current().tx, actor)
        if member is None:
            raise NotFound(f"there is no actor {actor[:60]}; list them: yard governance actors")
        return member

    def _hand_out(self, wanted: Holding, over: list[Holding] | None = None) -> None:
        """Refuse to hand out more than the caller holds; `over` in place of the caller's grants."""
        call = calls.current()
        if call.actor is SYSTEM:
            return
        held = over if over is not None else list(holdings_of(call.tx, call.actor.id))
        if not may_hand_out(call.actor, held, wanted):
            raise Forbidden("that is more than you may do yourself; ask an owner whose token is not limited")

    def _hand_out_all_of(self, actor: ActorId) -> None:
        """Refuse to act for somebody who holds more than the caller."""
        for holding in holdings_of(calls.current().tx, actor):
            self._hand_out(holding)

    def _changed(self) -> None:
        identity.raise_version(calls.current().tx)
        self._recognition.stir()
