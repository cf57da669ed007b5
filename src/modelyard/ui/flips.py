"""The part of a proposal's review about predictions that flip: which rows, whether for better, and where."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from msgspec import Struct

from modelyard.kernel.errors import InvalidInput
from modelyard.registry.api import Flips, Proposal, ProposalDiff
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import share
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Page
from modelyard.ui.models import model_url, proposal_url
from modelyard.ui.sections import Tabs

_TITLE = "Predictions that flip"


class FlipsData(Struct, frozen=True):
    """What flips, one a set of rows that both versions have answered.

    Attributes:
        champion: the version that holds the alias, if one does.
        datasets: rows that the candidate was tried on.
        columns: of the groups that example rows have, by set of rows.
    """

    proposal: Proposal
    champion: int | None
    found: tuple[Flips, ...]
    datasets: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    tabs: Tabs
    url: str


def which(ask: Ask) -> tuple[str, int]:
    """The model and the number of the proposal that a page's address names.

    Raises:
        InvalidInput: it names no number.
    """
    number = ask.params["number"]
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise InvalidInput(f"a proposal has a whole number, not {number[:40]!r}; list them under /proposals")
    return ask.params.get("name", ""), int(number)


def review_tabs(found: Proposal, diff: ProposalDiff, current: str) -> Tabs:
    """The parts of a review; beside what flips stands its share of the first set of rows."""
    flipping_share = share(diff.flips[0].changed.share) if diff.flips else ""
    here = proposal_url(found)
    return Tabs((("Review", here, ""), (_TITLE, f"{here}/flips", flipping_share)), current)


def flipping(calls: PageCalls, ask: Ask) -> Page:
    """The page of what flips."""
    registry, (name, number) = slices(calls).registry, which(ask)
    found = registry.proposal(name, number)
    diff = registry.diff(name, number)
    data = FlipsData(
        found, diff.champion, diff.flips, tuple(dict.fromkeys(c.dataset for c in diff.metrics)),
        {f.dataset: tuple(f.examples[0].groups) if f.examples else () for f in diff.flips},
        review_tabs(found, diff, _TITLE), proposal_url(found),
    )  # fmt: skip
    foot = Foot(
        f"GET /v1/models/{quote(name)}/proposals/{number}/diff", f"yard registry diff {name} {number}",
        f"yard.registry.diff({name!r}, {number}).flips", (),
    )  # fmt: skip
    crumbs = (
        Crumb("Proposals", "/proposals"), Crumb(name, model_url(name)), Crumb(f"#{number}", proposal_url(found)),
        Crumb(_TITLE),
    )  # fmt: skip
    return Page(f"{_TITLE} · {found.title or f'Proposal {number}'}", data, crumbs, foot)
