"""Logged models: announced, completed, found, set aside."""

from __future__ import annotations

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.pages import Page
from modelyard.kernel.refs import Ref, ref
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.tracking.api import (
    DatasetFilter,
    LoggedModel,
    ModelLogged,
    ModelOrder,
    ModelStatus,
    Stage,
)
from modelyard.tracking.api import limits as rules
from modelyard.tracking.api.models import ModelOperations
from modelyard.tracking.model import filters, names
from modelyard.tracking.model.pages import offset_of, page_from
from modelyard.tracking.service import experiments as homes
from modelyard.tracking.store import model_search
from modelyard.tracking.store import models as store
from modelyard.tracking.store.runs import head as run_head


class Models(ModelOperations):
    """The operations on logged models."""

    def create_logged_model(
        self,
        experiment: str,
        name: str = "",
        run: str | None = None,
        *,
        model_type: str = "",
        params: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
    ) -> LoggedModel:
        """Announce a model."""
        call = calls.current()
        home = homes.active(call.tx, experiment)
        identity = names.new_model_id(call.clock)
        spoken = _checked_name(name) or names.spoken(identity)
        if run:
            rules.check_length(run, 256, "source_run_id")
        number = store.add(
            call.tx, identity, experiment=int(home.id), name=spoken, run=run or None, now_ms=call.now_ms,
            model_type=rules.check_length(model_type, 500, "model_type"),
            location=f"{home.artifact_location.rstrip('/')}/models/{identity}/artifacts",
        )  # fmt: skip
        store.add_params(call.tx, number, rules.check_params(params or {}))
        store.put_tags(call.tx, number, rules.check_tags(tags or {}))
        call.touch(ref("logged_model", identity))
        return _found(call.tx, identity)[1]

    def logged_model(self, model: str, *, deleted: bool = False) -> LoggedModel:
        """Show one logged model."""
        one = _found(calls.current().tx, model)[1]
        if one.stage is Stage.DELETED and not deleted:
            raise NotFound(f"Logged model with ID '{model[:80]}' not found.")
        return one

    def logged_models(
        self,
        experiments: list[str],
        where: str = "",
        order_by: list[ModelOrder] | None = None,
        *,
        datasets: list[DatasetFilter] | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[LoggedModel]:
        """Find logged models."""
        tx = calls.current().tx
        offset = offset_of(cursor)
        search = model_search.ModelSearch(datasets or [])
        search.within([homes.number_of(e) for e in experiments])
        for condition in filters.parse(where, filters.MODELS):
            search.keep(condition)
        for order in order_by or ():
            search.sort(order, filters.parse_order(f"{order.field} {'ASC' if order.ascending else 'DESC'}", _ORDERS))
        rows = search.rows(tx, limit=limit + 1, offset=offset)
        return page_from(store.hydrate(tx, rows[:limit]), more=len(rows) > limit, offset=offset)

    def finalize_logged_model(self, model: str, status: ModelStatus = ModelStatus.READY) -> LoggedModel:
        """Say that a model's files are complete."""
        call = calls.current()
        before = _found(call.tx, model)[1]
        store.set_status(call.tx, model, status=status, now_ms=call.now_ms)
        if status is ModelStatus.READY and before.status is not ModelStatus.READY:
            known = before.run is not None and run_head(call.tx, before.run) is not None
            reads: list[Ref] = [ref("run", before.run)] if known and before.run else []
            call.emit(
                ModelLogged(model=model, name=before.name, run=before.run, experiment=before.experiment),
                reads=reads,
                writes=[ref("logged_model", model)],
            )
        return _found(call.tx, model)[1]

    def delete_logged_model(self, model: str) -> None:
        """Set a logged model aside."""
        call = calls.current()
        _found(call.tx, model)
        store.delete(call.tx, model, now_ms=call.now_ms)

    def log_model_params(self, model: str, params: dict[str, str]) -> None:
        """Add params to a logged model."""
        tx = calls.current().tx
        number, one = _found(tx, model)
        checked = rules.check_params(params)
        for key, value in checked.items():
            if one.params.get(key, value) != value:
                raise InvalidInput(
                    f"the param {key!r} of {model} was logged as {one.params[key][:200]!r} and cannot become "
                    f"{value[:200]!r}"
                )
        store.add_params(tx, number, {k: v for k, v in checked.items() if k not in one.params})

    def tag_logged_model(self, model: str, tags: dict[str, str]) -> LoggedModel:
        """Set tags."""
        tx = calls.current().tx
        number, _ = _found(tx, model)
        store.put_tags(tx, number, rules.check_tags(tags))
        return _found(tx, model)[1]

    def untag_logged_model(self, model: str, key: str) -> None:
        """Remove a tag."""
        tx = calls.current().tx
        number, _ = _found(tx, model)
        if not store.drop_tag(tx, number, key):
            raise NotFound(f"No tag with key {key[:250]!r} found for model with ID {model!r}.")


_ORDERS = filters.Dialect(
    thing="logged models",
    entities={"metrics": filters.Entity.METRIC},
    attributes=filters.MODELS.attributes,
    aliases=filters.MODELS.aliases,
    lists=frozenset(),
    missing=frozenset(),
)


def _found(tx: Transaction, model: str) -> tuple[int, LoggedModel]:
    one = store.one(tx, model)
    if one is None:
        raise NotFound(f"Logged model with ID '{model[:80]}' not found.")
    return one


def _checked_name(name: str) -> str:
    if any(c in name for c in "/:.%\"'"):
        raise InvalidInput(
            f"Invalid model name ({name[:80]!r}) provided. Model name must be a non-empty string and cannot contain "
            "the following characters: / : . % \" '"
        )
    return rules.check_length(name, 500, "name")
