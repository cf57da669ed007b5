"""What the lake does unasked: it sweeps, folds small files and pushed rows, and lets old versions go."""

from __future__ import annotations

from modelyard.kernel.events import Event
from modelyard.lake.api import Lake, TableCommitted
from modelyard.lake.service import LakeService
from modelyard.ports.duties import Duty, Reaction

_HOUR_S = 3600.0


def recover(service: Lake) -> tuple[str, ...]:
    """Sweep; a sentence for each kind of leftover."""
    swept = service.sweep()
    said = []
    if swept.staged:
        said.append(f"removed {swept.staged} unfinished lake jobs")
    if swept.files:
        said.append(f"removed {swept.files} data files that no version refers to")
    if swept.objects:
        said.append(f"removed {swept.objects} contents that no file set came to have")
    said += [f"removed table {name}, which was never finished" for name in swept.tables]
    said += [f"undid {version}, which was never published" for version in swept.undone]
    return tuple(said)


def reactions(service: LakeService) -> tuple[Reaction, ...]:
    """After each commit: fold the table's files if they have become many."""

    def react(event: Event) -> None:
        news = event.decode(TableCommitted)
        if news.operation != "compact":
            service.tidy(news.table, news.branch)

    return (Reaction("lake.tidy", TableCommitted.kind, react),)


def duties(service: LakeService) -> tuple[Duty, ...]:
    """Once an hour what retention lets go; pushed rows a few times a second, at next to no cost without any."""

    def fold() -> None:
        service.folder().round()

    return (Duty("lake.expire", _HOUR_S, service.expire_due), Duty("lake.fold_pushes", 0.25, fold))
