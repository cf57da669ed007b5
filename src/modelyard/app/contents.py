"""The contents of a home's file sets, read without a service: for readers that train on the yard's own machine.

It may be sent to another process, which opens the store anew. It changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from modelyard.lake.api import FileFacts
from modelyard.ports.objects import Digest, Objects


class StoredContents:
    """Contents where they are stored, sealed or not; implements `sdk.filesets.contents.Contents`.

    Args:
        address: of the contents.
        home: whose secrets hold the keys of seals.
    """

    def __init__(self, address: str, home: Path) -> None:
        self._address = address
        self._home = home
        self._opened: tuple[int, Objects] | None = None

    def __reduce__(self) -> tuple[type[StoredContents], tuple[str, Path]]:
        """It travels as where it looks."""
        return StoredContents, (self._address, self._home)

    def local(self, digest: str) -> Path | None:
        """A content as a file of its own on this machine."""
        return self._objects().local(Digest(digest))

    def many(self, fileset: str, wanted: Sequence[FileFacts]) -> dict[str, bytes]:  # noqa: ARG002 - sets share contents
        """Contents by digest, each checked against its hash."""
        objects = self._objects()
        return {each.digest: b"".join(objects.read(Digest(each.digest))) for each in wanted}

    def _objects(self) -> Objects:
        if self._opened is None or self._opened[0] != os.getpid():
            from modelyard.adapters.objects import open_objects
            from modelyard.adapters.seals import Keyring
            from modelyard.adapters.secrets import open_secrets

            keys = Keyring(lambda: open_secrets(self._home / "state"))
            self._opened = (os.getpid(), open_objects(self._address, spool=self._home / "run", keys=keys))
        return self._opened[1]
