"""Contracts, checks and reports: what a table promises, declared once, checked on every load and on demand."""

from __future__ import annotations

from modelyard.quality.api.news import ChecksRan, ContractDeclared
from modelyard.quality.api.operations import Quality
from modelyard.quality.api.records import (
    REPORT,
    CheckKind,
    CheckResult,
    DeclaredContract,
    Outcome,
    Report,
    ReportId,
    Verdict,
)
from modelyard.quality.api.rules import (
    BalanceRule,
    ColumnRule,
    Contract,
    Distance,
    DriftRule,
    FreshnessRule,
    QueryRule,
    ReferenceRule,
    RowsRule,
    Rule,
    Severity,
    SqlRule,
    UniqueRule,
    Value,
    VolumeRule,
)
from modelyard.quality.api.texts import ContractText, DeclaredTranslation, TextForm, Translated

__all__ = [
    "REPORT",
    "BalanceRule",
    "CheckKind",
    "CheckResult",
    "ChecksRan",
    "ColumnRule",
    "Contract",
    "ContractDeclared",
    "ContractText",
    "DeclaredContract",
    "DeclaredTranslation",
    "Distance",
    "DriftRule",
    "FreshnessRule",
    "Outcome",
    "Quality",
    "QueryRule",
    "ReferenceRule",
    "Report",
    "ReportId",
    "RowsRule",
    "Rule",
    "Severity",
    "SqlRule",
    "TextForm",
    "Translated",
    "UniqueRule",
    "Value",
    "Verdict",
    "VolumeRule",
]
