"""Find or do anything: what the palette shows, as a page that also works without script and as its JSON twin.

Words go to each slice's finders; a pasted ref opens its thing. Nothing here searches by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from msgspec import Struct

from modelyard.kernel import refs
from modelyard.kernel.errors import InvalidInput, YardError
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.frame import NAV
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Found, Page, Screens
from modelyard.ui.kit.refs import shown

LIMIT = 60


class FindingsData(Struct, frozen=True):
    """What was found for some words, best first within each group."""

    words: str
    found: tuple[Found, ...]


def matches(words: str, text: str) -> bool:
    """True if every word begins a part of `text`, whatever the case.

    >>> matches("ti dr", "tips-drift")
    True
    """
    whole = text.lower()
    return all(word in whole for word in words.lower().split())


def screens(others: Sequence[Screens]) -> Screens:
    """The page `/find` over the finders of all other screens, and `/go` that opens a pasted ref."""
    mine = Screens("find")

    @mine.page("/find", template="kit/find.html")
    def find(calls: PageCalls, ask: Ask) -> Page:
        words = ask.text("q").strip()[:200]
        found = [*_pasted(words), *_pages(words)]
        for other in others:
            for finder in other.finders:
                try:
                    found.extend(finder(calls, words))
                except YardError:
                    continue  # a slice that this actor may not read finds nothing for them
        data = FindingsData(words, tuple(found[:LIMIT]))
        foot = Foot(call=f"GET /find?q={quote(words)}", cli=f"yard find {words}".strip())
        return Page("Find", data, crumbs=(Crumb("Find"),), foot=foot)

    @mine.page("/go", template="kit/find.html")
    def go(calls: PageCalls, ask: Ask) -> Done:  # noqa: ARG001 - every page is called alike
        return Done(shown(ask.text("ref")[:2000]).href)

    return mine


def _pasted(words: str) -> list[Found]:
    try:
        refs.parts(words)
    except InvalidInput:
        return []
    ref = shown(words)
    return [
        Found(ref.text, ref.href, "open", ref.icon),
        Found(f"Walk from {ref.text}", f"/lineage?ref={quote(words, safe=':@')}", "", "lineage"),
    ]


def _pages(words: str) -> list[Found]:
    return [
        Found(word.text, word.href, f"G then {word.jump}" if word.jump else "", word.icon, "Pages")
        for _, group in NAV
        for word in group
        if matches(words, word.text)
    ]
