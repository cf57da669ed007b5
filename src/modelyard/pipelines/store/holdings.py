"""Which objects the rows of pipelines name: sources of flows, files that steps kept."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.ports.database import Transaction
from modelyard.ports.statements import cached, in_params

_AT_ONCE = 200


def held(tx: Transaction, digests: Sequence[str]) -> set[str]:
    """Those of the digests that are named."""
    found: set[str] = set()
    for start in range(0, len(digests), _AT_ONCE):
        inside, params = in_params("d", digests[start : start + _AT_ONCE])
        for table, column in (("pipelines_flow", "bundle"), ("pipelines_file", "digest")):
            text = f"SELECT DISTINCT {column} FROM {table} WHERE {column} IN ({inside})"
            found |= {digest for (digest,) in tx.all(cached(text), params)}
    return found
