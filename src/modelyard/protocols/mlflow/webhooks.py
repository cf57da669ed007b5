"""MLflow's calls on webhooks of the registry."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import UNSET, Struct, UnsetType

from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.operations import Effect
from modelyard.ports.wires import WireRequest, WireResponse, WireRoute
from modelyard.protocols.mlflow import wire
from modelyard.protocols.mlflow.wire import EMPTY, answer, body_decoder, query_decoder, required
from modelyard.registry.api import HookEvent, HookStatus, Registry, RegistryWebhook
from modelyard.registry.api.webhooks import WebhookName

PROMOTE = "registry:promote"
_ENTITIES = (
    "", "registered_model", "model_version", "model_version_tag", "model_version_alias", "prompt", "prompt_version",
    "prompt_tag", "prompt_version_tag", "prompt_alias",
)  # fmt: skip
_ACTIONS = ("", "created", "updated", "deleted", "set")
_STATUSES = {"1": HookStatus.ACTIVE, "2": HookStatus.DISABLED}


class EventShape(Struct, kw_only=True):
    """`WebhookEvent`, by names or the numbers that stand for them."""

    entity: str | int = ""
    action: str | int = ""


class Given(Struct, kw_only=True):
    """`CreateWebhook`, `UpdateWebhook` and `TestWebhook`."""

    name: str | None = None
    description: str | None = None
    url: str | None = None
    events: list[EventShape] | None = None
    secret: str | None = None
    status: str | int | None = None
    event: EventShape | None = None


class Listing(Struct, kw_only=True):
    """`ListWebhooks`."""

    max_results: int | None = None
    page_token: str | None = None


class HookShape(Struct, kw_only=True):
    """`Webhook`; never its secret."""

    webhook_id: str
    name: str
    url: str
    events: list[EventShape]
    status: str
    creation_timestamp: int
    last_updated_timestamp: int
    description: str | UnsetType = UNSET


class HookAnswer(Struct, kw_only=True):
    """One webhook."""

    webhook: HookShape


class HooksAnswer(Struct, kw_only=True):
    """A page of webhooks."""

    webhooks: list[HookShape]
    next_page_token: str | UnsetType = UNSET


class ResultShape(Struct, kw_only=True):
    """`WebhookTestResult`."""

    success: bool
    response_status: int | UnsetType = UNSET
    response_body: str | UnsetType = UNSET
    error_message: str | UnsetType = UNSET


class ResultAnswer(Struct, kw_only=True):
    """What came of a test."""

    result: ResultShape


class At(Struct, kw_only=True):
    """A call on one webhook."""

    webhook: str
    given: Given


def at(decode: Callable[[WireRequest], Given] | None = None) -> Callable[[WireRequest], At]:
    """How a call on one webhook is read."""

    def read(request: WireRequest) -> At:
        given = decode(request) if decode and request.body else Given()
        return At(webhook=request.path_params["webhook"], given=given)

    return read


class Webhooks:
    """Translates calls on webhooks."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def routes(self) -> list[WireRoute]:
        """Their addresses."""
        body, one = body_decoder(Given), "/webhooks/{webhook}"
        return [
            *wire.route("create_webhook", "POST /webhooks", body, self.create, effect=Effect.WORK, scope=PROMOTE),
            *wire.route("list_webhooks", "GET /webhooks", query_decoder(Listing), self.listed, effect=Effect.SCAN,
                        scope=PROMOTE),
            *wire.route("get_webhook", "GET " + one, at(), self.get, effect=Effect.READ, scope=PROMOTE),
            *wire.route("update_webhook", "PATCH " + one, at(body), self.update, effect=Effect.WORK, scope=PROMOTE),
            *wire.route("delete_webhook", "DELETE " + one, at(), self.delete, effect=Effect.WORK, scope=PROMOTE),
            *wire.route("test_webhook", "POST " + one + "/test", at(body), self.test, effect=Effect.WORK,
                        scope=PROMOTE),
        ]  # fmt: skip

    def create(self, asked: Given) -> WireResponse:
        """Make one."""
        made = self._registry.create_webhook(
            _name(required(asked.name, "name")), required(asked.url, "url"), _events(required(asked.events, "events")),
            asked.secret or None, description=asked.description or "",
            status=_status(asked.status) or HookStatus.ACTIVE,
        )  # fmt: skip
        return answer(HookAnswer(webhook=_shape(made)))

    def listed(self, asked: Listing) -> WireResponse:
        """List them."""
        limit = 100 if asked.max_results is None else asked.max_results
        if not 1 <= limit <= 1000:
            raise InvalidInput(f"Invalid value {limit} for parameter 'max_results' supplied; it is from 1 to 1000.")
        page = self._registry.registry_webhooks(limit, asked.page_token or None)
        return answer(HooksAnswer(webhooks=[_shape(w) for w in page.items], next_page_token=page.next or UNSET))

    def get(self, asked: At) -> WireResponse:
        """Show one."""
        return answer(HookAnswer(webhook=_shape(self._registry.registry_webhook(asked.webhook))))

    def update(self, asked: At) -> WireResponse:
        """Change one."""
        given = asked.given
        changed = self._registry.update_webhook(
            asked.webhook, name=_name(given.name) if given.name else None, url=given.url or None,
            events=_events(given.events) if given.events else None, secret=given.secret or None,
            description=given.description, status=_status(given.status),
        )  # fmt: skip
        return answer(HookAnswer(webhook=_shape(changed)))

    def delete(self, asked: At) -> WireResponse:
        """Remove one."""
        self._registry.delete_webhook(asked.webhook)
        return EMPTY

    def test(self, asked: At) -> WireResponse:
        """Send a made-up message."""
        event = _events([asked.given.event])[0] if asked.given.event else None
        found = self._registry.test_registry_webhook(asked.webhook, event)
        result = ResultShape(
            success=found.delivered, response_status=found.status or UNSET, response_body=found.answer or UNSET,
            error_message=found.problem or UNSET,
        )  # fmt: skip
        return answer(ResultAnswer(result=result))


def _shape(one: RegistryWebhook) -> HookShape:
    events = [event.upper().split(".") for event in one.events]
    return HookShape(
        webhook_id=one.id, name=one.name, url=one.url, events=[EventShape(entity=e, action=a) for e, a in events],
        status=one.status.value, creation_timestamp=one.created_ms, last_updated_timestamp=one.updated_ms,
        description=one.description or UNSET,
    )  # fmt: skip


def _events(given: list[EventShape]) -> list[HookEvent]:
    found = []
    for one in given:
        text = f"{_word(one.entity, _ENTITIES)}.{_word(one.action, _ACTIONS)}"
        if text not in set(HookEvent):
            raise InvalidInput(f"a webhook is not told of {text[:80]}; known are {', '.join(HookEvent)}")
        found.append(HookEvent(text))
    return found


def _word(given: str | int, words: tuple[str, ...]) -> str:
    if isinstance(given, int):
        return words[given] if 0 <= given < len(words) else ""
    return given.lower()


def _status(given: str | int | None) -> HookStatus | None:
    if given is None:
        return None
    text = str(given)
    if text not in _STATUSES and text not in set(HookStatus):
        raise InvalidInput(f"Invalid value {text[:40]!r} for parameter 'status' supplied.")
    return _STATUSES.get(text) or HookStatus(text)


def _name(given: str) -> str:
    try:
        return msgspec.convert(given, WebhookName)
    except msgspec.ValidationError as err:
        raise InvalidInput(f"Webhook name {given[:80]!r} is invalid: {err}") from err
