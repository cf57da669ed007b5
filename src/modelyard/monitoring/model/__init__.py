"""Decisions of monitoring: statistics and judgements on arrays; no I/O, the same answer for the same seed."""
