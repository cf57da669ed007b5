"""Whether a text names somebody: a value sought in texts, in pairs of a name and a value, and in JSON within JSON.

A long value counts wherever it stands for itself, by the same rule by which the files of a home are searched for it
afterwards; a short one is found in any text by chance, and counts only under a name that says whose it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote

SHORTEST = 6
"""A value of fewer bytes is found in any larger text by chance."""
USERS = ("mlflow.user", "mlflow.trace.user", "user.id", "enduser.id")
"""Names under which it is said who a user is."""
MARK = "(forgotten)"
"""What stands where somebody was named."""

_DEEP = 8
_BEGINS = r"(?:(?<!\w)|(?<=\\[a-z])|(?<=\\x[0-9a-fA-F]{2})|(?<=\\u[0-9a-fA-F]{4})|(?<=%[0-9a-fA-F]{2}))"
_ESCAPED = re.compile(r"[^\w .@:\-]|\x7f")
_CORE = re.compile(r"[0-9A-Za-z]+")


class Sought:
    """A value, and the names under which it counts however short it is.

    Attributes:
        value: what is sought.
        patterns: LIKE patterns, one of which fits any text that names it, however often JSON escaped it.
    """

    def __init__(self, value: str, names: Sequence[str] = ()) -> None:
        self.value = value
        self._names = frozenset((*names, *USERS))
        percent = quote(value.encode("utf-8", "surrogatepass"), safe="")
        self.patterns = _patterns(value, percent)
        self._core = max(_CORE.findall(value), key=len, default="")
        either = "|".join(re.escape(form) for form in sorted(_forms(value, percent), key=len, reverse=True))
        self._alone = re.compile(rf"{_BEGINS}(?:{either})(?!\w)")
        self._longer = re.compile(rf"\w*(?:{either})\w*")
        self._is_long = len(value.encode("utf-8", "surrogatepass")) >= SHORTEST

    def may_be_in(self, text: str) -> bool:
        """False if the text cannot name it, however it is escaped; quick."""
        return self._core in text

    def stands_in(self, text: str) -> bool:
        """True if a long value stands for itself in the text, as it is, percent-encoded or escaped."""
        return self._is_long and self._alone.search(text) is not None

    def is_told(self, text: str) -> bool:
        """True if a text holds the value for itself or, being JSON, under one of the names."""
        return self._core in text and (self.stands_in(text) or self._is_within(text, _DEEP))

    def is_under(self, pairs: Mapping[str, str]) -> bool:
        """True if pairs hold the value, under one of the names or anywhere."""
        return any(self._is_paired(key, value) for key, value in pairs.items())

    def longer(self, text: str) -> Iterator[str]:
        """Words of a text that hold a long value within them."""
        if self._is_long and self._core in text:
            for word in self._longer.finditer(text):
                if self._alone.search(text, word.start(), word.end()) is None:
                    yield word.group()

    def _is_paired(self, key: str, value: str) -> bool:
        return (key in self._names and plain(value) == self.value) or self.stands_in(key) or self.is_told(value)

    def _is_within(self, text: str, depth: int) -> bool:
        """True if a JSON text holds the value, in a text of its own or under one of the names."""
        if depth == 0 or self._core not in text or text[:1] not in ("{", "[", '"'):
            return False
        try:
            found: object = json.loads(text)
        except (ValueError, RecursionError):
            return False
        return any(self._is_leaf(key, value, depth) for key, value in _leaves(found))

    def _is_leaf(self, key: str, value: object, depth: int) -> bool:
        if (key in self._names and _said(value) == self.value) or self.stands_in(key):
            return True
        return isinstance(value, str) and (self.stands_in(value) or self._is_within(value, depth - 1))


def plain(value: str) -> str:
    """A JSON value as one would say it: text without its quotes."""
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, str) else value


def is_document(text: str) -> bool:
    """True if a text is a JSON object or list, which who wrote it may want to parse again."""
    if text[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def without(found: object, sought: Sought, under: str = "") -> object:
    """A JSON value with the mark for each text that names somebody, without the keys that do; numbers stay."""
    if isinstance(found, Mapping):
        return {key: without(each, sought, key) for key, each in found.items() if not sought.stands_in(key)}
    if isinstance(found, list):
        return [without(each, sought, under) for each in found]
    return MARK if isinstance(found, str) and sought.is_under({under: found}) else found


def _forms(value: str, percent: str) -> set[str]:
    """The value as it is, percent-encoded, and as JSON escapes it within texts that are cut off."""
    found = {value, percent}
    for _ in range(2):
        found |= {json.dumps(form, ensure_ascii=plain_only)[1:-1] for form in found for plain_only in (True, False)}
    return found


def _patterns(value: str, percent: str) -> tuple[str, ...]:
    """LIKE patterns: what an escape may change stands for anything, a letter beyond ASCII also for its number."""
    loose = _ESCAPED.sub("%", value)
    units = "".join(c if c.isascii() else "%u____" * (len(c.encode("utf-16-le", "surrogatepass")) // 2) for c in loose)
    return tuple(dict.fromkeys(f"%{each}%" for each in (loose, units, percent)))


def _leaves(found: object) -> Iterable[tuple[str, object]]:
    """Every value of a JSON document that holds no others, with the name that it stands under."""
    left: list[tuple[str, object]] = [("", found)]
    while left:
        name, value = left.pop()
        if isinstance(value, Mapping):
            left += value.items()
        elif isinstance(value, list):
            left += [(name, each) for each in value]
        else:
            yield name, value


def _said(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
