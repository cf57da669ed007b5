"""The tables of governance; nothing else reads them."""

from __future__ import annotations

from modelyard.governance.store.identity import IDENTITY_MIGRATIONS
from modelyard.governance.store.lineage import LINEAGE_MIGRATIONS
from modelyard.ports.database import Migration

MIGRATIONS: tuple[Migration, ...] = tuple(sorted((*IDENTITY_MIGRATIONS, *LINEAGE_MIGRATIONS), key=lambda m: m.number))
