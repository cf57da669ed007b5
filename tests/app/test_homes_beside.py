"""Homes that stand on one database, each on a machine of its own."""

from __future__ import annotations

from pathlib import Path

from modelyard.app.house import House
from modelyard.settings import Settings


def test_each_home_has_an_owners_token_of_its_own(postgres_address: str, tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("one", "two")]
    houses = [House(Settings(home=str(home), database=postgres_address)) for home in homes]
    try:
        owners = [house.owner() for house in houses]
        assert owners[0].id == owners[1].id
        tokens = [(home / "state" / "owner.token").read_text() for home in homes]
        assert tokens[0] != tokens[1]
        (homes[0] / "state" / "owner.token").unlink()
        assert houses[0].owner().id == owners[0].id
        assert houses[1].guard.identities.authenticate(tokens[1]) is not None, "nobody made it void"
        assert houses[1].guard.identities.authenticate(tokens[0]) is None, "the one that was lost is void"
    finally:
        for house in houses:
            house.close()
