"""What is said of traces: the whole as a document, and columns for what searches compare."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from modelyard.ports.database import Transaction
from modelyard.ports.statements import batches, cached, in_params, sql
from modelyard.tracking.api.traces import Assessment

_PUT = sql(
    "INSERT INTO tracking_assessment (trace, assessment, kind, name, said, number, is_valid, body) VALUES "
    "(:trace, :assessment, :kind, :name, :said, :number, :valid, :body) ON CONFLICT (trace, assessment) DO UPDATE SET "
    "name = excluded.name, said = excluded.said, number = excluded.number, is_valid = excluded.is_valid, "
    "body = excluded.body"
)
_ONE = sql("SELECT body FROM tracking_assessment WHERE trace = :trace AND assessment = :assessment")
_DROP = sql("DELETE FROM tracking_assessment WHERE trace = :trace AND assessment = :assessment")
_COUNT = sql("SELECT count(*) FROM tracking_assessment WHERE trace = :trace")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Assessment).decode


def put(tx: Transaction, trace: int, one: Assessment) -> None:
    """Store an assessment, in place of the one of that id."""
    said, number = _compared(one.value)
    tx.run(
        _PUT,
        {
            "trace": trace, "assessment": one.id, "kind": one.kind.value, "name": one.name, "said": said,
            "number": number, "valid": int(one.valid), "body": _encode(one),
        },
    )  # fmt: skip


def one(tx: Transaction, trace: int, assessment: str) -> Assessment | None:
    """The assessment of that id."""
    row = tx.one(_ONE, {"trace": trace, "assessment": assessment})
    return _decode(row[0]) if row else None


def count(tx: Transaction, trace: int) -> int:
    """How many a trace has."""
    row = tx.one(_COUNT, {"trace": trace})
    return int(row[0]) if row else 0


def drop(tx: Transaction, trace: int, assessment: str) -> bool:
    """Remove one; False if there was none."""
    return tx.run(_DROP, {"trace": trace, "assessment": assessment}) > 0


def of(tx: Transaction, traces: Sequence[int]) -> dict[int, list[Assessment]]:
    """What is said of each trace, in the order in which it was said."""
    found: dict[int, list[Assessment]] = {}
    for some in batches(traces):
        inside, params = in_params("t", some)
        text = f"SELECT trace, body FROM tracking_assessment WHERE trace IN ({inside}) ORDER BY id"
        for number, body in tx.all(cached(text), params):
            found.setdefault(number, []).append(_decode(body))
    return found


def _compared(value: str) -> tuple[str, float | None]:
    """A JSON value as the text and the number that filters compare."""
    try:
        found = json.loads(value)
    except ValueError:
        return value, None
    if isinstance(found, str):
        return found, None
    number = float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
    return value, number
