"""The pages of a model and of a proposal over a real house, with forms sent as somebody else's browser sends them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from modelyard.app import screens
from modelyard.app.house import House
from modelyard.governance.api import Role
from modelyard.kernel.clock import FrozenClock
from modelyard.kernel.refs import Ref
from modelyard.lake.api import Mask
from modelyard.registry.api import EvaluationRows, Gate, GateKind, Metric
from modelyard.settings import Settings
from modelyard.ui.kit.frame import Vitals

TRUTH = [0.0, 1.0] * 60


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(Settings(home=str(tmp_path_factory.mktemp("models"))))
    yield made
    made.close()


def browser(house: House, token: str) -> TestClient:
    made = TestClient(screens.site(house, Vitals), base_url="http://yard.test")
    made.headers.update({"authorization": f"Bearer {token}", "accept": "text/html"})
    return made


@pytest.fixture
def client(house: House) -> TestClient:
    house.owner()
    return browser(house, Path(house.settings.home_path, "state", "owner.token").read_text().strip())


def proposed(house: House, name: str, wrong: float) -> int:
    """A champion in production and a better version that is proposed for its place; the proposal's number."""
    yard = house.yard()
    yard.registry.create_model(name, "who tips")
    for noise in (0.4, 0.1):
        run = yard.tracking.start_run("0").id
        yard.tracking.upload(run, "model/weights.txt", [str(noise).encode()])
        version = yard.registry.register(name, f"runs:/{run}/model").version
        scores = [0.1 + noise if t == 0 else 0.9 - noise for t in TRUTH]
        yard.registry.evaluate(name, version, "holdout", EvaluationRows(labels=TRUTH, scores=scores))
    yard.registry.set_alias(name, "production", 1)
    good = Gate(name="good", kind=GateKind.THRESHOLD, metric=Metric.LOG_LOSS, at_most=wrong)
    yard.registry.declare_gates(name, [good], approvals=0)
    return yard.registry.propose(name, 2, title=f"better {name}").number


def test_a_model_without_versions_shows_the_lines_that_fill_it(house: House, client: TestClient) -> None:
    house.yard().registry.create_model("new one")
    page = client.get("/models/new%20one")
    assert page.status_code == 200 and "No version yet" in page.text and "No alias yet" in page.text
    assert client.get("/models/nothing").status_code == 404


def test_a_model_shows_versions_what_stood_for_production_and_what_is_proposed(
    house: House, client: TestClient
) -> None:
    number = proposed(house, "tips", 0.9)
    page = client.get("/models/tips?version=2&at=2999-01-01T00:00")
    assert page.status_code == 200
    for words in (
        "Version 1 is in production",
        "better tips",
        f"/proposals/tips/{number}",
        "no pickle",
        "version 1 of tips was production",
        "by owner directly",
    ):
        assert words in page.text
    twin = client.get("/models/tips.json?version=2").json()
    assert (twin["shown"]["version"], len(twin["versions"]["rows"])) == (2, 2)
    assert "had never been set" in client.get("/models/tips?at=1999-01-01T00:00").text
    assert client.get("/models/tips?at=soon").status_code == 422
    assert "/models/tips" in client.get("/models").text and f"/proposals/tips/{number}" in client.get("/proposals").text


def test_a_proposal_is_gated_and_merged_by_its_forms(house: House, client: TestClient) -> None:
    number = proposed(house, "fares", 0.9)
    here = f"/proposals/fares/{number}"
    page = client.get(here)
    assert page.status_code == 200 and "waits for its gates to be run" in page.text
    assert "log loss" in page.text and "forest ok" in page.text
    assert client.get(f"/proposals/{number}", follow_redirects=False).headers["location"] == here
    assert client.post(f"{here}/gates", data={"csrf": "wrong"}).status_code == 403
    gated = client.post(f"{here}/gates", data={"csrf": ""})
    assert "Ready to merge" in gated.text and "What a merge will do" in gated.text
    merged = client.post(f"{here}/merge", data={"csrf": ""})
    assert "moved to version 2" in merged.text
    assert client.get(f"{here}.json").json()["proposal"]["state"] == "merged"
    assert house.yard().registry.aliased("fares", "production").version == 2


def test_a_closed_gate_keeps_a_proposal_from_merging_and_its_author_withdraws_it(
    house: House, client: TestClient
) -> None:
    number = proposed(house, "zones", 0.01)
    here = f"/proposals/zones/{number}"
    assert "waits for 1 closed gate" in client.post(f"{here}/gates", data={"csrf": ""}).text
    assert client.post(f"{here}/merge", data={"csrf": ""}).status_code in (409, 412, 403)
    assert client.post(f"{here}/waive", data={"csrf": "", "gate": "good", "reason": "known"}).status_code == 403
    assert "nothing was moved" in client.post(f"{here}/withdraw", data={"csrf": ""}).text


