"""Noon: two versions are registered, one is proposed, gated, approved by somebody else and merged; then it answers."""

from __future__ import annotations

import statistics
from typing import Any

from modelyard.app.demo.day import Day
from modelyard.app.demo.input import Asked, asked
from modelyard.app.demo.traffic import Caller
from modelyard.governance.api import Role
from modelyard.kernel.actors import ActorKind
from modelyard.registry.api import EvaluationRows, Gate, GateKind, Metric, ModelVersion, Outcome, Parity, Proposal

_HOLDOUT = "holdout"
_SENT = 400


def register(day: Day) -> None:
    """Register both candidates with their answers on the same held-out rows; propose the better one for production."""
    tell, yard, config = day.tell, day.yard, day.config
    yard.registry.create_model(config.model, description=config.title, needs_proposal=True)
    for candidate in sorted(day.candidates, key=lambda c: -c["metrics"]["holdout_log_loss"]):
        version = enter(day, candidate)
        tell.say(
            f"model:{config.model}@{version.version} ({candidate['kind']}): {version.files} files, "
            f"scan says {version.scan.verdict.value.replace('_', ' ')}"
        )
        candidate["version"] = version.version
    yard.registry.declare_gates(config.model, gates(day), approvals=1)
    best = min(day.candidates, key=lambda c: c["metrics"]["holdout_log_loss"])
    day.reviewer = second_actor(day, "mei", Role.REVIEWER)
    promote(day, best["version"], f"{best['kind']} model for production")
    tell.see(f"/models/{config.model}", "versions, aliases over time, proposals")


def enter(day: Day, candidate: dict[str, Any]) -> ModelVersion:
    """Register a candidate and keep its answers on the held-out rows."""
    yard, config = day.yard, day.config
    version = yard.registry.register(config.model, candidate["model"], candidate["run"])
    judge(day, version.version, candidate, candidate["scores"])
    return version


def judge(day: Day, version: int, candidate: dict[str, Any], scores: list[float]) -> None:
    """Keep a version's answers on the rows that a candidate was held back from."""
    dataset = f"{_HOLDOUT}-{candidate['data']['version']}"
    ids = [f"{candidate['data']['ref']}#{candidate['cut'] + i}" for i in range(len(scores))]
    rows = EvaluationRows(
        labels=[float(t) for t in candidate["truth"]], scores=scores, groups={day.config.group: candidate["groups"]},
        ids=ids,
    )  # fmt: skip
    day.yard.registry.evaluate(day.config.model, version, dataset, rows, data=candidate["data"]["ref"])


def gates(day: Day) -> list[Gate]:
    """What this model asks of every proposal."""
    return [
        Gate(name="safe_to_load", kind=GateKind.SAFE),
        Gate(name="useful", kind=GateKind.THRESHOLD, metric=Metric.AUC, at_least=0.6),
        Gate(name="no_worse_than_champion", kind=GateKind.NO_WORSE, metric=Metric.LOG_LOSS, margin=0.005),
        Gate(
            name="fair_by_group", kind=GateKind.GROUP_GAP, group=day.config.group, at_most=0.9,
            parity=Parity.SELECTION_RATE,
        ),
        Gate(name="same_signature", kind=GateKind.SIGNATURE),
    ]  # fmt: skip


def promote(day: Day, version: int, title: str) -> Proposal:
    """Propose a version for production, ask the gates, have somebody else approve, merge."""
    tell, config = day.tell, day.config
    opened = day.yard.registry.propose(config.model, version, "production", title=title)
    gated = day.yard.registry.run_gates(config.model, opened.number)
    shapes = {Outcome.PASSED: "ok", Outcome.WAIVED: "waived", Outcome.FAILED: "closed", Outcome.UNKNOWN: "unknown"}
    tell.table(["gate", "says", "because"], [[r.gate, shapes[r.outcome], r.text] for r in gated.results])
    approved = day.reviewer_yard().registry.approve(config.model, opened.number, note="figures and groups look right")
    if not approved.ready:
        closed = [r.gate for r in approved.results if not r.outcome.opens]
        for gate in closed:
            day.reviewer_yard().registry.waive(config.model, opened.number, gate, "looked at together; see the figures")
            tell.say(f"mei waives {gate}, with a reason that the audit keeps")
    merged = day.yard.registry.merge(config.model, opened.number)
    tell.say(
        f"{merged.ref}: proposed by owner, approved by mei, merged; {config.model}@production is version {version}"
    )
    tell.see(f"/proposals/{config.model}/{merged.number}", "the proposal, its gates and who approved")
    return merged


