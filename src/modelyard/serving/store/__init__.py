"""Serving's rows: endpoints with revisions and routes, folds, truths."""

from modelyard.serving.store.tables import MIGRATIONS

__all__ = ["MIGRATIONS"]
