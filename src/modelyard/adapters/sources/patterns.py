"""Patterns of file names: `*` and `?` within a folder, `**` across folders, `[a-c]` a choice."""

from __future__ import annotations

import re

from modelyard.kernel.errors import InvalidInput

_SPECIAL = re.compile(r"[*?\[]")
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart", ".swp", "~")


def is_pattern(text: str) -> bool:
    """True if a text chooses among names rather than being one."""
    return _SPECIAL.search(text) is not None


def cut(path: str) -> tuple[str, str]:
    """A path as the folder that is certain and the pattern below it.

    >>> cut("/data/in/*.csv")
    ('/data/in', '*.csv')
    >>> cut("/data/in/a.csv")
    ('/data/in/a.csv', '')
    >>> cut("/data/**/x-?.csv")
    ('/data', '**/x-?.csv')
    """
    parts = path.split("/")
    for place, part in enumerate(parts):
        if is_pattern(part):
            return "/".join(parts[:place]), "/".join(parts[place:])
    return path, ""


def matcher(pattern: str) -> re.Pattern[str]:
    """What a whole name must match.

    Raises:
        InvalidInput: a choice is never closed.
    """
    made, place = "", 0
    while place < len(pattern):
        char = pattern[place]
        if pattern.startswith("**/", place):
            made, place = made + "(?:[^/]+/)*", place + 3
            continue
        if pattern.startswith("**", place):
            made, place = made + ".*", place + 2
            continue
        if char == "[":
            end = pattern.find("]", place + 2)
            if end < 0:
                raise InvalidInput(f"the pattern {pattern[:80]!r} opens a choice with [ and does not close it")
            inside = pattern[place + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            inside = "^" + inside[1:] if inside.startswith("!") else inside.replace("^", "\\^", 1)
            made, place = made + f"[{inside}]", end + 1
            continue
        made += {"*": "[^/]*", "?": "[^/]"}.get(char) or re.escape(char)
        place += 1
    try:
        return re.compile(made, re.DOTALL)
    except re.error as err:
        raise InvalidInput(f"the pattern {pattern[:80]!r} cannot be read: {err}") from err


def is_unfinished(name: str) -> bool:
    """True for names under which programs keep what they have not finished, and for hidden files."""
    last = name.rpartition("/")[2]
    return last.startswith((".", "_")) or last.endswith(_UNFINISHED)
