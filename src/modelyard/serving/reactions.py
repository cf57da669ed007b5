"""What serving does unasked: it keeps the model server in step and folds predictions into the lake."""

from __future__ import annotations

from modelyard.ports.duties import Duty, Reaction
from modelyard.serving.service import ServingService


def reactions(service: ServingService) -> tuple[Reaction, ...]:
    """Serving moves routes only when it is told to: nothing below it moves one by itself."""
    del service
    return ()


def duties(service: ServingService) -> tuple[Duty, ...]:
    """Publishing, a few times a second at no cost while nothing changes; folding, every two seconds."""

    def fold() -> None:
        service.folder.fold()

    return (
        Duty(name="serving.publish", every_s=0.25, run=service.publisher.round),
        Duty(name="serving.fold", every_s=2.0, run=fold),
    )


def recover(service: ServingService) -> tuple[str, ...]:
    """Forget what an earlier life told the model server; it is told anew. Nothing is lost that needs a word."""
    service.publisher.forget()
    return ()