def second_actor(day: Day, name: str, role: Role) -> str:
    """A colleague with a role of their own; the token."""
    member = day.yard.governance.create_actor(name)
    day.yard.governance.grant(member.id, role)
    return day.yard.governance.create_token(member.id, f"{name}-demo", days=1).secret


def deploy(day: Day) -> None:
    """Deploy the champion, the challenger in its shadow, and send requests as an application would."""
    tell, yard, config = day.tell, day.yard, day.config
    app = yard.governance.create_actor("application", ActorKind.PROGRAM)
    yard.governance.grant(app.id, Role.SERVICE)
    token = yard.governance.create_token(app.id, "application", scopes=["serving:predict"], days=1).secret
    by_loss = sorted(day.candidates, key=lambda c: c["metrics"]["holdout_log_loss"])
    champion = yard.serving.deploy(
        config.model, f"{config.model}@{by_loss[0]['version']}", comment="the first champion"
    )
    shadow = yard.serving.deploy(config.model, f"{config.model}@{by_loss[1]['version']}", shadow=True)
    for role, revision in (("champion", champion), ("shadow", shadow)):
        tell.say(f"{role}: {revision.ref} answers {revision.model} by {revision.runtime}; {revision.note}")
    day.caller = Caller(yard.serving.endpoint(config.model).address, token, champion.inputs)
    materialised = yard.features.materialise(config.view, up_to_ms=int(day.parts.cut_s * 1000))
    tell.say(f"{materialised.entities:,} entities of {config.view} are online")
    day.morning = send(day, requests(day, _SENT))
    took = sorted(s.ms for s in day.morning)
    middle = statistics.median(took)
    tell.say(
        f"{len(took):,} requests over Open Inference Protocol v2, one connection: p50 {middle:.2f} ms, "
        f"p99 {took[int(len(took) * 0.99)]:.2f} ms; each logged before its answer left"
    )
    tell.see(f"/endpoints/{config.model}", "routes, latency and predictions")


def requests(day: Day, count: int) -> list[Asked]:
    """Rows from all over the morning's table, in order of time, as an application would have asked about them."""
    config = day.config
    derived = "".join(f', ({d.expression}) as "{d.name}"' for d in config.derived)
    plain = ", ".join(f'"{n}"' for n in (*config.numbers, *config.words))
    query = (
        f'select {plain}{derived}, "{config.entity}" as entity_, {day.epoch_ms()} as at_ms_, '
        f'({config.label.expression})::int as truth_ from "{config.table}@{day.table_version}" '
        f"order by hash(at_ms_), at_ms_ limit {count}"
    )
    return sorted(asked(day.query(query), config), key=lambda a: a.at_ms)


def send(day: Day, rows: list[Asked]) -> list[Any]:
    """Ask the endpoint about each row, with the entity's features as they are online; what came back."""
    values = online(day, rows)
    return [day.caller.ask({**row.inputs, **values[i]}, {day.config.entity: row.entity}) for i, row in enumerate(rows)]


def online(day: Day, rows: list[Asked]) -> list[dict[str, Any]]:
    """The features of each row's entity, read as an application would before it asks."""
    config = day.config
    names = [f"{config.view}__{w.name}" for w in config.windows]
    found: list[dict[str, Any]] = [dict.fromkeys(names) for _ in rows]
    known = [(i, row) for i, row in enumerate(rows) if row.entity is not None]
    at_ms = int(day.parts.cut_s * 1000)
    for start in range(0, len(known), 500):
        part = known[start : start + 500]
        answer = day.yard.features.online((config.view,), [{config.entity: r.entity} for _, r in part], at_ms=at_ms)
        for (i, _), row in zip(part, answer.rows, strict=True):
            found[i] = {name: row.values.get(name) for name in names}
    return found
