"""The serving door: every operation on endpoints, their revisions, routes and predictions, declared once."""

from __future__ import annotations

from abc import ABC, abstractmethod

from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name
from modelyard.serving.api.records import (
    Endpoint,
    Feedback,
    Folded,
    Prediction,
    Revision,
    RevisionName,
    RouteChange,
    Share,
    Truth,
)
from modelyard.serving.api.routes import Route


class Serving(ABC):
    """Endpoints: model versions answered over open protocols, every prediction logged."""

    @operation(
        "POST", "/endpoints/{name}/revisions", scope="serving:deploy", about="endpoint:{name}", effect=Effect.WORK
    )
    @abstractmethod
    def deploy(
        self,
        name: Name,
        model: str,
        *,
        share: Share = 1.0,
        shadow: bool = False,
        trusted: tuple[str, ...] = (),
        comment: str = "",
        wait_s: float = 30.0,
    ) -> Revision:
        """Make a model version answer on an endpoint; the first deployment makes the endpoint.

        The version is compiled where its compiled form gives the same answers on its own example rows. Then the
        route moves: a full share takes all traffic, a smaller one makes a canary beside the present champion.

        Args:
            model: the version, `tips@3`, or by alias, `tips@production`.
            share: of the traffic; 0 loads it without any.
            shadow: let it see every request and answer nobody; `share` is then not used.
            trusted: further types that its file may build; each one was reviewed by you.
            comment: why, for those who read the history.
            wait_s: how long to wait for the model server to answer with it; 0 does not wait.

        Raises:
            NotFound: there is no such model version.
            InvalidInput: the version has no form that can be served, or builds types that nobody trusted.
            Conflict: a canary or a shadow was asked for and the endpoint has no champion yet.

        Example:
            yard serving deploy tips tips@production --share 0.1
        """

    @operation("GET", "/endpoints", scope="serving:read")
    @abstractmethod
    def endpoints(self, *, cursor: str | None = None, limit: Limit = 100) -> Page[Endpoint]:
        """List the endpoints, by name.

        Example:
            yard serving endpoints
        """

    @operation("GET", "/endpoints/{name}", scope="serving:read", about="endpoint:{name}")
    @abstractmethod
    def endpoint(self, name: Name) -> Endpoint:
        """Show one endpoint: its route, address and how it fares.

        Raises:
            NotFound: there is no such endpoint.

        Example:
            yard serving endpoint tips
        """

    @operation("GET", "/endpoints/{name}/revisions", scope="serving:read", about="endpoint:{name}")
    @abstractmethod
    def revisions(self, name: Name, *, cursor: str | None = None, limit: Limit = 50) -> Page[Revision]:
        """List an endpoint's revisions, newest first.

        Raises:
            NotFound: there is no such endpoint.

        Example:
            yard serving revisions tips
        """

    @operation("GET", "/endpoints/{name}/routes", scope="serving:read", about="endpoint:{name}")
    @abstractmethod
    def routes(self, name: Name, *, cursor: str | None = None, limit: Limit = 50) -> Page[RouteChange]:
        """List how an endpoint's route changed, newest first.

        Raises:
            NotFound: there is no such endpoint.

        Example:
            yard serving routes tips
        """

    @operation("PUT", "/endpoints/{name}/route", scope="serving:deploy", about="endpoint:{name}", effect=Effect.WORK)
    @abstractmethod
    def set_route(self, name: Name, route: Route, *, comment: str = "") -> Endpoint:
        """Share an endpoint's requests out anew: weights, header rules, a sticky key, shadows.

        Args:
            route: who answers what.
            comment: why, for those who read the history.

        Raises:
            NotFound: there is no such endpoint.
            InvalidInput: the route names a revision that does not exist, or cannot work.

        Example:
            yard serving set-route tips '{"arms": [{"revision": "1", "weight": 9}, {"revision": "2"}]}'
        """

    @operation(
        "POST", "/endpoints/{name}/promotions", scope="serving:deploy", about="endpoint:{name}", effect=Effect.WORK
    )
    @abstractmethod
    def promote(self, name: Name, revision: RevisionName, *, comment: str = "") -> Endpoint:
        """Give one revision all traffic: the canary becomes the champion; shadows stay.

        Args:
            revision: its number.
            comment: why, for those who read the history.

        Raises:
            NotFound: there is no such endpoint or revision.

        Example:
            yard serving promote tips 2
        """

    @operation(
        "POST", "/endpoints/{name}/rollbacks", scope="serving:deploy", about="endpoint:{name}", effect=Effect.WORK
    )
    @abstractmethod
    def rollback(self, name: Name, *, comment: str = "") -> Endpoint:
        """Go back to the champion before the present one, at once; canaries end.

        Args:
            comment: why, for those who read the history.

        Raises:
            NotFound: there is no such endpoint.
            Conflict: no other revision was ever champion.

        Example:
            yard serving rollback tips
        """

    @operation("DELETE", "/endpoints/{name}", scope="serving:deploy", about="endpoint:{name}", effect=Effect.WORK)
    @abstractmethod
    def remove(self, name: Name) -> None:
        """Stop answering on an endpoint; its predictions and history stay.

        Raises:
            NotFound: there is no such endpoint.

        Example:
            yard serving remove tips
        """

    @operation(
        "GET", "/endpoints/{name}/predictions", scope="serving:read", about="endpoint:{name}", effect=Effect.SCAN
    )
    @abstractmethod
    def predictions(
        self, name: Name, *, route: str | None = None, cursor: str | None = None, limit: Limit = 50
    ) -> Page[Prediction]:
        """List an endpoint's logged predictions, newest first.

        Args:
            route: only those that took it: champion, canary, trial, header, version or shadow.

        Raises:
            NotFound: there is no such endpoint.

        Example:
            yard serving predictions tips --limit 5
        """

    @operation(
        "GET", "/predictions/{prediction}", scope="serving:read", about="prediction:{prediction}", effect=Effect.SCAN
    )
    @abstractmethod
    def prediction(self, prediction: str) -> Prediction:
        """Show one prediction: what was asked, what was answered, by which revision.

        Raises:
            NotFound: no prediction of that id was logged.

        Example:
            yard serving prediction pred_01J9ZQ3V7W01J9ZQ3V7W01J9ZQ
        """

    @operation("POST", "/feedback", scope="serving:feedback")
    @abstractmethod
    def tell(self, truths: list[Truth]) -> int:
        """Say what turned out to be true for predictions; the number of truths taken.

        Args:
            truths: a label for each prediction; a later one takes the place of an earlier one.

        Raises:
            InvalidInput: more than 10,000 at once.

        Example:
            yard serving tell '[{"prediction": "pred_01J9ZQ3V7W01J9ZQ3V7W01J9ZQ", "label": 1}]'
        """

    @operation("GET", "/feedback", scope="serving:read")
    @abstractmethod
    def feedback(self, *, since_ms: int = 0, cursor: str | None = None, limit: Limit = 1000) -> Page[Feedback]:
        """List what turned out to be true, in order of predictions.

        Args:
            since_ms: only what became known from then on, Unix milliseconds.

        Example:
            yard serving feedback
        """

    @operation("POST", "/serving/folds", scope="serving:admin", effect=Effect.WORK, audited=False)
    @abstractmethod
    def fold(self) -> Folded:
        """Move every prediction so far into the lake now; it also happens by itself every few seconds.

        Example:
            yard serving fold
        """
