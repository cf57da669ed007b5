"""The tables of governance; nothing else reads them."""

from __future__ import annotations

from modelyard.governance.store.identity import IDENTITY_MIGRATIONS
from modelyard.governance.store.lineage import LINEAGE_MIGRATIONS
from modelyard.governance.store.receipts import RECEIPT_MIGRATIONS
from modelyard.ports.database import Migration

_ALL = (*IDENTITY_MIGRATIONS, *LINEAGE_MIGRATIONS, *RECEIPT_MIGRATIONS)
MIGRATIONS: tuple[Migration, ...] = tuple(sorted(_ALL, key=lambda step: step.number))
