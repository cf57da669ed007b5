"""A model's gates in one file, and the check of them: on a laptop, in CI and in the yard the same gates and one record.

A file is YAML, or Python where tests are written beside the gates:

    from modelyard.registry.api import Gate, GateKind
    from modelyard.sdk.gates import Candidate, Gates, test

    gates = Gates(model="tips", gates=[Gate(name="safe", kind=GateKind.SAFE)], approvals=2, roles={"owner": 1})

    @test
    def small_enough(candidate: Candidate) -> str:
        assert candidate.version.size_bytes < 10_000_000
        return f"{candidate.version.size_bytes:,} bytes"

Tests run here, in the process of whoever asks, never in the yard; what came of them is attested in the caller's name.
"""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import msgspec
from msgspec import Struct

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.registry.api import (
    Gate,
    GateKind,
    GateResult,
    ModelVersion,
    Outcome,
    Proposal,
    ProposalState,
    Registry,
)

_GIT_S = 10
_MOST_TEXT = 2000


class Gates(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model asks of a version that is to take an alias.

    Attributes:
        approvals: how many others than the author must approve.
        roles: how many of them in which role.
        tests: a file of Python with more tests, beside this one.
    """

    model: str
    alias: str = "production"
    approvals: int = 1
    roles: dict[str, int] = {}
    gates: list[Gate] = []
    tests: str = ""


class Ran(Struct, frozen=True, kw_only=True):
    """A test that was run here."""

    check: str
    passed: bool
    text: str


class GateCheck(Struct, frozen=True, kw_only=True):
    """What the gates say about a version.

    Attributes:
        champion: whom it was compared with.
        declared: True if the yard asks the same as the file.
        proposal: the open proposal that now holds these results; None where there is none.
        opens: True if every gate stands open.
        commit: the code that was checked out where it ran.
    """

    model: str
    version: int
    alias: str
    champion: int | None
    declared: bool
    opens: bool
    results: tuple[GateResult, ...]
    ran: tuple[Ran, ...] = ()
    proposal: int | None = None
    commit: str = ""


class Candidate:
    """The version under test, as a test sees it.

    Attributes:
        version: what is known of it.
        champion: the version that holds the alias now; None for nobody.
    """

    def __init__(self, registry: Registry, version: ModelVersion, champion: ModelVersion | None, work: Path) -> None:
        self._registry = registry
        self._work = work
        self.version = version
        self.champion = champion

    @cached_property
    def folder(self) -> Path:
        """The version's files, fetched when they are first asked for.

        Raises:
            GateClosed: it may not be loaded: a pickle that is not safe, or a signature that is asked for.
        """
        return self._fetched(self.version)

    @cached_property
    def champion_folder(self) -> Path | None:
        """The champion's files; None where there is no champion."""
        return None if self.champion is None else self._fetched(self.champion)

    def _fetched(self, version: ModelVersion) -> Path:
        self._registry.clear(version.name, version.version)
        folder = self._work / str(version.version)
        cursor: str | None = None
        while True:
            page = self._registry.files(version.name, version.version, limit=1000, cursor=cursor)
            for each in page.items:
                path = folder / each.path
                if not path.resolve().is_relative_to(folder.resolve()):
                    raise InvalidInput(f"{version.name} version {version.version} holds an unsafe path")
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as file:
                    for chunk in self._registry.download(version.name, version.version, each.path):
                        file.write(chunk)
            if (cursor := page.next) is None:
                return folder


Test = Callable[[Candidate], object]
_MARK = "__modelyard_gate_test__"


def test(fn: Test) -> Test:
    """Mark a function as a test of a version: it fails where it raises, and what it returns is told as its words."""
    setattr(fn, _MARK, True)
    return fn


test.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for one of its own


class GateFile:
    """A file of gates and its tests, read.

    Args:
        path: `.yaml`, `.yml` or `.py`.

    Raises:
        InvalidInput: it is not there or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise InvalidInput(f"there is no file {path}; write one, see yard gate check --help")
        self.tests: dict[str, Test] = {}
        self.gates = self._python(path) if path.suffix == ".py" else self._yaml(path)
        if self.gates.tests:
            self._collect(path.parent / self.gates.tests)
        named = {g.name for g in self.gates.gates}
        more = [Gate(name=name, kind=GateKind.TESTS) for name in self.tests if name not in named]
        self.asked = [*self.gates.gates, *more]

    def _yaml(self, path: Path) -> Gates:
        try:
            return msgspec.yaml.decode(path.read_bytes(), type=Gates)
        except (msgspec.MsgspecError, ValueError) as err:
            raise InvalidInput(f"{path} is no file of gates: {err}") from None

    def _python(self, path: Path) -> Gates:
        said = self._collect(path).get("gates")
        if not isinstance(said, Gates):
            raise InvalidInput(f'{path} names no gates; write: gates = Gates(model="...", gates=[...])')
        return said

    def _collect(self, path: Path) -> dict[str, object]:
        """Run a file of the caller's own and take its tests."""
        if not path.is_file():
            raise InvalidInput(f"there is no file of tests {path}")
        said = runpy.run_path(str(path))
        for name, thing in said.items():
            if getattr(thing, _MARK, False) and callable(thing):
                self.tests[name.replace("_", "-")] = thing
        return said

    def check(
        self, registry: Registry, version: int | None = None, *, alias: str = "", declare: bool = False,
        attest: bool = True,
    ) -> GateCheck:  # fmt: skip
        """Run the tests, tell the yard what came of them, and ask the gates; an open proposal keeps what they say.

        Args:
            registry: the yard's.
            version: which; the newest, if left out.
            alias: which it is to take; the file's, if left out.
            declare: let the yard ask from now on what the file asks.
            attest: tell the yard what came of the tests; without that no gate counts them.

        Raises:
            NotFound: there is no such model or version.
        """
        asked, name, alias = self.asked, self.gates.model, alias or self.gates.alias
        number = version or registry.model(name).last_version
        one = registry.version(name, number)
        if declare:
            registry.declare_gates(name, asked, self.gates.approvals, self.gates.roles)
        policy = registry.gates(name)
        declared = (list(policy.gates), policy.approvals, policy.roles) == (
            asked, self.gates.approvals, self.gates.roles
        )  # fmt: skip
        try:
            champion = registry.aliased(name, alias)
        except NotFound:
            champion = None
        commit = commit_here()
        ran = tuple(self._ran(registry, one, champion))
        for each in ran if attest else ():
            registry.attest(
                name, number, each.check, passed=each.passed, text=each.text, commit=commit, link=link_here()
            )
        open_one = _open(registry, name, number, alias) if declared else None
        if open_one is not None:
            results = registry.run_gates(name, open_one.number).results
        else:
            results = tuple(registry.check_gates(name, number, alias, None if declared else asked))
        return GateCheck(
            model=name, version=number, alias=alias, champion=champion.version if champion else None, declared=declared,
            opens=all(r.outcome.opens for r in results), results=results, ran=ran, commit=commit,
            proposal=open_one.number if open_one else None,
        )  # fmt: skip

    def _ran(self, registry: Registry, version: ModelVersion, champion: ModelVersion | None) -> Iterator[Ran]:
        if not self.tests:
            return
        with _work() as work:
            candidate = Candidate(registry, version, champion, work)
            for name, run in self.tests.items():
                try:
                    said = run(candidate)
                except Exception as err:  # noqa: BLE001  # whatever a test raises is its failure
                    words = f"{type(err).__name__}: {err}" if str(err) else type(err).__name__
                    yield Ran(check=name, passed=False, text=words[:_MOST_TEXT])
                else:
                    yield Ran(check=name, passed=True, text=said[:_MOST_TEXT] if isinstance(said, str) else "")


def closed(results: tuple[GateResult, ...]) -> list[GateResult]:
    """The gates that stand closed."""
    return [r for r in results if r.outcome not in (Outcome.PASSED, Outcome.WAIVED)]


@contextmanager
def _work() -> Iterator[Path]:
    folder = tempfile.mkdtemp(prefix="yard-gate-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _open(registry: Registry, name: str, version: int, alias: str) -> Proposal | None:
    """The proposal under way of that version for that alias."""
    for state in (ProposalState.OPEN, ProposalState.APPROVED):
        for each in registry.proposals(name, state).items:
            if (each.version, each.alias) == (version, alias):
                return each
    return None


def commit_here() -> str:
    """The commit that is checked out here; empty where there is none."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, timeout=_GIT_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("ascii", "replace").strip() if done.returncode == 0 else ""


def link_here() -> str:
    """Where this runs, as the common CI systems say it; empty elsewhere."""
    env = os.environ
    if env.get("GITHUB_RUN_ID"):
        return (
            f"{env.get('GITHUB_SERVER_URL', '')}/{env.get('GITHUB_REPOSITORY', '')}/actions/runs/{env['GITHUB_RUN_ID']}"
        )
    return env.get("CI_JOB_URL") or env.get("BUILD_URL") or ""
