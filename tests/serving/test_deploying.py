"""Deploying, shifting, promoting and rolling back, and what the model server is told of it."""

from __future__ import annotations

import pytest

from modelyard.kernel.errors import Conflict, GateClosed, InvalidInput, NotFound
from modelyard.serving.api import Arm, EndpointCreated, RevisionDeployed, Route, RouteMoved, Shadow, Stand
from modelyard.serving.hot.snapshot import SNAPSHOT_FILE, read_snapshot
from tests.serving.stand import ROW, Place


def test_a_first_deployment_makes_the_endpoint_and_everybody_hears(each_place: Place) -> None:
    place = each_place
    number = place.register("tips", compiled=False)
    made = place.serving.deploy("tips", f"tips@{number}", comment="first")
    assert (made.name, made.ref, made.model, made.runtime) == ("1", "endpoint:tips@1", "model:tips@1", "onnx")
    assert made.inputs[0].width == 4
    endpoint = place.serving.endpoint("tips")
    assert (endpoint.route, endpoint.route_number) == (Route(arms=(Arm("1"),)), 1)
    assert (endpoint.stand, endpoint.reason) == (Stand.DOWN, "no model server runs; start the yard: yard up")
    deployed, moved = place.bench.events(RevisionDeployed)[0], place.bench.events(RouteMoved)[0]
    assert deployed.reads == ("model:tips@1",)
    assert deployed.writes == ("endpoint:tips@1",)
    assert (moved.reads, moved.writes) == (("model:tips@1",), ("endpoint:tips",))
    assert len(place.bench.events(EndpointCreated)) == 1
    snapshot = read_snapshot(place.bench.home / "run" / SNAPSHOT_FILE)
    assert snapshot is not None
    assert [(e.name, e.revisions[0].version) for e in snapshot.endpoints] == [("tips", "1")]
    assert place.registry.version("tips", number).served


def test_shares_shadows_promotion_and_rollback_move_the_route(each_place: Place) -> None:
    serving = each_place.serving
    for sign in (1, -1, 1):
        each_place.register("tips", sign)
    serving.deploy("tips", "tips@1")
    serving.deploy("tips", "tips@2", share=0.1)
    assert serving.endpoint("tips").route.arms == (Arm("1", 0.9), Arm("2", 0.1, "canary"))
    serving.deploy("tips", "tips@3", shadow=True)
    assert serving.endpoint("tips").route.shadows == (Shadow("3"),)
    assert serving.promote("tips", "2").route == Route(arms=(Arm("2"),), shadows=(Shadow("3"),))
    assert serving.rollback("tips", comment="worse").route.arms == (Arm("1"),)
    with pytest.raises(Conflict, match="no earlier champion"):
        serving.rollback("tips")
    history = serving.routes("tips").items
    assert [(c.number, c.why) for c in history] == [
        (5, "rollback"), (4, "promote"), (3, "deploy"), (2, "deploy"), (1, "deploy"),
    ]  # fmt: skip
    assert [r.name for r in serving.revisions("tips", limit=2).items] == ["3", "2"]
    assert serving.revisions("tips", limit=2).next is not None


def test_a_route_is_set_whole_or_refused(place: Place) -> None:
    place.register("tips")
    place.serving.deploy("tips", "tips@1")
    with pytest.raises(InvalidInput, match="has no revision '7'"):
        place.serving.set_route("tips", Route(arms=(Arm("7"),)))
    with pytest.raises(InvalidInput, match="at least one arm needs a weight"):
        place.serving.set_route("tips", Route(arms=(Arm("1", 0),)))
    assert place.serving.set_route("tips", Route(arms=(Arm("1", 5),))).route_number == 2


def test_what_is_not_there_is_said_so(place: Place) -> None:
    with pytest.raises(NotFound):
        place.serving.deploy("tips", "tips@1")
    with pytest.raises(InvalidInput, match="names no version"):
        place.serving.deploy("tips", "tips")
    place.register("tips")
    with pytest.raises(Conflict, match="no champion yet"):
        place.serving.deploy("tips", "tips@1", share=0.1)
    with pytest.raises(NotFound, match="no endpoint"):
        place.serving.rollback("tips")
    assert place.serving.endpoints().items == []


def test_an_endpoint_comes_back_after_it_was_removed(place: Place) -> None:
    place.register("tips")
    place.serving.deploy("tips", "tips@1")
    place.serving.remove("tips")
    assert place.serving.endpoints().items == []
    with pytest.raises(NotFound):
        place.serving.endpoint("tips")
    assert place.serving.deploy("tips", "tips@1").name == "2"
    assert [e.name for e in place.serving.endpoints().items] == ["tips"]


def test_the_model_server_follows_and_tokens_end_at_once(place: Place) -> None:
    place.register("tips")
    place.register("tips", -1)
    place.serving.deploy("tips", "tips@1")
    place.start()
    assert place.ask().json["outputs"][0]["data"] == [1]
    endpoint = place.serving.endpoint("tips")
    assert (endpoint.stand, endpoint.reason) == (Stand.SERVING, "")
    assert endpoint.address.endswith("/v2/models/tips/infer")
    assert place.serving.revisions("tips").items[0].places == {"w0": "loop"}
    place.serving.deploy("tips", "tips@2")
    place.settled()
    assert place.ask().json["outputs"][0]["data"] == [0]
    place.serving.rollback("tips")
    place.settled()
    answer = place.ask(row=ROW).json
    assert (answer["outputs"][0]["data"], answer["model_version"]) == ([1], "1")
    place.tokens.standing, place.tokens.version = (), 2
    place.round()
    place.settled()
    assert place.ask().status == 401


def test_what_is_not_signed_is_not_served_where_its_model_asks_for_signatures(place: Place) -> None:
    place.register("tips")
    place.registry.declare_rules("tips", signed=True)
    with pytest.raises(GateClosed, match="serves signed versions only"):
        place.serving.deploy("tips", "tips@1")
    place.registry.sign("tips", 1)
    assert place.serving.deploy("tips", "tips@1").model == "model:tips@1"
