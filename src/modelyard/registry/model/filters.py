"""MLflow's filter and order language for registered models and versions: text to conditions, refused with a reason.

`name LIKE 'tip%' AND tags."my key" = 'x'`; comparisons are joined by AND alone, as MLflow has it. It knows no table.
"""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct

from modelyard.kernel.errors import InvalidInput

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`)
    |(?P<number>-?[0-9]+(?:\.[0-9]+)?)
    |(?P<compare><=|>=|!=|<>|=|<|>)
    |(?P<mark>[(),.])
    |(?P<word>[A-Za-z_][\w\-]*)
    )""",
    re.VERBOSE,
)
_MOST = 100
_LONGEST = 10_000


class Kind(StrEnum):
    """What a condition looks at."""

    TEXT = "text"
    NUMBER = "number"
    TAG = "tag"


class Condition(Struct, frozen=True):
    """One comparison; `key` is an attribute, or the name of a tag; the value of IN is a tuple."""

    kind: Kind
    key: str
    comparator: str
    value: str | int | tuple[str | int, ...]


class Order(Struct, frozen=True):
    """One key of an order."""

    key: str
    ascending: bool


class Words(Struct, frozen=True):
    """What one search knows.

    Attributes:
        text, numbers: attribute as clients write it -> our name for it.
        orders: the same for what can be sorted by.
    """

    thing: str
    text: dict[str, str]
    numbers: dict[str, str]
    orders: dict[str, str]


_TIMES = {
    "creation_timestamp": "created_ms", "last_updated_timestamp": "updated_ms", "timestamp": "updated_ms",
}  # fmt: skip
MODELS = Words(thing="registered models", text={"name": "name"}, numbers={}, orders={"name": "name", **_TIMES})
VERSIONS = Words(
    thing="model versions",
    text={"name": "name", "run_id": "run", "source_path": "source"},
    numbers={"version_number": "number", "version": "number", **_TIMES},
    orders={"name": "name", "version_number": "number", "version": "number", **_TIMES},
)
_TEXT_COMPARES = frozenset({"=", "!=", "LIKE", "ILIKE", "IN", "NOT IN"})
_NUMBER_COMPARES = frozenset({"=", "!=", "<", "<=", ">", ">=", "IN", "NOT IN"})
_TAG_COMPARES = frozenset({"=", "!=", "LIKE", "ILIKE"})


class _Tokens:
    """The words of a filter, one after the other."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.items: list[tuple[str, str]] = []
        place = 0
        while place < len(text.rstrip()):
            found = _TOKEN.match(text, place)
            if found is None:
                raise InvalidInput(
                    f"Invalid filter string {text[:200]!r}: cannot be read at {text[place : place + 30]!r}"
                )
            self.items.append((str(found.lastgroup), found[str(found.lastgroup)]))
            place = found.end()
        self.place = 0

    def peek(self) -> tuple[str, str]:
        return self.items[self.place] if self.place < len(self.items) else ("end", "")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self.place += 1
        return token

    def takes_word(self, word: str) -> bool:
        kind, text = self.peek()
        if kind == "word" and text.upper() == word:
            self.place += 1
            return True
        return False

    def fail(self, expected: str) -> InvalidInput:
        kind, text = self.peek()
        here = "its end" if kind == "end" else repr(text[:40])
        return InvalidInput(f"Invalid filter string {self.text[:200]!r}: expected {expected} at {here}")


def parse(text: str, words: Words) -> list[Condition]:
    """The conditions of a filter; none for an empty one.

    Raises:
        InvalidInput: it cannot be read, or asks for what this search does not know.
    """
    if len(text) > _LONGEST:
        raise InvalidInput(f"Invalid filter string: it has {len(text)} characters of at most {_LONGEST}")
    tokens = _Tokens(text)
    found: list[Condition] = []
    while tokens.peek()[0] != "end":
        if found and not tokens.takes_word("AND"):
            raise tokens.fail("AND")
        found.append(_condition(tokens, words))
        if len(found) > _MOST:
            raise InvalidInput(f"Invalid filter string: more than {_MOST} comparisons")
    return found


def _condition(tokens: _Tokens, words: Words) -> Condition:
    kind, key = _left(tokens, words)
    comparator = _comparator(tokens)
    allowed = {Kind.TEXT: _TEXT_COMPARES, Kind.NUMBER: _NUMBER_COMPARES, Kind.TAG: _TAG_COMPARES}[kind]
    if comparator not in allowed:
        raise InvalidInput(
            f"Invalid comparator {comparator!r} for {key[:80]!r} of {words.thing}; use one of {sorted(allowed)}"
        )
    if comparator in ("IN", "NOT IN"):
        return Condition(kind, key, comparator, _several(tokens, kind))
    return Condition(kind, key, comparator, _value(tokens, kind))


def _left(tokens: _Tokens, words: Words) -> tuple[Kind, str]:
    kind, text = tokens.take()
    if kind == "string" and text[0] == "`":
        kind, text = "word", text[1:-1]
    if kind != "word":
        tokens.place -= 1
        raise tokens.fail("an attribute or a tag")
    if tokens.peek() != ("mark", "."):
        return _attribute(text, words)
    tokens.take()
    if text.lower() in ("attribute", "attributes", "attr"):
        return _attribute(tokens.take()[1].strip("`\"'"), words)
    if text.lower() not in ("tag", "tags"):
        raise InvalidInput(
            f"Invalid entity {text[:40]!r} in a filter of {words.thing}; use an attribute or tags.<name>"
        )
    return Kind.TAG, _tag_key(tokens)


