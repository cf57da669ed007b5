"""A segment tree of routes: finding one costs the same with three addresses or three hundred.

Paths are matched on the raw, still percent-encoded segments, so an encoded slash stays inside its segment; holes are
decoded as strict UTF-8. It knows nothing of what a route does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote_to_bytes

from modelyard.kernel.errors import Malformed, MethodNotAllowed

E = TypeVar("E")
_HOLE = re.compile(r"\{([a-z_]+)(\*?)\}")


class Match(NamedTuple, Generic[E]):
    """What answers a request, and the values of the holes in its path by name."""

    endpoint: E
    values: dict[str, str]


class Leaf(NamedTuple, Generic[E]):
    """An endpoint and the names of the holes in its path, in order."""

    endpoint: E
    holes: tuple[str, ...]


class _Node(Generic[E]):
    __slots__ = ("children", "hole", "tail", "verbs")

    def __init__(self) -> None:
        self.children: dict[str, _Node[E]] = {}
        self.hole: _Node[E] | None = None
        self.tail: _Node[E] | None = None
        self.verbs: dict[str, Leaf[E]] = {}


class Router(Generic[E]):
    """All addresses of one application."""

    def __init__(self) -> None:
        self._root: _Node[E] = _Node()
        self._paths: list[tuple[str, str, E]] = []

    def add(self, verb: str, path: str, endpoint: E) -> None:
        """Put an endpoint at `verb path`; `{hole}` takes one segment, `{hole*}` at the end all the rest.

        Raises:
            ValueError: the address is taken, or its form is not one of these.
        """
        node, holes = self._root, []
        segments = path.removeprefix("/").split("/")
        for i, segment in enumerate(segments):
            if (hole := _HOLE.fullmatch(segment)) is None:
                if "{" in segment:
                    raise ValueError(f"{path}: a hole fills a whole segment")
                node = node.children.setdefault(segment, _Node())
                continue
            holes.append(hole[1])
            if not hole[2]:
                node.hole = node.hole or _Node()
                node = node.hole
            elif i == len(segments) - 1:
                node.tail = node.tail or _Node()
                node = node.tail
            else:
                raise ValueError(f"{path}: {segment} takes the rest and must be last")
        if verb in node.verbs:
            raise ValueError(f"{verb} {path} is declared twice")
        node.verbs[verb] = Leaf(endpoint, tuple(holes))
        self._paths.append((verb, path, endpoint))

    def __iter__(self) -> Iterator[tuple[str, str, E]]:
        """Every route: verb, path, endpoint."""
        return iter(self._paths)

    def match(self, verb: str, raw_path: str) -> Match[E] | None:
        """What answers `verb` at a raw path; literal segments win over holes, holes over tails.

        Raises:
            MethodNotAllowed: the address is known, for other verbs.
            Malformed: a hole's value is not UTF-8 or holds a control character.
        """
        segments = raw_path[1:].split("/") if raw_path.startswith("/") else raw_path.split("/")
        values: list[str] = []
        node = self._find(self._root, segments, 0, values, verb)
        if node is not None:
            leaf = node.verbs[verb]
            return Match(leaf.endpoint, dict(zip(leaf.holes, map(_decode, values), strict=True)) if values else {})
        if (node := self._find(self._root, segments, 0, [], None)) is None:
            return None
        raise MethodNotAllowed(f"{raw_path[:200]} knows {', '.join(sorted(node.verbs))}, not {verb[:20]}")

    def _find(
        self, node: _Node[E], segments: list[str], at: int, values: list[str], verb: str | None
    ) -> _Node[E] | None:
        if at == len(segments):
            return node if (verb in node.verbs if verb is not None else node.verbs) else None
        segment = segments[at]
        if (child := node.children.get(segment)) is not None and (
            found := self._find(child, segments, at + 1, values, verb)
        ) is not None:
            return found
        if node.hole is not None and segment:
            values.append(segment)
            if (found := self._find(node.hole, segments, at + 1, values, verb)) is not None:
                return found
            values.pop()
        if node.tail is not None and (verb is None or verb in node.tail.verbs):
            values.append("/".join(segments[at:]))
            return node.tail
        return None


def _decode(value: str) -> str:
    if "%" not in value:
        text = value
    else:
        try:
            text = unquote_to_bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("the path holds bytes that are not UTF-8") from None
    if not text.isprintable() and any(c < " " or c == "\x7f" for c in text):
        raise Malformed("the path holds a control character")
    return text
