"""MLflow's calls on logged models."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET, Struct, UnsetType

from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref
from modelyard.ports.wires import WireRequest, WireResponse, WireRoute
from modelyard.protocols.mlflow import shapes, wire
from modelyard.protocols.mlflow.wire import EMPTY, KeyValue, answer, body_decoder, fields_of, required
from modelyard.tracking.api import DatasetFilter, ModelOrder, ModelStatus, Tracking

_STATUS = {name: status for status, name in shapes.MODEL_STATUS.items()} | {
    "1": ModelStatus.PENDING,
    "2": ModelStatus.READY,
    "3": ModelStatus.FAILED,
}
_PAGE = 50
_MOST = 1000


class Create(Struct, kw_only=True):
    """`CreateLoggedModel`."""

    experiment_id: str | None = None
    name: str | None = None
    model_type: str | None = None
    source_run_id: str | None = None
    params: list[KeyValue] | None = None
    tags: list[KeyValue] | None = None


class Change(Struct, kw_only=True):
    """The bodies of calls on one logged model."""

    status: str | int | None = None
    tags: list[KeyValue] | None = None
    params: list[KeyValue] | None = None


class One(Struct, kw_only=True):
    """A call on one logged model."""

    model: str
    change: Change
    key: str = ""
    deleted: bool = False


class DatasetGiven(Struct, kw_only=True):
    """`SearchLoggedModels.Dataset`."""

    dataset_name: str | None = None
    dataset_digest: str | None = None


class OrderGiven(Struct, kw_only=True):
    """`SearchLoggedModels.OrderBy`."""

    field_name: str | None = None
    ascending: bool | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class Search(Struct, kw_only=True):
    """`SearchLoggedModels`."""

    experiment_ids: list[str] | None = None
    filter: str | None = None
    datasets: list[DatasetGiven] | None = None
    max_results: int | None = None
    order_by: list[OrderGiven] | None = None
    page_token: str | None = None


class ModelAnswer(Struct, kw_only=True):
    """One logged model."""

    model: shapes.ModelShape


class ModelsAnswer(Struct, kw_only=True):
    """A page of logged models."""

    models: list[shapes.ModelShape]
    next_page_token: str | UnsetType = UNSET


_change = body_decoder(Change)


def decode_one(request: WireRequest) -> One:
    """A call that names its model in the path, with or without a body."""
    change = _change(request) if request.verb in ("POST", "PATCH", "PUT") else Change()
    deleted = any(k == "allow_deleted" and v.lower() == "true" for k, v in fields_of(request))
    return One(
        model=request.path_params["model"], change=change, key=request.path_params.get("key", ""), deleted=deleted
    )


class Models:
    """Translates calls on logged models."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking

    def routes(self) -> list[WireRoute]:
        """Their addresses."""
        at = "/logged-models/{model}"
        calls: list[tuple[str, str, str, Callable[[One], WireResponse], Effect]] = [
            ("get_logged_model", "GET", at, self.get, Effect.READ),
            ("finalize_logged_model", "PATCH", at, self.finalize, Effect.WRITE),
            ("delete_logged_model", "DELETE", at, self.delete, Effect.WRITE),
            ("set_logged_model_tags", "PATCH", at + "/tags", self.tag, Effect.WRITE),
            ("delete_logged_model_tag", "DELETE", at + "/tags/{key*}", self.untag, Effect.WRITE),
            ("log_logged_model_params", "POST", at + "/params", self.params, Effect.WRITE),
        ]
        return [
            *wire.route("create_logged_model", "POST /logged-models", body_decoder(Create), self.create,
                        effect=Effect.WRITE, about=lambda asked: wire.experiment_ref(asked.experiment_id)),
            *wire.route("search_logged_models", "POST /logged-models/search", body_decoder(Search), self.search,
                        effect=Effect.SCAN),
            *(
                r
                for name, verb, path, handle, effect in calls
                for r in wire.route(name, f"{verb} {path}", decode_one, handle, effect=effect, about=_about)
            ),
        ]  # fmt: skip

    def create(self, asked: Create) -> WireResponse:
        """Announce one."""
        made = self._tracking.create_logged_model(
            required(asked.experiment_id, "experiment_id"), asked.name or "", asked.source_run_id or None,
            model_type=asked.model_type or "", params=wire.as_dict(asked.params, "params"),
            tags=wire.as_dict(asked.tags, "tags"),
        )  # fmt: skip
        return answer(ModelAnswer(model=shapes.model(made)))

    def get(self, asked: One) -> WireResponse:
        """Show one."""
        found = self._tracking.logged_model(asked.model, deleted=asked.deleted)
        return answer(ModelAnswer(model=shapes.model(found)))

    def finalize(self, asked: One) -> WireResponse:
        """Say how far one has come."""
        status = _STATUS.get(str(required(asked.change.status, "status")))
        if status is None:
            raise InvalidInput(f"Invalid value {str(asked.change.status)[:40]!r} for parameter 'status' supplied.")
        found = self._tracking.finalize_logged_model(asked.model, status)
        return answer(ModelAnswer(model=shapes.model(found)))

    def delete(self, asked: One) -> WireResponse:
        """Set one aside."""
        self._tracking.delete_logged_model(asked.model)
        return EMPTY

    def tag(self, asked: One) -> WireResponse:
        """Set tags."""
        self._tracking.tag_logged_model(asked.model, wire.as_dict(asked.change.tags, "tags"))
        return EMPTY

    def untag(self, asked: One) -> WireResponse:
        """Remove a tag."""
        self._tracking.untag_logged_model(asked.model, asked.key)
        return EMPTY

    def params(self, asked: One) -> WireResponse:
        """Add params."""
        self._tracking.log_model_params(asked.model, wire.as_dict(asked.change.params, "params"))
        return EMPTY

    def search(self, asked: Search) -> WireResponse:
        """Find some."""
        limit = _PAGE if asked.max_results is None else asked.max_results
        if not 1 <= limit <= _MOST:
            raise InvalidInput(f"Invalid value {limit} for parameter 'max_results' supplied: 1 to {_MOST}.")
        datasets = [
            DatasetFilter(name=required(d.dataset_name, "datasets.dataset_name"), digest=d.dataset_digest or None)
            for d in asked.datasets or ()
        ]
        page = self._tracking.logged_models(
            required(asked.experiment_ids, "experiment_ids"), asked.filter or "",
            [_order(one) for one in asked.order_by or ()], datasets=datasets, limit=limit,
            cursor=asked.page_token or None,
        )  # fmt: skip
        return answer(ModelsAnswer(models=[shapes.model(m) for m in page.items], next_page_token=page.next or UNSET))


def _order(given: OrderGiven) -> ModelOrder:
    if given.dataset_digest and not given.dataset_name:
        raise InvalidInput("`dataset_digest` can only be specified if `dataset_name` is also specified.")
    return ModelOrder(
        field=required(given.field_name, "order_by.field_name"),
        ascending=given.ascending is not False,
        dataset=given.dataset_name or None,
        dataset_digest=given.dataset_digest or None,
    )


def _about(asked: One) -> Ref | None:
    return wire.model_ref(asked.model)
