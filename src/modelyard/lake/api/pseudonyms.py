"""Pseudonyms: what stands in a column in place of the names of people, and who may tell the one from the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.events import News
from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.refs import Name
from modelyard.lake.api.policies import REVEAL

SubjectName = Annotated[str, Meta(min_length=1, max_length=4000)]
Several = Annotated[tuple[SubjectName, ...], Meta(min_length=1, max_length=10_000)]


class Pseudonym(Struct, frozen=True, kw_only=True):
    """One subject's token, and the name behind it; a token without one is nobody's any more."""

    token: str
    name: str


class PseudonymsShredded(News, frozen=True, kw_only=True):
    """Tokens lost the names behind them for good."""

    of: str
    subjects: int


class PseudonymOperations(ABC):
    """Names behind tokens."""

    @operation("POST", "/pseudonyms/{kind}/reveal", scope=REVEAL, effect=Effect.SCAN, private=("tokens",))
    @abstractmethod
    def reveal(self, kind: Name, tokens: Several) -> tuple[Pseudonym, ...]:
        """Tell the names behind tokens; those that have none any more, or never had one, are left out.

        Args:
            kind: whose tokens they are, as the column says: `pseudonym`.
        """

    @operation("POST", "/pseudonyms/{kind}/find", scope=REVEAL, effect=Effect.SCAN, private=("names",))
    @abstractmethod
    def pseudonyms(self, kind: Name, names: Several) -> tuple[Pseudonym, ...]:
        """Tell the tokens of names, to look for somebody's rows; names that never came are left out."""

    @operation("POST", "/pseudonyms/{kind}/shred", scope="governance:erase", effect=Effect.WORK, private=("names",))
    @abstractmethod
    def shred(self, kind: Name, names: Several) -> int:
        """Destroy what ties names to their tokens; the number of subjects. There is no way back.

        Rows stay, as nobody's: counts and joins hold. A name that comes again gets another token. To remove the rows
        as well, forget the subject: `yard governance forget`.
        """
