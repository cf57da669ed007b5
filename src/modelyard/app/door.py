"""The door of the screens: who a browser is, how its session begins and ends, and the news it is told.

Every page acts as the actor behind its session, through the same guard as any other call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from msgspec import Struct

from modelyard.app.bulletin import Bulletin
from modelyard.app.house import House
from modelyard.app.warming import Warming
from modelyard.governance.service import GovernanceService
from modelyard.kernel.actors import SYSTEM
from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import Unauthenticated, YardError
from modelyard.sdk.hub import Yard
from modelyard.ui.kit.calls import POINTS, PageCalls, PageNews, Session

TOPICS: dict[str, tuple[str, ...]] = {
    "lake": ("tables", "home"),
    "quality": ("quality", "tables", "home"),
    "features": ("features", "home"),
    "pipelines": ("pipelines", "home"),
    "tracking": ("runs", "home"),
    "registry": ("models", "proposals", "home"),
    "serving": ("endpoints", "home"),
    "monitoring": ("monitors", "alerts", "home"),
    "governance": ("audit", "privacy", "home"),
    "cost": ("cost", "home"),
    "teamwork": ("inbox", "home"),
}
"""Which pages an event of a slice makes old."""


class ActorCalls(Struct, frozen=True):
    """What one page may use; implements `PageCalls`."""

    actor_name: str
    roles: tuple[str, ...]
    csrf_token: str
    hub: Yard


class HouseDoor:
    """Lets browsers into one house; implements `ui.kit.calls.Door`."""

    def __init__(self, house: House, governance: GovernanceService, warming: Warming | None = None) -> None:
        self._house = house
        self._governance = governance
        self._warming = warming or Warming()
        self._bulletin = Bulletin(self._look)

    def enter(self, session: str | None, bearer: str | None) -> ActorCalls | None:
        """The calls of the actor behind a bearer token or a session."""
        identities = self._house.guard.identities
        if bearer is not None:
            actor, csrf = identities.authenticate(bearer), ""
        elif session is not None:
            actor, csrf = identities.session(session), identities.csrf(session)
        else:
            return None
        if actor is None:
            return None
        self._warming.begin()
        hub = self._house.yard(actor)
        roles = tuple(sorted({g.role.value for g in hub.governance.whoami().grants}))
        return ActorCalls(actor.name, roles, csrf, hub)

    def admit(self, secret: str, *, one_time: bool) -> Session | None:
        """Open a session for a token, or for a link that works once."""
        try:
            code = secret if one_time else self._link_for(secret)
            signed = self._house.guard.as_system("governance.redeem", lambda: self._governance.redeem(code))
        except YardError:
            return None
        return Session(signed.cookie, signed.max_age_s)

    def dismiss(self, session: str) -> None:
        """End a session."""
        self._house.guard.as_system("governance.dismiss", lambda: self._governance.end(session))

    def news(self, calls: PageCalls) -> AsyncIterator[PageNews | None]:  # noqa: ARG002  # topics are for all
        """What happened, by topic; None every ten seconds of silence."""
        return self._bulletin.listen()

    def _look(self) -> Callable[[], Sequence[PageNews]]:
        """A look at the log of events and at the points of runs, from now on."""
        seen, beat = self._newest(), self._pulse()

        def look() -> Sequence[PageNews]:
            nonlocal seen, beat
            newest, pulse, found = self._newest(), self._pulse(), list[PageNews]()
            if newest != seen:
                found += self._between(seen, newest)
                seen = newest
            if pulse != beat:
                found.append(PageNews(newest, POINTS, self._house.clock.now()))
                beat = pulse
            return found

        return look

    def _newest(self) -> int:
        with self._house.engines.database.read() as tx:
            last = self._house.engines.journal.recent_events(tx, before=None, limit=1)
        return last[0].seq if last else 0

    def _pulse(self) -> int:
        return self._house.yard(SYSTEM).tracking.pulse()

    def _between(self, after: int, upto: int) -> Sequence[PageNews]:
        with self._house.engines.database.read() as tx:
            events = self._house.engines.journal.events(tx, after=after, limit=500)
        topics = {t for e in events for t in TOPICS.get(e.kind.partition(".")[0], ())}
        if not topics:
            return ()
        return (PageNews(upto, tuple(sorted(topics)), from_ms(events[-1].at_ms)),)

    def _link_for(self, token: str) -> str:
        actor = self._house.guard.identities.authenticate(token)
        if actor is None:
            raise Unauthenticated("no such token")
        return self._house.yard(actor).governance.sign_in_link().code
