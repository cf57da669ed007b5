"""Signing versions and verifying them: who vouches for exactly these files under this name and number.

The key is the secret `registry.signing_key`, made at the first signing where secrets can be written. Signed is one line
of JSON with the name, the number and the digest over all files. Former keys that are still trusted stand in the secret
`registry.trusted_keys`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from msgspec import Struct

from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import Effect, operation
from modelyard.registry.api.records import ModelName, ModelVersion, Rules, VersionNumber


class Seal(Struct, frozen=True, kw_only=True):
    """A signature of a version.

    Attributes:
        digest: the content that was signed.
        key: short name of the public key.
        signature: Ed25519 over the statement, hex.
        statement: the signed line.
    """

    name: str
    version: int
    digest: str
    key: str
    public_key: str
    signature: str
    statement: str
    by: ActorId
    at_ms: int


class SealCheck(Struct, frozen=True, kw_only=True):
    """Whether one signature speaks for the version as it is now; `fault` is empty where it does."""

    seal: Seal
    fault: str = ""


class Verification(Struct, frozen=True, kw_only=True):
    """What the check of a version's signatures found.

    Attributes:
        holds: True if at least one signature by a trusted key speaks for these files, and the files are whole.
        digest: over the files as they are now.
        files_read: how many files' bytes were read and hashed; 0 where only their records were.
    """

    name: str
    version: int
    holds: bool
    says: str
    digest: str
    files_read: int = 0
    checks: tuple[SealCheck, ...] = ()


class PublicKey(Struct, frozen=True, kw_only=True):
    """With which signatures of this yard can be checked elsewhere."""

    key: str
    public_key: str
    trusted: tuple[str, ...] = ()


class SealOperations(ABC):
    """What can be done with signatures and with what a model asks of versions."""

    @operation(
        "POST",
        "/models/{name}/versions/{version}/signatures",
        scope="registry:promote",
        about="model:{name}@{version}",
        effect=Effect.WORK,
    )
    @abstractmethod
    def sign(self, name: ModelName, version: VersionNumber) -> Seal:
        """Sign a version with the yard's key, after reading all of its files once more.

        Args:
            name: the model.
            version: its number.

        Raises:
            NotFound: there is no such model or version.
            Conflict: the version has no files, or there is no key and none can be made.
            Damaged: the stored bytes are not what was registered.

        Example:
            yard registry sign tips 3
        """

    @operation(
        "GET",
        "/models/{name}/versions/{version}/verification",
        scope="registry:read",
        about="model:{name}@{version}",
        effect=Effect.SCAN,
    )
    @abstractmethod
    def verify(self, name: ModelName, version: VersionNumber, *, deep: bool = False) -> Verification:
        """Check a version's signatures against the files that it has now.

        Args:
            name: the model.
            version: its number.
            deep: read and hash the bytes of every file too.

        Raises:
            NotFound: there is no such model or version.

        Example:
            yard registry verify tips 3 --deep
        """

    @operation("GET", "/registry/signing-key", scope="registry:read", effect=Effect.SCAN)
    @abstractmethod
    def signing_key(self) -> PublicKey:
        """Show the public key with which signatures of this yard can be checked elsewhere.

        Raises:
            NotFound: nothing was signed yet, so there is no key.

        Example:
            yard registry signing-key
        """

    @operation("PUT", "/models/{name}/rules", scope="registry:promote", about="model:{name}")
    @abstractmethod
    def declare_rules(
        self, name: ModelName, *, signature: bool = False, signed: bool = False, no_pickle: bool = False
    ) -> Rules:
        """Say what a model asks of every version from now on.

        Args:
            name: the model.
            signature: refuse to register a version of which nobody can say what it takes.
            signed: refuse to serve a version without a valid signature by a trusted key.
            no_pickle: refuse to register a version that holds a pickle.

        Raises:
            NotFound: there is no such model.

        Example:
            yard registry declare-rules tips --signature --signed --no-pickle
        """

    @operation(
        "POST",
        "/models/{name}/versions/{version}/clearance",
        scope="registry:read",
        about="model:{name}@{version}",
        effect=Effect.WORK,
        audited=False,
    )
    @abstractmethod
    def clear(self, name: ModelName, version: VersionNumber) -> ModelVersion:
        """Show a version if it may be loaded and served: safe by the rules of today, and signed where that is asked.

        Files that were looked through by older rules are looked through again.

        Args:
            name: the model.
            version: its number.

        Raises:
            NotFound: there is no such model or version.
            GateClosed: it may not be loaded; the text says why.

        Example:
            yard registry clear tips 3
        """
