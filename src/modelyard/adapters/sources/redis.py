"""Redis as a source: streams in the order of their entries' ids, and hashes whose keys match a pattern.

A stream is read on from the id of its last entry, which is exact. Hashes have no order, so each reading gives all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

import redis

from modelyard.adapters.sources import documents
from modelyard.adapters.sources.addresses import (
    Grounds,
    redacted,
    refuse_host,
    refuse_secret_options,
    split,
)
from modelyard.adapters.sources.places import confined_path
from modelyard.kernel.errors import Forbidden, InvalidInput, NotFound, Unavailable
from modelyard.ports.secrets import Secret
from modelyard.ports.sources import Abilities, Ask, Batch, Shape, Stream, StreamKind

TIMEOUT_S = 30
_SOCKET = "redis+unix"


def check(address: str, options: Mapping[str, str], grounds: Grounds) -> None:
    """Refuse what cannot or may not be read; nothing is dialled."""
    parts = split(address)
    refuse_secret_options(options, known=())
    if parts.scheme == _SOCKET:
        confined_path(parts.path, grounds)
        return
    refuse_host(parts.hostname, grounds)
    if not parts.path.strip("/").isdigit() and parts.path.strip("/"):
        raise InvalidInput("write redis://host:6379/0, with the number of the database at the end")


def opened(address: str, secret: Secret | None, options: Mapping[str, str], grounds: Grounds) -> RedisSource:
    """The server behind an address."""
    del options
    return RedisSource(address, secret, grounds)


class RedisSource:
    """One server, over one connection."""

    abilities = Abilities(exact=True)

    def __init__(self, address: str, secret: Secret | None, grounds: Grounds) -> None:
        parts = split(address)
        self._secret = secret
        password = None if secret is None else secret.reveal()
        shared: dict[str, Any] = {
            "username": parts.username, "password": password, "socket_timeout": TIMEOUT_S, "protocol": 2,
            "decode_responses": False,
        }  # fmt: skip
        if parts.scheme == _SOCKET:
            self._client: Any = redis.Redis(unix_socket_path=str(confined_path(parts.path, grounds)), **shared)
        else:
            self._client = redis.Redis(
                host=str(parts.hostname), port=parts.port or 6379, db=int(parts.path.strip("/") or 0),
                ssl=parts.scheme == "rediss", socket_connect_timeout=10, **shared,
            )  # fmt: skip

    def streams(self) -> Iterator[Stream]:
        """The streams; hashes are read by a pattern such as `user:*`."""
        with self._asking():
            found = sorted(_text(key) for key in self._client.scan_iter(count=1000, _type="stream"))
        for name in found:
            with self._asking():
                yield Stream(name=name, kind=StreamKind.TOPIC, rows=int(self._client.xlen(name)))

    def shape(self, ask: Ask) -> Shape:
        """The fields of the first entries that would be read; all are text."""
        found = [document for _, document in islice(self._documents(ask), documents.SAMPLE)]
        shape = documents.sampled(found)
        return Shape(shape.schema, dict.fromkeys(shape.schema.names, ""))

    def read(self, ask: Ask) -> Iterator[Batch]:
        """The entries after a position, up to the last one that was there; or all hashes."""
        shape, given = self.shape(ask), self._documents(ask)
        ordered = "*" not in ask.stream
        while found := list(islice(given, ask.batch_rows)):
            made = documents.batch(shape, found, position=found[-1][0] if ordered else "", late=ask.late)
            yield replace(made, late=dict.fromkeys(made.late, ""))

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def __repr__(self) -> str:
        return "RedisSource()"

    def _documents(self, ask: Ask) -> Iterator[tuple[str, dict[str, object]]]:
        documents.plain(ask, what="Redis")
        return self._hashes(ask) if "*" in ask.stream else self._entries(ask)

    def _entries(self, ask: Ask) -> Iterator[tuple[str, dict[str, object]]]:
        with self._asking():
            if self._client.type(ask.stream) != b"stream":
                raise NotFound(f"there is no stream {ask.stream[:80]!r}; list them: yard lake streams")
            last = _text(self._client.xinfo_stream(ask.stream)["last-generated-id"])
        after = ask.after
        while True:
            with self._asking():
                start = f"({after}" if after else "-"
                found = self._client.xrange(ask.stream, min=start, max=last, count=ask.batch_rows)
            if not found:
                return
            for entry, fields in found:
                after = _text(entry)
                yield after, {_text(name): _text(value) for name, value in fields.items()}

    def _hashes(self, ask: Ask) -> Iterator[tuple[str, dict[str, object]]]:
        """Hashes whose keys match; a scan may give a key twice, each is read once."""
        seen: set[bytes] = set()
        with self._asking():
            keys = self._client.scan_iter(match=ask.stream, count=1000, _type="hash")
        while True:
            with self._asking():
                some = [key for key in islice(keys, ask.batch_rows) if key not in seen and not seen.add(key)]  # type: ignore[func-returns-value]  # a set says nothing when it grows
                if not some:
                    return
                pipe = self._client.pipeline(transaction=False)
                for key in some:
                    pipe.hgetall(key)
                found = pipe.execute()
            for key, fields in zip(some, found, strict=True):
                if fields:
                    yield _text(key), {"key": _text(key), **{_text(n): _text(v) for n, v in fields.items()}}

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as err:
            raise Forbidden(f"Redis refuses the credentials: {self._said(err)}; give the right `secret`") from None
        except redis.RedisError as err:
            raise Unavailable(f"Redis does not answer as it should: {self._said(err)}") from None

    def _said(self, err: Exception) -> str:
        return redacted(str(err), self._secret)[:300]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", errors="backslashreplace")
