"""What a step's result is remembered by: its code, its inputs by content, and the environment it ran in.

Two calls share a key only if a run of either would be a run of the other. Nothing here reads code or environment; it
is given their digests.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import msgspec

from modelyard.kernel.errors import InvalidInput
from modelyard.pipelines.api import Json

_FORM = 1


def canonical(value: Json) -> bytes:
    """JSON of which equal values have one form: keys sorted, no spaces.

    Raises:
        InvalidInput: it is no JSON value.
    """
    try:
        return msgspec.json.encode(value, order="deterministic")
    except (TypeError, UnicodeEncodeError, RecursionError) as err:
        raise InvalidInput(f"a value is not JSON: {err}") from err


def cache_key(*, step: str, code: str, inputs: Mapping[str, Json], environment: str) -> str:
    """SHA-256, hex, over everything that a result depends on.

    Args:
        step: the step's name.
        code: digest of its source and of all that the source uses.
        inputs: arguments by name, results of other steps filled in.
        environment: digest of the Python version and of the installed packages.
    """
    parts = [_FORM, step, code, environment, dict(inputs)]
    return sha256(canonical(parts)).hexdigest()


def environment_digest(python: str, packages: Mapping[str, str]) -> str:
    """SHA-256, hex, over the version of Python and the version of each package by name."""
    return sha256(canonical([python, dict(packages)])).hexdigest()
