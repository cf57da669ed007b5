"""Governance, furnished; it also answers who a credential belongs to and what they may do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from modelyard.adapters.replies import DatabaseReplies
from modelyard.app.engines import Engines
from modelyard.app.rooms.room import Room
from modelyard.app.sealing import opened
from modelyard.features.api import Features
from modelyard.governance.api import Eraser, Governance, Reached
from modelyard.governance.reactions import duties
from modelyard.governance.service import (
    Contents,
    Erasing,
    FeatureKeys,
    FeaturesEraser,
    FilesEraser,
    FoundPredictions,
    GovernanceService,
    KeepsPredictions,
    LakeEraser,
    LakeRows,
    LogEraser,
    PredictionsEraser,
    PseudonymsEraser,
    Recognition,
    RegistryEraser,
    RunsEraser,
    ServingPredictions,
    TracesEraser,
    Words,
    WordsEraser,
)
from modelyard.governance.store import MIGRATIONS
from modelyard.kernel.errors import NotFound
from modelyard.kernel.refs import Ref
from modelyard.lake.api import Lake
from modelyard.ports.objects import Keeper
from modelyard.registry.api import Registry
from modelyard.serving.api import Prediction, Serving
from modelyard.teamwork.api import Teamwork
from modelyard.tracking.api import Tracking


@dataclass(frozen=True, slots=True)
class _LateServing:
    """Asks serving when a question comes; it may be built later, or not at all."""

    engines: Engines

    def prediction(self, prediction: str) -> Prediction:
        """One logged prediction."""
        serving = self.engines.services.get("serving")
        if not isinstance(serving, Serving):
            raise NotFound("nothing was ever served here, so no prediction was logged")
        return serving.prediction(prediction)

    def reached(self, made_from: Sequence[Ref], keys: Mapping[str, str], *, limit: int) -> FoundPredictions:
        """Predictions made from some refs or about some keys."""
        serving = self.engines.services.get("serving")
        if not isinstance(serving, KeepsPredictions):
            return Reached(total=0, about=0, some=())
        return serving.log.reached(made_from, keys, limit=limit)

    def fold(self) -> None:
        """Move predictions that wait in closed segments into the lake."""
        serving = self.engines.services.get("serving")
        if isinstance(serving, Serving):
            serving.fold()


def _build(engines: Engines) -> GovernanceService:
    engines.recognition = Recognition(database=engines.database, clock=engines.clock)
    lake, features = engines.service(Lake), engines.service(Features)
    keys, late = FeatureKeys(features), _LateServing(engines)
    tables = LakeEraser(lake, keys)
    pseudonyms = PseudonymsEraser(lake, tables)
    tracking, registry = engines.service(Tracking), engines.service(Registry)
    contents = Contents(engines.objects, keys, tables.namesakes)
    noted: tuple[Eraser, ...] = (
        TracesEraser(tracking, keys), RunsEraser(tracking, keys, contents, _pinned(registry)),
        RegistryEraser(registry, keys, contents),
        WordsEraser("teamwork", "comments", partial(_said, engines.service(Teamwork)), keys),
        LogEraser(engines.journal, DatabaseReplies(), keys),
    )  # fmt: skip

    erasing = Erasing(
        home=engines.home, secrets=engines.secrets, scrubs=(engines.database.scrub,),
        participants=(
            FeaturesEraser(features), PredictionsEraser(lake, keys, late.fold), tables, FilesEraser(lake, keys),
            *noted, pseudonyms,
        ),
        aliases=pseudonyms.aliases,
        elsewhere=_elsewhere(engines), opened=partial(opened, engines.keyring),
    )  # fmt: skip
    return GovernanceService(
        recognition=engines.recognition, database=engines.database, journal=engines.journal, erasing=erasing,
        rows=LakeRows(lake, keys), predictions=ServingPredictions(late.prediction, late.reached),
    )  # fmt: skip


def _pinned(registry: Registry) -> Callable[[Collection[str]], set[str]]:
    """Who says which objects the registry needs."""
    return registry.objects_held if isinstance(registry, Keeper) else lambda _: set()


def _said(teamwork: Teamwork, value: str, names: tuple[str, ...], *, apply: bool) -> Words:
    """What comments say of somebody, in governance's words."""
    found = teamwork.erase_comments(value, names, apply=apply)
    return Words([(each.kind, each.what, each.count) for each in found.found], found.longer)


def _elsewhere(engines: Engines) -> tuple[str, ...]:
    """What this yard keeps outside its home, where no byte scan reaches."""
    settings = engines.settings
    kept = {"the database": settings.database, "objects": settings.objects, "online rows": settings.online}
    outside = [f"{what} on {address.partition('://')[0]}" for what, address in kept.items() if address]
    return (*outside, "backups made before, wherever they are kept")


ROOM = Room(name="governance", apis=(Governance,), build=_build, migrations=MIGRATIONS, duties=duties)
