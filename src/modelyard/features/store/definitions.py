"""Entities, view versions, training sets and how far online rows are; one document a row."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from modelyard.features.api import Entity, Materialisation, TrainingSet, View
from modelyard.ports.database import Migration, Statement, Transaction

DEFINITIONS = Migration(
    slice="features",
    number=1,
    name="definitions",
    ddl=(
        "CREATE TABLE features_entity (name {text} PRIMARY KEY, body {bytes} NOT NULL)",
        (
            "CREATE TABLE features_view (name {text} NOT NULL, version {int} NOT NULL, entity {text} NOT NULL,"
            " newest {int} NOT NULL, body {bytes} NOT NULL, PRIMARY KEY (name, version))"
        ),
        "CREATE INDEX features_view_newest ON features_view (newest, name)",
        (
            "CREATE TABLE features_training_set (seq {serial}, name {text} NOT NULL, version {int} NOT NULL,"
            " hash {text} NOT NULL, body {bytes} NOT NULL, UNIQUE (name, version))"
        ),
        (
            "CREATE TABLE features_materialisation (view_name {text} NOT NULL, version {int} NOT NULL,"
            " body {bytes} NOT NULL, PRIMARY KEY (view_name, version))"
        ),
    ),
)

_entities = sa.table("features_entity", sa.column("name"), sa.column("body"))
_views = sa.table("features_view", *map(sa.column, ("name", "version", "entity", "newest", "body")))
_sets = sa.table("features_training_set", *map(sa.column, ("seq", "name", "version", "hash", "body")))
_states = sa.table("features_materialisation", *map(sa.column, ("view_name", "version", "body")))

_b = sa.bindparam
_ENTITY = Statement(sa.select(_entities.c.body).where(_entities.c.name == _b("name")))
_ENTITIES = Statement(
    sa.select(_entities.c.body).where(_entities.c.name > _b("after")).order_by(_entities.c.name).limit(_b("most"))
)
_ADD_ENTITY = Statement(sa.insert(_entities).values(name=_b("name"), body=_b("body")))
_VIEW = Statement(sa.select(_views.c.body).where(_views.c.name == _b("name"), _views.c.version == _b("version")))
_NEWEST = Statement(sa.select(_views.c.body).where(_views.c.name == _b("name"), _views.c.newest == 1))
_VIEWS = Statement(
    sa.select(_views.c.body)
    .where(_views.c.newest == 1, _views.c.name > _b("after"))
    .order_by(_views.c.name)
    .limit(_b("most"))
)
_VERSIONS = Statement(
    sa.select(_views.c.body)
    .where(_views.c.name == _b("name"), _views.c.version < _b("before"))
    .order_by(_views.c.version.desc())
    .limit(_b("most"))
)
_EVERY_VIEW = Statement(sa.select(_views.c.body).order_by(_views.c.name, _views.c.version))
_AGE = Statement(sa.update(_views).where(_views.c.name == _b("name")).values(newest=0))
_ADD_VIEW = Statement(
    sa.insert(_views).values(name=_b("name"), version=_b("version"), entity=_b("entity"), newest=1, body=_b("body"))
)
_SET = Statement(sa.select(_sets.c.body).where(_sets.c.name == _b("name"), _sets.c.version == _b("version")))
_SET_NEWEST = Statement(
    sa.select(_sets.c.body).where(_sets.c.name == _b("name")).order_by(_sets.c.version.desc()).limit(1)
)
_SETS = Statement(
    sa.select(_sets.c.seq, _sets.c.body)
    .where(_sets.c.seq < _b("before"))
    .order_by(_sets.c.seq.desc())
    .limit(_b("most"))
)
_SETS_OF = Statement(
    sa.select(_sets.c.seq, _sets.c.body)
    .where(_sets.c.name == _b("name"), _sets.c.seq < _b("before"))
    .order_by(_sets.c.seq.desc())
    .limit(_b("most"))
)
_ADD_SET = Statement(sa.insert(_sets).values(name=_b("name"), version=_b("version"), hash=_b("hash"), body=_b("body")))
_STATES = Statement(
    sa.select(_states.c.body).where(_states.c.view_name == _b("name")).order_by(_states.c.version.desc())
)
_put_state = insert(_states).values(view_name=_b("name"), version=_b("version"), body=_b("body"))
_PUT_STATE = Statement(
    _put_state.on_conflict_do_update(
        index_elements=[_states.c.view_name, _states.c.version], set_={"body": _put_state.excluded.body}
    )
)

_encode = msgspec.json.encode
_entity = msgspec.json.Decoder(Entity).decode
_view = msgspec.json.Decoder(View).decode
_set = msgspec.json.Decoder(TrainingSet).decode
_state = msgspec.json.Decoder(Materialisation).decode


def entity(tx: Transaction, name: str) -> Entity | None:
    """An entity, if there is one of that name."""
    row = tx.one(_ENTITY, {"name": name})
    return None if row is None else _entity(row[0])


def entities(tx: Transaction, *, after: str, most: int) -> list[Entity]:
    """Entities by name, from after a name on."""
    return [_entity(row[0]) for row in tx.all(_ENTITIES, {"after": after, "most": most})]


def add_entity(tx: Transaction, added: Entity) -> None:
    """Keep a new entity."""
    tx.run(_ADD_ENTITY, {"name": added.name, "body": _encode(added)})


def view(tx: Transaction, name: str, version: int | None) -> View | None:
    """A view's version, the newest where none is named."""
    row = tx.one(_NEWEST, {"name": name}) if version is None else tx.one(_VIEW, {"name": name, "version": version})
    return None if row is None else _view(row[0])


