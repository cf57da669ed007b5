"""What whoever starts a program asks of the runs that it begins."""

from __future__ import annotations

import json
import os
from contextlib import suppress

TAGS_VARIABLE = "YARD_RUN_TAGS"
"""An environment variable with tags, as JSON, for every run that is begun under it."""


def asked_tags() -> dict[str, str]:
    """Those tags; none where the variable holds no JSON object."""
    with suppress(ValueError, AttributeError):
        return {str(k): str(v) for k, v in json.loads(os.environ.get(TAGS_VARIABLE, "{}")).items()}
    return {}
