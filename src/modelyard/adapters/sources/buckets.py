"""File sources in buckets of S3, Google Cloud Storage or Azure: objects by name, pattern or prefix.

With the key that was sealed for the source, or without any. The yard's own keys are used only for buckets that whoever
runs it lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import (
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
    UnknownConfigurationKeyError,
)
from obstore.store import from_url

from modelyard.adapters.sources.addresses import Grounds, redacted, refuse_host, refuse_secret_options, refuse_secrets
from modelyard.adapters.sources.patterns import cut, is_unfinished, matcher
from modelyard.kernel.errors import Forbidden, InvalidInput, NotFound, StaleVersion, Unavailable
from modelyard.ports.secrets import Secret
from modelyard.ports.sources import FileEntry

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_CHUNK = 1 << 20
_RETRY = {"max_retries": 3}
OPTIONS = {
    "s3": ("region", "endpoint", "access_key_id", "virtual_hosted_style_request"),
    "gs": (),
    "az": ("account_name", "endpoint"),
}  # fmt: skip
_SECRET = {"s3": "secret_access_key", "gs": "service_account_key", "az": "account_key"}
HOSTS = {"s3": "amazonaws.com", "gs": "googleapis.com", "az": "windows.net"}


def check(address: str, options: Mapping[str, str], grounds: Grounds) -> None:
    """Refuse what cannot or may not be read; nothing is dialled."""
    refuse_secrets(address)
    scheme, bucket, key = parts_of(address)
    refuse_secret_options(options, known=OPTIONS[scheme])
    matcher(cut(key)[1])
    if not bucket or urlsplit(address).query:
        raise InvalidInput(f"{address!r} is no bucket address; write {scheme}://bucket/folder/*.csv")
    if endpoint := options.get("endpoint"):
        refuse_host(urlsplit(endpoint).hostname, grounds)
    elif grounds.hosts and not is_listed(address, grounds):
        refuse_host(HOSTS[scheme], grounds)


def opened(address: str, secret: Secret | None, options: Mapping[str, str], grounds: Grounds) -> BucketSource:
    """The objects behind an address."""
    return BucketSource(address, store_of(address, secret, options, grounds), parts_of(address)[2], secret)


def store_of(address: str, secret: Secret | None, options: Mapping[str, str], grounds: Grounds) -> ObjectStore:
    """The library's own handle of the bucket; it is not asked anything yet.

    Raises:
        InvalidInput: an option or address that the library does not know.
    """
    scheme, bucket, _ = parts_of(address)
    words: dict[str, str] = dict(options)
    if secret is not None:
        words[_SECRET[scheme]] = secret.reveal()
    elif not is_listed(address, grounds):
        words = {name: value for name, value in words.items() if name != "access_key_id"} | {"skip_signature": "true"}
    plain = options.get("endpoint", "").startswith("http://")
    make: Any = from_url  # its overloads tell the stores apart, which only the address can
    try:
        store: ObjectStore = make(
            f"{scheme}://{bucket}", config=words, client_options={"allow_http": plain}, retry_config=_RETRY
        )
    except UnknownConfigurationKeyError as err:
        raise InvalidInput(f"one of the options {sorted(options)} is not known for {scheme}://") from err
    except BaseError as err:
        text = redacted(str(err), secret).splitlines()[0][:200]
        raise InvalidInput(f"the bucket cannot be opened: {text}") from None
    return store


def parts_of(address: str) -> tuple[str, str, str]:
    """Scheme, bucket and key."""
    scheme, _, rest = address.partition("://")
    bucket, _, key = rest.partition("/")
    return scheme, bucket, key


def is_listed(address: str, grounds: Grounds) -> bool:
    """True if the yard's own keys may be used."""
    listed = [each.rstrip("/") for each in grounds.folders if "://" in each]
    return any(address == each or address.startswith(each + "/") for each in listed)


class BucketSource:
    """Objects of one bucket."""

    def __init__(self, address: str, store: ObjectStore, key: str, secret: Secret | None) -> None:
        self._address = address
        self._store = store
        self._secret = secret
        base, self._pattern = cut(key)
        self._base = base.rstrip("/")
        self._single = bool(self._base) and not self._pattern and not key.endswith("/")

    def entries(self) -> Iterator[FileEntry]:
        """The objects, in order of name."""
        with asking(self._address, self._secret):
            if self._single and (found := self._head()) is not None:
                yield found
                return
            fits = matcher(self._pattern or "*")
            chosen: dict[str, FileEntry] = {}
            for batch in obstore.list(self._store, prefix=self._base or None):
                for meta in batch:
                    name = meta["path"].removeprefix(self._base).lstrip("/")
                    if name and fits.fullmatch(name) and not is_unfinished(name):
                        chosen[name] = _entry(name, meta)
        if self._single and not chosen:
            raise NotFound(f"there is nothing at {self._address}")
        for name in sorted(chosen):
            yield chosen[name]

    def read(self, entry: FileEntry) -> Iterator[bytes]:
        """The bytes of an object, as it was when it was listed."""
        key = self._base if self._single and self._base.endswith(entry.name) else f"{self._base}/{entry.name}"
        with asking(self._address, self._secret):
            try:
                answer = obstore.get(self._store, key.lstrip("/"))
            except FileNotFoundError as err:
                raise NotFound(f"{entry.name} is gone from {self._address}") from err
            if _entry(entry.name, answer.meta).mark != entry.mark:
                raise StaleVersion(f"{entry.name} changed since it was listed; it is left for the next pull")
            yield from (bytes(chunk) for chunk in answer.stream(min_chunk_size=_CHUNK))

    def close(self) -> None:
        """The library keeps its own connections."""

    def _head(self) -> FileEntry | None:
        try:
            return _entry(self._base.rpartition("/")[2], obstore.head(self._store, self._base))
        except FileNotFoundError:
            return None


@contextmanager
def asking(address: str, secret: Secret | None) -> Iterator[None]:
    """Translates what a bucket refuses into the yard's own errors."""
    try:
        yield
    except PreconditionError as err:
        raise StaleVersion(f"an object at {address} changed meanwhile") from err
    except (PermissionDeniedError, UnauthenticatedError):
        raise Forbidden(f"{address} refuses the key, or it has none; seal the right one") from None
    except FileNotFoundError as err:
        raise NotFound(f"there is nothing at {address}") from err
    except (BaseError, OSError) as err:
        text = redacted(str(err), secret).splitlines()[0][:200]
        raise Unavailable(f"the bucket at {address} refused or did not answer: {text}") from None


def _entry(name: str, meta: Any) -> FileEntry:
    mark = meta.get("e_tag") or f"{meta['size']}-{meta['last_modified'].isoformat()}"
    return FileEntry(name=name, size_bytes=meta["size"], mark=str(mark))
