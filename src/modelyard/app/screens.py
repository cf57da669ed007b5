"""Which screens this yard shows, and the site made of them."""

from __future__ import annotations

from collections.abc import Callable

from modelyard.app.door import HouseDoor
from modelyard.app.house import House
from modelyard.edges.http.messages import App
from modelyard.governance.service import GovernanceService
from modelyard.kernel.errors import Internal
from modelyard.ui import (
    boards,
    branches,
    checks,
    commits,
    comparison,
    conflicts,
    contrast,
    curves,
    differences,
    endpoints,
    files,
    filesets,
    flows,
    follows,
    home,
    inbox,
    lineage,
    lists,
    loads,
    manual,
    mending,
    models,
    monitors,
    previews,
    privacy,
    proposals,
    quarantine,
    queries,
    reports,
    rules,
    runflows,
    runs,
    sources,
    spending,
    standings,
    tables,
    trainingsets,
    upkeep,
    verdicts,
    views,
)
from modelyard.ui.kit.frame import Vitals
from modelyard.ui.kit.pages import Screens
from modelyard.ui.kit.site import Site


def every_screen() -> tuple[Screens, ...]:
    """All pages, by slice."""
    return (
        home.screens(),
        boards.screens(),
        contrast.screens(),
        curves.screens(),
        follows.screens(),
        previews.screens(),
        runs.screens(),
        flows.screens(),
        runflows.screens(),
        tables.screens(),
        quarantine.screens(),
        mending.screens(),
        rules.screens(),
        comparison.screens(),
        differences.screens(),
        branches.screens(),
        conflicts.screens(),
        commits.screens(),
        sources.screens(),
        upkeep.screens(),
        filesets.screens(),
        files.screens(),
        queries.screens(),
        loads.screens(),
        models.screens(),
        proposals.screens(),
        lists.screens(),
        endpoints.screens(),
        monitors.screens(),
        verdicts.screens(),
        inbox.screens(),
        standings.screens(),
        reports.screens(),
        checks.screens(),
        trainingsets.screens(),
        views.screens(),
        lineage.screens(),
        privacy.screens(),
        spending.screens(),
        manual.screens(),
    )


def site(house: House, vitals: Callable[[], Vitals]) -> App:
    """The application that answers browsers."""
    governance = house.engines.services["governance"]
    if not isinstance(governance, GovernanceService):
        raise Internal("nobody answers for identity; app.rooms lacks governance")
    door = HouseDoor(house, governance)
    made = Site(every_screen(), door=door, clock=house.clock, yard=house.settings.home_path.name, vitals=vitals)
    return made.app()
