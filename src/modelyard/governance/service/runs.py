"""The runs' part in forgetting a subject: what was noted of runs and logged models, and their files.

It asks tracking and the registry as any slice above does. A run stays, with its metrics; what names the subject gets a
mark in its place, and a file that does is removed. What the registry pinned is not removed: versions are told, and a
person decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence

from modelyard.governance.api import EntityKeys, Held, Left, Subject
from modelyard.governance.service.contents import Contents
from modelyard.kernel.mentions import MARK, Sought
from modelyard.kernel.refs import Ref, parts, ref
from modelyard.registry.api import PinnedContent, Registry
from modelyard.tracking.api import RunErasure, Tracking

_AT_ONCE = 100
_PAGE = 500

Pinned = Callable[[Collection[str]], set[str]]
"""Those of some digests that a version holds."""


class RunsEraser:
    """Forgets a subject in experiments, runs and logged models; an `Eraser`.

    Args:
        pinned: what the registry holds.
    """

    name = "runs"

    def __init__(self, tracking: Tracking, keys: EntityKeys, contents: Contents, pinned: Pinned) -> None:
        self._tracking = tracking
        self._keys = keys
        self._contents = contents
        self._pinned = pinned

    def plan(self, subject: Subject) -> Sequence[Held]:
        """Texts and files that name the subject, by experiment."""
        return list(self._held(self._asked(subject, apply=False)))

    def erase(self, subject: Subject) -> Sequence[Held]:
        """Mark the texts, remove the files."""
        return list(self._held(self._asked(subject, apply=True)))

    def remains(self, subject: Subject) -> Left:
        """Experiments and kinds of texts in which the subject is still read back."""
        found = self._asked(subject, apply=False)
        longer = tuple(word for each in found for word in each.longer)
        return Left(places=tuple(f"{h.what} of {h.ref}" for h in self._held(found)), namesakes=longer)

    def _asked(self, subject: Subject, *, apply: bool) -> list[RunErasure]:
        columns = tuple(self._keys.columns(subject.entity))
        texts = self._tracking.erase_in_runs(subject.key, columns, apply=apply)
        return [texts, *self._files(subject, apply=apply)]

    def _files(self, subject: Subject, *, apply: bool) -> Iterator[RunErasure]:
        names = self._contents.of(subject)
        cursor: str | None = None
        while True:
            page = self._tracking.run_contents(_PAGE, cursor)
            found = [one.digest for one in page.items if names(one.digest, one.size_bytes)]
            for at in range(0, len(found), _AT_ONCE):
                some = found[at : at + _AT_ONCE]
                kept = self._pinned(some)
                if free := [digest for digest in some if digest not in kept]:
                    yield self._tracking.erase_run_files(free, apply=apply)
            if (cursor := page.next) is None:
                return

    def _held(self, found: Sequence[RunErasure]) -> Iterator[Held]:
        counts: Counter[tuple[str, str]] = Counter()
        for each in found:
            for one in each.found:
                counts[one.experiment, one.what] += one.count
        for (experiment, what), count in sorted(counts.items()):
            home = ref("experiment", experiment) if experiment else ref("runs", "all")
            yield Held(by=self.name, ref=home, what=what, count=count)


class RegistryEraser:
    """Forgets a subject in what is said of registered models; an `Eraser`."""

    name = "registry"

    def __init__(self, registry: Registry, keys: EntityKeys, contents: Contents) -> None:
        self._registry = registry
        self._keys = keys
        self._contents = contents

    def plan(self, subject: Subject) -> Sequence[Held]:
        """Texts that name the subject, and versions whose own content does: those a person decides on."""
        found = self._registry.erase_words(subject.key, tuple(self._keys.columns(subject.entity)))
        said = [Held(by=self.name, ref=_model(one.model), what=one.what, count=one.count) for one in found.found]
        kept = [
            Held(by=self.name, ref=_model(one.model), what=f"{one.what}: a person decides", count=one.count)
            for one in found.kept
        ]
        files = [
            Held(by=self.name, ref=about, what="contents of versions: a person decides", count=count)
            for about, count in sorted(self._versions(subject).items())
        ]
        return [*said, *kept, *files]

    def erase(self, subject: Subject) -> Sequence[Held]:
        """Mark the texts; versions stay as they are."""
        found = self._registry.erase_words(subject.key, tuple(self._keys.columns(subject.entity)), apply=True)
        return [Held(by=self.name, ref=_model(one.model), what=one.what, count=one.count) for one in found.found]

    def remains(self, subject: Subject) -> Left:
        """What still names the subject, versions that a person decides on among them."""
        found = self._registry.erase_words(subject.key, tuple(self._keys.columns(subject.entity)))
        places = [f"{one.what} of {_model(one.model)}" for one in (*found.found, *found.kept)]
        places += [f"contents of {about}" for about in sorted(self._versions(subject))]
        return Left(places=tuple(places), namesakes=found.longer)

    def _versions(self, subject: Subject) -> Counter[Ref]:
        """Versions that hold contents which name it, and how many."""
        names, counts = self._contents.of(subject), Counter[Ref]()
        sought = Sought(subject.key)
        for one in _pinned(self._registry):
            if names(one.digest, one.size_bytes):
                counts[_unnamed(one.version, sought)] += 1
        return counts


def _pinned(registry: Registry) -> Iterator[PinnedContent]:
    cursor: str | None = None
    while True:
        page = registry.pinned_contents(_PAGE, cursor)
        yield from page.items
        if (cursor := page.next) is None:
            return


def _model(number: str) -> Ref:
    return ref("registered_model", number or "all")


def _unnamed(version: Ref, sought: Sought) -> Ref:
    """The version, called by the mark if its model's name tells of the subject."""
    told = parts(version)
    return ref("model", MARK, told.version) if sought.stands_in(told.name) else version
