"""MLflow's calls that read metric series."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref
from modelyard.ports.wires import WireResponse, WireRoute
from modelyard.protocols.mlflow import shapes, wire
from modelyard.protocols.mlflow.wire import answer, query_decoder, required
from modelyard.tracking.api import Point, Tracking

_ALL = 2**31
_MOST_POINTS = 25_000
_MOST_RUNS = 100
_SAMPLE = 2500


class History(Struct, kw_only=True):
    """`GetMetricHistory`."""

    run_id: str | None = None
    run_uuid: str | None = None
    metric_key: str | None = None
    page_token: str | None = None
    max_results: int | None = None


class Bulk(Struct, kw_only=True):
    """`GetMetricHistoryBulk`, which names runs one by one, and `GetMetricHistoryBulkInterval`."""

    run_id: list[str] | None = None
    run_ids: list[str] | None = None
    metric_key: str | None = None
    max_results: int | None = None
    start_step: int | None = None
    end_step: int | None = None


class MetricsAnswer(Struct, kw_only=True):
    """Points, and where to go on."""

    metrics: list[shapes.MetricShape]
    next_page_token: str | UnsetType = UNSET


class Metrics:
    """Translates calls on metric series."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking

    def routes(self) -> list[WireRoute]:
        """Their addresses."""
        bulk = query_decoder(Bulk)
        return [
            *wire.route("get_metric_history", "GET /metrics/get-history", query_decoder(History), self.history,
                        effect=Effect.SCAN, about=_about),
            *wire.route("get_metric_history_bulk", "GET /metrics/get-history-bulk", bulk, self.bulk,
                        effect=Effect.SCAN),
            *wire.route("get_metric_history_bulk_interval", "GET /metrics/get-history-bulk-interval", bulk,
                        self.interval, effect=Effect.SCAN),
        ]  # fmt: skip

    def history(self, asked: History) -> WireResponse:
        """All points of one metric of one run."""
        if asked.max_results is not None and asked.max_results <= 0:
            raise InvalidInput(
                f"Invalid value {asked.max_results} for parameter 'max_results' supplied. "
                "It must be a positive integer."
            )
        run = required(asked.run_id or asked.run_uuid, "run_id")
        key = required(asked.metric_key, "metric_key")
        try:
            page = self._tracking.history(run, key, asked.max_results or _ALL, cursor=asked.page_token or None)
        except NotFound:  # MLflow knows the points of no run, and says so
            return answer(MetricsAnswer(metrics=[]))
        return answer(MetricsAnswer(metrics=[shapes.metric(p) for p in page.items], next_page_token=page.next or UNSET))

    def bulk(self, asked: Bulk) -> WireResponse:
        """All points of one metric of several runs, by run id, 25,000 at most."""
        runs = asked.run_id or []
        if not runs:
            raise InvalidInput("GetMetricHistoryBulk request must specify at least one run_id.")
        _check_runs(runs)
        key = required(asked.metric_key, "metric_key")
        most = min(asked.max_results or _MOST_POINTS, _MOST_POINTS)
        found: list[shapes.MetricShape] = []
        for run in sorted(set(runs)):
            if most - len(found) < 1:
                break
            for point in self._points(run, key, most - len(found)):
                shape = shapes.metric(point)
                shape.run_id = run
                found.append(shape)
        return answer(MetricsAnswer(metrics=found))

    def interval(self, asked: Bulk) -> WireResponse:
        """Evenly chosen points of one metric of several runs."""
        runs = required(asked.run_ids, "run_ids")
        _check_runs(runs)
        most = _SAMPLE if asked.max_results is None else asked.max_results
        if not 1 <= most <= _SAMPLE:
            raise InvalidInput(f"max_results must be between 1 and {_SAMPLE}.")
        first, last = asked.start_step, asked.end_step
        if (first is None) != (last is None):
            raise InvalidInput("If either start step or end step are specified, both must be specified.")
        if first is not None and last is not None and first > last:
            raise InvalidInput(
                f"end_step must be greater than start_step. Found start_step={first} and end_step={last}."
            )
        key = required(asked.metric_key, "metric_key")
        found: list[shapes.MetricShape] = []
        for run in runs:
            try:
                points = self._tracking.sample(key, [run], most, first_step=first, last_step=last)
            except NotFound:
                continue
            found += [shapes.metric(p) for p in points]
        return answer(MetricsAnswer(metrics=found))

    def _points(self, run: str, key: str, limit: int) -> list[Point]:
        try:
            return self._tracking.history(run, key, limit).items
        except NotFound:
            return []


def _check_runs(runs: list[str]) -> None:
    if len(runs) > _MOST_RUNS:
        raise InvalidInput(f"the request cannot specify more than {_MOST_RUNS} run_ids. Received {len(runs)} run_ids.")


def _about(asked: History) -> Ref | None:
    return wire.run_ref(asked.run_id or asked.run_uuid)
