"""Files of registered versions at `mlflow-artifacts:` addresses, which clients list and fetch as they do a run's.

Only reading: a version never changes. The registry holds the files, so they outlive the run that they came from. They
are always fetched through the yard, which checks each against the digest that was pinned.
"""

from __future__ import annotations

from urllib.parse import quote

from modelyard.kernel.errors import NotFound
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref, ref
from modelyard.ports.wires import WireRequest, WireResponse, WireRoute
from modelyard.protocols.mlflow import errors, shapes, wire
from modelyard.registry.api import Registry
from modelyard.registry.api.addresses import FOLDER, VersionPlace, version_at

READ = "registry:read"
_MOST_FILES = 10_000


class VersionFiles:
    """Translates artifact calls on versions."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def routes(self) -> list[WireRoute]:
        """Where files are fetched; lists share their address with those of runs."""
        found = []
        for prefix in wire.ARTIFACT_PREFIXES:
            found += [
                WireRoute(
                    "mlflow.download_version_file", "GET", f"{prefix}/artifacts/{FOLDER}/{{path*}}", READ, Effect.SCAN,
                    _decode, self.download, error=errors.answer, about=about,
                ),
                WireRoute(
                    "mlflow.presign_version_file", "GET", f"{prefix}/presigned/{FOLDER}/{{path*}}", READ, Effect.READ,
                    _decode, _through_the_yard, error=errors.answer, about=about, audited=False,
                ),
            ]  # fmt: skip
        return found

    def download(self, place: VersionPlace) -> WireResponse:
        """Give a file."""
        last = quote(place.path.rpartition("/")[2], safe="")
        return WireResponse(
            body=self._registry.download(place.name, place.version, place.path),
            media="application/octet-stream",
            headers={"content-disposition": f"attachment; filename*=UTF-8''{last}"},
        )

    def listed(self, place: VersionPlace) -> list[shapes.FileShape]:
        """The files and folders right below a folder; what does not exist is empty."""
        head = f"{place.path}/" if place.path else ""
        found: dict[str, shapes.FileShape] = {}
        cursor: str | None = None
        while len(found) < _MOST_FILES:
            try:
                page = self._registry.files(place.name, place.version, limit=1000, cursor=cursor)
            except NotFound:
                return []
            for file in page.items:
                if not file.path.startswith(head):
                    continue
                name, _, below = file.path.removeprefix(head).partition("/")
                if below:
                    found.setdefault(name, shapes.FileShape(path=name, is_dir=True))
                else:
                    found[name] = shapes.FileShape(path=name, is_dir=False, file_size=file.size_bytes)
            if (cursor := page.next) is None:
                break
        return list(found.values())


def about(place: VersionPlace) -> Ref:
    """The version that is asked for."""
    return ref("model", place.name, place.version)


def _through_the_yard(_: VersionPlace) -> WireResponse:
    return wire.answer(shapes.Presigned(url="", headers={}))


def _decode(request: WireRequest) -> VersionPlace:
    place = version_at(f"{FOLDER}/{request.path_params['path']}")
    if place is None or not place.path:
        raise NotFound(f"{request.path[:200]} names no file of a registered version")
    return place