def test_somebody_else_waives_a_closed_gate_with_a_reason_and_approves(house: House) -> None:
    number = proposed(house, "night", 0.01)
    governance = house.yard().governance
    member = governance.create_actor("mei")
    governance.grant(member.id, Role.REVIEWER)
    mei = browser(house, governance.create_token(member.id, "mei", days=1).secret)
    here = f"/proposals/night/{number}"
    house.yard().registry.run_gates("night", number)
    page = mei.get(here).text
    assert f"{here}/approve" in page and f"{here}/decline" in page and "Waive good" in page
    waived = mei.post(f"{here}/waive", data={"csrf": "", "gate": "good", "reason": "known gap"}).text
    assert "Waived by mei: known gap" in waived and "waived" in waived
    soon = {"csrf": "", "gate": "good", "reason": "one day", "until": "2999-12-24T18:00"}
    assert "Waived by mei until" in mei.post(f"{here}/waive", data=soon).text
    assert "approves" in mei.post(f"{here}/approve", data={"csrf": "", "note": "looked"}).text
    other = proposed(house, "day", 0.9)
    declined = mei.post(f"/proposals/day/{other}/decline", data={"csrf": "", "reason": "worse at night"}).text
    assert "worse at night" in declined and "nothing was moved" in declined


def test_the_page_says_when_a_waiver_has_ended(tmp_path: Path) -> None:
    clock = FrozenClock(datetime(2026, 5, 3, 12, tzinfo=UTC))
    with closing(House(Settings(home=str(tmp_path)), clock=clock)) as house:
        house.owner()
        owner = browser(house, Path(house.settings.home_path, "state", "owner.token").read_text().strip())
        number = proposed(house, "noon", 0.01)
        governance = house.yard().governance
        member = governance.create_actor("mei")
        governance.grant(member.id, Role.REVIEWER)
        mei = browser(house, governance.create_token(member.id, "mei", days=1).secret)
        house.yard().registry.run_gates("noon", number)
        here = f"/proposals/noon/{number}"
        until = {"csrf": "", "gate": "good", "reason": "one hour", "until": "2026-05-03T13:00"}
        assert "Ready to merge" in mei.post(f"{here}/waive", data=until).text
        clock.advance(timedelta(hours=1))
        page = owner.get(here).text
        assert "The waiver by mei ended" in page and "waits for 1 closed gate" in page
        assert owner.get(f"{here}.json").json()["proposal"]["results"][0]["outcome"] == "failed"


def test_what_was_said_stands_beside_a_proposal_and_calls_whom_it_names(house: House, client: TestClient) -> None:
    number = proposed(house, "talked", 0.9)
    governance = house.yard().governance
    kim = governance.create_actor("kim")
    governance.grant(kim.id, Role.EDITOR)
    theirs = browser(house, governance.create_token(kim.id, "kim", days=1).secret)
    here = f"/proposals/talked/{number}"
    text = "Worse at **night**, @kim? <script>alert(1)</script> ![x](http://elsewhere/x.png) [go](javascript:alert(1))"
    page = client.post(f"{here}/comment", data={"csrf": "", "text": text}).text
    assert "<strong>night</strong>" in page
    assert "<script>alert" not in page and "<img" not in page and 'href="javascript' not in page
    assert "mentions you" in theirs.get("/inbox").text
    theirs.post(f"{here}/comment", data={"csrf": "", "text": "Looked: noise."})
    assert "mentions you" not in theirs.get("/inbox").text
    twin = client.get(f"{here}.json").json()
    assert [t["author"] for t in twin["talk"]] == ["owner", "kim"]


def test_the_page_of_a_proposal_shows_packages_code_slices_and_what_it_waits_for(
    house: House, client: TestClient
) -> None:
    yard = house.yard()
    yard.registry.create_model("deep")
    for commit, noise in (("aa" * 20, 0.0), ("bb" * 20, 0.05)):
        run = yard.tracking.start_run("0").id
        yard.tracking.upload(run, "model/requirements.txt", [f"skops=={noise}".encode()])
        yard.tracking.upload(run, "reproduce/uncommitted.diff", [b"+<b>depth</b> = 5"])
        yard.tracking.log(run, tags={"mlflow.source.git.commit": commit})
        version = yard.registry.register("deep", f"runs:/{run}/model").version
        scores = [0.2 - noise if t == 0 else 0.8 + noise for t in TRUTH]
        rows = EvaluationRows(labels=TRUTH, scores=scores, groups={"zone": ["n", "s"] * 60})
        yard.registry.evaluate("deep", version, "holdout", rows)
    yard.registry.set_alias("deep", "production", 1)
    yard.registry.declare_gates("deep", [], approvals=1, roles={"owner": 1})
    number = yard.registry.propose("deep", 2, note="see *this*").number
    page = client.get(f"/proposals/deep/{number}").text
    for words in (
        f"git log -p {'a' * 12}..{'b' * 12}", "+&lt;b&gt;depth", "==0.05", "By slice", "zone=", "1 in the role owner",
        "1 more approval", "<em>this</em>",
    ):  # fmt: skip
        assert words in page, words


