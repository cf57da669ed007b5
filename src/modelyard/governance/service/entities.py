"""The features' part in governance: which columns hold an entity's key, and forgetting its online rows.

A subject is given by an entity's name or by its key's name. An entity of several keys is not told by one value; it is
forgotten by each of them where they are entities of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelyard.features.api import Entity, Features, Key, KeyType, Status, View
from modelyard.governance.api import Held, Left, Subject
from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.refs import Ref, ref


class FeatureKeys:
    """Takes key columns from the entities that are defined; an `EntityKeys`."""

    def __init__(self, features: Features) -> None:
        self._features = features

    def columns(self, entity: str) -> Sequence[str]:
        """The columns that an entity's key stands in: the key's own name, and what views' sources call it."""
        found: dict[str, None] = {}
        for known in _meant(self._features, entity):
            name = _only_key(known).name
            found |= {name: None}
            found |= {v.spec.key_columns.get(name, name): None for v in _views(self._features) if _is_of(v, known)}
        return tuple(found) or (entity,)

    def every(self) -> Sequence[str]:
        """The key columns of all entities and their sources."""
        names = {key.name: None for entity in _entities(self._features) for key in entity.keys}
        names |= {column: None for view in _views(self._features) for column in view.spec.key_columns.values()}
        return tuple(names)


class FeaturesEraser:
    """Forgets a subject's online rows; an `Eraser`."""

    name = "features"

    def __init__(self, features: Features) -> None:
        self._features = features

    def plan(self, subject: Subject) -> Sequence[Held]:
        """Views that know the subject online."""
        return [Held(by=self.name, ref=about, what="online rows", count=1) for about in self._knowing(subject)]

    def erase(self, subject: Subject) -> Sequence[Held]:
        """Remove the subject's online rows, from every version of every view."""
        done: list[Held] = []
        for entity in _meant(self._features, subject.entity):
            key = _only_key(entity)
            if (value := _as_value(key, subject.key)) is None:
                continue
            gone = self._features.forget(entity.name, {key.name: value})
            done += [
                Held(by=self.name, ref=Ref(view), what="online rows", count=count)
                for view, count in gone.rows.items()
                if count
            ]
        return done

    def remains(self, subject: Subject) -> Left:
        """Views that still answer for the subject."""
        return Left(places=tuple(str(about) for about in self._knowing(subject)))

    def _knowing(self, subject: Subject) -> Iterator[Ref]:
        for entity in _meant(self._features, subject.entity):
            key = _only_key(entity)
            value = _as_value(key, subject.key)
            for view in _views(self._features):
                if value is None or view.keys != entity.keys:
                    continue
                answer = self._features.online((f"{view.name}@{view.version}",), [{key.name: value}])
                if any(status is not Status.MISSING for status in answer.rows[0].status.values()):
                    yield ref("view", view.name, view.version)


def _meant(features: Features, name: str) -> list[Entity]:
    """The entity of that name, or else the entities whose only key is called so."""
    every = list(_entities(features))
    return [e for e in every if e.name == name] or [e for e in every if [k.name for k in e.keys] == [name]]


def _only_key(entity: Entity) -> Key:
    if len(entity.keys) != 1:
        names = ", ".join(key.name for key in entity.keys)
        raise InvalidInput(f"{entity.name} is told by {names} together; forget by one of them: give its name as entity")
    return entity.keys[0]


def _as_value(key: Key, text: str) -> str | int | None:
    """The key as the entity compares it; None if it has no such value."""
    if key.type is KeyType.STRING:
        return text
    try:
        return int(text)
    except ValueError:
        return None


def _is_of(view: View, entity: Entity) -> bool:
    return entity.keys[0] in view.keys


def _entities(features: Features) -> Iterator[Entity]:
    cursor: str | None = None
    while True:
        page = features.entities(cursor=cursor, limit=500)
        yield from page.items
        if (cursor := page.next) is None:
            return


def _views(features: Features) -> Iterator[View]:
    cursor: str | None = None
    while True:
        page = features.views(cursor=cursor, limit=500)
        yield from page.items
        if (cursor := page.next) is None:
            return
