"""The online port: the newest packed row of each entity, by view, version and key, answered in microseconds.

Rows and keys are bytes whose meaning the features slice alone knows. What is kept here can be built anew from the
tables, so the newest writes may be lost with the machine's power, never with the process. Expiry is decided by who
reads, never here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

KEY_BYTES = 320
"""The longest key that every adapter takes."""

Combine = Callable[[bytes | None, bytes], bytes]
"""What to keep of the row that stands there (None: none does) and the one that comes. Pure; may be called again."""


class Online(Protocol):
    """One home's online rows; several threads and processes may use them at once."""

    def get(self, view: str, version: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The rows of `keys`, in their order; None where there is no row."""
        ...

    def put(self, view: str, version: int, rows: Mapping[bytes, bytes]) -> None:
        """Write rows over whatever stands there; readers see each row whole.

        Raises:
            InvalidInput: a key is empty or longer than `KEY_BYTES`.
        """
        ...

    def merge(self, view: str, version: int, rows: Mapping[bytes, bytes], combine: Combine) -> None:
        """Write `combine(old, new)` for each row; nobody else's write of the same row is lost in between.

        Raises:
            InvalidInput: a key is empty or longer than `KEY_BYTES`.
        """
        ...

    def delete(self, view: str, version: int, keys: Sequence[bytes]) -> int:
        """Remove rows; how many there were."""
        ...

    def rows(self, view: str, version: int) -> Iterator[tuple[bytes, bytes]]:
        """Every key and row of a view's version, in no particular order; changes meanwhile may or may not show."""
        ...

    def drop(self, view: str, version: int) -> int:
        """Remove all rows of a view's version; how many there were."""
        ...

    def scrub(self) -> None:
        """Make sure that bytes of deleted rows are not left on a disk that the adapter writes; for erasure."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
