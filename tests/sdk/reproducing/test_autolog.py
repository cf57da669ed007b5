"""A run that the unmodified mlflow client made is repeated, and told from one with another seed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from modelyard.sdk.hub import Yard
from modelyard.tracking.api import Likeness, Outcome, RunStatus, Subject, Verdict
from tests.sdk.reproducing.conftest import Repository

pytest.importorskip("mlflow", reason="needs the mlflow client: pip install mlflow-skinny")
TRAIN = """
import sys, warnings
warnings.simplefilter("ignore")
import mlflow
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
mlflow.sklearn.autolog()
x, y = make_classification(200, flip_y=0.3, random_state=0)
RandomForestClassifier(n_estimators=3, max_depth=2, random_state=int(sys.argv[1])).fit(x, y)
"""


def by(verdicts: list[Verdict], subject: Subject) -> dict[str, tuple[Likeness, str]]:
    return {v.name: (v.likeness, v.words) for v in verdicts if v.subject is subject}


def test_an_autologged_run_is_repeated_bit_for_bit_and_another_seed_is_told(
    yard: Yard, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "1", "GIT_PYTHON_REFRESH": "quiet",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    repository.write("forest.py", TRAIN)
    repository.commit()
    repository.write("forest.py", TRAIN.replace("n_estimators=3", "n_estimators=4"))
    (first,) = repository.run("forest.py", "7")
    assert {a.path for a in yard.tracking.artifacts(first.id).items} >= {"reproduce", "estimator.html"}
    repository.git("checkout", "-q", "forest.py")
    where = {"repository": repository.top, "packages": "here", "python": sys.executable}

    same = yard.tracking.reproduce(first.id, **where)  # type: ignore[arg-type]  # the same words twice
    assert (same.reproduction.outcome, same.reproduction.problem) == (Outcome.IDENTICAL, "")
    again = yard.tracking.run_record(same.reproduction.by)
    assert (again.status, again.tags["modelyard.reproduces"]) == (RunStatus.FINISHED, first.id)
    assert again.params["n_estimators"] == "4"
    files = by(same.verdicts, Subject.ARTIFACT)
    assert files["models/model/model.pkl"] == (Likeness.IDENTICAL, "")
    described = files["models/model/MLmodel"]
    assert described[0] is Likeness.IDENTICAL
    assert {"model_uuid", "run_id", "utc_time_created"} <= set(described[1].replace(",", "").split())
    assert {*by(same.verdicts, Subject.METRIC)} == {p.key for p in first.metrics}
    assert by(same.verdicts, Subject.INPUT) != {}

    other = yard.tracking.reproduce(first.id, command="python forest.py 8", **where)  # type: ignore[arg-type]  # as above
    assert other.reproduction.outcome is Outcome.DIFFERENT
    assert by(other.verdicts, Subject.PARAM)["random_state"] == (Likeness.DIFFERENT, "7 -> 8")
    assert by(other.verdicts, Subject.PARAM)["n_estimators"][0] is Likeness.IDENTICAL
    assert by(other.verdicts, Subject.ARTIFACT)["models/model/model.pkl"][0] is Likeness.DIFFERENT
    assert by(other.verdicts, Subject.METRIC)["training_log_loss"][0] is Likeness.DIFFERENT
    assert all(kind is Likeness.IDENTICAL for kind, _ in by(other.verdicts, Subject.INPUT).values())

    found = yard.tracking.reproductions(first.id)
    assert {r.by for r in found} == {same.reproduction.by, other.reproduction.by}
    assert yard.tracking.reproductions(same.reproduction.by)[0].of == first.id
    unlike = yard.tracking.verdicts(other.reproduction.by, Likeness.DIFFERENT).items
    assert len(unlike) == other.reproduction.different
    assert repository.worktrees() == 1
    assert not Path(repository.top / "mlruns").exists()
