"""Rows of rules, alerts, webhooks and errands."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from modelyard.monitoring.api import Alert, AlertId, AlertState, Errand, ErrandId, Rule, Webhook
from modelyard.monitoring.store.schema import table
from modelyard.ports.database import Statement, Transaction, upsert

_rule = table("rule", "monitor", "name", "body", "streak")
_alert = table("alert", "id", "monitor", "rule", "state", "body")
_webhook = table("webhook", "name", "body")
_errand = table("errand", "id", "alert", "body")
p = sa.bindparam
_rules = msgspec.json.Decoder(Rule)
_alerts = msgspec.json.Decoder(Alert)
_webhooks = msgspec.json.Decoder(Webhook)
_errands = msgspec.json.Decoder(Errand)
_encode = msgspec.json.encode

_PUT_RULE = Statement(
    upsert(_rule)
    .values(monitor=p("monitor"), name=p("name"), body=p("body"), streak=p("streak"))
    .on_conflict_do_update(index_elements=["monitor", "name"], set_={"body": p("body"), "streak": p("streak")})
)
_RULES = Statement(
    sa.select(_rule.c.body, _rule.c.streak).where(_rule.c.monitor == p("monitor_")).order_by(_rule.c.name)
)
_DROP_RULE = Statement(sa.delete(_rule).where(_rule.c.monitor == p("monitor_"), _rule.c.name == p("name_")))
_PUT_ALERT = Statement(
    upsert(_alert)
    .values({c.name: p(c.name) for c in _alert.c})
    .on_conflict_do_update(index_elements=["id"], set_={"state": p("state"), "body": p("body")})
)
_GET_ALERT = Statement(sa.select(_alert.c.body).where(_alert.c.id == p("id_")))
_RESOLVED: sa.ColumnElement[str] = sa.literal_column("'resolved'")
_BURNING = Statement(
    sa.select(_alert.c.body).where(
        _alert.c.monitor == p("monitor_"), _alert.c.rule == p("rule_"), _alert.c.state != _RESOLVED
    )
)
_given = sa.and_(
    sa.or_(p("monitor_") == "", _alert.c.monitor == p("monitor_")),
    sa.or_(p("state_") == "", _alert.c.state == p("state_")),
)
_ALERTS = Statement(
    sa.select(_alert.c.body).where(_alert.c.id < p("before"), _given).order_by(_alert.c.id.desc()).limit(p("most"))
)
_PUT_WEBHOOK = Statement(
    upsert(_webhook)
    .values(name=p("name"), body=p("body"))
    .on_conflict_do_update(index_elements=["name"], set_={"body": p("body")})
)
_GET_WEBHOOK = Statement(sa.select(_webhook.c.body).where(_webhook.c.name == p("name_")))
_WEBHOOKS = Statement(sa.select(_webhook.c.body).order_by(_webhook.c.name))
_PUT_ERRAND = Statement(
    upsert(_errand)
    .values(id=p("id"), alert=p("alert"), body=p("body"))
    .on_conflict_do_update(index_elements=["id"], set_={"body": p("body")})
)
_GET_ERRAND = Statement(sa.select(_errand.c.body).where(_errand.c.id == p("id_")))
_newest = sa.select(_errand.c.body).where(_errand.c.id < p("before")).order_by(_errand.c.id.desc()).limit(p("most"))
_ERRANDS = Statement(_newest)
_ERRANDS_OF = Statement(_newest.where(_errand.c.alert == p("alert_")))


def put_rule(tx: Transaction, rule: Rule, *, streak: int = 0) -> None:
    """Keep a rule; `streak` counts the newest verdicts in a row that broke it."""
    tx.run(_PUT_RULE, {"monitor": rule.monitor, "name": rule.name, "body": _encode(rule), "streak": streak})


def rules(tx: Transaction, monitor: str) -> list[tuple[Rule, int]]:
    """A monitor's rules by name, each with its streak."""
    return [(_rules.decode(body), streak) for body, streak in tx.all(_RULES, {"monitor_": monitor})]


def drop_rule(tx: Transaction, monitor: str, name: str) -> bool:
    """Forget a rule; False if there was none."""
    return tx.run(_DROP_RULE, {"monitor_": monitor, "name_": name}) > 0


def put_alert(tx: Transaction, alert: Alert) -> None:
    """Keep an alert as it stands now."""
    tx.run(
        _PUT_ALERT,
        {
            "id": alert.id, "monitor": alert.monitor, "rule": alert.rule, "state": str(alert.state),
            "body": _encode(alert),
        },
    )  # fmt: skip


def alert(tx: Transaction, id_: AlertId) -> Alert | None:
    """One alert."""
    row = tx.one(_GET_ALERT, {"id_": id_})
    return None if row is None else _alerts.decode(row[0])


def burning(tx: Transaction, monitor: str, rule: str) -> Alert | None:
    """The alert of a rule that is not resolved; there is one at most."""
    row = tx.one(_BURNING, {"monitor_": monitor, "rule_": rule})
    return None if row is None else _alerts.decode(row[0])


def listed(tx: Transaction, *, monitor: str | None, state: AlertState | None, before: str, most: int) -> list[Alert]:
    """Alerts, newest first."""
    asked = {"monitor_": monitor or "", "state_": str(state or ""), "before": before, "most": most}
    return [_alerts.decode(body) for (body,) in tx.all(_ALERTS, asked)]


def put_webhook(tx: Transaction, webhook: Webhook) -> None:
    """Keep a webhook."""
    tx.run(_PUT_WEBHOOK, {"name": webhook.name, "body": _encode(webhook)})


def webhook(tx: Transaction, name: str) -> Webhook | None:
    """One webhook."""
    row = tx.one(_GET_WEBHOOK, {"name_": name})
    return None if row is None else _webhooks.decode(row[0])


def webhooks(tx: Transaction) -> list[Webhook]:
    """All webhooks by name."""
    return [_webhooks.decode(body) for (body,) in tx.all(_WEBHOOKS)]


def put_errand(tx: Transaction, errand: Errand) -> None:
    """Keep an errand as it stands now."""
    tx.run(_PUT_ERRAND, {"id": errand.id, "alert": errand.alert or "", "body": _encode(errand)})


def errand(tx: Transaction, id_: ErrandId) -> Errand | None:
    """One errand."""
    row = tx.one(_GET_ERRAND, {"id_": id_})
    return None if row is None else _errands.decode(row[0])


def errands(tx: Transaction, *, alert_id: AlertId | None, before: str, most: int) -> list[Errand]:
    """Errands, newest first."""
    if alert_id is None:
        rows = tx.all(_ERRANDS, {"before": before, "most": most})
    else:
        rows = tx.all(_ERRANDS_OF, {"before": before, "most": most, "alert_": alert_id})
    return [_errands.decode(body) for (body,) in rows]
