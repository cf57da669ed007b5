"""Runs: begun, logged to, ended, found, set aside."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.pages import Page
from modelyard.kernel.refs import ref
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.tracking.api import (
    Batch,
    DatasetInput,
    InputsLogged,
    ModelOutput,
    Point,
    Run,
    RunDeleted,
    RunRestored,
    RunStarted,
    RunStatus,
    Stage,
    View,
)
from modelyard.tracking.api import limits as rules
from modelyard.tracking.api.batches import RUN_NAME_TAG
from modelyard.tracking.api.runs import RunOperations
from modelyard.tracking.hot import HotLog, active
from modelyard.tracking.model import filters, lineage, names
from modelyard.tracking.model.pages import offset_of, page_from, stages_of
from modelyard.tracking.service import experiments
from modelyard.tracking.service.known import Known
from modelyard.tracking.store import runs as store
from modelyard.tracking.store.search import RUN_ATTRIBUTES, Query, Target

_TARGET = Target(
    source="tracking_run r",
    columns="r.id",
    attributes=RUN_ATTRIBUTES,
    owner="r.id",
    tags=("tracking_tag", "run"),
    params=("tracking_param", "run"),
    natural=("r.start_ms", "DESC"),
    tie="r.run",
    gaps=frozenset({"end_time"}),
    by_value=True,
    by={"status": "tracking_run_by_status"},
    walks=True,
)


class Runs(RunOperations):
    """The operations on runs."""

    _log: HotLog
    _known: Known

    def start_run(
        self,
        experiment: str = "0",
        name: str = "",
        tags: dict[str, str] | None = None,
        *,
        user: str | None = None,
        start_ms: int | None = None,
    ) -> Run:
        """Begin a run."""
        call = calls.current()
        number, place = experiments.place_of_runs(call.tx, experiment)
        checked = rules.check_tags(tags or {})
        identity = names.new_run_id(call.clock)
        spoken = _name(name, checked.get(RUN_NAME_TAG, "")) or names.spoken(identity)
        checked[RUN_NAME_TAG] = rules.cut(spoken, rules.MAX_TAG_VALUE, "run_name")
        who = call.actor.name if user is None else rules.check_length(user, 256, "user_id")
        one = store.add(
            call.tx, identity, experiment=number, name=spoken, user=who,
            start_ms=call.now_ms if start_ms is None else rules.check_time(start_ms, "start_time"),
            location=f"{place}/{identity}/artifacts", tags=checked,
        )  # fmt: skip
        about = ref("run", identity)
        call.touch(about)
        started = RunStarted(run=identity, experiment=one.experiment, name=spoken, user=who, parent=one.parent)
        call.emit(started, reads=one.reads, writes=[about])
        return one

    def run_record(self, run: str) -> Run:
        """Show one run."""
        return found(calls.current().tx, run)

    def runs(
        self,
        experiments: list[str] | None = None,
        where: str = "",
        order_by: list[str] | None = None,
        *,
        view: View = View.ACTIVE,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Run]:
        """Find runs."""
        tx = calls.current().tx
        offset = offset_of(cursor)
        query = searching(experiments, filters.parse(where, filters.RUNS), view)
        for order in filters.parse_orders(order_by or (), filters.RUNS):
            query.sort(order)
        numbers = [int(row[0]) for row in query.rows(tx, limit=limit + 1, offset=offset)]
        return page_from(self._known.several(tx, numbers[:limit]), more=len(numbers) > limit, offset=offset)

    def update_run(
        self, run: str, status: RunStatus | None = None, end_ms: int | None = None, *, name: str | None = None
    ) -> Run:
        """Change a run's status, end or name."""
        self._log.change(run, status, end_ms, name=name)
        return found(calls.current().tx, run)

    def delete_run(self, run: str) -> None:
        """Set a run aside."""
        call = calls.current()
        store.set_stage(call.tx, head_of(call.tx, run).id, stage=Stage.DELETED, now_ms=call.now_ms)
        call.emit(RunDeleted(run=run), writes=[ref("run", run)])

    def restore_run(self, run: str) -> None:
        """Bring a deleted run back."""
        call = calls.current()
        store.set_stage(call.tx, head_of(call.tx, run).id, stage=Stage.ACTIVE, now_ms=call.now_ms)
        call.emit(RunRestored(run=run), writes=[ref("run", run)])

    def log(
        self,
        run: str,
        metrics: list[Point] | None = None,
        params: dict[str, str] | None = None,
        *,
        tags: dict[str, str] | None = None,
    ) -> None:
        """Note metrics, params and tags."""
        self._log.write(Batch.of(run, points=metrics or (), params=params, tags=tags))

    def untag_run(self, run: str, key: str) -> None:
        """Remove a tag from a run."""
        tx = calls.current().tx
        head = active(tx, run)
        body = store.document(tx, head.id)
        if body.tags.pop(key, None) is None:
            raise NotFound(f"No tag with name: {key[:250]} in run with id {run}")
        store.drop_tag(tx, head.id, key)
        store.put_document(tx, head.id, body)

    def log_inputs(self, run: str, datasets: list[DatasetInput] | None = None, models: list[str] | None = None) -> None:
        """Say what a run reads."""
        call = calls.current()
        inputs = [checked(one, i) for i, one in enumerate(datasets or ())]
        rules.check_counts(metrics=0, params=0, tags=0)
        if len(inputs) > rules.MAX_METRICS:
            raise InvalidInput(f"at most {rules.MAX_METRICS} datasets in one call, not {len(inputs)}; split them")
        head = active(call.tx, run)
        if inputs:
            store.add_inputs(call.tx, head, inputs)
            reads = lineage.reads_of({}, [one.dataset for one in inputs])
            if reads:
                said = InputsLogged(run=run, datasets=[one.dataset.name for one in inputs])
                call.emit(said, reads=reads, writes=[ref("run", run)])
        if models:
            head = active(call.tx, run)
            store.add_models(call.tx, head, "input", [ModelOutput(model=m) for m in models])

    def log_outputs(self, run: str, models: list[ModelOutput]) -> None:
        """Say which logged models a run made."""
        tx = calls.current().tx
        head = active(tx, run)
        if models:
            store.add_models(tx, head, "output", models)


