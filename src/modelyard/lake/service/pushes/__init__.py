"""Pushes: rows in small batches, acknowledged when they are on the disk and folded into tables by ordinary loads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from modelyard.kernel.refs import Name
from modelyard.lake.api import Backlog, Flushed, Mode, Pushed, PushOperations
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.pushes.folding import Folder, PushTerms
from modelyard.lake.service.pushes.log import PushLog
from modelyard.ports import calls

__all__ = ["PushService", "PushTerms"]


class PushService(PushOperations):
    """The push operations; the segment log and the folder are made at first use."""

    _desk: Desk
    _push_folder: Path
    _push_terms: PushTerms
    _push_log: PushLog | None = None
    _folder: Folder | None = None

    def push(self, name: Name, content: Iterable[bytes], *, mode: Mode = Mode.APPEND, key: str | None = None) -> Pushed:
        """Add a few rows."""
        from modelyard.lake.service.pushes.accepting import accept

        folder = self.folder()
        if self._push_log is None:
            self._push_log = PushLog(self._push_folder, calls.current().clock, synced=self._push_terms.synced)
        return accept(self._push_log, folder, name, content, mode=mode, key=key)

    def flush(self, table: Name | None = None) -> tuple[Flushed, ...]:
        """Fold what was pushed so far, now."""
        return self.folder().fold(None if table is None else [table])

    def backlog(self) -> tuple[Backlog, ...]:
        """List what is pushed and not yet folded."""
        return self.folder().waiting()

    def folder(self) -> Folder:
        """Folds the pushes of this home."""
        if self._folder is None:
            self._folder = Folder(self._desk, self._push_folder, calls.current().clock, self._push_terms)
        return self._folder
