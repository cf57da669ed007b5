"""The webhooks port: post a message to an address that a user named, and nowhere else.

An address of a private network is refused, also if a public name resolves to it; redirects are not followed. What is
posted and whether it is tried again is the caller's business; how it is signed is said here, once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Mapping
from typing import Protocol

from msgspec import Struct

from modelyard.ports.secrets import Secret


class Answer(Struct, frozen=True, kw_only=True):
    """What the other side said.

    Attributes:
        text: the first 500 characters of the body, for people.
    """

    status: int
    text: str


def signed(secret: Secret, id_: str, now_ms: int, body: bytes) -> dict[str, str]:
    """The headers that tell who posted: as the Standard Webhooks specification has them.

    The signature is `v1,` and the HMAC-SHA256 over `id.seconds.body`, base64.
    """
    seconds = str(now_ms // 1000)
    text = f"{id_}.{seconds}.".encode() + body
    digest = base64.b64encode(hmac.digest(secret.reveal().encode(), text, hashlib.sha256)).decode()
    return {"webhook-id": id_, "webhook-timestamp": seconds, "webhook-signature": f"v1,{digest}"}


class Webhooks(Protocol):
    """Posts messages."""

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, allow_loopback: bool, timeout_s: float = 5.0,
        private: Collection[str] = (),
    ) -> Answer:  # fmt: skip
        """Post once.

        Args:
            private: numbers of hosts on private networks that may be reached nevertheless.
            timeout_s: for everything together.

        Raises:
            Forbidden: the name stands for an address that may not be reached.
            Unavailable: nobody answered, or not in time.
        """
        ...
