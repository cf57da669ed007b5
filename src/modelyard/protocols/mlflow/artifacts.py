"""MLflow's artifact calls: files of runs and logged models, proxied through this yard, streamed both ways.

A client is told `mlflow-artifacts:/<experiment>/<run>/artifacts` and asks for `<experiment>/<run>/artifacts/<path>`;
the owner is the part before `artifacts`, so an experiment's own location may put any folders before it. Whatever the
client names is a path below a run or model that exists, never a place on a disk.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable
from urllib.parse import quote

from msgspec import UNSET, Struct, UnsetType

from modelyard.kernel.errors import NotFound
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref, ref
from modelyard.ports.wires import WireRequest, WireResponse, WireRoute
from modelyard.protocols.mlflow import errors, shapes, version_files, wire
from modelyard.protocols.mlflow.version_files import VersionFiles
from modelyard.protocols.mlflow.wire import EMPTY, answer, fields_of, query_decoder, required
from modelyard.registry.api.addresses import VersionPlace, version_at
from modelyard.tracking.api import Artifact, Tracking
from modelyard.tracking.api.limits import safe_path

_PLACE = re.compile(
    r"(?:[^/]+/)*?(?P<owner>[0-9a-f]{32}|models/m-[0-9a-f]{32}|traces/[A-Za-z0-9][A-Za-z0-9_\-]{0,63})/artifacts(?:/(?P<path>.*))?",
    re.DOTALL,
)
_RUN = re.compile(r"[0-9a-f]{32}")
_MOST_FILES = 10_000


class Place(Struct, kw_only=True):
    """Where a file lies; an empty path is the owner's root."""

    owner: str
    path: str
    content: Iterable[bytes] | None = None


class Listing(Struct, kw_only=True):
    """`ListArtifacts` and its sisters."""

    run_id: str | None = None
    run_uuid: str | None = None
    path: str | None = None
    page_token: str | None = None
    artifact_directory_path: str | None = None
    artifact_file_path: str | None = None
    model: str = ""


class FilesAnswer(Struct, kw_only=True):
    """Files and folders."""

    files: list[shapes.FileShape]
    root_uri: str | UnsetType = UNSET
    next_page_token: str | UnsetType = UNSET


def place_of(text: str, *, folder: bool = False) -> Place:
    """Where a proxied path points to.

    Raises:
        InvalidInput: the path is not safe.
        NotFound: it lies below no run and no logged model.
    """
    whole = safe_path(text, folder=folder)
    found = _PLACE.fullmatch(whole)
    if found is None or (not found["path"] and not folder):
        raise NotFound(f"{text[:200]!r} lies below no run and no logged model of this yard")
    return Place(owner=found["owner"].rpartition("/")[2], path=found["path"] or "")


def decode_place(request: WireRequest) -> Place:
    """A call that names a file in its path."""
    place = place_of(request.path_params["path"])
    place.content = request.content
    return place


def decode_model_listing(request: WireRequest) -> Listing:
    """A call that names its logged model in the path and a folder or file in the query."""
    listing = _listing(request)
    listing.model = request.path_params["model"]
    return listing


_listing = query_decoder(Listing)


