"""The pages of quality one by one: a check's rows and trend, mending by a rule, profiles compared, a table's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from modelyard.app.house import House
from modelyard.governance.api import Role
from modelyard.lake.api import Mask
from modelyard.quality.api import Contract, Severity, SqlRule

if TYPE_CHECKING:
    from tests.ui.conftest import Reader

EVIL = "<b onclick=alert(1)>x</b>"
CHEAP = "fare is < 100 & paid"
HEAD = "id,fare,who\n"


@pytest.fixture(scope="module")
def house(bare: House) -> House:
    lake, quality = bare.yard().lake, bare.yard().quality
    lake.load("fares", [HEAD.encode(), b"".join(b"%d,%d.5,ana\n" % (n, n) for n in range(150))], source="may.csv")
    quality.declare("fares", Contract(checks=(SqlRule(name=CHEAP, sql="fare < 100", severity=Severity.WARN),)))
    quality.check("fares")
    lake.load("fares", [HEAD.encode(), f"200,20.5,{EVIL}\n".encode()], source="june.csv")
    quality.check("fares")
    return bare


def test_a_report_leads_to_every_row_that_breaks_a_check_page_by_page(house: House, reader: Reader) -> None:
    report = house.yard().quality.reports(table="fares").items[0]
    (check,) = reader.twin(f"/quality/{report.id}")["checks"]
    assert (check["name"], check["failed"], len(check["trend"])) == (CHEAP, 50, 3)
    assert check["rows"] == f"/quality/{report.id}/rows?check={quote(CHEAP, safe='')}"
    first = reader.twin(check["rows"])
    assert "50 rows" in first["sentence"] and len(first["rows"]["rows"]) == 50 and first["fault"] == ""
    assert {row["cells"][0] for row in first["rows"]["rows"]} == set(range(100, 150))
    assert reader.get(first["rows"]["rows"][0]["cells"][3]["href"]).status_code == 200
    assert len(reader.twin(check["rows"] + "&after=40")["rows"]["rows"]) == 10
    assert reader.get(check["rows"]).status_code == 200
    gone = reader.get(f"/quality/{report.id}/rows?check=nothing")
    assert gone.status_code in (200, 404) and "Traceback" not in gone.text


def test_all_contracts_stand_in_one_view_with_how_they_went(reader: Reader) -> None:
    data = reader.twin("/quality")
    row = next(r for r in data["contracts"]["rows"] if r["key"] == "fares")
    assert row["cells"][1] == {"t": "mark", "state": "warn", "text": "warned"}
    assert len(row["cells"][2]["values"]) == 3 and row["cells"][3] == 1 and CHEAP in row["cells"][5]
    assert "1 table has a contract; 1 of them" in data["sentence"]
    assert "No report is about it" in reader.get("/quality?table=nothing").text
    listed = next(r for r in reader.twin("/tables")["table"]["rows"] if r["key"] == "fares")
    assert {"t": "mark", "state": "warn", "text": "warned"} in listed["cells"]


def test_a_check_is_followed_from_report_to_report(reader: Reader) -> None:
    road = f"/tables/fares/check?check={quote(CHEAP, safe='')}"
    data = reader.twin(road)
    assert data["sentence"] == "It broke in 2 of 3 reports; it broke in the newest."
    assert len(data["points"]) == 3 and data["points"][0] == pytest.approx(50 / 150)
    page = reader.get(road).text
    assert "From report to report" in page and "fare is &lt; 100 &amp; paid" in page
    assert "No report has looked at it" in reader.get("/tables/fares/check?check=nothing").text


def test_held_rows_are_mended_by_a_rule_that_was_tried_first(house: House, reader: Reader) -> None:
    lake = house.yard().lake
    lake.load("fines", [HEAD.encode(), b"1,1.5,ana\n2,2.5,bo\n"], source="may.csv")
    commas = "".join(f"{n},'{n};5',bo\n" for n in range(300, 305))
    load = lake.load("fines", [HEAD.encode(), commas.encode()], source="june.csv")
    road = f"/loads/{load.id}/mend"
    assert "Nothing was tried yet" in reader.get(road).text
    data = reader.twin(f"{road}?column=fare&expression={quote('replace(')}")
    assert data["trial"] is None and data["fault"]
    vain = reader.twin(f"{road}?column=fare&expression={quote('upper(fare)')}")["trial"]
    assert (vain["held"], vain["matched"], vain["passing"]) == (5, 5, 0)
    rule = "replace(trim(fare, ''''), ';', '.')"
    page = reader.get(f"{road}?column=fare&expression={quote(rule)}").text
    assert "the table would then take 5" in page and "Mend 5 rows" in page
    assert lake.load_record(load.id).held == 5
    assert reader.fill(f"{road}/apply", expression=rule, column="fare", where="", reason="").is_client_error
    done = reader.fill(f"{road}/apply", expression=rule, column="fare", where="", reason="decimal semicolons")
    assert done.headers["location"] == "/tables/fines/quarantine"
    assert lake.load_record(load.id).held == 0 and lake.table("fines").rows == 7


def test_two_profiles_are_compared_column_by_column_in_words(reader: Reader) -> None:
    data = reader.twin("/tables/fares/profiles?base=1&target=2")
    who = next(c for c in data["columns"] if c["name"] == "who")
    assert who["came"] and data["sentence"].startswith("150 → 151 rows.")
    page = reader.get("/tables/fares/profiles?base=1&target=2").text
    assert EVIL not in page and "profiles @1 → @2" in page
    assert "No column changed" in reader.get("/tables/fares/profiles?base=1&target=1").text
    assert reader.get("/tables/fares/profiles?base=99").status_code == 404


def test_a_table_says_what_it_hides_and_how_long_its_versions_stay(house: House, reader: Reader) -> None:
    assert "Whoever may read the table sees all of it" in reader.get("/tables/fares/rules").text
    done = reader.fill("/tables/fares/rules/policy", row_filter="fare < 100", **{"mask:who": "hash"})
    assert done.status_code == 303
    data = reader.twin("/tables/fares/rules")
    assert data["row_filter"] == "fare < 100" and {c["name"]: c["mask"] for c in data["columns"]}["who"] == "hash"
    assert data["said_by"] and house.yard().lake.policy("fares").masks["who"].value == "hash"
    assert reader.fill("/tables/fares/rules/policy", row_filter="fare <", **{"mask:who": ""}).is_client_error
    assert reader.fill("/tables/fares/rules/policy", row_filter="", **{"mask:who": "blur"}).status_code == 422
    assert reader.fill("/tables/fares/rules/retention", days="30", versions="2").status_code == 303
    assert "30 days" in reader.twin("/tables/fares/rules")["keeping"]
    assert reader.fill("/tables/fares/rules/retention", days="soon", versions="").status_code == 422
    assert "What a vacuum would let go" in reader.get("/tables/fares/rules?vacuum=try").text
    assert reader.fill("/tables/fares/rules/vacuum").status_code == 303


def test_what_a_reader_may_not_see_is_a_page_that_says_so(house: House, reader: Reader) -> None:
    lake, governance = house.yard().lake, house.yard().governance
    lake.load("wages", [b"id,pay\n1,4711\n2,4712\n"], source="wages.csv")
    lake.set_policy("wages", masks={"pay": Mask.NULL})
    viewer = governance.create_actor("vera")
    governance.grant(viewer.id, Role.VIEWER)
    headers = {"authorization": f"Bearer {governance.create_token(viewer.id, 'screens').secret}"}
    reader.cookies.clear()
    for path in ("/tables/wages/diff", "/tables/wages/quarantine", "/upkeep?examine=yes", "/audit"):
        answer = reader.get(path, headers=headers)
        assert answer.status_code == 403 and "in the audit chain" in answer.text, path
    for path in ("/tables/wages", "/tables/wages/rows", "/tables/wages/columns", "/tables/wages/rules", "/quality"):
        answer = reader.get(path, headers=headers)
        assert answer.status_code == 200 and "4711" not in answer.text, path
