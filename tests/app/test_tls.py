"""A yard under a certificate of its own: everything that speaks to it does so encrypted, its own commands included."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from modelyard.app.binding import refuse_open_bind
from modelyard.app.reach import reach
from modelyard.app.upkeep import environment_of, sign_in_link
from modelyard.kernel.errors import InvalidInput, Unavailable
from modelyard.sdk.hub import Yard
from modelyard.sdk.remote import HttpTransport
from modelyard.settings import Settings
from tests.journeys.killing import kill_everything, start
from tests.serving.hot.planes import running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "yard")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(secret)
    return folder / "cert.pem", folder / "key.pem"


def test_a_yard_and_its_commands_speak_tls(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    home, (cert, key) = tmp_path / "home", certificate
    settings = Settings(home=str(home), tls_cert=str(cert), tls_key=str(key))
    process, answering, _ = start(home, "--tls-cert", str(cert), "--tls-key", str(key))
    try:
        assert answering.address.startswith("https://127.0.0.1:")
        with httpx2.Client(verify=ssl.create_default_context(cafile=str(cert)), trust_env=False) as http:
            assert http.get(answering.address + "/readyz").status_code == 200
        with httpx2.Client(trust_env=False) as plain, pytest.raises(httpx2.TransportError):
            plain.get(answering.address.replace("https:", "http:") + "/healthz")
        assert sign_in_link(settings).startswith("https://")
        assert environment_of(settings)["MLFLOW_TRACKING_SERVER_CERT_PATH"] == str(cert)
        with reach(settings) as yard:
            assert yard.governance.whoami().name == "owner"
        transport = HttpTransport(answering.address)
        with Yard(transport, close=transport.close) as yard, pytest.raises(Unavailable):
            yard.governance.whoami()  # who trusts nobody new does not trust this one
    finally:
        kill_everything(process, home)


def test_a_model_server_speaks_tls(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    with running(tmp_path, options=("--tls-cert", str(cert), "--tls-key", str(key))) as plane:
        context = ssl.create_default_context(cafile=str(cert))
        with httpx2.Client(verify=context, trust_env=False, base_url=f"https://127.0.0.1:{plane.port}") as http:
            assert http.get("/v2/health/live").status_code == 200
            assert http.get("/v2/models/nobody", headers={"connection": "close"}).status_code in (401, 404)
        with httpx2.Client(trust_env=False) as plain, pytest.raises(httpx2.TransportError):
            plain.get(f"http://127.0.0.1:{plane.port}/v2/health/live")


def test_half_a_certificate_is_refused(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="go together"):
        refuse_open_bind(Settings(tls_cert=str(certificate[0])))
    with pytest.raises(InvalidInput, match="is no file"):
        refuse_open_bind(Settings(tls_cert=str(certificate[0]), tls_key=str(tmp_path / "nothing.pem")))
    refuse_open_bind(Settings(host="0.0.0.0", tls_cert=str(certificate[0]), tls_key=str(certificate[1])))
