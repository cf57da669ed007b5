"""Secrets in one sealed file beside its key: AES-256-GCM, the key in a file that only its owner can read.

The seal keeps secrets out of backups of the database, logs and a stolen `secrets.sealed`; it does not protect from
whoever can read the key as well. Every change writes a new file, syncs it and renames it into place.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from modelyard.kernel.errors import Damaged, Forbidden, InvalidInput, Unavailable
from modelyard.ports.secrets import NAME_FORM, Secret

MAGIC = b"YARDSEAL1\n"
_NONCE = 12
_NAME = re.compile(NAME_FORM)
_decoder = msgspec.msgpack.Decoder(dict[str, str])


class SealedSecrets:
    """The secrets in `folder`: `secrets.sealed`, `secrets.key` (mode 0600) and `secrets.lock`."""

    writable = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sealed = folder / "secrets.sealed"
        self._key_file = folder / "secrets.key"

    def get(self, name: str) -> Secret | None:
        """The secret of that name; None if there is none."""
        value = self._unseal().get(_checked(name))
        return None if value is None else Secret(value)

    def put(self, name: str, value: Secret) -> None:
        """Keep a secret under a name, in place of what was there."""
        _checked(name)
        with self._alone():
            self._seal(self._unseal() | {name: value.reveal()})

    def delete(self, name: str) -> bool:
        """Forget a secret; False if there was none."""
        _checked(name)
        with self._alone():
            kept = self._unseal()
            if kept.pop(name, None) is None:
                return False
            self._seal(kept)
        return True

    def names(self) -> list[str]:
        """The names of all secrets, sorted."""
        return sorted(self._unseal())

    def _unseal(self) -> dict[str, str]:
        try:
            content = self._sealed.read_bytes()
        except FileNotFoundError:
            return {}
        nonce, sealed = content[len(MAGIC) :][:_NONCE], content[len(MAGIC) + _NONCE :]
        try:
            if not content.startswith(MAGIC) or len(nonce) != _NONCE:
                raise InvalidTag
            return _decoder.decode(AESGCM(self._key()).decrypt(nonce, sealed, MAGIC))
        except (InvalidTag, msgspec.MsgspecError) as err:
            raise Damaged(
                "state/secrets.sealed cannot be unsealed with state/secrets.key: one of them was changed or belongs to "
                "another yard; restore both from one backup: yard restore"
            ) from err

    def _seal(self, kept: dict[str, str]) -> None:
        nonce = os.urandom(_NONCE)
        sealed = AESGCM(self._key(make=True)).encrypt(nonce, msgspec.msgpack.encode(kept), MAGIC)
        _replace(self._sealed, MAGIC + nonce + sealed)

    def _key(self, *, make: bool = False) -> bytes:
        """The key; made at the first seal.

        Raises:
            Forbidden: others than its owner may read it.
            Damaged: it is lost or not a key.
        """
        if make and not self._key_file.exists() and not self._sealed.exists():
            _replace(self._key_file, os.urandom(32))
        try:
            with self._key_file.open("rb") as file:
                loose = os.fstat(file.fileno()).st_mode & 0o077
                key = file.read(33)
        except FileNotFoundError:
            key, loose = b"", 0
        if loose:
            raise Forbidden("state/secrets.key can be read by others than its owner: chmod 600 it, then repeat")
        if len(key) != 32:
            raise Damaged("state/secrets.key is lost or cut off; restore it from a backup: yard restore")
        return key

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock that all processes of the home share."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._folder / "secrets.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as err:
            raise Unavailable("the state folder of this home cannot be written; check its permissions") from err
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(path.name + ".new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as err:
        beside.unlink(missing_ok=True)
        raise Unavailable("the secrets could not be written: is the disk of the home full? Nothing changed") from err
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name[:60]!r} is no name of a secret; use letters, digits, `_`, `-` and `.`")
    return name
