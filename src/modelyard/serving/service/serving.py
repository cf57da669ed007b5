"""The operations of serving."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.pages import Page, encode_cursor, page_of, place_of
from modelyard.kernel.refs import ref
from modelyard.lake.api import Lake
from modelyard.ports import calls
from modelyard.ports.children import Children
from modelyard.ports.compute import Compute
from modelyard.ports.objects import Objects
from modelyard.registry.api import Registry
from modelyard.serving.api import (
    Credentials,
    Endpoint,
    Feedback,
    Folded,
    Prediction,
    Revision,
    Route,
    RouteChange,
    Serving,
    Stand,
    Truth,
)
from modelyard.serving.hot.server import EndpointStatus
from modelyard.serving.model import shares
from modelyard.serving.service.bundles import Bundles
from modelyard.serving.service.deploying import Deploying, mover
from modelyard.serving.service.folding import Folder
from modelyard.serving.service.publishing import CHILD, Listening, Publisher
from modelyard.serving.service.reading import Predictions
from modelyard.serving.service.usage import PlaneUsage
from modelyard.serving.store import endpoints as store
from modelyard.serving.store import predictions as rows

_MOST_TRUTHS = 10_000
_FIRST = 2**31


class ServingService(Serving):
    """Endpoints of one home."""

    def __init__(
        self, *, home: Path, registry: Registry, lake: Lake, objects: Objects, compute: Callable[[], Compute],
        children: Children, credentials: Callable[[], Credentials | None], listen: Listening = Listening(),  # noqa: B008  # it cannot change
    ) -> None:  # fmt: skip
        """`credentials`: who may predict, asked late because it stands above; `listen`: where the model server is."""
        self._lake = lake
        self.bundles = Bundles(home=home, objects=objects, registry=registry, lake=lake, compute=compute)
        self.publisher = Publisher(
            home=home, children=children, credentials=credentials, bundles=self.bundles, listen=listen
        )
        self.folder = Folder(home=home, lake=lake, usage=PlaneUsage(children, CHILD))
        self.log = Predictions(home=home, lake=lake)
        self._deploying = Deploying(registry=registry, bundles=self.bundles, publisher=self.publisher)

    def deploy(
        self,
        name: str,
        model: str,
        *,
        share: float = 1.0,
        shadow: bool = False,
        trusted: tuple[str, ...] = (),
        comment: str = "",
        wait_s: float = 30.0,
    ) -> Revision:
        """Make a model version answer on an endpoint."""
        made = self._deploying.deploy(
            name, model, move=mover(share=share, shadow=shadow), trusted=trusted, comment=comment, wait_s=wait_s
        )
        return self._with_places(made)

    def endpoints(self, *, cursor: str | None = None, limit: int = 100) -> Page[Endpoint]:
        """List the endpoints, by name."""
        after = place_of(cursor, "")
        held = store.standing(calls.current().tx, after=after, limit=limit + 1)
        page = page_of(held, limit, lambda one: (one.name,))
        return Page([self._described(one) for one in page.items], page.next)

    def endpoint(self, name: str) -> Endpoint:
        """Show one endpoint."""
        return self._described(self._deploying.held(name))

    def revisions(self, name: str, *, cursor: str | None = None, limit: int = 50) -> Page[Revision]:
        """List an endpoint's revisions, newest first."""
        tx = calls.current().tx
        self._known(name)
        found = store.revisions(tx, name, before=place_of(cursor, _FIRST), limit=limit + 1)
        page = page_of(found, limit, lambda placed: (int(placed.revision.name),))
        return Page([self._with_places(placed.revision) for placed in page.items], page.next)

    def routes(self, name: str, *, cursor: str | None = None, limit: int = 50) -> Page[RouteChange]:
        """List how an endpoint's route changed, newest first."""
        self._known(name)
        found = store.routes(calls.current().tx, name, before=place_of(cursor, _FIRST), limit=limit + 1)
        return page_of(found, limit, lambda change: (change.number,))

    def set_route(self, name: str, route: Route, *, comment: str = "") -> Endpoint:
        """Share an endpoint's requests out anew."""
        self._deploying.move(name, lambda _: route, why="set", comment=comment)
        return self.endpoint(name)

    def promote(self, name: str, revision: str, *, comment: str = "") -> Endpoint:
        """Give one revision all traffic."""

        def promoted(held: store.Held) -> Route:
            if store.revision(calls.current().tx, name, revision) is None:
                raise NotFound(f"{name} has no revision {revision}; it has {held.revisions}")
            return shares.with_champion(held.route, revision)

        self._deploying.move(name, promoted, why="promote", comment=comment)
        return self.endpoint(name)

    def rollback(self, name: str, *, comment: str = "") -> Endpoint:
        """Go back to the champion before the present one."""
        self._deploying.move(
            name,
            lambda held: shares.with_champion(held.route, self._deploying.former_champion(held)),
            why="rollback",
            comment=comment,
        )
        return self.endpoint(name)

    def remove(self, name: str) -> None:
        """Stop answering on an endpoint."""
        self._deploying.remove(name)

    def predictions(
        self, name: str, *, route: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[Prediction]:
        """List an endpoint's logged predictions, newest first."""
        waiting = self.log.waiting(name)
        self._known(name)
        page = self.log.page(name, waiting, route=route, cursor=cursor, limit=limit)
        return Page([self._with_truth(found) for found in page.items], page.next)

    def prediction(self, prediction: str) -> Prediction:
        """Show one prediction."""
        return self._with_truth(self.log.one(prediction))

    def tell(self, truths: list[Truth]) -> int:
        """Say what turned out to be true for predictions."""
        if len(truths) > _MOST_TRUTHS:
            raise InvalidInput(f"{len(truths):,} truths came at once; send at most {_MOST_TRUTHS:,}")
        call = calls.current()
        last = {
            t.prediction: Feedback(
                prediction=t.prediction, label=t.label, author=call.actor.id,
                at_ms=call.now_ms if t.at_ms is None else t.at_ms,
            )
            for t in truths
        }  # fmt: skip
        rows.put_truths(call.tx, list(last.values()))
        return len(last)

    def feedback(self, *, since_ms: int = 0, cursor: str | None = None, limit: int = 1000) -> Page[Feedback]:
        """List what turned out to be true."""
        after = place_of(cursor, "")
        found = rows.truths(calls.current().tx, after=after, since_ms=since_ms, limit=limit + 1)
        if len(found) <= limit:
            return Page(found)
        return Page(found[:limit], encode_cursor(found[limit - 1].prediction))

    def fold(self) -> Folded:
        """Move every prediction so far into the lake now."""
        return self.folder.fold_all()

    def _known(self, name: str) -> None:
        if store.one(calls.current().tx, name) is None:
            raise NotFound(f"there is no endpoint {name!r}; list them: yard serving endpoints")

    def _with_truth(self, found: Prediction) -> Prediction:
        return msgspec.structs.replace(found, label=rows.truth(calls.current().tx, found.id))

    def _with_places(self, made: Revision) -> Revision:
        status = self.publisher.status()
        here = status.endpoints.get(made.endpoint) if status is not None else None
        if status is None or here is None:
            return made
        place = here.places.get(made.name) or here.faults.get(made.name)
        return msgspec.structs.replace(made, places={status.worker: place} if place else {})

    def _described(self, held: store.Held) -> Endpoint:
        status = self.publisher.status()
        here = status.endpoints.get(held.name) if status is not None else None
        address = f"{status.address}/v2/models/{held.name}/infer" if status is not None else ""
        stand, reason = self._stand(here)
        return Endpoint(
            name=held.name, ref=ref("endpoint", held.name), route=held.route, route_number=held.route_number,
            stand=stand, reason=reason, address=address, revisions=held.revisions, author=held.author,
            tables=tuple(sorted(rows.tables(calls.current().tx, held.name).values())),
            created_ms=held.created_ms, updated_ms=held.updated_ms,
        )  # fmt: skip

    def _stand(self, here: EndpointStatus | None) -> tuple[Stand, str]:
        if here is None:
            child = self.publisher.child()
            if child is None:
                return Stand.DOWN, "no model server runs; start the yard: yard up"
            if child.pid is None:
                return Stand.DOWN, f"the model server ended with {child.last_exit}: {child.last_words}"
            return Stand.STARTING, "the model server is starting"
        if here.loading:
            return Stand.STARTING, "models are loading"
        faults = "; ".join(f"revision {name}: {why}" for name, why in here.faults.items())
        if not here.ready:
            return Stand.DOWN, faults or "no revision answers"
        if here.kept or faults:
            return Stand.DEGRADED, here.kept or faults
        return Stand.SERVING, ""
