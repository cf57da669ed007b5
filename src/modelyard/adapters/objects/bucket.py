"""Objects in a bucket of S3, Google Cloud Storage or Azure: one key each, `prefix/ab/<digest>`, as in a folder.

An object's key is its hash, known only once the last byte has passed, so content is spooled first: in memory up to
8 MiB, beyond that in a nameless local file that dies with its process. Small content goes up in one conditional put,
large content in a multipart upload, which becomes visible whole or not at all. It never writes a temporary key itself
(callers may, through its `doors`). Where the yard seals, the key is `prefix/ab/<digest>.sealed`, and what is spooled is
sealed already.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, UnknownConfigurationKeyError
from obstore.store import from_url

from modelyard.adapters.objects.doors import CHUNK_BYTES, BucketDoors, key_of
from modelyard.adapters.objects.refusals import asking, missing
from modelyard.adapters.objects.sealing import name_of, named, stored_as
from modelyard.adapters.seals.frames import HEAD_BYTES, TAIL_BYTES, Sealer, Stream, key_id
from modelyard.adapters.seals.keys import Key, Keyring
from modelyard.kernel.errors import Damaged, InvalidInput, NotFound, Unavailable
from modelyard.ports.objects import Digest, Stored, parse_digest

if TYPE_CHECKING:
    from obstore.store import ObjectStore

SPOOL_BYTES = 8 << 20
PART_BYTES = 8 << 20
MOST_PARTS = 9_000  # S3 takes 10,000 parts
PARTS_AT_ONCE = 4
CALLS_AT_ONCE = 16
RETRY = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}


def open_bucket(address: str, options: Mapping[str, str]) -> ObjectStore:
    """The library's own handle of a bucket; it is not asked anything yet.

    Raises:
        InvalidInput: an option or address that the library does not know.
    """
    opened: Callable[..., ObjectStore] = from_url  # its overloads tell the stores apart, which only the address can
    known = {key: value for key, value in os.environ.items() if key.startswith("AWS_")} | dict(options)
    plain = any("endpoint" in key.lower() and value.startswith("http://") for key, value in known.items())
    try:
        return opened(address, config=dict(options), client_options={"allow_http": plain}, retry_config=RETRY)
    except UnknownConfigurationKeyError as err:
        raise InvalidInput(
            f"one of the options {sorted(options)} is not known for {address}; "
            "S3 takes e.g. endpoint, region, access_key_id, secret_access_key"
        ) from err
    except BaseError as err:
        raise InvalidInput(
            f"{address!r} is no bucket address; write s3://bucket/prefix, gs://bucket/prefix "
            "or az://account/container/prefix"
        ) from err


class BucketObjects:
    """The objects under one address; several yards and machines may share it.

    Args:
        address: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://account/container/prefix`.
        options: what the store's library calls its configuration (`endpoint`, `region`, `access_key_id`, ...); what
            is not given is taken from the environment (`AWS_ACCESS_KEY_ID`, `GOOGLE_APPLICATION_CREDENTIALS`, ...).
        spool: the folder for content above 8 MiB while it is hashed; by default the system's.
        keys: of the seals; without them nothing is sealed, and what is sealed cannot be read.

    Raises:
        InvalidInput: an option or address that the library does not know.
    """

    def __init__(
        self, address: str, *, options: Mapping[str, str], spool: Path | None = None, keys: Keyring | None = None
    ) -> None:  # fmt: skip
        self._keys = keys or Keyring()
        self._address = address.rstrip("/")
        self._store = open_bucket(self._address, options)
        self._spool = None if spool is None else str(spool)
        self._doors = BucketDoors(self._store, self._address, self._keys)

    def put(self, content: Iterable[bytes], *, expect: Digest | None = None) -> Stored:
        """Store bytes as they stream by; the bucket has acknowledged them when this returns."""
        wanted = None if expect is None else parse_digest(expect)
        with self._spooled(content, self._keys.newest()) as (file, stored, sealed):
            if wanted is not None and stored.digest != wanted:
                raise Damaged(f"the bytes hash to {stored.digest}, not to {wanted} as announced; send them again")
            self._keep(file, stored, sealed=sealed)
        return stored

    @contextmanager
    def _spooled(self, content: Iterable[bytes], key: Key | None) -> Iterator[tuple[IO[bytes], Stored, bool]]:
        """Bytes as they are to be kept, at hand to be sent; what they are; and whether they are sealed."""
        seen, size, sealer = sha256(), 0, None if key is None else Sealer(key)
        with tempfile.SpooledTemporaryFile(SPOOL_BYTES, dir=self._spool) as file:
            for chunk in content:
                seen.update(chunk)
                size += len(chunk)
                _spool(file, chunk if sealer is None else sealer.add(chunk))
            if sealer is not None:
                _spool(file, sealer.end(seen.digest(), size))
            file.seek(0)
            yield file, Stored(Digest(seen.hexdigest()), size), sealer is not None

    def keep(self, contents: Iterable[bytes]) -> list[Stored]:
        """Store many contents, several at a time; each is a key of its own, so that a bucket's rules apply to it."""
        with ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="yard-bucket") as pool:
            return list(pool.map(lambda content: self.put([content]), contents))

    def missing(self, digests: Collection[Digest]) -> set[Digest]:
        """Those of the digests that have no object here; asks for several at a time."""
        with ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="yard-bucket") as pool:
            sizes = pool.map(self.size, digests)
            return {digest for digest, size in zip(digests, sizes, strict=True) if size is None}

    def read(self, digest: Digest, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to `stop`; a part costs one request more than the whole, a sealed object three."""
        key = key_of(digest)
        if start <= 0 and stop is None:
            with self._asking(digest):
                try:
                    return _checked(digest, self._chunks(digest, obstore.get(self._store, key)))
                except FileNotFoundError:
                    return self._unsealed(digest, 0, None)
        if (found := self._head(digest)) is None:
            raise missing(digest)
        size, sealed = found
        if sealed:
            return self._unsealed(digest, max(start, 0), stop)
        first, end = max(start, 0), size if stop is None else min(stop, size)
        with self._asking(digest):
            if (first, end) == (0, size):
                return _checked(digest, self._chunks(digest, obstore.get(self._store, key)))
            if first >= end:
                return iter(())
            return self._chunks(digest, obstore.get(self._store, key, options={"range": (first, end)}))

    def _unsealed(self, digest: Digest, start: int, stop: int | None) -> Iterator[bytes]:
        """The same of a sealed object; a whole is checked here too."""
        key, size = named(key_of(digest), sealed=True), self._size(named(key_of(digest), sealed=True))
        if size is None:
            raise missing(digest)
        ends = [0, max(size - TAIL_BYTES, 0)]
        with self._asking(digest):
            head, tail = obstore.get_ranges(self._store, key, starts=ends, lengths=[HEAD_BYTES, TAIL_BYTES])
        what = f"object {digest}"
        stream = Stream(bytes(head), bytes(tail), size_bytes=size, keys=self._keys, what=what)
        if stream.digest != digest:
            raise _damaged(digest, stream.digest)
        last = stream.size_bytes if stop is None else min(stop, stream.size_bytes)
        if start >= last:
            return iter(())
        with self._asking(digest):
            answer = obstore.get(self._store, key, options={"range": stream.span(start, last)})
        flow = stream.unsealed(self._chunks(digest, answer), start, last)
        return _checked(digest, flow) if (start, last) == (0, stream.size_bytes) else flow

    def size(self, digest: Digest) -> int | None:
        """Size in bytes; None if there is no such object."""
        found = self._head(digest)
        return None if found is None else found[0]

    def _head(self, digest: Digest) -> tuple[int, bool] | None:
        """Size of an object, and whether it is sealed; looked for first as new ones are kept."""
        key = key_of(digest)
        for sealed in (self._keys.seals, not self._keys.seals):
            if (size := self._size(named(key, sealed=sealed))) is not None:
                return stored_as(size, sealed=sealed), sealed
        return None

    def _size(self, key: str) -> int | None:
        with self._asking():
            try:
                return obstore.head(self._store, key)["size"]
            except FileNotFoundError:
                return None

    def delete(self, digest: Digest) -> bool:
        """Remove an object; False if there was none."""
        if self._head(digest) is None:
            return False
        with self._asking(digest):
            obstore.delete(self._store, [key_of(digest), named(key_of(digest), sealed=True)])
        return True

    def discard(self, digests: Collection[Digest]) -> int:
        """Remove objects, several at a time; how many there were."""
        with ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="yard-bucket") as pool:
            return sum(pool.map(self.delete, digests))

    def digests(self) -> Iterator[Stored]:
        """Every object; strangers among the keys are passed over."""
        seen = Digest("")
        for key, size in self._listed():  # in order, so that an object and its sealed twin are neighbours
            digest, sealed = name_of(key)
            if digest != seen:
                yield Stored(seen := Digest(digest), stored_as(size, sealed=sealed))

    def _listed(self) -> Iterator[tuple[str, int]]:
        """Names and sizes of the keys that are objects."""
        with self._asking():
            for batch in obstore.list(self._store):
                for found in batch:
                    folder, _, name = found["path"].rpartition("/")
                    if name_of(name)[0] and folder == name[:2]:
                        yield name, found["size"]

    def doors(self) -> BucketDoors:
        """Links that the bucket's owner signs, for plain objects and parts."""
        return self._doors

    def reseal(self) -> int:
        """Bring every object under the seal that new ones get; how many were changed."""
        key, done = self._keys.newest(), 0
        for name, _ in list(self._listed()):
            done += self._reseal(name, key)
        return done

    def _reseal(self, name: str, key: Key | None) -> bool:
        digest, sealed = name_of(name)
        known, wanted = Digest(digest), b"" if key is None else key.id
        old, new = named(key_of(known), sealed=sealed), named(key_of(known), sealed=bool(wanted))
        try:
            with self._asking(known):
                head = bytes(obstore.get_range(self._store, old, start=0, length=HEAD_BYTES)) if sealed else b""
            if key_id(head) == wanted:
                return False
            with self._spooled(self.read(known), key) as (file, _, _), self._asking():
                obstore.put(self._store, new, file, use_multipart=True, chunk_size=PART_BYTES)
        except NotFound:
            return False
        with self._asking():
            if new != old:
                if self._size(old) is None:  # it was deleted meanwhile, so it must not come back
                    obstore.delete(self._store, new)
                obstore.delete(self._store, old)
        return True

    def local(self, digest: Digest) -> Path | None:
        """None: a bucket has no paths."""
        parse_digest(digest)
        return None

    def sweep(self) -> int:
        """Nothing to remove: a spool file dies with its writer.

        Parts of an upload that was cut off stay unseen in the bucket until its rule for incomplete multipart uploads
        removes them; give the bucket one (S3: AbortIncompleteMultipartUpload after 1 day).
        """
        return 0

    def _keep(self, file: IO[bytes], stored: Stored, *, sealed: bool) -> None:
        key = named(key_of(stored.digest), sealed=sealed)
        with self._asking():
            if stored.size_bytes <= SPOOL_BYTES:
                try:
                    obstore.put(self._store, key, file.read(), mode="create")
                except AlreadyExistsError:
                    return
            elif self.size(stored.digest) != stored.size_bytes:
                part = max(PART_BYTES, -(-stored.size_bytes // MOST_PARTS))
                obstore.put(self._store, key, file, use_multipart=True, chunk_size=part, max_concurrency=PARTS_AT_ONCE)

    def _chunks(self, digest: Digest, answer: obstore.GetResult) -> Iterator[bytes]:
        with self._asking(digest):
            yield from (bytes(chunk) for chunk in answer.stream(min_chunk_size=CHUNK_BYTES))

    def _asking(self, digest: Digest | None = None) -> AbstractContextManager[None]:
        return asking(self._address, digest)


def _spool(file: IO[bytes], chunk: bytes) -> None:
    try:
        file.write(chunk)
    except OSError as err:
        raise Unavailable(
            "the local disk has no room to spool an object on its way to the bucket; nothing was stored. "
            "Free space on it, then repeat"
        ) from err


def _checked(digest: Digest, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of a whole object; an error at their end if they are others."""
    seen = sha256()
    for chunk in chunks:
        seen.update(chunk)
        yield chunk
    if seen.hexdigest() != digest:
        raise _damaged(digest, seen.hexdigest())


def _damaged(digest: Digest, seen: str) -> Damaged:
    return Damaged(
        f"the stored bytes of object {digest} hash to {seen}; "
        "restore it from a backup, or delete it and put the content again"
    )
