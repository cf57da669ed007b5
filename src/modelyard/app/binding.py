"""Where a yard may listen, and what its address is called."""

from __future__ import annotations

from pathlib import Path

from modelyard.kernel.errors import InvalidInput
from modelyard.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")


def address_of(settings: Settings, port: int) -> str:
    """The address to give to people."""
    scheme = "https" if settings.tls_cert else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{port}"


def trust_of(settings: Settings) -> dict[str, str]:
    """What has programs of this machine trust the yard's own certificate: the SDK, and MLflow's client."""
    if not settings.tls_cert:
        return {}
    certificate = str(Path(settings.tls_cert).expanduser().absolute())
    return {"YARD_CA": certificate, "MLFLOW_TRACKING_SERVER_CERT_PATH": certificate}


def refuse_open_bind(settings: Settings) -> None:
    """Refuse to listen beyond this machine without TLS.

    Raises:
        InvalidInput: the host is not loopback, there is no certificate, and nobody said --insecure; or a certificate
            without its key, or a file that is not there.
    """
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise InvalidInput("--tls-cert and --tls-key go together: the certificate chain and its private key, as PEM")
    for file in filter(None, (settings.tls_cert, settings.tls_key)):
        if not Path(file).is_file():
            raise InvalidInput(f"{file} is no file; --tls-cert and --tls-key name PEM files")
    if settings.host in LOOPBACK or settings.insecure or (settings.tls_cert and settings.tls_key):
        return
    raise InvalidInput(
        f"{settings.host} can be reached from other machines and tokens would travel in the clear; "
        "give --tls-cert and --tls-key, or --insecure if a proxy in front adds TLS"
    )
