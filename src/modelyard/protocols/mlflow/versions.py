"""MLflow's calls on model versions, their stages and their files."""

from __future__ import annotations

from urllib.parse import quote

from msgspec import UNSET, Struct

from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref, ref
from modelyard.ports.wires import WireResponse, WireRoute
from modelyard.protocols.mlflow import errors, wire
from modelyard.protocols.mlflow import registry_shapes as shapes
from modelyard.protocols.mlflow.registered import (
    PROMOTE,
    READ,
    WRITE,
    RegisteredModels,
    VersionAnswer,
    VersionsAnswer,
    stage_of,
)
from modelyard.protocols.mlflow.version_files import VersionFiles
from modelyard.protocols.mlflow.webhooks import Webhooks
from modelyard.protocols.mlflow.wire import (
    EMPTY,
    KeyValue,
    answer,
    body_decoder,
    either_decoder,
    query_decoder,
    required,
)
from modelyard.registry.api import ModelName, Registry, VersionNumber

_MOST = 200_000


class Create(Struct, kw_only=True):
    """`CreateModelVersion`."""

    name: ModelName | None = None
    source: str | None = None
    run_id: str | None = None
    model_id: str | None = None
    description: str | None = None
    run_link: str | None = None
    tags: list[KeyValue] | None = None


class One(Struct, kw_only=True):
    """A call on one version."""

    name: ModelName | None = None
    version: VersionNumber | None = None
    description: str | None = None
    key: str | None = None
    value: str | None = None
    stage: str | None = None
    archive_existing_versions: bool | None = None
    path: str | None = None


class Search(Struct, kw_only=True):
    """`SearchModelVersions`."""

    filter: str | None = None
    max_results: int | None = None
    order_by: list[str] | None = None
    page_token: str | None = None


class UriAnswer(Struct, kw_only=True):
    """Where a version's files are fetched from."""

    artifact_uri: str


class ModelVersions:
    """Translates calls on model versions."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def routes(self) -> list[WireRoute]:
        """Their addresses."""
        body, either, query = body_decoder(One), either_decoder(One), query_decoder(One)
        at = "/model-versions"
        calls = [
            ("update_model_version", "PATCH", "/update", body, self.update, Effect.WRITE, WRITE),
            ("delete_model_version", "DELETE", "/delete", either, self.delete, Effect.WRITE, WRITE),
            ("set_model_version_tag", "POST", "/set-tag", body, self.tag, Effect.WRITE, WRITE),
            ("delete_model_version_tag", "DELETE", "/delete-tag", either, self.untag, Effect.WRITE, WRITE),
            ("transition_stage", "POST", "/transition-stage", body, self.move, Effect.WRITE, PROMOTE),
            ("get_model_version", "GET", "/get", query, self.get, Effect.READ, READ),
            ("get_download_uri", "GET", "/get-download-uri", query, self.uri, Effect.READ, READ),
        ]
        return [
            *wire.route("create_model_version", "POST " + at + "/create", body_decoder(Create), self.create,
                        effect=Effect.WORK, scope=WRITE, about=lambda asked: _ref(asked.name, None)),
            *wire.route("search_model_versions", "GET " + at + "/search", query_decoder(Search), self.search,
                        effect=Effect.SCAN, scope=READ),
            *(r for name, verb, path, decode, handle, effect, scope in calls
              for r in wire.route(name, f"{verb} {at}{path}", decode, handle, effect=effect, scope=scope,
                                  about=_about)),
            WireRoute("mlflow.get_model_version_artifact", "GET", "/model-versions/get-artifact", READ, Effect.SCAN,
                      query, self.file, error=errors.answer, about=_about),
        ]  # fmt: skip

    def create(self, asked: Create) -> WireResponse:
        """Register the next version."""
        made = self._registry.register(
            required(asked.name, "name"), required(asked.source, "source"), asked.run_id or None,
            logged_model=asked.model_id or None, description=asked.description or "",
            tags=wire.as_dict(asked.tags, "tags"), run_link=asked.run_link or "",
        )  # fmt: skip
        return answer(VersionAnswer(model_version=shapes.version(made)))

    def get(self, asked: One) -> WireResponse:
        """Show one."""
        return answer(VersionAnswer(model_version=shapes.version(self._registry.version(*_which(asked)))))

    def search(self, asked: Search) -> WireResponse:
        """Find some."""
        limit = 10_000 if asked.max_results is None else asked.max_results
        if not 1 <= limit <= _MOST:
            raise InvalidInput(f"Invalid value for request parameter max_results. It must be at most {_MOST}.")
        page = self._registry.versions(None, asked.filter or "", asked.order_by, limit, asked.page_token or None)
        found = [shapes.version(v) for v in page.items]
        return answer(VersionsAnswer(model_versions=found, next_page_token=page.next or UNSET))

    def update(self, asked: One) -> WireResponse:
        """Describe one."""
        name, number = _which(asked)
        found = self._registry.update_version(name, number, asked.description or "")
        return answer(VersionAnswer(model_version=shapes.version(found)))

    def delete(self, asked: One) -> WireResponse:
        """Set one aside."""
        self._registry.delete_version(*_which(asked))
        return EMPTY

    def tag(self, asked: One) -> WireResponse:
        """Set a tag."""
        name, number = _which(asked)
        self._registry.tag_version(name, number, {required(asked.key, "key"): asked.value or ""})
        return EMPTY

    def untag(self, asked: One) -> WireResponse:
        """Remove a tag."""
        name, number = _which(asked)
        self._registry.untag_version(name, number, required(asked.key, "key"))
        return EMPTY

    def move(self, asked: One) -> WireResponse:
        """Move one to another stage."""
        name, number = _which(asked)
        stage = stage_of(required(asked.stage, "stage"))
        found = self._registry.set_stage(name, number, stage, archive_existing=bool(asked.archive_existing_versions))
        return answer(VersionAnswer(model_version=shapes.version(found)))

    def uri(self, asked: One) -> WireResponse:
        """Say where one's files are fetched from."""
        return answer(UriAnswer(artifact_uri=self._registry.download_uri(*_which(asked))))

    def file(self, asked: One) -> WireResponse:
        """Give a file of one."""
        name, number = _which(asked)
        path = required(asked.path, "path")
        last = quote(path.rpartition("/")[2], safe="")
        return WireResponse(
            body=self._registry.download(name, number, path),
            media="application/octet-stream",
            headers={"content-disposition": f"attachment; filename*=UTF-8''{last}"},
        )


def registry_routes(registry: Registry) -> tuple[WireRoute, ...]:
    """Every address of the wire that the registry answers."""
    return (
        *RegisteredModels(registry).routes(), *ModelVersions(registry).routes(), *VersionFiles(registry).routes(),
        *Webhooks(registry).routes(),
    )  # fmt: skip


def _which(asked: One) -> tuple[str, int]:
    return required(asked.name, "name"), required(asked.version, "version")


def _ref(name: str | None, version: int | None) -> Ref | None:
    return ref("model", name, version) if name else None


def _about(asked: One) -> Ref | None:
    return _ref(asked.name, asked.version)
