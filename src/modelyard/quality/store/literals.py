"""Names and values as SQL writes them; text of a contract reaches SQL quoted here and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Sequence

from modelyard.quality.api import Value


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: Value) -> str:
    """A value as SQL writes it."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and not math.isfinite(value):
        return f"CAST('{value}' AS DOUBLE)"
    return repr(value) if isinstance(value, int | float) else "'" + value.replace("'", "''") + "'"


def listed(values: Sequence[Value]) -> str:
    """Values with commas between them."""
    return ", ".join(literal(value) for value in values)
