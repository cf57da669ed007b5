"""What the registry does unasked: it tells webhooks of its own news, sends what waits for them, and compares ahead.

Versions are compared once one is proposed or tried, so that nobody who looks at a proposal waits for it.
"""

from __future__ import annotations

from modelyard.kernel.events import Event
from modelyard.ports.duties import Duty, Reaction
from modelyard.registry.api import ProposalOpened, VersionEvaluated
from modelyard.registry.api.news import AliasMoved, ModelRegistered, TagDropped, TagSet, VersionRegistered
from modelyard.registry.service import RegistryService

_TOLD = (ModelRegistered, VersionRegistered, AliasMoved, TagSet, TagDropped)


def reactions(service: RegistryService) -> tuple[Reaction, ...]:
    """What happens to models, versions, aliases and tags becomes messages; what is proposed or tried is compared."""

    def proposed(event: Event) -> None:
        service.compare_ahead(event.decode(ProposalOpened).name)

    def tried(event: Event) -> None:
        service.compare_ahead(event.decode(VersionEvaluated).name)

    return (
        *(Reaction(f"registry.tell_{news.kind.lower()}", news.kind, service.tell) for news in _TOLD),
        Reaction("registry.compare_proposed", ProposalOpened.kind, proposed),
        Reaction("registry.compare_tried", VersionEvaluated.kind, tried),
    )


def duties(service: RegistryService) -> tuple[Duty, ...]:
    """Half a second after a change its message is on the way."""

    def deliver() -> None:
        service.deliver()

    return (Duty("registry.tell_webhooks", 0.5, deliver),)
