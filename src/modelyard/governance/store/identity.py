"""Rows of actors and grants, and the counter that tells every process that somebody's rights changed.

Each change of a right raises the counter in its own commit, so a cache in another process sees within one look that
it is old. Nothing here decides who may.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import msgspec
import sqlalchemy as sa

from modelyard.governance.api import Grant, GrantId, Member, Role
from modelyard.kernel.actors import ActorKind
from modelyard.kernel.ids import ActorId
from modelyard.ports.database import Migration, Row, Statement, Transaction

IDENTITY_MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        slice="governance",
        number=1,
        name="identity",
        ddl=(
            (
                "CREATE TABLE governance_actor (id {text} PRIMARY KEY, name {text} NOT NULL UNIQUE,"
                " kind {text} NOT NULL, created_ms {int} NOT NULL, disabled_ms {int})"
            ),
            (
                "CREATE TABLE governance_grant (id {text} PRIMARY KEY, actor {text} NOT NULL, role {text} NOT NULL,"
                " resources {text} NOT NULL, at_ms {int} NOT NULL, granted_by {text} NOT NULL)"
            ),
            "CREATE INDEX governance_grant_actor ON governance_grant (actor, id)",
            (
                "CREATE TABLE governance_token (id {text} PRIMARY KEY, digest {text} NOT NULL UNIQUE,"
                " actor {text} NOT NULL, name {text} NOT NULL, scopes {text} NOT NULL, resources {text} NOT NULL,"
                " created_ms {int} NOT NULL, created_by {text} NOT NULL, expires_ms {int}, revoked_ms {int},"
                " used_ms {int}, hint {text} NOT NULL)"
            ),
            "CREATE INDEX governance_token_actor ON governance_token (actor, id)",
            (
                "CREATE TABLE governance_link (digest {text} PRIMARY KEY, actor {text} NOT NULL, token {text} NOT NULL,"
                " scopes {text} NOT NULL, resources {text} NOT NULL, created_ms {int} NOT NULL,"
                " expires_ms {int} NOT NULL, used_ms {int})"
            ),
            (
                "CREATE TABLE governance_session (id {text} PRIMARY KEY, digest {text} NOT NULL UNIQUE,"
                " actor {text} NOT NULL, token {text} NOT NULL, scopes {text} NOT NULL, resources {text} NOT NULL,"
                " created_ms {int} NOT NULL, seen_ms {int} NOT NULL, expires_ms {int} NOT NULL, ended_ms {int})"
            ),
            "CREATE INDEX governance_session_actor ON governance_session (actor, id)",
            "CREATE TABLE governance_rights (id {int} PRIMARY KEY, version {int} NOT NULL)",
            "INSERT INTO governance_rights (id, version) VALUES (1, 1)",
        ),
    ),
    Migration(
        slice="governance",
        number=3,
        name="owner",
        ddl=(
            "INSERT INTO governance_actor (id, name, kind, created_ms) VALUES ('owner', 'owner', 'person', 0)",
            (
                "INSERT INTO governance_grant (id, actor, role, resources, at_ms, granted_by)"
                " VALUES ('grant_owner', 'owner', 'owner', '[]', 0, 'system')"
            ),
        ),
    ),
)

_actor = sa.table("governance_actor", *map(sa.column, ("id", "name", "kind", "created_ms", "disabled_ms")))
_grant = sa.table(
    "governance_grant", *map(sa.column, ("id", "actor", "role", "resources", "at_ms", "granted_by"))
)  # fmt: skip
_rights = sa.table("governance_rights", sa.column("id"), sa.column("version"))
p = sa.bindparam

_ADD_ACTOR = Statement(sa.insert(_actor).values(id=p("id"), name=p("name"), kind=p("kind"), created_ms=p("created_ms")))
_ONE_ACTOR = Statement(sa.select(_actor).where(_actor.c.id == p("id_")))
_ACTORS = Statement(sa.select(_actor).where(_actor.c.name > p("after")).order_by(_actor.c.name).limit(p("limit_")))
_ABLE = Statement(sa.update(_actor).where(_actor.c.id == p("id_")).values(disabled_ms=p("disabled")))
_ADD_GRANT = Statement(
    sa.insert(_grant).values(
        id=p("id"),
        actor=p("actor"),
        role=p("role"),
        resources=p("resources"),
        at_ms=p("at_ms"),
        granted_by=p("granted_by"),
    )
)
_ONE_GRANT = Statement(sa.select(_grant).where(_grant.c.id == p("id_")))
_DROP_GRANT = Statement(sa.delete(_grant).where(_grant.c.id == p("id_")))
_newest = sa.select(_grant).where(_grant.c.id < p("before")).order_by(_grant.c.id.desc()).limit(p("limit_"))
_GRANTS = Statement(_newest)
_GRANTS_OF = Statement(_newest.where(_grant.c.actor == p("actor_")))
_OWNERS = Statement(
    sa.select(_grant)
    .select_from(_grant.join(_actor, _actor.c.id == _grant.c.actor))
    .where(_grant.c.role == p("role_"), _grant.c.resources == p("everything"), _actor.c.disabled_ms.is_(None))
    .order_by(_grant.c.id)
    .limit(2)
)
_VERSION = Statement(sa.select(_rights.c.version).where(_rights.c.id == 1))
_RAISE = Statement(sa.update(_rights).where(_rights.c.id == 1).values(version=_rights.c.version + 1))

_words = msgspec.json.Decoder(tuple[str, ...])
LAST = "~"
"""Sorts after every id."""


def as_text(words: tuple[str, ...]) -> str:
    """Words as one column."""
    return msgspec.json.encode(words).decode()


def as_words(text: str) -> tuple[str, ...]:
    """Words from their column."""
    return _words.decode(text)


def _member(row: Row) -> Member:
    return Member(
        id=ActorId(row[0]), name=row[1], kind=ActorKind(row[2]), created_ms=row[3], disabled_ms=row[4]
    )  # fmt: skip


def _granted(row: Row) -> Grant:
    return Grant(
        id=GrantId(row[0]), actor=ActorId(row[1]), role=Role(row[2]), resources=as_words(row[3]), at_ms=row[4],
        by=ActorId(row[5]),
    )  # fmt: skip


def rights_version(tx: Transaction) -> int:
    """How often anybody's rights changed; grows."""
    row = tx.one(_VERSION)
    return 0 if row is None else int(row[0])


