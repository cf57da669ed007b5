"""Deploying model versions and moving routes: the slow part first, one short change, then the model server is told."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from modelyard.kernel.errors import Conflict, InvalidInput, NotFound
from modelyard.kernel.refs import Ref, ref
from modelyard.ports import calls
from modelyard.registry.api import ModelVersion, Registry
from modelyard.serving.api import (
    Column,
    EndpointCreated,
    EndpointRemoved,
    Revision,
    RevisionDeployed,
    Route,
    RouteChange,
    RouteMoved,
)
from modelyard.serving.hot.bundle import Bundle
from modelyard.serving.model import shares
from modelyard.serving.model.routes import fault_of
from modelyard.serving.service.bundles import Bundles
from modelyard.serving.service.compiling import CompileReport
from modelyard.serving.service.publishing import Publisher
from modelyard.serving.store import endpoints as store


class Deploying:
    """Changes what endpoints serve."""

    def __init__(self, *, registry: Registry, bundles: Bundles, publisher: Publisher) -> None:
        self._registry = registry
        self._bundles = bundles
        self._publisher = publisher

    def deploy(
        self, name: str, model: str, *, move: Callable[[Route | None, str], Route | None], trusted: tuple[str, ...],
        comment: str, wait_s: float,
    ) -> Revision:  # fmt: skip
        """Make a version answer; `move` gives the route from the present one and the new revision, None leaves it."""
        version = self._version(model)
        bundle, note, digest = self._bundles.prepare(version, trusted)
        call = calls.current()

        def change() -> Revision:
            held = store.one(call.tx, name)
            standing = None if held is None or held.removed else held.route
            number = 1 if held is None else held.revisions + 1
            made = _revision(name, number, version, bundle=bundle, note=note, digest=digest)
            route = move(standing, made.name) or standing or shares.with_champion(None, made.name)
            after = self._kept(held, name, route=route, revisions=number)
            store.add_revision(call.tx, store.Placed(made, f"models/{digest[:32]}"))
            models = [made.model]
            if held is None or held.removed:
                call.emit(EndpointCreated(endpoint=name), writes=[ref("endpoint", name)])
            call.emit(
                RevisionDeployed(endpoint=name, revision=made.name, model=made.model, runtime=made.runtime),
                reads=models,
                writes=[made.ref],
            )
            if route != standing:
                self._note(after, "deploy", comment)
            store.bump(call.tx)
            return made

        made = call.unit(change)
        self._publisher.wait(self._publisher.publish(), wait_s)
        return made

    def move(
        self, name: str, change: Callable[[store.Held], Route], *, why: str, comment: str, wait_s: float = 5.0
    ) -> None:
        """Share an endpoint's requests out anew.

        Raises:
            InvalidInput: the route cannot work.
        """
        call = calls.current()

        def moved() -> None:
            held = self.held(name)
            route = change(held)
            if fault := fault_of(route):
                raise InvalidInput(f"the route cannot work: {fault}")
            known = [r for r in shares.named(route) if store.revision(call.tx, name, r) is not None]
            if strange := shares.unknown(route, known):
                raise InvalidInput(
                    f"{name} has no revision {strange[0][:40]!r}; it has {held.revisions}. List them: "
                    f"yard serving revisions {name}"
                )
            self._note(self._kept(held, name, route=route, revisions=held.revisions), why, comment)
            store.bump(call.tx)

        call.unit(moved)
        self._publisher.wait(self._publisher.publish(), wait_s)

    def remove(self, name: str) -> None:
        """Stop answering."""
        call = calls.current()

        def removed() -> None:
            held = self.held(name)
            store.update(call.tx, msgspec.structs.replace(held, removed=True), now_ms=call.now_ms)
            call.emit(EndpointRemoved(endpoint=name), writes=[ref("endpoint", name)])
            store.bump(call.tx)

        call.unit(removed)
        self._publisher.wait(self._publisher.publish(), 5.0)

    def held(self, name: str) -> store.Held:
        """An endpoint that answers.

        Raises:
            NotFound: there is none of that name.
        """
        held = store.one(calls.current().tx, name)
        if held is None or held.removed:
            raise NotFound(f"there is no endpoint {name!r}; list them: yard serving endpoints")
        return held

    def former_champion(self, held: store.Held) -> str:
        """Whom a rollback goes back to.

        Raises:
            Conflict: nobody else was ever champion.
        """
        present = shares.champion_of(held.route) or ""
        history = store.champions(calls.current().tx, held.name)
        former = shares.former_champion(history, present)
        if former is None:
            raise Conflict(f"{held.name} has no earlier champion than revision {present} to go back to")
        return former

    def _version(self, model: str) -> ModelVersion:
        name, _, wanted = model.removeprefix("model:").rpartition("@")
        if not name:
            raise InvalidInput(f"{model[:80]!r} names no version; write tips@3 or tips@production")
        if wanted.isdigit():
            return self._registry.version(name, int(wanted))
        return self._registry.aliased(name, wanted)

    def _kept(self, held: store.Held | None, name: str, *, route: Route, revisions: int) -> store.Held:
        """Keep the endpoint with this route."""
        call = calls.current()
        if held is None:
            made = store.Held(
                name=name, route_number=1, route=route, revisions=revisions, removed=False, created_ms=call.now_ms,
                updated_ms=call.now_ms, author=call.actor.id,
            )  # fmt: skip
            store.add(call.tx, made)
            return made
        number = held.route_number + (route != held.route or held.removed)
        after = msgspec.structs.replace(held, route=route, route_number=number, revisions=revisions, removed=False)
        store.update(call.tx, after, now_ms=call.now_ms)
        return after

    def _note(self, after: store.Held, why: str, comment: str) -> None:
        """Keep and tell how the route changed."""
        call = calls.current()
        change = RouteChange(
            endpoint=after.name, number=after.route_number, route=after.route, why=why, comment=comment,
            at_ms=call.now_ms, author=call.actor.id,
        )  # fmt: skip
        store.add_route(call.tx, change, shares.champion_of(after.route) or "")
        placed = [store.revision(call.tx, after.name, name) for name in sorted(shares.named(after.route))]
        reads: list[Ref] = [p.revision.model for p in placed if p is not None]
        call.emit(
            RouteMoved(endpoint=after.name, number=after.route_number, route=after.route, why=why),
            reads=list(dict.fromkeys(reads)),
            writes=[ref("endpoint", after.name)],
        )


def _revision(
    name: str, number: int, version: ModelVersion, *, bundle: Bundle, note: CompileReport, digest: str
) -> Revision:
    call = calls.current()
    signature = bundle.signature
    files = [path for path in bundle.folder.iterdir() if path.is_file()]
    return Revision(
        endpoint=name, name=str(number), ref=ref("endpoint", name, number),
        model=ref("model", version.name, version.version), version=str(version.version), runtime=note.runtime,
        note=note.note, digest=digest, size_bytes=sum(path.stat().st_size for path in files),
        inputs=tuple(
            Column(name=s.name, datatype=s.datatype, optional=s.optional, width=None if s.width == 1 else s.width)
            for s in signature.inputs
        ),
        outputs=tuple(Column(name=s.name, datatype=s.datatype, width=s.width) for s in signature.outputs),
        types=note.types, at_ms=call.now_ms, author=call.actor.id,
    )  # fmt: skip


def mover(*, share: float, shadow: bool) -> Callable[[Route | None, str], Route | None]:
    """How a deployment with this share changes the route."""
    return partial(_moved, share=share, shadow=shadow)


def _moved(route: Route | None, revision: str, *, share: float, shadow: bool) -> Route | None:
    if route is None:
        if shadow or share < 1:
            raise Conflict("there is no champion yet beside which this could stand; deploy one with a full share first")
        return shares.with_champion(None, revision)
    if shadow:
        return shares.with_shadow(route, revision)
    if share >= 1:
        return shares.with_champion(route, revision)
    return shares.with_canary(route, revision, share) if share > 0 else None
