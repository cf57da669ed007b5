"""The desk of the data plane: requests in, batches out to the models, predictions logged, answers back.

Everything that one turn of the event loop read is one batch for each model. The log takes a batch before any of its
answers leaves. All of it runs on the loop's thread, but for the models that are too slow for it.
"""

from __future__ import annotations

import logging
from asyncio import AbstractEventLoop
from collections.abc import Sequence
from functools import partial
from random import random
from time import perf_counter_ns
from typing import Protocol

from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import (
    Forbidden,
    Internal,
    MethodNotAllowed,
    NotFound,
    Unauthenticated,
    Unavailable,
    YardError,
)
from modelyard.serving.hot import answers
from modelyard.serving.hot.answers import Answered
from modelyard.serving.hot.connection import Connection, Exchange, Limits
from modelyard.serving.hot.heads import Action, Head, HeadCache
from modelyard.serving.hot.meters import Meters
from modelyard.serving.hot.models import LOOP_LIMIT_S, MAX_WAITING, Job, Model, ModelThread
from modelyard.serving.hot.prediction_ids import PredictionIds
from modelyard.serving.hot.questions import Question
from modelyard.serving.hot.segments import PredictionRecord
from modelyard.serving.hot.shadows import ShadowLane
from modelyard.serving.hot.table import EMPTY, Caller, Endpoint, Revision, Table
from modelyard.serving.model.routes import sticky_point

log = logging.getLogger(__name__)


class Log(Protocol):
    """Where predictions go before they are answered."""

    def append(self, records: Sequence[PredictionRecord]) -> None:
        """Keep them.

        Raises:
            Unavailable: they cannot be kept.
        """
        ...


class Prediction(Job):
    """A request on its way through a model."""

    __slots__ = ("caller", "endpoint", "exchange", "revision", "route", "row_ids")

    def __init__(
        self, exchange: Exchange, question: Question, *, endpoint: Endpoint, revision: Revision, route: str, caller: str
    ) -> None:
        super().__init__(question)
        self.exchange = exchange
        self.endpoint = endpoint
        self.revision = revision
        self.route = route
        self.caller = caller
        self.row_ids: list[str] = []


