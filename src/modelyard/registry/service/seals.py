"""Signing, verifying and clearing versions; what a model asks of every version."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from modelyard.kernel.errors import Conflict, Damaged, GateClosed, NotFound
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.ports.objects import Objects, parse_digest
from modelyard.ports.secrets import Secret, Secrets
from modelyard.registry.api import (
    ModelVersion,
    PublicKey,
    Rules,
    RulesDeclared,
    Seal,
    SealCheck,
    Verification,
    VersionFile,
    VersionSigned,
)
from modelyard.registry.api.seals import SealOperations
from modelyard.registry.model import content, seals
from modelyard.registry.model.allowed import RULES
from modelyard.registry.service.found import model_of, model_ref, version_of
from modelyard.registry.service.looking import Looking
from modelyard.registry.store import models, versions
from modelyard.registry.store import seals as store


class NoSecrets:
    """Keeps nothing, so nothing can be signed and no key is trusted."""

    writable = False

    def get(self, name: str) -> Secret | None:
        """Nothing."""
        del name
        return None

    def put(self, name: str, value: Secret) -> None:
        """Refuse it."""
        del value
        raise Conflict(f"nobody keeps secrets here, so {name} cannot be kept")

    def delete(self, name: str) -> bool:
        """There was none."""
        del name
        return False

    def names(self) -> list[str]:
        """None."""
        return []


class Seals(SealOperations):
    """The operations on signatures and rules."""

    _objects: Objects
    _looking: Looking
    _secrets: Secrets

    def sign(self, name: str, version: int) -> Seal:
        """Sign a version with the yard's key."""
        call = calls.current()
        _, inside, one = version_of(call.tx, name, version)
        if not one.files:
            raise Conflict(f"{name} version {version} has no files, so there is nothing to vouch for")
        files = versions.files(call.tx, inside)
        digest = content.digest_of(files)
        if digest != one.digest:
            raise Damaged(f"the files of {name} version {version} are not what was registered; nothing was signed")
        self._read(files)
        key = self._key()
        public, said = seals.public_part(key), seals.statement(name, version, digest)
        seal = Seal(
            name=name, version=version, digest=digest, key=seals.key_id(public), public_key=public,
            signature=seals.signature(key, said), statement=said.decode(), by=call.actor.id, at_ms=call.now_ms,
        )  # fmt: skip

        def keep() -> Seal:
            tx = calls.current().tx
            store.put(tx, inside, seal)
            versions.touch(tx, inside, call.now_ms)
            call.emit(
                VersionSigned(name=name, version=version, digest=digest, key=seal.key), reads=[model_ref(name, version)]
            )
            return seal

        return call.unit(keep)

    def verify(self, name: str, version: int, *, deep: bool = False) -> Verification:
        """Check a version's signatures against the files that it has now."""
        tx = calls.current().tx
        _, inside, one = version_of(tx, name, version)
        return self._verify(tx, inside, one, deep=deep)

    def signing_key(self) -> PublicKey:
        """Show the public key."""
        held = self._secrets.get(seals.KEY_NAME)
        if held is None:
            raise NotFound("nothing was signed yet, so there is no key; sign a version: yard registry sign tips 1")
        public = seals.public_part(held.reveal())
        return PublicKey(key=seals.key_id(public), public_key=public, trusted=tuple(sorted(self._trusted())))

    def declare_rules(
        self, name: str, *, signature: bool = False, signed: bool = False, no_pickle: bool = False
    ) -> Rules:
        """Say what a model asks of every version from now on."""
        call = calls.current()
        model, _ = model_of(call.tx, name)
        asked = Rules(signature=signature, signed=signed, no_pickle=no_pickle)
        store.declare(call.tx, model, asked, actor=call.actor.id, now_ms=call.now_ms)
        models.touch(call.tx, model, call.now_ms)
        call.emit(
            RulesDeclared(name=name, signature=signature, signed=signed, no_pickle=no_pickle), writes=[model_ref(name)]
        )
        return asked

    def clear(self, name: str, version: int) -> ModelVersion:
        """Show a version if it may be loaded and served."""
        call = calls.current()
        model, inside, one = version_of(call.tx, name, version)
        if one.scan.rules < RULES and one.files:
            seen = self._looking.look(tuple(versions.files(call.tx, inside)))
            before = one
            call.unit(lambda: versions.put_scan(calls.current().tx, inside, before, seen.scan, call.now_ms))
            one = replace(one, scan=seen.scan)
        if not one.scan.verdict.may_load:
            raise GateClosed(
                f"{name} version {version} may not be loaded: its scan says {one.scan.verdict.value}; "
                f"see why: yard registry version {name} {version}"
            )
        if store.rules(call.tx, model).signed:
            found = self._verify(call.tx, inside, one, deep=False)
            if not found.holds:
                raise GateClosed(
                    f"{name} serves signed versions only: {found.says}. Sign it: yard registry sign {name} {version}"
                )
        return one

    def _verify(self, tx: Transaction, inside: int, one: ModelVersion, *, deep: bool) -> Verification:
        files = versions.files(tx, inside)
        digest, fault, read = content.digest_of(files), "", 0
        if digest != one.digest:
            fault = "the files on record are not those that were registered"
        elif deep:
            try:
                read = self._read(files)
            except (Damaged, NotFound) as err:
                fault = f"a file is not whole: {err.detail}"
        trusted = self._trusted()
        checks = tuple(
            SealCheck(seal=s, fault=seals.fault_of(s, one, digest, trusted) or "") for s in store.of_version(tx, inside)
        )
        good = [c for c in checks if not c.fault]
        says = fault or (f"signed by key {good[0].seal.key}" if good else "")
        if not says:
            told = "; ".join(c.fault for c in checks[:3])
            says = f"version {one.version} has no signature that holds: {told}" if checks else (
                f"version {one.version} is not signed"
            )  # fmt: skip
        return Verification(
            name=one.name, version=one.version, holds=bool(good) and not fault, says=says, digest=digest,
            files_read=read, checks=checks,
        )  # fmt: skip

    def _read(self, files: Sequence[VersionFile]) -> int:
        """Read every file once; each is checked against its digest by whoever keeps it."""
        for each in files:
            for _ in self._objects.read(parse_digest(each.digest)):
                continue
        return len(files)

    def _key(self) -> str:
        held = self._secrets.get(seals.KEY_NAME)
        if held is not None:
            return held.reveal()
        if not self._secrets.writable:
            raise Conflict(
                f"there is no secret {seals.KEY_NAME} and secrets cannot be written here; put an Ed25519 key "
                "(32 bytes in base64) where secrets come from"
            )
        made = seals.new_key()
        self._secrets.put(seals.KEY_NAME, Secret(made))
        return made

    def _trusted(self) -> frozenset[str]:
        held, others = self._secrets.get(seals.KEY_NAME), self._secrets.get(seals.TRUSTED_NAME)
        own = frozenset() if held is None else frozenset({seals.public_part(held.reveal())})
        return own | (frozenset() if others is None else seals.trusted_keys(others.reveal()))
