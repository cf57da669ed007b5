"""The morning: a file becomes a table under a contract, features, a training set, and two tracked candidates."""

from __future__ import annotations

from modelyard.app.demo.day import Day, chunks
from modelyard.features.api import Aggregate, Feature, Key, ViewSpec
from modelyard.features.api.records import EpochUnit
from modelyard.kernel.errors import Conflict
from modelyard.kernel.units import format_bytes
from modelyard.lake.api import Load
from modelyard.quality.api import Contract, Severity, SqlRule


def ingest(day: Day) -> Load:
    """Load the first part, infer a contract, declare it with the day's rules, load it again under the contract."""
    config, tell, yard = day.config, day.tell, day.yard
    first = yard.lake.load(config.table, chunks(day.parts.early), source=day.source)
    tell.say(
        f"{first.rows_in:,} rows ({format_bytes(first.size_bytes)}) of {day.source}: {first.rows_loaded:,} loaded, "
        f"{first.rows_quarantined:,} unreadable and held with their reason"
    )
    suggested = yard.quality.suggest(config.table)
    rules = tuple(SqlRule(name=r.name, sql=r.expression, severity=Severity.QUARANTINE) for r in config.rules)
    kept = {name: rule for name, rule in suggested.columns.items() if rule.type is not None}
    columns = {name: type(rule)(type=rule.type) for name, rule in kept.items()}
    contract = yard.quality.declare(config.table, Contract(columns=columns, checks=rules))
    tell.say(f"a contract was inferred ({len(suggested.columns)} columns), then declared with {len(rules)} rules")
    held = yard.quality.check(config.table)
    tell.say(f"the check of {held.about} under {contract.ref} finds {held.rejected:,} rows that break a rule")
    load = yard.lake.load(
        config.table, chunks(day.parts.early), source=day.source, mode=type(first.mode)("overwrite"),
        message="under the declared contract",
    )  # fmt: skip
    if load.rows_in != load.rows_loaded + load.rows_quarantined:
        raise Conflict(f"{load.id}: a row vanished")
    day.table_version = yard.lake.table(config.table).version
    tell.say(
        f"loaded under it: {load.rows_in:,} in = {load.rows_loaded:,} in {config.table}@{day.table_version} "
        f"+ {load.rows_quarantined:,} in quarantine; none vanished"
    )
    reasons: dict[str, int] = {}
    for row in yard.lake.quarantine(load.id, limit=1000).items:
        reason = (row.reasons[0] if row.reasons else "")[:70]
        reasons[reason] = reasons.get(reason, 0) + 1
    rows = [[reason, f"{count:,}"] for reason, count in sorted(reasons.items(), key=lambda r: -r[1])[:5]]
    tell.table(["held because", "rows"], rows)
    tell.see(f"/tables/{config.table}", "the table, its contract and what it held back")
    return load


def features(day: Day) -> None:
    """Define who features are about and what they are; build the training set as it was known at each moment."""
    config, tell, yard = day.config, day.tell, day.yard
    yard.features.define_entity(config.entity, (Key(name=config.entity),))
    spec = ViewSpec(
        entity=config.entity, source=config.table, event_time=config.time, epoch_unit=EpochUnit(config.epoch_unit),
        delay_s=config.known_after_s,
        features=tuple(
            Feature(name=w.name, expression=w.expression, aggregate=Aggregate(w.aggregate), window_s=w.days * 86_400)
            for w in config.windows
        ),
    )  # fmt: skip
    view = yard.features.define_view(config.view, spec)
    tell.say(f"{view.ref}: {', '.join(f.name for f in view.spec.features)}, per {config.entity}")
    made = yard.features.build_training_set(config.training_set, day.training_spec(day.table_version))
    tell.say(
        f"{made.ref}: {made.rows:,} rows × {len(made.columns)} columns, each as known at its row's moment; "
        f"{sum(made.missing.values()):,} rows of unknown {config.entity} kept"
    )
    tell.see("/features", "views and training sets")


def train(day: Day) -> None:
    """Run the flow that trains two candidates, then run it again: every step comes from the cache."""
    tell, yard, flow = day.tell, day.yard, day.flow("training")
    spec = day.flow_spec()
    tell.say("plan: " + " → ".join(s.id for s in flow.plan(spec, day.table_version).steps))
    for again in (False, True):
        run = flow.submit(yard, spec, day.table_version)
        day.candidates = _results(run.result())
        day.flow_runs.append(str(run.id))
        over = run.now
        took = (over.finished_ms or 0) - (over.created_ms)
        steps = yard.pipelines.steps(run.id)
        cached = sum(s.status.value == "cached" for s in steps)
        tell.say(
            f"{run.id}{' again' if again else ''}: {len(steps)} steps, {cached} from the cache, {took / 1000:.1f} s"
        )
    rows = [
        [c["kind"], *(f"{v:.4f}" for v in c["metrics"].values()), c["run"][:12]]
        for c in sorted(day.candidates, key=lambda c: c["metrics"]["holdout_log_loss"])
    ]
    tell.table(["candidate", *day.candidates[0]["metrics"], "run"], rows)
    tell.say("tracked over HTTP by the mlflow client as it comes, with autolog")
    tell.see("/runs", "runs, their metrics, models and inputs")


def _results(output: object) -> list[dict[str, object]]:
    assert isinstance(output, list)
    return output
