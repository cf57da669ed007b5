"""Upkeep: small files made large, old versions let go under a rule, and an examination that finds and mends faults."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Protocol, runtime_checkable

from msgspec import Meta, Struct

from modelyard.kernel.events import News
from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.refs import Name, Ref

Days = Annotated[float, Meta(ge=0, le=36_500)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
FileBytes = Annotated[int, Meta(ge=1 << 20, le=1 << 32)]


class Compaction(Struct, frozen=True, kw_only=True):
    """What a compaction did; the rows stayed as they were.

    Attributes:
        version: the version that it made; None if there was nothing worth doing.
    """

    table: str
    version: int | None
    files_before: int
    files_after: int
    size_bytes_before: int
    size_bytes_after: int


class Retention(Struct, frozen=True, kw_only=True):
    """How long versions of a table stay after a newer one took their place.

    Attributes:
        keep_days: those that were replaced within these days stay; None: age lets nothing go.
        keep_versions: so many of the newest stay whatever their age.
    """

    table: str
    keep_days: float | None
    keep_versions: int
    author: ActorId | None = None
    at_ms: int | None = None


class Vacuum(Struct, frozen=True, kw_only=True):
    """What a vacuum let go, or would.

    Attributes:
        expired: versions that can be read no more.
        held: versions that the rule would have let go, and why they stay.
        files, size_bytes: data files removed, those that dead writers left included.
    """

    table: str
    expired: tuple[int, ...]
    held: dict[str, str]
    files: int
    size_bytes: int
    dry_run: bool


class Fault(StrEnum):
    """What an examination may find.

    MISSING, SIZE and DAMAGED are losses: no program can mend them, a backup can. The others are untidy and harmless.
    """

    MISSING = "missing"
    SIZE = "size"
    DAMAGED = "damaged"
    AHEAD = "ahead"
    STRAY = "stray"
    ORPHAN = "orphan"
    UNFINISHED = "unfinished"
    SMALL = "small"


class Finding(Struct, frozen=True, kw_only=True):
    """One fault of one table.

    Attributes:
        versions: those that it touches; empty where it touches none.
        mended: True if the examination put it right.
    """

    fault: Fault
    table: str
    detail: str
    versions: tuple[int, ...] = ()
    mended: bool = False


class Examination(Struct, frozen=True, kw_only=True):
    """What was looked at, and what was wrong with it."""

    findings: tuple[Finding, ...]
    tables: int
    versions: int
    files: int
    size_bytes: int
    took_ms: int


class VersionsExpired(News, frozen=True, kw_only=True):
    """Old versions of a table were let go; their rows are gone where no newer version holds them."""

    table: str
    versions: tuple[int, ...]


@runtime_checkable
class Holders(Protocol):
    """Says which versions something else still stands on; answered by whoever keeps the lineage."""

    def holders(self, ref: Ref) -> Sequence[Ref]:
        """Datasets, models, runs and whatever else was made from a version of a table."""
        ...


class UpkeepOperations(ABC):
    """What keeps tables quick and small."""

    @operation("POST", "/tables/{name}/compactions", scope="lake:write", about="table:{name}", effect=Effect.WORK)
    @abstractmethod
    def compact(self, name: Name, *, target_bytes: FileBytes = 128 << 20, branch: Name | None = None) -> Compaction:
        """Fold small data files into large ones, as a version with the same rows.

        A running yard does it by itself once a table has many small files. Earlier versions keep their files until
        retention lets them go.

        Args:
            target_bytes: files below a quarter of this are folded, up to about this size each.

        Raises:
            NotFound: no such table or branch.
        """

    @operation("PUT", "/tables/{name}/retention", scope="lake:admin", about="table:{name}")
    @abstractmethod
    def retain(self, name: Name, *, keep_days: Days | None = None, keep_versions: Count = 1) -> Retention:
        """Say how long versions stay after a newer one took their place; by default all stay for ever.

        Args:
            keep_days: None lets nothing go.
            keep_versions: so many of the newest stay whatever their age.
        """

    @operation("GET", "/tables/{name}/retention", scope="lake:read", about="table:{name}")
    @abstractmethod
    def retention(self, name: Name) -> Retention:
        """Show how long versions stay."""

    @operation("POST", "/tables/{name}/vacuums", scope="lake:admin", about="table:{name}", effect=Effect.WORK)
    @abstractmethod
    def vacuum(self, name: Name, *, dry_run: bool = False) -> Vacuum:
        """Let go the versions that retention no longer keeps, and remove the files that no other version needs.

        What a tag or a branch names stays, so does what an open branch started from and what anything else was made
        from: datasets, models, runs, reports.

        Args:
            dry_run: say what would go, and let nothing go.
        """

    @operation("POST", "/lake/examinations", scope="lake:admin", effect=Effect.WORK, command="doctor")
    @abstractmethod
    def examine(self, *, mend: bool = False, deep: bool = False) -> Examination:
        """Look for lost, strange and left-over files, logs that run ahead of the catalogue, and tables in many pieces.

        The contents of file sets and the kept sources of loads are looked for as well.

        Args:
            mend: put right what can be put right without a loss.
            deep: also read every data file and every content to its end.

        Example:
            yard lake doctor --mend
        """
