"""Bytes sealed in frames of 64 KiB, so that any part can be read and none be moved, cut off or taken for another's.

A stream is a head (magic, key id, salt), frames, and a tail. Each stream has a key of its own, derived from the ring's
by HKDF-SHA256 (RFC 5869) with the salt; a frame's number is its nonce and the head is bound to each, as in STREAM
(Hoang, Reyhanitabar, Rogaway, Vizár 2015). The tail seals the SHA-256 and the size of the plain bytes. Whoever sees
a stream without its key learns how long it is, and nothing else.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from modelyard.adapters.seals.keys import ID_BYTES, KEY_BYTES, Key, Keyring
from modelyard.kernel.errors import Damaged

MAGIC = b"yardsea1"
FRAME_BYTES = 64 << 10
TAG_BYTES = 16
_HEAD = struct.Struct(f">8s{ID_BYTES}s16s")
_TAIL = struct.Struct(">32sQ")
HEAD_BYTES = _HEAD.size
TAIL_BYTES = _TAIL.size + TAG_BYTES
_SEALED = FRAME_BYTES + TAG_BYTES
_LAST = (1 << 95).to_bytes(12, "big")


def head_of(key: Key) -> bytes:
    """A fresh head."""
    return _HEAD.pack(MAGIC, key.id, os.urandom(16))


def key_id(head: bytes) -> bytes:
    """The id of the key that a head names; empty if it is no head."""
    if len(head) != HEAD_BYTES or not head.startswith(MAGIC):
        return b""
    found: bytes = _HEAD.unpack(head)[1]
    return found


def cipher_of(head: bytes, key: Key) -> AESGCM:
    """What seals and unseals everything below a head."""
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt=head, info=b"modelyard seal").derive(key.secret))


def sealed_size(size_bytes: int) -> int:
    """How long a stream of so many plain bytes is."""
    return HEAD_BYTES + size_bytes + TAG_BYTES * -(-size_bytes // FRAME_BYTES) + TAIL_BYTES


def plain_size(size_bytes: int) -> int:
    """How many plain bytes a stream of such a length holds; -1 if no stream is so long."""
    body = size_bytes - HEAD_BYTES - TAIL_BYTES
    plain = body - TAG_BYTES * -(-body // _SEALED)
    return plain if body >= 0 and sealed_size(plain) == size_bytes else -1


class Sealer:
    """Seals bytes as they come by."""

    def __init__(self, key: Key) -> None:
        self._head = head_of(key)
        self._cipher = cipher_of(self._head, key)
        self._waiting = b""
        self._out = [self._head]
        self._count = 0

    def add(self, chunk: bytes) -> bytes:
        """What to write for these bytes; some may wait for more."""
        data = self._waiting + chunk if self._waiting else chunk
        whole = len(data) - len(data) % FRAME_BYTES
        for start in range(0, whole, FRAME_BYTES):
            self._seal(data[start : start + FRAME_BYTES])
        self._waiting = bytes(data[whole:])
        return self._taken()

    def end(self, digest: bytes, size_bytes: int) -> bytes:
        """What to write last."""
        if self._waiting:
            self._seal(self._waiting)
        self._out.append(self._cipher.encrypt(_LAST, _TAIL.pack(digest, size_bytes), self._head))
        return self._taken()

    def _seal(self, frame: bytes) -> None:
        self._out.append(self._cipher.encrypt(self._count.to_bytes(12, "big"), frame, self._head))
        self._count += 1

    def _taken(self) -> bytes:
        done, self._out = b"".join(self._out), []
        return done


class Stream:
    """A sealed stream, known by its two ends.

    Args:
        head, tail: its first `HEAD_BYTES` and its last `TAIL_BYTES`.
        size_bytes: how long it is.
        what: what an error calls it.

    Raises:
        Damaged: it is not as it was sealed.
        Unavailable: its key is not there.
    """

    def __init__(self, head: bytes, tail: bytes, *, size_bytes: int, keys: Keyring, what: str) -> None:
        self._what = what
        if not (wanted := key_id(head)):
            raise self._damaged()
        self.key_id = wanted
        self._head = head
        self._cipher = cipher_of(head, keys.key(wanted))
        told: tuple[bytes, int] = _TAIL.unpack(self._open(_LAST, tail))
        self.digest, self.size_bytes = told[0].hex(), told[1]
        if plain_size(size_bytes) != self.size_bytes:
            raise self._damaged()

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """From where to where the stream must be read for the plain bytes from `start` up to `stop`."""
        first, last = start // FRAME_BYTES, -(-stop // FRAME_BYTES)
        return HEAD_BYTES + first * _SEALED, min(HEAD_BYTES + last * _SEALED, sealed_size(self.size_bytes) - TAIL_BYTES)

    def unsealed(self, chunks: Iterable[bytes], start: int, stop: int) -> Iterator[bytes]:
        """The plain bytes from `start` up to `stop`, out of what `span` says."""
        number, skipped, left = start // FRAME_BYTES, start % FRAME_BYTES, stop - start
        for frames in _grouped(chunks):
            opened = []
            for at in range(0, len(frames), _SEALED):
                opened.append(self._open(number.to_bytes(12, "big"), frames[at : at + _SEALED]))
                number += 1
            plain = b"".join(opened)[skipped:][:left]
            skipped, left = 0, left - len(plain)
            if plain:
                yield plain
        if left > 0:
            raise self._damaged()

    def _open(self, nonce: bytes, sealed: bytes) -> bytes:
        try:
            return self._cipher.decrypt(nonce, sealed, self._head)
        except (InvalidTag, ValueError) as err:
            raise self._damaged() from err

    def _damaged(self) -> Damaged:
        return Damaged(f"{self._what} is not as it was sealed; restore it from a backup: yard restore")


def _grouped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, cut where frames end."""
    waiting = b""
    for chunk in chunks:
        data = waiting + chunk
        whole = len(data) - len(data) % _SEALED
        waiting = data[whole:]
        if whole:
            yield data[:whole]
    if waiting:
        yield waiting
