"""The registry's tables and what is asked of them."""

from __future__ import annotations

from modelyard.registry.store.schema import MIGRATIONS

__all__ = ["MIGRATIONS"]
