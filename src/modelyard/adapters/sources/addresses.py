"""Addresses of sources: which system, which host, and that no secret stands in them.

Parsing is strict: what is not understood is refused before anybody keeps or dials it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit, urlunsplit

from msgspec import Struct

from modelyard.kernel.errors import Forbidden, InvalidInput
from modelyard.ports.secrets import Secret

_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*")
_TELLING = re.compile(r"pass|pwd|secret|token|key|credential|signature|^sig$|^sas$|^auth$|authorization", re.IGNORECASE)
_LONGEST = 2000


class Grounds(Struct, frozen=True, kw_only=True):
    """Where this yard's sources may lie.

    Attributes:
        folders: local folders that may be read below, and buckets (`s3://bucket/prefix`) that may be read with the
            yard's own keys; none by default.
        hosts: the only hosts that may be dialled; empty: any but those that hand out a machine's own credentials.
    """

    folders: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


def scheme_of(address: str) -> str:
    """The scheme of an address; `file` for a path.

    Raises:
        InvalidInput: it is empty, too long, or holds control characters.
    """
    if not address or len(address) > _LONGEST or not address.isprintable():
        raise InvalidInput(f"an address is 1 to {_LONGEST:,} printable characters, e.g. postgresql://reader@host/shop")
    scheme, divider, _ = address.partition("://")
    if not divider:
        return "file"
    if not _SCHEME.fullmatch(scheme):
        raise InvalidInput(f"{scheme[:40]!r} is no scheme of an address; write e.g. postgresql://reader@host/shop")
    return scheme


def split(address: str, *, takes: Iterable[str] = ()) -> SplitResult:
    """The parts of an address.

    Args:
        takes: names that may stand in its query.

    Raises:
        InvalidInput: it cannot be read, it holds a secret, or a name in its query is not known.
    """
    refuse_secrets(address)
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError as err:
        raise InvalidInput("the address cannot be read; write e.g. postgresql://reader@host:5432/shop") from err
    known = sorted(takes)
    for name, _value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in known:
            raise InvalidInput(f"{name[:40]!r} is not taken in this address; {', '.join(known) or 'nothing'} may be")
    return parts


def refuse_secrets(address: str) -> None:
    """Refuse an address with a password or key in it; the error does not repeat it.

    Raises:
        InvalidInput: it holds one.
    """
    try:
        parts = urlsplit(address)
        password = parts.password
        names = [name for name, value in parse_qsl(parts.query, keep_blank_values=True) if value]
    except ValueError as err:
        raise InvalidInput("the address cannot be read; write e.g. postgresql://reader@host:5432/shop") from err
    if password or any(_TELLING.search(name) for name in names):
        raise InvalidInput(
            "the address holds a password, key or token; leave it out and give it as `secret`, which is kept sealed"
        )


def refuse_secret_options(options: Mapping[str, str], *, known: Iterable[str]) -> None:
    """Refuse options that an adapter does not take; the error does not repeat a value.

    Raises:
        InvalidInput: one is not known.
    """
    allowed = sorted(known)
    if strangers := sorted(set(options) - set(allowed)):
        raise InvalidInput(
            f"option {strangers[0][:40]!r} is not known for this address; it takes {', '.join(allowed) or 'none'}. "
            "A password or key is given as `secret`"
        )


def refuse_host(host: str | None, grounds: Grounds) -> str:
    """The host, if this yard may dial it.

    Raises:
        InvalidInput: there is none.
        Forbidden: it is not among those allowed, or hands out a machine's own credentials.
    """
    if not host:
        raise InvalidInput("the address names no host; write e.g. postgresql://reader@db.example/shop")
    if grounds.hosts and host.lower() not in {each.lower() for each in grounds.hosts}:
        raise Forbidden(f"this yard reads no sources on {host}; whoever runs it lists hosts in `source_hosts`")
    refuse_number(host)
    return host


def refuse_number(host: str) -> None:
    """Refuse the numbers of hosts that hand out a machine's own credentials; a name passes here.

    Raises:
        Forbidden: it is link-local, multicast or unspecified.
    """
    try:
        number = ip_address(host.strip("[]"))
    except ValueError:
        return
    mapped = getattr(number, "ipv4_mapped", None) or number
    if mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified or str(mapped) == "fd00:ec2::254":
        raise Forbidden(f"sources on {host} are never read: such addresses hand out a machine's own credentials")


def with_password(address: str, secret: Secret | None) -> str:
    """The address with the password in it, for the driver alone."""
    parts = urlsplit(address)
    if secret is None:
        return address
    user = parts.username or ""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(secret.reveal(), safe='')}@{host}"))


def redacted(text: str, secret: Secret | None) -> str:
    """A foreign text without the secret in any form that it is likely to have."""
    text = re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", text)
    if secret is None or not (value := secret.reveal()):
        return text
    for form in {value, quote(value), quote(value, safe=""), repr(value)[1:-1]}:
        text = text.replace(form, "***")
    return text
