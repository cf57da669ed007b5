"""The tables of monitoring: monitors, profiles, labels, verdicts, rules, alerts, webhooks, errands."""

from __future__ import annotations

from modelyard.monitoring.store.schema import MIGRATIONS

__all__ = ["MIGRATIONS"]
