"""Serving's part in governance: who may predict, what a prediction was made from, and forgetting logged predictions.

Predictions lie in lake tables with their keys as JSON; they are erased by their ids, never by the subject's key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from modelyard.governance.api import EntityKeys, Held, Left, PredictionTrace, Reached, Subject
from modelyard.governance.model.permission import permitted
from modelyard.governance.service.recognition import holdings_of
from modelyard.governance.service.tables import every_table, is_value, text
from modelyard.governance.store import credentials, identity
from modelyard.kernel.errors import NotFound
from modelyard.kernel.refs import Ref, ref
from modelyard.lake.api import Lake, Table
from modelyard.ports.database import Database
from modelyard.serving.api import Credential, Prediction

_IN = "in_"
_PREDICTED = {"prediction", "endpoint", "model", "keys"}
_AT_ONCE = 1000


class ServingCredentials:
    """Who may predict, for the model server; answers serving's `Credentials`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rights_version(self) -> int:
        """Grows whenever anybody's rights change."""
        with self._database.read() as tx:
            return identity.rights_version(tx)

    def credentials(self, endpoints: Sequence[str]) -> Sequence[Credential]:
        """Every token that stands and may ask or look at any of the endpoints."""
        found: list[Credential] = []
        things = {name: ref("endpoint", name) for name in endpoints}
        with self._database.read() as tx:
            held = {who: holdings_of(tx, who) for who in {s.actor.id for _, s in credentials.standing(tx)}}
            for digest, standing in credentials.standing(tx):
                who, grants = standing.actor, held[standing.actor.id]
                ask = tuple(n for n, about in things.items() if permitted(who, grants, "serving:predict", about))
                look = tuple(n for n, about in things.items() if permitted(who, grants, "serving:read", about))
                if ask or look:
                    found.append(
                        Credential(digest=digest, caller=who.id, predict=ask, read=look, expires_ms=standing.expires_ms)
                    )
        return found


class FoundPredictions(Protocol):
    """How many predictions a question reached, and the newest of them."""

    @property
    def total(self) -> int:
        """How many there are."""
        ...

    @property
    def about(self) -> int:
        """How many of them are about the keys."""
        ...

    @property
    def some(self) -> tuple[Ref, ...]:
        """The newest."""
        ...


class Reaching(Protocol):
    """Serving's way of finding predictions by what they were made from or about."""

    def __call__(self, made_from: Sequence[Ref], keys: Mapping[str, str], *, limit: int) -> FoundPredictions:
        """Find them, newest first."""
        ...


class PredictionLog(Protocol):
    """Where serving keeps predictions."""

    reached: Reaching


@runtime_checkable
class KeepsPredictions(Protocol):
    """A service of serving whose log can be asked."""

    @property
    def log(self) -> PredictionLog:
        """Its predictions."""
        ...


class ServingPredictions:
    """What predictions were made from; a `PredictionSource`.

    Args:
        prediction: one logged prediction by its id; raises NotFound.
        reached: predictions made from some refs or about some keys.
    """

    def __init__(self, prediction: Callable[[str], Prediction], reached: Reaching) -> None:
        self._prediction = prediction
        self._reached = reached

    def trace(self, prediction: str) -> PredictionTrace | None:
        """What one was made from: its model version and its endpoint's revision."""
        try:
            found = self._prediction(prediction)
        except NotFound:
            return None
        output = ", ".join(f"{name} = {value}" for name, value in found.outputs.items())
        return PredictionTrace(
            ref=found.ref, at_ms=found.at_ms, endpoint=ref("endpoint", found.endpoint), output=output,
            made_from=(found.model, ref("endpoint", found.endpoint, found.revision)),
            inputs={name: str(value) for name, value in found.inputs.items()},
            keys={name: str(value) for name, value in found.keys.items()},
        )  # fmt: skip

    def reached(self, made_from: Sequence[Ref], keys: Mapping[str, str], *, limit: int) -> Reached:
        """Predictions made from some refs or about some keys."""
        found = self._reached(made_from, keys, limit=limit)
        return Reached(total=found.total, about=found.about, some=found.some)


class PredictionsEraser:
    """Forgets a subject in logged predictions; an `Eraser`.

    Args:
        fold: moves predictions that wait in closed segments into the lake, so that they can be erased there.
    """

    name = "predictions"

    def __init__(self, lake: Lake, keys: EntityKeys, fold: Callable[[], object]) -> None:
        self._lake = lake
        self._keys = keys
        self._fold = fold

    def plan(self, subject: Subject) -> Sequence[Held]:
        """Logged predictions about the subject, as far as they are in the lake."""
        counts = {t.name: self._lake.preview(t.name, limit=1, where=where).total for t, where in self._in(subject)}
        return [Held(by=self.name, ref=ref("table", t), what="predictions", count=n) for t, n in counts.items() if n]

    def erase(self, subject: Subject) -> Sequence[Held]:
        """Remove them, from every version of their tables."""
        self._fold()
        done: list[Held] = []
        for table, where in self._in(subject):
            gone: set[str] = set()
            for version in (None, *self._versions(table)):
                while fresh := set(self._ids(table, where, version)) - gone:
                    self._lake.erase(table.name, "prediction", tuple(sorted(fresh)))
                    gone |= fresh
            if gone:
                done.append(Held(by=self.name, ref=ref("table", table.name), what="predictions", count=len(gone)))
        return done

    def remains(self, subject: Subject) -> Left:
        """Tables of predictions in which the subject is still read back."""
        return Left(places=tuple(str(held.ref) for held in self.plan(subject)))

    def _in(self, subject: Subject) -> Iterator[tuple[Table, str]]:
        """Every table of predictions, with the condition that tells the subject's."""
        columns = self._keys.columns(subject.entity)
        for table in every_table(self._lake):
            names = {column.name for column in table.columns}
            if names >= _PREDICTED:
                path = [text('$."' + name.replace('"', "") + '"') for name in columns]
                said = [f"json_extract_string(keys, {p}) = {text(subject.key)}" for p in path]
                said += [is_value(_IN + name, subject.key) for name in columns if _IN + name in names]
                yield table, " OR ".join(said)

    def _ids(self, table: Table, where: str, version: int | None) -> tuple[str, ...]:
        at = None if version is None else str(version)
        page = self._lake.preview(table.name, at=at, limit=_AT_ONCE, where=where)
        place = [column.name for column in page.columns].index("prediction")
        return tuple(dict.fromkeys(str(row[place]) for row in page.rows))

    def _versions(self, table: Table) -> Iterator[int]:
        """Older versions, which may hold what the newest does not."""
        page = self._lake.history(table.name, limit=200)
        yield from (version.version for version in page.items if version.version != table.version)
