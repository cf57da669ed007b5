"""Heavy libraries are fetched once somebody looks, and no earlier."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from starlette.testclient import TestClient

from modelyard.app import screens
from modelyard.app.door import HouseDoor
from modelyard.app.house import House
from modelyard.app.warming import Warming
from modelyard.governance.service import GovernanceService
from modelyard.settings import Settings
from modelyard.ui.kit.frame import Vitals

_SCRIPT = """
import sys
from modelyard.app.warming import Warming
made = Warming(["tests.app.nothing_of_the_kind", "modelyard.adapters.duck"], pause_s=0)
assert "duckdb" not in sys.modules
made.begin()
made.begin()
made.wait(60)
print("duckdb" in sys.modules)
"""


def test_a_missing_extra_does_not_keep_the_rest_from_being_fetched() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "True"


def test_a_stranger_warms_nothing_and_somebody_signed_in_does(tmp_path: Path) -> None:
    house = House(Settings(home=str(tmp_path / "home")))
    begun: list[str] = []

    class Told(Warming):
        def begin(self) -> None:
            begun.append("begun")

    governance = house.engines.services["governance"]
    assert isinstance(governance, GovernanceService)
    door = HouseDoor(house, governance, Told())
    house.owner()
    token = (house.settings.home_path / "state" / "owner.token").read_text().strip()
    assert door.enter(None, "no such token") is None
    assert begun == []
    assert door.enter(None, token) is not None
    assert begun == ["begun"]
    client = TestClient(screens.site(house, Vitals), base_url="http://yard.test")
    assert client.get("/tables", headers={"authorization": f"Bearer {token}"}).status_code == 200
    house.close()
