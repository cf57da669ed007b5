"""The operations on artifacts: files below a run or a logged model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from modelyard.kernel.operations import ANY, Effect, operation, stream
from modelyard.kernel.pages import Limit, Page
from modelyard.tracking.api.records import Artifact


class ArtifactOperations(ABC):
    """What can be done with artifacts; an owner is the id of a run or of a logged model."""

    @operation("GET", "/artifacts/{owner}", scope="tracking:read")
    @abstractmethod
    def artifacts(
        self, owner: str, folder: str = "", *, limit: Limit = 1000, cursor: str | None = None
    ) -> Page[Artifact]:
        """List the files and folders directly below a folder, by name; a file's own path gives nothing.

        Args:
            owner: id of a run or a logged model.
            folder: a path below the owner; by default its root.
            limit: rows in one page.
            cursor: where the page before ended.

        Raises:
            NotFound: there is no such owner.
            InvalidInput: the path is not safe.

        Example:
            yard tracking artifacts 0199c7a1b2c37d4e5f60718293a4b5c6 --folder model
        """

    @operation("GET", "/artifact-details/{owner}/{path*}", scope="tracking:read")
    @abstractmethod
    def artifact(self, owner: str, path: str) -> Artifact:
        """Show one file's size, digest and time.

        Args:
            owner: id of a run or a logged model.
            path: its path below the owner.

        Raises:
            NotFound: there is no such file.
            InvalidInput: the path is not safe.

        Example:
            yard tracking artifact 0199c7a1b2c37d4e5f60718293a4b5c6 model/MLmodel
        """

    @stream("PUT", "/artifacts/{owner}/{path*}", scope="tracking:write")
    @abstractmethod
    def upload(self, owner: str, path: str, content: Iterable[bytes]) -> Artifact:
        """Store a file; one that is there is replaced, and is seen whole or not at all.

        Args:
            owner: id of a run or a logged model.
            path: where, below the owner.
            content: the bytes.

        Raises:
            NotFound: there is no such owner.
            InvalidInput: the path is not safe.
            Conflict: a folder has that name, or a file has the name of one of its folders.

        Example:
            yard tracking upload 0199c7a1b2c37d4e5f60718293a4b5c6 notes.txt < notes.txt
        """

    @stream("GET", "/artifacts/{owner}/{path*}", scope="tracking:read", media=ANY)
    @abstractmethod
    def download(self, owner: str, path: str) -> Iterator[bytes]:
        """Give a file's bytes; they are checked against their digest as they go.

        Args:
            owner: id of a run or a logged model.
            path: its path below the owner.

        Raises:
            NotFound: there is no such file.
            InvalidInput: the path is not safe.
            Damaged: the stored bytes are not what was put.

        Example:
            yard tracking download 0199c7a1b2c37d4e5f60718293a4b5c6 model/MLmodel
        """

    @operation("DELETE", "/artifacts/{owner}/{path*}", scope="tracking:write", effect=Effect.WRITE)
    @abstractmethod
    def delete_artifacts(self, owner: str, path: str) -> int:
        """Remove a file, or a folder with all below it; the number of files removed.

        Args:
            owner: id of a run or a logged model.
            path: below the owner.

        Raises:
            NotFound: nothing is there.
            InvalidInput: the path is not safe.

        Example:
            yard tracking delete-artifacts 0199c7a1b2c37d4e5f60718293a4b5c6 model
        """
