"""Adoption: experiments, runs and logged models of other stores, written until they are complete."""

from __future__ import annotations

from modelyard.kernel.errors import AlreadyExists, InvalidInput
from modelyard.kernel.pages import Page, page_of, place_of
from modelyard.kernel.refs import ref
from modelyard.ports import calls
from modelyard.tracking.api import (
    Experiment,
    ExperimentCreated,
    LoggedModel,
    ModelLogged,
    ModelOutput,
    ModelStatus,
    Run,
    RunFinished,
    Stage,
)
from modelyard.tracking.api import limits as rules
from modelyard.tracking.api.adoption import Adopted, AdoptedKind, AdoptionOperations
from modelyard.tracking.hot import HotLog, note
from modelyard.tracking.model import names
from modelyard.tracking.service import experiments as homes
from modelyard.tracking.service import runs as noted
from modelyard.tracking.store import adoption as store
from modelyard.tracking.store import experiments, models, runs

_SOURCE = 500


class Adoption(AdoptionOperations):
    """The operations on things of other stores."""

    _log: HotLog

    def adopt_experiment(self, source: str, experiment: Experiment, *, complete: bool = False) -> Experiment:
        """Take an experiment in."""
        call, kind = calls.current(), AdoptedKind.EXPERIMENT
        rules.check_length(source, _SOURCE, "source")
        known = store.found(call.tx, kind, source, experiment.id)
        if known is None:
            known = self._enter_experiment(source, experiment)
        number, made = int(known[0]), known[1]
        experiments.put_tags(call.tx, number, homes.checked_tags(experiment.tags))
        if complete:
            if made:
                store.put_experiment(call.tx, number, experiment)
            store.complete(call.tx, kind, source, experiment.id)
        call.touch(ref("experiment", str(number)))
        return homes.found(call.tx, str(number))

    def _enter_experiment(self, source: str, given: Experiment) -> tuple[str, bool]:
        call = calls.current()
        homes.check_name(given.name)
        there = experiments.by_name(call.tx, given.name)
        if there is None:
            number, wanted = experiments.add(call.tx, name=given.name, location="", now_ms=call.now_ms), given.id
            if (
                wanted.isascii()
                and wanted.isdigit()
                and len(wanted) <= 18
                and experiments.by_id(call.tx, int(wanted)) is None
            ):
                store.renumber(call.tx, number, int(wanted))
                number = int(wanted)
            said = ExperimentCreated(experiment=str(number), name=given.name)
            call.emit(said, writes=[ref("experiment", str(number))])
        target = there.id if there else str(number)
        store.mark(call.tx, AdoptedKind.EXPERIMENT, source, given.id, target=target, made=there is None)
        return target, there is None

    def adopt_run(self, source: str, run: Run, *, complete: bool = False) -> Run:
        """Take a run in."""
        call, kind = calls.current(), AdoptedKind.RUN
        rules.check_length(source, _SOURCE, "source")
        if not names.is_run_id(run.id):
            raise InvalidInput(f"{run.id[:80]!r} is no id of a run; it has 32 hex digits")
        home = homes.found(call.tx, run.experiment)
        if store.found(call.tx, kind, source, run.id) is None:
            if runs.head(call.tx, run.id) is not None:
                raise AlreadyExists(f"this yard has a run {run.id} already, which is not from {source}; it stays")
            location = f"{home.artifact_location.rstrip('/')}/{run.id}/artifacts"
            runs.add(
                call.tx, run.id, experiment=int(home.id), name=run.name, user=run.user, start_ms=run.start_ms,
                location=location, tags={},
            )  # fmt: skip
            store.mark(call.tx, kind, source, run.id, target=run.id, made=True)
        store.put_run(call.tx, run, stage=Stage.ACTIVE, now_ms=call.now_ms)
        self._note_run(run)
        if complete:
            store.put_run(call.tx, run, stage=run.stage, now_ms=call.now_ms)
            store.complete(call.tx, kind, source, run.id)
        call.touch(ref("run", run.id))
        one = noted.found(call.tx, run.id)
        if complete and run.status.is_over:
            took = max((run.end_ms or run.start_ms) - run.start_ms, 0)
            ended = RunFinished(
                run=run.id, experiment=one.experiment, name=one.name, status=run.status.value, duration_ms=took,
                commit=one.commit,
            )  # fmt: skip
            call.emit(ended, reads=one.reads, writes=[ref("run", run.id)])
        return one

    def _note_run(self, run: Run) -> None:
        """Params, tags, inputs and outputs; those that are noted already stay."""
        tx = calls.current().tx
        head = noted.head_of(tx, run.id)
        note(tx, head, params=rules.check_params(run.params), tags=rules.check_tags(run.tags))
        if run.inputs:
            runs.add_inputs(tx, head, [noted.checked(one, i) for i, one in enumerate(run.inputs)])
        made = noted.head_of(tx, run.id)
        if run.model_inputs:
            runs.add_models(tx, made, "input", [ModelOutput(model=m) for m in run.model_inputs])
        if run.outputs:
            runs.add_models(tx, noted.head_of(tx, run.id), "output", run.outputs)

    def adopt_logged_model(self, source: str, model: LoggedModel, *, complete: bool = False) -> LoggedModel:
        """Take a logged model in."""
        call, kind = calls.current(), AdoptedKind.LOGGED_MODEL
        rules.check_length(source, _SOURCE, "source")
        if not names.is_model_id(model.id):
            raise InvalidInput(f"{model.id[:80]!r} is no id of a logged model; it is m- and 32 hex digits")
        home = homes.found(call.tx, model.experiment)
        if store.found(call.tx, kind, source, model.id) is None:
            if models.one(call.tx, model.id) is not None:
                raise AlreadyExists(f"this yard has a model {model.id} already, which is not from {source}; it stays")
            models.add(
                call.tx, model.id, experiment=int(home.id), name=model.name, model_type=model.model_type,
                run=model.run, location=f"{home.artifact_location.rstrip('/')}/models/{model.id}/artifacts",
                now_ms=model.created_ms,
            )  # fmt: skip
            store.mark(call.tx, kind, source, model.id, target=model.id, made=True)
        number, there = _model(model.id)
        fresh = {k: v for k, v in rules.check_params(model.params).items() if k not in there.params}
        models.add_params(call.tx, number, fresh)
        models.put_tags(call.tx, number, rules.check_tags(model.tags))
        if complete:
            store.put_model(call.tx, model, stage=model.stage)
            store.complete(call.tx, kind, source, model.id)
            if model.status is ModelStatus.READY:
                said = ModelLogged(model=model.id, name=model.name, run=model.run, experiment=home.id)
                reads = [ref("run", model.run)] if model.run and runs.head(call.tx, model.run) else []
                call.emit(said, reads=reads, writes=[ref("logged_model", model.id)])
        call.touch(ref("logged_model", model.id))
        return _model(model.id)[1]

    def adopted(self, kind: AdoptedKind, source: str, *, limit: int = 1000, cursor: str | None = None) -> Page[Adopted]:
        """List what came in whole from a store."""
        after = place_of(cursor, "")
        rows = store.listed(calls.current().tx, kind, source, after=after, limit=limit + 1)
        return page_of(rows, limit, lambda one: (one.id,))


def _model(model: str) -> tuple[int, LoggedModel]:
    """A logged model that was entered before."""
    one = models.one(calls.current().tx, model)
    if one is None:
        raise InvalidInput(f"there is no logged model {model}")
    return one
