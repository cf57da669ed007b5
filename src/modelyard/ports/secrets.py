"""The secrets port: passwords and keys that the yard needs for other systems, by name.

A value comes wrapped in a `Secret`, which shows itself in no log, message, record or traceback; only `reveal` gives
it away, at the last moment, to whoever opens the connection. Who may ask for which name is governance's business.
"""

from __future__ import annotations

from typing import Protocol

NAME_FORM = r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]{0,118}[A-Za-z0-9_])?"
"""What a secret may be called: as any name in the yard."""


class Secret:
    """A value that does not show itself.

    >>> Secret("hunter2")
    Secret(***)
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself; hand it on, never keep or log it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    __hash__ = None  # type: ignore[assignment]  # a secret is no key of anything

    def __reduce__(self) -> str:
        raise TypeError("a secret is not copied into files or other processes; pass its name")


class Secrets(Protocol):
    """One home's secrets."""

    writable: bool
    """False where somebody else keeps them: then `put` and `delete` raise Conflict."""

    def get(self, name: str) -> Secret | None:
        """The secret of that name; None if there is none.

        Raises:
            InvalidInput: the name is not one that a secret can have.
            Damaged: what is kept cannot be unsealed.
        """
        ...

    def put(self, name: str, value: Secret) -> None:
        """Keep a secret under a name, in place of what was there; it is safely stored when this returns."""
        ...

    def delete(self, name: str) -> bool:
        """Forget a secret; False if there was none."""
        ...

    def names(self) -> list[str]:
        """The names of all secrets, sorted; never a value."""
        ...
