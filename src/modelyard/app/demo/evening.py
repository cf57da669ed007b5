"""The evening: a later period comes, drift is found, an alert sets off a retraining, which is judged and let in."""

from __future__ import annotations

import io
import threading
from secrets import token_urlsafe
from typing import Any

from modelyard.app.demo.day import Day, chunks
from modelyard.app.demo.hook import Hook
from modelyard.app.demo.input import Asked, asked
from modelyard.app.demo.noon import enter, judge, promote, send
from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import TimedOut
from modelyard.lake.api import Mode
from modelyard.monitoring.api import Bound, Notify, Predictions, Retrain, Severity, Watch, Window
from modelyard.pipelines.api import FlowRun
from modelyard.serving.api import Truth

_REQUESTS = 600
_CANARY = 200
_WAIT_S = 120.0


def watch(day: Day) -> None:
    """Set a monitor on the endpoint's predictions, with a rule that calls a webhook and starts the retraining."""
    tell, yard, config = day.tell, day.yard, day.config
    day.hook = Hook()
    yard.monitoring.define_webhook("team", day.hook.url, token_urlsafe(24), allow_loopback=True)
    flow = day.flow("retraining")
    flow.register(yard)
    table = predictions_table(day)
    training = yard.features.training_set(config.training_set)
    monitor = yard.monitoring.define_monitor(
        config.model,
        Watch(
            table=table, endpoint=config.model, where="route <> 'shadow'", prefix="in_", reference=training.ref,
            columns=(*config.numbers, *config.words, *(d.name for d in config.derived)),
            window=Window(rows=_REQUESTS // 2),
            predictions=Predictions(column="out_label", key="prediction", groups=(f"in_{config.group}",)),
        ),
    )  # fmt: skip
    yard.monitoring.define_rule(
        config.model, "drift", Bound(figure="drifted_columns", above=0), severity=Severity.WARNING
    )
    actions = (Notify(webhook="team"), Retrain(flow="retraining", params={"spec": day.flow_spec()}))
    yard.monitoring.set_actions(config.model, "drift", actions)
    tell.say(f"{monitor.ref} holds {table} against {training.ref}; on drift it calls a webhook and retrains")


def predictions_table(day: Day) -> str:
    """The lake table that the endpoint's predictions come into.

    Raises:
        TimedOut: none came in time.
    """
    clock, pause = SystemClock(), threading.Event()
    end = clock.monotonic() + _WAIT_S
    while clock.monotonic() < end:
        if tables := day.yard.serving.endpoint(day.config.model).tables:
            return tables[0]
        pause.wait(0.2)
    raise TimedOut("no prediction came into the lake; see: yard serving endpoint")


def drift(day: Day) -> None:
    """Send the later period's requests, tell the truth afterwards, and wait for what that sets off."""
    tell, yard, config = day.tell, day.yard, day.config
    load = yard.lake.load(config.table, chunks(day.parts.later), source=f"later-{day.source}", mode=Mode.APPEND)
    tell.say(
        f"a later period: {load.rows_in:,} rows, {load.rows_quarantined:,} held back; now {config.table}@{load.version}"
    )
    yard.features.materialise(config.view)
    began = SystemClock().monotonic()
    rows = later_requests(day, _REQUESTS)
    sent = send(day, rows)
    truths = [
        Truth(prediction=s.prediction, label=r.truth) for s, r in zip(sent, rows, strict=True) if r.truth is not None
    ]
    yard.serving.tell(truths)
    if not day.hook.arrived.wait(_WAIT_S):
        raise TimedOut("no alert came; see the monitor's verdicts: yard monitoring verdicts")
    took = SystemClock().monotonic() - began
    alert = yard.monitoring.alerts(monitor=config.model).items[0]
    verdict = yard.monitoring.verdict(alert.verdict)
    tell.say(verdict.sentence)
    worst = sorted((c for c in verdict.columns if c.drifted), key=lambda c: c.q_value)[:5]
    tell.table(
        ["column", "distance", "threshold", "q value"],
        [[c.name, f"{c.distance:.3f}", f"{c.threshold:.3f}", f"{c.q_value:.4f}"] for c in worst],
    )
    tell.say(f"{alert.ref} fired; the webhook had it {took:.1f} s after the first of those requests was sent")
    tell.see(f"/monitors/{config.model}", "verdicts and alerts")
    run = retrained(day)
    tell.say(f"the alert started {run.id}: {run.status.value}")
    output: Any = run.output
    day.newcomer = output[0]


def later_requests(day: Day, count: int) -> list[Asked]:
    """The newest rows of the table, as an application would have asked about them."""
    config = day.config
    derived = "".join(f', ({d.expression}) as "{d.name}"' for d in config.derived)
    plain = ", ".join(f'"{n}"' for n in (*config.numbers, *config.words))
    query = (
        f'select {plain}{derived}, "{config.entity}" as entity_, {day.epoch_ms()} as at_ms_, '
        f'({config.label.expression})::int as truth_ from "{config.table}" order by at_ms_ desc limit {count}'
    )
    return asked(day.query(query), config)[::-1]


def retrained(day: Day) -> FlowRun:
    """The run that the alert started, once it is over.

    Raises:
        TimedOut: it did not start or end in time.
    """
    clock, pause = SystemClock(), threading.Event()
    end = clock.monotonic() + _WAIT_S
    while clock.monotonic() < end:
        runs = day.yard.pipelines.flow_runs(flow="retraining", limit=1).items
        if runs and runs[0].is_over:
            return runs[0]
        pause.wait(0.2)
    raise TimedOut("the retraining did not end; see: yard pipelines flow-runs")


def renew(day: Day) -> None:
    """Judge the newcomer against the champion on the same rows, let it in by a canary, promote it, roll back."""
    tell, yard, config, newcomer = day.tell, day.yard, day.config, day.newcomer
    version = enter(day, newcomer)
    champion = yard.registry.aliased(config.model, "production").version
    judge(day, champion, newcomer, champion_scores(day, newcomer))
    tell.say(f"model:{config.model}@{version.version} and the champion @{champion} answered the same held-out rows")
    promote(day, version.version, "retrained after drift")
    canary = yard.serving.deploy(config.model, f"{config.model}@{version.version}", share=0.2, comment="canary")
    sent = send(day, later_requests(day, _CANARY))
    share = sum(s.version != sent[0].version for s in sent) / len(sent)
    share = min(share, 1 - share)
    tell.say(f"canary: {canary.ref} takes 20 % by weight; of {len(sent)} requests it answered {share:.0%}")
    day.last = sent[-1].prediction
    promoted = yard.serving.promote(config.model, canary.name, comment="the canary did well")
    tell.say(f"promoted: {_arms(promoted.route.arms)}")
    back = yard.serving.rollback(config.model, comment="rehearsal")
    tell.say(f"rolled back in one call: {_arms(back.route.arms)}")
    forward = yard.serving.promote(config.model, canary.name, comment="and forward again")
    tell.say(f"and forward again: {_arms(forward.route.arms)}")
    tell.see(f"/endpoints/{config.model}", "how the route changed, and the way back")


def _arms(arms: Any) -> str:
    return ", ".join(f"revision {a.revision} takes {a.weight:.0%} as {a.role}" for a in arms)


def champion_scores(day: Day, newcomer: dict[str, Any]) -> list[float]:
    """What the champion answers on the rows that the newcomer was held back from, asked over the wire."""
    import pyarrow as pa

    data = newcomer["data"]
    raw = b"".join(day.yard.lake.rows(data["table"], at=str(data["version"])))
    frame = pa.ipc.open_stream(io.BytesIO(raw)).read_all().sort_by("event_time")
    held = frame.slice(newcomer["cut"]).to_pylist()
    return day.caller.scores(held)
