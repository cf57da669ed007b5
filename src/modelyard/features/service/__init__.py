"""The operations of features. What reads, joins or computes stands in the modules beside, imported at first use: an
idle yard holds no Arrow, no NumPy and no query engine.
"""

from __future__ import annotations

from collections.abc import Callable

from modelyard.features.api import (
    Cell,
    Entity,
    EntityDefined,
    Features,
    Forgotten,
    Key,
    Materialisation,
    OnlineAnswer,
    Pushed,
    TrainingSet,
    TrainingSpec,
    View,
    ViewSpec,
)
from modelyard.features.hot import OnlineReader
from modelyard.features.service.desk import Desk, view_at, view_named
from modelyard.features.store import definitions
from modelyard.kernel.errors import Conflict, InvalidInput, NotFound
from modelyard.kernel.pages import Limit, Page, encode_cursor, page_of, place_of
from modelyard.kernel.refs import Name, ref
from modelyard.lake.api import Files, Lake
from modelyard.ports import calls
from modelyard.ports.online import Online
from modelyard.ports.queries import Queries


class FeaturesService(Features):
    """Feature views, training sets and online rows.

    Args:
        files: reads the lake's versions at the speed of the files; as a rule the lake's own service.
        queries, online: give the engines when they are first needed.
    """

    def __init__(
        self, *, lake: Lake, files: Files, queries: Callable[[], Queries], online: Callable[[], Online]
    ) -> None:
        self._desk = Desk(lake=lake, files=files, queries=queries, online=online)
        self._reader: OnlineReader | None = None

    def define_entity(self, name: Name, keys: tuple[Key, ...], *, description: str = "") -> Entity:
        """Define who features are about."""
        call = calls.current()
        if len({key.name for key in keys}) < len(keys):
            raise InvalidInput(f"entity {name} names a key twice")
        known = definitions.entity(call.tx, name)
        if known is not None:
            if known.keys != keys:
                shown = ", ".join(f"{key.name} ({key.type})" for key in known.keys)
                raise Conflict(f"entity {name} has the keys {shown}, which cannot change; define another entity")
            return known
        entity = Entity(
            name=name, ref=ref("entity", name), keys=keys, description=description, created_ms=call.now_ms,
            author=call.actor.id,
        )  # fmt: skip
        definitions.add_entity(call.tx, entity)
        call.emit(EntityDefined(entity=name, keys=tuple(key.name for key in keys)), writes=(entity.ref,))
        return entity

    def entities(self, *, cursor: str | None = None, limit: Limit = 100) -> Page[Entity]:
        """List the entities, by name."""
        after = place_of(cursor, "")
        found = definitions.entities(calls.current().tx, after=after, most=limit + 1)
        return page_of(found, limit, lambda entity: (entity.name,))

    def define_view(self, name: Name, spec: ViewSpec) -> View:
        """Define how features come from a table."""
        from modelyard.features.service.defining import define

        return define(self._desk, name, spec)

    def views(self, *, cursor: str | None = None, limit: Limit = 100) -> Page[View]:
        """List the newest version of each view, by name."""
        after = place_of(cursor, "")
        found = definitions.views(calls.current().tx, after=after, most=limit + 1)
        return page_of(found, limit, lambda view: (view.name,))

    def view(self, name: Name, *, version: int | None = None) -> View:
        """Show a view."""
        return view_named(name, version)

    def view_versions(self, name: Name, *, cursor: str | None = None, limit: Limit = 50) -> Page[View]:
        """List a view's versions, newest first."""
        view_named(name)
        before = place_of(cursor, 1 << 62)
        found = definitions.view_versions(calls.current().tx, name, before=before, most=limit + 1)
        return page_of(found, limit, lambda view: (view.version,))

    def materialisations(self, name: Name) -> list[Materialisation]:
        """Show how far the online rows of each version of a view are."""
        view_named(name)
        return definitions.materialisations(calls.current().tx, name)

    def materialise(self, name: Name, *, version: int | None = None, up_to_ms: int | None = None) -> Materialisation:
        """Bring a view's online rows up to a moment."""
        from modelyard.features.service import serving

        return serving.materialise(self._desk, name, version=version, up_to_ms=up_to_ms)

    def push(self, name: Name, rows: list[dict[str, Cell]], *, version: int | None = None) -> Pushed:
        """Let new rows of the source count online at once."""
        from modelyard.features.service import serving

        return serving.push(self._desk, name, rows, version=version)

    def online(self, views: tuple[str, ...], keys: list[dict[str, Cell]], *, at_ms: int | None = None) -> OnlineAnswer:
        """Read the features of some entities as they are now."""
        named = [view_at(text) for text in views]
        if len({view.name for view in named}) < len(named):
            raise InvalidInput("a view is named twice; an answer holds one version of a view")
        moment_ms = calls.current().now_ms if at_ms is None else at_ms
        if self._reader is None:
            self._reader = OnlineReader(self._desk.online())
        rows = self._reader.read(named, keys, at_us=moment_ms * 1000)
        return OnlineAnswer(views=tuple(view.ref for view in named), at_ms=moment_ms, rows=rows)

    def build_training_set(self, name: Name, spec: TrainingSpec) -> TrainingSet:
        """Build a point-in-time-correct training set."""
        from modelyard.features.service import training

        return training.build(self._desk, name, spec)

    def training_sets(
        self, *, name: Name | None = None, cursor: str | None = None, limit: Limit = 50
    ) -> Page[TrainingSet]:
        """List training sets, newest first."""
        found = definitions.training_sets(
            calls.current().tx, name=name, before=place_of(cursor, 1 << 62), most=limit + 1
        )
        more = encode_cursor(found[limit - 1][0]) if len(found) > limit else None
        return Page([each for _, each in found[:limit]], more)

    def training_set(self, name: Name, *, version: int | None = None) -> TrainingSet:
        """Show a training set."""
        if (found := definitions.training_set(calls.current().tx, name, version)) is None:
            which = name if version is None else f"{name}@{version}"
            raise NotFound(f"there is no training set {which}; list them: yard features training-sets")
        return found

    def forget(self, entity: Name, key: dict[str, Cell]) -> Forgotten:
        """Erase the online rows of an entity."""
        from modelyard.features.service import serving

        return serving.forget(self._desk, entity, key)
