"""Paths of files in a set: what may be one, on every system that may check it out. It looks at text, at no disk."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from modelyard.kernel.errors import InvalidInput

LONGEST_PATH = 1000
LONGEST_PART_BYTES = 250
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
)
_PLAIN_PART = r"[\w\-](?:[\w\-. ]{0,150}[\w\-])?"
_PLAIN = re.compile(rf"{_PLAIN_PART}(?:/{_PLAIN_PART})*", re.ASCII)
_DEVICE = re.compile(r"(?:^|/)(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:[./]|$)", re.IGNORECASE)
_FORBIDDEN = frozenset('\\:*?"<>|')


def check_path(path: str) -> str:
    """`path`, if it may name a file of a set.

    Raises:
        InvalidInput: it could leave a folder, or some system cannot hold a file of that name; the text says why.
    """
    if (why := fault_of(path)) is not None:
        raise InvalidInput(f"file {shown(path)} cannot be in a set: {why}; rename it and repeat. Nothing was added")
    return path


def fault_of(path: str) -> str | None:
    """Why a text is no path of a file; None if it is one."""
    if not path or len(path) > LONGEST_PATH:
        return f"a path has 1 to {LONGEST_PATH:,} characters, this one {len(path):,}"
    if _PLAIN.fullmatch(path) and not _DEVICE.search(path):
        return None
    if path.startswith("/") or path.endswith("/"):
        return "a path begins and ends with a name, not with `/`"
    try:
        path.encode()
    except UnicodeEncodeError:
        return "its name is not text in UTF-8"
    for part in path.split("/"):
        if (why := _part_fault(part)) is not None:
            return why
    return None


def _part_fault(part: str) -> str | None:
    if part in ("", ".", ".."):
        return f"{part!r} is no name of a file or folder"
    if len(part.encode()) > LONGEST_PART_BYTES:
        return f"a name of more than {LONGEST_PART_BYTES} bytes is too long for many systems"
    if any(ord(letter) < 32 or ord(letter) == 127 or letter in _FORBIDDEN for letter in part):
        return 'control characters and \\ : * ? " < > | are in no portable name'
    if part[-1] in ". " or part[0] == " ":
        return "a name that ends with a dot or a space, or begins with one, is not the same everywhere"
    if part.split(".", maxsplit=1)[0].lower() in _RESERVED:
        return f"{part!r} names a device on some systems"
    return None


def folded(path: str) -> str:
    """The text under which systems that ignore letter case or the form of accents know a path."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).lower())


def check_clashes(paths: Iterable[str]) -> dict[str, str]:
    """Folded form -> path, of paths that are all different on every system.

    Raises:
        InvalidInput: two are the same path, or the same but for letter case or accents, or one is a folder of another.
    """
    known: dict[str, str] = {}
    for path in paths:
        form = folded(path)
        if (other := known.get(form)) is not None:
            raise InvalidInput(clash(path, other))
        known[form] = path
    for form, path in known.items():
        for end in (place for place, letter in enumerate(form) if letter == "/"):
            if (other := known.get(form[:end])) is not None:
                raise InvalidInput(clash(path, other))
    return known


def clash(path: str, other: str) -> str:
    """Why two files cannot be in one set."""
    if path == other:
        return f"file {shown(path)} comes twice; name each file once. Nothing was added"
    why = "letter case and accents do not tell files apart on every system"
    if len(folded(path)) != len(folded(other)):
        why = "one would be a folder of the other"
    return f"files {shown(path)} and {shown(other)} clash: {why}; rename one. Nothing was added"


def shown(path: str) -> str:
    """A path for an error: quoted, and cut where it is long."""
    text = ascii(path) if any(0xD800 <= ord(letter) <= 0xDFFF for letter in path) else repr(path)
    return text if len(text) <= 200 else f"{text[:120]}...{text[-60:]}"
