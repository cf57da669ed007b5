"""What a page is: a record of data, a template that shows it, and where it stands; never HTTP, never HTML.

A slice's screens are one `Screens`: pages, forms, feeds, counts for the navigation and things to find. The same data
record is the page's JSON twin, so a page can show nothing that its twin does not say.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode

from msgspec import Struct

from modelyard.kernel.errors import InvalidInput
from modelyard.ui.kit.calls import PageCalls, PageNews


class Crumb(Struct, frozen=True):
    """One step of the path to a page; the last one has no address."""

    text: str
    href: str = ""


class Foot(Struct, frozen=True):
    """What stands at the foot: the call behind the page and its twins on the command line and in Python."""

    call: str = ""
    cli: str = ""
    python: str = ""
    notes: tuple[str, ...] = ()


class Page(Struct, frozen=True):
    """A page to show: `data` is both what its template reads and its JSON twin."""

    title: str
    data: Struct
    crumbs: tuple[Crumb, ...] = ()
    foot: Foot = Foot()
    status: int = 200


class Done(Struct, frozen=True):
    """What a form answers: where to go, what to say there, and how to undo it (an address that takes a form)."""

    to: str
    said: str = ""
    note: str = ""
    undo: str = ""
    tone: str = "ok"


class Count(Struct, frozen=True):
    """A number beside a word of the navigation; tone is empty, run, warn or bad."""

    number: int
    tone: str = ""


class Found(Struct, frozen=True):
    """Something that the palette finds: a thing (`Go to`), an action (`Do`), or what happened."""

    text: str
    href: str
    note: str = ""
    icon: str = "dot"
    group: str = "Go to"


class Ask(Struct, frozen=True):
    """What was asked of a page: the holes of its path, the query, a form's fields, when, and in which theme.

    `theme` is `light` or `dark` where this browser has chosen one; empty: as the system has it.
    """

    path: str
    params: Mapping[str, str]
    query: Mapping[str, tuple[str, ...]]
    form: Mapping[str, str]
    now: datetime
    theme: str = ""

    def text(self, name: str, default: str = "") -> str:
        """The first value of a query field."""
        return next(iter(self.query.get(name, ())), default)

    def texts(self, name: str) -> tuple[str, ...]:
        """All values of a query field."""
        return self.query.get(name, ())

    def number(self, name: str, default: int, *, low: int = 0, high: int = 1_000_000) -> int:
        """A whole number from the query, within `low`..`high`.

        Raises:
            InvalidInput: it is no whole number, or lies outside.
        """
        raw = self.text(name)
        if not raw:
            return default
        if not (raw.lstrip("-").isascii() and raw.lstrip("-").isdigit() and len(raw) < 12 and low <= int(raw) <= high):
            raise InvalidInput(f"{name} must be a whole number from {low} to {high}, not {raw[:40]!r}")
        return int(raw)

    def url(self, **changes: str | None) -> str:
        """The same address with query fields changed; None or an empty text takes a field away."""
        fields = {name: list(values) for name, values in self.query.items()}
        for name, value in changes.items():
            fields[name] = [value] if value else []
        query = urlencode([(name, value) for name, values in fields.items() for value in values])
        return self.path + ("?" + query if query else "")


class Framed(Struct, frozen=True):
    """Foreign bytes for a sandboxed frame of an opaque origin; `scripts`: they may run there, and reach nothing."""

    body: bytes
    media: str
    scripts: bool = False


class Told(Struct, frozen=True):
    """One message of a stream: `mark` is what a reader who comes back names as the last one it saw."""

    body: bytes
    mark: str = ""
    kind: str = "message"


Maker = Callable[[PageCalls, Ask], Page | Done]
Doer = Callable[[PageCalls, Ask], Done]
Feeder = Callable[[PageCalls, Ask], Struct | bytes]
Framer = Callable[[PageCalls, Ask], Framed]
Streamer = Callable[[PageCalls, Ask, AsyncIterator[PageNews | None]], AsyncIterator[Told | None]]
Counter = Callable[[PageCalls], Count | None]
Finder = Callable[[PageCalls, str], Sequence[Found]]
_M = TypeVar("_M", bound=Maker)
_D = TypeVar("_D", bound=Doer)
_F = TypeVar("_F", bound=Feeder)
_R = TypeVar("_R", bound=Framer)
_S = TypeVar("_S", bound=Streamer)
_C = TypeVar("_C", bound=Counter)
_Q = TypeVar("_Q", bound=Finder)


class PageRoute(Struct, frozen=True):
    """A declared page."""

    path: str
    template: str
    nav: str
    make: Maker


class Screens:
    """The screens of one slice; a module of `ui` fills one, and the site is made of all of them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pages: list[PageRoute] = []
        self.forms: list[tuple[str, Doer]] = []
        self.feeds: list[tuple[str, Feeder]] = []
        self.frames: list[tuple[str, Framer]] = []
        self.streams: list[tuple[str, Streamer]] = []
        self.counts: dict[str, Counter] = {}
        self.finders: list[Finder] = []

    def page(self, path: str, *, template: str, nav: str = "") -> Callable[[_M], _M]:
        """Declare a page at `path` (`/tables/{name}`); `nav` is the key of the word that is lit."""

        def keep(make: _M) -> _M:
            self.pages.append(PageRoute(path, template, nav, make))
            return make

        return keep

    def form(self, path: str) -> Callable[[_D], _D]:
        """Declare what a form that posts to `path` does; the site has checked its token before."""

        def keep(do: _D) -> _D:
            self.forms.append((path, do))
            return do

        return keep

    def feed(self, path: str) -> Callable[[_F], _F]:
        """Declare data for script: a record (sent as JSON) or packed curves (sent as they are)."""

        def keep(feed: _F) -> _F:
            self.feeds.append((path, feed))
            return feed

        return keep

    def frame(self, path: str) -> Callable[[_R], _R]:
        """Declare foreign content for a frame; a page shows it with `k.frame`, never in itself."""

        def keep(frame: _R) -> _R:
            self.frames.append((path, frame))
            return frame

        return keep

    def stream(self, path: str) -> Callable[[_S], _S]:
        """Declare messages as they come; a reader that comes back asks with the last mark it saw as `last`."""

        def keep(stream: _S) -> _S:
            self.streams.append((path, stream))
            return stream

        return keep

    def count(self, nav: str) -> Callable[[_C], _C]:
        """Declare the number beside a word of the navigation."""

        def keep(count: _C) -> _C:
            self.counts[nav] = count
            return count

        return keep

    def finds(self, find: _Q) -> _Q:
        """Declare what the palette finds here for some words (empty: what matters most)."""
        self.finders.append(find)
        return find
