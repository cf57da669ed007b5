"""What a move did: how many of each kind are there and here, and what did not come; and how far it is meanwhile."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """What is counted."""

    EXPERIMENTS = "experiments"
    RUNS = "runs"
    PARAMS = "params"
    TAGS = "tags"
    POINTS = "points"
    INPUTS = "inputs"
    LOGGED_MODELS = "logged models"
    FILES = "files"
    BYTES = "bytes of files"
    TRACES = "traces"
    SPANS = "spans"
    ASSESSMENTS = "assessments"
    MODELS = "registered models"
    VERSIONS = "versions"
    ALIASES = "aliases"


class Count(Struct, frozen=True, kw_only=True):
    """One kind: how many there are in the source, and how many of those are in the target."""

    kind: Kind
    there: int
    here: int


class Report(Struct, frozen=True, kw_only=True):
    """What a move did.

    Attributes:
        source: what was read.
        counts: by kind, both read anew at the end.
        already: runs that an earlier move had brought whole.
        problems: what did not come, in sentences; the first hundred.
        notes: what came otherwise than it was, in sentences.
    """

    source: str
    counts: list[Count]
    already: int
    problems: list[str]
    notes: list[str] = []

    @property
    def is_whole(self) -> bool:
        """True if everything that is there is here."""
        return not self.problems and all(count.there == count.here for count in self.counts)


class Step(Struct, frozen=True, kw_only=True):
    """How far a move is: runs done of all, and what it does now."""

    done: int
    total: int
    words: str


class Tally:
    """Counts as a move goes."""

    def __init__(self) -> None:
        self.there: Counter[Kind] = Counter()
        self.here: Counter[Kind] = Counter()
        self.problems: list[str] = []
        self.notes: list[str] = []

    def problem(self, words: str) -> None:
        """Note what did not come."""
        if len(self.problems) < 100:
            self.problems.append(words)

    def note(self, words: str) -> None:
        """Note what came otherwise."""
        if len(self.notes) < 100:
            self.notes.append(words)

    def counts(self) -> list[Count]:
        """All kinds that there are."""
        return [Count(kind=kind, there=self.there[kind], here=self.here[kind]) for kind in Kind]
