"""What stood at a moment: reading the moment, and saying the answer in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from modelyard.kernel.clock import from_ms, to_ms
from modelyard.kernel.errors import InvalidInput
from modelyard.registry.api import AliasMove, Approval, StageMove

_LATEST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999."""


def moment_of(text: str) -> int:
    """Milliseconds since 1970 of a written moment; UTC unless it says otherwise.

    >>> moment_of("2026-05-03T14:00")
    1777816800000
    >>> moment_of("2026-05-03T16:00+02:00") == moment_of("1777816800000")
    True

    Raises:
        InvalidInput: that is no moment.
    """
    if text.isascii() and text.isdigit() and len(text) > 4 and int(text) <= _LATEST_MS:
        return int(text)
    try:
        moment = datetime.fromisoformat(text.strip())
        return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{text[:40]!r} is no moment; write e.g. 2026-05-03T14:00 (UTC) or milliseconds since 1970"
        ) from None


def said(at_ms: int) -> str:
    """A moment for people."""
    return f"{from_ms(at_ms):%Y-%m-%d %H:%M} UTC"


def alias_sentence(
    name: str, alias: str, at_ms: int, *, move: AliasMove | None, set_by: str, approvals: Sequence[Approval]
) -> str:
    """What an alias stood for, who had set it and on whose approval."""
    if move is None:
        return f"At {said(at_ms)} the alias {alias} of {name} had never been set."
    how = "directly, without a proposal"
    if move.proposal is not None:
        yes = ", ".join(f"{a.name} ({said(a.at_ms)})" for a in approvals)
        how = f"by merging proposal {move.proposal}, approved by {yes or 'nobody, as none was asked for'}"
    if move.version is None:
        return f"At {said(at_ms)} no version of {name} was {alias}: {set_by} had taken it away at {said(move.at_ms)}."
    return (
        f"At {said(at_ms)} version {move.version} of {name} was {alias}, set at {said(move.at_ms)} by {set_by} {how}."
    )


def stage_sentence(name: str, stage: str, at_ms: int, moves: Sequence[tuple[StageMove, str]]) -> str:
    """Which versions were in a stage, and who had put them there."""
    if not moves:
        return f"At {said(at_ms)} no version of {name} was in {stage}."
    put = "; ".join(f"version {m.version}, put there at {said(m.at_ms)} by {who}" for m, who in moves)
    return f"At {said(at_ms)} in {stage} of {name}: {put}."
