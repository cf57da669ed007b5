"""Somebody is forgotten wherever a lake or a trace may know them, and no byte of the whole home tells of them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from backports import zstd
from deltalake import DeltaTable

from modelyard.app.house import House
from modelyard.kernel.mentions import MARK
from modelyard.kernel.refs import Ref
from modelyard.lake.api import Column, Declared, FileEntry, Lake, Mode
from modelyard.quality.api import ColumnRule, Contract, Severity
from modelyard.settings import Settings
from modelyard.tracking.api import (
    Assessment,
    AssessmentKind,
    Dataset,
    DatasetInput,
    NewTrace,
    Point,
    RunStatus,
    Span,
    Tracking,
)
from tests.lake.filesets.pictures import add, digest_of
from tests.lake.stand import read

SUBJECT = "taxi-7f3a91c2"
HEAD = b"id,taxi,fare\n"
SCANS = {f"{SUBJECT}/scan.txt": b"scan of taxi-7f3a91c2", "other/scan.txt": b"scan of another", "both.txt": b"shared"}
OWNERS = (SUBJECT, "taxi-other", SUBJECT)


def contents(path: Path) -> bytes:
    """What a file says, unpacked as far as it is packed."""
    raw = path.read_bytes()
    if raw[:4] == raw[-4:] == b"PAR1":
        return raw + repr(pq.read_table(path).to_pydict()).encode()
    packed = {b"\x1f\x8b": gzip.decompress, b"\x28\xb5": zstd.decompress}.get(raw[:2])
    return raw if packed is None else raw + packed(raw)


def naming(home: Path) -> list[str]:
    """The files below the home whose content or name holds the subject."""
    word = SUBJECT.encode()
    found = [path for path in home.rglob("*") if word in str(path.relative_to(home)).encode()]
    found += [path for path in home.rglob("*") if path.is_file() and word in contents(path)]
    return sorted(str(path.relative_to(home)) for path in found)


def rows(taxis: tuple[str, ...], *, start: int) -> bytes:
    return HEAD + b"".join(b"%d,%s,%d\n" % (start + n, taxi.encode(), n) for n, taxi in enumerate(taxis))


def fill(lake: Lake) -> None:
    """The subject in a table, its history, branch, tag, partition, quarantine, waiting rows and a file set."""
    keyed = Declared(
        columns=(
            Column(name="id", type="int64"),
            Column(name="taxi", type="string"),
            Column(name="fare", type="int64"),
        ),
        keys=("id",),
    )
    lake.load("trips", [rows((SUBJECT, "b", "c"), start=0) + b"9,taxi-7f3a91c2,much\n"], schema=keyed, source="a.csv")
    lake.tag("trips", "paper")
    lake.tag_lake("everything")
    lake.load("trips", [rows(("b", SUBJECT), start=0)], mode=Mode.MERGE)
    lake.create_branch("dev")
    lake.load("trips", [rows((SUBJECT, "d"), start=20)], branch="dev")
    lake.delete_where("trips", f"taxi = '{SUBJECT}'", message="the newest version knows nobody")
    lake.load(
        "trips", [b'{"id": 30, "taxi": "taxi-7f3a91c2", "fare": 1}\n{"id": 31, "taxi": "taxi-7f3a91c2", "fare": "x"}\n']
    )
    lake.compact("trips")
    lake.load("apart", [rows((SUBJECT, "b"), start=0)])
    lake.partition("apart", ("taxi",))
    lake.create_as("copied", f"select * from trips where taxi = '{SUBJECT}' or fare >= 0")
    lake.push("waiting", [b'[{"taxi": "taxi-7f3a91c2"}, {"taxi": "e"}]'])
    for table in ("trips", "apart", "copied"):
        lake.profile(table)
    lake.preview("trips", where=f"taxi = '{SUBJECT}'")
    assert list(lake.sql(f"select * from trips where taxi = '{SUBJECT}'"))
    lake.create_fileset("scans", columns=(Column(name="taxi", type="string"),))
    add(lake, "scans", SCANS, given=[
        FileEntry(path=path, digest=digest_of(each), attributes={"taxi": owner})
        for (path, each), owner in zip(SCANS.items(), OWNERS, strict=True)
    ])  # fmt: skip
    lake.tag_fileset("scans", "paper")
    lake.label_files("scans", where="true", add=("seen",))


def trace(tracking: Tracking) -> str:
    """The subject in spans, tags, metadata and a file of traces, and in what is said of one that stays; its id."""
    asked = {"mlflow.spanInputs": '{"q": "where is taxi-7f3a91c2?"}'}
    spans = [
        Span(trace=digit * 32, id="a" * 16, name="ask", start_ns=1, end_ns=9, attributes=asked if digit == "1" else {})
        for digit in "1234"
    ]
    first, second, third, kept = tracking.note_spans("0", spans)
    tracking.tag_trace(second, {"about": SUBJECT})
    tracking.note_trace(NewTrace(id=third, metadata={"mlflow.trace.user": SUBJECT}))
    tracking.upload(first, "traces.json", [b"taxi-7f3a91c2"])
    feedback = Assessment(id="", trace="", name="good", kind=AssessmentKind.FEEDBACK, source_id=SUBJECT)
    said = tracking.assess(kept, feedback)
    tracking.revise_assessment(kept, said.id, rationale=SUBJECT)
    return kept


def run(tracking: Tracking) -> str:
    """The subject in what was noted of a run and in its files; the run's id."""
    made = tracking.start_run("0", f"fit {SUBJECT}", {"about": SUBJECT}, user=SUBJECT).id
    tracking.log(made, [Point(key="loss", value=0.5, step=1, at_ms=1)], {"taxi": SUBJECT})
    data = Dataset(name=SUBJECT, digest="d1", source_type="local", source=SUBJECT, profile=SUBJECT)
    tracking.log_inputs(made, [DatasetInput(dataset=data)])
    tracking.upload(made, "rides.json.gz", [gzip.compress(b'{"taxi": "taxi-7f3a91c2"}')])
    tracking.upload(made, "fine.txt", [b"nobody"])
    tracking.update_run(made, RunStatus.FINISHED, name=f"done {SUBJECT}")
    return made


