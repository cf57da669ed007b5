"""What a page shows when it cannot show what was asked: not found, forbidden, conflict, a fault of ours, sign-in."""

from __future__ import annotations

from msgspec import Struct

from modelyard.kernel.errors import YardError
from modelyard.ui.kit.pages import Crumb, Page


class TroubleData(Struct, frozen=True):
    """An error told to a person."""

    status: int
    code: str
    title: str
    detail: str
    asked: str


class EntranceData(Struct, frozen=True):
    """The sign-in page: `code` is that of a link which works once."""

    code: str
    to: str
    fault: str


def trouble_page(error: YardError, *, asked: str) -> Page:
    """The page of an error."""
    data = TroubleData(error.status, error.code, error.title, error.detail, asked)
    return Page(error.title, data, crumbs=(Crumb(error.title),), status=error.status)
