"""Actors, their tokens, sessions and grants: the records, the news and the operations.

A credential is shown once, when it is made; only its SHA-256 is kept. There are no passwords: people sign in with a
one-time link, programs with a token. What a credential may do is what it was made for and what its actor was granted,
both; nothing is allowed by default.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Annotated, NewType

from msgspec import Meta, Struct

from modelyard.kernel.actors import ActorKind
from modelyard.kernel.events import News
from modelyard.kernel.ids import ActorId, IdKind
from modelyard.kernel.operations import operation
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name

TokenId = NewType("TokenId", str)
GrantId = NewType("GrantId", str)
SessionId = NewType("SessionId", str)

TOKEN = IdKind("tok", TokenId)
GRANT = IdKind("grant", GrantId)
SESSION = IdKind("sess", SessionId)

OWNER = ActorId("owner")
"""The actor that every home begins with, owner of everything: whoever may read and write the home's files."""

ALWAYS = "governance:self"
"""The scope that every actor has: to ask who it is and to end its own sessions."""

Scope = Annotated[
    str,
    Meta(pattern=r"^(\*|[a-z]{1,40}:(\*|[a-z_]{1,40}))$", description="`slice:verb`, `slice:*` or `*`"),
]
Pattern = Annotated[
    str,
    Meta(
        pattern=r"^(\*|[a-z][a-z0-9_]{0,39}:[^:@*\x00-\x1f\x7f]{0,300}\*?)$",
        description="a ref without version, e.g. `table:trips`; may end in `*`, e.g. `model:tips_*`",
    ),
]
Days = Annotated[int, Meta(ge=1, le=3650, description="days until it expires, 1 to 3,650")]


class Role(StrEnum):
    """A named set of scopes."""

    VIEWER = "viewer"
    EDITOR = "editor"
    REVIEWER = "reviewer"
    OWNER = "owner"
    SERVICE = "service"


class RoleScopes(Struct, frozen=True, kw_only=True):
    """What a role allows, where it is granted."""

    role: Role
    scopes: tuple[str, ...]


class Member(Struct, frozen=True, kw_only=True):
    """An actor as the register holds it.

    Attributes:
        disabled_ms: since when none of its credentials works; None while it is active.
    """

    id: ActorId
    name: str
    kind: ActorKind
    created_ms: int
    disabled_ms: int | None = None


class Grant(Struct, frozen=True, kw_only=True):
    """A role given to an actor.

    Attributes:
        resources: ref patterns that it is given on; empty means everything.
        by: who gave it.
    """

    id: GrantId
    actor: ActorId
    role: Role
    resources: tuple[str, ...]
    at_ms: int
    by: ActorId


class Token(Struct, frozen=True, kw_only=True):
    """A bearer token, without its secret.

    Attributes:
        scopes: what it may be used for, within what its actor was granted.
        resources: ref patterns that it is confined to; empty means everything its actor may touch.
        used_ms: last use, to within some minutes; None if never used.
        hint: the last four characters of the secret, to tell tokens apart.
    """

    id: TokenId
    actor: ActorId
    name: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    created_ms: int
    by: ActorId
    expires_ms: int | None = None
    revoked_ms: int | None = None
    used_ms: int | None = None
    hint: str = ""


class NewToken(Struct, frozen=True, kw_only=True):
    """A token just made; `secret` is shown this once and is not kept."""

    token: Token
    secret: str


class SignInLink(Struct, frozen=True, kw_only=True):
    """A way into the browser, good for one use.

    Attributes:
        path: to be put behind the yard's address; holds the code.
        expires_ms: ten minutes after it was made.
    """

    path: str
    code: str
    actor: ActorId
    expires_ms: int


class Session(Struct, frozen=True, kw_only=True):
    """A browser that is signed in.

    Attributes:
        seen_ms: last use, to within a minute.
        expires_ms: when it ends at the latest; it also ends after some hours without use.
    """

    id: SessionId
    actor: ActorId
    created_ms: int
    seen_ms: int
    expires_ms: int
    ended_ms: int | None = None


class WhoAmI(Struct, frozen=True, kw_only=True):
    """Who the yard takes the caller for, and what the caller may do.

    Attributes:
        scopes: what the credential was made for.
        resources: what the credential is confined to; empty means nothing in particular.
        grants: what the actor was given; a call needs both a scope above and a grant.
    """

    id: ActorId
    name: str
    kind: ActorKind
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    grants: tuple[Grant, ...]


class ActorCreated(News, frozen=True, kw_only=True):
    """An actor was entered in the register."""

    actor: ActorId
    name: str


class ActorDisabled(News, frozen=True, kw_only=True):
    """An actor's credentials stopped working."""

    actor: ActorId


class ActorEnabled(News, frozen=True, kw_only=True):
    """An actor's credentials work again."""

    actor: ActorId


class TokenCreated(News, frozen=True, kw_only=True):
    """A token was made."""

    token: TokenId
    actor: ActorId


class TokenRevoked(News, frozen=True, kw_only=True):
    """A token stopped working, and with it the sessions that came from it."""

    token: TokenId
    actor: ActorId


class RoleGranted(News, frozen=True, kw_only=True):
    """An actor was given a role."""

    grant: GrantId
    actor: ActorId
    role: Role
    resources: tuple[str, ...]


class GrantRevoked(News, frozen=True, kw_only=True):
    """A role was taken back."""

    grant: GrantId
    actor: ActorId
    role: Role


class SessionBegan(News, frozen=True, kw_only=True):
    """Somebody signed in with a link."""

    session: SessionId
    actor: ActorId