class Plane:
    """Answers requests by the table in force."""

    def __init__(
        self, loop: AbstractEventLoop, *, clock: Clock, predictions: Log, ids: PredictionIds, heads: HeadCache,
        limits: Limits,
    ) -> None:  # fmt: skip
        self.limits = limits
        self.heads = heads
        self.connections: dict[Connection, None] = {}
        self.idle: dict[Connection, None] = {}
        self.pending_bytes = 0
        self.draining = False
        self.meters = Meters()
        self.shadows = ShadowLane(self._shadowed_from_thread)
        self.open = 0
        self._table = EMPTY
        self._loop = loop
        self._clock = clock
        self._log = predictions
        self._ids = ids
        self._turn: dict[Model, list[Prediction]] = {}
        self._now_ms = clock.now_ms()

    @property
    def table(self) -> Table:
        """What is in force."""
        return self._table

    def put_in_force(self, table: Table) -> None:
        """Serve by `table` from the next request on; heads that were seen, and the tokens in them, are forgotten."""
        self._table = table
        self.heads.clear()

    def tick(self) -> None:
        """Note the time for the expiry of tokens; called about once a second."""
        self._now_ms = self._clock.now_ms()

    def take(self, exchange: Exchange) -> None:
        """Answer a whole request, now or at the end of its batch."""
        head = exchange.head
        if self.draining:
            exchange.closes = True
        try:
            if head.action is Action.INFER:
                self._infer(exchange, head)
            else:
                exchange.answer = self._inform(exchange, head)
        except YardError as err:
            exchange.answer = self.refuse(err, head, close=exchange.closes)
        except Exception as err:
            log.exception("a request failed", extra={"request_id": head.request_id})
            fault = Internal(f"the data plane failed on this request ({type(err).__name__}); its log has the rest")
            exchange.answer = self.refuse(fault, head, close=exchange.closes)

    def refuse(self, error: YardError, head: Head | None, *, close: bool, status: int | None = None) -> bytes:
        """The problem document of a request that no model saw."""
        self.meters.refused(error.code)
        extra = b""
        if isinstance(error, MethodNotAllowed) and head is not None:
            extra = b"allow: " + head.allow.encode() + b"\r\n"
        return answers.problem(error, close=close, status=status, extra=extra)

    def caller_of(self, head: Head) -> Caller:
        """Who asks.

        Raises:
            Unauthenticated: no token, or one that is unknown or over.
        """
        caller = self._table.callers.get(head.digest)
        if caller is None:
            raise Unauthenticated(
                "the token is not known here" if head.digest else "send a token: Authorization: Bearer ..."
            )
        if caller.expires_ms is not None and self._now_ms >= caller.expires_ms:
            raise Unauthenticated("the token has expired; ask for another")
        return caller

    def _infer(self, exchange: Exchange, head: Head) -> None:
        caller = self.caller_of(head)
        if not caller.predicts:
            raise Forbidden("the token lacks the scope serving:predict")
        endpoint = self._endpoint(caller, head)
        question = None
        if head.version:
            revision, route = self._versioned(endpoint, head.version), "version"
        elif endpoint.chooser.single is not None:
            name, route = endpoint.chooser.single
            revision = endpoint.revisions[name]
        else:
            revision, route, question = self._choose(endpoint, exchange)
        model = revision.model
        if model.waiting >= MAX_WAITING:
            raise Unavailable(f"endpoint {endpoint.name} has too many requests waiting; try again")
        if question is None:
            question = model.reader.read(exchange.body, head.json_bytes)
        exchange.body = b""
        prediction = Prediction(
            exchange, question, endpoint=endpoint, revision=revision, route=route, caller=caller.name
        )
        if not self._turn:
            self._loop.call_soon(self._end_turn)
        gathered = self._turn.get(model)
        if gathered is None:
            self._turn[model] = [prediction]
        else:
            gathered.append(prediction)
        self.open += 1

    def _endpoint(self, caller: Caller, head: Head) -> Endpoint:
        endpoint = self._table.endpoints.get(head.endpoint)
        if endpoint is None:
            raise NotFound(f"there is no endpoint {head.endpoint[:80]!r}; list them: yard endpoints")
        if not caller.reaches(endpoint.name):
            raise Forbidden(f"the token is confined to other endpoints than {endpoint.name}")
        if not endpoint.ready and head.action is not Action.MODEL_READY:
            raise Unavailable(endpoint.reason())
        return endpoint

    def _versioned(self, endpoint: Endpoint, version: str) -> Revision:
        if (revision := endpoint.versions.get(version)) is None:
            served = ", ".join(endpoint.versions) or "none"
            raise NotFound(f"endpoint {endpoint.name} does not serve version {version[:40]!r}; it serves {served}")
        return revision

    def _choose(self, endpoint: Endpoint, exchange: Exchange) -> tuple[Revision, str, Question | None]:
        """The revision that answers, the route taken, and the question where choosing needed to read it."""
        chooser, headers, sticky = endpoint.chooser, exchange.head.headers, endpoint.sticky
        if endpoint.headers and (ruled := chooser.by_header(headers)) is not None:
            return endpoint.revisions[ruled[0]], ruled[1], None
        if sticky is None:
            name, route = chooser.by_point(_point(None))
            return endpoint.revisions[name], route, None
        if sticky.header is not None:
            key = headers.get(sticky.header.lower())
            name, route = chooser.by_point(_point(key))
            return endpoint.revisions[name], route, None
        first = endpoint.revisions[chooser.by_point(0.0)[0]].model
        question = first.reader.read(exchange.body, exchange.head.json_bytes)
        column = sticky.column
        value = question.flat[first.columns.index(column)] if column in first.columns else None
        name, route = chooser.by_point(_point(None if value is None else str(value)))
        revision = endpoint.revisions[name]
        same = revision.model.signature == first.signature
        return revision, route, question if same else None

    def _end_turn(self) -> None:
        """Run or hand over the batches that this turn of the loop gathered."""
        turn, self._turn = self._turn, {}
        done: list[Prediction] = []
        for model, batch in turn.items():
            rows = sum(prediction.question.rows for prediction in batch)
            if model.cost.predict(rows) <= LOOP_LIMIT_S:
                model.run(batch)
                self.meters.batch("loop", rows)
                done += batch
            else:
                if model.thread is None:
                    model.thread = ModelThread(model, partial(self._finished_in_thread, model))
                model.waiting += len(batch)
                model.thread.put(batch)
        if done:
            self._finish(done)

    def _finished_in_thread(self, model: Model, jobs: Sequence[Job]) -> None:
        batch = [job for job in jobs if isinstance(job, Prediction)]
        self._loop.call_soon_threadsafe(self._finish_waiting, model, batch)

    def _finish_waiting(self, model: Model, batch: list[Prediction]) -> None:
        model.waiting -= len(batch)
        self.meters.batch("thread", sum(prediction.question.rows for prediction in batch))
        self._finish(batch)

    def _finish(self, batch: list[Prediction]) -> None:
        """Log a batch, then answer it, then show it to the shadows."""
        self.open -= len(batch)
        now_ns = self._clock.now_ns()
        self._ids.turn(now_ns // 1_000_000)
        ended = perf_counter_ns()
        for prediction in batch:
            prediction.row_ids = self._ids.draw_many(prediction.question.rows)
        try:
            self._log.append([_record(prediction, now_ns, ended) for prediction in batch])
        except Unavailable as err:
            for prediction in batch:
                prediction.error = err
        for prediction in batch:
            self._answer(prediction, (ended - prediction.exchange.began_ns) / 1e9)
        for connection in dict.fromkeys(prediction.exchange.connection for prediction in batch):
            connection.flush()
        self._show_to_shadows(batch)

    def _answer(self, prediction: Prediction, latency_s: float) -> None:
        exchange, revision, name = prediction.exchange, prediction.revision, prediction.endpoint.name
        exchange.closes = exchange.closes or self.draining
        error = prediction.error
        if error is None:
            spec = revision.spec
            head = Answered(name, spec.version, spec.name, prediction.route, ",".join(prediction.row_ids))
            exchange.answer = revision.model.writer.write(
                head, prediction.question, prediction.outputs, close=exchange.closes
            )
        else:
            exchange.answer = answers.problem(error, close=exchange.closes)
        status = 200 if error is None else error.status
        self.meters.request(name, revision.spec.name, prediction.route, status=status, latency_s=latency_s)

    def _show_to_shadows(self, batch: list[Prediction]) -> None:
        lanes: dict[Revision, list[Job]] = {}
        for prediction in batch:
            for revision, share in prediction.endpoint.shadows:
                if prediction.error is None and (share >= 1.0 or _point(None) < share):
                    shadow = Prediction(
                        prediction.exchange, prediction.question, endpoint=prediction.endpoint, revision=revision,
                        route="shadow", caller=prediction.caller,
                    )  # fmt: skip
                    shadow.row_ids = prediction.row_ids
                    lanes.setdefault(revision, []).append(shadow)
        for revision, jobs in lanes.items():
            self.shadows.offer(revision.model, jobs)

    def _shadowed_from_thread(self, jobs: Sequence[Job]) -> None:
        batch = [job for job in jobs if isinstance(job, Prediction)]
        self._loop.call_soon_threadsafe(self._log_shadows, batch)

    def _log_shadows(self, batch: list[Prediction]) -> None:
        now_ns, ended = self._clock.now_ns(), perf_counter_ns()
        try:
            self._log.append([_record(prediction, now_ns, ended) for prediction in batch])
        except Unavailable:
            self.shadows.dropped += len(batch)
            return
        for shadow in batch:
            latency_s = (ended - shadow.exchange.began_ns) / 1e9
            status = 200 if shadow.error is None else shadow.error.status
            self.meters.request(
                shadow.endpoint.name, shadow.revision.spec.name, "shadow", status=status, latency_s=latency_s
            )

    def _inform(self, exchange: Exchange, head: Head) -> bytes:
        close, action = exchange.closes, head.action
        if action is Action.LIVE:
            return answers.json_message({"live": True}, close=close)
        if action is Action.READY:
            if not self._table.settled or self.draining:
                raise Unavailable("the data plane is draining" if self.draining else "models are still loading")
            return answers.json_message({"ready": True}, close=close)
        caller = self.caller_of(head)
        if not caller.reads:
            raise Forbidden("the token lacks the scope serving:read")
        if action is Action.METRICS:
            return answers.message(200, self.meters.text(self._gauges()).encode(), media=answers.TEXT, close=close)
        if action is Action.SERVER:
            body = {"name": "modelyard", "version": "2", "extensions": ["binary_tensor_data"]}
            return answers.json_message(body, close=close)
        endpoint = self._endpoint(caller, head)
        if action is Action.MODEL_READY:
            if not endpoint.ready or (head.version and head.version not in endpoint.versions):
                raise Unavailable(endpoint.reason())
            return answers.json_message({"name": endpoint.name, "ready": True}, close=close)
        shown = (
            self._versioned(endpoint, head.version)
            if head.version
            else endpoint.revisions[endpoint.chooser.by_point(0.0)[0]]
        )
        return answers.json_message(
            answers.model_metadata(endpoint.name, list(endpoint.versions), shown.model.signature, shown.model.platform),
            close=close,
        )

    def _gauges(self) -> dict[str, float]:
        return {
            "modelyard_predict_connections": len(self.connections),
            "modelyard_predict_open": self.open,
            "modelyard_predict_pending_bytes": self.pending_bytes,
            "modelyard_predict_snapshot_version": self._table.version,
            "modelyard_predict_endpoints_ready": sum(e.ready for e in self._table.endpoints.values()),
            "modelyard_predict_shadow_dropped_total": self.shadows.dropped,
            "modelyard_predict_head_cache_hits_total": self.heads.hits,
            "modelyard_predict_head_cache_misses_total": self.heads.misses,
        }


def _point(key: str | None) -> float:
    """Where on [0, 1) a request falls; by chance where it has no key."""
    if key is None:
        return random()  # noqa: S311  # a draw of traffic, no secret
    return sticky_point(key.encode("utf-8", "replace"))


def _record(prediction: Prediction, now_ns: int, ended: int) -> PredictionRecord:
    revision, question = prediction.revision, prediction.question
    spec, model = revision.spec, revision.model
    return PredictionRecord(
        prediction.row_ids[0], now_ns, prediction.endpoint.name, spec.name, spec.model, spec.version,
        prediction.route, question.rows, model.columns, question.flat, model.output_names, prediction.outputs,
        (ended - prediction.exchange.began_ns) // 1000, prediction.exchange.head.request_id or question.id,
        prediction.caller, 200 if prediction.error is None else prediction.error.status, question.keys,
    )  # fmt: skip
