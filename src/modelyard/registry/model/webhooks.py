"""What a webhook is told, and which addresses can be one."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from modelyard.kernel.errors import InvalidInput
from modelyard.registry.api.webhooks import HookEvent

PROMPT_TAG = "mlflow.prompt.is_prompt"
_AS_PROMPT = {
    HookEvent.MODEL_CREATED: HookEvent.PROMPT_CREATED,
    HookEvent.VERSION_CREATED: HookEvent.PROMPT_VERSION_CREATED,
    HookEvent.VERSION_TAG_SET: HookEvent.PROMPT_VERSION_TAG_SET,
    HookEvent.VERSION_TAG_DELETED: HookEvent.PROMPT_VERSION_TAG_DELETED,
    HookEvent.ALIAS_CREATED: HookEvent.PROMPT_ALIAS_CREATED,
    HookEvent.ALIAS_DELETED: HookEvent.PROMPT_ALIAS_DELETED,
}
_EXAMPLES: dict[str, dict[str, object]] = {
    "registered_model": {"name": "example_model", "tags": {"example_key": "example_value"},
    "description": "An example"},
    "model_version": {
        "name": "example_model", "version": "1", "source": "models:/123", "run_id": "abcd1234abcd5678",
        "tags": {"example_key": "example_value"}, "description": "An example",
    },
    "model_version_tag": {"name": "example_model", "version": "1", "key": "example_key", "value": "example_value"},
    "model_version_alias": {"name": "example_model", "alias": "example_alias", "version": "1"},
    "prompt": {"name": "example_prompt", "tags": {}, "description": "An example"},
    "prompt_version": {"name": "example_prompt", "version": "1", "template": "Hi {{name}}", "tags": {},
    "description": ""},
    "prompt_tag": {"name": "example_prompt", "key": "example_key", "value": "example_value"},
    "prompt_version_tag": {"name": "example_prompt", "version": "1", "key": "example_key", "value": "example_value"},
    "prompt_alias": {"name": "example_prompt", "alias": "example_alias", "version": "1"},
}  # fmt: skip


def checked_url(url: str, named: Collection[str]) -> str:
    """`url` if messages may go there; names are looked up, and judged again, at each message.

    Raises:
        InvalidInput: it is no https address, carries a password, or is a number of a private network.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as err:
        raise InvalidInput(f"Invalid webhook URL {url[:200]!r}: {err}") from err
    if not host or any(c.isspace() or ord(c) < 32 for c in url) or (port is not None and port < 1):
        raise InvalidInput(f"Webhook URL must include a hostname and no spaces: {url[:200]!r}")
    if parts.username or parts.password:
        raise InvalidInput("a webhook's address carries no name or password; messages are signed instead")
    if host in named and parts.scheme in ("http", "https"):
        return url
    if parts.scheme != "https":
        raise InvalidInput(f"Invalid webhook URL scheme: {parts.scheme[:20]!r}. Allowed schemes are: https.")
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        is_here = host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
    else:
        is_here = not address.is_global or address.is_multicast
    if is_here:
        raise InvalidInput(f"{host} is an address that webhooks may not reach; the setting webhook_hosts can name it")
    return url


def about(event: HookEvent, tags: Mapping[str, str]) -> HookEvent:
    """The event as it is told of a prompt, which is a model with a tag."""
    return _AS_PROMPT.get(event, event) if tags.get(PROMPT_TAG, "").lower() == "true" else event


def example(event: HookEvent) -> dict[str, object]:
    """What a made-up message says."""
    entity, _, action = event.partition(".")
    made = dict(_EXAMPLES[entity])
    if action == "deleted":
        made.pop("value" if "key" in made else "version", None)
    return made
