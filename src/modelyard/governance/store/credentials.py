"""Rows of tokens, sign-in links and sessions, each found by the digest of its secret.

No secret is ever a row. Nothing here decides who may.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from msgspec import Struct

from modelyard.governance.api import Session, SessionId, Token, TokenId
from modelyard.governance.store.identity import LAST, as_text, as_words
from modelyard.kernel.actors import Actor, ActorKind
from modelyard.kernel.ids import ActorId
from modelyard.ports.database import Row, Statement, Transaction

_TOKEN_COLUMNS = (
    "id", "actor", "name", "scopes", "resources", "created_ms", "created_by", "expires_ms", "revoked_ms", "used_ms",
    "hint", "digest",
)  # fmt: skip
_SESSION_COLUMNS = (
    "id", "actor", "created_ms", "seen_ms", "expires_ms", "ended_ms", "digest", "token", "scopes", "resources",
)  # fmt: skip
_LINK_COLUMNS = ("digest", "actor", "token", "scopes", "resources", "created_ms", "expires_ms", "used_ms")
_actor = sa.table("governance_actor", *map(sa.column, ("id", "name", "kind", "disabled_ms")))
_token = sa.table("governance_token", *map(sa.column, _TOKEN_COLUMNS))
_session = sa.table("governance_session", *map(sa.column, _SESSION_COLUMNS))
_link = sa.table("governance_link", *map(sa.column, _LINK_COLUMNS))
p = sa.bindparam


def _insert(table: sa.TableClause) -> Statement:
    return Statement(sa.insert(table).values({column.name: p(column.name) for column in table.columns}))


_public = [_token.c[name] for name in _TOKEN_COLUMNS[:11]]
_ADD_TOKEN = _insert(_token)
_ONE_TOKEN = Statement(sa.select(*_public).where(_token.c.id == p("id_")))
_newest = sa.select(*_public).where(_token.c.id < p("before")).order_by(_token.c.id.desc()).limit(p("limit_"))
_TOKENS = Statement(_newest)
_TOKENS_OF = Statement(_newest.where(_token.c.actor == p("actor_")))
_REVOKE = Statement(
    sa.update(_token).where(_token.c.id == p("id_"), _token.c.revoked_ms.is_(None)).values(revoked_ms=p("now"))
)
_REVOKE_NAMED = Statement(
    sa.update(_token)
    .where(_token.c.actor == p("actor_"), _token.c.name == p("name_"), _token.c.revoked_ms.is_(None))
    .values(revoked_ms=p("now"))
)
_EVER_NAMED = Statement(
    sa.select(_token.c.id).where(_token.c.actor == p("actor_"), _token.c.name == p("name_")).limit(1)
)
_USED = Statement(sa.update(_token).where(_token.c.id == p("id_")).values(used_ms=p("at")))
_BEHIND_TOKEN = Statement(
    sa.select(
        _actor.c.id, _actor.c.name, _actor.c.kind, _token.c.scopes, _token.c.resources, _token.c.id,
        _token.c.expires_ms, _token.c.created_ms, _token.c.id,
    )
    .select_from(_token.join(_actor, _actor.c.id == _token.c.actor))
    .where(_token.c.digest == p("digest_"), _token.c.revoked_ms.is_(None), _actor.c.disabled_ms.is_(None))
)  # fmt: skip
_STANDING = Statement(
    sa.select(
        _token.c.digest, _actor.c.id, _actor.c.name, _actor.c.kind, _token.c.scopes, _token.c.resources, _token.c.id,
        _token.c.expires_ms, _token.c.created_ms, _token.c.id,
    )
    .select_from(_token.join(_actor, _actor.c.id == _token.c.actor))
    .where(_token.c.revoked_ms.is_(None), _actor.c.disabled_ms.is_(None))
)  # fmt: skip
_ADD_LINK = _insert(_link)
_USE_LINK = Statement(
    sa.update(_link)
    .where(_link.c.digest == p("digest_"), _link.c.used_ms.is_(None), _link.c.expires_ms > p("now"))
    .values(used_ms=p("now"))
)
_ONE_LINK = Statement(
    sa.select(_link.c.actor, _link.c.token, _link.c.scopes, _link.c.resources).where(_link.c.digest == p("digest_"))
)
_OLD_LINKS = Statement(sa.delete(_link).where(_link.c.expires_ms < p("before")))
_END_LINKS = Statement(
    sa.update(_link).where(_link.c.token == p("token_"), _link.c.used_ms.is_(None)).values(used_ms=p("now"))
)
_ADD_SESSION = _insert(_session)
_open = _session.c.ended_ms.is_(None)
_BEHIND_SESSION = Statement(
    sa.select(
        _actor.c.id, _actor.c.name, _actor.c.kind, _session.c.scopes, _session.c.resources, _session.c.id,
        _session.c.expires_ms, _session.c.seen_ms, _session.c.token,
    )
    .select_from(_session.join(_actor, _actor.c.id == _session.c.actor))
    .where(_session.c.digest == p("digest_"), _open, _actor.c.disabled_ms.is_(None))
)  # fmt: skip
_SESSIONS = Statement(
    sa.select(*[_session.c[name] for name in _SESSION_COLUMNS[:6]])
    .where(_session.c.actor == p("actor_"), _open, _session.c.expires_ms > p("now"))
    .order_by(_session.c.id.desc())
    .limit(100)
)
_SEEN = Statement(
    sa.update(_session).where(_session.c.id == p("id_"), _session.c.seen_ms < p("at")).values(seen_ms=p("at"))
)
_END_ALL = Statement(sa.update(_session).where(_session.c.actor == p("actor_"), _open).values(ended_ms=p("now")))
_END_ONE = Statement(
    sa.update(_session)
    .where(_session.c.actor == p("actor_"), _session.c.id == p("id_"), _open)
    .values(ended_ms=p("now"))
)
_END_DIGEST = Statement(sa.update(_session).where(_session.c.digest == p("digest_"), _open).values(ended_ms=p("now")))
_END_FROM = Statement(sa.update(_session).where(_session.c.token == p("token_"), _open).values(ended_ms=p("now")))
_OLD_SESSIONS = Statement(sa.delete(_session).where(_session.c.expires_ms < p("before")))


class Standing(Struct, frozen=True):
    """Who stands behind a credential that is neither revoked nor of a disabled actor, and its times."""

    actor: Actor
    id: str
    expires_ms: int | None
    seen_ms: int


class Pass(Struct, frozen=True, kw_only=True):
    """What a link hands on to the session: whose it is, from which token, for what."""

    actor: ActorId
    token: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]


def _as_token(row: Row) -> Token:
    return Token(
        id=TokenId(row[0]), actor=ActorId(row[1]), name=row[2], scopes=as_words(row[3]), resources=as_words(row[4]),
        created_ms=row[5], by=ActorId(row[6]), expires_ms=row[7], revoked_ms=row[8], used_ms=row[9], hint=row[10],
    )  # fmt: skip


def _standing(row: Row | None) -> Standing | None:
    if row is None:
        return None
    who = Actor(
        id=ActorId(row[0]), name=row[1], kind=ActorKind(row[2]), scopes=frozenset(as_words(row[3])),
        resources=as_words(row[4]), via=row[8],
    )  # fmt: skip
    return Standing(who, row[5], row[6], row[7])


def add_token(tx: Transaction, token: Token, digest: str) -> None:
    """Keep a token under the digest of its secret."""
    tx.run(
        _ADD_TOKEN,
        {
            "id": token.id, "digest": digest, "actor": token.actor, "name": token.name,
            "scopes": as_text(token.scopes), "resources": as_text(token.resources), "created_ms": token.created_ms,
            "created_by": token.by, "expires_ms": token.expires_ms, "revoked_ms": token.revoked_ms,
            "used_ms": token.used_ms, "hint": token.hint,
        },
    )  # fmt: skip


def token(tx: Transaction, id_: TokenId) -> Token | None:
    """One token."""
    row = tx.one(_ONE_TOKEN, {"id_": id_})
    return None if row is None else _as_token(row)


def tokens(tx: Transaction, *, of: ActorId | None, before: str = LAST, limit: int) -> list[Token]:
    """Tokens with an id below `before`, newest first."""
    if of is None:
        rows = tx.all(_TOKENS, {"before": before, "limit_": limit})
    else:
        rows = tx.all(_TOKENS_OF, {"before": before, "limit_": limit, "actor_": of})
    return [_as_token(row) for row in rows]


def revoke(tx: Transaction, id_: TokenId, now_ms: int) -> None:
    """Stop a token, the sessions that came from it and the links that were not used yet."""
    tx.run(_REVOKE, {"id_": id_, "now": now_ms})
    tx.run(_END_FROM, {"token_": id_, "now": now_ms})
    tx.run(_END_LINKS, {"token_": id_, "now": now_ms})


def revoke_named(tx: Transaction, actor: ActorId, name: str, now_ms: int) -> None:
    """Stop an actor's tokens of one name."""
    tx.run(_REVOKE_NAMED, {"actor_": actor, "name_": name, "now": now_ms})


