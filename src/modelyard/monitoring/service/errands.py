"""Errands: what alerts set off, done apart from the verdict, tried again with back-off, with the outcome on record.

A message goes out at least once and carries the errand's id, the same at every attempt. A flow is started in the
commit that marks the errand done, so exactly once; a rollback is told its alert, so that a repeat changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import Forbidden, InvalidInput, NotFound, Unavailable, YardError
from modelyard.kernel.refs import Ref, ref
from modelyard.monitoring.api import (
    ERRAND,
    Action,
    Alert,
    AlertId,
    Errand,
    ErrandEnded,
    ErrandId,
    ErrandState,
    Notify,
    Retrain,
    Reverter,
    RollBack,
    Trainer,
    Webhook,
)
from modelyard.monitoring.store import alerts
from modelyard.ports import calls
from modelyard.ports.queue import Job, NewJob, Queue
from modelyard.ports.secrets import Secret, Secrets
from modelyard.ports.webhooks import Webhooks, signed

_QUEUE = "monitoring"
_LEASE_S = 30.0
_ATTEMPTS = 8
_ROUND = 20
_AGAIN = (408, 425, 429)


class Errands:
    """Puts and does errands."""

    def __init__(
        self,
        *,
        queue: Queue,
        secrets: Callable[[], Secrets],
        webhooks: Callable[[], Webhooks],
        trainer: Trainer | None,
        reverter: Reverter | None,
    ) -> None:
        self._queue = queue
        self._secrets = secrets
        self._webhooks = webhooks
        self._trainer = trainer
        self._reverter = reverter

    def put(self, actions: Sequence[Action], alert: AlertId, *, because: str) -> None:
        """Have actions done soon, in the transaction of the change that asks for them; only messages tell of an end."""
        call = calls.current()
        for action in actions:
            if because == "resolved" and not isinstance(action, Notify):
                continue
            errand = _fresh(action, alert, because=because)
            alerts.put_errand(call.tx, errand)
            job = NewJob(kind="errand", payload=errand.id.encode(), queue=_QUEUE, max_attempts=_ATTEMPTS, backoff_s=1.0)
            self._queue.enqueue(call.tx, job)

    def work(self) -> int:
        """Do what is due; how many errands were tried."""
        for done in range(_ROUND):
            job = self._queue.claim(f"errands-{calls.current().request_id}", lease_s=_LEASE_S, queue=_QUEUE)
            if job is None:
                return done
            self._try(job)
        return _ROUND

    def test(self, name: str) -> Errand:
        """Post a test message now, once."""
        call = calls.current()
        errand = _fresh(Notify(webhook=name), None, because="test")
        webhook = alerts.webhook(call.tx, name)
        if webhook is None:
            raise NotFound(f"there is no webhook {name}; list them: yard monitoring webhooks")
        try:
            said, state = self._post(webhook, errand, None), ErrandState.DONE
        except YardError as err:
            said, state = err.detail, ErrandState.FAILED
        ended = msgspec.structs.replace(errand, attempts=1, outcome=said, state=state, done_ms=call.clock.now_ms())
        call.unit(lambda: alerts.put_errand(calls.current().tx, ended))
        return ended

    def keep_secret(self, name: str, value: str) -> None:
        """Keep what a webhook's messages are signed with."""
        self._secrets().put(_secret_name(name), Secret(value))

    def _try(self, job: Job) -> None:
        call = calls.current()
        errand = alerts.errand(call.tx, ErrandId(job.payload.decode()))
        if errand is None:
            call.unit(lambda: self._queue.complete(calls.current().tx, job))
            return
        errand = msgspec.structs.replace(errand, attempts=job.attempt)
        try:
            if isinstance(errand.action, Notify):
                said = self._notify(errand.action, errand)
                call.unit(lambda: self._end(job, errand, said, None))
            elif isinstance(errand.action, RollBack):
                made = self._roll_back(errand.action, errand)
                call.unit(lambda: self._end(job, errand, f"put back {made}", made))
            else:
                retrain = errand.action
                call.unit(lambda: self._retrain(job, errand, retrain))
        except YardError as err:
            call.unit(lambda err=err: self._stumble(job, errand, err))  # type: ignore[misc]  # binds the error early

    def _notify(self, action: Notify, errand: Errand) -> str:
        tx = calls.current().tx
        webhook = alerts.webhook(tx, action.webhook)
        if webhook is None:
            raise NotFound(f"there is no webhook {action.webhook}; define it: yard monitoring define-webhook")
        return self._post(webhook, errand, None if errand.alert is None else alerts.alert(tx, errand.alert))

    def _post(self, webhook: Webhook, errand: Errand, alert: Alert | None) -> str:
        secret = self._secrets().get(_secret_name(webhook.name))
        if secret is None:
            raise InvalidInput(f"the secret of webhook {webhook.name} is gone; define the webhook again")
        body = message(errand, alert, calls.current().now_ms)
        headers = {
            "Content-Type": "application/cloudevents+json", **signed(secret, errand.id, calls.current().now_ms, body)
        }  # fmt: skip
        answer = self._webhooks().post(webhook.url, body, headers, allow_loopback=webhook.allow_loopback)
        said = f"{answer.status} {' '.join(answer.text.split())[:200]}".strip()
        if 200 <= answer.status < 300:
            return said
        if answer.status >= 500 or answer.status in _AGAIN:
            raise Unavailable(f"webhook {webhook.name} answered {said}")
        raise InvalidInput(f"webhook {webhook.name} answered {said}; it is not tried again")

    def _retrain(self, job: Job, errand: Errand, action: Retrain) -> None:
        """Start a flow, in the commit that marks the errand done."""
        if self._trainer is None:
            raise InvalidInput("nobody starts flows in this yard, so nothing was retrained")
        made = self._trainer.retrain(action.flow, action.params, because=_because(errand))
        self._end(job, errand, f"started {made}", made)

    def _roll_back(self, action: RollBack, errand: Errand) -> Ref:
        if self._reverter is None:
            raise InvalidInput("nobody serves endpoints in this yard, so nothing was rolled back")
        return self._reverter.roll_back(action.endpoint, because=_because(errand))

    def _end(self, job: Job, errand: Errand, said: str, made: Ref | None) -> None:
        call = calls.current()
        self._queue.complete(call.tx, job)
        _keep(errand, ErrandState.DONE, said, made)

    def _stumble(self, job: Job, errand: Errand, err: YardError) -> None:
        lasting = isinstance(err, InvalidInput | Forbidden | NotFound)
        again = self._queue.fail(calls.current().tx, job, err.detail, retry=not lasting)
        _keep(errand, ErrandState.WAITING if again else ErrandState.FAILED, err.detail, None)


