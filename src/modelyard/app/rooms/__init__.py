"""Which slices this yard has, in the order in which they are built: a slice stands below those that use it."""

from __future__ import annotations

from modelyard.app.rooms import (
    cost,
    features,
    governance,
    lake,
    monitoring,
    pipelines,
    quality,
    registry,
    serving,
    teamwork,
    tracking,
)
from modelyard.app.rooms.room import Room

__all__ = ["Room", "every_room"]


def every_room() -> tuple[Room, ...]:
    """All rooms, lowest floor first."""
    return (
        lake.ROOM,
        tracking.ROOM,
        quality.ROOM,
        features.ROOM,
        pipelines.ROOM,
        registry.ROOM,
        serving.ROOM,
        monitoring.ROOM,
        teamwork.ROOM,
        governance.ROOM,
        cost.ROOM,
    )
