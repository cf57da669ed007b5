"""Decisions of tracking that need no machine: series and their packing, the filter language, names, sampling."""
