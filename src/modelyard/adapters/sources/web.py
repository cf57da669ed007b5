"""A file source on the web: one address, read again when its entity tag or date says that it changed.

Each name is looked up once, judged, and dialled as a number; redirects are followed a few steps, judged again, and the
secret goes to the first host alone and never in the clear.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from modelyard.adapters.sources.addresses import (
    Grounds,
    redacted,
    refuse_host,
    refuse_number,
    refuse_secret_options,
    refuse_secrets,
)
from modelyard.kernel.errors import Forbidden, InvalidInput, NotFound, StaleVersion, Unavailable
from modelyard.ports.secrets import Secret
from modelyard.ports.sources import FileEntry

_CHUNK = 1 << 20
_STEPS = 5
_TIMEOUT_S = 60.0
_HEADS_UNKNOWN = (400, 403, 405, 501)


def check(address: str, options: Mapping[str, str], grounds: Grounds) -> None:
    """Refuse what may not be dialled."""
    refuse_secrets(address)
    refuse_secret_options(options, known=("auth",))
    auth = options.get("auth", "bearer")
    if auth not in ("bearer", "basic") and not auth.startswith("header:"):
        raise InvalidInput("auth is bearer, basic (the user stands in the address) or header:NAME")
    refuse_host(urlsplit(address).hostname, grounds)


def opened(address: str, secret: Secret | None, options: Mapping[str, str], grounds: Grounds) -> WebSource:
    """The file behind an address."""
    return WebSource(address, secret, options.get("auth", "bearer"), grounds)


class WebSource:
    """One file on the web."""

    def __init__(self, address: str, secret: Secret | None, auth: str, grounds: Grounds) -> None:
        self._address = address
        self._secret = secret
        self._auth = auth
        self._grounds = grounds

    def entries(self) -> Iterator[FileEntry]:
        """The one file, with what the server says of it."""
        with self._asked("HEAD") as answer:
            if answer.status in _HEADS_UNKNOWN:
                yield FileEntry(name=self._name(), size_bytes=None, mark="")
                return
            self._refuse(answer)
            size = answer.getheader("content-length")
            yield FileEntry(
                name=self._name(), size_bytes=int(size) if size and size.isdigit() else None, mark=_mark(answer)
            )

    def read(self, entry: FileEntry) -> Iterator[bytes]:
        """The bytes, as they were when the server was asked for them."""
        with self._asked("GET") as answer:
            self._refuse(answer)
            if entry.mark and _mark(answer) != entry.mark:
                raise StaleVersion(f"{entry.name} changed since the server was asked; pull again")
            if answer.getheader("content-encoding", "identity") not in ("identity", ""):
                raise Unavailable(f"{entry.name} came packed although it was asked for as it is")
            length, got = answer.length, 0
            while chunk := self._chunk(answer):
                got += len(chunk)
                yield chunk
            if length is not None and got != length:
                raise Unavailable(f"{entry.name} broke off after {got:,} of {length:,} bytes; pull again")

    def close(self) -> None:
        """No connection is kept."""

    def _name(self) -> str:
        path = unquote(urlsplit(self._address).path).rstrip("/")
        return path.rpartition("/")[2] or str(urlsplit(self._address).hostname)

    def _chunk(self, answer: http.client.HTTPResponse) -> bytes:
        try:
            return answer.read(_CHUNK)
        except (OSError, http.client.HTTPException) as err:
            raise self._failed(err) from None

    @contextmanager
    def _asked(self, verb: str) -> Iterator[http.client.HTTPResponse]:
        """The answer, redirects followed."""
        url, first = self._address, urlsplit(self._address)
        for _ in range(_STEPS):
            target = urlsplit(url)
            same = (target.scheme, target.hostname, target.port) == (first.scheme, first.hostname, first.port)
            with (
                closing(self._connected(target)) as connection,
                closing(self._sent(connection, verb, target, with_secret=same)) as answer,
            ):
                where = answer.getheader("location")
                if answer.status not in (301, 302, 303, 307, 308) or not where:
                    yield answer
                    return
            url = urljoin(url, where)
            onward = urlsplit(url)
            if onward.scheme not in ("http", "https") or (target.scheme == "https" and onward.scheme != "https"):
                raise Forbidden(f"{target.hostname} sends on to an address that is not secured; it is not followed")
        raise Unavailable(f"{first.hostname} sends on more than {_STEPS} times")

    def _sent(
        self, connection: http.client.HTTPConnection, verb: str, target: SplitResult, *, with_secret: bool
    ) -> http.client.HTTPResponse:
        headers = {"User-Agent": "modelyard", "Accept-Encoding": "identity", "Connection": "close"}
        if with_secret and self._secret is not None:
            if target.scheme != "https" and not _is_here(connection):
                raise Forbidden(f"{target.hostname} is asked in the clear; a secret is sent over https only")
            name, value = self._credentials(target, self._secret)
            headers[name] = value
        try:
            connection.request(
                verb, (target.path or "/") + (f"?{target.query}" if target.query else ""), headers=headers
            )
            return connection.getresponse()
        except (OSError, http.client.HTTPException, ValueError) as err:
            raise self._failed(err) from None

    def _credentials(self, target: SplitResult, secret: Secret) -> tuple[str, str]:
        if self._auth.startswith("header:"):
            return self._auth.partition(":")[2], secret.reveal()
        if self._auth == "basic":
            pair = f"{unquote(target.username or '')}:{secret.reveal()}"
            return "Authorization", "Basic " + b64encode(pair.encode()).decode()
        return "Authorization", f"Bearer {secret.reveal()}"

    def _connected(self, target: SplitResult) -> http.client.HTTPConnection:
        host = refuse_host(target.hostname, self._grounds)
        port = target.port or (443 if target.scheme == "https" else 80)
        try:
            known = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as err:
            raise Unavailable(f"nobody knows the address of {host}") from err
        numbers = [str(each[4][0]) for each in known]
        for number in numbers:
            refuse_number(number.partition("%")[0])
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
        try:
            link = socket.create_connection((numbers[0], port), timeout=_TIMEOUT_S)
            if target.scheme == "https":
                link = ssl.create_default_context().wrap_socket(link, server_hostname=host)
        except OSError as err:
            raise self._failed(err) from None
        connection.sock = link
        return connection

    def _refuse(self, answer: http.client.HTTPResponse) -> None:
        host = urlsplit(self._address).hostname
        if answer.status in (404, 410):
            raise NotFound(f"{host} has no {self._name()}")
        if answer.status in (401, 403, 407):
            raise Forbidden(f"{host} refuses this source ({answer.status}); seal the right secret")
        if answer.status != 200:
            raise Unavailable(f"{host} answered {answer.status} for {self._name()}; try again later")

    def _failed(self, err: Exception) -> Unavailable:
        text = redacted(str(err) or type(err).__name__, self._secret)[:200]
        return Unavailable(f"{urlsplit(self._address).hostname} did not answer as it should: {text}")


def _is_here(connection: http.client.HTTPConnection) -> bool:
    sock: socket.socket = connection.sock
    return ipaddress.ip_address(sock.getpeername()[0].partition("%")[0]).is_loopback


def _mark(answer: http.client.HTTPResponse) -> str:
    tag = answer.getheader("etag")
    dated = answer.getheader("last-modified")
    return tag or (f"{dated}-{answer.getheader('content-length')}" if dated else "")
