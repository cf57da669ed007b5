"""The webhooks port: post a message to an address that a user named, and nowhere else.

An address of a private network is refused, also if a public name resolves to it; redirects are not followed. What is
posted, how it is signed and whether it is tried again is the caller's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct


class Answer(Struct, frozen=True, kw_only=True):
    """What the other side said.

    Attributes:
        text: the first 500 characters of the body, for people.
    """

    status: int
    text: str


class Webhooks(Protocol):
    """Posts messages."""

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, allow_loopback: bool, timeout_s: float = 5.0
    ) -> Answer:
        """Post once.

        Args:
            timeout_s: for everything together.

        Raises:
            Forbidden: the name stands for an address that may not be reached.
            Unavailable: nobody answered, or not in time.
        """
        ...
