"""MLflow's calls on experiments."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref
from modelyard.ports.wires import WireResponse, WireRoute
from modelyard.protocols.mlflow import shapes, wire
from modelyard.protocols.mlflow.wire import EMPTY, KeyValue, answer, body_decoder, query_decoder, required
from modelyard.tracking.api import Tracking, View
from modelyard.tracking.api.limits import MAX_RESULTS

_VIEWS = {
    "": View.ACTIVE, "1": View.ACTIVE, "2": View.DELETED, "3": View.ALL, "ACTIVE_ONLY": View.ACTIVE,
    "DELETED_ONLY": View.DELETED, "ALL": View.ALL,
}  # fmt: skip


class Create(Struct, kw_only=True):
    """`CreateExperiment`."""

    name: str | None = None
    artifact_location: str | None = None
    tags: list[KeyValue] | None = None


class One(Struct, kw_only=True):
    """A call on one experiment."""

    experiment_id: str | None = None
    new_name: str | None = None
    key: str | None = None
    value: str | None = None


class Named(Struct, kw_only=True):
    """`GetExperimentByName`."""

    experiment_name: str | None = None


class Search(Struct, kw_only=True):
    """`SearchExperiments`."""

    max_results: int | None = None
    page_token: str | None = None
    filter: str | None = None
    order_by: list[str] | None = None
    view_type: str | int | None = None


class Datasets(Struct, kw_only=True):
    """`SearchDatasets`."""

    experiment_ids: list[str] | None = None


class ExperimentAnswer(Struct, kw_only=True):
    """One experiment."""

    experiment: shapes.ExperimentShape


class ExperimentsAnswer(Struct, kw_only=True):
    """A page of experiments."""

    experiments: list[shapes.ExperimentShape]
    next_page_token: str | UnsetType = UNSET


class Created(Struct, kw_only=True):
    """A new experiment's number."""

    experiment_id: str


class SummaryShape(Struct, kw_only=True):
    """`DatasetSummary`."""

    experiment_id: str
    name: str
    digest: str
    context: str | UnsetType = UNSET


class SummariesAnswer(Struct, kw_only=True):
    """Datasets of some experiments."""

    dataset_summaries: list[SummaryShape]


def view_of(given: str | int | None) -> View:
    """A view from its name or number.

    Raises:
        InvalidInput: there is no such view.
    """
    if (view := _VIEWS.get(str(given or ""))) is None:
        raise InvalidInput(f"Invalid value {str(given)[:40]!r} for parameter 'view_type' supplied.")
    return view


def limit_of(given: int | None, default: int) -> int:
    """A page's size.

    Raises:
        InvalidInput: it is not positive, or above 50,000.
    """
    if given is None:
        return default
    if not 1 <= given <= MAX_RESULTS:
        raise InvalidInput(
            f"Invalid value {given} for parameter 'max_results' supplied. It must be a positive integer and at most "
            f"{MAX_RESULTS}."
        )
    return given


class Experiments:
    """Translates calls on experiments."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking

    def routes(self) -> list[WireRoute]:
        """Their addresses."""
        one, by_query = body_decoder(One), query_decoder(One)
        return [
            *wire.route("create_experiment", "POST /experiments/create", body_decoder(Create), self.create,
                        effect=Effect.WRITE),
            *wire.route("get_experiment", "GET /experiments/get", by_query, self.get, effect=Effect.READ,
                        about=_about),
            *wire.route("get_experiment_by_name", "GET /experiments/get-by-name", query_decoder(Named), self.named,
                        effect=Effect.READ),
            *wire.route("search_experiments", "GET /experiments/search", query_decoder(Search), self.search,
                        effect=Effect.SCAN),
            *wire.route("search_experiments", "POST /experiments/search", body_decoder(Search), self.search,
                        effect=Effect.SCAN),
            *wire.route("update_experiment", "POST /experiments/update", one, self.rename, effect=Effect.WRITE,
                        about=_about),
            *wire.route("delete_experiment", "POST /experiments/delete", one, self.delete, effect=Effect.WRITE,
                        about=_about),
            *wire.route("restore_experiment", "POST /experiments/restore", one, self.restore, effect=Effect.WRITE,
                        about=_about),
            *wire.route("set_experiment_tag", "POST /experiments/set-experiment-tag", one, self.tag,
                        effect=Effect.WRITE, about=_about),
            *wire.route("delete_experiment_tag", "POST /experiments/delete-experiment-tag", one, self.untag,
                        effect=Effect.WRITE, about=_about),
            *wire.route("search_datasets", "POST /experiments/search-datasets", body_decoder(Datasets),
                        self.datasets, effect=Effect.SCAN),
        ]  # fmt: skip

    def create(self, asked: Create) -> WireResponse:
        """Make one."""
        name, tags = required(asked.name, "name"), wire.as_dict(asked.tags, "tags")
        made = self._tracking.create_experiment(name, tags, asked.artifact_location or None)
        return answer(Created(experiment_id=made.id))

    def get(self, asked: One) -> WireResponse:
        """Show one."""
        found = self._tracking.experiment(_id(asked))
        return answer(ExperimentAnswer(experiment=shapes.experiment(found)))

    def named(self, asked: Named) -> WireResponse:
        """Show the one of that name."""
        found = self._tracking.experiment_named(required(asked.experiment_name, "experiment_name"))
        return answer(ExperimentAnswer(experiment=shapes.experiment(found)))

    def search(self, asked: Search) -> WireResponse:
        """Find some."""
        page = self._tracking.experiments(
            asked.filter or "", asked.order_by, view=view_of(asked.view_type),
            limit=limit_of(asked.max_results, 1000), cursor=asked.page_token or None,
        )  # fmt: skip
        return answer(
            ExperimentsAnswer(
                experiments=[shapes.experiment(e) for e in page.items], next_page_token=page.next or UNSET
            )
        )

    def rename(self, asked: One) -> WireResponse:
        """Rename one."""
        self._tracking.rename_experiment(_id(asked), required(asked.new_name, "new_name"))
        return EMPTY

    def delete(self, asked: One) -> WireResponse:
        """Set one aside."""
        self._tracking.delete_experiment(_id(asked))
        return EMPTY

    def restore(self, asked: One) -> WireResponse:
        """Bring one back."""
        self._tracking.restore_experiment(_id(asked))
        return EMPTY

    def tag(self, asked: One) -> WireResponse:
        """Set a tag."""
        self._tracking.tag_experiment(_id(asked), {required(asked.key, "key"): asked.value or ""})
        return EMPTY

    def untag(self, asked: One) -> WireResponse:
        """Remove a tag."""
        self._tracking.untag_experiment(_id(asked), required(asked.key, "key"))
        return EMPTY

    def datasets(self, asked: Datasets) -> WireResponse:
        """List datasets."""
        if not asked.experiment_ids:
            raise InvalidInput("SearchDatasets request must specify at least one experiment_id.")
        if len(asked.experiment_ids) > 20:
            raise InvalidInput("SearchDatasets request cannot specify more than 20 experiment_ids.")
        found = self._tracking.datasets(asked.experiment_ids)
        summaries = [
            SummaryShape(experiment_id=d.experiment, name=d.name, digest=d.digest, context=d.context or UNSET)
            for d in found
        ]
        return answer(SummariesAnswer(dataset_summaries=summaries))


def _id(asked: One) -> str:
    return required(asked.experiment_id, "experiment_id")


def _about(asked: One) -> Ref | None:
    return wire.experiment_ref(asked.experiment_id)
