"""The quarantine across loads and rules that mend it; what does the work is imported at first use."""

from __future__ import annotations

from modelyard.kernel.errors import NotFound
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name
from modelyard.lake.api import (
    Load,
    LoadId,
    MendRule,
    MendTrial,
    ProfileComparison,
    ProfileOperations,
    QuarantinedRow,
    QuarantineOperations,
    TableQuarantine,
)
from modelyard.lake.service.desk import Desk, resolve
from modelyard.lake.service.policies import check_reveals
from modelyard.lake.store import catalogue, loads
from modelyard.ports import calls


class QuarantineWork(QuarantineOperations, ProfileOperations):
    """What the lake does with rows that it holds, and with what it measured."""

    _desk: Desk

    def table_quarantine(self, name: Name) -> TableQuarantine:
        """Show what a table's quarantine holds."""
        from modelyard.lake.service import holdings

        check_reveals(self._desk, name, "quarantined rows")
        return holdings.summary(self._desk, _known(name))

    def held(
        self, name: Name, *, reason: str | None = None, cursor: str | None = None, limit: Limit = 100
    ) -> Page[QuarantinedRow]:
        """List the rows that a table's quarantine holds."""
        from modelyard.lake.service import holdings

        check_reveals(self._desk, name, "quarantined rows")
        return holdings.listed(self._desk, _known(name), reason=reason, cursor=cursor, limit=limit)

    def try_mend(self, load: LoadId, rule: MendRule, *, limit: Limit = 20) -> MendTrial:
        """Show what a rule would do to held rows."""
        from modelyard.lake.service import remedies

        found = loads.found(calls.current().tx, load)
        check_reveals(self._desk, found.table, "quarantined rows")
        return remedies.trial(self._desk, found, rule, limit=limit)

    def mend(self, load: LoadId, rule: MendRule, why: str) -> Load:
        """Mend held rows by a rule and load them again."""
        from modelyard.lake.service import remedies

        return remedies.apply(self._desk, loads.found(calls.current().tx, load), rule, why)

    def compare_profiles(self, name: Name, base: str, target: str | None = None) -> ProfileComparison:
        """Show how the profiles of two versions differ."""
        from modelyard.lake.model.comparison import compared
        from modelyard.lake.service.profiling import profile

        return compared(profile(self._desk, resolve(name, base)), profile(self._desk, resolve(name, target)))


def _known(name: str) -> str:
    """The name of a table that is there, or that loads were made into."""
    tx = calls.current().tx
    if catalogue.entry(tx, name) is None and not loads.holding(tx, name):
        raise NotFound(f"there is no table {name}; list them: yard lake tables")
    return name
