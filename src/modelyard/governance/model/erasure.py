"""How a subject is named without its key, what its bytes look like, and how a receipt is signed.

A subject's name is HMAC-SHA-256 under a secret of the home (NIST FIPS 198-1), so nobody without it can try keys. A
signature is Ed25519 (RFC 8032). Nothing here reads a file.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256
from json import dumps
from urllib.parse import quote

import msgspec

from modelyard.governance.api import Receipt, Subject
from modelyard.kernel.mentions import SHORTEST


def subject_name(secret: bytes, subject: Subject) -> str:
    """The keyed hash under which a receipt knows a subject."""
    return hmac.new(secret, msgspec.json.encode([subject.entity, subject.key]), sha256).hexdigest()


def forms_of(key: str) -> dict[str, bytes]:
    """The byte forms in which a key may stand in a file, by name; equal ones once.

    >>> forms_of("taxi 1\u00e9")["percent"]
    b'taxi%201%C3%A9'
    """
    raw = key.encode("utf-8", "surrogatepass")
    forms = {
        "utf-8": raw,
        "utf-16-le": key.encode("utf-16-le", "surrogatepass"),
        "utf-16-be": key.encode("utf-16-be", "surrogatepass"),
        "utf-32-le": key.encode("utf-32-le", "surrogatepass"),
        "json": dumps(key).strip('"').encode(),
        "percent": quote(raw, safe="").encode(),
    }
    if key.isascii() and key.isdigit() and 2**32 <= int(key) < 2**63:
        forms["int64"] = int(key).to_bytes(8, "little")
    first_of = {form: name for name, form in reversed(forms.items())}
    return {name: form for name, form in forms.items() if first_of[form] == name}


def is_conclusive(key: str) -> bool:
    """True if finding the key's bytes means something."""
    return len(key.encode("utf-8", "surrogatepass")) >= SHORTEST


def new_signing_key() -> str:
    """A fresh Ed25519 private key, as text."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def public_part(key: str) -> str:
    """The public key that belongs to a private one, hex."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(b64decode(key)).public_key().public_bytes_raw().hex()


def signed(receipt: Receipt, key: str) -> Receipt:
    """The receipt with its signature."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(b64decode(key))
    return msgspec.structs.replace(receipt, signature=private.sign(_canonical(receipt)).hex())


def is_signed(receipt: Receipt) -> bool:
    """True if the signature fits the content and the public key that the receipt names."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(receipt.public_key))
        public.verify(bytes.fromhex(receipt.signature), _canonical(receipt))
    except (ValueError, InvalidSignature):
        return False
    return True


def _canonical(receipt: Receipt) -> bytes:
    """What is signed: the receipt without its signature, as JSON with sorted keys and no spaces.

    `scan.within` came later: it is left out where it is empty, so that older receipts stay signed.
    """
    plain = msgspec.to_builtins(msgspec.structs.replace(receipt, signature=""))
    if not plain["scan"]["within"]:
        del plain["scan"]["within"]
    return msgspec.json.encode(plain, order="sorted")
