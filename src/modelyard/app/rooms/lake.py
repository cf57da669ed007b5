"""The lake, furnished; contracts are kept by the quality slice, which stands above it and is asked at call time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelyard.app.engines import Engines
from modelyard.app.rooms.room import Room
from modelyard.governance.api import Governance
from modelyard.kernel.actors import Actor
from modelyard.kernel.refs import Ref, parts
from modelyard.lake.api import Audited, Auditor, Inspection, Inspector, Lake, TableFiles, Verdict
from modelyard.lake.reactions import duties, reactions, recover
from modelyard.lake.service import LakeService
from modelyard.lake.service.desk import Outside
from modelyard.lake.service.pushes import PushTerms
from modelyard.lake.store import MIGRATIONS


@dataclass(frozen=True, slots=True)
class _LateInspector:
    """Asks whoever keeps contracts by then; without one, every row is as it should be."""

    engines: Engines

    def judges(self, table: str) -> bool:
        keeper = self.engines.services.get("quality")
        return isinstance(keeper, Inspector) and keeper.judges(table)

    def inspect(self, about: Inspection) -> Verdict:
        keeper = self.engines.services.get("quality")
        return keeper.inspect(about) if isinstance(keeper, Inspector) else Verdict()

    def audit(self, about: TableFiles, *, at: str | None) -> Audited:
        keeper = self.engines.services.get("quality")
        if isinstance(keeper, Auditor):
            return keeper.audit(about, at=at)
        return Audited(table=about.table, version=about.ref, report=None, holds=True)


@dataclass(frozen=True, slots=True)
class _Lineage:
    """Asks the lineage what was made from a version; without one, nothing was."""

    engines: Engines

    def holders(self, ref: Ref) -> Sequence[Ref]:
        governance = self.engines.services.get("governance")
        if not isinstance(governance, Governance):
            return ()
        found = (node.ref for node in governance.downstream(ref, depth=1).nodes)
        return [
            each for each in found if each != ref and parts(each).kind not in ("table", "fileset", "load", "report")
        ]


@dataclass(frozen=True, slots=True)
class _Permissions:
    """Asks governance what somebody may; before it is there, nobody may anything."""

    engines: Engines

    def may(self, actor: Actor, scope: str, about: Ref | None) -> bool:
        recognition = self.engines.recognition
        return recognition is not None and recognition.may(actor, scope, about)


def _build(engines: Engines) -> LakeService:
    settings = engines.settings
    pushes = PushTerms(
        synced=settings.sync != "normal", fold_s=settings.push_fold_s, fold_bytes=settings.push_fold_mb << 20,
        backlog_bytes=settings.push_backlog_mb << 20,
    )  # fmt: skip
    service = LakeService(
        tables=lambda: engines.tables, queries=lambda: engines.queries, objects=engines.objects,
        folder=engines.home / "lake", inspector=_LateInspector(engines), holders=_Lineage(engines),
        pushes=pushes, files=engines.files,
    ).under(engines.seals)  # fmt: skip
    outside = Outside(
        sources=lambda: engines.sources, sinks=lambda: engines.sinks, secrets=lambda: engines.secrets
    )  # fmt: skip
    return service.reaching(outside).guarded_by(_Permissions(engines))


ROOM = Room(
    name="lake", apis=(Lake,), build=_build, migrations=MIGRATIONS, recover=recover, reactions=reactions, duties=duties
)
