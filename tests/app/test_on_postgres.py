"""A whole house on Postgres: every room's tables are made there, and the home's owner is known again."""

from __future__ import annotations

from pathlib import Path

from modelyard.app.house import House
from modelyard.settings import Settings


def test_a_house_stands_on_postgres_as_on_sqlite(tmp_path: Path, postgres_address: str) -> None:
    settings = Settings(home=str(tmp_path / "home"), database=postgres_address, port=0)
    first = House(settings)
    owner = first.owner()
    first.close()
    second = House(settings)
    try:
        assert second.owner() == owner
        assert second.engines.database.check() == []
        with second.engines.database.read() as tx:
            assert second.engines.journal.verify(tx).broken_at is None
            assert second.engines.journal.events(tx, after=0) != []
            assert second.engines.queue.counts(tx) == []
    finally:
        second.close()
    assert list((tmp_path / "home" / "state").glob("*.sqlite*")) == []
