"""Teamwork, furnished."""

from __future__ import annotations

from modelyard.app.engines import Engines
from modelyard.app.rooms.room import Room
from modelyard.teamwork.api import Teamwork
from modelyard.teamwork.service import TeamworkService
from modelyard.teamwork.store import MIGRATIONS


def _build(_: Engines) -> TeamworkService:
    return TeamworkService()


ROOM = Room(name="teamwork", apis=(Teamwork,), build=_build, migrations=MIGRATIONS)
