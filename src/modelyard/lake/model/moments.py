"""What stands behind the `@` of a table: a version, a moment, or the name of a tag or a branch."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from msgspec import Struct

from modelyard.kernel.clock import to_ms
from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.refs import NAME_PATTERN

_NUMBER = re.compile(r"v?([0-9]{1,15})")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*")
_NAME = re.compile(NAME_PATTERN)
MAIN = "main"


class At(Struct, frozen=True):
    """Which version is meant; all None: the newest on `main`."""

    version: int | None = None
    moment_ms: int | None = None
    name: str | None = None


def parse_at(text: str | None) -> At:
    """Read what stands behind the `@`.

    >>> parse_at("12")
    At(version=12, moment_ms=None, name=None)

    Raises:
        InvalidInput: it is neither a version, a moment nor a name.
    """
    if text is None or text in ("", MAIN):
        return At()
    if found := _NUMBER.fullmatch(text):
        return At(version=int(found[1]))
    if _MOMENT.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as err:
            raise InvalidInput(f"{text[:40]!r} is no moment; write e.g. 2026-11-01T00:00Z") from err
        return At(moment_ms=to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC)))
    if _NAME.fullmatch(text):
        return At(name=text)
    raise InvalidInput(f"{text[:40]!r} is neither a version (12), a tag, a branch nor a moment (2026-11-01T00:00Z)")


def check_name(name: str, what: str) -> None:
    """Refuse a name for a branch or a tag that would be read as something else.

    Raises:
        InvalidInput: it is `main`, or reads as a version or a moment.
    """
    if name == MAIN or _NUMBER.fullmatch(name) or _MOMENT.fullmatch(name):
        raise InvalidInput(f"a {what} cannot be called {name!r}: that names a version, a moment or the main branch")
