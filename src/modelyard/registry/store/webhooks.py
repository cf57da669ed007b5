"""Webhooks of the registry."""

from __future__ import annotations

import msgspec

from modelyard.ports.database import Migration, Row, Transaction
from modelyard.ports.statements import sql
from modelyard.registry.api.webhooks import HookEvent, HookStatus, RegistryWebhook

WEBHOOKS = Migration(
    slice="registry",
    number=7,
    name="webhooks",
    ddl=(
        (
            "CREATE TABLE registry_webhook (id {serial}, webhook {text} NOT NULL UNIQUE, name {text} NOT NULL, "
            "url {text} NOT NULL, events {bytes} NOT NULL, description {text} NOT NULL, status {text} NOT NULL, "
            "created_ms {int} NOT NULL, updated_ms {int} NOT NULL, outcome {text} NOT NULL, told_ms {int})"
        ),
    ),
)
_COLUMNS = "webhook, name, url, events, description, status, created_ms, updated_ms, outcome, told_ms"
_PUT = sql(
    f"INSERT INTO registry_webhook ({_COLUMNS}) VALUES (:webhook, :name, :url, :events, :description, :status, "
    ":created, :updated, :outcome, :told) ON CONFLICT (webhook) DO UPDATE SET name = excluded.name, "
    "url = excluded.url, events = excluded.events, description = excluded.description, status = excluded.status, "
    "updated_ms = excluded.updated_ms"
)
_ONE = sql(f"SELECT {_COLUMNS} FROM registry_webhook WHERE webhook = :webhook")
_SOME = sql(f"SELECT id, {_COLUMNS} FROM registry_webhook WHERE id > :after ORDER BY id LIMIT :n")
_DROP = sql("DELETE FROM registry_webhook WHERE webhook = :webhook")
_TOLD = sql("UPDATE registry_webhook SET outcome = :outcome, told_ms = :now WHERE webhook = :webhook")
_decode = msgspec.json.Decoder(list[HookEvent]).decode


def put(tx: Transaction, one: RegistryWebhook) -> None:
    """Store a webhook, in place of the one of that id."""
    tx.run(
        _PUT,
        {
            "webhook": one.id, "name": one.name, "url": one.url, "events": msgspec.json.encode(one.events),
            "description": one.description, "status": one.status.value, "created": one.created_ms,
            "updated": one.updated_ms, "outcome": one.outcome, "told": one.told_ms,
        },
    )  # fmt: skip


def one(tx: Transaction, webhook: str) -> RegistryWebhook | None:
    """The webhook of that id."""
    row = tx.one(_ONE, {"webhook": webhook})
    return _webhook(row) if row else None


def some(tx: Transaction, *, after: int = 0, limit: int = 1000) -> list[tuple[int, RegistryWebhook]]:
    """Webhooks and their places, the oldest first."""
    return [(int(row[0]), _webhook(row[1:])) for row in tx.all(_SOME, {"after": after, "n": limit})]


def drop(tx: Transaction, webhook: str) -> bool:
    """Remove one; False if there was none."""
    return tx.run(_DROP, {"webhook": webhook}) > 0


def told(tx: Transaction, webhook: str, *, outcome: str, now_ms: int) -> None:
    """Note what came of a message."""
    tx.run(_TOLD, {"webhook": webhook, "outcome": outcome[:500], "now": now_ms})


def _webhook(row: Row) -> RegistryWebhook:
    webhook, name, url, events, description, status, created, updated, outcome, told_ms = row
    return RegistryWebhook(
        id=webhook, name=name, url=url, events=_decode(events), description=description, status=HookStatus(status),
        created_ms=created, updated_ms=updated, outcome=outcome, told_ms=told_ms,
    )  # fmt: skip
