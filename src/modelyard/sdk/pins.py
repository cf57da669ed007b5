"""Versions of the lake that a program is held to: what it reads without saying a version is read at the one named here.

A repetition of a run is held to what the first run read. The variable lists refs, apart by commas:
`YARD_PINS=table:trips@12,fileset:cats@3`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelyard.kernel.operations import Operation
from modelyard.kernel.refs import parts
from modelyard.sdk.proxy import Transport

VARIABLE = "YARD_PINS"
_KINDS = ("table", "fileset")


def pinning(refs: Iterable[str]) -> dict[str, str]:
    """The variable that holds a program to these versions; nothing where none is of the lake."""
    kept = [ref for ref in refs if ref.partition(":")[0] in _KINDS and "@" in ref]
    return {VARIABLE: ",".join(kept)} if kept else {}


def pinned(transport: Transport) -> Transport:
    """The transport, held to what the environment says; the same one where it says nothing.

    Raises:
        InvalidInput: what it says are no refs.
    """
    said = [text.strip() for text in os.environ.get(VARIABLE, "").split(",") if "@" in text]
    if not said:
        return transport
    found = [parts(text) for text in said]
    return PinnedTransport(transport, {each.name: each.version or "" for each in found})


class PinnedTransport:
    """Carries calls as another transport does; a read of a pinned name that says no version is one at its version."""

    def __init__(self, inner: Transport, versions: Mapping[str, str]) -> None:
        self._inner = inner
        self._versions = versions

    def call(self, op: Operation, arguments: dict[str, Any]) -> Any:
        """One call; its answer."""
        return self._inner.call(op, self._held(op, arguments))

    def upload(self, op: Operation, arguments: dict[str, Any], content: Iterable[bytes]) -> Any:
        """Bytes there, an answer back."""
        return self._inner.upload(op, arguments, content)

    def download(self, op: Operation, arguments: dict[str, Any]) -> Iterator[bytes]:
        """Bytes back."""
        return self._inner.download(op, self._held(op, arguments))

    def live(self, op: Operation, arguments: dict[str, Any]) -> Iterator[Any]:
        """Records back, as they come."""
        return self._inner.live(op, self._held(op, arguments))

    def _held(self, op: Operation, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments; an `at` that nobody gave is the version of the name, where one is pinned."""
        version = self._versions.get(str(arguments.get("name", "")))
        if version is None or op.changes or arguments.get("at") or not any(p.name == "at" for p in op.parameters):
            return arguments
        return {**arguments, "at": version}