def ever_named(tx: Transaction, actor: ActorId, name: str) -> bool:
    """True if an actor has or had a token of that name."""
    return tx.one(_EVER_NAMED, {"actor_": actor, "name_": name}) is not None


def behind_token(tx: Transaction, digest: str) -> Standing | None:
    """Who stands behind a token."""
    return _standing(tx.one(_BEHIND_TOKEN, {"digest_": digest}))


def behind_session(tx: Transaction, digest: str) -> Standing | None:
    """Who stands behind a session."""
    return _standing(tx.one(_BEHIND_SESSION, {"digest_": digest}))


def standing(tx: Transaction) -> list[tuple[str, Standing]]:
    """Every token that is not revoked, of actors that are not disabled, with its digest."""
    found = [(str(row[0]), _standing(row[1:])) for row in tx.all(_STANDING)]
    return [(digest, each) for digest, each in found if each is not None]


def note_use(tx: Transaction, *, tokens: Mapping[str, int], sessions: Mapping[str, int]) -> None:
    """Keep when credentials were last used."""
    tx.many(_USED, [{"id_": id_, "at": at} for id_, at in tokens.items()])
    tx.many(_SEEN, [{"id_": id_, "at": at} for id_, at in sessions.items()])


def add_link(tx: Transaction, digest: str, handed: Pass, *, now_ms: int, expires_ms: int) -> None:
    """Keep a sign-in link under the digest of its code; links long over are dropped on the way."""
    tx.run(_OLD_LINKS, {"before": now_ms - 86_400_000})
    tx.run(
        _ADD_LINK,
        {
            "digest": digest, "actor": handed.actor, "token": handed.token, "scopes": as_text(handed.scopes),
            "resources": as_text(handed.resources), "created_ms": now_ms, "expires_ms": expires_ms, "used_ms": None,
        },
    )  # fmt: skip


