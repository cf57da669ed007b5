"""What can stand on the stack of a walk along a pickle: constants, and these descriptions of everything else.

A description never holds the thing itself: nothing is imported or made.
"""

from __future__ import annotations

from typing import Any

from modelyard.registry.model.allowed import Use


class Named:
    """A global that the stream asks for."""

    __slots__ = ("module", "name", "use")

    def __init__(self, module: str, name: str, use: Use | None) -> None:
        self.module = module
        self.name = name
        self.use = use

    @property
    def key(self) -> tuple[str, str]:
        """Module and name."""
        return (self.module, self.name)


class Made:
    """What a call gives: an object of which only the maker is known."""

    __slots__ = ("args", "maker", "state")

    def __init__(self, maker: Named | None = None, args: Any = None) -> None:
        self.maker = maker
        self.args = args
        self.state: Any = None


class Filled:
    """A list, set or dict of the stream's own; short ones with plain keys are remembered."""

    __slots__ = ("items", "partly")

    def __init__(self) -> None:
        self.items: dict[str, Any] = {}
        self.partly = False


class Mark:
    """Where a group of items begins."""

    __slots__ = ()


class Vague:
    """A constant too long to keep."""

    __slots__ = ()


MARK = Mark()
VAGUE = Vague()


class BrokenStreamError(ValueError):
    """The stream does what no pickler writes; a loader may have run half of it by then."""


_SIZE_OF = {"U": 4}


def size_of(dtype: Any) -> int | None:
    """Bytes of one item of a described dtype."""
    if not isinstance(dtype, Made) or dtype.maker is None or dtype.maker.key[1] != "dtype":
        return None
    args = dtype.args
    text = args[0] if isinstance(args, tuple) and args and isinstance(args[0], str) else ""
    letter, digits = text.lstrip("<>|=")[:1], text.lstrip("<>|=")[1:]
    return int(digits) * _SIZE_OF.get(letter, 1) if letter and digits.isdigit() else None


def holds_objects(dtype: Any) -> bool:
    """True if items of a described dtype are, or may be, Python objects."""
    waiting, seen = [dtype], 0
    while waiting and seen < 10_000:
        seen += 1
        here = waiting.pop()
        if isinstance(here, Made):
            if isinstance(here.args, tuple) and here.args and str(here.args[0]).lstrip("<>|=").startswith("O"):
                return True
            waiting.append(here.state)
        elif isinstance(here, tuple):
            waiting += here
        elif isinstance(here, Filled):
            if here.partly:
                return True
            waiting += here.items.values()
    return seen >= 10_000
