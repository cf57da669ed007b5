"""What names and values may be, as MLflow's clients expect it: characters, lengths, counts.

Pure checks that raise `InvalidInput`; limits are those of MLflow 3's tracking server.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from modelyard.kernel.errors import InvalidInput

MAX_METRICS = 1000
MAX_PARAMS_OR_TAGS = 100
MAX_ENTITIES = 1000
MAX_KEY = 250
MAX_PARAM_VALUE = 6000
MAX_TAG_VALUE = 8000
MAX_EXPERIMENT_NAME = 500
MAX_EXPERIMENT_TAG_VALUE = 20_000
MAX_BATCH_BYTES = 1_000_000
MAX_RESULTS = 50_000
MAX_DATASET_NAME = 500
MAX_DATASET_DIGEST = 36
MAX_DATASET_SCHEMA = 1_048_575
MAX_DATASET_SOURCE = 65_535
MAX_DATASET_PROFILE = 16_777_215
MAX_INPUT_TAG_KEY = 255
MAX_INPUT_TAG_VALUE = 500
MAX_PATH = 1024
MAX_LOCATION = 2048

_NAME = re.compile(r"[/\w.\- :]*")
_INT64 = range(-(2**63), 2**63)


def quoted(value: object) -> str:
    """A value as an error names it: compact JSON, cut to 200 characters."""
    return json.dumps(value, separators=(",", ":"), default=str)[:200]


@lru_cache(maxsize=8192)
def check_key(key: str, path: str = "key") -> str:
    """`key` if it may name a metric, param or tag.

    Raises:
        InvalidInput: it is empty, too long, has other characters, or reads as another path.
    """
    if not key:
        raise InvalidInput(f"Missing value for required parameter '{path}'.")
    if not _NAME.fullmatch(key):
        raise InvalidInput(
            f"Invalid value {quoted(key)} for parameter '{path}' supplied: names may only contain alphanumerics, "
            "underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/)."
        )
    plain = posixpath.normpath(key)
    if plain != key or plain == "." or plain.startswith(("..", "/")):
        raise InvalidInput(
            f"Invalid value {quoted(key)} for parameter '{path}' supplied: a name may become a file and must not "
            f"resolve to another one; this one resolves to {plain[:200]!r}"
        )
    return check_length(key, MAX_KEY, path)


def check_length(value: str, limit: int, path: str) -> str:
    """`value` if it has at most `limit` characters and none that a database refuses."""
    if len(value) > limit:
        raise InvalidInput(f"'{path}' exceeds the maximum length of {limit} characters; it has {len(value)}")
    if "\x00" in value:
        raise InvalidInput(f"'{path}' holds a NUL character; remove it")
    return value


def cut(value: str, limit: int, path: str) -> str:
    """`value` cut to `limit` characters, as MLflow does with long params and tags."""
    return check_length(value[:limit], limit, path)


def check_params(params: Mapping[str, str]) -> dict[str, str]:
    """Params with their keys checked and long values cut."""
    return {
        check_key(k, f"params[{i}].key"): cut(v, MAX_PARAM_VALUE, f"params[{i}].value")
        for i, (k, v) in enumerate(params.items())
    }


def check_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags with their keys checked and long values cut."""
    return {
        check_key(k, f"tags[{i}].key"): cut(v, MAX_TAG_VALUE, f"tags[{i}].value")
        for i, (k, v) in enumerate(tags.items())
    }


def check_location(uri: str) -> str:
    """`uri` if it may stand before the files of an experiment's runs: a place, with nothing behind it.

    Raises:
        InvalidInput: it is too long, has a fragment, parameters or `..`, or is the place of a run.
    """
    check_length(uri, MAX_LOCATION, "artifact_location")
    if any(ord(c) < 32 for c in uri):
        raise InvalidInput("'artifact_location' holds a control character; remove it")
    parts = urlsplit(uri)
    if parts.fragment or ";" in parts.path or ".." in unquote(parts.query):
        raise InvalidInput("'artifact_location' URL can't include fragments, params or a query that leads elsewhere")
    if parts.scheme == "runs":
        raise InvalidInput(f"Artifact location cannot be a runs:/ URI. Given: {uri[:200]!r}")
    return uri


def check_int64(value: int, path: str) -> int:
    """`value` if 64 bits hold it."""
    if value not in _INT64:
        raise InvalidInput(f"Invalid value {quoted(value)} for parameter '{path}' supplied: it does not fit 64 bits")
    return value


def check_time(value: int, path: str) -> int:
    """`value` if it is a time: not negative, 64 bits."""
    if value < 0:
        raise InvalidInput(
            f"Invalid value {quoted(value)} for parameter '{path}' supplied: a timestamp must be a nonnegative "
            "long (64-bit integer)"
        )
    return check_int64(value, path)


def check_counts(*, metrics: int, params: int, tags: int) -> None:
    """Refuse a batch with too many entries.

    Raises:
        InvalidInput: more than 1,000 metrics, 100 params, 100 tags or 1,000 in all.
    """
    for name, limit, count in (
        ("metrics", MAX_METRICS, metrics),
        ("params", MAX_PARAMS_OR_TAGS, params),
        ("tags", MAX_PARAMS_OR_TAGS, tags),
        ("metrics, params, and tags", MAX_ENTITIES, metrics + params + tags),
    ):
        if count > limit:
            raise InvalidInput(
                f"A batch logging request can contain at most {limit} {name}. Got {count} {name}. Please split up "
                f"{name} across multiple requests and try again."
            )


def safe_path(path: str, *, folder: bool = False) -> str:
    """An artifact's path, if it can only mean a place below its owner.

    Refused: absolute paths, `..` and `.` parts, empty parts, backslashes, `;`, `#`, control characters, drive
    letters, more than 1,024 characters, and all of these in percent-encoding, however often repeated. With `folder`
    the empty path is the owner's root.

    Raises:
        InvalidInput: the path is not safe.
    """
    text = path.rstrip("/") if folder else path
    if folder and text == "" and path in ("", "."):
        return ""
    seen = text
    for _ in range(8):
        _check_path(seen, path)
        further = unquote(seen, errors="surrogateescape")
        if further == seen:
            return text
        seen = further
    raise InvalidInput("Invalid path: it is percent-encoded too often")


def _check_path(text: str, path: str) -> None:
    parts = text.split("/")
    bad = (
        not text
        or len(text) > MAX_PATH
        or any(c in text for c in "\\;#")
        or any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in text)
        or (len(parts[0]) == 2 and parts[0][1] == ":")
        or any(p in ("", ".", "..") or len(p) > 255 for p in parts)
    )
    if bad:
        raise InvalidInput(f"Invalid path: {quoted(path[:80])} does not name a file below its run or model")