@pytest.mark.slow
def test_whoever_is_forgotten_is_nowhere_in_the_home_and_tagged_versions_stay(tmp_path: Path) -> None:
    home = tmp_path / "home"
    house = House(Settings(home=str(home), sync="normal"))
    try:
        yard = house.yard()
        lake: Lake = yard.lake
        yard.quality.declare(
            "trips",
            Contract(columns={"taxi": ColumnRule(pattern="[a-z]", severity=Severity.WARN)}),
        )
        fill(lake)
        yard.quality.check("trips")
        kept, noted = trace(yard.tracking), run(yard.tracking)
        yard.registry.create_model("tips", f"as {SUBJECT} likes it", tags={"for": SUBJECT})
        yard.teamwork.comment(Ref("model:tips"), f"{SUBJECT} asked for it, @{SUBJECT}")
        assert len(naming(home)) > 8
        receipt = yard.governance.forget("taxi", SUBJECT)
        assert receipt.scan.found == (), receipt
        assert receipt.clean, receipt
        assert [(h.what, h.count) for h in receipt.done if h.by == "traces"] == [("traces", 3), ("assessments", 1)]
        assert [each.id for each in yard.tracking.traces(["0"]).items] == [kept]
        assert [(h.what, h.count) for h in receipt.done if h.by == "registry"] == [("descriptions", 1), ("tags", 1)]
        assert [(str(h.ref), h.what, h.count) for h in receipt.done if h.by == "teamwork"] == [
            ("comments:model", "texts of comments", 1)
        ]
        assert [(said.text, said.mentions) for said in yard.teamwork.comments(Ref("model:tips")).items] == [(MARK, ())]
        assert sum(h.count for h in receipt.done if h.by == "log") > 1
        assert yard.tracking.run_record(noted).params == {"taxi": MARK}
        assert [file.path for file in yard.tracking.artifacts(noted).items] == ["fine.txt"]
        tagged = read(lake, "trips", at="paper")
        assert [(row["id"], row["taxi"]) for row in tagged] == [(1, "b"), (2, "c")]
        assert read(lake, "trips", at="everything") == tagged
        assert [row["taxi"] for row in read(lake, "trips", at="dev")][-1] == "d"
        assert [file.path for file in lake.list_files("scans", at="paper").items] == ["other/scan.txt"]
        assert b"".join(lake.read_file("scans", "other/scan.txt", at="paper")) == b"scan of another"
        assert lake.table("waiting").rows == 1
        foreign = DeltaTable(str(home / "lake" / "tables" / "apart")).to_pyarrow_table()
        assert [row["taxi"] for row in read(lake, "apart")] == foreign.column("taxi").to_pylist() == ["b"]
        assert lake.examine(deep=True).findings == ()
    finally:
        house.close()
    assert naming(home) == []
