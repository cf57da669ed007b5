"""Where the files of a store lie: below one folder that the user named, whatever the store says about paths."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from modelyard.adapters.mlflow.store import File
from modelyard.kernel.errors import NotFound

_CHUNK = 1 << 20


class Places:
    """Files below a root.

    Args:
        root: the folder; None: the user named none, so no file is read.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root.resolve() if root is not None else None

    def files(self, location: str) -> Iterator[File]:
        """The files below a location; none where there is no such folder.

        Raises:
            NotFound: it does not lie below the root, or nobody named a root.
        """
        top = self._folder(location)
        for folder, names, leaves in os.walk(top):
            names.sort()
            for leaf in sorted(leaves):
                path = Path(folder) / leaf
                if path.is_symlink() and not self._inside(path):
                    raise NotFound(f"{path} is a link that leads out of {self._root}; it is not followed")
                if path.is_file():
                    name = path.relative_to(top).as_posix()
                    yield File(path=name, size_bytes=path.stat().st_size, read=partial(_chunks, path))

    def _folder(self, location: str) -> Path:
        if self._root is None:
            raise NotFound(f"files lie in {location}; name the folder that holds them: --artifacts FOLDER")
        said = urlsplit(location)
        if said.scheme not in ("", "file", "mlflow-artifacts") or (said.scheme == "file" and said.netloc):
            raise NotFound(f"files lie in {location}; only folders of this machine are read")
        path = Path(unquote(said.path) if said.scheme else location)
        parts = [part for part in path.parts if part not in ("/", ".")]
        if ".." in parts:
            raise NotFound(f"{location} leads upwards; it is not followed")
        if said.scheme == "mlflow-artifacts":
            return self._checked(self._root.joinpath(*parts), location)
        if self._inside(path):
            return path
        # The store was moved, or its server saw the folder under another name: what tells is the end of the path.
        count = 3 if {"models", "traces"}.isdisjoint(parts[-3:]) else 4
        return self._checked(self._root.joinpath(*parts[-count:]), location)

    def _checked(self, path: Path, location: str) -> Path:
        if not self._inside(path):
            raise NotFound(f"{location} does not lie below {self._root}; it is not read")
        return path

    def _inside(self, path: Path) -> bool:
        return self._root is not None and path.resolve().is_relative_to(self._root)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