class IdentityOperations(ABC):
    """Who is known here, by which credentials, and what each was granted."""

    @operation("GET", "/whoami", scope=ALWAYS, command="whoami")
    @abstractmethod
    def whoami(self) -> WhoAmI:
        """Say who you are to this yard, and what you may do.

        Example:
            yard governance whoami
        """

    @operation("GET", "/roles", scope="governance:read")
    @abstractmethod
    def roles(self) -> list[RoleScopes]:
        """List the roles and what each allows."""

    @operation("POST", "/actors", scope="governance:admin")
    @abstractmethod
    def create_actor(self, name: Name, kind: ActorKind = ActorKind.PERSON) -> Member:
        """Enter a person or a program in the register; it may do nothing until it is granted a role.

        Args:
            name: unique; what people call it.
            kind: person or program.

        Raises:
            AlreadyExists: the name is taken.
            InvalidInput: nobody but the yard itself is of kind system.

        Example:
            yard governance create-actor ada
        """

    @operation("GET", "/actors", scope="governance:read")
    @abstractmethod
    def actors(self, limit: Limit = 100, cursor: str | None = None) -> Page[Member]:
        """List who is known here, by name."""

    @operation("POST", "/actors/{actor}/disable", scope="governance:admin", about="actor:{actor}")
    @abstractmethod
    def disable_actor(self, actor: ActorId) -> Member:
        """Stop all credentials of an actor at once; its history stays.

        Raises:
            NotFound: no such actor.
            Conflict: you cannot disable yourself.
        """

    @operation("POST", "/actors/{actor}/enable", scope="governance:admin", about="actor:{actor}")
    @abstractmethod
    def enable_actor(self, actor: ActorId) -> Member:
        """Let a disabled actor's credentials work again.

        Raises:
            NotFound: no such actor.
        """

    @operation("POST", "/tokens", scope="governance:admin", private=("return",))
    @abstractmethod
    def create_token(
        self,
        actor: ActorId,
        name: Name,
        *,
        scopes: list[Scope] | None = None,
        resources: list[Pattern] | None = None,
        days: Days | None = 90,
    ) -> NewToken:
        """Make a token for an actor; its secret is shown this once.

        Args:
            actor: whom it stands for.
            name: what it is for, e.g. `nightly_training`.
            scopes: what it may be used for; all that the actor may, if left out.
            resources: what it is confined to; nothing in particular, if left out.
            days: days until it expires; null for never.

        Raises:
            NotFound: no such actor.
            Forbidden: the actor holds more than you do.

        Example:
            yard governance create-token actor_01J... ci --scopes tracking:write --days 30
        """

    @operation("GET", "/tokens", scope="governance:admin")
    @abstractmethod
    def tokens(self, actor: ActorId | None = None, limit: Limit = 100, cursor: str | None = None) -> Page[Token]:
        """List tokens, newest first, never their secrets.

        Args:
            actor: only this actor's.
        """

    @operation("DELETE", "/tokens/{token}", scope="governance:admin", about="token:{token}")
    @abstractmethod
    def revoke_token(self, token: TokenId) -> Token:
        """Stop a token and every browser session that came from it.

        Raises:
            NotFound: no such token.
        """

    @operation("POST", "/grants", scope="governance:admin")
    @abstractmethod
    def grant(self, actor: ActorId, role: Role, resources: list[Pattern] | None = None) -> Grant:
        """Give an actor a role, on everything or on some things.

        Args:
            actor: whom to give it.
            role: what to give.
            resources: ref patterns it is limited to, e.g. `model:tips`; everything, if left out.

        Raises:
            NotFound: no such actor.
            Forbidden: the role allows more than you may do yourself.

        Example:
            yard governance grant actor_01J... reviewer --resources 'model:*'
        """

    @operation("GET", "/grants", scope="governance:read")
    @abstractmethod
    def grants(self, actor: ActorId | None = None, limit: Limit = 100, cursor: str | None = None) -> Page[Grant]:
        """List who was granted what, newest first.

        Args:
            actor: only this actor's.
        """

    @operation("DELETE", "/grants/{grant}", scope="governance:admin", about="grant:{grant}")
    @abstractmethod
    def revoke_grant(self, grant: GrantId) -> Grant:
        """Take a role back.

        Raises:
            NotFound: no such grant.
            Conflict: it is the last grant that makes an active actor owner of everything.
        """

    @operation("POST", "/sign-in-links", scope=ALWAYS, command="sign-in", private=("return",))
    @abstractmethod
    def sign_in_link(self) -> SignInLink:
        """Make a link that signs your browser in: good for ten minutes and one use.

        The session may do what the credential that asked may do, never more.

        Example:
            yard governance sign-in
        """

    @operation("POST", "/actors/{actor}/invite", scope="governance:admin", about="actor:{actor}", private=("return",))
    @abstractmethod
    def invite(self, actor: ActorId) -> SignInLink:
        """Make a sign-in link for somebody else: good for ten minutes and one use.

        Raises:
            NotFound: no such actor.
            Forbidden: the actor holds more than you do.
        """

    @operation("GET", "/sessions", scope=ALWAYS)
    @abstractmethod
    def sessions(self) -> list[Session]:
        """List the browsers that you are signed in with, newest first; 100 at most."""

    @operation("POST", "/sign-out", scope=ALWAYS, command="sign-out")
    @abstractmethod
    def sign_out(self, session: SessionId | None = None) -> int:
        """End one of your browser sessions, or all of them; how many ended.

        Args:
            session: which; all of yours, if left out.
        """
