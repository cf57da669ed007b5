"""Attestations: kept as they come, each with who told it and of which content."""

from __future__ import annotations

from msgspec.structs import replace

from modelyard.kernel.pages import Page, page_of, place_of
from modelyard.ports import calls
from modelyard.registry.api import Attestation, People, VersionAttested
from modelyard.registry.api.attestations import AttestationOperations
from modelyard.registry.service.found import model_ref, version_of
from modelyard.registry.store import attestations as store


class Attestations(AttestationOperations):
    """The operations on attestations."""

    _people: People

    def attest(
        self, name: str, version: int, check: str, *, passed: bool, text: str = "", commit: str = "", link: str = ""
    ) -> Attestation:
        """Tell what tests of your own said about a version."""
        call = calls.current()
        _, inside, one = version_of(call.tx, name, version)
        about = model_ref(name, version)
        said = Attestation(
            id=0, name=name, version=version, check=check, passed=passed, text=text, commit=commit, link=link,
            digest=one.digest, by=call.actor.id, at_ms=call.now_ms,
            roles=tuple(sorted(self._people.roles_of(call.actor.id, about))),
        )  # fmt: skip
        number = store.add(call.tx, inside, said)
        call.emit(VersionAttested(name=name, version=version, check=check, passed=passed), reads=[about])
        return replace(said, id=number)

    def attestations(self, name: str, version: int, limit: int = 100, cursor: str | None = None) -> Page[Attestation]:
        """List what tests said about a version."""
        tx = calls.current().tx
        _, inside, _ = version_of(tx, name, version)
        before = place_of(cursor, 2**62)
        found = store.of_version(tx, inside, name=name, number=version, before=before, limit=limit + 1)
        return page_of(found, limit, lambda a: (a.id,))
