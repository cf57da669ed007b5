"""What the registry does unasked: it tells webhooks of its own news, and sends what waits for them."""

from __future__ import annotations

from modelyard.ports.duties import Duty, Reaction
from modelyard.registry.api.news import AliasMoved, ModelRegistered, TagDropped, TagSet, VersionRegistered
from modelyard.registry.service import RegistryService

_TOLD = (ModelRegistered, VersionRegistered, AliasMoved, TagSet, TagDropped)


def reactions(service: RegistryService) -> tuple[Reaction, ...]:
    """What happens to models, versions, aliases and tags becomes messages for webhooks."""
    return tuple(Reaction(f"registry.tell_{news.kind.lower()}", news.kind, service.tell) for news in _TOLD)


def duties(service: RegistryService) -> tuple[Duty, ...]:
    """Half a second after a change its message is on the way."""

    def deliver() -> None:
        service.deliver()

    return (Duty("registry.tell_webhooks", 0.5, deliver),)
