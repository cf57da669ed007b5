"""MLflow's calls on registered models and their aliases."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Struct, UnsetType

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref, ref
from modelyard.ports.wires import WireResponse, WireRoute
from modelyard.protocols.mlflow import registry_shapes as shapes
from modelyard.protocols.mlflow import wire
from modelyard.protocols.mlflow.wire import (
    EMPTY,
    KeyValue,
    answer,
    body_decoder,
    either_decoder,
    query_decoder,
    required,
)
from modelyard.registry.api import AliasName, Model, ModelName, ModelStage, Registry, VersionNumber

READ, WRITE, PROMOTE = "registry:read", "registry:write", "registry:promote"
_MOST = 1000
_LATEST = "latest"
"""What MLflow's clients ask for as if it were an alias."""
_ALIAS_RULE = "letters, digits, underscores and dashes, and are neither `latest` nor the number of a version"


class Create(Struct, kw_only=True):
    """`CreateRegisteredModel`."""

    name: ModelName | None = None
    description: str | None = None
    tags: list[KeyValue] | None = None


class One(Struct, kw_only=True):
    """A call on one registered model."""

    name: ModelName | None = None
    new_name: ModelName | None = None
    description: str | None = None
    key: str | None = None
    value: str | None = None
    alias: str | None = None
    version: VersionNumber | None = None
    stages: list[str] | None = None


class Search(Struct, kw_only=True):
    """`SearchRegisteredModels`."""

    filter: str | None = None
    max_results: int | None = None
    order_by: list[str] | None = None
    page_token: str | None = None


class ModelAnswer(Struct, kw_only=True):
    """One registered model."""

    registered_model: shapes.ModelShape


class ModelsAnswer(Struct, kw_only=True):
    """A page of registered models."""

    registered_models: list[shapes.ModelShape]
    next_page_token: str | UnsetType = UNSET


class VersionAnswer(Struct, kw_only=True):
    """One version."""

    model_version: shapes.VersionShape


class VersionsAnswer(Struct, kw_only=True):
    """Versions, and where to go on."""

    model_versions: list[shapes.VersionShape]
    next_page_token: str | UnsetType = UNSET


def stage_of(given: str) -> ModelStage:
    """A stage, however its letters are cased.

    Raises:
        InvalidInput: there is no such stage.
    """
    for stage in ModelStage:
        if stage.lower() == given.lower():
            return stage
    raise InvalidInput(
        f"Invalid Model Version stage: {given[:40]}. Value must be one of {', '.join(s.value for s in ModelStage)}."
    )