def searching(given: list[str] | None, conditions: Sequence[filters.Condition], view: View) -> Query:
    """A search of runs that meet all conditions, not sorted yet."""
    query = Query(_TARGET)
    if given is not None:
        query.within("r.experiment", [experiments.number_of(e) for e in given])
    query.within("r.stage", stages_of(view))
    for condition in conditions:
        query.keep(condition)
    return query


def found(tx: Transaction, run: str) -> Run:
    """The run of that id.

    Raises:
        NotFound: there is none.
    """
    one = store.one(tx, run)
    if one is None:
        raise NotFound(f"Run with id={run[:80]} not found")
    return one


def head_of(tx: Transaction, run: str) -> store.Head:
    """What a change of a run has to know of it.

    Raises:
        NotFound: there is no such run.
    """
    head = store.head(tx, run)
    if head is None:
        raise NotFound(f"Run with id={run[:80]} not found")
    return head


def _name(given: str, tagged: str) -> str:
    if given and tagged and given != tagged:
        raise InvalidInput(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "
            f"(run_name={given[:80]!r}, mlflow.runName={tagged[:80]!r})."
        )
    return given or tagged


def checked(one: DatasetInput, place: int) -> DatasetInput:
    """An input, if its texts are of a size to keep."""
    data, path = one.dataset, f"datasets[{place}]"
    for text, limit, name in (
        (data.name, rules.MAX_DATASET_NAME, "name"),
        (data.digest, rules.MAX_DATASET_DIGEST, "digest"),
        (data.source, rules.MAX_DATASET_SOURCE, "source"),
        (data.source_type, rules.MAX_KEY, "source_type"),
        (data.schema or "", rules.MAX_DATASET_SCHEMA, "schema"),
        (data.profile or "", rules.MAX_DATASET_PROFILE, "profile"),
    ):
        rules.check_length(text, limit, f"{path}.dataset.{name}")
    if not data.name or not data.digest:
        raise InvalidInput(f"Missing value for required parameter '{path}.dataset.{'digest' if data.name else 'name'}'")
    for key, value in one.tags.items():
        rules.check_length(key, rules.MAX_INPUT_TAG_KEY, f"{path}.tags.key")
        rules.check_length(value, rules.MAX_INPUT_TAG_VALUE, f"{path}.tags.value")
    return one
