"""What every part of the features' service works with: the lake, the engines, and what is defined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelyard.features.api import Entity, View
from modelyard.features.store import definitions
from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.lake.api import Files, Lake
from modelyard.ports import calls
from modelyard.ports.online import Online
from modelyard.ports.queries import Queries


@dataclass(frozen=True, slots=True)
class Desk:
    """The service's means; engines are given when they are first needed."""

    lake: Lake
    files: Files
    queries: Callable[[], Queries]
    online: Callable[[], Online]


def entity_named(name: str) -> Entity:
    """The entity of that name.

    Raises:
        NotFound: there is none.
    """
    if (found := definitions.entity(calls.current().tx, name)) is None:
        raise NotFound(f"there is no entity {name}; define it: yard features define-entity {name}")
    return found


def view_named(name: str, version: int | None = None) -> View:
    """A view's version, the newest where none is named.

    Raises:
        NotFound: there is none.
    """
    tx = calls.current().tx
    if (found := definitions.view(tx, name, version)) is None:
        if version is not None and (newest := definitions.view(tx, name, None)) is not None:
            raise NotFound(f"view {name} has no version {version}; its newest is {newest.version}")
        raise NotFound(f"there is no view {name}; list them: yard features views")
    return found


def view_at(text: str) -> View:
    """A view from `name` or `name@version`.

    Raises:
        NotFound: there is none.
        InvalidInput: the version is no number.
    """
    name, at, version = text.partition("@")
    if at and not (version.isdecimal() and len(version) < 10):
        raise InvalidInput(f"{text[:80]!r} names no version of a view; write {name[:60]} or {name[:60]}@2")
    return view_named(name, int(version) if at else None)
