"""The operations by which experiments, runs and logged models come in from another store, with their ids and times.

An adopted thing is written as often as it takes, until it is said to be complete; what this yard made itself is never
touched. What was complete is listed, so that an import that broke off goes on where it was.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum

from msgspec import Struct

from modelyard.kernel.operations import operation
from modelyard.kernel.pages import Limit, Page
from modelyard.tracking.api.records import Experiment, LoggedModel, Run


class AdoptedKind(StrEnum):
    """What came in."""

    EXPERIMENT = "experiment"
    RUN = "run"
    LOGGED_MODEL = "logged_model"


class Adopted(Struct, frozen=True, kw_only=True):
    """A thing that came in whole.

    Attributes:
        id: in the store that it is from.
        target: in this yard; another number only for an experiment whose number was taken.
    """

    kind: AdoptedKind
    id: str
    target: str


class AdoptionOperations(ABC):
    """What can be done with things of other stores."""

    @operation("POST", "/adoptions/experiments", scope="governance:adopt", private=("experiment",))
    @abstractmethod
    def adopt_experiment(self, source: str, experiment: Experiment, *, complete: bool = False) -> Experiment:
        """Take an experiment in: under its number if that is free, or into the one that has its name here.

        Args:
            source: which store it is from, the same words each time.
            experiment: as it is there; its location is not taken over.
            complete: nothing more comes; its stage and times are those of the store from now on.

        Raises:
            InvalidInput: the name or a tag breaks a rule.

        Example:
            yard tracking adopt-experiment old '{"id": "7", "name": "tips", "artifact_location": ""}'
        """

    @operation("POST", "/adoptions/runs", scope="governance:adopt", private=("run",))
    @abstractmethod
    def adopt_run(self, source: str, run: Run, *, complete: bool = False) -> Run:
        """Take a run in under its id; its points and files come by `log` and `upload`.

        Args:
            source: which store it is from.
            run: as it is there, in an experiment of this yard; its metrics and location are not taken over.
            complete: nothing more comes; its stage is that of the store from now on.

        Raises:
            NotFound: there is no such experiment.
            AlreadyExists: this yard has a run of that id which is not from that store.
            InvalidInput: the id is none of a run, or a name breaks a rule.

        Example:
            yard tracking adopt-run old @run.json
        """

    @operation("POST", "/adoptions/logged-models", scope="governance:adopt", private=("model",))
    @abstractmethod
    def adopt_logged_model(self, source: str, model: LoggedModel, *, complete: bool = False) -> LoggedModel:
        """Take a logged model in under its id; its files come by `upload`, its metrics by `log` of its run.

        Args:
            source: which store it is from.
            model: as it is there, in an experiment of this yard; its metrics and location are not taken over.
            complete: nothing more comes; its stage and times are those of the store from now on.

        Raises:
            NotFound: there is no such experiment.
            AlreadyExists: this yard has a logged model of that id which is not from that store.
            InvalidInput: the id is none of a logged model, or a name breaks a rule.

        Example:
            yard tracking adopt-logged-model old @model.json
        """

    @operation("GET", "/adoptions/{kind}", scope="governance:adopt")
    @abstractmethod
    def adopted(
        self, kind: AdoptedKind, source: str, *, limit: Limit = 1000, cursor: str | None = None
    ) -> Page[Adopted]:
        """List what came in whole from a store, by id.

        Args:
            kind: experiment, run or logged_model.
            source: which store.
            limit: rows in one page.
            cursor: where the page before ended.

        Example:
            yard tracking adopted run old
        """
