"""Fixtures of the features' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.features.stand import Stand, stand_on_sqlite


@pytest.fixture
def yard() -> Iterator[Stand]:
    """Features over a lake with a table `trips`: two companies over one day, one trip without company."""
    with stand_on_sqlite() as made:
        made.load("trips", TRIPS)
        yield made


TRIPS = """company,fare,tips,at,written,kind
a,10,1,2026-05-01T00:00:00Z,2026-05-01T00:00:01Z,card
a,20,6,2026-05-01T06:00:00Z,2026-05-01T06:00:01Z,cash
b,30,0,2026-05-01T06:00:00Z,2026-05-01T06:00:01Z,card
,99,9,2026-05-01T06:00:00Z,2026-05-01T06:00:01Z,card
a,40,8,2026-05-01T12:00:00Z,2026-05-01T12:00:01Z,
a,44,9,2026-05-01T12:00:00Z,2026-05-01T12:00:02Z,card
b,,5,2026-05-02T00:00:00Z,2026-05-02T00:00:01Z,card
"""
