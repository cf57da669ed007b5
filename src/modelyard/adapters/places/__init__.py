"""Where the files of tables lie: a local folder, or a bucket of S3, Google Cloud Storage or Azure.

A place moves finished files in and gives them back as local paths; it knows nothing of what is in them. The address
picks it, and the library behind buckets is loaded only for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

from modelyard.adapters.objects import BUCKETS
from modelyard.kernel.errors import InvalidInput


class Place(Protocol):
    """One root below which every location is a folder of files."""

    @property
    def options(self) -> dict[str, str] | None:
        """What the Delta library wants to know to reach the place; None for a folder."""
        ...

    @property
    def shared(self) -> bool:
        """True if other machines may write here, whom no lock of this one keeps out."""
        ...

    def address(self, location: str) -> str:
        """Where a foreign reader opens the location."""
        ...

    def exists(self, location: str, path: str) -> bool:
        """True if the location has that file."""
        ...

    def make(self, location: str) -> None:
        """Make room for a new location."""
        ...

    def take(self, location: str, path: str, source: Path) -> None:
        """Take a finished local file over as `path`, durably; a file of that name is replaced whole."""
        ...

    def local(self, location: str, path: str, *, size_bytes: int | None = None) -> Path:
        """The file as a local path to read from.

        Args:
            size_bytes: what the log says of it; a copy of another size is fetched anew.

        Raises:
            Unavailable: the place has lost the file, or does not answer.
        """
        ...

    def size(self, location: str, path: str) -> int | None:
        """The file's size in bytes; None if there is none."""
        ...

    def read(self, location: str, path: str) -> bytes:
        """The whole of a small file."""
        ...

    def write(self, location: str, path: str, content: bytes) -> None:
        """Put a small file in place, durably, over one of that name."""
        ...

    def claim(self, location: str, path: str, content: bytes) -> bool:
        """Put a small file in place, durably, where there is none of that name; False if somebody was quicker."""
        ...

    def remove(self, location: str, path: str) -> bool:
        """Remove a file; False if there was none."""
        ...

    def listing(self, location: str, *, before: datetime | None = None) -> list[str]:
        """Every file below the location, in order of path.

        Args:
            before: leave out what was put there since.
        """
        ...

    def forget(self, location: str) -> None:
        """Drop local copies of a location: its files changed under their names."""
        ...

    def drop(self, location: str) -> None:
        """Remove the location with everything in it; nothing happens where there is none."""
        ...

    def locations(self, *, before: datetime | None = None) -> list[str]:
        """Every location that holds something.

        Args:
            before: leave out those where anything was put since.
        """
        ...


def open_place(address: str | Path, *, cache: Path, options: Mapping[str, str] | None = None) -> Place:
    """The place behind an address; a folder is made when something is put there, a bucket must exist.

    Args:
        address: a folder's path, or a bucket such as `s3://bucket/prefix`.
        cache: for a bucket, the local folder for copies of its files.
        options: for a bucket, e.g. `{"endpoint": "https://minio.example", "region": "eu-1"}`; what is not given comes
            from the environment (`AWS_ACCESS_KEY_ID`, ...).

    Raises:
        InvalidInput: the address is of no store known here, or an option is not known.
    """
    scheme, divider, _ = str(address).partition("://")
    if not divider or isinstance(address, Path):
        from modelyard.adapters.places.folder import FolderPlace

        return FolderPlace(Path(address))
    if scheme not in BUCKETS:
        raise InvalidInput(f"no store is known for {scheme}:// addresses; give a folder's path, s3://, gs:// or az://")
    from modelyard.adapters.places.bucket import BucketPlace

    return BucketPlace(str(address), cache=cache, options=options or {})
