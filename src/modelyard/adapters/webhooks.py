"""Posting over HTTP/1.1 to an address that was looked up once, judged, and then connected to as a number.

Between judging and connecting no name is resolved again, so an answer of the name service that changes meanwhile
(rebinding) reaches nothing. Redirects, proxies and cookies are not followed, used or kept.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Collection, Mapping
from urllib.parse import SplitResult, urlsplit

from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Forbidden, InvalidInput, Unavailable
from modelyard.ports.webhooks import Answer

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_SHOWN = 500
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class HttpWebhooks:
    """Posts from this process; a connection for each message."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, allow_loopback: bool, timeout_s: float = 5.0,
        private: Collection[str] = (),
    ) -> Answer:  # fmt: skip
        """Post once."""
        target = urlsplit(url)
        ends = self._clock.monotonic() + timeout_s
        chosen, port = _resolve(target, allow_loopback=allow_loopback, private=private)
        if target.scheme != "https" and not chosen.is_loopback:
            raise Forbidden(f"{target.hostname} is another machine; messages go there over https only")
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        try:
            with _connected(target, str(chosen), port, timeout_s) as link:
                connection = http.client.HTTPConnection(target.hostname or "", port, timeout=timeout_s)
                connection.sock = link
                connection.request("POST", path, body=body, headers={"User-Agent": "modelyard", **headers})
                link.settimeout(max(0.1, ends - self._clock.monotonic()))
                response = connection.getresponse()
                text = response.read(_SHOWN).decode("utf-8", "replace")
                return Answer(status=response.status, text=text)
        except (OSError, http.client.HTTPException) as err:
            raise Unavailable(f"{target.hostname} did not answer: {str(err) or type(err).__name__}") from err


def _resolve(target: SplitResult, *, allow_loopback: bool, private: Collection[str]) -> tuple[_Address, int]:
    """The one address to connect to; every address that the name stands for must be allowed."""
    if target.scheme not in ("http", "https") or not target.hostname:
        raise InvalidInput("a webhook's address begins with https:// (or http:// on this machine) and names a host")
    try:
        port = target.port or (443 if target.scheme == "https" else 80)
        known = socket.getaddrinfo(target.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as err:
        raise Unavailable(f"nobody knows the address of {target.hostname}") from err
    found = [_plain(str(entry[4][0])) for entry in known]
    for address in found:
        public = address.is_global and not address.is_multicast
        if not (public or (allow_loopback and address.is_loopback) or str(address) in private):
            how = "; say allow_loopback to reach this machine" if address.is_loopback else ""
            raise Forbidden(f"{target.hostname} stands for {address}, an address that webhooks may not reach{how}")
    return found[0], port


def _plain(text: str) -> _Address:
    """An address, without zone, and without the IPv6 clothes of an IPv4 one."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _connected(target: SplitResult, address: str, port: int, timeout_s: float) -> socket.socket:
    link = socket.create_connection((address, port), timeout=timeout_s)
    if target.scheme != "https":
        return link
    try:
        return ssl.create_default_context().wrap_socket(link, server_hostname=target.hostname)
    except BaseException:
        link.close()
        raise
