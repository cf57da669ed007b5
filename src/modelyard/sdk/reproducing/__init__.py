"""Runs done again: what a run tells of itself, a place and packages for it, its command, and two runs side by side."""
