"""Adoption: models and versions of other stores, under their names, numbers and times."""

from __future__ import annotations

import re

from msgspec.structs import replace

from modelyard.kernel.errors import AlreadyExists, InvalidInput, NotFound
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.ports.objects import Objects, check_stand
from modelyard.registry.api import Model, ModelVersion, VersionRegistered
from modelyard.registry.api.adoption import AdoptionOperations
from modelyard.registry.model import content
from modelyard.registry.service import moves
from modelyard.registry.service.found import checked_tags, model_of, model_ref, version_of
from modelyard.registry.service.intake import Intake, Origin
from modelyard.registry.service.looking import Looking
from modelyard.registry.service.models import enter_model
from modelyard.registry.service.versions import facts_from
from modelyard.registry.store import adoption as store
from modelyard.registry.store import models, versions
from modelyard.registry.store.versions import NewVersion

_PLACE = re.compile(r"(?:.*/)?(?:(?P<run>[0-9a-f]{32})|models/(?P<model>m-[0-9a-f]{32}))/artifacts(?:/(?P<path>.*))?")


class Adoption(AdoptionOperations):
    """The operations on models of other stores."""

    _intake: Intake
    _looking: Looking
    _objects: Objects

    def adopt_model(self, source: str, model: Model, *, complete: bool = False) -> Model:
        """Take a registered model in."""
        call = calls.current()
        if models.one(call.tx, model.name) is None:
            enter_model(model.name, model.description, model.tags)
            store.mark(call.tx, model_of(call.tx, model.name)[0], source)
        number = _from(call.tx, source, model.name)
        models.put_tags(call.tx, number, checked_tags(model.tags))
        if complete:
            for alias, version in model.aliases.items():
                version_of(call.tx, model.name, version)
                moves.move(call, number, model_of(call.tx, model.name)[1], alias=alias, version=version)
            store.put_model(call.tx, number, model)
        return model_of(call.tx, model.name)[1]

    def adopt_version(self, source: str, version: ModelVersion) -> ModelVersion:
        """Take a version in."""
        call = calls.current()
        number = _from(call.tx, source, version.name)
        known = versions.ever(call.tx, number, version.version)
        if known is not None:
            if known.created_ms != version.created_ms:
                raise AlreadyExists(f"{version.name} has another version {version.version} in this yard; it stays")
            return known
        named, origin = self._origin(call.tx, version)
        seen = self._looking.look(origin.files)
        facts = replace(
            facts_from(seen, origin, tags=version.tags, run_link=version.run_link),
            status_message=version.status_message,
        )
        digest = content.digest_of(origin.files)

        def enter() -> ModelVersion:
            tx = calls.current().tx
            check_stand(self._objects, [file.digest for file in origin.files])
            inside = versions.add(
                tx,
                NewVersion(
                    model=number, number=version.version, source=named, storage=origin.storage,
                    run=version.run or origin.run, logged_model=version.logged_model or origin.logged_model,
                    description=version.description, actor=version.created_by, now_ms=version.created_ms,
                    digest=digest, files=origin.files, facts=facts, tags=version.tags,
                ),
            )  # fmt: skip
            store.put_version(tx, number, inside, version)
            about = model_ref(version.name, version.version)
            call.touch(about)
            said = VersionRegistered(
                name=version.name, version=version.version, source=named, digest=digest,
                verdict=seen.scan.verdict.value, run=origin.run, logged_model=origin.logged_model,
            )  # fmt: skip
            call.emit(said, reads=origin.reads, writes=[about])
            return version_of(tx, version.name, version.version)[2]

        return call.unit(enter)

    def _origin(self, tx: Transaction, version: ModelVersion) -> tuple[str, Origin]:
        """The source as it is called here, and what lies there."""
        named = version.source
        if named.startswith(("/", ".", "file:")) or ":" not in named:
            found = _PLACE.fullmatch(named.rstrip("/"))
            if found is not None:
                path = found["path"] or ""
                named = f"runs:/{found['run']}/{path}" if found["run"] else f"models:/{found['model']}"
        try:
            return named, self._intake.find(tx, named, run=version.run, logged_model=version.logged_model)
        except (NotFound, InvalidInput):
            return version.source, Origin(storage=version.source, run=version.run, logged_model=version.logged_model)


def _from(tx: Transaction, source: str, name: str) -> int:
    number, _ = model_of(tx, name)
    if store.source_of(tx, number) != source:
        raise AlreadyExists(f"this yard has a model {name} already, which is not from {source}; it stays")
    return number
