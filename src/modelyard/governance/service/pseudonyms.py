"""The pseudonyms' part in forgetting a subject: what ties its name to its tokens is destroyed, after all else is gone.

The tokens themselves are further names of the subject: whoever holds data about it is asked for each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelyard.governance.api import Held, Left, Subject
from modelyard.governance.service.tables import LakeEraser
from modelyard.kernel.refs import ref
from modelyard.lake.api import Lake


class PseudonymsEraser:
    """Destroys a subject's lines in the book of pseudonyms; an `Eraser`, and the last to be asked."""

    name = "pseudonyms"

    def __init__(self, lake: Lake, tables: LakeEraser) -> None:
        self._lake = lake
        self._tables = tables

    def plan(self, subject: Subject) -> Sequence[Held]:
        """Kinds of pseudonyms under which the subject is known."""
        return [
            Held(by=self.name, ref=ref("pseudonym", kind), what="keys", count=1) for kind, _ in self._known(subject)
        ]

    def erase(self, subject: Subject) -> Sequence[Held]:
        """Destroy them."""
        gone = [(kind, self._lake.shred(kind, (subject.key,))) for kind, _ in list(self._known(subject))]
        return [Held(by=self.name, ref=ref("pseudonym", kind), what="keys", count=n) for kind, n in gone if n]

    def remains(self, subject: Subject) -> Left:
        """Kinds of pseudonyms under which it is known yet."""
        return Left(places=tuple(str(ref("pseudonym", kind)) for kind, _ in self._known(subject)))

    def aliases(self, subject: Subject) -> Sequence[Subject]:
        """The subject under each of its tokens."""
        return [Subject(subject.entity, token) for _, token in self._known(subject)]

    def _known(self, subject: Subject) -> Iterator[tuple[str, str]]:
        """Kinds and tokens, among the kinds that the subject's key columns have."""
        for kind in sorted({*self._tables.pseudonyms(subject.entity), subject.entity}):
            for found in self._lake.pseudonyms(kind, (subject.key,)):
                yield kind, found.token
