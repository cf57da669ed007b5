"""The frame around a page: navigation in the order of the lifecycle, who looks, and what was just said."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from modelyard.ui.kit.pages import Count, Done


class Word(Struct, frozen=True):
    """A word of the navigation: `key` lights it, `jump` is the second key after G."""

    key: str
    text: str
    href: str
    icon: str
    jump: str = ""


NAV: tuple[tuple[str, tuple[Word, ...]], ...] = (
    ("", (Word("home", "Home", "/", "home", "H"), Word("inbox", "Inbox", "/inbox", "inbox", "N"))),
    (
        "Data",
        (
            Word("tables", "Tables", "/tables", "table", "T"),
            Word("filesets", "File sets", "/filesets", "layers", "I"),
            Word("sources", "Sources", "/sources", "load", "X"),
            Word("branches", "Branches", "/branches", "branch", "B"),
            Word("sql", "SQL", "/sql", "code", "S"),
            Word("quality", "Quality", "/quality", "shield", "Q"),
            Word("features", "Features", "/features", "columns", "F"),
        ),
    ),
    (
        "Build",
        (Word("pipelines", "Pipelines", "/pipelines", "pipeline", "P"), Word("runs", "Runs", "/runs", "play", "R")),
    ),
    (
        "Ship",
        (
            Word("models", "Models", "/models", "model", "M"),
            Word("proposals", "Proposals", "/proposals", "branch", "O"),
            Word("endpoints", "Endpoints", "/endpoints", "endpoint", "E"),
        ),
    ),
    (
        "Watch",
        (Word("monitors", "Monitors", "/monitors", "pulse", "W"), Word("alerts", "Alerts", "/alerts", "bell", "A")),
    ),
    (
        "Govern",
        (
            Word("lineage", "Lineage", "/lineage", "lineage", "L"),
            Word("audit", "Audit", "/audit", "list", "U"),
            Word("privacy", "Privacy", "/privacy", "lock", "Y"),
            Word("cost", "Cost", "/cost", "coin", "C"),
        ),
    ),
    ("Help", (Word("docs", "Docs", "/docs", "book", "D"),)),
)

KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Anywhere",
        (("find or do anything", "Ctrl K"), ("light or dark", "D"), ("this sheet", "?"), ("leave an overlay", "Esc")),
    ),
    (
        "Lists and tables",
        (
            ("next, previous row", "J K"),
            ("open", "Enter"),
            ("choose", "Space"),
            ("filter", "/"),
            ("copy its ref", "Y"),
            ("walk its lineage", "W"),
        ),
    ),
    (
        "In a chart, on an axis of a spread",
        (
            ("nearer, farther", "+ -"),
            ("move", "← →"),
            ("show all of a chart", "0"),
            ("move a range", "↑ ↓"),
            ("extend a range", "Shift ↑ ↓"),
            ("narrower, wider range", "← →"),
            ("choose all again", "Esc"),
        ),
    ),
)


class Vitals(Struct, frozen=True):
    """The line under the navigation: what the yard itself costs."""

    lead: str = ""
    rest: str = ""


class Frame(Struct, frozen=True):
    """All that the frame shows."""

    yard: str
    actor: str
    roles: tuple[str, ...]
    csrf: str
    counts: Mapping[str, Count]
    vitals: Vitals
    said: Done | None = None


def jumps() -> tuple[tuple[str, str, str], ...]:
    """The go-to keys: (letter, word, address)."""
    return tuple((w.jump, w.text, w.href) for _, words in NAV for w in words if w.jump)
