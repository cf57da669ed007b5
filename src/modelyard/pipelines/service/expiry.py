"""What pipelines let go of with time: cached results of steps, and logs of attempts.

Runs, their steps and what they made stay: lineage leads through them. A step whose cached result is gone simply runs.
"""

from __future__ import annotations

from pathlib import Path

from modelyard.pipelines.store import steps
from modelyard.ports import calls

_DAY_MS = 86_400_000


class Expiry:
    """Removes what is older than so many days; 0 keeps everything."""

    def __init__(self, logs: Path, keep_days: int) -> None:
        self._logs = logs
        self._keep_ms = keep_days * _DAY_MS

    def round(self) -> None:
        """Look once; for a duty."""
        call = calls.current()
        if not self._keep_ms:
            return
        before_ms = call.now_ms - self._keep_ms
        call.unit(lambda: steps.forget(calls.current().tx, before_ms))
        for log in self._logs.glob("*.log"):
            if log.stat().st_mtime * 1000 < before_ms:
                log.unlink(missing_ok=True)
