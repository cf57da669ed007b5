"""Decisions of pipelines: what a result is remembered by, whether a plan can run, when a schedule is due."""
