"""MLflow's calls for files past the server: uploads in parts and presigned addresses, where a yard's bucket gives them.

A client names the folder in the path and its own local file in the body, of which the last name counts. A yard that
gives no links says so in the words by which clients know that they are to send and fetch files through it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
from msgspec import Struct

from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref
from modelyard.ports.wires import WireRequest, WireResponse, WireRoute
from modelyard.protocols.mlflow import errors, shapes, wire
from modelyard.protocols.mlflow.artifacts import Place, about_place, decode_place, place_of
from modelyard.protocols.mlflow.wire import EMPTY, answer, body_decoder, required
from modelyard.tracking.api import SentPart, Tracking
from modelyard.tracking.api.limits import safe_path
from modelyard.tracking.api.uploads import MAX_PARTS

_BY_SLASHES = re.compile(r"[/\\]")
_WORDS = "{} is not supported for the current artifact repository"


class _Sent(Struct, kw_only=True):
    part_number: int = 0
    etag: str | None = None


class _Asked(Struct, kw_only=True):
    """The bodies of the three calls."""

    path: str | None = None
    num_parts: int = 0
    upload_id: str | None = None
    parts: list[_Sent] = []


class _Parted(Struct, kw_only=True):
    """A call about an upload: the file that it is to become, and the rest of the body."""

    place: Place
    asked: _Asked


class _Credential(Struct, kw_only=True):
    url: str
    part_number: int
    headers: dict[str, str]


class _Begun(Struct, kw_only=True):
    upload_id: str
    credentials: list[_Credential]


_body = body_decoder(_Asked)


class Direct:
    """Translates the calls."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking

    def routes(self) -> list[WireRoute]:
        """Their addresses."""
        found: list[WireRoute] = []
        calls: tuple[tuple[str, Callable[[_Parted], WireResponse]], ...] = (
            ("create", self.begin), ("complete", self.complete), ("abort", self.abandon),
        )  # fmt: skip
        for prefix in wire.ARTIFACT_PREFIXES:
            found += [
                WireRoute(
                    f"mlflow.{what}_parts", "POST", f"{prefix}/mpu/{what}/{{path*}}", wire.WRITE, Effect.WORK,
                    _decode_parted, handle, error=errors.answer, about=_about,
                )
                for what, handle in calls
            ]  # fmt: skip
            found.append(
                WireRoute(
                    "mlflow.presign_download", "GET", f"{prefix}/presigned/{{path*}}", wire.READ, Effect.WORK,
                    decode_place, self.presign, error=errors.answer, about=about_place,
                )
            )  # fmt: skip
        return found

    def begin(self, parted: _Parted) -> WireResponse:
        """Give the links of an upload's parts."""
        if not self._tracking.direct_access().is_open:
            return unsupported("Multipart upload")
        if not 1 <= parted.asked.num_parts <= MAX_PARTS:
            raise InvalidInput(f"'num_parts' is 1 to {MAX_PARTS}; got {parted.asked.num_parts}")
        place = parted.place
        begun = self._tracking.begin_upload(place.owner, place.path, parts=parted.asked.num_parts)
        credentials = [_Credential(url=p.url, part_number=p.number, headers=p.headers) for p in begun.parts]
        return answer(_Begun(upload_id=begun.id, credentials=credentials))

    def complete(self, parted: _Parted) -> WireResponse:
        """Make the file."""
        if not self._tracking.direct_access().is_open:
            return unsupported("Multipart upload")
        place, upload = parted.place, required(parted.asked.upload_id, "upload_id")
        parts = [SentPart(number=p.part_number, tag=p.etag or "") for p in parted.asked.parts]
        self._tracking.complete_upload(place.owner, place.path, upload=upload, parts=parts)
        return EMPTY

    def abandon(self, parted: _Parted) -> WireResponse:
        """Give the upload up."""
        if not self._tracking.direct_access().is_open:
            return unsupported("Multipart upload")
        upload = required(parted.asked.upload_id, "upload_id")
        self._tracking.abandon_upload(parted.place.owner, parted.place.path, upload=upload)
        return EMPTY

    def presign(self, place: Place) -> WireResponse:
        """Give a link to a file."""
        if not self._tracking.direct_access().is_open:
            return unsupported("Presigned download")
        link = self._tracking.artifact_link(place.owner, place.path)
        if link.url is None:
            return answer(shapes.Presigned(url="", headers={}))
        return answer(shapes.Presigned(url=link.url, headers=link.headers, file_size=link.size_bytes))


def unsupported(what: str) -> WireResponse:
    """What makes clients use the way through the server."""
    return WireResponse(501, msgspec.json.encode({"error_code": "NOT_IMPLEMENTED", "message": _WORDS.format(what)}))


def _decode_parted(request: WireRequest) -> _Parted:
    place = place_of(request.path_params["path"], folder=True)
    asked = _body(request)
    name = _BY_SLASHES.split(required(asked.path, "path"))[-1]
    place.path = safe_path(f"{place.path}/{name}" if place.path else name)
    return _Parted(place=place, asked=asked)


def _about(parted: _Parted) -> Ref | None:
    return about_place(parted.place)
