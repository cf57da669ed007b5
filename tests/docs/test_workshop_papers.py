"""The papers of the workshop agree with the tree: locked versions, decision records, links between documents."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.architecture.house import ROOT

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RECORDS = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
PAPERS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SCRIPTS = sorted([*(ROOT / "scripts").glob("*.sh"), ROOT / ".ci/run"])
#: Extras that `make` does not install: large engines, which a user brings.
UNLOCKED = frozenset({"ray", "spark", "kubernetes", "torch"})
SECTIONS = ("Context", "Decision", "Consequences", "Alternatives")


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~;\s]", name.strip(), maxsplit=1)[0]).lower()


def test_every_dependency_that_make_installs_is_locked() -> None:
    wanted = {plain(need) for need in PROJECT["dependencies"]}
    for extra, needs in PROJECT["optional-dependencies"].items():
        wanted |= {plain(need) for need in needs} if extra not in UNLOCKED else set()
    locked = {plain(line) for line in LOCK.splitlines() if not line.startswith("#")}
    assert wanted - locked - {"modelyard"} == set(), "lock them: make lock"


def test_the_lock_names_versions_and_no_host() -> None:
    pinned = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+( ; .+)?")
    assert [line for line in LOCK.splitlines() if not line.startswith("#") and not pinned.fullmatch(line)] == []


def test_decision_records_are_numbered_without_a_gap() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_a_decision_record_fills_its_page(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert re.match(r"# \d{4}\. \S", text), "begin with `# NNNN. What was decided`"
    assert text.startswith(f"# {record.name[:4]}. ")
    assert re.search(r"^Status: (accepted|superseded by \d{4}), \d{4}-\d{2}-\d{2}$", text, re.MULTILINE)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == list(SECTIONS)
    assert len(text.split()) <= 700, "a record is one page"


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.relative_to(ROOT).as_posix())
def test_links_between_documents_lead_somewhere(paper: Path) -> None:
    text = re.sub(r"```.*?```", "", paper.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (paper.parent / target).exists(), f"{paper.name} links to {target}, which is not there"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_can_be_run_and_stops_at_the_first_fault(script: Path) -> None:
    assert os.access(script, os.X_OK), f"make it executable: chmod +x {script.relative_to(ROOT)}"
    assert "\nset -euo pipefail\n" in script.read_text(encoding="utf-8")
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=30)


def test_make_help_names_every_target_that_a_person_runs() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    run = subprocess.run(["make", "-C", str(ROOT), "help"], capture_output=True, text=True, timeout=30, check=True)
    declared = re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)[0].split()
    assert re.findall(r"^  make ([\w-]+)", run.stdout, re.MULTILINE) == declared
