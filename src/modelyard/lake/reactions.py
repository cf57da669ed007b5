"""What the lake does unasked: at a start it sweeps what a crash left, and says so."""

from __future__ import annotations

from modelyard.lake.api import Lake


def recover(service: Lake) -> tuple[str, ...]:
    """Sweep; a sentence for each kind of leftover."""
    swept = service.sweep()
    said = []
    if swept.staged:
        said.append(f"removed {swept.staged} unfinished lake jobs")
    if swept.files:
        said.append(f"removed {swept.files} data files that no version refers to")
    said += [f"removed table {name}, which was never finished" for name in swept.tables]
    said += [f"undid {version}, which was never published" for version in swept.undone]
    return tuple(said)