def _tag_key(tokens: _Tokens) -> str:
    kind, text = tokens.take()
    if kind == "string":
        return text[1:-1]
    if kind not in ("word", "number"):
        tokens.place -= 1
        raise tokens.fail("the name of a tag")
    while tokens.peek() == ("mark", "."):
        tokens.take()
        text += "." + tokens.take()[1]
    return text


def _attribute(name: str, words: Words) -> tuple[Kind, str]:
    if name in words.text:
        return Kind.TEXT, words.text[name]
    if name in words.numbers:
        return Kind.NUMBER, words.numbers[name]
    known = sorted([*words.text, *words.numbers])
    raise InvalidInput(f"Invalid attribute key {name[:80]!r} in a filter of {words.thing}; it knows {known} and tags")


def _comparator(tokens: _Tokens) -> str:
    kind, text = tokens.take()
    if kind == "compare":
        return "!=" if text == "<>" else text
    upper = text.upper()
    if kind == "word" and upper in ("LIKE", "ILIKE", "IN"):
        return upper
    if kind == "word" and upper == "NOT" and tokens.takes_word("IN"):
        return "NOT IN"
    tokens.place -= 1
    raise tokens.fail("a comparison")


def _value(tokens: _Tokens, kind: Kind) -> str | int:
    sort, text = tokens.take()
    if sort == "string" and text[0] != "`":
        return _number(text[1:-1]) if kind is Kind.NUMBER else text[1:-1].replace("\\'", "'").replace('\\"', '"')
    if sort == "number" and kind is Kind.NUMBER:
        return _number(text)
    tokens.place -= 1
    raise tokens.fail("a number" if kind is Kind.NUMBER else "a value in quotes")


def _several(tokens: _Tokens, kind: Kind) -> tuple[str | int, ...]:
    if tokens.take() != ("mark", "("):
        tokens.place -= 1
        raise tokens.fail("a list in brackets")
    found = [_value(tokens, kind)]
    while tokens.peek() == ("mark", ","):
        tokens.take()
        found.append(_value(tokens, kind))
    if tokens.take() != ("mark", ")") or len(found) > _MOST:
        tokens.place -= 1
        raise tokens.fail(f"a closing bracket after at most {_MOST} values")
    return tuple(found)


def _number(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise InvalidInput(f"{text[:40]!r} is no whole number")
    return int(text)


def parse_orders(clauses: list[str] | None, words: Words) -> list[Order]:
    """The keys of an order, each `attribute [ASC|DESC]`.

    Raises:
        InvalidInput: one cannot be read, or is named twice.
    """
    found: list[Order] = []
    for clause in clauses or []:
        parts = clause.replace("`", "").split()
        way = parts[1].upper() if len(parts) == 2 else "ASC"
        if not parts or len(parts) > 2 or way not in ("ASC", "DESC") or parts[0] not in words.orders:
            raise InvalidInput(
                f"Invalid order_by clause {clause[:80]!r} for {words.thing}; write one of {sorted(words.orders)}, "
                "then ASC or DESC"
            )
        key = words.orders[parts[0]]
        if any(o.key == key for o in found):
            raise InvalidInput(f"`order_by` contains duplicate fields: {parts[0]!r}")
        found.append(Order(key, way == "ASC"))
    return found
