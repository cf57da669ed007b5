"""Experiments: made, found, renamed, set aside."""

from __future__ import annotations

from modelyard.kernel.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from modelyard.kernel.pages import Page
from modelyard.kernel.refs import ref
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.tracking.api import (
    DatasetSummary,
    Experiment,
    ExperimentCreated,
    ExperimentDeleted,
    ExperimentRestored,
    Stage,
    View,
)
from modelyard.tracking.api import limits as rules
from modelyard.tracking.api.experiments import ExperimentOperations
from modelyard.tracking.model import filters
from modelyard.tracking.model.pages import offset_of, page_from, stages_of
from modelyard.tracking.store import experiments as store
from modelyard.tracking.store.search import Query, Target

_DATASETS = 1000
_TARGET = Target(
    source="tracking_experiment r",
    columns="r.id, r.name, r.stage, r.location, r.created_ms, r.updated_ms",
    attributes={
        "name": "r.name", "experiment_id": "r.id", "creation_time": "r.created_ms", "last_update_time": "r.updated_ms",
    },
    owner="r.id",
    tags=("tracking_experiment_tag", "experiment"),
    params=None,
    natural=("r.id", "DESC"),
    tie="r.id",
)  # fmt: skip
_NEWEST = ("creation_time DESC", "experiment_id ASC")


class Experiments(ExperimentOperations):
    """The operations on experiments."""

    def create_experiment(
        self, name: str, tags: dict[str, str] | None = None, artifact_location: str | None = None
    ) -> Experiment:
        """Make an experiment."""
        call = calls.current()
        check_name(name)
        checked = checked_tags(tags or {})
        location = rules.check_location(artifact_location or "")
        if store.by_name(call.tx, name) is not None:
            raise AlreadyExists(f"Experiment(name={name}) already exists; choose another name or restore the old one")
        number = store.add(call.tx, name=name, location=location, now_ms=call.now_ms)
        store.put_tags(call.tx, number, checked)
        about = ref("experiment", str(number))
        call.touch(about)
        call.emit(ExperimentCreated(experiment=str(number), name=name), writes=[about])
        return found(call.tx, str(number))

    def experiment(self, experiment: str) -> Experiment:
        """Show one experiment."""
        return found(calls.current().tx, experiment)

    def experiment_named(self, name: str) -> Experiment:
        """Show the experiment of that name."""
        one = store.by_name(calls.current().tx, name)
        if one is None:
            raise NotFound(f"Could not find experiment with name '{name[:200]}'")
        return one

    def experiments(
        self,
        where: str = "",
        order_by: list[str] | None = None,
        *,
        view: View = View.ACTIVE,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Experiment]:
        """List experiments."""
        tx = calls.current().tx
        offset = offset_of(cursor)
        query = Query(_TARGET)
        query.within("r.stage", stages_of(view))
        for condition in filters.parse(where, filters.EXPERIMENTS):
            query.keep(_numbered(condition))
        for text in order_by or _NEWEST:
            order = filters.parse_order(text, filters.EXPERIMENTS)
            if order.entity is not filters.Entity.ATTRIBUTE:
                raise InvalidInput(f"Invalid order_by entity: {order.entity}")
            query.sort(order)
        rows = query.rows(tx, limit=limit + 1, offset=offset)
        return page_from(store.hydrate(tx, rows[:limit]), more=len(rows) > limit, offset=offset)

    def rename_experiment(self, experiment: str, name: str) -> Experiment:
        """Give an experiment another name."""
        call = calls.current()
        check_name(name)
        one = found(call.tx, experiment)
        if one.stage is not Stage.ACTIVE:
            raise Conflict("Cannot rename a non-active experiment; restore it first")
        other = store.by_name(call.tx, name)
        if other is not None and other.id != one.id:
            raise AlreadyExists(f"Experiment(name={name}) already exists; choose another name")
        store.rename(call.tx, int(one.id), name=name, now_ms=call.now_ms)
        return found(call.tx, one.id)

    def delete_experiment(self, experiment: str) -> Experiment:
        """Set an experiment and all its runs aside."""
        call = calls.current()
        one = found(call.tx, experiment, Stage.ACTIVE)
        store.set_stage(call.tx, int(one.id), stage=Stage.DELETED, now_ms=call.now_ms)
        call.emit(ExperimentDeleted(experiment=one.id), writes=[ref("experiment", one.id)])
        return found(call.tx, one.id)

    def restore_experiment(self, experiment: str) -> Experiment:
        """Bring a deleted experiment and its runs back."""
        call = calls.current()
        one = found(call.tx, experiment, Stage.DELETED)
        store.set_stage(call.tx, int(one.id), stage=Stage.ACTIVE, now_ms=call.now_ms)
        call.emit(ExperimentRestored(experiment=one.id), writes=[ref("experiment", one.id)])
        return found(call.tx, one.id)

    def tag_experiment(self, experiment: str, tags: dict[str, str]) -> None:
        """Set tags."""
        tx = calls.current().tx
        checked = checked_tags(tags)
        store.put_tags(tx, int(active(tx, experiment).id), checked)

    def untag_experiment(self, experiment: str, key: str) -> None:
        """Remove a tag."""
        tx = calls.current().tx
        if not store.drop_tag(tx, int(active(tx, experiment).id), key):
            raise NotFound(f"No tag with name: {key[:250]} in experiment with id {experiment}")

    def datasets(self, experiments: list[str]) -> list[DatasetSummary]:
        """List the datasets that runs of these experiments used."""
        return store.datasets(calls.current().tx, [number_of(e) for e in experiments], _DATASETS)


