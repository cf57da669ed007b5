"""The registry, furnished: models and versions over the database, their files over the objects and tracking."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.app.engines import Engines
from modelyard.app.rooms.room import Room
from modelyard.governance.service import GovernanceService
from modelyard.kernel.actors import ActorKind
from modelyard.kernel.errors import NotFound, YardError
from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref, parts, ref
from modelyard.lake.api import REVEAL, Lake
from modelyard.ports import calls
from modelyard.ports.wires import WireRoute
from modelyard.protocols.mlflow.versions import registry_routes
from modelyard.registry.api import Registry
from modelyard.registry.reactions import duties, reactions
from modelyard.registry.service import Posts, RegistryService
from modelyard.registry.store import MIGRATIONS
from modelyard.tracking.api import Tracking


@dataclass(frozen=True, slots=True)
class _LatePeople:
    """Asks governance who somebody is; before it is there, everybody is a stranger."""

    engines: Engines

    def name_of(self, actor: ActorId) -> str:
        governance = self.engines.services.get("governance")
        return governance.name_of(actor) if isinstance(governance, GovernanceService) else str(actor)

    def roles_of(self, actor: ActorId, about: Ref) -> frozenset[str]:
        governance = self.engines.services.get("governance")
        return governance.roles_of(actor, about) if isinstance(governance, GovernanceService) else frozenset()


@dataclass(frozen=True, slots=True)
class _LakeTimes:
    """Asks the lake when a version of a table or file set was made; without one nobody can say."""

    engines: Engines

    def made_ms(self, data: Ref) -> int | None:
        lake = self.engines.services.get("lake")
        if not isinstance(lake, Lake):
            return None
        kind, name, version = parts(data)
        try:
            if kind == "table":
                return lake.table(name, at=version).updated_ms
            if kind == "fileset":
                return lake.fileset(name, at=version).updated_ms
        except YardError:  # it is gone, or was never here
            return None
        return None


_SEEN = ("table", "fileset")


@dataclass(frozen=True, slots=True)
class _LakeSight:
    """Whether the acting reader may read data and sees all of it; before governance is there, nobody sees it."""

    engines: Engines

    def shows(self, data: Ref) -> bool:
        kind, name, _ = parts(data)
        actor, recognition = calls.current().actor, self.engines.recognition
        if actor.kind is ActorKind.SYSTEM:
            return True
        if recognition is None or not recognition.may(actor, "lake:read", ref(kind, name)):
            return False
        if recognition.may(actor, REVEAL, ref(kind, name)):
            return True
        return kind in _SEEN and not self._hides(kind, name)

    def _hides(self, kind: str, name: str) -> bool:
        lake = self.engines.services.get("lake")
        if kind != "table" or not isinstance(lake, Lake):
            return False
        try:
            lake.policy(name)
        except NotFound:
            return False
        return True


def _build(engines: Engines) -> RegistryService:
    return RegistryService(
        objects=engines.objects, tracking=engines.service(Tracking), people=_LatePeople(engines),
        secrets=engines.secrets,
        posts=Posts(engines.queue, lambda: engines.webhooks, engines.settings.webhook_hosts),
        times=_LakeTimes(engines), sight=_LakeSight(engines),
    )  # fmt: skip


def _wires(engines: Engines) -> tuple[WireRoute, ...]:
    return registry_routes(engines.service(RegistryService))


ROOM = Room(
    name="registry",
    apis=(Registry,),
    build=_build,
    migrations=MIGRATIONS,
    reactions=reactions,
    duties=duties,
    wires=_wires,
)
