"""The engines of one home: addresses to adapters, each imported when it is first asked for.

A room's builder takes from here the ports it needs and the services of the slices below it. It starts nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from modelyard.adapters.databases import open_database
from modelyard.adapters.journal import DatabaseJournal
from modelyard.adapters.queue import DatabaseQueue
from modelyard.governance.service import Recognition
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Internal
from modelyard.kernel.operations import group_of
from modelyard.ports.database import Database
from modelyard.ports.objects import Objects
from modelyard.ports.queue import Queue
from modelyard.settings import Settings

A = TypeVar("A")


class Engines:
    """Everything a room may be built from."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.home: Path = settings.home_path
        self.journal = DatabaseJournal()
        self.services: dict[str, object] = {}
        self.recognition: Recognition | None = None

    def service(self, api: Callable[..., A]) -> A:
        """The service of a slice that was built before.

        Raises:
            Internal: it was not; the order in `app.rooms` is wrong.
        """
        kind = cast("type[Any]", api)
        found = self.services.get(group_of(kind))
        if not isinstance(found, kind):
            raise Internal(f"{kind.__name__} is needed before it is built; mend the order in app.rooms")
        return cast("A", found)

    @cached_property
    def database(self) -> Database:
        """SQLite in the home, or what the address names."""
        address = self.settings.database or self.home / "state" / "yard.sqlite"
        synchronous: Literal["FULL", "NORMAL"] = "NORMAL" if self.settings.sync == "normal" else "FULL"
        return open_database(address, journal=self.journal, synchronous=synchronous, clock=self.clock)

    @cached_property
    def queue(self) -> Queue:
        """Jobs in the home's database."""
        return DatabaseQueue(database=self.database, clock=self.clock)

    @cached_property
    def objects(self) -> Objects:
        """A folder in the home, or what the address names."""
        from modelyard.adapters.objects import open_objects

        return open_objects(self.settings.objects or str(self.home / "objects"))
