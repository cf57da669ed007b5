"""Rows of pipelines: flows, runs, steps, attempts, the cache, files, schedules and queues."""

from modelyard.pipelines.store.tables import MIGRATIONS

__all__ = ["MIGRATIONS"]
