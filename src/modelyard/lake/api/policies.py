"""Policies: which rows and columns of a table somebody sees who may read it but not see all of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.events import News
from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.refs import Name

REVEAL = "governance:reveal"
"""The scope of those whom no policy touches; owners have it, on everything or where they were granted it."""

RowFilter = Annotated[str, Meta(max_length=4000)]


class Mask(StrEnum):
    """What is shown in place of a value.

    NULL: nothing. HASH: 16 hex digits, equal for equal values of one table (salted SHA-256). TAIL: the last four
    characters. YEAR: the first day of the year. HASH and TAIL are for texts, YEAR for dates and times.
    """

    NULL = "null"
    HASH = "hash"
    TAIL = "tail"
    YEAR = "year"


class Policy(Struct, frozen=True, kw_only=True):
    """What a table shows to those without `governance:reveal`.

    Attributes:
        row_filter: a condition in SQL; other rows are not there. `$actor` is the reader's name. Empty: all rows.
        masks: what is shown in place of a column's values.
    """

    table: str
    row_filter: str
    masks: dict[str, Mask]
    author: ActorId
    at_ms: int


class PolicySet(News, frozen=True, kw_only=True):
    """A table shows its readers something else from now on; without masks and filter, everything."""

    table: str
    masked: tuple[str, ...]
    filtered: bool


class PolicyOperations(ABC):
    """Row filters and column masks."""

    @operation("PUT", "/tables/{name}/policy", scope="governance:policy", about="table:{name}", effect=Effect.WORK)
    @abstractmethod
    def set_policy(self, name: Name, *, row_filter: RowFilter = "", masks: dict[str, Mask] | None = None) -> Policy:
        """Say which rows and columns of a table are seen by those without the scope `governance:reveal`.

        It holds for every version and branch, in rows, previews, profiles and SQL. What shows rows as they are stored
        or came (differences, changes, quarantined rows, sources) is refused to them. Columns that a version lacks are
        passed over. With neither filter nor masks, everything is shown again.

        Args:
            row_filter: a condition in SQL over the table's columns, e.g. `region = 'north' or owner = $actor`.
            masks: `null`, `hash`, `tail` or `year` by column.

        Raises:
            InvalidInput: the condition is wrong, a column is not there, or a mask does not fit its type.

        Example:
            yard lake set-policy trips --masks '{"driver": "hash", "phone": "tail"}'
        """

    @operation("GET", "/tables/{name}/policy", scope="lake:read", about="table:{name}")
    @abstractmethod
    def policy(self, name: Name) -> Policy:
        """Show what a table hides.

        Raises:
            NotFound: it hides nothing.
        """
