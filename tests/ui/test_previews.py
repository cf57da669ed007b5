"""Artifacts looked at, runs beside each other, and the page of a run: over a real house, without a browser."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from modelyard.app.house import House
from modelyard.tracking.api import Likeness, Point, RunStatus, Subject, Verdict
from modelyard.ui import plotted
from modelyard.ui.kit import brushes, spreads
from tests.ui.conftest import Reader, signed_in


@pytest.fixture(scope="module")
def runs(bare: House) -> list[str]:
    tracking = bare.yard().tracking
    made = []
    for i in range(3):
        run = tracking.start_run(name=f"r{i}", start_ms=1000 * i, tags={"mlflow.source.git.commit": "c" * 40})
        points = [Point(key="loss", value=1 / (s + 1) + i, at_ms=1000 * i + s, step=s) for s in range(20)]
        tracking.log(run.id, points, {"depth": str(i), "model": "gbm", "l2": "0.1" if i else "word"})
        tracking.upload(run.id, f"plots/step_{i % 2}.png", [b"\x89PNG"])
        tracking.update_run(run.id, RunStatus.FINISHED, 100_000)
        made.append(str(run.id))
    return made


@pytest.fixture(scope="module")
def reader(bare: House, runs: list[str]) -> Reader:
    return signed_in(bare)


@pytest.fixture(scope="module")
def shown(bare: House, runs: list[str], reader: Reader) -> Any:
    def show(path: str, content: bytes) -> Any:
        bare.yard().tracking.upload(runs[0], path, [content])
        return reader.twin(f"/runs/{runs[0]}/file?path={path}")

    return show


def test_tables_are_shown_with_their_first_rows(shown: Any) -> None:
    data = shown("t.csv", b"a,b\n1,x\n2.5,\n")
    assert (data["shows"], [c["head"] for c in data["table"]["columns"]]) == ("table", ["a", "b"])
    assert [row["cells"] for row in data["table"]["rows"]] == [["1", "x"], ["2.5", ""]]
    assert [c.get("kind") for c in data["table"]["columns"]] == ["figure", None]
    long = shown("long.csv", b"a\n" + b"12345678\n" * 60_000)
    assert len(long["table"]["rows"]) == 200 and long["table"]["label"] == "The first 200 rows"
    data = shown("t.json", b'{"columns": ["q", "n"], "data": [["why", 1], [null, 2]]}')
    assert [row["cells"] for row in data["table"]["rows"]] == [["why", "1"], [{"t": "null", "why": ""}, "2"]]
    data = shown("l.json", b'[{"a": 1}, {"b": 2}]')
    assert [c["head"] for c in data["table"]["columns"]] == ["a", "b"]


def test_parquet_is_shown(shown: Any) -> None:
    pa = pytest.importorskip("pyarrow", reason="pip install 'modelyard[lake]'")
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"n": list(range(500)), "s": ["x"] * 500}), sink)
    data = shown("t.parquet", sink.getvalue().to_pybytes())
    assert (data["table"]["label"], data["table"]["rows"][3]["cells"]) == ("The first 200 rows", ["3", "x"])
    assert "cannot be read as Parquet" in shown("bad.parquet", b"PAR1 no")["note"]


def test_text_and_markdown_are_shown_and_never_run(shown: Any, reader: Reader, runs: list[str]) -> None:
    data = shown("train.log", b"line\n" * 100_000)
    assert data["shows"] == "text" and data["note"].startswith("The first 262 KB of") and len(data["text"]) == 256 << 10
    assert shown("MLmodel", b"flavors:\n")["text"] == "flavors:\n"
    assert shown("odd.bin", b"\0\1\2" * 100)["shows"] == "none"
    prose = shown("card.md", b"# T\n<script>alert(1)</script>\n[x](javascript:alert(1)) ![i](http://evil/x.png)\n")[
        "html"
    ]
    assert "<h1>T</h1>" in prose and "<script" not in prose and 'href="javascript' not in prose and "<img" not in prose
    page = reader.get(f"/runs/{runs[0]}/file?path=train.log")
    assert "frame-src 'self'" in page.headers["content-security-policy"]
    assert reader.get(f"/runs/{runs[0]}/file?path=nothing").status_code == 404
    assert reader.get(f"/runs/{runs[0]}/file").status_code == 404


def test_foreign_html_is_framed_under_a_policy_of_its_own(shown: Any, reader: Reader, runs: list[str]) -> None:
    data = shown("plots/a b.html", b"<script>1</script>")
    assert data["frame"] == f"/frames/{runs[0]}/plots/a%20b.html"
    page = reader.get(f"/runs/{runs[0]}/file?path=plots/a b.html").text
    assert 'sandbox="allow-scripts"' in page and "allow-same-origin" not in page
    answer = reader.get(data["frame"])
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'") and "connect-src 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.content == b"<script>1</script>"
    svg = reader.get(shown("a.svg", b"<svg/>")["frame"])
    assert svg.headers["content-security-policy"].startswith("sandbox; ")
    assert "script-src 'none'" in svg.headers["content-security-policy"]
    for path in ("train.txt", "%2e%2e/x.html", "plots//a.html", "a%00.html"):
        assert reader.get(f"/frames/{runs[0]}/{path}").status_code in (404, 422), path
    kept = str(reader.cookies["yard_session"])
    reader.cookies.clear()
    assert reader.get(data["frame"]).status_code == 401
    reader.cookies.set("yard_session", kept)


def test_a_figure_of_plotly_is_drawn_and_what_is_left_out_is_named(shown: Any) -> None:
    packed = base64.b64encode(struct.pack("<4d", 1, 2, 4, 8)).decode()
    traces: list[dict[str, object]] = [
        {"type": "scatter", "mode": "lines+markers", "y": {"dtype": "f8", "bdata": packed}, "name": "<b>up</b>"},
        {"type": "bar", "x": [0, 1], "y": [3, 5]},
        {"type": "histogram", "x": [1, 1, 2]},
        {"type": "pie", "values": [1]},
    ]
    data = shown("p.json", json.dumps({"data": traces, "layout": {"title": {"text": "T"}}}).encode())
    plot = data["plot"]
    assert (data["shows"], plot["title"], plot["left_out"]) == ("plot", "T", ["pie"])
    assert [bool(s["path"]) for s in plot["strokes"]] == [True, False, False]
    assert [len(s["points"]) for s in plot["strokes"]] == [4, 0, 0]
    heat = plotted.read({"data": [{"type": "heatmap", "z": [[0, 1], [2, None]]}], "layout": {}})
    assert heat is not None and [b[4] for b in heat.strokes[0].boxes] == [0, 3, 5]
    for text in (
        '{"data": [], "layout": {}}',
        '{"data": [{"type": "pie"}], "layout": {}}',
        '{"data": 1, "layout": {}}',
        "3",
    ):
        assert plotted.read(json.loads(text)) is None


def test_axes_are_first_what_runs_say_differently(bare: House, reader: Reader, runs: list[str]) -> None:
    bare.yard().tracking.log(runs[0], params={"a_word": "of one run alone"})
    query = "&".join(f"run={run}" for run in runs)
    chosen = reader.twin(f"/compare?{query}&side=spread")["spread"]["chosen"]
    assert chosen[:3] == ["params.depth", "params.l2", "params.a_word"]


def test_runs_stand_beside_each_other_with_what_differs(reader: Reader, runs: list[str]) -> None:
    query = "&".join(f"run={run}" for run in runs)
    data = reader.twin(f"/compare?{query}")
    assert [p["key"] for p in data["panels"]] == ["loss"] and data["panels"][0]["best"] == "min"
    named = {d["name"]: d["values"] for d in data["differences"]}
    assert named["depth"] == ["0", "1", "2"] and "model" not in named and "commit" not in named
    assert reader.twin(f"/compare?{query}&equal=1")["alike"] == data["alike"] > 0
    spread = reader.twin(f"/compare?{query}&side=spread&y=metrics.loss&x=params.depth")["spread"]
    assert spread["front"] == "min" and len(spread["scatter"]["dots"]) == 3 and len(spread["parallel"]["lines"]) == 3
    pictures = reader.twin(f"/compare?{query}&side=pictures")["pictures"]
    assert pictures["key"] == "plots/step_*.png"
    assert [(p["step"], [bool(s) for s in p["sources"]]) for p in pictures["shown"]] == [
        (0, [True, False, True]),
        (1, [False, True, False]),
    ]
    picture = reader.get(pictures["shown"][0]["sources"][0].replace("/v1/artifacts", "/x"))
    assert picture.status_code == 404  # bytes are the business of the API, which pages only link to
    assert reader.get("/compare").status_code == 404
    assert reader.get("/compare?" + "&".join(f"run={i}" for i in range(101))).status_code == 422
    for side in ("curves", "spread", "pictures"):
        assert reader.get(f"/compare?{query}&side={side}").status_code == 200


def test_a_run_shows_summaries_code_log_and_repetitions(bare: House, reader: Reader, runs: list[str]) -> None:
    tracking = bare.yard().tracking
    record = (
        b'{"command": ["python", "fit.py"], "python": "3.11.7", "cpu": "x", "cores": 2, "memory_bytes": 1000000000}'
    )
    tracking.upload(runs[1], "reproduce/surroundings.json", [record])
    tracking.upload(runs[1], "reproduce/uncommitted.diff", [b"+ one line\n"])
    tracking.upload(runs[1], "logs/out.log", [b"\n".join(b"%d" % i for i in range(90))])
    verdicts = [Verdict(subject=Subject.METRIC, name="loss", likeness=Likeness.DIFFERENT, words="0.1 against 0.2")]
    tracking.note_reproduction(runs[1], runs[2], verdicts)
    data = reader.twin(f"/runs/{runs[1]}")
    row = data["metrics"]["rows"][0]["cells"]
    assert row == ["loss", pytest.approx(1.05), pytest.approx(1.05), 2.0, 19, 20]
    assert dict(data["code"]["facts"])["command"] == "python fit.py" and data["code"]["diff"] == "+ one line\n"
    assert data["log"]["text"].splitlines() == [str(i) for i in range(30, 90)] and data["log"]["cut"]
    assert data["reproductions"]["rows"][0]["cells"][0]["text"] == "different"
    assert data["verdicts"]["rows"][0]["cells"][3] == "0.1 against 0.2"
    page = reader.get(f"/runs/{runs[1]}").text
    assert "yard reproduce" in page and "0.1 against 0.2" in page and "+ one line" in page


def test_a_range_of_an_axis_is_read_as_it_is_written_and_chooses_with_its_ends() -> None:
    rates, models = spreads.scale("lr", ["0.1", None, "0.3", "0.2"]), spreads.scale("m", ["b..c", "a", None, "d:e"])
    scales = [rates, models, spreads.scale("lr:x", [1, 2, 3, 4])]
    low = brushes.read("lr:0.1..0.2", scales)
    odd = brushes.read("m:b..c..d:e", scales)
    colon = brushes.read("lr:x:2..3", scales)
    assert low and odd and colon and (colon.field, colon.low, colon.high) == ("lr:x", 2, 3)
    assert (odd.low, odd.high, odd.words) == (1, 2, "b..c to d:e") and low.words == "0.1 to 0.2"
    assert brushes.outside([low], scales, 4) == (1, 2) and brushes.outside([odd], scales, 4) == (1, 2)
    assert brushes.outside([low, odd, colon], scales, 4) == (0, 1, 2, 3) and brushes.outside([], scales, 4) == ()
    assert brushes.stretch(low, rates) == pytest.approx((0, 0.5)) and brushes.stretch(odd, models) == (0.25, 1)
    for none in ("lr:0.3..0.1", "lr:0.1..nan", "lr:0.1", "lr", "m:d:e..a", "m:a..z", "other:1..2", ""):
        assert brushes.read(none, scales) is None


def test_scales_are_of_numbers_or_of_words_and_say_where_nothing_stands() -> None:
    numbers = spreads.scale("lr", ["0.1", None, "0.3", "nan"])
    assert numbers.places == (0.0, None, 1.0, None) and numbers.words == ()
    words = spreads.scale("model", ["gbm", "mlp", None, "1"])
    assert words.places == (0.5, 1.0, None, 0.0)
    assert spreads.scale("same", [3, 3]).places == (0.5, 0.5)
    lines = spreads.parallel([numbers, words], [("a", 1), ("b", 2), ("c", 3), ("d", 4)]).lines
    assert [key for key, _, _ in lines] == ["a"]
    front = spreads.scatter(
        spreads.scale("x", [0, 1, 2]), spreads.scale("y", [5, 7, 6]), [("a", 1, "")] * 3, best="max"
    )
    assert front.front.count("V") == 1