def raise_version(tx: Transaction) -> None:
    """Tell every cache that rights changed."""
    tx.run(_RAISE)


def add_actor(tx: Transaction, member: Member) -> None:
    """Enter an actor.

    Raises:
        AlreadyExists: the name is taken.
    """
    tx.run(
        _ADD_ACTOR,
        {"id": member.id, "name": member.name, "kind": str(member.kind), "created_ms": member.created_ms},
    )


def actor(tx: Transaction, id_: ActorId) -> Member | None:
    """One actor."""
    row = tx.one(_ONE_ACTOR, {"id_": id_})
    return None if row is None else _member(row)


def actors(tx: Transaction, *, after: str, limit: int) -> list[Member]:
    """Actors with a name after `after`, by name."""
    return [_member(row) for row in tx.all(_ACTORS, {"after": after, "limit_": limit})]


def able(tx: Transaction, id_: ActorId, disabled_ms: int | None) -> None:
    """Disable an actor, or enable it again with None."""
    tx.run(_ABLE, {"id_": id_, "disabled": disabled_ms})


def add_grant(tx: Transaction, grant: Grant) -> None:
    """Keep a grant."""
    tx.run(
        _ADD_GRANT,
        {
            "id": grant.id, "actor": grant.actor, "role": str(grant.role), "resources": as_text(grant.resources),
            "at_ms": grant.at_ms, "granted_by": grant.by,
        },
    )  # fmt: skip


def grant(tx: Transaction, id_: GrantId) -> Grant | None:
    """One grant."""
    row = tx.one(_ONE_GRANT, {"id_": id_})
    return None if row is None else _granted(row)


def grants(tx: Transaction, *, of: ActorId | None, before: str = LAST, limit: int = 1000) -> list[Grant]:
    """Grants with an id below `before`, newest first."""
    if of is None:
        rows = tx.all(_GRANTS, {"before": before, "limit_": limit})
    else:
        rows = tx.all(_GRANTS_OF, {"before": before, "limit_": limit, "actor_": of})
    return [_granted(row) for row in rows]


def drop_grant(tx: Transaction, id_: GrantId) -> None:
    """Take a grant back."""
    tx.run(_DROP_GRANT, {"id_": id_})


def owners(tx: Transaction) -> list[Grant]:
    """Grants that make active actors owner of everything; two at most."""
    return [_granted(row) for row in tx.all(_OWNERS, {"role_": str(Role.OWNER), "everything": as_text(())})]


def names(tx: Transaction, ids: AbstractSet[ActorId]) -> dict[ActorId, str]:
    """What actors are called; the yard itself and unknown ones are left out."""
    found = {id_: actor(tx, id_) for id_ in ids}
    return {id_: member.name for id_, member in found.items() if member is not None}