def found(tx: Transaction, experiment: str, stage: Stage | None = None) -> Experiment:
    """The experiment of that number, at that stage if one is given.

    Raises:
        NotFound: there is none.
        InvalidInput: that is no number.
    """
    one = store.by_id(tx, number_of(experiment))
    if one is None or (stage is not None and one.stage is not stage):
        raise NotFound(f"No Experiment with id={experiment[:40]} exists")
    return one


def active(tx: Transaction, experiment: str) -> Experiment:
    """An experiment that may be changed.

    Raises:
        NotFound: there is none.
        InvalidInput: it is deleted.
    """
    one = found(tx, experiment)
    _check_active(one.id, one.stage)
    return one


def place_of_runs(tx: Transaction, experiment: str) -> tuple[int, str]:
    """The number of an experiment that takes runs, and where their files go.

    Raises:
        NotFound: there is none.
        InvalidInput: it is deleted, or that is no number.
    """
    number = number_of(experiment)
    place = store.place(tx, number)
    if place is None:
        raise NotFound(f"No Experiment with id={experiment[:40]} exists")
    stage, location = place
    _check_active(str(number), stage)
    return number, location.rstrip("/")


def _check_active(experiment: str, stage: Stage) -> None:
    if stage is not Stage.ACTIVE:
        raise InvalidInput(
            f"The experiment {experiment} must be in the 'active' state. Current state is {stage}. Restore it first."
        )


def number_of(experiment: str) -> int:
    """An experiment's number from its text.

    Raises:
        InvalidInput: that is no number.
    """
    if not (experiment.isascii() and experiment.isdigit()) or len(experiment) > 18:
        raise InvalidInput(f"Invalid experiment ID {experiment[:40]!r}. Experiment ID must be a valid integer.")
    return int(experiment)


def _numbered(condition: filters.Condition) -> filters.Condition:
    if condition.entity is not filters.Entity.ATTRIBUTE or condition.key != "experiment_id":
        return condition
    given = condition.value if isinstance(condition.value, tuple) else (str(condition.value),)
    numbers = tuple(number_of(str(v)) for v in given)
    comparator = {"=": "IN", "!=": "NOT IN"}.get(condition.comparator, condition.comparator)
    return filters.Condition(condition.entity, condition.key, comparator, numbers)


def check_name(name: str) -> None:
    """Refuse a name that is empty or too long."""
    if not name:
        raise InvalidInput(f"Invalid experiment name: {name!r}")
    rules.check_length(name, rules.MAX_EXPERIMENT_NAME, "name")


def checked_tags(tags: dict[str, str]) -> dict[str, str]:
    """Tags of an experiment, if their names and values are of a size to keep."""
    return {rules.check_key(k): rules.check_length(v, rules.MAX_EXPERIMENT_TAG_VALUE, "value") for k, v in tags.items()}
