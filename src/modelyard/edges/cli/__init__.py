"""The command line edge: every operation as a command, derived from its declaration."""
