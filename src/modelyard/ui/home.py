"""Home: how the yard stands in words, its figures, the map of the lifecycle, what needs somebody, what happened."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from modelyard.cost.api import By
from modelyard.kernel.clock import to_ms
from modelyard.ui.atlas import atlas
from modelyard.ui.happenings import Happening, happenings
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import energy, money, number, plural
from modelyard.ui.kit.maps import MapDrawing, Stage, Strand, drawing
from modelyard.ui.kit.pages import Ask, Foot, Page, Screens
from modelyard.ui.needs import Need, allowed, needs

_SHOWN = 8


class Figure(Struct, frozen=True):
    """One figure over the map: as text, what it is, and its last days."""

    value: str
    words: str
    trend: tuple[float, ...] = ()


class HomeData(Struct, frozen=True):
    """What home shows; `more` is how many further things wait in the inbox."""

    sentence: str
    rest: str
    figures: tuple[Figure, ...]
    stages: tuple[Stage, ...]
    strands: tuple[Strand, ...]
    map: MapDrawing
    needs: tuple[Need, ...]
    more: int
    activity: tuple[Happening, ...]


def screens() -> Screens:
    """Home."""
    mine = Screens("home")

    @mine.page("/", template="pages/home.html", nav="home")
    def home(calls: PageCalls, ask: Ask) -> Page:
        hub = slices(calls)
        waiting, drawn = needs(hub), atlas(hub, ask.now)
        sentence, rest = _sentence(drawn.stages, waiting)
        data = HomeData(
            sentence, rest, _figures(hub, ask.now), drawn.stages, drawn.strands,
            drawing(drawn.stages, drawn.strands), waiting[:_SHOWN], max(0, len(waiting) - _SHOWN),
            happenings(calls, 14),
        )  # fmt: skip
        foot = Foot("GET /v1/events", "yard governance events", "yard.governance.events()")
        return Page("Home", data, foot=foot)

    return mine


def _sentence(stages: tuple[Stage, ...], waiting: tuple[Need, ...]) -> tuple[str, str]:
    endpoints = next((s for s in stages if s.name == "Endpoints"), None)
    places = endpoints.places if endpoints else ()
    silent = [p.name for p in places if p.state in ("bad", "warn")]
    lead = "All endpoints answer." if places else "Nothing is served yet."
    if silent:
        lead = f"{' and '.join(silent[:2])} {'does' if len(silent) == 1 else 'do'} not fully answer."
    worst = next((n for n in waiting if n.state != "wait" and n.ref.partition(":")[0] != "endpoint"), None)
    if worst is not None:
        return lead, worst.text.rstrip(".") + "."
    if waiting:
        return lead, f"{plural(len(waiting), 'thing waits', 'things wait')} for a decision."
    return lead, "Nothing needs you."


def _figures(hub: Slices, now: datetime) -> tuple[Figure, ...]:
    since = to_ms(now - timedelta(days=14))
    days = allowed(lambda: hub.cost.usage(By.DAY, since_ms=since, limit=31))
    if days is None:
        return ()
    today = f"{now:%Y-%m-%d}"
    past = sorted((d for d in days if d.name), key=lambda d: d.name)
    spent = next((d for d in past if d.name == today), None)
    used = spent.amounts if spent else None
    answered = tuple(float(d.amounts.predictions) for d in past)
    costs = tuple(d.cost.micros / 1e6 for d in past)
    per = spent.per_thousand_predictions if spent else None
    return (
        Figure(number(used.predictions if used else 0), "predictions today", answered),
        Figure(money(per.micros / 1e6) if per else "–", "per 1,000 predictions"),
        Figure(money(spent.cost.micros / 1e6 if spent else 0.0), "spent today", costs),
        Figure(energy(used.energy_wh if used else 0.0), "energy today", tuple(d.amounts.energy_wh for d in past)),
    )
