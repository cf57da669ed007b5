"""The day's file in two parts: what is there in the morning, and what comes later; and the requests made from it.

The cut is by the time column; rows whose time cannot be read go to the first part as they are, so that nothing is lost
before the yard sees it.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from modelyard.app.demo.config import DayConfig
from modelyard.kernel.errors import InvalidInput

_PER_SECOND = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_FEWEST_ROWS = 500


class Parts(Struct, frozen=True):
    """Both parts as CSV text, and the moment between them, in seconds since 1970, UTC."""

    early: str
    later: str
    early_rows: int
    later_rows: int
    cut_s: float


class Asked(Struct, frozen=True):
    """One request that an application would send: what it knows, whom it is about, when, and what came of it."""

    inputs: dict[str, Any]
    entity: str | None
    at_ms: int
    truth: int | None


def cut(text: str, config: DayConfig) -> Parts:
    """The file in two parts by time.

    Raises:
        InvalidInput: it lacks the time column, or has too few rows for a day.
    """
    rows = list(csv.reader(io.StringIO(text)))
    if not rows or config.time not in rows[0]:
        raise InvalidInput(f"the file has no column {config.time}; its header is the first line")
    if len(rows) <= _FEWEST_ROWS:
        raise InvalidInput(f"the file has {len(rows) - 1:,} rows; a day needs at least {_FEWEST_ROWS:,}")
    at = rows[0].index(config.time)
    seconds = [_seconds(row[at], config.epoch_unit) if len(row) > at else None for row in rows[1:]]
    known = sorted(s for s in seconds if s is not None)
    if not known:
        raise InvalidInput(
            f"no value of {config.time} can be read as a time; numbers count {config.epoch_unit} from 1970"
        )
    border = known[int(len(known) * config.early_share)]
    early: list[list[str]] = []
    later: list[list[str]] = []
    for row, moment in zip(rows[1:], seconds, strict=True):
        (later if moment is not None and moment >= border else early).append(row)
    return Parts(_text(rows[0], early), _text(rows[0], later), len(early), len(later), border)


def _text(head: list[str], rows: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([head, *rows])
    return out.getvalue()


def _seconds(text: str, unit: str) -> float | None:
    try:
        return float(text) * _PER_SECOND[unit]
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def asked(arrow: Any, config: DayConfig) -> list[Asked]:
    """Requests from rows of the table, in order of time.

    Args:
        arrow: a table with the inputs, `entity_`, `at_ms_` and `truth_`.
    """
    names = [*config.numbers, *config.words, *(d.name for d in config.derived)]
    found = []
    for row in arrow.to_pylist():
        truth = row["truth_"]
        inputs = {name: row[name] for name in names}
        entity = None if row["entity_"] is None else str(row["entity_"])
        found.append(Asked(inputs, entity, int(row["at_ms_"]), None if truth is None else int(truth)))
    return found
