"""A notebook in a real kernel: cells become runs, records show as tables, and the notebook is kept beside its runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import modelyard
from modelyard.kernel.refs import Ref
from modelyard.sdk.hub import Yard
from modelyard.sdk.notebook.reprs import record, run, several
from modelyard.tracking.api import Artifact, Experiment, Run, RunId, RunStatus

CELLS = [
    "%load_ext modelyard\nimport modelyard\nyard = modelyard.connect(HOME)",
    """%%run fit --experiment notes --tag team=x --no-system
run.params(depth=3)
print('learning')
for step in range(3):
    run.log(loss=1 / (step + 1), step=step)
'the last value'""",
    "yard.tracking.run_record(run.id)",
    "yard.tracking.runs().items",
    "yard.lake.write('trips', [{'fare': 1.5, 'zone': '<b>'}, {'fare': 2.5, 'zone': 'b'}])\nyard.lake.read('trips')",
    "%%run breaks --experiment notes --no-system\n1 / 0",
    "%%run --experiment notes --flies\n1",
    "run.status = 'x'\nprint('still here')",
]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path]]:
    """The cells, run in a kernel of their own; and the home that they wrote to."""
    nbformat = pytest.importorskip(
        "nbformat", reason="needs nbformat, nbclient and ipykernel: pip install nbclient ipykernel"
    )
    nbclient = pytest.importorskip(
        "nbclient", reason="needs nbformat, nbclient and ipykernel: pip install nbclient ipykernel"
    )
    home = tmp_path_factory.mktemp("notebook") / "home"
    cells = [nbformat.v4.new_code_cell(text.replace("HOME", repr(str(home)))) for text in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("YARD_SPOOL", str(home.with_name("spools")))
        patched.setenv("IPYTHONDIR", str(home.with_name("ipython")))
        nbclient.NotebookClient(notebook, timeout=120, allow_errors=True).execute()
    yield notebook, home


def shown(cell: Any) -> str:
    """All that a cell shows, as text and as HTML."""
    return json.dumps(cell["outputs"])


def test_a_cell_is_a_run_and_the_executed_notebook_lies_beside_it(executed: tuple[Any, Path]) -> None:
    notebook, home = executed
    cells = notebook["cells"]
    assert "learning" in shown(cells[1])
    assert "the last value" in shown(cells[1])
    with modelyard.connect(str(home)) as yard:
        (made,) = yard.tracking.runs(where="tags.`mlflow.runName` = 'fit'").items
        assert (made.status, made.params, made.tags["team"]) == (RunStatus.FINISHED, {"depth": "3"}, "x")
        assert yard.tracking.experiment(made.experiment).name == "notes"
        assert len(yard.tracking.history(made.id, "loss").items) == 3
        kept = json.loads(b"".join(yard.tracking.download(made.id, "notebook.ipynb")))
        nbformat = pytest.importorskip("nbformat")
        nbformat.validate(nbformat.from_dict(kept))
        assert [cell["source"] for cell in kept["cells"]] == [cell["source"] for cell in cells[:2]]
        outputs = json.dumps(kept["cells"][1]["outputs"])
        assert "learning" in outputs
        assert "the last value" in outputs
        assert made.tags["mlflow.source.type"] == "NOTEBOOK"


def test_a_cell_that_fails_fails_its_run_and_stops_the_notebook_as_any_cell(executed: tuple[Any, Path]) -> None:
    notebook, home = executed
    cells = notebook["cells"]
    errors = [output["ename"] for output in cells[5]["outputs"] if output["output_type"] == "error"]
    assert errors == ["ZeroDivisionError", "CellFailed"]
    assert "is FAILED: ZeroDivisionError" in shown(cells[5])
    assert "--flies" in shown(cells[6])
    assert "still here" not in shown(cells[7]) or "AttributeError" not in shown(cells[7])
    with modelyard.connect(str(home)) as yard:
        (made,) = yard.tracking.runs(where="tags.`mlflow.runName` = 'breaks'").items
        assert made.status is RunStatus.FAILED
        kept = json.loads(b"".join(yard.tracking.download(made.id, "notebook.ipynb")))
        assert kept["cells"][-1]["outputs"][-1]["ename"] == "CellFailed"


def test_runs_and_tables_show_as_tables(executed: tuple[Any, Path]) -> None:
    cells = executed[0]["cells"]
    one, listed, rows = (
        next(output["data"]["text/html"] for output in cells[i]["outputs"] if output["output_type"] == "execute_result")
        for i in (2, 3, 4)
    )
    assert "<b>fit</b>" in one
    assert "depth" in one
    assert "loss" in one
    assert listed.count("<tr>") == 2
    assert "&lt;b&gt;" in rows
    assert "2.5" in rows


def test_what_others_wrote_is_never_markup() -> None:
    bad = "<script>alert(1)</script>"
    reads = [Ref(f"table:{bad}")]
    made = Run(
        id=RunId("0" * 32), experiment="0", name=bad, status=RunStatus.RUNNING, params={bad: bad}, reads=reads
    )  # fmt: skip
    home = Experiment(id="1", name=bad, artifact_location=bad)
    forms = [run(made), several([made]), record(home), several([Artifact(path=bad)])]
    assert all(form and "<script" not in form for form in forms)
    assert several(["text"]) is None
    assert several([]) is None


def test_a_yard_is_not_needed_to_load_the_extension(tmp_path: Path) -> None:
    assert callable(modelyard.load_ipython_extension)
    assert isinstance(Yard, type)
