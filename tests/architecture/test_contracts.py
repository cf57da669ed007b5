"""The import contracts hold in this tree, and each of them bites on a planted breach."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture import contracts, planted
from tests.architecture.house import PACKAGE, ROOMS, SLICES, SRC

M = PACKAGE

#: what is planted, the room it is planted in, the contract that must break, what its report must name
PLANTS: dict[str, tuple[str, str, str, str]] = {
    "calling a slice above": (
        "registry/service.py", f"from {M}.serving import api as above",
        "Floors", f"{M}.registry.service -> {M}.serving.api"),
    "calling above from inside a function": (
        "lake/service.py", f"def late():\n    from {M}.quality import api as late_api",
        "Floors", f"{M}.lake.service -> {M}.quality.api"),
    "a neighbour on the same floor": (
        "protocols/mlflow.py", f"from {M}.edges import http", "Floors", f"{M}.protocols.mlflow -> {M}.edges.http"),
    "a room on no floor": ("attic.py", "", "Floors", "attic"),
    "an adapter that knows a slice's inside": (
        "adapters/sqlite.py", f"from {M}.lake import service",
        "Door of lake", f"{M}.adapters.sqlite -> {M}.lake.service"),
    "another slice's store": (
        "serving/service.py", f"from {M}.registry import store as other",
        "Door of registry", f"{M}.serving.service -> {M}.registry.store"),
    "another slice's hot path": (
        "monitoring/service.py", f"from {M}.serving import hot as other",
        "Door of serving", f"{M}.monitoring.service -> {M}.serving.hot"),
    "a page behind the door": (
        "ui/features.py", f"from {M}.features import model",
        "Door of features", f"{M}.ui.features -> {M}.features.model"),
    "climbing the stairs": (
        "cost/model.py", f"from {M}.cost import store", "Stairs", f"{M}.cost.model -> {M}.cost.store"),
    "an unknown room": ("teamwork/attic.py", "", "Stairs", "attic"),
    "an api that knows another": (
        "features/api.py", f"from {M}.lake import api as other", "Apis", f"{M}.features.api -> {M}.lake.api"),
    "a heavy api": ("lake/api.py", "import pyarrow", "Kernel, apis", f"{M}.lake.api -> pyarrow"),
    "a heavy SDK, deferred": (
        "sdk/hub.py", "def frame():\n    import pandas", "Kernel, apis", f"{M}.sdk.hub -> pandas"),
    "vocabulary that knows a seam": (
        "kernel/refs.py", f"from {M}.ports import database", "Kernel, apis", f"{M}.kernel.refs -> {M}.ports.database"),
    "a decision that touches the machine": (
        "governance/model.py", "import os", "Decisions", f"{M}.governance.model -> os"),
    "a circle, deferred": (
        "ui/registry.py", f"def late():\n    from {M}.ui import kit\n", "No circles", f"{M}.ui"),
    "a circle, type-only": (
        "pipelines/service/plans.py", f"from {M}.pipelines.service import runs",
        "No circles", f"{M}.pipelines.service"),
}  # fmt: skip

#: the other halves of the two circles
HALVES = {
    "ui/kit.py": f"from {M}.ui import registry",
    "pipelines/service/__init__.py": "",
    "pipelines/service/runs.py": (
        f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {M}.pipelines.service import plans"
    ),
}


def sections(report: str) -> dict[str, str]:
    """Broken contracts of a report by title, each with the lines under its heading."""
    parts = re.split(r"^(.+)\n-{3,}$", report, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the check says of a house that holds all plants at once: one section for each broken contract."""
    src = tmp_path_factory.mktemp("planted")
    planted.build(src)
    (src / PACKAGE / "pipelines/service.py").unlink()
    for path, text in HALVES.items():
        planted.plant(src, path, text)
    for path, text, _, _ in PLANTS.values():
        planted.plant(src, path, text)
    run = contracts.check(src)
    assert run.returncode == 1, run.stdout + run.stderr
    return sections(run.stdout)


def test_every_import_contract_is_kept_in_this_tree() -> None:
    run = contracts.check(SRC)
    assert run.returncode == 0, f"{run.stdout}{run.stderr}\nSee it again: make imports"


def test_an_empty_house_of_all_rooms_keeps_every_contract(tmp_path: Path) -> None:
    planted.build(tmp_path)
    run = contracts.check(tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(SLICES) + 6} kept, 0 broken" in run.stdout


@pytest.mark.parametrize("what", PLANTS)
def test_a_planted_breach_is_caught(what: str, reported: dict[str, str]) -> None:
    _, _, title, evidence = PLANTS[what]
    named = [text for heading, text in reported.items() if heading.startswith(title)]
    assert named, f"no broken contract is titled {title!r}: {list(reported)}"
    assert any(evidence in text for text in named), f"{evidence!r} is not in:\n{''.join(named)}"


def test_no_module_hides_from_the_contracts(tmp_path: Path) -> None:
    assert contracts.unseen_folders(SRC) == [], "put an `__init__.py` beside these modules"
    planted.build(tmp_path)
    planted.plant(tmp_path, "lake/service/branches.py", "import os")
    assert contracts.unseen_folders(tmp_path) == [f"{PACKAGE}/lake/service"]


def test_a_slice_that_is_absent_or_half_built_is_no_breach(tmp_path: Path) -> None:
    planted.build(tmp_path)
    for room in ROOMS:
        (tmp_path / PACKAGE / "estate" / f"{room}.py").unlink()
    (tmp_path / PACKAGE / "teamwork/reactions.py").unlink()
    (tmp_path / PACKAGE / "teamwork/service.py").unlink()
    (tmp_path / PACKAGE / "app.py").write_text("", encoding="utf-8")
    for path in ("sdk/hub.py", "ui/estate.py"):
        (tmp_path / PACKAGE / path).unlink()
    (tmp_path / PACKAGE / "__init__.py").write_text("", encoding="utf-8")
    config = contracts.configuration(tmp_path)
    assert "modelyard.estate" not in config
    assert "modelyard.teamwork.service" not in config
    assert "modelyard.teamwork.store" in config