class RegisteredModels:
    """Translates calls on registered models."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def routes(self) -> list[WireRoute]:
        """Their addresses."""
        body, either, query = body_decoder(One), either_decoder(One), query_decoder(One)
        at = "/registered-models"
        write = [
            ("rename_registered_model", "POST", "/rename", body, self.rename, WRITE),
            ("update_registered_model", "PATCH", "/update", body, self.update, WRITE),
            ("delete_registered_model", "DELETE", "/delete", either, self.delete, WRITE),
            ("set_registered_model_tag", "POST", "/set-tag", body, self.tag, WRITE),
            ("delete_registered_model_tag", "DELETE", "/delete-tag", either, self.untag, WRITE),
            ("set_registered_model_alias", "POST", "/alias", body, self.set_alias, PROMOTE),
            ("delete_registered_model_alias", "DELETE", "/alias", either, self.delete_alias, PROMOTE),
        ]
        read = [
            ("get_registered_model", "GET", "/get", query, self.get),
            ("get_latest_versions", "GET", "/get-latest-versions", query, self.latest),
            ("get_latest_versions", "POST", "/get-latest-versions", body, self.latest),
            ("get_model_version_by_alias", "GET", "/alias", query, self.aliased),
        ]
        return [
            *wire.route("create_registered_model", "POST " + at + "/create", body_decoder(Create), self.create,
                        effect=Effect.WRITE, scope=WRITE, about=lambda asked: _ref(asked.name)),
            *wire.route("search_registered_models", "GET " + at + "/search", query_decoder(Search), self.search,
                        effect=Effect.SCAN, scope=READ),
            *(r for name, verb, path, decode, handle, scope in write
              for r in wire.route(name, f"{verb} {at}{path}", decode, handle, effect=Effect.WRITE, scope=scope,
                                  about=_about)),
            *(r for name, verb, path, decode, handle in read
              for r in wire.route(name, f"{verb} {at}{path}", decode, handle, effect=Effect.READ, scope=READ,
                                  about=_about)),
        ]  # fmt: skip

    def create(self, asked: Create) -> WireResponse:
        """Make one."""
        name, tags = required(asked.name, "name"), wire.as_dict(asked.tags, "tags")
        return self._model(self._registry.create_model(name, asked.description or "", tags))

    def get(self, asked: One) -> WireResponse:
        """Show one."""
        return self._model(self._registry.model(_name(asked)))

    def search(self, asked: Search) -> WireResponse:
        """Find some."""
        limit = 100 if asked.max_results is None else asked.max_results
        if not 1 <= limit <= _MOST:
            raise InvalidInput(f"Invalid value for request parameter max_results. It must be at most {_MOST}.")
        page = self._registry.models(asked.filter or "", asked.order_by, limit, asked.page_token or None)
        found = [shapes.model(m, self._registry.latest_versions(m.name)) for m in page.items]
        return answer(ModelsAnswer(registered_models=found, next_page_token=page.next or UNSET))

    def rename(self, asked: One) -> WireResponse:
        """Call one otherwise."""
        return self._model(self._registry.rename_model(_name(asked), required(asked.new_name, "new_name")))

    def update(self, asked: One) -> WireResponse:
        """Describe one."""
        return self._model(self._registry.update_model(_name(asked), asked.description or ""))

    def delete(self, asked: One) -> WireResponse:
        """Set one aside."""
        self._registry.delete_model(_name(asked))
        return EMPTY

    def tag(self, asked: One) -> WireResponse:
        """Set a tag."""
        self._registry.tag_model(_name(asked), {required(asked.key, "key"): asked.value or ""})
        return EMPTY

    def untag(self, asked: One) -> WireResponse:
        """Remove a tag."""
        self._registry.untag_model(_name(asked), required(asked.key, "key"))
        return EMPTY

    def latest(self, asked: One) -> WireResponse:
        """The highest version of each stage."""
        stages = [stage_of(s) for s in asked.stages or ()]
        found = self._registry.latest_versions(_name(asked), stages or None)
        return answer(VersionsAnswer(model_versions=[shapes.version(v) for v in found]))

    def set_alias(self, asked: One) -> WireResponse:
        """Point an alias at a version."""
        alias, number = _new_alias(required(asked.alias, "alias")), required(asked.version, "version")
        self._registry.set_alias(_name(asked), alias, number)
        return EMPTY

    def delete_alias(self, asked: One) -> WireResponse:
        """Take an alias away."""
        self._registry.delete_alias(_name(asked), required(asked.alias, "alias"))
        return EMPTY

    def aliased(self, asked: One) -> WireResponse:
        """Show the version that an alias stands for."""
        name, alias = _name(asked), required(asked.alias, "alias")
        if alias.lower() == _LATEST:
            versions = self._registry.latest_versions(name)
            if not versions:
                raise NotFound(f"Latest version not found for model {name}.")
            found = max(versions, key=lambda v: v.version)
        elif alias not in self._registry.model(name).aliases:
            raise InvalidInput(f"Registered model alias {alias[:100]} not found.")
        else:
            found = self._registry.aliased(name, alias)
        return answer(VersionAnswer(model_version=shapes.version(found)))

    def _model(self, found: Model) -> WireResponse:
        latest = self._registry.latest_versions(found.name) if found.last_version else []
        return answer(ModelAnswer(registered_model=shapes.model(found, latest)))


def _new_alias(given: str) -> str:
    try:
        return msgspec.convert(given, AliasName)
    except msgspec.ValidationError as err:
        raise InvalidInput(f"Invalid alias name: {given[:100]!r}. Names have {_ALIAS_RULE}.") from err


def _name(asked: One) -> str:
    return required(asked.name, "name")


def _ref(name: str | None) -> Ref | None:
    return ref("model", name) if name else None


def _about(asked: One) -> Ref | None:
    return _ref(asked.name)
