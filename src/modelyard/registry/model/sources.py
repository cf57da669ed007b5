"""Where a version's files come from: the addresses that name a place in a known store, and no others.

A client never names a path that somebody opens: a source is taken apart here, and what it names is looked up as rows.
"""

from __future__ import annotations

import re
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from modelyard.kernel.errors import InvalidInput
from modelyard.registry.api.addresses import version_at

_RUN = r"[0-9a-f]{32}"
_LOGGED = r"m-[0-9a-f]{32}"
_RUNS = re.compile(rf"runs:/+(?P<run>{_RUN})(?:/(?P<path>.*))?", re.DOTALL)
_LOGGED_MODEL = re.compile(rf"models:/+(?P<model>{_LOGGED})/?")
_VERSION = re.compile(r"models:/+(?P<name>[^/]+)/(?P<version>[0-9]{1,9})/?")
_PROXIED = re.compile(
    rf"(?:[^/]+/)*?(?:(?P<run>{_RUN})|models/(?P<model>{_LOGGED}))/artifacts(?:/(?P<path>.*))?", re.DOTALL
)
_NONE = frozenset({"prompt-template", "dummy-source"})
"""What MLflow's prompt calls send where a model would have its source."""


class Store(StrEnum):
    """Who holds the files."""

    RUN = "run"
    LOGGED_MODEL = "logged_model"
    VERSION = "version"
    NOBODY = "nobody"


class Place(Struct, frozen=True):
    """Where files lie: below a run, a logged model, or in an earlier version.

    Attributes:
        owner: id of the run or logged model, or the name of the registered model.
        path: the folder below it; empty for its root.
    """

    store: Store
    owner: str = ""
    path: str = ""
    version: int = 0


def place_of(source: str) -> Place:
    """The place that a source names.

    Raises:
        InvalidInput: it names no place in a store of this yard.
    """
    if any(ord(c) < 32 for c in source):  # an address that is taken apart loses line breaks on the way
        raise _unknown(source)
    if source in _NONE:
        return Place(Store.NOBODY)
    if found := _RUNS.fullmatch(source):
        return Place(Store.RUN, found["run"], _folder(found["path"], source))
    if found := _LOGGED_MODEL.fullmatch(source):
        return Place(Store.LOGGED_MODEL, found["model"])
    if found := _VERSION.fullmatch(source):
        return Place(Store.VERSION, unquote(found["name"]), version=int(found["version"]))
    if source.startswith("mlflow-artifacts:"):
        return _proxied(source)
    raise _unknown(source)


def _proxied(source: str) -> Place:
    try:
        split = urlsplit(source)
    except ValueError:
        raise _unknown(source) from None
    if (at := version_at(split.path.lstrip("/"))) is not None and not at.path and not split.query:
        return Place(Store.VERSION, at.name, version=at.version)
    found = _PROXIED.fullmatch(split.path.lstrip("/"))
    if found is None or split.query or split.fragment:
        raise _unknown(source)
    path = _folder(found["path"], source)
    if found["model"]:
        return Place(Store.LOGGED_MODEL, found["model"], path)
    return Place(Store.RUN, found["run"], path)


def _folder(path: str | None, source: str) -> str:
    folder = (path or "").rstrip("/")
    seen = folder
    for _ in range(8):
        if seen and not is_safe_path(seen):
            raise _unknown(source)
        further = unquote(seen, errors="surrogateescape")
        if further == seen:
            return folder
        seen = further
    raise _unknown(source)


def is_safe_path(path: str) -> bool:
    """True if a path can only mean a file below its owner: no absolute ones, `..`, drives or control characters."""
    parts = path.split("/")
    return not (
        len(path) > 1024
        or any(c in path for c in "\\;#?")
        or any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in path)
        or any(p in ("", ".", "..") or len(p) > 255 for p in parts)
        or (len(parts[0]) == 2 and parts[0][1] == ":")
    )


def _unknown(source: str) -> InvalidInput:
    return InvalidInput(
        f"{source[:120]!r} lies in no store of this yard; register runs:/<run>/<path>, models:/m-<id>, "
        "models:/<name>/<version> or an mlflow-artifacts: address below a run or logged model"
    )
