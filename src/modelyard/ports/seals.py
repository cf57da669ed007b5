"""The seals port: files of the home that lie sealed on its disk where the yard seals, and are read as if plain."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol


class Seals(Protocol):
    """How some files of one home are written and read."""

    def create(self, path: Path) -> BinaryIO:
        """A new file, written from its beginning to its end; none of its plain bytes reach the disk if it is sealed."""
        ...

    def open(self, path: Path) -> BinaryIO:
        """The plain bytes of a file, sealed or not; it can be read at any place.

        Raises:
            FileNotFoundError: there is none.
            Damaged: it is not as it was sealed.
            Unavailable: its key is not among the yard's secrets.
        """
        ...

    def alone(self, folder: Path) -> AbstractContextManager[None]:
        """Hold the files of a folder against others that replace them, in whatever process."""
        ...
