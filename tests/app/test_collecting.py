"""Collecting deleted runs in a whole home: what other slices name stays, and a kill anywhere leaves runs whole.

`YARD_TEST_KILLS=16` kills it at every one of its units, before and within.
"""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

import modelyard
from modelyard.app.house import House
from modelyard.kernel.errors import NotFound
from modelyard.pipelines.api import FlowSpec
from modelyard.ports.objects import Keeper
from modelyard.registry.api import EvaluationRows
from modelyard.sdk.hub import Yard
from modelyard.settings import Settings
from modelyard.tracking.api import RunId, View
from tests.journeys.killing import killed

FLOW = b"from modelyard import flow, step\n\n@flow\ndef adding():\n    return 1\n"
MLMODEL = b"flavors: {}\nartifact_path: model\n"


def bundle() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("sums.py", FLOW)
    return out.getvalue()


def objects_of(home: Path) -> tuple[set[str], set[str]]:
    """Every object of a home, and those that some keeper holds; tracking's own files count apart."""
    house = House(Settings(home=str(home)))
    try:
        every = {str(one.digest) for one in house.engines.objects.digests()}
        keepers = [service for service in house.engines.services.values() if isinstance(service, Keeper)]
        held = house.guard.as_system(
            "test.objects_held", lambda: {d for keeper in keepers for d in keeper.objects_held(every)}
        )
        return every, held
    finally:
        house.close()


def test_what_other_slices_put_into_the_objects_is_theirs(tmp_path: Path) -> None:
    home = tmp_path / "home"
    sources = bundle()
    with modelyard.connect(str(home)) as yard:
        yard.lake.load("trips", iter([b"id,fare\n1,2.5\n"]), source="trips.csv")
        yard.pipelines.register("adding", FlowSpec(entry="sums:adding"), iter([sources]))
        run = yard.tracking.start_run().id
        yard.tracking.upload(run, "model/MLmodel", iter([MLMODEL]))
        yard.tracking.upload(run, "notes.txt", iter([b"nobody else has this"]))
        for path, content in (("flow.zip", sources), ("trips.csv", b"id,fare\n1,2.5\n")):
            yard.tracking.upload(run, path, iter([content]))
        yard.registry.create_model("tips")
        version = yard.registry.register("tips", f"runs:/{run}/model", run=run).version
        yard.registry.evaluate("tips", version, "d", EvaluationRows(labels=[0.0, 1.0] * 20, scores=[0.1, 0.9] * 20))
        yard.tracking.delete_run(run)
    every, held = objects_of(home)
    assert len(every - held) == 1  # the note of the run
    with modelyard.connect(str(home)) as yard:
        done = yard.tracking.collect(apply=True)
        assert (done.runs, done.files, done.contents_freed, done.contents_held) == (1, 4, 1, 3)
        (file,) = yard.registry.files("tips", version).items
        assert b"".join(yard.registry.download("tips", version, file.path)) == MLMODEL
        assert b"".join(yard.pipelines.bundle("adding")) == sources
        assert yard.registry.evaluations("tips", version).items[0].rows == 40
    assert objects_of(home) == (held, held)


def fill(yard: Yard, runs: int) -> dict[RunId, bytes]:
    """Deleted runs, each with a file and points; what each wrote."""
    wrote: dict[RunId, bytes] = {}
    for n in range(runs):
        run = yard.tracking.start_run(name=str(n)).id
        wrote[run] = b"%d" % n
        yard.tracking.log(run, params={"n": str(n)}, tags={"t": str(n)})
        yard.tracking.upload(run, "f", iter([wrote[run]]))
        yard.tracking.delete_run(run)
    return wrote


RUNS = 60
#: Three units of runs, then two looks of two units each at their contents, and one that forgets: before each, and
#: within each when all is done but its commit. The first two stand for all in the quick suite.
MOMENTS = [(2, "within"), (7, "within")]
MOMENTS += [(unit, when) for unit in range(1, 9) for when in ("before", "within") if (unit, when) not in MOMENTS]


def test_a_kill_at_any_unit_leaves_each_run_whole_or_nothing_of_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with modelyard.connect(str(home)) as yard:
        alive = yard.tracking.start_run(name="alive").id
        yard.tracking.upload(alive, "f", iter([b"alive"]))
    for unit, when in MOMENTS[: int(os.environ.get("YARD_TEST_KILLS", "2"))]:
        with modelyard.connect(str(home)) as yard:
            wrote = fill(yard, RUNS)
        killed("tests.tracking.collecting", str(home), str(unit), when)
        with modelyard.connect(str(home)) as yard:
            left = {run.id: run for run in yard.tracking.runs(["0"], view=View.DELETED, limit=1000).items}
            assert len(left) == max(0, RUNS - 20 * (unit - 1)), (unit, when)
            for run, content in wrote.items():
                if run in left:
                    assert left[run].params["n"] == left[run].tags["t"] == content.decode()
                    assert b"".join(yard.tracking.download(run, "f")) == content
                else:
                    with pytest.raises(NotFound):
                        yard.tracking.artifacts(run)
            assert yard.tracking.collect(apply=True).runs == len(left)
            assert b"".join(yard.tracking.download(alive, "f")) == b"alive"
        assert len(objects_of(home)[0]) == 1, (unit, when)
