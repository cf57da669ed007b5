"""Pages of a search: the cursor holds how many rows came before, as MLflow's page tokens do."""

from __future__ import annotations

from typing import TypeVar

from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.pages import Page, encode_cursor, place_of
from modelyard.tracking.api import View

T = TypeVar("T")


def offset_of(cursor: str | None) -> int:
    """How many rows to skip.

    Raises:
        InvalidInput: the cursor is not one of ours.
    """
    offset = place_of(cursor or None, 0)
    if not 0 <= offset < 2**53:
        raise InvalidInput("Invalid page token; start again without it")
    return offset


def page_from(items: list[T], *, more: bool, offset: int) -> Page[T]:
    """A page that begins at `offset`."""
    return Page(items, encode_cursor(offset + len(items)) if more else None)


def stages_of(view: View) -> list[str]:
    """The stages that a view shows."""
    return ["active", "deleted"] if view is View.ALL else [view.value]
