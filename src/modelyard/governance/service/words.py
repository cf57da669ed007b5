"""What stands beside governance, and holds words about a subject: asked through a callable that the app hands over.

Governance knows no slice of its own floor. Whoever keeps words there finds or marks them by the rule of
`kernel/mentions.py` and says how many of which kind; here that becomes a part in the plan and in the receipt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from modelyard.governance.api import EntityKeys, Held, Left, Subject
from modelyard.kernel.refs import ref


class Words(NamedTuple):
    """What names a subject.

    Attributes:
        counts: how many, by the kind of thing they are about and by what they are.
        longer: words that hold the subject's key within them, and are taken for somebody else's.
    """

    counts: Sequence[tuple[str, str, int]]
    longer: tuple[str, ...] = ()


class Ask(Protocol):
    """Finds what names a value, or any of the names' values; with `apply`, marks it."""

    def __call__(self, value: str, names: tuple[str, ...], *, apply: bool) -> Words:
        """What was found."""
        ...


class WordsEraser:
    """Forgets a subject in words that are kept beside governance; an `Eraser`.

    Args:
        name: who keeps them, e.g. `teamwork`.
        things: what the words are called in refs of plan and receipt, e.g. `comments`.
        ask: finds or marks them.
    """

    def __init__(self, name: str, things: str, ask: Ask, keys: EntityKeys) -> None:
        self.name = name
        self._things = things
        self._ask = ask
        self._keys = keys

    def plan(self, subject: Subject) -> Sequence[Held]:
        """Words that name the subject, by the kind of thing that they are about."""
        return self._held(self._asked(subject, apply=False))

    def erase(self, subject: Subject) -> Sequence[Held]:
        """Mark them."""
        return self._held(self._asked(subject, apply=True))

    def remains(self, subject: Subject) -> Left:
        """Kinds of words in which the subject is still read back."""
        found = self._asked(subject, apply=False)
        return Left(places=tuple(f"{h.what} of {h.ref}" for h in self._held(found)), namesakes=found.longer)

    def _asked(self, subject: Subject, *, apply: bool) -> Words:
        return self._ask(subject.key, tuple(self._keys.columns(subject.entity)), apply=apply)

    def _held(self, found: Words) -> list[Held]:
        return [
            Held(by=self.name, ref=ref(self._things, kind), what=what, count=count)
            for kind, what, count in found.counts
        ]
