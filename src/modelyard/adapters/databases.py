"""The address picks the database: a path or `sqlite:///path` is SQLite, `postgresql://...` is Postgres.

The adapter of an engine is imported when an address asks for it, so a yard on SQLite never loads psycopg.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import InvalidInput
from modelyard.ports.database import Database
from modelyard.ports.journal import Journal


def open_database(
    address: str | Path,
    *,
    journal: Journal | None = None,
    clock: Clock | None = None,
    synchronous: Literal["FULL", "NORMAL"] = "FULL",
) -> Database:
    """Open the database behind an address; nothing is migrated yet. `synchronous` is SQLite's (see there).

    Raises:
        InvalidInput: no adapter reads such an address.
        MissingExtra: its driver is not installed; the text is the command.
        Unavailable: nobody answers there.
    """
    text = str(address)
    if isinstance(address, str) and text.startswith(("postgresql://", "postgres://")):
        from modelyard.adapters.postgres import PostgresDatabase

        return PostgresDatabase(text, journal=journal, clock=clock)
    if isinstance(address, Path) or "://" not in text or text.startswith("sqlite:///"):
        from modelyard.adapters.sqlite import SqliteDatabase

        return SqliteDatabase(
            Path(text.removeprefix("sqlite:///")), journal=journal, clock=clock, synchronous=synchronous
        )
    raise InvalidInput(
        f"no database is known for {text.partition('://')[0]}://; give a path, sqlite:///path or postgresql://user@host/name"
    )
