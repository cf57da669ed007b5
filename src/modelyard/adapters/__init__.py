"""Ports answered by real engines: one folder or file for each, imported by the app on first use.

An adapter knows its engine and the port that it answers, never a slice and never another adapter's engine.
"""
