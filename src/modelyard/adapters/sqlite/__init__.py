"""The database port on SQLite: one file in the home, write-ahead log, one writer a process, many readers."""

from modelyard.adapters.sqlite.database import SqliteDatabase

__all__ = ["SqliteDatabase"]
