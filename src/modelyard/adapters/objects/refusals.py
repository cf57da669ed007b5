"""What a bucket's library raises, as the errors of the house; its words may show addresses, so they go to the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError

from modelyard.kernel.errors import NotFound, Unavailable
from modelyard.ports.objects import Digest


def missing(digest: Digest) -> NotFound:
    """That there is no such object."""
    return NotFound(f"there is no object {digest}; it was deleted or never stored here")


@contextmanager
def asking(address: str, digest: Digest | None = None) -> Iterator[None]:
    """Ask the bucket at an address something; where `digest` is given, what is not there is that object.

    Raises:
        NotFound: there is no such object.
        Unavailable: the bucket refused or did not answer.
    """
    try:
        yield
    except (BaseError, OSError) as err:
        if digest is not None and isinstance(err, FileNotFoundError):
            raise missing(digest) from err
        raise Unavailable(
            f"the bucket {address} refused or did not answer; check that it exists, its endpoint and the "
            "yard's keys for it, then repeat. The log holds its answer"
        ) from err
