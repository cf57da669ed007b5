"""The journal over any database: the event log, which is also the outbox, and the hash-chained audit.

A group's rows are added by one bulk insert each. The head of the chain is read inside the transaction, never kept in
memory, so several processes may append in turn (5 us a group on SQLite). A row's hash is SHA-256 over the hash before
it and the row's canonical form: the JSON array of its columns in table order, compact, without the hash itself. It
changes and removes nothing of the audit; a missing tail shows only against a head that was kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

import msgspec
import sqlalchemy as sa

from modelyard.kernel.events import Entry, Event
from modelyard.kernel.ids import ActorId, EventId
from modelyard.kernel.refs import Ref
from modelyard.ports.database import Migration, Row, Statement, Transaction, upsert
from modelyard.ports.journal import AuditFilter, AuditRow, Verification

_NO_HASH = bytes(32)
_END = 2**62
_STRIDE = 4000
_encode = msgspec.json.Encoder().encode
_refs = msgspec.json.Decoder(tuple[str, ...]).decode

_event = sa.table(
    "journal_event",
    *(sa.column(c) for c in ("seq", "id", "kind", "at_ms", "actor", "request_id", "reads", "writes", "body")),
)
_audit = sa.table(
    "journal_audit",
    *(sa.column(c) for c in ("seq", "at_ms", "actor", "operation", "about", "outcome", "request_id", "detail", "hash")),
)
_cursor = sa.table("journal_cursor", sa.column("consumer"), sa.column("seq"))

_ADD_EVENT = Statement(_event.insert().values({c.name: sa.bindparam(c.name) for c in _event.c if c.name != "seq"}))
_ADD_AUDIT = Statement(_audit.insert())
_HEAD = Statement(sa.select(_audit.c.seq, _audit.c.hash).order_by(_audit.c.seq.desc()).limit(sa.literal_column("1")))
_EVENTS = Statement(
    sa.select(_event).where(_event.c.seq > sa.bindparam("after")).order_by(_event.c.seq).limit(sa.bindparam("n"))
)
_RECENT = Statement(
    sa.select(_event)
    .where(_event.c.seq < sa.bindparam("before"))
    .order_by(_event.c.seq.desc())
    .limit(sa.bindparam("n"))
)
_CHAIN = Statement(
    sa.select(_audit).where(_audit.c.seq > sa.bindparam("after")).order_by(_audit.c.seq).limit(sa.bindparam("n"))
)
_REWORD = Statement(sa.update(_event).where(_event.c.seq == sa.bindparam("seq_")).values(body=sa.bindparam("body_")))
_CURSOR = Statement(sa.select(_cursor.c.seq).where(_cursor.c.consumer == sa.bindparam("consumer")))
_put_cursor = upsert(_cursor).values(consumer=sa.bindparam("consumer"), seq=sa.bindparam("seq"))
_ADVANCE = Statement(
    _put_cursor.on_conflict_do_update(
        index_elements=["consumer"],
        set_={"seq": _put_cursor.excluded.seq},
        where=_cursor.c.seq < _put_cursor.excluded.seq,
    )
)

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        slice="journal",
        number=1,
        name="events, audit and cursors",
        ddl=(
            """CREATE TABLE journal_event (
                seq {serial}, id {text} NOT NULL, kind {text} NOT NULL, at_ms {int} NOT NULL, actor {text} NOT NULL,
                request_id {text} NOT NULL, reads {text} NOT NULL, writes {text} NOT NULL, body {bytes} NOT NULL)""",
            """CREATE TABLE journal_audit (
                seq {int} PRIMARY KEY, at_ms {int} NOT NULL, actor {text} NOT NULL, operation {text} NOT NULL,
                about {text}, outcome {text} NOT NULL, request_id {text} NOT NULL, detail {text} NOT NULL,
                hash {bytes} NOT NULL)""",
            "CREATE INDEX journal_audit_about ON journal_audit (about, seq)",
            "CREATE TABLE journal_cursor (consumer {text} PRIMARY KEY, seq {int} NOT NULL)",
        ),
    ),
)


class DatabaseJournal:
    """Events and audit in the tables of the database it is handed to."""

    migrations: tuple[Migration, ...] = MIGRATIONS

    def append(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        """Add a group's events and audit rows, in order."""
        events = [_event_params(event) for entry in entries for event in entry.events]
        if events:
            tx.many(_ADD_EVENT, events)
        audited = [entry for entry in entries if entry.audited]
        if not audited:
            return
        head = tx.one(_HEAD)
        seq, digest = (0, _NO_HASH) if head is None else head
        rows = []
        for e in audited:
            seq += 1
            row = (seq, e.at_ms, e.actor, e.operation, e.about, e.outcome, e.request_id, e.detail)
            row, digest = _link(digest, row)
            rows.append(
                {
                    "seq": seq, "at_ms": row[1], "actor": row[2], "operation": row[3], "about": row[4],
                    "outcome": row[5], "request_id": row[6], "detail": row[7], "hash": digest,
                }
            )  # fmt: skip
        tx.many(_ADD_AUDIT, rows)

    def events(self, tx: Transaction, *, after: int, limit: int = 500) -> list[Event]:
        """Events with a place in the log above `after`, oldest first."""
        return [_to_event(row) for row in tx.all(_EVENTS, {"after": after, "n": limit})]

    def recent_events(self, tx: Transaction, *, before: int | None, limit: int = 100) -> list[Event]:
        """Events with a place below `before` (None: from the end), newest first."""
        below = _END if before is None else before
        return [_to_event(row) for row in tx.all(_RECENT, {"before": below, "n": limit})]

    def reword(self, tx: Transaction, seq: int, body: bytes) -> None:
        """Let the event at a place say something else."""
        tx.run(_REWORD, {"seq_": seq, "body_": body})

    def cursor(self, tx: Transaction, consumer: str) -> int:
        """The place up to which `consumer` has taken note; 0 at first."""
        found = tx.one(_CURSOR, {"consumer": consumer})
        return 0 if found is None else int(found[0])

    def advance(self, tx: Transaction, consumer: str, seq: int) -> None:
        """Note that `consumer` is done with everything up to `seq`; it never goes back."""
        tx.run(_ADVANCE, {"consumer": consumer, "seq": seq})

    def audit(self, tx: Transaction, *, before: int | None, limit: int, only: AuditFilter) -> list[AuditRow]:
        """Audit rows with a number below `before` (None: from the end), newest first."""
        wanted = {name: value for name, value in msgspec.structs.asdict(only).items() if value is not None}
        below = _END if before is None else before
        rows = tx.all(_audit_query(tuple(wanted)), {"before": below, "n": limit, **wanted})
        return [_to_audit(row) for row in rows]

    def verify(self, tx: Transaction) -> Verification:
        """Walk the whole chain in strides and recompute every hash."""
        last, digest = 0, _NO_HASH
        while rows := tx.all(_CHAIN, {"after": last, "n": _STRIDE}):
            for row in rows:
                digest = sha256(digest + _encode(row[:8])).digest()
                if digest != row[8] or row[0] != last + 1:
                    return Verification(checked=last, head=_head_of(tx), broken_at=row[0])
                last = row[0]
        return Verification(checked=last, head=digest.hex(), broken_at=None)


