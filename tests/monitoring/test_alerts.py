"""Rules and alerts, and what they set off: messages over HTTP, flows, rollbacks."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta

import msgspec
import pytest

from modelyard.kernel.errors import Conflict, InvalidInput, NotFound
from modelyard.monitoring.api import (
    Alert,
    AlertOpened,
    AlertResolved,
    AlertState,
    Bound,
    ErrandEnded,
    ErrandState,
    Notify,
    Retrain,
    RollBack,
    Severity,
)
from tests.engines.listener import Listener
from tests.monitoring.stand import SECRET, Stand, trips

DRIFT = Bound(figure="drifted_columns", above=0)


def burn(yard: Stand, seed: int = 2, *, shift: float = 1.0) -> None:
    """Let a window arrive and be judged."""
    yard.write("trips", trips(seed, 500, shift=shift))
    yard.react()


def alerts(yard: Stand, state: AlertState | None = None) -> list[Alert]:
    return yard.monitoring.alerts(monitor="fares", state=state).items


def test_an_alert_opens_once_counts_while_it_burns_and_resolves_when_the_rule_holds(each_yard: Stand) -> None:
    each_yard.drifting()
    each_yard.monitoring.define_rule("fares", "drift", DRIFT, severity=Severity.CRITICAL)
    burn(each_yard, 2)
    burn(each_yard, 3)
    (alert,) = alerts(each_yard)
    assert (alert.state, alert.times, alert.severity) == (AlertState.OPEN, 2, Severity.CRITICAL)
    assert "above 0" in alert.message
    assert alert.refs[0] == "monitor:fares"
    taken = each_yard.monitoring.acknowledge(alert.id, note="on it")
    assert (taken.state, taken.taken_by) == (AlertState.ACKNOWLEDGED, "actor_bench")
    burn(each_yard, 4, shift=0.0)
    (alert,) = alerts(each_yard)
    assert alert.state is AlertState.RESOLVED
    assert "holds again" in alert.note
    burn(each_yard, 5)
    assert [a.state for a in alerts(each_yard)] == [AlertState.OPEN, AlertState.RESOLVED]
    assert len(alerts(each_yard, AlertState.OPEN)) == 1
    assert len(each_yard.bench.events(AlertOpened)) == 2
    assert len(each_yard.bench.events(AlertResolved)) == 1


def test_a_rule_may_want_several_windows_in_a_row(yard: Stand) -> None:
    yard.drifting()
    yard.monitoring.define_rule("fares", "drift", Bound(figure="drifted_columns", above=0, windows=2))
    burn(yard, 2)
    burn(yard, 3, shift=0.0)
    burn(yard, 4)
    assert alerts(yard) == []
    burn(yard, 5)
    assert len(alerts(yard)) == 1


def test_a_figure_that_is_not_there_breaks_nothing(yard: Stand) -> None:
    yard.drifting()
    yard.monitoring.define_rule("fares", "right", Bound(figure="accuracy", below=0.9))
    burn(yard)
    assert alerts(yard) == []
    with pytest.raises(InvalidInput, match="either `above` or `below`"):
        yard.monitoring.define_rule("fares", "both", Bound(figure="accuracy", below=0.9, above=1.0))


def test_an_alert_closed_by_hand_is_not_closed_twice(yard: Stand) -> None:
    yard.drifting()
    yard.monitoring.define_rule("fares", "drift", DRIFT)
    burn(yard)
    (alert,) = alerts(yard)
    assert yard.monitoring.resolve(alert.id, note="known").note == "known"
    with pytest.raises(Conflict, match="resolved already"):
        yard.monitoring.resolve(alert.id)
    with pytest.raises(Conflict):
        yard.monitoring.acknowledge(alert.id)


def test_a_dropped_rule_takes_its_alert_along(yard: Stand) -> None:
    yard.drifting()
    yard.monitoring.define_rule("fares", "drift", DRIFT)
    burn(yard)
    yard.monitoring.drop_rule("fares", "drift")
    assert [a.state for a in alerts(yard)] == [AlertState.RESOLVED]
    assert yard.monitoring.rules("fares") == []


def hook(yard: Stand, listener: Listener) -> None:
    yard.drifting()
    yard.monitoring.define_webhook("team", listener.url, SECRET, allow_loopback=True)
    yard.monitoring.define_rule("fares", "drift", DRIFT)
    yard.monitoring.set_actions("fares", "drift", (Notify(webhook="team"),))


def test_a_webhook_gets_a_signed_cloud_event_when_an_alert_opens_and_when_it_resolves(
    each_yard: Stand, listener: Listener
) -> None:
    hook(each_yard, listener)
    burn(each_yard)
    assert each_yard.errands() == 1
    burn(each_yard, 3, shift=0.0)
    assert each_yard.errands() == 1
    assert each_yard.errands() == 0
    (opened, body), (_, ended) = listener.got
    assert opened["content-type"] == "application/cloudevents+json"
    event = msgspec.json.decode(body)
    assert (event["specversion"], event["type"], event["id"]) == ("1.0", "modelyard.alert.opened", opened["webhook-id"])
    assert event["data"]["monitor"] == "fares"
    signed = f"{opened['webhook-id']}.{opened['webhook-timestamp']}.".encode() + body
    mac = hmac.digest(SECRET.encode(), signed, hashlib.sha256)
    assert opened["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
    assert msgspec.json.decode(ended)["type"] == "modelyard.alert.resolved"
    states = [(e.state, e.outcome) for e in each_yard.monitoring.errands().items]
    assert states == [(ErrandState.DONE, "200 noted")] * 2


def test_a_webhook_that_stumbles_is_tried_again_later_with_the_same_id(yard: Stand, listener: Listener) -> None:
    hook(yard, listener)
    listener.status = 503
    burn(yard)
    yard.errands()
    (errand,) = yard.monitoring.errands().items
    assert (errand.state, errand.attempts) == (ErrandState.WAITING, 1)
    assert "503" in errand.outcome
    assert yard.errands() == 0
    listener.status = 200
    yard.bench.clock.advance(timedelta(seconds=2))
    yard.errands()
    (errand,) = yard.monitoring.errands().items
    assert (errand.state, errand.attempts) == (ErrandState.DONE, 2)
    assert listener.got[0][0]["webhook-id"] == listener.got[1][0]["webhook-id"]


@pytest.mark.parametrize("status", [404, 302])
def test_a_webhook_that_refuses_is_not_tried_again(yard: Stand, listener: Listener, status: int) -> None:
    hook(yard, listener)
    listener.status = status
    burn(yard)
    yard.errands()
    (errand,) = yard.monitoring.errands().items
    assert errand.state is ErrandState.FAILED
    assert len(listener.got) == 1
    assert len(yard.bench.events(ErrandEnded)) == 1


def test_a_test_message_says_at_once_what_came_back(yard: Stand, listener: Listener) -> None:
    yard.monitoring.define_webhook("team", listener.url, SECRET, allow_loopback=True)
    assert yard.monitoring.test_webhook("team").outcome == "200 noted"
    yard.monitoring.define_webhook("team", listener.url.replace("http://", "https://"), SECRET)
    told = yard.monitoring.test_webhook("team")
    assert told.state is ErrandState.FAILED
    assert "may not reach" in told.outcome
    assert SECRET not in repr(yard.monitoring.webhooks())
    with pytest.raises(NotFound):
        yard.monitoring.test_webhook("nobody")


@pytest.mark.parametrize(
    "url", ["http://example.org/", "http://127.0.0.1:1/", "https://a:b@example.org/", "https://[/"]
)
def test_an_address_that_cannot_be_is_refused_when_it_is_named(yard: Stand, url: str) -> None:
    with pytest.raises(InvalidInput):
        yard.monitoring.define_webhook("team", url, SECRET)


def test_an_alert_starts_a_flow_and_puts_an_endpoint_back_once(each_yard: Stand) -> None:
    each_yard.drifting(endpoint="tips")
    each_yard.monitoring.define_rule("fares", "drift", DRIFT)
    actions = (Retrain(flow="train", params={"table": "trips"}), RollBack(endpoint="tips"), Retrain(flow="missing"))
    each_yard.monitoring.set_actions("fares", "drift", actions)
    burn(each_yard, 2)
    burn(each_yard, 3)
    each_yard.errands()
    burn(each_yard, 4, shift=0.0)
    each_yard.errands()
    (alert,) = alerts(each_yard)
    assert each_yard.acting.asked == [
        ("train", {"table": "trips"}, f"alert:{alert.id}"),
        ("tips", "roll back", f"alert:{alert.id}"),
    ]
    found = each_yard.monitoring.errands(alert=alert.id).items
    assert [(e.state, e.result) for e in found] == [
        (ErrandState.FAILED, None), (ErrandState.DONE, "endpoint:tips"), (ErrandState.DONE, "flow_run:frun_1"),
    ]  # fmt: skip
    assert "endpoint:tips" in alert.refs


def test_actions_name_webhooks_that_exist(yard: Stand) -> None:
    yard.drifting()
    yard.monitoring.define_rule("fares", "drift", DRIFT)
    with pytest.raises(NotFound, match="define-webhook"):
        yard.monitoring.set_actions("fares", "drift", (Notify(webhook="nobody"),))
    with pytest.raises(NotFound, match="has no rule"):
        yard.monitoring.set_actions("fares", "other", ())