def test_a_model_is_signed_proposed_and_its_card_kept_from_its_page(house: House, client: TestClient) -> None:
    proposed(house, "shown", 0.9)
    page = client.get("/models/shown?version=1").text
    assert "is not signed" in page and "a draft from what is known" in page and "log loss" in page
    signed = client.post("/models/shown/sign", data={"csrf": "", "version": "1"}).text
    assert "signed by key" in signed
    kept = client.post("/models/shown/card", data={"csrf": "", "text": "## Use\r\n<b>Not</b> for pay"}).text
    assert "<h4>Use</h4>" in kept and "&lt;b&gt;Not&lt;/b&gt;" in kept and "edition 1" in kept
    client.post("/models/shown/card", data={"csrf": "", "text": "# Second\n\n| a | b |\n| --- | ---: |\n| x | 1 |\n"})
    page = client.get("/models/shown").text
    assert '<td class="num">1</td>' in page and "style=" not in page
    assert "edition 1" in client.get("/models/shown?card=1").text
    form = {"csrf": "", "version": "1", "alias": "canary", "title": "try it", "note": ""}
    assert "try it" in client.post("/models/shown/propose", data=form).text
    assert client.post("/models/shown/propose", data={**form, "version": "x"}).status_code == 422


def flipping(house: House, name: str, data: Ref | None) -> str:
    """The address of a proposal of which three predictions flip."""
    registry, tracking = house.yard().registry, house.yard().tracking
    registry.create_model(name)
    for wrong in ((), (0, 1, 2)):
        run = tracking.start_run("0").id
        tracking.upload(run, "model/weights.txt", [str(wrong).encode()])
        version = registry.register(name, f"runs:/{run}/model").version
        scores = [0.8 if (t == 1) != (n in wrong) else 0.2 for n, t in enumerate(TRUTH)]
        rows = EvaluationRows(labels=TRUTH, scores=scores, groups={"driver": ["anna", "bo"] * 60})
        registry.evaluate(name, version, "holdout", rows, data=data)
    registry.set_alias(name, "production", 1)
    return f"/proposals/{name}/{registry.propose(name, 2).number}"


def test_predictions_that_flip_have_a_tab_and_hide_what_their_table_hides(house: House, client: TestClient) -> None:
    lake, governance = house.yard().lake, house.yard().governance
    lake.load("rides", [b"driver\nanna\nbo\n"], source="rides.csv")
    here = flipping(house, "flips", Ref("table:rides@1"))
    member = governance.create_actor("may")
    governance.grant(member.id, Role.REVIEWER)
    may = browser(house, governance.create_token(member.id, "may", days=1).secret)
    assert "Predictions that flip" in may.get(here).text and "2.5 %" in may.get(here).text
    page = may.get(f"{here}/flips").text
    assert "become wrong" in page and "Label by label" in page and "#0" in page
    lake.set_policy("rides", masks={"driver": Mask.NULL})
    page, twin = may.get(f"{here}/flips").text, may.get(f"{here}/flips.json").json()
    assert "These rows are not for you" in page and "#0" not in page
    assert (twin["found"][0]["examples"], twin["found"][0]["changed"]["rows"]) == ([], 3)
    assert "#0" in client.get(f"{here}/flips").text


def test_flips_that_nobody_can_know_say_what_to_do(house: House, client: TestClient) -> None:
    registry, tracking = house.yard().registry, house.yard().tracking
    registry.create_model("apart")
    for labels in (TRUTH, TRUTH[:80]):
        run = tracking.start_run("0").id
        tracking.upload(run, "model/weights.txt", [str(len(labels)).encode()])
        version = registry.register("apart", f"runs:/{run}/model").version
        registry.evaluate("apart", version, "holdout", EvaluationRows(labels=labels, scores=[0.5] * len(labels)))
    number = registry.propose("apart", 2).number
    assert "Nobody holds the alias" in client.get(f"/proposals/apart/{number}/flips").text
    registry.set_alias("apart", "production", 1)
    assert "Not tried on the same rows" in client.get(f"/proposals/apart/{number}/flips").text
