"""Pipelines: typed steps wired into flows, run apart from the yard, cached by what they are made from."""
