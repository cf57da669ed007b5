"""Who answers: weights, headers, sticky keys, shadows; and what a new snapshot changes, at once and safely."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from modelyard.serving.api.routes import Arm, HeaderRule, Route, Shadow, Sticky
from modelyard.serving.hot.snapshot import SNAPSHOT_FILE
from tests.serving.hot.planes import BEARER, Plane, Wire, endpoint, question, request, revision, running, tensor, token

ROW = [1.0, 0.0, 0.5, -0.5]
OLD, NEW = revision("old", "linear", "1"), revision("new", "opposite", "2")
INFER = request("/v2/models/tips/infer", question(tensor(ROW)))


def asked(plane: Plane, count: int = 1, *, extra: str = BEARER, row: list[float] | None = None) -> Counter[str]:
    """How often each revision answered."""
    wire = Wire(plane.port)
    seen: Counter[str] = Counter()
    for _ in range(count):
        wire.send(request("/v2/models/tips/infer", question(tensor(row or ROW)), extra=extra))
        seen[wire.answer().json["parameters"]["revision"]] += 1
    wire.close()
    return seen


def test_weights_headers_and_versions_choose_the_revision(home: Path) -> None:
    route = Route(arms=(Arm("old", 9), Arm("new", 1, "canary")), headers=(HeaderRule("X-Beta", "yes", "new"),))
    with running(home, endpoint("tips", OLD, NEW, route=route)) as plane:
        seen = asked(plane, 600)
        assert 20 < seen["new"] < 120
        assert asked(plane, 5, extra=BEARER + "X-Beta: yes\r\n") == {"new": 5}
        answer = plane.ask(request("/v2/models/tips/versions/2/infer", question(tensor(ROW)))).json
        assert (answer["model_version"], answer["parameters"]["route"]) == ("2", "version")
        routes = Counter(record.route for record in plane.records())
        assert routes["canary"] == seen["new"]
        assert routes["header"] == 5


@pytest.mark.parametrize("sticky", [Sticky(header="x-user"), Sticky(column="b")])
def test_a_sticky_key_stays_on_its_arm(home: Path, sticky: Sticky) -> None:
    route = Route(arms=(Arm("old", 1), Arm("new", 1, "trial")), sticky=sticky)
    with running(home, endpoint("tips", OLD, NEW, route=route)) as plane:
        arms = []
        for user in range(20):
            extra = f"{BEARER}X-User: {user}\r\n" if sticky.header else BEARER
            (arm,) = asked(plane, 4, extra=extra, row=[1.0, float(user), 0.5, -0.5])
            arms.append(arm)
        assert set(arms) == {"old", "new"}


def test_a_shadow_is_logged_under_the_same_id_and_answers_nobody(home: Path) -> None:
    route = Route(arms=(Arm("old"),), shadows=(Shadow("new"),))
    with running(home, endpoint("tips", OLD, NEW, route=route)) as plane:
        assert asked(plane, 50) == {"old": 50}
        deadline = time.monotonic() + 5
        while len(plane.records()) < 100 and time.monotonic() < deadline:
            time.sleep(0.02)
        champion = {r.id: r.outputs[0] for r in plane.records() if r.route == "champion"}
        shadow = {r.id: r.outputs[0] for r in plane.records() if r.route == "shadow"}
        assert champion.keys() == shadow.keys()
        assert all(champion[i] == [1] and shadow[i] == [0] for i in champion)


def test_a_new_snapshot_promotes_and_rolls_back_without_a_failed_answer(home: Path) -> None:
    with running(home, endpoint("tips", OLD)) as plane:
        wire = Wire(plane.port)
        seen = []
        for spec in (endpoint("tips", NEW), endpoint("tips", OLD), endpoint("tips", NEW)):
            plane.deploy(spec)
            for _ in range(20):
                wire.send(INFER)
                seen.append(wire.answer().json["model_version"])
        wire.close()
        assert seen == ["2"] * 20 + ["1"] * 20 + ["2"] * 20


def test_a_broken_revision_leaves_the_former_route_in_force(home: Path) -> None:
    with running(home, endpoint("tips", OLD)) as plane:
        plane.deploy(endpoint("tips", revision("bad", "broken", "2")))
        assert asked(plane, 3) == {"old": 3}
        status = plane.wait(lambda status: status.endpoints["tips"].kept is not None)
        assert "cannot be loaded" in (status.endpoints["tips"].kept or "")
        canary = Route(arms=(Arm("old", 1), Arm("bad", 1, "canary")))
        plane.deploy(endpoint("tips", OLD, revision("bad", "broken", "2"), route=canary))
        assert asked(plane, 20) == {"old": 20}
        plane.deploy(endpoint("tips", NEW))
        assert asked(plane, 3) == {"new": 3}


def test_a_snapshot_that_cannot_be_read_changes_nothing(home: Path) -> None:
    with running(home, endpoint("tips", OLD)) as plane:
        (home / "run" / SNAPSHOT_FILE).write_bytes(b"{torn")
        time.sleep(0.5)
        assert asked(plane, 2) == {"old": 2}
        plane.deploy(endpoint("tips", NEW))
        assert asked(plane, 2) == {"new": 2}


def test_a_folder_outside_the_home_is_refused(home: Path) -> None:
    bad = revision("bad", "../../elsewhere")
    with running(home, endpoint("tips", bad)) as plane:
        assert "outside the home" in plane.ask(INFER).json["detail"]


def test_tokens_are_confined_expire_and_are_revoked_at_once(home: Path) -> None:
    tokens = (
        token(),
        token("reader", scopes=("serving:read",)),
        token("other", scopes=("lake:read",)),
        token("confined", resources=("endpoint:other*",)),
        token("late", expires_ms=1),
    )
    with running(home, endpoint("tips", OLD), tokens=tokens) as plane:

        def statuses(name: str) -> tuple[int, int]:
            extra = f"Authorization: Bearer {name}\r\n"
            infer = request("/v2/models/tips/infer", question(tensor(ROW)), extra=extra)
            return plane.ask(infer).status, plane.ask(request("/v2/models/tips", extra=extra)).status

        assert statuses("yard_test_token") == (200, 200)
        assert statuses("reader") == (403, 200)
        assert statuses("other") == (403, 403)
        assert statuses("confined") == (403, 403)
        assert statuses("late") == (401, 401)
        wire = Wire(plane.port)
        wire.send(INFER)
        assert wire.answer().status == 200
        plane.deploy(endpoint("tips", OLD), tokens=())
        wire.send(INFER)
        assert wire.answer().status == 401
        wire.close()
