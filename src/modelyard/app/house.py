"""A house: one home furnished with its engines, services, guard and runner; what every way in stands on.

`furnish` opens a home for use in this process. Serving it over HTTP is `app.control`'s business.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from modelyard.adapters.replies import DatabaseReplies
from modelyard.app.engines import Engines
from modelyard.app.news import Runner
from modelyard.app.rooms import Room, every_room
from modelyard.edges.embedded import Embedded
from modelyard.edges.guard import Guard
from modelyard.kernel.actors import Actor, ActorKind, Authority
from modelyard.kernel.clock import Clock, SystemClock
from modelyard.kernel.errors import Conflict, Internal, InvalidInput
from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import Operation, operations
from modelyard.ports.identity import Identities
from modelyard.sdk.hub import Yard
from modelyard.settings import Settings

LAYOUT = 1
_FOLDERS = ("state", "objects", "lake", "logs", "run")
LOCAL_OWNER = Actor(id=ActorId("owner"), name="owner", kind=ActorKind.PERSON, scopes=frozenset({"*"}))
"""Whoever may read and write the home's files is its owner."""


class House:
    """One furnished home."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        rooms: tuple[Room, ...] | None = None,
        identity: tuple[Identities, Authority] | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        prepare_home(settings.home_path)
        self.engines = Engines(settings, self.clock)
        self.rooms = every_room() if rooms is None else rooms
        self.replies = DatabaseReplies()
        steps = [*self.replies.migrations]
        for room in self.rooms:
            steps += room.migrations
        self.engines.database.migrate(steps)
        for room in self.rooms:
            self.engines.services[room.name] = room.build(self.engines)
        identities, authority = identity or self._identity()
        self.guard = Guard(
            database=self.engines.database, clock=self.clock, identities=identities, authority=authority,
            replies=self.replies, threads=settings.threads,
        )  # fmt: skip
        services = self.engines.services
        self.runner = Runner(
            self.guard,
            self.engines.journal,
            [r for room in self.rooms for r in room.reactions(services[room.name])],
            [d for room in self.rooms for d in room.duties(services[room.name])],
        )

    def recover(self) -> list[str]:
        """Sweep what a crash left; one sentence for each thing swept."""
        services = self.engines.services
        swept = self.engines.objects.sweep()
        said = [f"removed {swept} unfinished objects"] if swept else []
        for room in self.rooms:
            said += self.guard.as_system(f"{room.name}.recover", partial(room.recover, services[room.name]))
        return said

    def operations(self) -> list[Operation]:
        """Every operation that this yard serves."""
        return [op for room in self.rooms for api in room.apis for op in operations(api)]

    def yard(self, actor: Actor = LOCAL_OWNER, *, closes: bool = False) -> Yard:
        """The typed client of this house, acting as `actor`."""
        transport = Embedded(self.guard, self.engines.services, actor)
        return Yard(transport, close=self.close if closes else None)

    def close(self) -> None:
        """Stop the runner, drain the writer, let go of the home."""
        self.runner.stop()
        self.guard.close()
        self.engines.database.close()

    def _identity(self) -> tuple[Identities, Authority]:
        recognition = self.engines.recognition
        if recognition is None:
            raise Internal("nobody answers for identity; app.rooms lacks governance")
        return recognition, recognition


def prepare_home(home: Path) -> None:
    """Make the home's folders, or check that this version may open them.

    Raises:
        Conflict: a newer version made the home.
        InvalidInput: the folder cannot be made or written.
    """
    try:
        for folder in _FOLDERS:
            (home / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        marker = home / "layout"
        if not marker.exists():
            fresh = home / f".layout.{os.getpid()}"
            fresh.write_text(f"{LAYOUT}\n")
            fresh.replace(marker)
        found = marker.read_text().strip()
    except OSError as err:
        raise InvalidInput(f"the home {home} cannot be used: {err.strerror}; choose one with --home") from err
    if not found.isdigit() or int(found) > LAYOUT:
        raise Conflict(
            f"the home {home} has layout {found[:20]!r}; this version knows {LAYOUT}. "
            "Use a newer modelyard, or another --home"
        )
