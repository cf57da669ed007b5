"""Forgetting a person in the registry: words about models and versions, and which versions hold bytes that name it.

What a version holds was hashed, scanned and perhaps signed and served: it is told, and never changed here. A person
decides whether such a version goes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Ref

Value = Annotated[str, Meta(min_length=1, max_length=300, description="what names the person, as text")]


class ErasedWords(Struct, frozen=True, kw_only=True):
    """What is said of a model or of one of its versions, and names somebody.

    Attributes:
        model: its number inside; a name could name somebody.
        what: what is counted, e.g. `tags of versions`.
    """

    model: str
    what: str
    count: int


class WordErasure(Struct, frozen=True, kw_only=True):
    """What of somebody was found in the registry.

    Attributes:
        applied: False: nothing was changed.
        found: by model and kind.
        kept: what stays until a person decides: names of models, and what versions say of their own content.
        longer: words that hold the value within them, and are taken for somebody else's.
    """

    applied: bool
    found: tuple[ErasedWords, ...] = ()
    kept: tuple[ErasedWords, ...] = ()
    longer: tuple[str, ...] = ()


class PinnedContent(Struct, frozen=True, kw_only=True):
    """Bytes that the registry pinned, and one of the versions that hold them."""

    digest: str
    size_bytes: int
    version: Ref


class WordErasureOperations(ABC):
    """What takes a person out of the registry."""

    @operation("POST", "/registry-erasures", scope="governance:erase", effect=Effect.WORK, private=("value", "return"))
    @abstractmethod
    def erase_words(self, value: Value, names: tuple[str, ...] = (), *, apply: bool = False) -> WordErasure:
        """Find what names somebody in what is said of models and versions, or put a mark in its place.

        It looks at descriptions, tags, cards, proposals, reviews, evaluations, attestations and webhooks. Names of
        models and what a version says of its own content are told and stay. A value of at least six bytes counts
        wherever it stands for itself, a shorter one only under one of the names.

        Args:
            value: what names the person, e.g. a customer's number.
            names: keys under which it counts however short it is, e.g. `customer_id`.
            apply: change it; else nothing changes.

        Example:
            yard registry erase-words C-104711 --names customer_id --apply
        """

    @operation("GET", "/pinned-contents", scope="governance:erase", command="-")
    @abstractmethod
    def pinned_contents(self, limit: Limit = 500, cursor: str | None = None) -> Page[PinnedContent]:
        """List the contents of all versions, deleted ones too, and of rows they were evaluated on; each once."""
