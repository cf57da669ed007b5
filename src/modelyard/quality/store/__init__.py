"""Contracts, reports and reference sketches in the database, and the SQL that a contract compiles to."""

from modelyard.quality.store.contracts import CONTRACTS
from modelyard.quality.store.reports import REPORTS
from modelyard.quality.store.sketches import SKETCHES

MIGRATIONS = (CONTRACTS, REPORTS, SKETCHES)
