"""The doors of a bucket: links signed with the yard's keys, through which bytes go between a caller and the bucket.

A link of S3, Google Cloud Storage and Azure alike allows one verb on one key until it expires; none of them can sign
parts of the store's own multipart uploads through the library. So each part of an upload is a key of its own,
`parts/<upload>/<number>`, apart from the objects, and never becomes one: who completes an upload reads the parts and
puts what they hold. Nothing here deletes an object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, cast

import obstore
from obstore.exceptions import PreconditionError
from obstore.store import AzureStore, GCSStore, S3Store

from modelyard.adapters.objects.refusals import asking
from modelyard.adapters.seals.keys import Keyring
from modelyard.kernel.errors import Conflict, InvalidInput, Unavailable
from modelyard.ports.objects import Digest, Link, Part, parse_digest

if TYPE_CHECKING:
    from obstore.store import ObjectStore

CHUNK_BYTES = 1 << 20
_FOLDER = "parts"
_UPLOAD = re.compile(r"[a-z]+_[0-9A-Z]{26}")
_MINUTE = timedelta(minutes=1)
_OF_AZURE = {"x-ms-blob-type": "BlockBlob"}
"""What Azure wants to be told with a put; its signature does not cover headers."""


class BucketDoors:
    """Links for one bucket, and the parts that came through them.

    Args:
        store: the library's handle of the bucket.
        address: how errors name it.
        keys: of the seals; where they seal, no links are given.
    """

    def __init__(self, store: ObjectStore, address: str, keys: Keyring) -> None:
        self._store = store
        self._address = address
        self._keys = keys
        self._signs = False

    def are_open(self) -> bool:
        """True if nothing is sealed here and the yard's keys can sign; what they can is remembered."""
        if self._keys.seals:
            return False
        if not self._signs:
            try:
                self._sign("GET", [f"{_FOLDER}/trial"], _MINUTE)
            except Unavailable:
                return False
            self._signs = True
        return True

    def link(self, digest: Digest, *, lasts: timedelta) -> Link | None:
        """Where an object can be read; None if it lies here sealed, or not at all."""
        key = key_of(digest)
        with asking(self._address):
            try:
                obstore.head(self._store, key)
            except FileNotFoundError:
                return None
        return Link(self._sign("GET", [key], lasts)[0])

    def part_links(self, upload: str, parts: int, *, lasts: timedelta) -> list[Link]:
        """Where the parts 1 to `parts` of an upload can be put, in order."""
        headers = _OF_AZURE if isinstance(self._store, AzureStore) else {}
        keys = [_part_key(upload, number) for number in range(1, parts + 1)]
        return [Link(url, dict(headers)) for url in self._sign("PUT", keys, lasts)]

    def parts(self, upload: str) -> list[Part]:
        """The parts that lie here, by number."""
        found = [
            Part(int(name), size, tag)
            for path, size, tag, _ in self._listed(_folder_of(upload))
            if (name := path.rpartition("/")[2]).isdecimal()
        ]
        return sorted(found, key=lambda part: part.number)

    def part(self, upload: str, part: Part) -> Iterator[bytes]:
        """The bytes of a part, as long as they are those that were looked at."""
        with asking(self._address):
            try:
                asked = {"if_match": part.tag} if part.tag else {}
                answer = obstore.get(
                    self._store, _part_key(upload, part.number), options=cast("obstore.GetOptions", asked)
                )
                yield from (bytes(chunk) for chunk in answer.stream(min_chunk_size=CHUNK_BYTES))
            except (PreconditionError, FileNotFoundError) as err:
                raise Conflict(
                    f"part {part.number} was sent again or removed while the file was put together; send it again"
                ) from err

    def clear(self, upload: str) -> int:
        """Remove the parts of an upload; how many there were."""
        return self._remove([path for path, *_ in self._listed(_folder_of(upload))])

    def sweep(self, before: datetime) -> int:
        """Remove all parts that were put before a moment, by the bucket's clock; how many."""
        return self._remove([path for path, _, _, put_at in self._listed(_FOLDER) if put_at < before])

    def _listed(self, folder: str) -> Iterator[tuple[str, int, str, datetime]]:
        with asking(self._address):
            for batch in obstore.list(self._store, folder):
                for found in batch:
                    yield found["path"], found["size"], found["e_tag"] or "", found["last_modified"]

    def _remove(self, paths: list[str]) -> int:
        if paths:
            with asking(self._address):
                obstore.delete(self._store, paths)
        return len(paths)

    def _sign(self, verb: Literal["GET", "PUT"], keys: list[str], lasts: timedelta) -> list[str]:
        if not isinstance(self._store, S3Store | GCSStore | AzureStore):
            raise Unavailable(f"{self._address} gives no links")
        with asking(self._address):
            return list(obstore.sign(self._store, verb, keys, lasts))


def key_of(digest: Digest) -> str:
    """Where a plain object lies in a bucket."""
    known = parse_digest(digest)
    return f"{known[:2]}/{known}"


def _folder_of(upload: str) -> str:
    if not _UPLOAD.fullmatch(upload):
        raise InvalidInput(f"{upload[:80]!r} is not the id of an upload")
    return f"{_FOLDER}/{upload}"


def _part_key(upload: str, number: int) -> str:
    return f"{_folder_of(upload)}/{number:05d}"