def use_link(tx: Transaction, digest: str, now_ms: int) -> Pass | None:
    """Use a link up and take what it hands on; None if it is unknown, over or used: only one of two can win."""
    if tx.run(_USE_LINK, {"digest_": digest, "now": now_ms}) != 1:
        return None
    row = tx.one(_ONE_LINK, {"digest_": digest})
    if row is None:
        return None
    return Pass(actor=ActorId(row[0]), token=row[1], scopes=as_words(row[2]), resources=as_words(row[3]))


def add_session(tx: Transaction, session: Session, digest: str, handed: Pass) -> None:
    """Keep a session under the digest of its cookie; sessions long over are dropped on the way."""
    tx.run(_OLD_SESSIONS, {"before": session.created_ms - 30 * 86_400_000})
    tx.run(
        _ADD_SESSION,
        {
            "id": session.id, "digest": digest, "actor": session.actor, "token": handed.token,
            "scopes": as_text(handed.scopes), "resources": as_text(handed.resources),
            "created_ms": session.created_ms, "seen_ms": session.seen_ms, "expires_ms": session.expires_ms,
            "ended_ms": None,
        },
    )  # fmt: skip


def sessions(tx: Transaction, of: ActorId, now_ms: int) -> list[Session]:
    """An actor's sessions that have not ended, newest first, 100 at most."""
    return [
        Session(
            id=SessionId(row[0]), actor=ActorId(row[1]), created_ms=row[2], seen_ms=row[3], expires_ms=row[4],
            ended_ms=row[5],
        )
        for row in tx.all(_SESSIONS, {"actor_": of, "now": now_ms})
    ]  # fmt: skip


def end_sessions(tx: Transaction, of: ActorId, only: SessionId | None, now_ms: int) -> int:
    """End one or all sessions of an actor; how many ended."""
    if only is None:
        return tx.run(_END_ALL, {"actor_": of, "now": now_ms})
    return tx.run(_END_ONE, {"actor_": of, "id_": only, "now": now_ms})


def end_session(tx: Transaction, digest: str, now_ms: int) -> bool:
    """End the session of one cookie; False if there was none."""
    return tx.run(_END_DIGEST, {"digest_": digest, "now": now_ms}) == 1
