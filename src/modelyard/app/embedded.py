"""A home opened in this process: what `modelyard.connect("./home")` gives."""

from __future__ import annotations

import os

from modelyard.app.house import House
from modelyard.sdk.hub import Yard
from modelyard.settings import load


def open_home(folder: str | None = None) -> Yard:
    """The typed client of a home, acting as its owner; closing it closes the home.

    Raises:
        Conflict: a newer version made the home.
    """
    house = House(load({"home": folder}, os.environ))
    return house.yard(closes=True)
