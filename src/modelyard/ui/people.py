"""What people are called: names for the ids that records hold; never who may do what."""

from __future__ import annotations

from collections.abc import Mapping

from modelyard.kernel.errors import YardError
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls


def names(calls: PageCalls) -> Mapping[str, str]:
    """Actor id -> name, of the first 1,000; empty for whoever may not read the register."""
    try:
        return {str(one.id): one.name for one in slices(calls).governance.actors(limit=1000).items}
    except YardError:
        return {}
