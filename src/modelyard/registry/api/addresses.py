"""Where MLflow's clients fetch a version's files: an `mlflow-artifacts:` address of the registry's own.

A name stands in it so that it survives being decoded once or twice on its way, as clients and servers differ in that.
It opens nothing: who answers the address looks the version up as rows.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from msgspec import Struct

FOLDER = "registered-versions"
_AT = re.compile(rf"{FOLDER}/(?P<name>[^/]+)/(?P<version>[0-9]{{1,9}})/artifacts(?:/(?P<path>.*))?", re.DOTALL)


class VersionPlace(Struct, frozen=True, kw_only=True):
    """A file or folder of a version; an empty path is its root."""

    name: str
    version: int
    path: str = ""


def address_of(name: str, version: int) -> str:
    """The address of a version's files.

    >>> address_of("tip share", 3)
    'mlflow-artifacts:/registered-versions/tip~20share/3/artifacts'
    """
    written = quote(name, safe="").replace("~", "%7E").replace("%", "~")
    return f"mlflow-artifacts:/{FOLDER}/{written}/{version}/artifacts"


def version_at(path: str) -> VersionPlace | None:
    """The place that the path of such an address names; None for another path.

    >>> version_at("registered-versions/tip~20share/3/artifacts/MLmodel")
    VersionPlace(name='tip share', version=3, path='MLmodel')
    """
    found = _AT.fullmatch(path)
    if found is None:
        return None
    try:
        name = unquote(found["name"].replace("~", "%"), errors="strict")
    except UnicodeDecodeError:
        return None
    return VersionPlace(name=name, version=int(found["version"]), path=found["path"] or "")
