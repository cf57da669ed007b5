"""Refs: the one way to name a thing anywhere: `kind:name` or `kind:name@version`.

`table:trips@12`, `run:run_01J...`, `model:tips@3`, `model:tips@production`, `prediction:pred_...`. A ref is plain text
with a static type of its own, so it costs nothing on a wire. Characters that would break the form are written as
`%XX`. This module never resolves a ref.
"""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple, NewType
from urllib.parse import quote, unquote

from msgspec import Meta

from modelyard.kernel.errors import InvalidInput

Ref = NewType("Ref", str)

NAME_PATTERN = r"^[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_])?$"
Name = Annotated[
    str,
    Meta(
        pattern=NAME_PATTERN,
        min_length=1,
        max_length=120,
        description="letters, digits, `_`, `-` and `.`; starts and ends with a letter, digit or `_`",
    ),
]
"""What a person may call a table, view, model, flow or endpoint: safe in a path, a URL and a shell."""

_SAFE = "/-_.~ +=,!()[]{}$&'*"
_KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FORM = re.compile(r"([a-z][a-z0-9_]{0,39}):([^:@\x00-\x1f\x7f]{1,1000})(?:@([^:@\x00-\x1f\x7f]{1,300}))?")


class RefParts(NamedTuple):
    """A ref taken apart; `version` is a number, an alias or a branch as text, or None."""

    kind: str
    name: str
    version: str | None


def ref(kind: str, name: str, version: int | str | None = None) -> Ref:
    """The ref of a thing.

    >>> ref("table", "trips", 12)
    'table:trips@12'

    Raises:
        InvalidInput: the kind is not a lower-case word, or the name is empty.
    """
    if not _KIND.fullmatch(kind) or not name:
        raise InvalidInput(f"a ref needs a lower-case kind and a name, not {kind[:40]!r}:{name[:40]!r}")
    tail = "" if version is None else "@" + quote(str(version), safe=_SAFE)
    return Ref(f"{kind}:{quote(name, safe=_SAFE)}{tail}")


def parts(text: str) -> RefParts:
    """Take a ref apart.

    >>> parts("model:tips@production")
    RefParts(kind='model', name='tips', version='production')

    Raises:
        InvalidInput: the text is not a ref.
    """
    if (found := _FORM.fullmatch(text)) is None:
        raise InvalidInput(f"{text[:80]!r} is not a ref; write kind:name or kind:name@version, e.g. table:trips@12")
    kind, name, version = found.groups()
    return RefParts(kind, unquote(name), None if version is None else unquote(version))
