"""The tables of tracking and every statement on them."""

from modelyard.tracking.store.schema import MIGRATIONS

__all__ = ["MIGRATIONS"]
