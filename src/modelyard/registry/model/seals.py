"""What a signature of a version says, and whether it holds: Ed25519 (RFC 8032) over name, number and content.

The statement is one line of canonical JSON, so that anybody with the public key can check it with other tools.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

import msgspec

from modelyard.kernel.errors import InvalidInput
from modelyard.registry.api import ModelVersion, Seal

KEY_NAME = "registry.signing_key"
TRUSTED_NAME = "registry.trusted_keys"
_WHAT = "modelyard model version, form 1"


def statement(name: str, version: int, digest: str) -> bytes:
    """The bytes that are signed."""
    said = {"content": digest, "name": name, "version": version, "what": _WHAT}
    return msgspec.json.encode(said, order="sorted")


def new_key() -> str:
    """A fresh private key, as the secret holds it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def public_part(key: str) -> str:
    """The public key of a private one, hex.

    Raises:
        InvalidInput: the secret holds no key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        return Ed25519PrivateKey.from_private_bytes(b64decode(key, validate=True)).public_key().public_bytes_raw().hex()
    except ValueError:
        raise InvalidInput(
            f"the secret {KEY_NAME} holds no Ed25519 key: 32 bytes in base64 are wanted; remove it and a new one "
            "is made, or put yours"
        ) from None


def key_id(public_key: str) -> str:
    """A short name of a public key."""
    return sha256(bytes.fromhex(public_key)).hexdigest()[:16]


def signature(key: str, said: bytes) -> str:
    """The signature of a statement, hex."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(b64decode(key)).sign(said).hex()


def trusted_keys(text: str) -> frozenset[str]:
    """Public keys that a secret lists, in hex, apart by white space."""
    return frozenset(word.lower() for word in text.split() if len(word) == 64)


def fault_of(seal: Seal, version: ModelVersion, digest: str, trusted: frozenset[str]) -> str | None:
    """Why a seal does not speak for a version as it is now; None if it does.

    Args:
        digest: of the files that the version has now.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if seal.public_key not in trusted:
        return f"key {seal.key} is not trusted here; trusted keys stand in the secret {TRUSTED_NAME}"
    if seal.name != version.name or seal.version != version.version:
        return f"it was given to {seal.name} version {seal.version}; sign the version again under its new name"
    if seal.digest != digest:
        return f"it was given to other content ({seal.digest[:12]}, and the files are {digest[:12]} now)"
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(seal.public_key))
        public.verify(bytes.fromhex(seal.signature), statement(seal.name, seal.version, seal.digest))
    except (InvalidSignature, ValueError):
        return "the signature does not fit what it is about"
    return None
