"""What the tests of governance stand on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.governance.yard import Yard, yard


@pytest.fixture
def house() -> Iterator[Yard]:
    """A fresh yard with its owner."""
    with yard() as made:
        yield made