class Artifacts:
    """Translates artifact calls."""

    def __init__(self, tracking: Tracking, versions: VersionFiles | None = None) -> None:
        self._tracking = tracking
        self._versions = versions

    def routes(self) -> list[WireRoute]:
        """Their addresses."""
        found = [
            *wire.route("list_artifacts", "GET /artifacts/list", _listing, self.list_run, effect=Effect.SCAN,
                        about=lambda asked: wire.run_ref(asked.run_id or asked.run_uuid)),
            *wire.route("list_logged_model_artifacts", "GET /logged-models/{model}/artifacts/directories",
                        decode_model_listing, self.list_model, effect=Effect.SCAN, about=_about_model),
            *wire.route("get_logged_model_artifact", "GET /logged-models/{model}/artifacts/files",
                        decode_model_listing, self.get_model, effect=Effect.SCAN, about=_about_model),
        ]  # fmt: skip
        for prefix in wire.ARTIFACT_PREFIXES:
            at = prefix + "/artifacts"
            found += [
                WireRoute(
                    "mlflow.list_proxied_artifacts", "GET", at, wire.READ, Effect.SCAN, _decode_folder,
                    self.list_proxied, error=errors.answer, about=about_place, scope_of=_scope,
                ),
                WireRoute(
                    "mlflow.download_artifact", "GET", at + "/{path*}", wire.READ, Effect.SCAN, decode_place,
                    self.download, error=errors.answer, about=about_place,
                ),
                WireRoute(
                    "mlflow.upload_artifact", "PUT", at + "/{path*}", wire.WRITE, Effect.WORK, decode_place,
                    self.upload, error=errors.answer, about=about_place, streams=True,
                ),
                WireRoute(
                    "mlflow.delete_artifact", "DELETE", at + "/{path*}", wire.WRITE, Effect.WRITE, decode_place,
                    self.delete, error=errors.answer, about=about_place,
                ),
            ]  # fmt: skip
        found.append(
            WireRoute(
                "mlflow.get_artifact", "GET", "/get-artifact", wire.READ, Effect.SCAN, _listing, self.get_run,
                error=errors.answer, about=lambda asked: wire.run_ref(asked.run_id or asked.run_uuid),
            )
        )  # fmt: skip
        return found

    def upload(self, place: Place) -> WireResponse:
        """Store a file."""
        self._tracking.upload(place.owner, place.path, place.content or ())
        return EMPTY

    def download(self, place: Place) -> WireResponse:
        """Give a file."""
        found = self._tracking.artifact(place.owner, place.path)
        return WireResponse(
            body=self._tracking.download(place.owner, place.path),
            media=_media(place.path),
            headers=_headers(found),
        )

    def delete(self, place: Place) -> WireResponse:
        """Remove a file or a folder."""
        self._tracking.delete_artifacts(place.owner, place.path)
        return EMPTY

    def list_proxied(self, place: Place | VersionPlace | None) -> WireResponse:
        """List a folder by its proxied path; what does not exist is empty."""
        if place is None:
            return answer(FilesAnswer(files=[]))
        if isinstance(place, VersionPlace):
            return answer(FilesAnswer(files=[] if self._versions is None else self._versions.listed(place)))
        try:
            found = self._files(place.owner, place.path)
        except NotFound:
            found = []
        return answer(FilesAnswer(files=[shapes.file(a, place.path) for a in found]))

    def list_run(self, asked: Listing) -> WireResponse:
        """List a folder of a run."""
        run = self._tracking.run_record(required(asked.run_id or asked.run_uuid, "run_id"))
        files = [shapes.file(a) for a in self._files(run.id, asked.path or "")]
        return answer(FilesAnswer(files=files, root_uri=run.artifact_uri))

    def list_model(self, asked: Listing) -> WireResponse:
        """List a folder of a logged model."""
        model = self._tracking.logged_model(asked.model)
        files = [shapes.file(a) for a in self._files(model.id, asked.artifact_directory_path or "")]
        return answer(FilesAnswer(files=files, root_uri=model.artifact_uri))

    def get_run(self, asked: Listing) -> WireResponse:
        """Give a file of a run."""
        run = required(asked.run_id or asked.run_uuid, "run_id")
        return self.download(Place(owner=run, path=required(asked.path, "path")))

    def get_model(self, asked: Listing) -> WireResponse:
        """Give a file of a logged model."""
        path = required(asked.artifact_file_path, "artifact_file_path")
        return self.download(Place(owner=asked.model, path=path))

    def _files(self, owner: str, folder: str) -> list[Artifact]:
        found: list[Artifact] = []
        cursor: str | None = None
        while len(found) < _MOST_FILES:
            page = self._tracking.artifacts(owner, folder, limit=1000, cursor=cursor)
            found += page.items
            if (cursor := page.next) is None:
                break
        return found


def _decode_folder(request: WireRequest) -> Place | VersionPlace | None:
    path = next((v for k, v in fields_of(request) if k == "path"), "")
    if (version := version_at(path.rstrip("/"))) is not None:
        return version
    try:
        return place_of(path, folder=True) if path else None
    except NotFound:
        return None


def _scope(place: Place | VersionPlace | None) -> str:
    return version_files.READ if isinstance(place, VersionPlace) else wire.READ


def about_place(place: Place | VersionPlace | None) -> Ref | None:
    """The owner of what lies there."""
    if place is None:
        return None
    if isinstance(place, VersionPlace):
        return version_files.about(place)
    if place.owner.startswith("m-"):
        return wire.model_ref(place.owner)
    return wire.run_ref(place.owner) if _RUN.fullmatch(place.owner) else ref("trace", place.owner)


def _about_model(asked: Listing) -> Ref | None:
    return wire.model_ref(asked.model)


def _media(path: str) -> str:
    """A type that no browser runs: text, images, or bytes."""
    kind, packed = mimetypes.guess_type(path)
    if packed or kind is None or kind in ("text/html", "image/svg+xml", "application/xhtml+xml"):
        return "application/octet-stream"
    if kind.startswith("text/") or kind in ("application/json", "image/png", "image/jpeg", "image/gif", "image/webp"):
        return kind
    return "application/octet-stream"


def _headers(found: Artifact) -> dict[str, str]:
    name = quote(found.path.rpartition("/")[2], safe="")
    return {
        "content-length": str(found.size_bytes or 0),
        "content-disposition": f"attachment; filename*=UTF-8''{name}",
        "etag": f'"{found.digest}"',
    }
