"""The page of a list: its state in words, then its rows; the first page and the way to the next, never all rows."""

from __future__ import annotations

from msgspec import Struct

from modelyard.ui.kit.pages import Crumb, Foot, Page
from modelyard.ui.kit.tables import Table


class ListData(Struct, frozen=True):
    """What a list shows; `lines` are the commands that fill it when it is empty at first.

    `where` is the filter as it was given, None if the list takes none; `ways` lead on, as (words, address, icon).
    """

    title: str
    state: str
    table: Table
    empty: str
    lines: str
    filtered: bool = False
    where: str | None = None
    clear: str = ""
    hint: str = ""
    ways: tuple[tuple[str, str, str], ...] = ()


def list_page(data: ListData, foot: Foot) -> Page:
    """The page of a list."""
    return Page(data.title, data, (Crumb(data.title),), foot)