def _link(before: bytes, row: Row) -> tuple[Row, bytes]:
    """The row as it can be stored everywhere, and its hash."""
    try:
        canonical = _encode(row)
    except UnicodeEncodeError:
        canonical = b"\\u0000"
    if b"\\u0000" in canonical:
        row = tuple(_storable(value) if isinstance(value, str) else value for value in row)
        canonical = _encode(row)
    return row, sha256(before + canonical).digest()


def _storable(text: str) -> str:
    """The text without lone surrogates and NUL, which not every engine stores."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def _event_params(event: Event) -> dict[str, Any]:
    return {
        "id": event.id, "kind": event.kind, "at_ms": event.at_ms, "actor": event.actor,
        "request_id": event.request_id, "reads": _refs_text(event.reads), "writes": _refs_text(event.writes),
        "body": bytes(event.body),
    }  # fmt: skip


def _refs_text(refs: tuple[Ref, ...]) -> str:
    return _encode([_storable(r) for r in refs]).decode() if refs else "[]"


def _to_event(row: Row) -> Event:
    seq, id_, kind, at_ms, actor, request_id, reads, writes, body = row
    return Event(
        id=EventId(id_), kind=kind, at_ms=at_ms, actor=ActorId(actor), request_id=request_id,
        reads=tuple(Ref(r) for r in _refs(reads)), writes=tuple(Ref(r) for r in _refs(writes)),
        body=msgspec.Raw(body), seq=seq,
    )  # fmt: skip


def _to_audit(row: Row) -> AuditRow:
    seq, at_ms, actor, operation, about, outcome, request_id, detail, digest = row
    return AuditRow(
        seq=seq, at_ms=at_ms, actor=ActorId(actor), operation=operation, about=about, outcome=outcome,
        request_id=request_id, detail=detail, hash=digest.hex(),
    )  # fmt: skip


def _head_of(tx: Transaction) -> str:
    head = tx.one(_HEAD)
    return _NO_HASH.hex() if head is None else head[1].hex()


@lru_cache(maxsize=16)
def _audit_query(columns: tuple[str, ...]) -> Statement:
    query = sa.select(_audit).where(_audit.c.seq < sa.bindparam("before"))
    for name in columns:
        query = query.where(_audit.c[name] == sa.bindparam(name))
    return Statement(query.order_by(_audit.c.seq.desc()).limit(sa.bindparam("n")))
