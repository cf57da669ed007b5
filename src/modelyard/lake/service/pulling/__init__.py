"""Pulling rows and files from other systems into tables."""
