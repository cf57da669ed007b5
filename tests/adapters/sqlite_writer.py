"""A program that writes governed rows into a SQLite file and says each number once it is acknowledged.

python sqlite_writer.py FILE NAME COUNT
"""

from __future__ import annotations

import sys
from pathlib import Path

from modelyard.adapters.journal import DatabaseJournal
from modelyard.adapters.sqlite import SqliteDatabase
from modelyard.testing import notes


def main(file: str, name: str, count: int) -> None:
    """Write `count` notes."""
    database = SqliteDatabase(Path(file), journal=DatabaseJournal())
    database.migrate(notes.TABLES)
    for n in range(count):
        database.write(lambda tx, n=n: notes.add(tx, f"{name}{n}"), lambda: [notes.entry("add")])  # type: ignore[misc]  # mypy cannot type a default in a lambda
        sys.stdout.write(f"{n}\n")
        sys.stdout.flush()
    database.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
