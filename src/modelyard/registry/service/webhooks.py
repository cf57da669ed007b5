"""Webhooks: kept, told of the registry's own news, and tried again until they answer.

News becomes one job for each webhook in the durable queue; the duty `deliver` takes what is due, posts it and says what
came back. A message that fails is tried again after 2, 4, 8 ... seconds, eight times, also after a restart.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections.abc import Callable, Collection
from functools import partial
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from modelyard.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, YardError
from modelyard.kernel.events import Event
from modelyard.kernel.pages import Page, place_of, placed_page
from modelyard.ports import calls
from modelyard.ports.queue import Job, NewJob, Queue
from modelyard.ports.secrets import Secret, Secrets
from modelyard.ports.webhooks import Answer
from modelyard.ports.webhooks import Webhooks as Posting
from modelyard.registry.api.news import AliasMoved, ModelRegistered, TagDropped, TagSet, VersionRegistered
from modelyard.registry.api.webhooks import (
    Delivery,
    HookEvent,
    HookStatus,
    HookUnavailable,
    RegistryWebhook,
    WebhookOperations,
)
from modelyard.registry.model import webhooks as model
from modelyard.registry.store import models, versions
from modelyard.registry.store import webhooks as store

QUEUE = "registry-webhooks"
MAX_WEBHOOKS = 100
_ATTEMPTS = 8
_LEASE_S = 60.0
_ROUND = 20
_AGAIN = (408, 425, 429)


class Message(msgspec.Struct, frozen=True):
    """One message on its way to one webhook."""

    webhook: str
    delivery: str
    event: HookEvent
    body: str


class Posts:
    """What webhooks need of the house.

    Args:
        queue: keeps messages over a restart.
        posting: opens connections; asked at the first message.
        named: hosts on this machine that may be reached.
    """

    def __init__(self, queue: Queue, posting: Callable[[], Posting], named: Collection[str] = ()) -> None:
        self.queue = queue
        self.posting = posting
        self.named = frozenset(named)


class Webhooks(WebhookOperations):
    """The operations on webhooks."""

    _secrets: Secrets
    _posts: Posts | None

    def create_webhook(
        self, name: str, url: str, events: list[HookEvent], secret: str | None = None, *, description: str = "",
        status: HookStatus = HookStatus.ACTIVE,
    ) -> RegistryWebhook:  # fmt: skip
        """Have an address told of changes in the registry."""
        call = calls.current()
        if len(store.some(call.tx)) >= MAX_WEBHOOKS:
            raise Conflict(f"a registry has at most {MAX_WEBHOOKS} webhooks; delete one first")
        made = RegistryWebhook(
            id=str(uuid.uuid4()), name=name, url=model.checked_url(url, self._named()), events=_checked(events),
            description=description[:5000], status=status, created_ms=call.now_ms, updated_ms=call.now_ms,
        )  # fmt: skip
        if secret:
            self._secrets.put(_secret(made.id), Secret(secret))
        call.unit(lambda: store.put(calls.current().tx, made))
        return made

    def registry_webhook(self, webhook: str) -> RegistryWebhook:
        """Show one webhook."""
        found = store.one(calls.current().tx, webhook)
        if found is None:
            raise NotFound(f"Webhook with ID {webhook[:80]} not found.")
        return found

    def registry_webhooks(self, limit: int = 100, cursor: str | None = None) -> Page[RegistryWebhook]:
        """List the webhooks."""
        return placed_page(store.some(calls.current().tx, after=place_of(cursor, 0), limit=limit + 1), limit)

    def update_webhook(
        self, webhook: str, *, name: str | None = None, url: str | None = None, events: list[HookEvent] | None = None,
        secret: str | None = None, description: str | None = None, status: HookStatus | None = None,
    ) -> RegistryWebhook:  # fmt: skip
        """Change a webhook."""
        call = calls.current()
        old = self.registry_webhook(webhook)
        changed = replace(
            old, name=name or old.name, url=old.url if url is None else model.checked_url(url, self._named()),
            events=old.events if events is None else _checked(events), status=status or old.status,
            description=old.description if description is None else description[:5000], updated_ms=call.now_ms,
        )  # fmt: skip
        if secret:
            self._secrets.put(_secret(webhook), Secret(secret))
        call.unit(lambda: store.put(calls.current().tx, changed))
        return changed

    def delete_webhook(self, webhook: str) -> None:
        """Tell an address nothing any more."""
        self.registry_webhook(webhook)
        calls.current().unit(lambda: store.drop(calls.current().tx, webhook))
        if self._secrets.get(_secret(webhook)) is not None:
            self._secrets.delete(_secret(webhook))

    def test_registry_webhook(self, webhook: str, event: HookEvent | None = None) -> Delivery:
        """Send a made-up message now."""
        one = self.registry_webhook(webhook)
        chosen = event or one.events[0]
        message = Message(webhook, str(uuid.uuid4()), chosen, _body(chosen, model.example(chosen)))
        try:
            answer = self._post(one, message)
        except YardError as err:
            return Delivery(delivered=False, problem=err.detail)
        return Delivery(delivered=answer.status < 400, status=answer.status, answer=answer.text)

    def tell(self, event: Event) -> None:
        """Put a message for each webhook that is told of this news; a repeat puts nothing twice while one waits."""
        call = calls.current()
        if self._posts is None:
            return
        active = [one for _, one in store.some(call.tx) if one.status is HookStatus.ACTIVE]
        if not active or (said := _said(event)) is None:
            return
        kind, data = said
        body = _body(kind, data)
        queue = self._posts.queue
        jobs = [
            NewJob(
                kind="webhook", queue=QUEUE, key=f"{one.id}:{event.id}", max_attempts=_ATTEMPTS, backoff_s=2.0,
                payload=msgspec.json.encode(Message(one.id, str(uuid.uuid4()), kind, body)),
            )
            for one in active
            if kind in one.events
        ]  # fmt: skip
        if jobs:
            call.unit(lambda: [queue.enqueue(calls.current().tx, job) for job in jobs])

    def deliver(self) -> int:
        """Send what is due; how many messages were tried."""
        if self._posts is None:
            return 0
        queue = self._posts.queue
        for done in range(_ROUND):
            job = queue.claim(f"webhooks-{calls.current().request_id}", lease_s=_LEASE_S, queue=QUEUE)
            if job is None:
                return done
            self._try(queue, job)
        return _ROUND

    def _try(self, queue: Queue, job: Job) -> None:
        call = calls.current()
        message = msgspec.json.decode(job.payload, type=Message)
        one = store.one(call.tx, message.webhook)
        if one is None or one.status is not HookStatus.ACTIVE:
            call.unit(lambda: queue.complete(calls.current().tx, job))
            return
        try:
            answer = self._post(one, message)
            if answer.status >= 500 or answer.status in _AGAIN:
                raise HookUnavailable(f"{one.name} answered {answer.status}")
            if answer.status >= 300:
                raise InvalidInput(f"{one.name} answered {answer.status}; it is not tried again")
            call.unit(partial(_done, queue, job, one.id, f"{answer.status} {answer.text[:200]}"))
        except YardError as err:
            retry = not isinstance(err, InvalidInput | Forbidden | NotFound)
            call.unit(partial(_stumbled, queue, job, one.id, err.detail, retry=retry))

    def _post(self, one: RegistryWebhook, message: Message) -> Answer:
        if self._posts is None:
            raise InvalidInput("this registry has nobody who posts messages")
        call = calls.current()
        secret = self._secrets.get(_secret(one.id))
        headers = signed(secret, message.delivery, call.clock.now_ms() // 1000, message.body)
        here = (urlsplit(one.url).hostname or "") in self._posts.named
        return self._posts.posting().post(one.url, message.body.encode(), headers, allow_loopback=here)

    def _named(self) -> frozenset[str]:
        return self._posts.named if self._posts else frozenset()


def signed(secret: Secret | None, delivery: str, seconds: int, body: str) -> dict[str, str]:
    """The headers that MLflow's receivers check: delivery id, time, and HMAC-SHA256 over `id.seconds.body`, base64."""
    headers = {
        "Content-Type": "application/json", "X-MLflow-Delivery-Id": delivery, "X-MLflow-Timestamp": str(seconds),
    }  # fmt: skip
    if secret is not None:
        text = f"{delivery}.{seconds}.{body}".encode()
        digest = hmac.digest(secret.reveal().encode(), text, hashlib.sha256)
        headers["X-MLflow-Signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def _done(queue: Queue, job: Job, webhook: str, outcome: str) -> None:
    call = calls.current()
    queue.complete(call.tx, job)
    store.told(call.tx, webhook, outcome=outcome, now_ms=call.now_ms)


def _stumbled(queue: Queue, job: Job, webhook: str, problem: str, *, retry: bool) -> None:
    call = calls.current()
    queue.fail(call.tx, job, problem, retry=retry)
    store.told(call.tx, webhook, outcome=problem, now_ms=call.now_ms)


def _checked(events: list[HookEvent]) -> list[HookEvent]:
    if not events:
        raise InvalidInput("Webhook events must be a non-empty list")
    return list(dict.fromkeys(events))


def _secret(webhook: str) -> str:
    return f"registry-webhook-{webhook}"


def _body(event: HookEvent, data: dict[str, object]) -> str:
    entity, _, action = event.partition(".")
    at = calls.current().now.isoformat()
    return msgspec.json.encode({"entity": entity, "action": action, "timestamp": at, "data": data}).decode()


def _said(event: Event) -> tuple[HookEvent, dict[str, object]] | None:
    """What is told of a piece of news, from what the registry holds now; None where that is gone."""
    tx = calls.current().tx
    name = msgspec.json.decode(event.body, type=_Named).name
    found = models.one(tx, name)
    if found is None:
        return None
    number, head = found
    if event.kind == ModelRegistered.kind:
        data: dict[str, object] = {"name": name, "tags": head.tags, "description": head.description or None}
        return model.about(HookEvent.MODEL_CREATED, head.tags), data
    if event.kind == VersionRegistered.kind:
        version = versions.one(tx, number, event.decode(VersionRegistered).version)
        if version is None:
            return None
        made = version[1]
        return model.about(HookEvent.VERSION_CREATED, head.tags), {
            "name": name, "version": str(made.version), "source": made.source, "run_id": made.run, "tags": made.tags,
            "description": made.description or None, "template": made.tags.get("mlflow.prompt.text"),
        }  # fmt: skip
    if event.kind == AliasMoved.kind:
        moved = event.decode(AliasMoved)
        if moved.version is None:
            return model.about(HookEvent.ALIAS_DELETED, head.tags), {"name": name, "alias": moved.alias}
        data = {"name": name, "alias": moved.alias, "version": str(moved.version)}
        return model.about(HookEvent.ALIAS_CREATED, head.tags), data
    return _tagged(event, head.tags)


def _tagged(event: Event, tags: dict[str, str]) -> tuple[HookEvent, dict[str, object]] | None:
    is_prompt = tags.get(model.PROMPT_TAG, "").lower() == "true"
    if event.kind == TagSet.kind:
        put = event.decode(TagSet)
        which: dict[str, object] = {"name": put.name, "key": put.key, "value": put.value}
        kinds = (HookEvent.PROMPT_TAG_SET, HookEvent.VERSION_TAG_SET)
        version = put.version
    else:
        gone = event.decode(TagDropped)
        which = {"name": gone.name, "key": gone.key}
        kinds = (HookEvent.PROMPT_TAG_DELETED, HookEvent.VERSION_TAG_DELETED)
        version = gone.version
    if version is None:  # MLflow tells of a model's tags only where the model is a prompt
        return (kinds[0], which) if is_prompt else None
    return model.about(kinds[1], tags), {**which, "version": str(version)}


class _Named(msgspec.Struct):
    name: str
