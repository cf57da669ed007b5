"""The night: where a prediction came from, what a row reached, somebody is forgotten, and what the day cost."""

from __future__ import annotations

from collections import Counter

from modelyard.app.demo.day import Day
from modelyard.cost.api import By
from modelyard.governance.api import Stage
from modelyard.kernel.units import format_bytes


def trace(day: Day) -> None:
    """Walk back from the last prediction to rows, code and approver; then forward from one row of the source."""
    tell, yard, config = day.tell, day.yard, day.config
    began = tell.now()
    walk = yard.governance.walk(day.last)
    took = (tell.now() - began) * 1e3
    rows = [s for s in walk.steps if s.stage is Stage.ROW]
    shown = [s for s in walk.steps if s.stage not in (Stage.ROW, Stage.OTHER)]
    tell.table(
        ["from", "it came from", "who"],
        [[s.stage.value.replace("_", " "), str(s.ref or s.text)[:70], s.actor_name] for s in shown],
    )
    tell.say(
        f"{len(walk.steps)} steps back from {walk.prediction.ref}, {len(rows)} of them rows; walked in {took:.0f} ms"
    )
    row = day.row_of_entity()
    reach = yard.governance.reach(row)
    tell.say(
        f"{reach.row.ref} (line {reach.row.line} of {reach.row.source}) reached {len(reach.models)} models, "
        f"{len(reach.endpoints)} endpoints and {reach.predictions.total:,} predictions, "
        f"{reach.predictions.about:,} of them about the same {config.entity}"
    )
    tell.see("/lineage?ref=prediction:" + day.last, "the way back, drawn")


def forget(day: Day) -> None:
    """Forget one entity everywhere, and show the receipt with its search of every byte."""
    tell, yard, config = day.tell, day.yard, day.config
    key = day.entity_to_forget()
    plan = yard.governance.plan_forget(config.entity, key)
    touched = Counter[str]()
    for held in plan.items:
        touched[held.what] += held.count
    counted = ", ".join(f"{count:,} {what}" for what, count in touched.items())
    tell.say(f"forgetting one {config.entity} would touch {counted}, in {len(plan.items)} places")
    receipt = yard.governance.forget(config.entity, key)
    scan = receipt.scan
    tell.say(
        f"{receipt.id}: {len(receipt.done)} places cleaned; {scan.files:,} files, {format_bytes(scan.bytes)} "
        f"searched for its bytes in {len(scan.forms)} forms: {len(scan.found) + len(scan.read_back)} hits"
    )
    verdict = yard.governance.verify_receipt(receipt)
    signed = "signed by this home" if verdict.signed and verdict.ours else "NOT signed by this home"
    tell.say(f"the receipt is {signed}; clean: {receipt.clean}; {len(receipt.models)} models had learnt from its rows")
    for left in (*scan.found, *scan.read_back)[:5]:
        tell.say(f"still there: {left}")
    tell.see("/privacy", "receipts")


def cost(day: Day) -> None:
    """What the day cost, by step and for 1,000 predictions."""
    tell, yard = day.tell, day.yard
    steps = yard.cost.usage(By.STEP)
    rows = [[s.name, f"{s.amounts.cpu_s:.1f} s", f"{s.amounts.energy_wh:.2f} Wh", str(s.cost)] for s in steps[:6]]
    tell.table(["step", "CPU", "energy, estimated", "cost"], rows)
    for endpoint in yard.cost.usage(By.ENDPOINT):
        if endpoint.name:
            tell.say(
                f"endpoint:{endpoint.name}: {endpoint.amounts.predictions:,} predictions, "
                f"{endpoint.per_thousand_predictions or 'nothing yet'} per 1,000"
            )
    tell.say(f"the whole day: {yard.cost.spent().cost}, at list prices that you can set")
    tell.see("/cost", "what used what")
