"""Which kinds of check fit which types of column, and which columns may refer to which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelyard.kernel.errors import InvalidInput
from modelyard.quality.api import CheckKind, Distance, DriftRule
from modelyard.quality.model.checks import Check

TIMES = ("date", "timestamp")
WHOLE = ("int8", "int16", "int32", "int64")
FLOATS = ("float32", "float64")


def is_number(kind: str) -> bool:
    """True for types with an order of magnitude, times not counted."""
    return kind in WHOLE or kind in FLOATS or kind.startswith("decimal")


def is_scalar(kind: str) -> bool:
    """True for types of one plain value."""
    return not kind.startswith("list") and kind != "binary"


def misuse(check: Check, types: Mapping[str, str]) -> str:
    """Why a check does not fit the types of its columns; empty if it does."""
    kinds = [types[name] for name in check.columns if name in types]
    if not kinds:
        return ""
    kind, name = kinds[0], check.columns[0]
    if check.kind is CheckKind.FRESHNESS and kind not in TIMES:
        return f"{name} is {kind}; freshness needs a timestamp or a date"
    if check.kind is CheckKind.LENGTH and not (kind in ("string", "binary") or kind.startswith("list")):
        return f"{name} is {kind}; a length needs a string, a list or a binary"
    if check.kind in (CheckKind.DRIFT, CheckKind.BALANCE) and not is_scalar(kind):
        return f"{name} is {kind}, which has neither bins nor groups"
    is_ks = isinstance(check.rule, DriftRule) and check.rule.distance is Distance.KS
    if is_ks and not (is_number(kind) or kind in TIMES):
        return f"{name} is {kind}; ks needs numbers or times, take tv or psi"
    return ""


def refuse_misuse(checks: Sequence[Check], types: Mapping[str, str]) -> None:
    """Refuse checks that do not fit their columns.

    Raises:
        InvalidInput: a check does not; the detail says why.
    """
    for check in checks:
        if why := misuse(check, types):
            raise InvalidInput(f"{check.name}: {why}")


def reference_misfit(mine: Sequence[str], theirs: Sequence[str]) -> str:
    """Why columns of some types cannot refer to columns of others; empty if they can."""
    for own, other in zip(mine, theirs, strict=True):
        if own != other and not (is_number(own) and is_number(other)):
            return f"it is {own} here and {other} there; a reference compares equal types"
    return ""
