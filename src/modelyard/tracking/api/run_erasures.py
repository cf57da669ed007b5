"""Forgetting a person in runs: what names it in experiments, runs and logged models, and files that do.

A run stays, with its metrics: what was written about the person is replaced by a mark. Which files name it is for the
floors above to say, which look into every kind of file; here they are removed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from msgspec import Struct

from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page
from modelyard.tracking.api.erasures import Value


class ErasedTexts(Struct, frozen=True, kw_only=True):
    """What an experiment holds of somebody, or held.

    Attributes:
        experiment: its number; empty for what belongs to none, such as names of metrics.
        what: what is counted, e.g. `params`, `tags`, `datasets`, `files`.
    """

    experiment: str
    what: str
    count: int


class RunErasure(Struct, frozen=True, kw_only=True):
    """What of somebody was found in runs and logged models.

    Attributes:
        applied: False: nothing was changed.
        found: by experiment and kind.
        longer: words that hold the value within them, and are taken for somebody else's.
    """

    applied: bool
    found: tuple[ErasedTexts, ...] = ()
    longer: tuple[str, ...] = ()


class StoredContent(Struct, frozen=True, kw_only=True):
    """Bytes for which at least one file of a run or a logged model stands."""

    digest: str
    size_bytes: int


class ForgottenFile(Struct, frozen=True, kw_only=True):
    """A file that was removed because it named somebody.

    Attributes:
        path: where it lay; another word if the path named somebody itself.
    """

    path: str
    at_ms: int


class RunErasureOperations(ABC):
    """What takes a person out of runs."""

    @operation("POST", "/run-erasures", scope="governance:erase", effect=Effect.WORK, private=("value", "return"))
    @abstractmethod
    def erase_in_runs(self, value: Value, names: tuple[str, ...] = (), *, apply: bool = False) -> RunErasure:
        """Find what names somebody in experiments, runs and logged models, or put a mark in its place.

        It looks at params, tags, descriptions, names, users, inputs, metric names, verdicts, saved views and names of
        files. A run stays with its metrics. A value of at least six bytes counts wherever it stands for itself, a
        shorter one only under one of the names. Contents of files are not read here.

        Args:
            value: what names the person, e.g. a customer's number.
            names: keys under which it counts however short it is, e.g. `customer_id`.
            apply: change it; else nothing changes.

        Example:
            yard tracking erase-in-runs C-104711 --names customer_id --apply
        """

    @operation("GET", "/run-contents", scope="governance:erase", command="-")
    @abstractmethod
    def run_contents(self, limit: Limit = 500, cursor: str | None = None) -> Page[StoredContent]:
        """List the contents of all files of runs and logged models, each once."""

    @operation("POST", "/run-file-erasures", scope="governance:erase", effect=Effect.WORK, command="-")
    @abstractmethod
    def erase_run_files(self, digests: list[str], *, apply: bool = False) -> RunErasure:
        """Find the files of runs and logged models with these contents, or remove them and say so in their place.

        A content goes from the disk unless something else holds it.

        Args:
            digests: which contents.
            apply: remove them; else nothing changes.
        """

    @operation("GET", "/forgotten-files/{owner}", scope="tracking:read")
    @abstractmethod
    def forgotten_files(self, owner: str) -> list[ForgottenFile]:
        """List the files that were removed here because they named somebody; at most a thousand.

        Args:
            owner: id of a run or a logged model.

        Raises:
            NotFound: there is no such owner.

        Example:
            yard tracking forgotten-files 0199c7a1b2c37d4e5f60718293a4b5c6
        """
