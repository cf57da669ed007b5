"""The operations that keep tables quick and small; what they do stands in the modules beside, imported at first use."""

from __future__ import annotations

from modelyard.kernel.errors import NotFound
from modelyard.kernel.refs import Name
from modelyard.lake.api import Compaction, Examination, Retention, UpkeepOperations, Vacuum
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service.desk import Desk
from modelyard.lake.store import catalogue, retention
from modelyard.ports import calls


class UpkeepService(UpkeepOperations):
    """Upkeep of all tables."""

    _desk: Desk

    def compact(self, name: Name, *, target_bytes: int = 128 << 20, branch: Name | None = None) -> Compaction:
        """Fold small data files into large ones."""
        from modelyard.lake.service import compaction

        return compaction.compact(self._desk, name, branch=branch or MAIN, target_bytes=target_bytes)

    def retain(self, name: Name, *, keep_days: float | None = None, keep_versions: int = 1) -> Retention:
        """Say how long versions stay."""
        _location(name)
        call = calls.current()
        rule = Retention(
            table=name, keep_days=keep_days, keep_versions=keep_versions, author=call.actor.id, at_ms=call.now_ms
        )
        retention.put(call.tx, rule)
        return rule

    def retention(self, name: Name) -> Retention:
        """Show how long versions stay."""
        from modelyard.lake.service.retention import rule

        _location(name)
        return rule(name)

    def vacuum(self, name: Name, *, dry_run: bool = False) -> Vacuum:
        """Let go the versions that retention no longer keeps."""
        from modelyard.lake.service.retention import vacuum

        return vacuum(self._desk, name, _location(name), dry_run=dry_run)

    def examine(self, *, mend: bool = False, deep: bool = False) -> Examination:
        """Look for lost, strange and left-over files."""
        from modelyard.lake.service.examination import examine

        return examine(self._desk, mend=mend, deep=deep)

    def tidy(self, table: str, branch: str) -> None:
        """Fold a table's files if it has many small ones; a running yard asks after each commit."""
        from modelyard.lake.service import compaction

        if compaction.crowded(self._desk, table, branch):
            compaction.compact(self._desk, table, branch=branch, target_bytes=compaction.TARGET_BYTES)

    def expire_due(self) -> None:
        """Vacuum every table that has a rule; a running yard does so once an hour."""
        from modelyard.lake.service.retention import vacuum

        for name, location in catalogue.places(calls.current().tx).items():
            rule = retention.get(calls.current().tx, name)
            if rule is not None and rule.keep_days is not None:
                vacuum(self._desk, name, location, dry_run=False)


def _location(name: str) -> str:
    if (found := catalogue.place(calls.current().tx, name)) is None:
        raise NotFound(f"there is no table {name}; list them: yard lake tables")
    return found[0]
