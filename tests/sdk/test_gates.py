"""`yard gate check`: gates from a file, tests in the caller's own process, one record, an exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelyard
from modelyard.app.cli import main
from modelyard.kernel.errors import GateClosed, InvalidInput
from modelyard.registry.api import EvaluationRows, GateKind
from modelyard.sdk.gates import GateFile
from modelyard.sdk.hub import Yard

YAML = """
model: tips
approvals: 1
roles: {owner: 1}
gates:
  - {name: safe, kind: safe}
  - {name: good, kind: threshold, metric: auc, at_least: 0.7, dataset: holdout}
tests: model_tests.py
"""
TESTS = """
from modelyard.sdk.gates import Candidate, test

@test
def weights_are_small(candidate: Candidate) -> str:
    found = (candidate.folder / "weights.txt").read_bytes()
    assert len(found) < LIMIT, f"{len(found)} bytes"
    return f"{len(found)} bytes, champion {candidate.champion and candidate.champion.version}"

def no_test(candidate):
    raise RuntimeError
"""
PYTHON = """
from modelyard.registry.api import Gate, GateKind
from modelyard.sdk.gates import Candidate, Gates, test

gates = Gates(model="tips", gates=[Gate(name="safe", kind=GateKind.SAFE)], approvals=2)

@test
def says_something(candidate: Candidate) -> None:
    raise ValueError("it does not")
"""


def answers(good: float) -> EvaluationRows:
    labels = [float(n % 2) for n in range(200)]
    return EvaluationRows(labels=labels, scores=[good if y else 1 - good for y in labels])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gates") / "home"


@pytest.fixture
def yard(home: Path) -> Iterator[Yard]:
    """A home with a new model `tips` of one version."""
    with modelyard.connect(str(home)) as opened:
        if any(m.name == "tips" for m in opened.registry.models().items):
            opened.registry.delete_model("tips")
        opened.registry.create_model("tips")
        run = opened.tracking.start_run("0").id
        opened.tracking.upload(run, "model/weights.txt", [b"1 2 3"])
        number = opened.registry.register("tips", f"runs:/{run}/model").version
        opened.registry.evaluate("tips", number, "holdout", answers(0.9))
        yield opened


def written(folder: Path, *, limit: int = 100, text: str = YAML, name: str = "gates.yaml") -> Path:
    (folder / "model_tests.py").write_text(TESTS.replace("LIMIT", str(limit)))
    (folder / name).write_text(text)
    return folder / name


def test_a_file_is_asked_before_the_yard_asks_the_same(yard: Yard, tmp_path: Path) -> None:
    file = GateFile(written(tmp_path))
    done = file.check(yard.registry)
    assert (done.opens, done.declared, done.proposal) == (True, False, None)
    assert [(r.gate, r.kind) for r in done.results] == [
        ("safe", GateKind.SAFE), ("good", GateKind.THRESHOLD), ("weights-are-small", GateKind.TESTS),
    ]  # fmt: skip
    assert done.ran[0].text == "5 bytes, champion None"
    assert yard.registry.gates("tips").gates == ()
    again = file.check(yard.registry, declare=True)
    assert again.declared
    policy = yard.registry.gates("tips")
    assert ([g.name for g in policy.gates], policy.roles) == (["safe", "good", "weights-are-small"], {"owner": 1})


def test_an_open_proposal_keeps_what_the_gates_said_in_ci(yard: Yard, tmp_path: Path) -> None:
    file = GateFile(written(tmp_path))
    file.check(yard.registry, declare=True)
    version = yard.registry.model("tips").last_version
    number = yard.registry.propose("tips", version).number
    done = file.check(yard.registry)
    assert done.proposal == number
    assert yard.registry.proposal("tips", number).results == done.results
    told = yard.registry.attestations("tips", version).items[0]
    assert (told.check, told.passed, told.by, told.commit) == (
        "weights-are-small", True, yard.governance.whoami().id, done.commit
    )  # fmt: skip


def test_a_test_that_raises_closes_its_gate_and_says_why(yard: Yard, tmp_path: Path) -> None:
    done = GateFile(written(tmp_path, limit=3)).check(yard.registry)
    assert not done.opens
    assert "5 bytes" in next(r.text for r in done.results if r.gate == "weights-are-small")
    python = GateFile(written(tmp_path, text=PYTHON, name="gates.py"))
    assert [g.name for g in python.asked] == ["safe", "says-something"]
    assert python.check(yard.registry).ran[0].text == "ValueError: it does not"


def test_without_telling_the_yard_no_gate_counts_a_test(yard: Yard, tmp_path: Path) -> None:
    done = GateFile(written(tmp_path)).check(yard.registry, attest=False)
    assert not done.opens
    assert yard.registry.attestations("tips", done.version).items == []


def test_a_pickle_that_is_not_safe_never_reaches_a_test(yard: Yard, tmp_path: Path) -> None:
    run = yard.tracking.start_run("0").id
    yard.tracking.upload(run, "model/model.pkl", [b"cos\nsystem\n(S'true'\ntR."])
    yard.registry.register("tips", f"runs:/{run}/model")
    done = GateFile(written(tmp_path)).check(yard.registry)
    assert done.ran[0].text.startswith(GateClosed.__name__)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("model: tips\ncolour: red\n", "gates.yaml"), ("[1", "gates.yaml"), ("gates: []", "gates.yaml"),
        ("model: tips\ntests: none.py\n", "gates.yaml"), ("x = 1", "gates.py"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, text: str, name: str) -> None:
    with pytest.raises(InvalidInput):
        GateFile(written(tmp_path, text=text, name=name))
    with pytest.raises(InvalidInput, match="no file"):
        GateFile(tmp_path / "nothing.yaml")


def test_the_command_ends_with_a_code_and_says_what_is_closed(
    yard: Yard, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    version = yard.registry.model("tips").last_version
    yard.close()
    file = written(tmp_path)
    assert main(["gate", "check", str(file), "--home", str(home)]) == 0
    said = capsys.readouterr().out
    assert all(words in said for words in ("weights-are-small", "all 3 gates open", "--declare"))
    assert main(["gate", "check", str(file), "--declare", "--json", "--home", str(home)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["opens"], document["version"], document["declared"]) == (True, version, True)
    worse = written(tmp_path, limit=3)
    assert main(["gate", "check", str(worse), "--version", str(version), "--home", str(home)]) == 4
    assert "1 of 3 gates closed" in capsys.readouterr().out
    assert main(["gate", "check", str(file), "--version", "newest", "--home", str(home)]) == 2
    assert "latest" in capsys.readouterr().err
