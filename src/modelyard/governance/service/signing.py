"""What stands outside the operations because no credential exists yet: the first owner, and redeeming a link.

The app and the sign-in page call these inside a call of the system's. They are reachable over no route of their own.
"""

from __future__ import annotations

from msgspec import Struct

from modelyard.governance.api import (
    OWNER,
    SESSION,
    TOKEN,
    Session,
    SessionBegan,
    Token,
    TokenCreated,
)
from modelyard.governance.model.credentials import (
    BEARER_PREFIX,
    LINK_PREFIX,
    SESSION_LASTS_MS,
    SESSION_PREFIX,
    csrf_of,
    digest_of,
    looks_like,
    new_secret,
)
from modelyard.governance.service.recognition import Recognition
from modelyard.governance.store import credentials, identity
from modelyard.kernel.errors import Unauthenticated
from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import ref
from modelyard.ports import calls

_FIRST = "first_start"


class SignedIn(Struct, frozen=True, kw_only=True):
    """A browser session just begun; `cookie` is its secret and is not kept.

    Attributes:
        csrf: what its forms must carry.
        max_age_s: how long the browser should keep the cookie.
    """

    session: Session
    cookie: str
    csrf: str
    max_age_s: int


class OwnerToken(Struct, frozen=True, kw_only=True):
    """The owner and a token that may do everything; `secret` is not kept."""

    actor: ActorId
    secret: str


def _named(place: str) -> str:
    """What the token of a first start is called."""
    return f"{_FIRST}, {place}" if place else _FIRST


class Signing:
    """The first owner's token, and sessions from links."""

    def __init__(self, recognition: Recognition) -> None:
        self._recognition = recognition

    def bootstrap_owner(self, place: str = "") -> OwnerToken | None:
        """Make the owner's first token; None if it was made before.

        Args:
            place: which of several homes on one database it is for; each has a token of its own.
        """
        return calls.current().unit(lambda: self._bootstrap(_named(place)))

    def reissue_owner_token(self, place: str = "") -> OwnerToken:
        """Replace the token of the first start, for a home whose token file was lost.

        Whoever can call this can read and write the home itself, and so holds every right already.
        """
        return calls.current().unit(lambda: self._reissue(_named(place)))

    def redeem(self, code: str) -> SignedIn:
        """Use a sign-in link up and begin a session with a cookie of its own; no cookie that came along is kept.

        Raises:
            Unauthenticated: the link is unknown, over, or was used.
        """
        return calls.current().unit(lambda: self._redeem(code))

    def end(self, cookie: str) -> bool:
        """End the session of this cookie; False if there was none."""
        return calls.current().unit(lambda: self._end(cookie))

    def _bootstrap(self, name: str) -> OwnerToken | None:
        call = calls.current()
        return None if credentials.ever_named(call.tx, OWNER, name) else self._issue(OWNER, name)

    def _reissue(self, name: str) -> OwnerToken:
        call = calls.current()
        credentials.revoke_named(call.tx, OWNER, name, call.now_ms)
        return self._issue(OWNER, name)

    def _issue(self, owner: ActorId, name: str) -> OwnerToken:
        call = calls.current()
        secret = new_secret(BEARER_PREFIX)
        token = Token(
            id=TOKEN.new(call.clock), actor=owner, name=name, scopes=("*",), resources=(), created_ms=call.now_ms,
            by=call.actor.id, hint=secret[-4:],
        )  # fmt: skip
        credentials.add_token(call.tx, token, digest_of(secret))
        call.emit(TokenCreated(token=token.id, actor=owner), writes=(ref("actor", owner),))
        self._changed()
        return OwnerToken(actor=owner, secret=secret)

    def _redeem(self, code: str) -> SignedIn:
        call = calls.current()
        handed = None
        if looks_like(code, LINK_PREFIX):
            handed = credentials.use_link(call.tx, digest_of(code), call.now_ms)
        member = None if handed is None else identity.actor(call.tx, handed.actor)
        if handed is None or member is None or member.disabled_ms is not None:
            raise Unauthenticated("the sign-in link is unknown, over or was used; make a new one: yard sign-in")
        expires_ms = call.now_ms + SESSION_LASTS_MS
        token = None if not handed.token else credentials.token(call.tx, TOKEN.parse(handed.token))
        if token is not None and token.expires_ms is not None:
            expires_ms = min(expires_ms, token.expires_ms)
        cookie = new_secret(SESSION_PREFIX)
        session = Session(
            id=SESSION.new(call.clock), actor=member.id, created_ms=call.now_ms, seen_ms=call.now_ms,
            expires_ms=expires_ms,
        )  # fmt: skip
        credentials.add_session(call.tx, session, digest_of(cookie), handed)
        call.emit(SessionBegan(session=session.id, actor=member.id), writes=(ref("actor", member.id),))
        max_age_s = max(0, (expires_ms - call.now_ms) // 1000)
        return SignedIn(session=session, cookie=cookie, csrf=csrf_of(cookie), max_age_s=max_age_s)

    def _end(self, cookie: str) -> bool:
        call = calls.current()
        if not looks_like(cookie, SESSION_PREFIX):
            return False
        ended = credentials.end_session(call.tx, digest_of(cookie), call.now_ms)
        self._changed()
        return ended

    def _changed(self) -> None:
        identity.raise_version(calls.current().tx)
        self._recognition.stir()
