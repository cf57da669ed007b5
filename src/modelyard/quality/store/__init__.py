"""Contracts and reports in the database, and the SQL that a contract compiles to."""

from modelyard.quality.store.contracts import CONTRACTS
from modelyard.quality.store.reports import REPORTS

MIGRATIONS = (CONTRACTS, REPORTS)
