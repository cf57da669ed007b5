"""Comparisons are there before anybody looks."""

from __future__ import annotations

from modelyard.registry.reactions import reactions
from modelyard.registry.service import RegistryService
from tests.registry.conftest import Workplace
from tests.registry.test_judging import rows


def test_a_proposal_is_compared_before_anybody_looks(place: Workplace) -> None:
    for version in (1, 2):
        place.registered("tips")
        place.registry.evaluate("tips", version, "holdout", rows(shift=0.05 * version, groups=4))
    place.registry.set_alias("tips", "production", 1)
    number = place.registry.propose("tips", 2).number
    place.registered("fares")
    place.registry.evaluate("fares", 1, "holdout", rows())
    place.registry.delete_model("fares")
    service = place.service
    assert isinstance(service, RegistryService)
    ahead = [r for r in reactions(service) if r.name.startswith("registry.compare_")]
    assert place.bench.deliver(*ahead) == 4
    for path in (place.bench.home / "objects").rglob("*"):
        if path.is_file():
            path.unlink()
    found = place.registry.diff("tips", number)
    assert [c.group for c in found.metrics if c.group][:1] != []
    assert all(c.paired for c in found.metrics)
