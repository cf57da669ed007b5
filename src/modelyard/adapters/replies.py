"""Idempotent replies in the home's own database; one adapter for every engine behind the database port."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from modelyard.kernel.errors import AlreadyExists, Conflict
from modelyard.ports.database import Migration, Statement, Transaction
from modelyard.ports.replies import ReplyKey

_CLAIM_MS = 3_600_000

_reply = sa.table(
    "edge_reply",
    sa.column("actor"),
    sa.column("key"),
    sa.column("digest"),
    sa.column("at_ms", sa.BigInteger),
    sa.column("answer", sa.LargeBinary),
)
_where = (_reply.c.actor == sa.bindparam("actor_")) & (_reply.c.key == sa.bindparam("key_"))
_FIND = Statement(sa.select(_reply.c.digest, _reply.c.at_ms, _reply.c.answer).where(_where))
_BEGIN = Statement(sa.insert(_reply).values({c.name: sa.bindparam(c.name) for c in _reply.c if c.name != "answer"}))
_KEEP = Statement(sa.update(_reply).where(_where).values(answer=sa.bindparam("answer_"), at_ms=sa.bindparam("at_ms_")))
_DROP = Statement(sa.delete(_reply).where(_where))
_ANSWERS = Statement(
    sa.select(_reply.c.actor, _reply.c.key, _reply.c.answer)
    .where(
        (_reply.c.actor > sa.bindparam("actor_"))
        | ((_reply.c.actor == sa.bindparam("actor_")) & (_reply.c.key > sa.bindparam("key_")))
    )
    .order_by(_reply.c.actor, _reply.c.key)
    .limit(sa.literal_column("200"))
)
_EXPIRE = Statement(sa.delete(_reply).where(_reply.c.at_ms < sa.bindparam("before_ms")))


class DatabaseReplies:
    """Remembers answers in table `edge_reply`."""

    migrations: tuple[Migration, ...] = (
        Migration(
            slice="edge",
            number=1,
            name="replies",
            ddl=(
                """
                CREATE TABLE edge_reply (
                    actor {text} NOT NULL, key {text} NOT NULL, digest {text} NOT NULL, at_ms {int} NOT NULL,
                    answer {bytes}, PRIMARY KEY (actor, key)
                )
                """,
                "CREATE INDEX edge_reply_at ON edge_reply (at_ms)",
            ),
        ),
    )

    def find(self, tx: Transaction, key: ReplyKey) -> bytes | None:
        """The answer given before, as JSON; None if the key is new."""
        row = tx.one(_FIND, {"actor_": key.actor, "key_": key.key})
        if row is None:
            return None
        digest, _, answer = row
        if digest != key.digest:
            raise Conflict(f"the idempotency key {key.key[:80]!r} was used for another call; take a new key")
        if answer is None:
            raise Conflict(f"the call under idempotency key {key.key[:80]!r} is still running; ask again shortly")
        return bytes(answer)

    def begin(self, tx: Transaction, key: ReplyKey, at_ms: int) -> None:
        """Claim a new key; a claim older than an hour is taken over."""
        row = tx.one(_FIND, {"actor_": key.actor, "key_": key.key})
        if row is not None and row[2] is None and row[1] < at_ms - _CLAIM_MS:
            tx.run(_DROP, {"actor_": key.actor, "key_": key.key})
        try:
            tx.run(_BEGIN, {"actor": key.actor, "key": key.key, "digest": key.digest, "at_ms": at_ms})
        except AlreadyExists as err:
            raise Conflict(f"the call under idempotency key {key.key[:80]!r} is running; ask again shortly") from err

    def keep(self, tx: Transaction, key: ReplyKey, at_ms: int, answer: bytes) -> None:
        """Remember the answer."""
        tx.run(_KEEP, {"actor_": key.actor, "key_": key.key, "answer_": answer, "at_ms_": at_ms})

    def drop(self, tx: Transaction, key: ReplyKey) -> None:
        """Give a claim back."""
        tx.run(_DROP, {"actor_": key.actor, "key_": key.key})

    def expire(self, tx: Transaction, before_ms: int) -> int:
        """Forget keys from before then; how many."""
        return tx.run(_EXPIRE, {"before_ms": before_ms})

    def forget(self, tx: Transaction, names: Callable[[bytes], bool], *, apply: bool) -> int:
        """How many remembered answers name somebody; with `apply` they are forgotten."""
        count, actor, key = 0, "", ""
        while rows := tx.all(_ANSWERS, {"actor_": actor, "key_": key}):
            named = [(row[0], row[1]) for row in rows if row[2] is not None and names(bytes(row[2]))]
            count += len(named)
            if named and apply:
                tx.many(_DROP, [{"actor_": one, "key_": other} for one, other in named])
            actor, key, _ = rows[-1]
        return count
