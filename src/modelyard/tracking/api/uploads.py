"""The operations by which files go to and come from a bucket past the yard, by links that it signs for a while.

Only where the objects lie in a bucket and are not sealed. A file that came in parts becomes an artifact as any other:
its parts are read through the yard, hashed and kept once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Annotated, NewType

from msgspec import Meta, Struct

from modelyard.kernel.ids import IdKind
from modelyard.kernel.operations import Effect, operation
from modelyard.tracking.api.records import Artifact

MAX_PARTS = 10_000
FILE_LINK_LASTS = timedelta(minutes=10)
PART_LINK_LASTS = timedelta(hours=2)
UPLOAD_LASTS = timedelta(hours=3)
"""An upload that was begun longer ago cannot be completed, and its parts are removed."""

UploadId = NewType("UploadId", str)
UPLOAD = IdKind("upl", UploadId)
Parts = Annotated[int, Meta(ge=1, le=MAX_PARTS)]


class DirectAccess(Struct, frozen=True, kw_only=True):
    """Whether files can go to and come from the store of this yard directly."""

    is_open: bool


class FileLink(Struct, frozen=True, kw_only=True):
    """Where a file can be fetched, without a token, until the link expires.

    Attributes:
        url: None: only through the yard.
        headers: what the request must carry.
        lasts_s: for how many seconds, from when it was asked for.
    """

    url: str | None
    size_bytes: int
    lasts_s: float
    headers: dict[str, str]


class PartLink(Struct, frozen=True, kw_only=True):
    """Where one part can be put."""

    number: int
    url: str
    headers: dict[str, str]


class PartedUpload(Struct, frozen=True, kw_only=True):
    """An upload in parts that was begun; the links hold for two hours, the upload for three."""

    id: UploadId
    owner: str
    path: str
    parts: list[PartLink]


class SentPart(Struct, frozen=True, kw_only=True):
    """A part that was put; `tag` is the ETag that the store answered, and is checked where it is given."""

    number: int
    tag: str = ""


class UploadOperations(ABC):
    """What can be done past the yard."""

    @operation("GET", "/artifact-links", scope="tracking:read", effect=Effect.SCAN, audited=False)
    @abstractmethod
    def direct_access(self) -> DirectAccess:
        """Say whether files can go to and come from the yard's bucket directly."""

    @operation("GET", "/artifact-links/{owner}/{path*}", scope="tracking:read", effect=Effect.WORK, private=("return",))
    @abstractmethod
    def artifact_link(self, owner: str, path: str) -> FileLink:
        """Give a link by which a file can be fetched from the bucket for ten minutes, by whoever holds the link.

        Unlike a read it leaves a row in the audit, as the yard does not see what comes of it. The bytes are not checked
        against their digest on this way; the digest is in `yard tracking artifact`.

        Args:
            owner: id of a run or a logged model.
            path: its path below the owner.

        Raises:
            NotFound: there is no such file.
            InvalidInput: the path is not safe.

        Example:
            yard tracking artifact-link 0199c7a1b2c37d4e5f60718293a4b5c6 model/MLmodel
        """

    @operation(
        "POST", "/artifact-uploads/{owner}/{path*}", scope="tracking:write", effect=Effect.WORK, private=("return",)
    )
    @abstractmethod
    def begin_upload(self, owner: str, path: str, *, parts: Parts) -> PartedUpload:
        """Begin to upload a file in parts; each is then sent to the bucket by its link, in any order.

        Args:
            owner: id of a run or a logged model.
            path: where, below the owner.
            parts: how many; each may have any size that the bucket takes in one put.

        Raises:
            NotFound: there is no such owner.
            InvalidInput: the path is not safe.
            Conflict: the yard gives no links, or the path is a folder or lies below a file.

        Example:
            yard tracking begin-upload 0199c7a1b2c37d4e5f60718293a4b5c6 weights.bin --parts 3
        """

    @operation("PUT", "/artifact-uploads/{owner}/{path*}", scope="tracking:write", effect=Effect.WORK)
    @abstractmethod
    def complete_upload(self, owner: str, path: str, *, upload: str, parts: list[SentPart]) -> Artifact:
        """Make one file of all parts, in order, and remove them; repeated, it gives the file that it made.

        Args:
            owner: id of a run or a logged model.
            path: as when it was begun.
            upload: the id of the upload.
            parts: all of its parts.

        Raises:
            NotFound: there is no such upload of this caller to this path, or it was begun too long ago.
            InvalidInput: the parts are not all of those that were begun, in order.
            Conflict: a part is not there, or is not what was sent.
            Unavailable: the same upload is being completed by another call; ask again.

        Example:
            yard tracking complete-upload 0199c7a1b2c37d4e5f60718293a4b5c6 weights.bin \
                --upload upl_01M85YFRS22QW0NTCPZ562W6YB --parts '[{"number": 1}]'
        """

    @operation("DELETE", "/artifact-uploads/{owner}/{path*}", scope="tracking:write", effect=Effect.WORK)
    @abstractmethod
    def abandon_upload(self, owner: str, path: str, *, upload: str) -> int:
        """Give an upload up and remove its parts; how many there were. One that is complete stays so.

        Args:
            owner: id of a run or a logged model.
            path: as when it was begun.
            upload: the id of the upload.

        Raises:
            NotFound: there is no such upload of this caller to this path.

        Example:
            yard tracking abandon-upload 0199c7a1b2c37d4e5f60718293a4b5c6 weights.bin \
                --upload upl_01M85YFRS22QW0NTCPZ562W6YB
        """
