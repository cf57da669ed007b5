"""The engines of one home: addresses to adapters, each imported when it is first asked for.

A room's builder takes from here the ports it needs and the services of the slices below it. It starts nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from modelyard.adapters.databases import open_database
from modelyard.adapters.journal import DatabaseJournal
from modelyard.adapters.queue import DatabaseQueue
from modelyard.app.binding import trust_of
from modelyard.governance.service import Recognition
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Internal, MissingExtra
from modelyard.kernel.operations import group_of
from modelyard.ports.compute import Compute
from modelyard.ports.database import Database
from modelyard.ports.objects import Objects
from modelyard.ports.online import Online
from modelyard.ports.queries import Queries
from modelyard.ports.queue import Queue
from modelyard.ports.secrets import Secrets
from modelyard.ports.sinks import Sinks
from modelyard.ports.sources import Sources
from modelyard.ports.tables import Tables
from modelyard.ports.webhooks import Webhooks
from modelyard.settings import Settings

if TYPE_CHECKING:
    from modelyard.adapters.seals import Keyring, KnownSeals

A = TypeVar("A")


@contextmanager
def _extra(name: str) -> Iterator[None]:
    """Say the install command where a library of an extra is missing."""
    try:
        yield
    except ModuleNotFoundError as err:
        raise MissingExtra(f"this needs {err.name}: pip install 'modelyard[{name}]'") from err


class Engines:
    """Everything a room may be built from.

    Attributes:
        address: where this process serves the home; empty until it does.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.home: Path = settings.home_path
        self.journal = DatabaseJournal()
        self.services: dict[str, object] = {}
        self.recognition: Recognition | None = None
        self.address = ""

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
    def compute(self) -> Compute:
        """Children of this machine; they inherit the environment, the yard's own settings left out."""
        from modelyard.adapters.processes import LocalProcesses

        env = {name: value for name, value in os.environ.items() if not name.startswith("YARD_")}
        env |= trust_of(self.settings)
        return LocalProcesses(self.home / "run" / "compute", env=env, clock=self.clock)

    def close(self) -> None:
        """Stop what was started: children first, the database last."""
        if "compute" in vars(self):
            self.compute.close()
        if "online" in vars(self):
            self.online.close()
        self.database.close()

    @cached_property
    def objects(self) -> Objects:
        """A folder in the home, or what the address names."""
        from modelyard.adapters.objects import open_objects

        return open_objects(
            self.settings.objects or str(self.home / "objects"), spool=self.home / "run", keys=self.keyring
        )

    @cached_property
    def files(self) -> Objects:
        """The contents of file sets: beside the objects, apart from what other slices keep there."""
        from modelyard.adapters.objects import open_objects

        return open_objects(self.files_address, spool=self.home / "run", keys=self.keyring)

    @property
    def files_address(self) -> str:
        """Where the contents of file sets lie."""
        return f"{(self.settings.objects or str(self.home / 'objects')).rstrip('/')}/files"

    @cached_property
    def online(self) -> Online:
        """LMDB in the home, or the server that the address names."""
        from modelyard.adapters.online import open_online

        return open_online(self.settings.online or str(self.home / "state" / "online"))

    @cached_property
    def secrets(self) -> Secrets:
        """A sealed file in the home."""
        from modelyard.adapters.secrets import open_secrets

        return open_secrets(self.home / "state")

    @cached_property
    def keyring(self) -> Keyring:
        """The keys under which things lie sealed."""
        from modelyard.adapters.seals import Keyring

        return Keyring(lambda: self.secrets, seals=self.settings.seal)

    @cached_property
    def seals(self) -> KnownSeals:
        """How files of the home that may be sealed are written and read."""
        from modelyard.adapters.seals import KnownSeals

        return KnownSeals(self.keyring)

    @cached_property
    def sources(self) -> Sources:
        """Other systems that rows and files are read from; each library is loaded for its first address."""
        from modelyard.adapters.sources import Grounds, KnownSources

        return KnownSources(Grounds(folders=self.settings.source_folders, hosts=self.settings.source_hosts))

    @cached_property
    def sinks(self) -> Sinks:
        """Other systems that tables are delivered to, where that is listed."""
        from modelyard.adapters.sinks import KnownSinks

        return KnownSinks(self.settings.sink_hosts, self.clock)

    @cached_property
    def webhooks(self) -> Webhooks:
        """Messages over HTTP, to public addresses and where allowed to this machine."""
        from modelyard.adapters.webhooks import HttpWebhooks

        return HttpWebhooks(self.clock)

    @cached_property
    def tables(self) -> Tables:
        """Delta tables in the home, or in the bucket that the address names."""
        with _extra("lake"):
            from modelyard.adapters.delta import DeltaTables
        from modelyard.adapters.places import open_place

        place = open_place(self.settings.tables or self.home / "lake" / "tables", cache=self.home / "lake" / "copies")
        return DeltaTables(place, self.home / "run" / "tables", self.clock)

    @cached_property
    def queries(self) -> Queries:
        """DuckDB in this process."""
        with _extra("lake"):
            from modelyard.adapters.duck import DuckQueries

        return DuckQueries(self.home / "lake" / "spill")
