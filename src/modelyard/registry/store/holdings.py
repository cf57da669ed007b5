"""Which objects the registry's rows name: files of versions, of compiled forms, rows of evaluations."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.ports.database import Transaction
from modelyard.ports.statements import cached, in_params, sql
from modelyard.registry.store.versions import form_digests

_AT_ONCE = 200
_FORMS = sql("SELECT files FROM registry_form")


def held(tx: Transaction, digests: Sequence[str]) -> set[str]:
    """Those of the digests that are named; of deleted versions as well."""
    wanted = set(digests)
    found = {digest for (files,) in tx.all(_FORMS) for digest in form_digests(files)} & wanted
    for start in range(0, len(digests), _AT_ONCE):
        inside, params = in_params("d", digests[start : start + _AT_ONCE])
        for table in ("registry_file", "registry_evaluation"):
            text = f"SELECT DISTINCT digest FROM {table} WHERE digest IN ({inside})"
            found |= {digest for (digest,) in tx.all(cached(text), params)}
    return found
