"""Who stands behind a credential, and may they: asked for every call, so answered from memory.

A hit costs a hash and two look-ups. Every process looks at most once a second at the counter of rights and drops what
it knows if it grew; the process that made the change looks at every call until the change must have been committed.
Nothing here writes but the coarse times of last use, which a duty carries out.
"""

from __future__ import annotations

from msgspec import Struct

from modelyard.governance.model.credentials import (
    BEARER_PREFIX,
    SESSION_PREFIX,
    csrf_of,
    digest_of,
    looks_like,
    session_over,
)
from modelyard.governance.model.permission import ROLES, Holding, permitted
from modelyard.governance.store import credentials, identity
from modelyard.governance.store.credentials import Standing
from modelyard.kernel.actors import SYSTEM, Actor
from modelyard.kernel.clock import Clock
from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref
from modelyard.ports.database import Database, Transaction

_LOOK_EVERY_S = 1.0
_STIRRED_S = 10.0
_MOST = 20_000
_ONCE_IN_MS = 60_000


class Uses(Struct):
    """Times of last use that are not written yet, by id."""

    tokens: dict[str, int]
    sessions: dict[str, int]


class _Generation:
    """What is known at one count of the rights. Rows read at another count are never put here, so a thread that read
    just before a change cannot bring the old state back.
    """

    __slots__ = ("grants", "known", "version")

    def __init__(self, version: int) -> None:
        self.version = version
        self.known: dict[str, Standing] = {}
        self.grants: dict[ActorId, tuple[Holding, ...]] = {}


class Recognition:
    """Answers the ports `Identities` and `Authority` from memory."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._cache = _Generation(-1)
        self._look_at = float("-inf")
        self._stirred_until = float("-inf")
        self._used: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        self._fresh_seen: dict[str, int] = {}

    def authenticate(self, token: str) -> Actor | None:
        """The actor behind a bearer token; None if it is unknown, expired, revoked or of a disabled actor."""
        digest = digest_of(token)
        self._keep_fresh()
        found = self._cache.known.get(digest)
        if found is None and looks_like(token, BEARER_PREFIX):
            found = self._look_up(digest, "token")
        if found is None:
            return None
        now_ms = self._clock.now_ms()
        if found.expires_ms is not None and now_ms >= found.expires_ms:
            return None
        if now_ms - self._used.get(found.id, 0) > _ONCE_IN_MS:
            self._used[found.id] = now_ms
        return found.actor

    def session(self, cookie: str) -> Actor | None:
        """The actor behind a browser session; None if it is unknown, idle for too long, ended or over."""
        if not looks_like(cookie, SESSION_PREFIX):
            return None
        digest = digest_of(cookie)
        self._keep_fresh()
        found = self._cache.known.get(digest) or self._look_up(digest, "session")
        if found is None or found.expires_ms is None:
            return None
        now_ms = self._clock.now_ms()
        seen_ms = max(found.seen_ms, self._seen.get(found.id, 0))
        if session_over(now_ms=now_ms, seen_ms=seen_ms, expires_ms=found.expires_ms):
            return None
        if now_ms - seen_ms > _ONCE_IN_MS:
            self._seen[found.id] = self._fresh_seen[found.id] = now_ms
        return found.actor

    def csrf(self, cookie: str) -> str:
        """The token that forms of this session must carry."""
        return csrf_of(cookie)

    def may(self, actor: Actor, scope: str, about: Ref | None) -> bool:
        """True if both the credential and one of the actor's grants cover the call; the yard itself may all."""
        if actor is SYSTEM:
            return True
        self._keep_fresh()
        return permitted(actor, self.holdings(actor.id), scope, about)

    def holdings(self, actor: ActorId) -> tuple[Holding, ...]:
        """What an actor was granted, as scopes on resources."""
        cache = self._cache
        found = cache.grants.get(actor)
        if found is None:
            with self._database.read() as tx:
                found = holdings_of(tx, actor)
                current = identity.rights_version(tx) == cache.version
            if current and len(cache.grants) < _MOST:
                cache.grants[actor] = found
        return found

    def stir(self) -> None:
        """Rights are being changed by this process: look at the counter at each call until it must have committed."""
        self._stirred_until = self._clock.monotonic() + _STIRRED_S
        self._look_at = float("-inf")

    def take_uses(self) -> Uses:
        """Times of last use since this was asked before; they are the caller's to write."""
        since = Uses(tokens=self._used, sessions=self._fresh_seen)
        self._used, self._fresh_seen = {}, {}
        return since

    def _look_up(self, digest: str, what: str) -> Standing | None:
        cache = self._cache
        find = credentials.behind_token if what == "token" else credentials.behind_session
        with self._database.read() as tx:
            found = find(tx, digest)
            current = found is not None and identity.rights_version(tx) == cache.version
        if found is not None and current and len(cache.known) < _MOST:
            cache.known[digest] = found
        return found

    def _keep_fresh(self) -> None:
        now = self._clock.monotonic()
        if now < self._look_at and now > self._stirred_until:
            return
        self._look_at = now + _LOOK_EVERY_S
        with self._database.read() as tx:
            version = identity.rights_version(tx)
        if version > self._cache.version:
            self._cache = _Generation(version)


def holdings_of(tx: Transaction, actor: ActorId) -> tuple[Holding, ...]:
    """What an actor was granted, read within a call; nothing while it is disabled."""
    member = identity.actor(tx, actor)
    if member is None or member.disabled_ms is not None:
        return ()
    return tuple(Holding(ROLES[g.role], g.resources) for g in identity.grants(tx, of=actor))
