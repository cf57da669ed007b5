"""Tables' files in a local folder: files are renamed in, and read where they lie."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from modelyard.adapters.disk import sync
from modelyard.kernel.errors import Unavailable


class FolderPlace:
    """One local folder, made on first use."""

    options: dict[str, str] | None = None
    shared = False

    def __init__(self, root: Path) -> None:
        self._root = root

    def address(self, location: str) -> str:
        """The folder's path."""
        return f"{self._root}/{location}" if location else str(self._root)

    def exists(self, location: str, path: str) -> bool:
        """True if the location has that file."""
        return (self._root / location / path).is_file()

    def make(self, location: str) -> None:
        """Make the folder."""
        (self._root / location).mkdir(parents=True)

    def take(self, location: str, path: str, source: Path) -> None:
        """Rename a finished file in; it is synced first."""
        sync(source)
        target = self._root / location / path
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)

    def local(self, location: str, path: str, *, size_bytes: int | None = None) -> Path:  # noqa: ARG002 - no copies here
        """The file itself."""
        return self._root / location / path

    def size(self, location: str, path: str) -> int | None:
        """The file's size; None if there is none."""
        file = self._root / location / path
        return file.stat().st_size if file.is_file() else None

    def read(self, location: str, path: str) -> bytes:
        """The whole of a small file."""
        try:
            return (self._root / location / path).read_bytes()
        except FileNotFoundError as err:
            raise Unavailable(f"table {location} has lost {path}; restore it from a backup") from err

    def write(self, location: str, path: str, content: bytes) -> None:
        """Put a small file in place: written beside, synced, renamed."""
        target = self._root / location / path
        fresh = target.with_name(f".{target.name}.tmp")
        fresh.write_bytes(content)
        sync(fresh)
        fresh.replace(target)

    def claim(self, location: str, path: str, content: bytes) -> bool:
        """Put a small file in place where there is none: written beside, synced, linked."""
        target = self._root / location / path
        fresh = target.with_name(f".{target.name}.{uuid4().hex}.tmp")
        try:
            fresh.write_bytes(content)
            sync(fresh)
            os.link(fresh, target)
        except FileExistsError:
            return False
        finally:
            fresh.unlink(missing_ok=True)
        sync(target.parent)
        return True

    def remove(self, location: str, path: str) -> bool:
        """Remove a file; False if there was none."""
        file = self._root / location / path
        found = file.is_file()
        file.unlink(missing_ok=True)
        return found

    def listing(self, location: str, *, before: datetime | None = None) -> list[str]:  # noqa: ARG002 - locks suffice
        """Every file below the folder."""
        root = self._root / location
        return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())

    def forget(self, location: str) -> None:
        """Nothing to do: there are no copies."""

    def drop(self, location: str) -> None:
        """Remove the folder."""
        folder = self._root / location
        if folder.exists():
            shutil.rmtree(folder)

    def locations(self, *, before: datetime | None = None) -> list[str]:  # noqa: ARG002 - locks suffice
        """Every folder."""
        return sorted(p.name for p in self._root.iterdir() if p.is_dir()) if self._root.is_dir() else []
