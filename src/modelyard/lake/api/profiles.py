"""Profiles compared: what changed in each column from one version to another, in figures and in a sentence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum

from msgspec import Struct

from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.refs import Name, Ref
from modelyard.lake.api.records import ColumnProfile


class ColumnFate(StrEnum):
    """What became of a column."""

    ADDED = "added"
    REMOVED = "removed"
    RETYPED = "retyped"
    CHANGED = "changed"
    SAME = "same"


class ColumnComparison(Struct, frozen=True, kw_only=True):
    """One column in two versions.

    Attributes:
        before, after: its profiles; None where it is not there.
        null_change: the share of missing values, after less before.
        shift: how far the median moved, in spans between the quartiles of before; None where it has none.
        new_values, gone_values: among the frequent ones, where all values are listed.
        sentence: what changed, in words; empty where nothing worth a word did.
    """

    name: str
    fate: ColumnFate
    before: ColumnProfile | None
    after: ColumnProfile | None
    null_change: float
    shift: float | None
    new_values: tuple[str, ...]
    gone_values: tuple[str, ...]
    sentence: str


class ProfileComparison(Struct, frozen=True, kw_only=True):
    """Two versions of a table, column by column; those that changed come first."""

    table: str
    base: Ref
    target: Ref
    rows_before: int
    rows_after: int
    columns: tuple[ColumnComparison, ...]
    sentence: str


class ProfileOperations(ABC):
    """Profiles beside the one of a version."""

    @operation(
        "GET", "/tables/{name}/profile-comparison", scope="lake:read", about="table:{name}", effect=Effect.WORK
    )  # fmt: skip
    @abstractmethod
    def compare_profiles(self, name: Name, base: str, target: str | None = None) -> ProfileComparison:
        """Show how the profiles of two versions differ, column by column and in words.

        Args:
            base: a version, a tag, a branch or a moment.
            target: the newest where it is left out.

        Raises:
            NotFound: no such table or version.

        Example:
            yard lake compare-profiles trips 11 --target 12
        """
