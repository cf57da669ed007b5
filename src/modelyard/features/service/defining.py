"""Defining views: a definition is checked against its source as it stands, typed, and kept as a version."""

from __future__ import annotations

from collections import Counter

import msgspec

from modelyard.features.api import Feature, FeatureType, View, ViewDefined, ViewSpec
from modelyard.features.model.columns import digest_of, feature_type, is_time
from modelyard.features.model.semantics import quoted
from modelyard.features.service import reading
from modelyard.features.service.desk import Desk, entity_named
from modelyard.features.store import definitions
from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.refs import ref
from modelyard.ports import calls


def define(desk: Desk, name: str, spec: ViewSpec) -> View:
    """Keep a view's definition; see `Features.define_view`."""
    if "__" in name:
        raise InvalidInput(f"a view's name holds no double underscore, which parts view and feature: {name!r}")
    entity = entity_named(spec.entity)
    source = desk.files.files(spec.source)
    columns = reading.columns_of(source)
    _check(spec)
    used = {key.name: spec.key_columns.get(key.name, key.name) for key in entity.keys}
    if strange := sorted(spec.key_columns.keys() - used.keys()):
        raise InvalidInput(f"entity {spec.entity} has no key {strange[0]!r}; it has {', '.join(used)}")
    for key, column in used.items():
        reading.need_column(columns, column, spec.source, f"key {key}")
    for column in (spec.event_time, *([spec.created] if spec.created else [])):
        kind = reading.need_column(columns, column, spec.source, "a time")
        if not is_time(kind):
            raise InvalidInput(f"column {column!r} of {spec.source} is a {kind} and cannot say when")
    texts = [feature.expression or quoted(feature.name) for feature in spec.features]
    read = [*used.values(), spec.event_time, *([spec.created] if spec.created else [])]
    read += reading.checked(desk, texts, columns)
    types = _types(desk, spec.features, texts, columns)
    kept = {column: columns[column] for column in dict.fromkeys(read)}
    digest = digest_of([spec, entity.keys, types, kept])
    call = calls.current()
    draft = View(
        name=name, version=0, ref=ref("view", name, 0), spec=spec, keys=entity.keys, types=types, columns=kept,
        hash=digest, created_ms=call.now_ms, author=call.actor.id,
    )  # fmt: skip
    return call.unit(lambda: _keep(draft))


def _keep(draft: View) -> View:
    call = calls.current()
    newest = definitions.view(call.tx, draft.name, None)
    if newest is not None and newest.hash == draft.hash:
        return newest
    version = 1 if newest is None else newest.version + 1
    view = msgspec.structs.replace(draft, version=version, ref=ref("view", draft.name, version))
    definitions.add_view(call.tx, view)
    spec = view.spec
    news = ViewDefined(
        view=view.name, version=version, entity=spec.entity, source=spec.source,
        features=tuple(feature.name for feature in spec.features),
    )  # fmt: skip
    call.emit(news, reads=(ref("table", spec.source), ref("entity", spec.entity)), writes=(view.ref,))
    return view


def _check(spec: ViewSpec) -> None:
    """Refuse a definition that contradicts itself."""
    names = Counter(feature.name.lower() for feature in spec.features)
    if twice := [name for name, times in names.items() if times > 1]:
        raise InvalidInput(f"feature {twice[0]} is defined twice; letter case does not tell features apart")
    if "status" in names:
        raise InvalidInput(
            "a feature cannot be called status; training sets keep the view's own status under that name"
        )
    for feature in spec.features:
        if (feature.aggregate is None) != (feature.window_s is None):
            raise InvalidInput(f"feature {feature.name}: an aggregate and window_s go together; give both or neither")
        if feature.window_s is not None and spec.ttl_s is not None and feature.window_s > spec.ttl_s:
            raise InvalidInput(
                f"feature {feature.name}: its window of {feature.window_s:g} s is longer than the view's ttl_s of "
                f"{spec.ttl_s:g} s, after which all is unknown; lengthen ttl_s"
            )


def _types(
    desk: Desk, features: tuple[Feature, ...], texts: list[str], columns: dict[str, str]
) -> tuple[FeatureType, ...]:
    kinds = reading.typed(desk, texts, columns)
    return tuple(feature_type(feature, kind) for feature, kind in zip(features, kinds, strict=True))
