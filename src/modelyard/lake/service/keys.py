"""Keys: the columns that identify a row, the same on every branch and at every version, checked where rows stand."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.kernel.errors import NotFound
from modelyard.lake.api import Version
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.reshaping import Order, Outcome, Scene, reshape
from modelyard.lake.service.verbs import check_unique
from modelyard.lake.store import branches, catalogue
from modelyard.ports import calls


def set_keys(desk: Desk, name: str, keys: Sequence[str], message: str) -> Version:
    """Say which columns identify a row; a version of `main`, or of the first branch that shows the table."""
    holders = branches.holders(calls.current().tx, name)
    if not holders:
        raise NotFound(f"there is no table {name}; list them: yard lake tables")

    def work(scene: Scene) -> Outcome:
        for version in sorted(set(_shown(name).values())):
            entry = calls.current().unit(lambda: catalogue.entry(calls.current().tx, name, version))  # noqa: B023 - run at once
            if entry is not None:
                check_unique(desk, entry, keys)
        return Outcome(scene.entry.columns, scene.files)

    branch = MAIN if MAIN in holders else min(holders)
    order = Order(
        table=name, operation="set_keys", branch=branch, message=message,
        beside=lambda _: catalogue.set_keys(calls.current().tx, name, keys),
    )  # fmt: skip
    return reshape(desk, order, work)


def _shown(name: str) -> dict[str, int]:
    """The branches that show the table now, as a writer sees it."""
    return calls.current().unit(lambda: branches.holders(calls.current().tx, name))
