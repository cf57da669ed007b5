"""The keys of seals, by id: `seal.current` among the secrets is the one for new seals, `seal.<id>` are all there were.

An id is made from its key, so a wrong key is never taken for the right one. The environment is asked first
(`YARD_SECRET_SEAL_CURRENT`, `YARD_SECRET_SEAL_<ID>`), so that keys need not lie beside what they seal.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256

from msgspec import Struct

from modelyard.adapters.secrets.environment import EnvironmentSecrets
from modelyard.kernel.errors import InvalidInput, Unavailable
from modelyard.ports.secrets import Secret, Secrets

KEY_BYTES = 32
ID_BYTES = 8
_CURRENT = "seal.current"
_FOR_IDS = b"modelyard seal key"


class Key(Struct, frozen=True):
    """A key and its id."""

    id: bytes
    secret: bytes

    def __repr__(self) -> str:
        return f"Key({self.id.hex()})"


class Keyring:
    """The keys of one home; several processes may use it.

    Args:
        secrets: where they are kept; asked at first use.
        seals: True if what is newly written is to be sealed.
    """

    def __init__(self, secrets: Callable[[], Secrets] = EnvironmentSecrets, *, seals: bool = False) -> None:
        self._secrets = secrets
        self._environment = EnvironmentSecrets()
        self._known: dict[bytes, Key] = {}
        self.seals = seals

    def newest(self) -> Key | None:
        """The key for new seals, made at the first; None where nothing is to be sealed."""
        if not self.seals:
            return None
        if (found := self._get(_CURRENT)) is None:
            self.rotate()
            found = self._get(_CURRENT)
        if found is None:
            raise Unavailable("the key for new seals is gone from the secrets; restore them: yard restore")
        return _key_of(found, _CURRENT)

    def rotate(self) -> Key:
        """Make a key for new seals; the earlier ones stay for what they sealed.

        Raises:
            Conflict: the keys come from outside; change them there.
        """
        secrets = self._secrets()
        kept: Secrets = self._environment if self._environment.get(_CURRENT) is not None else secrets
        key = _key_from(os.urandom(KEY_BYTES))
        text = Secret(key.secret.hex())
        kept.put(f"seal.{key.id.hex()}", text)
        kept.put(_CURRENT, text)
        return key

    def key(self, wanted: bytes) -> Key:
        """The key of an id.

        Raises:
            Unavailable: it is not among the secrets.
        """
        if (known := self._known.get(wanted)) is not None:
            return known
        for name in (f"seal.{wanted.hex()}", _CURRENT):
            if (found := self._get(name)) is not None and (key := _key_of(found, name)).id == wanted:
                self._known[wanted] = key
                return key
        raise Unavailable(
            f"this is sealed with key {wanted.hex()}, which is not among the secrets of this yard; restore its secrets "
            f"from the backup of that time (yard restore), or set YARD_SECRET_SEAL_{wanted.hex().upper()}"
        )

    def _get(self, name: str) -> Secret | None:
        return self._environment.get(name) or self._secrets().get(name)


def _key_from(secret: bytes) -> Key:
    return Key(sha256(_FOR_IDS + secret).digest()[:ID_BYTES], secret)


def _key_of(found: Secret, name: str) -> Key:
    try:
        secret = bytes.fromhex(found.reveal().strip())
    except ValueError:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise InvalidInput(f"the secret {name} is no key: a key is 64 hex digits, made by e.g. openssl rand -hex 32")
    return _key_from(secret)
