"""Serving on a bench with everything it stands on for real: tracking, registry, lake, objects, child processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np

from modelyard.adapters.children import FileChildren
from modelyard.adapters.objects.folder import FolderObjects
from modelyard.adapters.processes import LocalProcesses
from modelyard.adapters.secrets import open_secrets
from modelyard.kernel.operations import Effect
from modelyard.lake.api import Lake
from modelyard.lake.store import MIGRATIONS as LAKE
from modelyard.registry.api import Registry, VersionFile
from modelyard.registry.service import RegistryService
from modelyard.registry.store import MIGRATIONS as REGISTRY
from modelyard.serving.api import Credential, Serving
from modelyard.serving.hot.server import PlaneStatus, read_status
from modelyard.serving.service import ServingService
from modelyard.serving.service.bundles import NOTE_FILE
from modelyard.serving.service.compiling import CompileOrder, compile_model
from modelyard.serving.store import MIGRATIONS as SERVING
from modelyard.testing import Bench
from modelyard.tracking.api import Tracking
from modelyard.tracking.service import TrackingService
from modelyard.tracking.store import MIGRATIONS as TRACKING
from tests.lake.stand import lake_service
from tests.serving.hot.planes import BEARER, SRC, Answer, Wire, question, request, token

MIGRATIONS = (*LAKE, *TRACKING, *REGISTRY, *SERVING)
ROW = [1.0, 0.0, 0.5, -0.5]


@dataclass
class Tokens:
    """Who may predict, as a slice above would answer."""

    version: int = 1
    standing: tuple[str, ...] = ("yard_test_token",)

    def rights_version(self) -> int:
        return self.version

    def credentials(self, endpoints: Sequence[str]) -> Sequence[Credential]:
        names = tuple(endpoints)
        return [Credential(digest=token(t).digest, caller="actor_1", predict=names, read=names) for t in self.standing]


@dataclass
class Place:
    """The slices at one bench."""

    bench: Bench
    service: ServingService
    serving: Serving
    registry: Registry
    tracking: Tracking
    lake: Lake
    tokens: Tokens
    children: FileChildren
    objects: FolderObjects
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def register(self, name: str, sign: int = 1, *, compiled: bool = True) -> int:
        """Log a fitted estimator as a run would, and register it; its version.

        With `compiled` its form for serving is attached, as an earlier deployment would have left it.
        """
        import skops.io

        path = self.bench.home / "model.skops"
        skops.io.dump(fitted(sign), path)
        run = self.tracking.start_run("0")
        self.tracking.upload(run.id, "model/model.skops", [path.read_bytes()])
        if not any(m.name == name for m in self.registry.models().items):
            self.registry.create_model(name)
        version = self.registry.register(name, f"runs:/{run.id}/model").version
        if compiled:
            stored = {name: self.objects.put([content]) for name, content in form_of(sign).items()}
            files = [VersionFile(path=n, digest=s.digest, size_bytes=s.size_bytes) for n, s in stored.items()]
            self.registry.attach_serving_form(name, version, files)
        return version

    def round(self) -> None:
        """One round of the publishing duty."""
        self.bench.call(self.service.publisher.round, Effect.WORK)

    def start(self) -> None:
        """Start the model server as the supervisor would."""
        (wanted,) = self.children.wanted()
        argv = [sys.executable if part == "{python}" else part for part in wanted.argv]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(SRC), os.environ.get("PYTHONPATH", "")))}
        self.processes.append(subprocess.Popen([*argv, "--roll-seconds", "1.5"], env=env, stderr=subprocess.DEVNULL))
        self.wait(lambda status: status.pid == self.processes[-1].pid and status.settled)

    def wait(self, wanted: Callable[[PlaneStatus], bool]) -> PlaneStatus:
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            status = read_status(self.bench.home)
            if status is not None and wanted(status):
                return status
            time.sleep(0.01)
        raise AssertionError(f"waited in vain: {read_status(self.bench.home)}")

    def settled(self) -> None:
        """Wait until the model server serves what was published last."""
        version = self.bench.call(self.service.publisher.publish, Effect.WORK)
        self.wait(lambda status: status.snapshot >= version and status.settled)

    def ask(self, name: str = "tips", *, row: Sequence[float] = ROW, bearer: str = BEARER, **more: Any) -> Answer:
        status = read_status(self.bench.home)
        assert status is not None
        tensor = {"name": "x", "shape": [1, len(row)], "datatype": "FP64", "data": list(row)}
        wire = Wire(status.port)
        try:
            wire.send(request(f"/v2/models/{name}/infer", question(tensor, **more), extra=bearer))
            return wire.answer()
        finally:
            wire.close()

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
                process.wait(20)


@cache
def form_of(sign: int) -> dict[str, bytes]:
    """The files of the small classifier's form for serving; compiled once a test session."""
    import skops.io

    with TemporaryDirectory() as name:
        source, target = Path(name) / "source", Path(name) / "target"
        source.mkdir()
        target.mkdir()
        skops.io.dump(fitted(sign), source / "model.skops")
        report = compile_model(CompileOrder(source=str(source), target=str(target)))
        (target / NOTE_FILE).write_bytes(msgspec.json.encode(report))
        return {path.name: path.read_bytes() for path in target.iterdir()}


def fitted(sign: int = 1) -> Any:
    """A small classifier; with sign -1 it answers the opposite."""
    from sklearn.linear_model import LogisticRegression

    x = np.random.default_rng(7).normal(size=(200, 4))
    return LogisticRegression().fit(x, (sign * x[:, 0] > 0).astype(int))


@contextmanager
def furnished(bench: Bench) -> Iterator[Place]:
    """Everything at that bench; ended afterwards."""
    with ExitStack() as closing:
        closing.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", ResourceWarning)
        objects = FolderObjects(bench.home / "objects")
        tracking = TrackingService(objects=objects)
        secrets = open_secrets(bench.home / "state")
        registry = RegistryService(objects=objects, tracking=tracking, secrets=secrets)
        lake = closing.enter_context(lake_service(bench))
        env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(SRC), os.environ.get("PYTHONPATH", "")))}
        compute = LocalProcesses(bench.home / "run" / "compute", env=env, clock=bench.clock)
        closing.callback(compute.close)
        tokens, children = Tokens(), FileChildren(bench.home / "run" / "children")
        service = ServingService(
            home=bench.home, registry=registry, lake=lake, objects=objects, compute=lambda: compute,
            children=children, credentials=lambda: tokens,
        )  # fmt: skip
        place = Place(
            bench, service, bench.open(Serving, service), bench.open(Registry, registry),
            bench.open(Tracking, tracking), bench.open(Lake, lake), tokens, children, objects,
        )  # fmt: skip
        closing.callback(place.stop)
        yield place


def folder_of(home: Path) -> Path:
    return home / "state" / "predictions"
