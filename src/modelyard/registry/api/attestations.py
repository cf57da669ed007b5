"""Attestations: what somebody's own tests said about a version, told to the yard by whoever ran them.

The yard never runs code of a user: tests run in the caller's CI, and their outcome comes with who ran them, on which
content and from which commit. A gate of kind `tests` looks for the newest one of its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import operation
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name
from modelyard.registry.api.records import ModelName, VersionNumber

Words = Annotated[str, Meta(max_length=4000, description="what came of it, at most 4,000 characters")]
Short = Annotated[str, Meta(max_length=500, description="at most 500 characters")]


class Attestation(Struct, frozen=True, kw_only=True):
    """What somebody's tests said.

    Attributes:
        check: the name of the test, which is that of its gate.
        digest: the content of the version that was tried.
        commit: the code of the tests.
        link: where they ran.
        roles: in which roles the actor stood then.
    """

    id: int
    name: str
    version: int
    check: str
    passed: bool
    text: str
    commit: str
    link: str
    digest: str
    by: ActorId
    roles: tuple[str, ...]
    at_ms: int


class AttestationOperations(ABC):
    """What can be done with attestations."""

    @operation(
        "POST",
        "/models/{name}/versions/{version}/attestations",
        scope="registry:write",
        about="model:{name}@{version}",
        private=("text", "link"),
    )
    @abstractmethod
    def attest(
        self,
        name: ModelName,
        version: VersionNumber,
        check: Name,
        *,
        passed: bool,
        text: Words = "",
        commit: Short = "",
        link: Short = "",
    ) -> Attestation:
        """Tell what tests of your own said about a version; `yard gate check` does it for you.

        Args:
            name: the model.
            version: its number.
            check: the test, named like its gate.
            passed: whether it passed.
            text: what came of it.
            commit: the code of the tests.
            link: where they ran.

        Raises:
            NotFound: there is no such model or version.

        Example:
            yard registry attest tips 3 night-shift --passed --text "412 rows"
        """

    @operation(
        "GET",
        "/models/{name}/versions/{version}/attestations",
        scope="registry:read",
        about="model:{name}@{version}",
    )
    @abstractmethod
    def attestations(
        self, name: ModelName, version: VersionNumber, limit: Limit = 100, cursor: str | None = None
    ) -> Page[Attestation]:
        """List what tests said about a version, newest first.

        Args:
            name: the model.
            version: its number.
            limit: rows in one page.
            cursor: where the page before ended.

        Raises:
            NotFound: there is no such model or version.

        Example:
            yard registry attestations tips 3
        """
