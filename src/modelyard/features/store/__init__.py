"""The tables of features, and the SQL that reads sources; nothing else reads those tables."""

from __future__ import annotations

from modelyard.features.store.definitions import DEFINITIONS
from modelyard.ports.database import Migration

MIGRATIONS: tuple[Migration, ...] = (DEFINITIONS,)
