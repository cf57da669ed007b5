"""Webhooks: addresses that are told when models, versions, tags, aliases and prompts change.

A message goes out after the change, at least once, with the same delivery id at every attempt, signed with the
webhook's secret. It never goes to an address of a private network.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.errors import Unavailable
from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page

Url = Annotated[str, Meta(min_length=1, max_length=2048, description="an https address")]
Signing = Annotated[str, Meta(min_length=1, max_length=1000, description="what messages are signed with")]
WebhookName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9._\-]{0,61}[A-Za-z0-9])?$",
        description="letters, digits, `.`, `_` and `-`; starts and ends with a letter or digit; at most 63",
    ),
]


class HookEvent(StrEnum):
    """What a webhook can be told of."""

    MODEL_CREATED = "registered_model.created"
    VERSION_CREATED = "model_version.created"
    VERSION_TAG_SET = "model_version_tag.set"
    VERSION_TAG_DELETED = "model_version_tag.deleted"
    ALIAS_CREATED = "model_version_alias.created"
    ALIAS_DELETED = "model_version_alias.deleted"
    PROMPT_CREATED = "prompt.created"
    PROMPT_VERSION_CREATED = "prompt_version.created"
    PROMPT_TAG_SET = "prompt_tag.set"
    PROMPT_TAG_DELETED = "prompt_tag.deleted"
    PROMPT_VERSION_TAG_SET = "prompt_version_tag.set"
    PROMPT_VERSION_TAG_DELETED = "prompt_version_tag.deleted"
    PROMPT_ALIAS_CREATED = "prompt_alias.created"
    PROMPT_ALIAS_DELETED = "prompt_alias.deleted"


class HookStatus(StrEnum):
    """Whether a webhook is told anything."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


class RegistryWebhook(Struct, frozen=True, kw_only=True):
    """An address and what it is told of; its secret is never shown.

    Attributes:
        outcome: what came of the last message, and when.
    """

    id: str
    name: str
    url: str
    events: list[HookEvent]
    description: str = ""
    status: HookStatus = HookStatus.ACTIVE
    created_ms: int = 0
    updated_ms: int = 0
    outcome: str = ""
    told_ms: int | None = None


class Delivery(Struct, frozen=True, kw_only=True):
    """What came of a test message; no status where nobody answered."""

    delivered: bool
    status: int | None = None
    answer: str = ""
    problem: str = ""


class HookUnavailable(Unavailable):
    """A webhook's address did not take a message; it is tried again."""

    code, title = "webhook_unavailable", "A webhook did not take a message"


class WebhookOperations(ABC):
    """What can be done with webhooks."""

    @operation("POST", "/registry-webhooks", scope="registry:promote", effect=Effect.WORK, private=("secret",))
    @abstractmethod
    def create_webhook(
        self, name: WebhookName, url: Url, events: list[HookEvent], secret: Signing | None = None, *,
        description: str = "", status: HookStatus = HookStatus.ACTIVE,
    ) -> RegistryWebhook:  # fmt: skip
        """Have an address told of changes in the registry.

        Args:
            name: what to call it.
            url: `https`; hosts on this machine only where the setting `webhook_hosts` names them.
            events: of what.
            secret: signs each message; kept sealed and never shown again.
            description: for people.
            status: DISABLED to be told nothing yet.

        Raises:
            InvalidInput: the address is none that may be reached, or there are no events.
            Conflict: there are too many webhooks.
        """

    @operation("GET", "/registry-webhooks/{webhook}", scope="registry:promote")
    @abstractmethod
    def registry_webhook(self, webhook: str) -> RegistryWebhook:
        """Show one webhook.

        Raises:
            NotFound: there is no such webhook.
        """

    @operation("GET", "/registry-webhooks", scope="registry:promote")
    @abstractmethod
    def registry_webhooks(self, limit: Limit = 100, cursor: str | None = None) -> Page[RegistryWebhook]:
        """List the webhooks, the oldest first."""

    @operation(
        "PATCH", "/registry-webhooks/{webhook}", scope="registry:promote", effect=Effect.WORK, private=("secret",)
    )
    @abstractmethod
    def update_webhook(
        self, webhook: str, *, name: WebhookName | None = None, url: Url | None = None,
        events: list[HookEvent] | None = None, secret: Signing | None = None, description: str | None = None,
        status: HookStatus | None = None,
    ) -> RegistryWebhook:  # fmt: skip
        """Change a webhook; what is not given stays.

        Args:
            webhook: its id.
            name: another name.
            url: another address.
            events: other events.
            secret: another secret.
            description: another description.
            status: whether it is told anything.

        Raises:
            NotFound: there is no such webhook.
            InvalidInput: the address is none that may be reached, or there are no events.
        """

    @operation("DELETE", "/registry-webhooks/{webhook}", scope="registry:promote", effect=Effect.WORK)
    @abstractmethod
    def delete_webhook(self, webhook: str) -> None:
        """Tell an address nothing any more; its secret is forgotten.

        Raises:
            NotFound: there is no such webhook.
        """

    @operation("POST", "/registry-webhooks/{webhook}/tests", scope="registry:promote", effect=Effect.WORK)
    @abstractmethod
    def test_registry_webhook(self, webhook: str, event: HookEvent | None = None) -> Delivery:
        """Send a made-up message now, once, and say what came back.

        Args:
            webhook: its id.
            event: of what; by default the first that the webhook is told of.

        Raises:
            NotFound: there is no such webhook.
        """
