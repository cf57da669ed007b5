"""What the screens ask of whoever serves them: the signed-in actor's door to the slices, sessions and live news.

Protocols only. The edge that authenticates a call answers them; pages know nothing of tokens, guards or transports.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from msgspec import Struct


class Hub(Protocol):
    """One attribute a slice, each typed by that slice's `api`; calls pass the guard as any other call."""


class PageCalls(Protocol):
    """What one page may use: the actor who looks, and the slices as this actor may use them."""

    @property
    def actor_name(self) -> str:
        """Who looks."""
        ...

    @property
    def roles(self) -> tuple[str, ...]:
        """The words under the name in the menu, such as `owner`."""
        ...

    @property
    def csrf_token(self) -> str:
        """What every form of this session carries."""
        ...

    @property
    def hub(self) -> Hub:
        """The slices."""
        ...


class Session(Struct, frozen=True):
    """A browser session: its secret, and for how many seconds it lives."""

    secret: str
    seconds: int


class PageNews(Struct, frozen=True):
    """Something happened: the topics (`tables`, `runs`, ...) whose parts of a page are now old."""

    number: int
    topics: tuple[str, ...]
    at: datetime


POINTS = ("points",)
"""The topic of what runs log by the thousand: too frequent to be events, told once a look."""


class Door(Protocol):
    """Who lets browsers in and tells them news."""

    def enter(self, session: str | None, bearer: str | None) -> PageCalls | None:
        """The calls of the actor behind a session secret or a bearer token; None: nobody is signed in."""
        ...

    def admit(self, secret: str, *, one_time: bool) -> Session | None:
        """Open a session for a token, or for a link that works once; None: unknown, used or expired."""
        ...

    def dismiss(self, session: str) -> None:
        """End a session."""
        ...

    def news(self, calls: PageCalls) -> AsyncIterator[PageNews | None]:
        """News as it happens; None now and then, at least each 15 s, so that a dead line is noticed."""
        ...
