"""All of the wire's addresses, and what answers where MLflow has an address that is not spoken here."""

from __future__ import annotations

from msgspec import Struct

from modelyard.kernel.errors import NoRoute, YardError
from modelyard.kernel.operations import Effect
from modelyard.ports.wires import WireRequest, WireResponse, WireRoute
from modelyard.protocols.mlflow import errors, wire
from modelyard.protocols.mlflow.artifacts import Artifacts
from modelyard.protocols.mlflow.assessments import Assessments
from modelyard.protocols.mlflow.direct import Direct
from modelyard.protocols.mlflow.experiments import Experiments
from modelyard.protocols.mlflow.metrics import Metrics
from modelyard.protocols.mlflow.models import Models
from modelyard.protocols.mlflow.runs import Runs
from modelyard.protocols.mlflow.traces import Traces
from modelyard.protocols.mlflow.version_files import VersionFiles
from modelyard.tracking.api import Log, Tracking

WIRE_VERSION = "3.6.0"
"""What `/version` says: clients send spans to servers from 3.4 on."""
_VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class ServerInfo(Struct, kw_only=True):
    """What a client learns of the server before it logs a model."""

    store_type: str = "SqlStore"
    workspaces_enabled: bool = False
    trace_archival_enabled: bool = False
    multipart_uploads_enabled: bool = False
    multipart_downloads_enabled: bool = False
    presigned_upload_run_id_supported: bool = False
    presigned_upload_model_id_supported: bool = False


def routes(tracking: Tracking, log: Log, versions: VersionFiles | None = None) -> tuple[WireRoute, ...]:
    """Every address of the wire that tracking answers; lists of artifacts those of `versions` too."""

    def server_info(_: None) -> WireResponse:
        direct = tracking.direct_access().is_open
        return wire.answer(ServerInfo(multipart_uploads_enabled=direct, multipart_downloads_enabled=direct))

    return (
        *Experiments(tracking).routes(),
        *Runs(tracking, log).routes(),
        *Metrics(tracking).routes(),
        *Models(tracking).routes(),
        *Artifacts(tracking, versions).routes(),
        *Direct(tracking).routes(),
        *Traces(tracking).routes(),
        *Assessments(tracking).routes(),
        *wire.route("server_info", "GET /server-info", _nothing, server_info, effect=Effect.SCAN),
        _text("mlflow.health", "/health", b"OK", scope=None),
        _text("mlflow.version", "/version", WIRE_VERSION.encode(), scope=wire.READ),
        *_unknown(),
    )


def _nothing(_: WireRequest) -> None:
    return None


def _text(name: str, path: str, text: bytes, *, scope: str | None) -> WireRoute:
    def handle(_: None) -> WireResponse:
        return WireResponse(body=text, media="text/plain; charset=utf-8")

    return WireRoute(
        name=name, verb="GET", path=path, scope=scope, effect=Effect.READ, decode=_nothing, handle=handle,
        error=_error, audited=False,
    )  # fmt: skip


def _error(error: YardError) -> WireResponse:
    return errors.answer(error)


def _refuse(request: WireRequest) -> None:
    raise NoRoute(f"{request.verb} {request.path[:200]} is not an MLflow call that this yard answers")


def _never(_: None) -> WireResponse:
    return wire.EMPTY


def _unknown() -> list[WireRoute]:
    """Whatever else is asked under MLflow's prefixes, refused in MLflow's form."""
    return [
        WireRoute(
            name="mlflow.unknown", verb=verb, path=prefix + "/{rest*}", scope=wire.READ, effect=Effect.READ,
            decode=_refuse, handle=_never, error=_error, audited=False,
        )
        for prefix in (*wire.PREFIXES, *wire.ARTIFACT_PREFIXES)
        for verb in _VERBS
    ]  # fmt: skip