def views(tx: Transaction, *, after: str, most: int) -> list[View]:
    """The newest version of each view, by name."""
    return [_view(row[0]) for row in tx.all(_VIEWS, {"after": after, "most": most})]


def view_versions(tx: Transaction, name: str, *, before: int, most: int) -> list[View]:
    """A view's versions, newest first."""
    return [_view(row[0]) for row in tx.all(_VERSIONS, {"name": name, "before": before, "most": most})]


def every_view(tx: Transaction) -> list[View]:
    """All versions of all views."""
    return [_view(row[0]) for row in tx.all(_EVERY_VIEW, {})]


def add_view(tx: Transaction, added: View) -> None:
    """Keep a view's next version; it is the newest from now on."""
    tx.run(_AGE, {"name": added.name})
    row = {"name": added.name, "version": added.version, "entity": added.spec.entity, "body": _encode(added)}
    tx.run(_ADD_VIEW, row)


def training_set(tx: Transaction, name: str, version: int | None) -> TrainingSet | None:
    """A training set's version, the newest where none is named."""
    row = tx.one(_SET_NEWEST, {"name": name}) if version is None else tx.one(_SET, {"name": name, "version": version})
    return None if row is None else _set(row[0])


def training_sets(tx: Transaction, *, name: str | None, before: int, most: int) -> list[tuple[int, TrainingSet]]:
    """Training sets with their place, newest first."""
    if name is None:
        rows = tx.all(_SETS, {"before": before, "most": most})
    else:
        rows = tx.all(_SETS_OF, {"name": name, "before": before, "most": most})
    return [(row[0], _set(row[1])) for row in rows]


def add_training_set(tx: Transaction, added: TrainingSet) -> None:
    """Keep a training set's version."""
    tx.run(_ADD_SET, {"name": added.name, "version": added.version, "hash": added.hash, "body": _encode(added)})


def materialisations(tx: Transaction, name: str) -> list[Materialisation]:
    """How far the online rows of a view's versions are, newest version first."""
    return [_state(row[0]) for row in tx.all(_STATES, {"name": name})]


def put_materialisation(tx: Transaction, of: View, state: Materialisation) -> None:
    """Note how far a view's online rows are."""
    tx.run(_PUT_STATE, {"name": of.name, "version": of.version, "body": _encode(state)})
