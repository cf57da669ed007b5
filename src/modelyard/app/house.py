"""A house: one home furnished with its engines, services, guard and runner; what every way in stands on.

`furnish` opens a home for use in this process. Serving it over HTTP is `app.control`'s business.
"""

from __future__ import annotations

import os
import platform
from functools import partial
from hashlib import blake2b
from pathlib import Path

from modelyard.adapters.replies import DatabaseReplies
from modelyard.app.contents import StoredContents
from modelyard.app.engines import Engines
from modelyard.app.layout import prepare_home
from modelyard.app.news import Runner
from modelyard.app.rooms import Room, every_room
from modelyard.edges.embedded import Embedded
from modelyard.edges.guard import Guard
from modelyard.governance.service import GovernanceService
from modelyard.kernel.actors import Actor, Authority
from modelyard.kernel.clock import Clock, SystemClock
from modelyard.kernel.errors import Internal
from modelyard.kernel.operations import Operation, operations
from modelyard.ports.duties import Duty
from modelyard.ports.identity import Identities
from modelyard.sdk.hub import Yard
from modelyard.settings import Settings


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
        steps = [*self.replies.migrations, *self.engines.queue.migrations]
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
            [*(d for room in self.rooms for d in room.duties(services[room.name])), Duty("yard.trim", 2.0, self._trim)],
        )

    def _trim(self) -> None:
        self.engines.database.trim()

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

    def yard(self, actor: Actor | None = None, *, closes: bool = False) -> Yard:
        """The typed client of this house, acting as `actor`; by default as its owner."""
        actor = actor or self.owner()
        transport = Embedded(self.guard, self.engines.services, actor, address=str(self.engines.home))
        contents = StoredContents(self.engines.files_address, self.engines.home)
        return Yard(transport, close=self.close if closes else None, contents=contents)

    def owner(self) -> Actor:
        """The owner, for whoever may read and write the home's files; made at the first start.

        The owner's token is kept in `state/owner.token`, mode 0600; if the file is lost a new token replaces it.

        Raises:
            Internal: the home's owner was disabled.
        """
        file = self.settings.home_path / "state" / "owner.token"
        identities = self.guard.identities
        known = identities.authenticate(file.read_text().strip()) if file.exists() else None
        if known is not None:
            return known
        governance = self.engines.services["governance"]
        if not isinstance(governance, GovernanceService):
            raise Internal("nobody answers for identity; app.rooms lacks governance")
        place = self._place()
        made = self.guard.as_system("governance.bootstrap_owner", lambda: governance.bootstrap_owner(place))
        if made is None:
            made = self.guard.as_system("governance.reissue_owner_token", lambda: governance.reissue_owner_token(place))
        if made is not None:
            write_private(file, made.secret.encode())
            known = identities.authenticate(made.secret)
        if known is None:
            raise Internal("this home has no owner who may act; enable one with a token of another owner")
        return known

    def _place(self) -> str:
        """Which home this is, where others may share its database: none makes the token of another void."""
        if not self.settings.database:
            return ""
        home = blake2b(str(self.settings.home_path.resolve()).encode(), digest_size=4).hexdigest()
        return f"{platform.node()} {home}"

    def close(self) -> None:
        """Stop the runner, drain the writer, let go of the home."""
        self.runner.stop()
        self.guard.close()
        self.engines.close()

    def _identity(self) -> tuple[Identities, Authority]:
        recognition = self.engines.recognition
        if recognition is None:
            raise Internal("nobody answers for identity; app.rooms lacks governance")
        return recognition, recognition


def write_private(path: Path, content: bytes) -> None:
    """Put a file of mode 0600 in place, whole and on the disk, or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
