"""Redis as a sink: a JSON document for each row, under `target:key`, or `target:key1:key2` where the key has parts.

Writing and removing by key comes to the same end however often it is repeated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import redis

from modelyard.adapters.sinks.hosts import refuse_server
from modelyard.adapters.sinks.opening import Opening
from modelyard.adapters.sources.addresses import redacted, refuse_secret_options, split
from modelyard.kernel.errors import Forbidden, Unavailable
from modelyard.ports.secrets import Secret
from modelyard.ports.sinks import Parcel

TIMEOUT_S = 30
_BATCH = 1000


def check(opening: Opening, *, sealed: bool) -> None:
    """Refuse what may not be written; nothing is dialled."""
    del sealed  # a server may want none
    parts = split(opening.address)
    refuse_secret_options(opening.options, known=())
    refuse_server(opening, host=parts.hostname, socket=parts.path if parts.scheme == "redis+unix" else "")


def opened(opening: Opening) -> RedisTarget:
    """The server behind an address."""
    return RedisTarget(opening.address, opening.secret)


class RedisTarget:
    """One server."""

    by_parts = False

    def __init__(self, address: str, secret: Secret | None) -> None:
        parts = split(address)
        self._secret = secret
        password = None if secret is None else secret.reveal()
        shared: dict[str, Any] = {
            "username": parts.username, "password": password, "socket_timeout": TIMEOUT_S, "protocol": 2,
        }  # fmt: skip
        if parts.scheme == "redis+unix":
            self._client: Any = redis.Redis(unix_socket_path=parts.path, **shared)
        else:
            self._client = redis.Redis(
                host=str(parts.hostname), port=parts.port or 6379, db=int(parts.path.strip("/") or 0),
                ssl=parts.scheme == "rediss", socket_connect_timeout=10, **shared,
            )  # fmt: skip

    def reached(self, sink: str, target: str) -> int:
        """Nothing is noted; writing by key comes to the same end."""
        del sink, target
        return 0

    def take(self, parcel: Parcel) -> bool:
        """Remove what is gone, then write what is there."""
        with self._asking():
            for batch in parcel.gone():
                rows = batch.to_pylist()
                for start in range(0, len(rows), _BATCH):
                    keys = [_key(parcel.target, parcel.keys, row) for row in rows[start : start + _BATCH]]
                    self._client.delete(*keys)
            for batch in parcel.puts():
                rows = batch.to_pylist()
                for start in range(0, len(rows), _BATCH):
                    some = rows[start : start + _BATCH]
                    self._client.mset({_key(parcel.target, parcel.keys, row): _document(row) for row in some})
        return True

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as err:
            raise Forbidden(f"Redis refuses the credentials: {redacted(str(err), self._secret)[:300]}") from None
        except redis.RedisError as err:
            raise Unavailable(f"Redis does not answer: {redacted(str(err), self._secret)[:300]}") from None


def _key(target: str, keys: Sequence[str], row: dict[str, Any]) -> str:
    return ":".join([target, *(quote(_text(row[key]), safe=" @/+-_.") for key in keys)])


def _document(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, default=_text)


def _text(value: object) -> str:
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return value.hex() if isinstance(value, bytes) else str(value)
