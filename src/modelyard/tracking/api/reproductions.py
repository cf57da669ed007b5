"""The operations on reproductions: a run done again, and what that shows about each metric and file of the first.

The repetition is a run like any other. What compares them (`sdk/reproducing`) runs where the code ran; here its
verdicts are kept, and both runs lead to each other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import operation
from modelyard.kernel.pages import Limit, Page

REPRODUCES_TAG = "modelyard.reproduces"
"""The tag of a repetition that names the run which it repeats."""
INVOCATION_TAG = "modelyard.invocation"
"""The tag that all runs of one command share: those that `yard run` or `yard reproduce` started."""

Tolerance = Annotated[float, Meta(ge=0, le=1, description="the relative difference that still counts as equal, 0 to 1")]
Words = Annotated[str, Meta(max_length=2000)]


class Subject(StrEnum):
    """What a verdict is about."""

    METRIC = "metric"
    PARAM = "param"
    INPUT = "input"
    ARTIFACT = "artifact"


class Likeness(StrEnum):
    """How a thing of the repetition is like that of the first run."""

    IDENTICAL = "identical"
    EQUAL = "equal"
    DIFFERENT = "different"
    MISSING = "missing"
    EXTRA = "extra"


class Outcome(StrEnum):
    """How the repetition is like the first run as a whole: as its least like part; or it did not come to an end."""

    IDENTICAL = "identical"
    EQUAL = "equal"
    DIFFERENT = "different"
    FAILED = "failed"


class Verdict(Struct, frozen=True, kw_only=True):
    """One thing compared.

    Attributes:
        likeness: the same bits; equal within the tolerance; different; only in the first run; only in the repetition.
        words: the difference, or which fields were left out because they change each time.
    """

    subject: Subject
    name: Annotated[str, Meta(max_length=1500)]
    likeness: Likeness
    words: Words = ""


class Reproduction(Struct, frozen=True, kw_only=True):
    """A run done again.

    Attributes:
        of: the run that was repeated.
        by: the repetition, a run too.
        environment: in which packages it ran, and where they are from.
        notes: what could not be as it was, in sentences.
        problem: why it did not come to an end; empty if it did.
        identical, equal, different, missing, extra: how many verdicts say so.
    """

    of: str
    by: str
    outcome: Outcome
    identical: int
    equal: int
    different: int
    missing: int
    extra: int
    tolerance: float
    environment: str = ""
    notes: list[str] = []
    problem: str = ""
    at_ms: int = 0
    actor: ActorId = ActorId("")


class ReproductionOperations(ABC):
    """What can be done with reproductions."""

    @operation(
        "POST",
        "/runs/{run}/reproductions",
        scope="tracking:write",
        about="run:{run}",
        private=("verdicts", "environment", "notes", "problem"),
    )
    @abstractmethod
    def note_reproduction(
        self,
        run: str,
        by: str,
        verdicts: Annotated[list[Verdict], Meta(max_length=20_000)],
        *,
        tolerance: Tolerance = 0.0,
        environment: Words = "",
        notes: Annotated[list[Words], Meta(max_length=100)] | None = None,
        problem: Words = "",
    ) -> Reproduction:
        """Keep what a repetition showed; told again, it replaces what was kept.

        Args:
            run: the run that was repeated.
            by: the repetition.
            verdicts: one for each metric, param, input and artifact.
            tolerance: what still counted as equal.
            environment: in which packages it ran.
            notes: what could not be as it was.
            problem: why it did not come to an end.

        Raises:
            NotFound: there is no such run.
            InvalidInput: a run cannot be its own repetition.

        Example:
            yard tracking note-reproduction 0199c7a1b2c37d4e5f60718293a4b5c6 0199c7a1b2c37d4e5f60718293a4b5c7 '[]'
        """

    @operation("GET", "/runs/{run}/reproductions", scope="tracking:read", about="run:{run}")
    @abstractmethod
    def reproductions(self, run: str) -> list[Reproduction]:
        """List how a run was repeated, and what it repeats itself; newest first, at most 200.

        Args:
            run: the first run, or a repetition.

        Raises:
            NotFound: there is no such run.

        Example:
            yard tracking reproductions 0199c7a1b2c37d4e5f60718293a4b5c6
        """

    @operation("GET", "/runs/{run}/verdicts", scope="tracking:read", about="run:{run}")
    @abstractmethod
    def verdicts(
        self, run: str, likeness: Likeness | None = None, *, limit: Limit = 1000, cursor: str | None = None
    ) -> Page[Verdict]:
        """List what a repetition showed, what differs first.

        Args:
            run: the repetition; of a first run, its newest repetition is meant.
            likeness: only these.
            limit: rows in one page.
            cursor: where the page before ended.

        Raises:
            NotFound: there is no such run, or it was never repeated.

        Example:
            yard tracking verdicts 0199c7a1b2c37d4e5f60718293a4b5c7 --likeness different
        """
