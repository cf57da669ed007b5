"""Tables' files in a bucket of S3, Google Cloud Storage or Azure, read through copies in a local folder.

Data files never change under their name but by an erasure, so a copy once fetched serves every later query; the copies
are bounded in size, the longest unused going first. It holds no lock: writers of several machines meet at the
conditional put of the table's log.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from modelyard.adapters.objects.bucket import PART_BYTES, PARTS_AT_ONCE, SPOOL_BYTES, open_bucket
from modelyard.kernel.errors import Unavailable

CACHE_BYTES = 20 << 30
_CHUNK_BYTES = 1 << 20
_DELETED_AT_ONCE = 500


class BucketPlace:
    """The files under one address.

    Args:
        address: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://account/container/prefix`.
        cache: the local folder for copies.
        options: what the store's library calls its configuration; see `BucketObjects`.
        most_bytes: how much the copies may take together.
    """

    shared = True

    def __init__(self, address: str, *, cache: Path, options: Mapping[str, str], most_bytes: int = CACHE_BYTES) -> None:
        self._address = address.rstrip("/")
        self._store = open_bucket(self._address, options)
        self._cache = cache
        self._most_bytes = most_bytes
        self._given = dict(options)
        self._guard = threading.Lock()
        self._held: int | None = None

    @property
    def options(self) -> dict[str, str] | None:
        """The configuration under the names of the Delta library, which takes S3's from the environment too."""
        if not self._address.startswith("s3"):
            return dict(self._given)
        told = {f"AWS_{key.upper()}": value for key, value in self._given.items()}
        known = told | {key: value for key, value in os.environ.items() if key.startswith("AWS_")} | told
        if any("ENDPOINT" in key and value.startswith("http://") for key, value in known.items()):
            told["AWS_ALLOW_HTTP"] = "true"
        return {**told, "AWS_CONDITIONAL_PUT": "etag"}

    def address(self, location: str) -> str:
        """The location's address in the bucket."""
        return f"{self._address}/{location}"

    def exists(self, location: str, path: str) -> bool:
        """True if the location has that file."""
        return self.size(location, path) is not None

    def make(self, location: str) -> None:
        """Nothing to do: a bucket has no folders."""

    def take(self, location: str, path: str, source: Path) -> None:
        """Put a finished file up; it also becomes the local copy."""
        with self._asking(), source.open("rb") as file:
            large = source.stat().st_size > SPOOL_BYTES
            obstore.put(
                self._store, f"{location}/{path}", file, use_multipart=large, chunk_size=PART_BYTES,
                max_concurrency=PARTS_AT_ONCE,
            )  # fmt: skip
        copy = self._copy(location, path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        self._count(source.stat().st_size)
        try:
            source.rename(copy)
        except OSError:
            shutil.move(source, copy)

    def local(self, location: str, path: str, *, size_bytes: int | None = None) -> Path:
        """A copy of the file, fetched at the first call."""
        copy = self._copy(location, path)
        with suppress(FileNotFoundError):
            if size_bytes is None or copy.stat().st_size == size_bytes:
                os.utime(copy)
                return copy
        copy.parent.mkdir(parents=True, exist_ok=True)
        fresh = copy.with_name(f".{uuid4().hex}.tmp")
        try:
            with self._asking(), fresh.open("wb") as file:
                for chunk in obstore.get(self._store, f"{location}/{path}").stream(min_chunk_size=_CHUNK_BYTES):
                    file.write(chunk)
            self._count(fresh.stat().st_size)
            fresh.replace(copy)
        finally:
            fresh.unlink(missing_ok=True)
        return copy

    def size(self, location: str, path: str) -> int | None:
        """The file's size in the bucket; None if there is none."""
        with self._asking():
            try:
                return obstore.head(self._store, f"{location}/{path}")["size"]
            except FileNotFoundError:
                return None

    def read(self, location: str, path: str) -> bytes:
        """The whole of a small file, from the bucket."""
        with self._asking():
            return bytes(obstore.get(self._store, f"{location}/{path}").bytes())

    def write(self, location: str, path: str, content: bytes) -> None:
        """Put a small file up."""
        with self._asking():
            obstore.put(self._store, f"{location}/{path}", content)

    def claim(self, location: str, path: str, content: bytes) -> bool:
        """Put a small file up where there is none, by a conditional put."""
        try:
            with self._asking():
                obstore.put(self._store, f"{location}/{path}", content, mode="create")
        except AlreadyExistsError:
            return False
        return True

    def remove(self, location: str, path: str) -> bool:
        """Remove a file, and its copy."""
        self._copy(location, path).unlink(missing_ok=True)
        if self.size(location, path) is None:
            return False
        with self._asking():
            obstore.delete(self._store, f"{location}/{path}")
        return True

    def listing(self, location: str, *, before: datetime | None = None) -> list[str]:
        """Every file below the location, or those put there before a moment."""
        skipped = len(location) + 1
        with self._asking():
            found = [each for batch in obstore.list(self._store, f"{location}/") for each in batch]
        return sorted(each["path"][skipped:] for each in found if before is None or each["last_modified"] < before)

    def drop(self, location: str) -> None:
        """Remove the location, and its copies. The log goes last, so that what is left is still a table to remove."""
        shutil.rmtree(self._cache / location, ignore_errors=True)
        paths = [f"{location}/{path}" for path in self.listing(location)]
        with self._asking():
            for start in range(0, len(paths), _DELETED_AT_ONCE):
                obstore.delete(self._store, sorted(paths, reverse=True)[start : start + _DELETED_AT_ONCE])

    def locations(self, *, before: datetime | None = None) -> list[str]:
        """Every prefix that holds something, or those that nothing was put to since a moment."""
        with self._asking():
            prefixes = obstore.list_with_delimiter(self._store)["common_prefixes"]
        found = sorted(prefix.rstrip("/").rpartition("/")[2] for prefix in prefixes)
        if before is None:
            return found
        return [each for each in found if self.listing(each) == self.listing(each, before=before)]

    def forget(self, location: str) -> None:
        """Drop the local copies of a location."""
        shutil.rmtree(self._cache / location, ignore_errors=True)

    def _copy(self, location: str, path: str) -> Path:
        return self._cache / location / path

    def _count(self, fresh: int) -> None:
        """Make room for a new copy: the longest unused go until nine tenths of the bound are kept."""
        with self._guard:
            if self._held is None:
                self._held = sum(size for _, size, _ in self._copies())
            self._held += fresh
            if self._held <= self._most_bytes:
                return
            copies = sorted(self._copies())
            held = fresh + sum(size for _, size, _ in copies)
            for _, size, copy in copies:
                if held <= self._most_bytes * 0.9:
                    break
                copy.unlink(missing_ok=True)
                held -= size
            self._held = held

    def _copies(self) -> Iterator[tuple[float, int, Path]]:
        for path in self._cache.rglob("*"):
            with suppress(FileNotFoundError):
                if path.is_file():
                    told = path.stat()
                    yield told.st_mtime, told.st_size, path

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Turn the library's refusals into ours; its text may show addresses and goes to the log with the cause."""
        try:
            yield
        except AlreadyExistsError:
            raise
        except (BaseError, OSError) as err:
            if isinstance(err, FileNotFoundError):
                raise Unavailable(f"the bucket {self._address} has lost a file of a table; restore it there") from err
            raise Unavailable(
                f"the bucket {self._address} refused or did not answer; check that it exists, its endpoint and the "
                "yard's keys for it, then repeat. The log holds its answer"
            ) from err
