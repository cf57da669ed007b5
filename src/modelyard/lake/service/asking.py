"""What the inspector is told beside the rows: where they go, and that nothing will be taken, whatever it says."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from modelyard.lake.api import Inspection, Inspector, Verdict
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service.desk import Desk


@dataclass(frozen=True, slots=True)
class _Told:
    inspector: Inspector
    at: str | None
    dry: bool

    def judges(self, table: str) -> bool:
        return self.inspector.judges(table)

    def inspect(self, about: Inspection) -> Verdict:
        return self.inspector.inspect(msgspec.structs.replace(about, at=self.at, dry=self.dry))


def told(desk: Desk, branch: str, *, dry: bool = False) -> Desk:
    """The desk with an inspector that knows the branch, and whether it is a trial."""
    if desk.inspector is None:
        return desk
    return replace(desk, inspector=_Told(desk.inspector, None if branch == MAIN else branch, dry))
