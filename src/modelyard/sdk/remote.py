"""A yard behind an address: calls over HTTP, with keep-alive, retries that cannot repeat a change, and typed errors.

It asks nothing of any host but the one it was given.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec

from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import Internal, InvalidInput, Unavailable, YardError, by_code
from modelyard.kernel.ids import REQUEST
from modelyard.kernel.operations import Operation

_ATTEMPTS = 3
_TIMEOUT = httpx2.Timeout(60.0, connect=10.0)
_STREAMING = httpx2.Timeout(None, connect=10.0)


class HttpTransport:
    """Implements `sdk.Transport` over HTTP.

    Args:
        trust: PEM file of a further authority, or of the yard's own certificate; by default YARD_CA.
    """

    def __init__(self, address: str, token: str | None = None, trust: str | None = None) -> None:
        token = token or os.environ.get("YARD_TOKEN")
        trust = trust or os.environ.get("YARD_CA")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        headers["user-agent"] = "modelyard-sdk"
        self.address = address.rstrip("/")
        self._token = token
        self._trust = trust
        self._http = httpx2.Client(
            base_url=self.address,
            headers=headers,
            timeout=_TIMEOUT,
            trust_env=False,
            follow_redirects=False,
            verify=_trust(self.address, trust),
        )
        self._clock = SystemClock()

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which another program finds this yard, MLflow's client too."""
        found = {"YARD_ADDRESS": self.address, "MLFLOW_TRACKING_URI": self.address}
        token = {"YARD_TOKEN": self._token, "MLFLOW_TRACKING_TOKEN": self._token} if self._token else {}
        trust = {"YARD_CA": self._trust, "MLFLOW_TRACKING_SERVER_CERT_PATH": self._trust} if self._trust else {}
        return found | token | trust

    def call(self, op: Operation, arguments: dict[str, Any]) -> Any:
        """One call; a change carries an idempotency key, so a retry after a broken connection cannot repeat it."""
        path, query, body = _laid_out(op, arguments)
        headers: dict[str, str] = {}
        if op.changes and not op.confidential:
            headers["idempotency-key"] = REQUEST.new(self._clock)
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            headers["content-type"] = "application/json"
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                answer = self._http.request(op.verb, path, params=query, content=content, headers=headers)
                break
            except httpx2.TransportError as err:
                if attempt == _ATTEMPTS or isinstance(err, httpx2.ReadTimeout):
                    raise Unavailable(f"{self.address} does not answer: {err}; is it up? (yard status)") from err
        return _answer(op, answer.status_code, answer.content)

    def upload(self, op: Operation, arguments: dict[str, Any], content: Iterable[bytes]) -> Any:
        """Bytes there, an answer back; never retried, since the content may be spent."""
        path, query, _ = _laid_out(op, arguments)
        headers = {"content-type": "application/octet-stream"}
        try:
            answer = self._http.request(
                op.verb, path, params=query, content=iter(content), headers=headers, timeout=_STREAMING
            )
        except httpx2.TransportError as err:
            raise Unavailable(f"the upload to {self.address} broke off: {err}; nothing of it is visible there") from err
        return _answer(op, answer.status_code, answer.content)

    def download(self, op: Operation, arguments: dict[str, Any]) -> Iterator[bytes]:
        """Bytes back, in chunks."""
        yield from self._streamed(op, arguments)

    def live(self, op: Operation, arguments: dict[str, Any]) -> Iterator[Any]:
        """Records back, as they come."""
        decode = msgspec.json.Decoder(op.returns.__args__[0]).decode
        rest = b""
        for chunk in self._streamed(op, arguments):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (decode(line) for line in lines if line)

    def _streamed(self, op: Operation, arguments: dict[str, Any]) -> Iterator[bytes]:
        path, query, body = _laid_out(op, arguments)
        content = None if body is None else msgspec.json.encode(body)
        headers = {} if content is None else {"content-type": "application/json"}
        try:
            with self._http.stream(
                op.verb, path, params=query, content=content, headers=headers, timeout=_STREAMING
            ) as answer:
                if answer.status_code >= 400:
                    raise _error(answer.status_code, answer.read())
                yield from answer.iter_bytes()
        except httpx2.TransportError as err:
            raise Unavailable(f"the stream from {self.address} broke off: {err}; ask again") from err

    def renewed(self) -> HttpTransport:
        """The same yard over connections of its own: for a process that was forked."""
        return HttpTransport(self.address, self._token)

    def __reduce__(self) -> tuple[type[HttpTransport], tuple[str, str | None]]:
        """It travels to another process as its address and token."""
        return HttpTransport, (self.address, self._token)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def _trust(address: str, trust: str | None) -> ssl.SSLContext | bool:
    """Whom to believe; without TLS nobody, since to read the machine's authorities takes longer than a call."""
    if not address.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _trusting(trust) if trust else True


def _trusting(trust: str) -> ssl.SSLContext:
    """The machine's authorities and one more.

    Raises:
        InvalidInput: the file cannot be read as PEM.
    """
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(trust)
    except OSError as err:
        raise InvalidInput(f"{trust} is no PEM file of certificates: {err.strerror or err}; see YARD_CA") from err
    return context


Query = list[tuple[str, str | int | float | bool | None]]


def _laid_out(op: Operation, arguments: dict[str, Any]) -> tuple[str, Query, dict[str, Any] | None]:
    """Where each argument travels: path, query fields, body. Arguments that equal their default stay at home."""
    path, query, body = "/v1" + op.path, Query(), dict[str, Any]()
    for p in op.parameters:
        if p.place == "content":
            continue
        value = arguments[p.name]
        if p.place == "path":
            plain = str(msgspec.to_builtins(value))
            path = path.replace("{" + p.name + "*}", quote(plain, safe="/")).replace(
                "{" + p.name + "}", quote(plain, safe="")
            )
        elif not p.required and value == p.default:
            continue
        elif p.place == "body":
            body[p.name] = value
        elif p.composite:
            query.append((p.name, msgspec.json.encode(value).decode()))
        else:
            plain = msgspec.to_builtins(value)
            if plain is None:
                continue
            query += [(p.name, _text(v)) for v in (plain if p.many else [plain])]
    if "//" in path or path.endswith("/"):
        raise InvalidInput(f"{op.name}: a name in the path is empty")
    has_body = any(p.place == "body" for p in op.parameters)
    return path, query, body if has_body else None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _answer(op: Operation, status: int, content: bytes) -> Any:
    if status >= 400:
        raise _error(status, content)
    if status == 204:
        return None
    try:
        return msgspec.json.decode(content, type=op.returns)
    except msgspec.MsgspecError as err:
        raise Internal(f"{op.name} answered in a form that this version does not know: {err}") from err


class _Problem(msgspec.Struct):
    detail: str
    code: str = "internal"
    retry_after_s: float | None = None


def _error(status: int, content: bytes) -> YardError:
    try:
        problem = msgspec.json.decode(content, type=_Problem)
    except msgspec.MsgspecError:
        return Unavailable(f"the address answered {status} and no problem document; is it a yard?")
    return by_code(problem.code)(problem.detail, retry_after_s=problem.retry_after_s)
