"""Online rows on a Redis or Valkey server, a string for each: `namespace:view@version:key`.

A merge watches its keys and begins again where somebody else wrote one of them in between. What the server writes to
its own disk (snapshots, append-only file) is its operator's to configure; this module sets no expiry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import redis

from modelyard.kernel.errors import InvalidInput, Unavailable
from modelyard.ports.online import KEY_BYTES, Combine

BATCH = 1000
TIMEOUT_S = 5
_SPECIAL = str.maketrans({c: "\\" + c for c in "*?[]\\^-"})


class ServerOnline:
    """The online rows of one namespace on a server.

    Raises:
        Unavailable: the server does not answer.
    """

    def __init__(self, address: str, *, namespace: str) -> None:
        self._namespace = namespace
        self._client: Any = redis.Redis.from_url(
            address, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, protocol=2
        )
        self._shown = address.rpartition("@")[2]
        with self._asking():
            self._client.ping()

    def get(self, view: str, version: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The rows of `keys`, in their order, in one round trip."""
        if not keys:
            return []
        head = self._head(view, version)
        with self._asking():
            found: list[bytes | None] = self._client.mget([head + key for key in keys])
            return found

    def put(self, view: str, version: int, rows: Mapping[bytes, bytes]) -> None:
        """Write rows over whatever stands there."""
        head = self._head(view, version)
        items = [(head + _checked(key), row) for key, row in rows.items()]
        with self._asking():
            for start in range(0, len(items), BATCH):
                self._client.mset(dict(items[start : start + BATCH]))

    def merge(self, view: str, version: int, rows: Mapping[bytes, bytes], combine: Combine) -> None:
        """Write `combine(old, new)` for each row; batches of a thousand, each atomic."""
        head = self._head(view, version)
        items = [(head + _checked(key), row) for key, row in rows.items()]
        with self._asking():
            for start in range(0, len(items), BATCH):
                self._merge_batch(dict(items[start : start + BATCH]), combine)

    def delete(self, view: str, version: int, keys: Sequence[bytes]) -> int:
        """Remove rows; how many there were."""
        if not keys:
            return 0
        head = self._head(view, version)
        with self._asking():
            return int(self._client.delete(*[head + key for key in keys]))

    def rows(self, view: str, version: int) -> Iterator[tuple[bytes, bytes]]:
        """Every key and row of a view's version, in no particular order."""
        head = self._head(view, version)
        for batch in self._keys(view, version):
            with self._asking():
                found = self._client.mget(batch)
            yield from ((key[len(head) :], row) for key, row in zip(batch, found, strict=True) if row is not None)

    def drop(self, view: str, version: int) -> int:
        """Remove all rows of a view's version."""
        removed = 0
        for batch in self._keys(view, version):
            with self._asking():
                removed += int(self._client.unlink(*batch))
        return removed

    def scrub(self) -> None:
        """Nothing: this adapter writes no disk; the server's own files follow its configuration."""

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _merge_batch(self, rows: dict[bytes, bytes], combine: Combine) -> None:
        keys = list(rows)
        with self._client.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(*keys)
                    old = pipe.mget(keys)
                    pipe.multi()
                    pipe.mset({key: combine(was, rows[key]) for key, was in zip(keys, old, strict=True)})
                    pipe.execute()
                    return
                except redis.WatchError:
                    continue

    def _keys(self, view: str, version: int) -> Iterator[list[bytes]]:
        """Each key of a view's version once, in batches; the server may name one twice."""
        pattern = self._head(view, version).decode().translate(_SPECIAL) + "*"
        cursor, seen = 0, set[bytes]()
        while True:
            with self._asking():
                cursor, found = self._client.scan(cursor, match=pattern, count=BATCH)
            if fresh := [key for key in dict.fromkeys(found) if key not in seen]:
                seen.update(fresh)
                yield fresh
            if cursor == 0:
                return

    def _head(self, view: str, version: int) -> bytes:
        return f"{self._namespace}:{view}@{version}:".encode()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as err:
            raise Unavailable(
                f"the online store at {self._shown} refused or did not answer; check that the server runs there "
                "and takes the yard's password, then repeat"
            ) from err


def _checked(key: bytes) -> bytes:
    if not 0 < len(key) <= KEY_BYTES:
        raise InvalidInput(f"an online key has 1 to {KEY_BYTES} bytes, not {len(key)}")
    return key
