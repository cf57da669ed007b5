"""Whatever is done in whatever order, an alias moves only as its history says, and a protected one only by merges."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from modelyard.adapters.objects.folder import FolderObjects
from modelyard.kernel.errors import YardError
from modelyard.registry.api import Gate, GateKind, ProposalState, Registry, Vote
from modelyard.registry.service import RegistryService
from modelyard.registry.store import MIGRATIONS
from modelyard.testing import Bench
from modelyard.tracking.api import Tracking
from modelyard.tracking.service import TrackingService
from modelyard.tracking.store import MIGRATIONS as TRACKING

ALIASES = st.sampled_from(["production", "canary"])
VERSIONS = st.integers(1, 5)
PEOPLE = st.sampled_from(["ana", "ben", "cam"])
PICKS = st.integers(0, 3)
SAFE = Gate(name="safe", kind=GateKind.SAFE)


class Promotion(RuleBasedStateMachine):
    """A model of what may be: which version each alias holds, and every move with its moment."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench((*TRACKING, *MIGRATIONS))
        objects = FolderObjects(self.bench.home / "objects")
        tracking = TrackingService(objects=objects)
        self.tracking = self.bench.open(Tracking, tracking)
        self.registry = self.bench.open(Registry, RegistryService(objects=objects, tracking=tracking))
        self.held: dict[str, int] = {}
        self.moments: list[tuple[int, dict[str, int]]] = []
        self.protected = False
        self.needed = 1
        self.gated = False

    @initialize()
    def begin(self) -> None:
        self.registry.create_model("tips")
        self.bench.clock.advance(timedelta(seconds=1))
        for safe in (True, True, False, True):
            self.register(safe=safe)

    def teardown(self) -> None:
        self.bench.close()

    def _tick(self) -> None:
        self.moments.append((self.bench.clock.now_ms(), dict(self.held)))
        self.bench.clock.advance(timedelta(seconds=1))

    def _try(self, attempt: Callable[[], object]) -> bool:
        try:
            attempt()
        except YardError:
            return False
        return True

    def _under_way(self, pick: int) -> int:
        """The number of a proposal that is not over, or of one that is not there."""
        numbers = [p.number for p in self.registry.proposals("tips").items if not p.state.is_over]
        return numbers[pick % len(numbers)] if numbers else 99

    @rule(safe=st.booleans())
    def register(self, safe: bool) -> None:
        run = self.tracking.start_run("0").id
        self.tracking.upload(run, "model/a.pkl", [b"\x80\x04N." if safe else b"cos\nsystem\n(S'true'\ntR."])
        self.registry.register("tips", f"runs:/{run}/model")
        self._tick()

    @rule(alias=ALIASES, version=VERSIONS)
    def point(self, alias: str, version: int) -> None:
        if self._try(lambda: self.registry.set_alias("tips", alias, version)):
            assert not self.protected
            self.held[alias] = version
        self._tick()

    @rule(alias=ALIASES)
    def take_away(self, alias: str) -> None:
        if self._try(lambda: self.registry.delete_alias("tips", alias)):
            assert not self.protected or alias not in self.held
            self.held.pop(alias, None)
        self._tick()

    @rule(version=st.sampled_from([4, 5, 6]))
    def drop(self, version: int) -> None:
        if self._try(lambda: self.registry.delete_version("tips", version)):
            assert not self.protected or version not in self.held.values()
            self.held = {a: v for a, v in self.held.items() if v != version}
        self._tick()

    @rule(on=st.booleans())
    def protect(self, on: bool) -> None:
        self.registry.protect_model("tips", needs_proposal=on)
        self.protected = on

    @rule(needed=st.integers(0, 2), gated=st.booleans())
    def ask(self, needed: int, gated: bool) -> None:
        self.registry.declare_gates("tips", [SAFE] if gated else [], needed)
        self.needed, self.gated = needed, gated

    @rule(who=PEOPLE, alias=ALIASES, version=VERSIONS)
    def propose(self, who: str, alias: str, version: int) -> None:
        self.bench.act_as(who)
        self._try(lambda: self.registry.propose("tips", version, alias))

    @rule(who=PEOPLE, pick=PICKS, act=st.sampled_from(["approve", "decline", "withdraw", "run_gates"]))
    def judge(self, who: str, pick: int, act: str) -> None:
        self.bench.act_as(who)
        number = self._under_way(pick)
        self._try(lambda: getattr(self.registry, act)("tips", number))

    @rule(pick=PICKS, among=st.sets(PEOPLE))
    def approve_by_several(self, pick: int, among: set[str]) -> None:
        for who in sorted(among):
            self.judge(who, pick, "approve")
        self.judge("ana", pick, "run_gates")

    @rule(who=PEOPLE, pick=PICKS)
    def merge(self, who: str, pick: int) -> None:
        self.bench.act_as(who)
        number = self._under_way(pick)
        if not self._try(lambda: self.registry.merge("tips", number)):
            self._tick()
            return
        merged = self.registry.proposal("tips", number)
        voices = {r.actor for r in merged.reviews if r.vote is Vote.APPROVE}
        assert merged.author not in voices
        assert len(voices) >= self.needed
        assert not self.gated or all(r.outcome.opens for r in merged.results)
        if self.gated:
            assert self.registry.version("tips", merged.version).scan.verdict.may_load
        self.held[merged.alias] = merged.version
        self._tick()

    @invariant()
    def aliases_are_what_the_moves_made(self) -> None:
        if self.moments:
            assert self.registry.model("tips").aliases == self.held

    @invariant()
    def the_past_is_as_it_was(self) -> None:
        for at_ms, held in self.moments[-4:]:
            for alias in ("production", "canary"):
                stood = self.registry.alias_at("tips", alias, str(at_ms))
                assert (stood.version.version if stood.version else None) == held.get(alias)

    @invariant()
    def ends_are_ends(self) -> None:
        for proposal in self.registry.proposals("tips").items if self.moments else ():
            if proposal.state is ProposalState.APPROVED:
                assert len({r.actor for r in proposal.reviews if r.vote is Vote.APPROVE}) >= self.needed
            assert not (proposal.ready and proposal.state.is_over)


TestPromotion = Promotion.TestCase
TestPromotion.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