def _because(errand: Errand) -> Ref:
    return ref("alert", errand.alert or "none")


def _fresh(action: Action, alert: AlertId | None, *, because: str) -> Errand:
    call = calls.current()
    return Errand(
        id=ERRAND.new(call.clock), alert=alert, because=because, action=action, state=ErrandState.WAITING, attempts=0,
        outcome="", result=None, at_ms=call.now_ms, done_ms=None,
    )  # fmt: skip


def _keep(errand: Errand, state: ErrandState, said: str, made: Ref | None) -> None:
    call = calls.current()
    over = state is not ErrandState.WAITING
    now = msgspec.structs.replace(
        errand, state=state, outcome=said[:500], result=made, done_ms=call.clock.now_ms() if over else None
    )
    alerts.put_errand(call.tx, now)
    if over:
        news = ErrandEnded(errand=errand.id, alert=errand.alert, state=state, outcome=now.outcome)
        reads = () if errand.alert is None else (ref("alert", errand.alert),)
        call.emit(news, reads=reads, writes=() if made is None else (made,))


def message(errand: Errand, alert: Alert | None, now_ms: int) -> bytes:
    """The errand as a CloudEvent 1.0 in structured JSON."""
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": errand.id,
            "source": "/modelyard/monitoring",
            "type": f"modelyard.alert.{errand.because}",
            "subject": errand.alert or "test",
            "time": from_ms(now_ms).isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": alert if alert is not None else {"message": "a test of this webhook; nothing has happened"},
        }
    )


def _secret_name(webhook: str) -> str:
    return f"webhook.{webhook}"[:120]
