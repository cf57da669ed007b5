"""Model folders: made once for each model version by a child process, kept in the registry, laid out in the home.

A folder is named after its content, so a revision that comes back costs nothing and two endpoints share one.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import chain
from pathlib import Path
from time import sleep

import msgspec

from modelyard.kernel.errors import InvalidInput, NotFound, TimedOut, YardError
from modelyard.kernel.refs import parts
from modelyard.lake.api import Lake
from modelyard.ports import calls
from modelyard.ports.compute import Compute, Limits, Order
from modelyard.ports.objects import Digest, Objects, check_stand
from modelyard.registry.api import ModelVersion, Registry, VersionFile
from modelyard.serving.api import Revision
from modelyard.serving.hot.bundle import ONNX_FILE, SIGNATURE_FILE, SKOPS_FILE, Bundle, read_bundle
from modelyard.serving.hot.tensors import Scalar
from modelyard.serving.service.compiling import Asked, CompileOrder, CompileReport

NOTE_FILE = "compiled.json"
_CHECKED_ROWS = 1000
_COMPILE_S = 300.0
_COMPILE_BYTES = 8 << 30
_MAX_BYTES = 4 << 30
_POLL_S = 0.05
_SPEAKABLE = (bool, int, float, str)


class Bundles:
    """Makes and lays out model folders."""

    def __init__(
        self, *, home: Path, objects: Objects, registry: Registry, lake: Lake, compute: Callable[[], Compute]
    ) -> None:
        self._home = home
        self._folder = home / "models"
        self._objects = objects
        self._registry = registry
        self._lake = lake
        self._compute = compute

    def prepare(self, version: ModelVersion, trusted: tuple[str, ...]) -> tuple[Bundle, CompileReport, str]:
        """The laid-out folder of a version, how it came about, and its digest; compiles on first use, which is slow.

        Raises:
            GateClosed: it may not be loaded: the scan of its files, or a signature that its model asks for.
            InvalidInput: it has no form that can be served.
        """
        version = self._registry.clear(version.name, version.version)
        files = self._kept(version) or self._compiled(version, trusted)
        digest = sha256(b"".join(f"{f.path}\0{f.digest}\n".encode() for f in files)).hexdigest()
        folder = self._lay_out(files, digest)
        note = msgspec.json.decode((folder / NOTE_FILE).read_bytes(), type=CompileReport)
        return read_bundle(folder), note, digest

    def sweep(self, wanted: set[str]) -> int:
        """Remove folders that no revision names, and what a crash left; how many."""
        gone = 0
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            if f"models/{folder.name}" not in wanted:
                shutil.rmtree(folder, ignore_errors=True)
                gone += 1
        return gone

    def restore(self, folder: str, revision: Revision) -> None:
        """Lay a folder out again if it is missing from the home."""
        if not (self._home / folder).is_dir():
            _, name, version = parts(revision.model)
            with suppress(YardError):  # the model server says what is missing
                self._lay_out(self._registry.serving_form(name, int(version or 0)).files, revision.digest)

    def _kept(self, version: ModelVersion) -> tuple[VersionFile, ...]:
        try:
            files = self._registry.serving_form(version.name, version.version).files
        except NotFound:
            return ()
        return tuple(files) if any(file.path == NOTE_FILE for file in files) else ()

    def _compiled(self, version: ModelVersion, trusted: tuple[str, ...]) -> tuple[VersionFile, ...]:
        with tempfile.TemporaryDirectory(prefix="compile-", dir=self._work()) as name:
            work = Path(name)
            source, target = work / "source", work / "target"
            source.mkdir()
            target.mkdir()
            self._fetch(version, source)
            fields = version.signature.inputs if version.signature is not None else ()
            asked = tuple(Asked(name=f.name, type=f.type, required=f.required, shape=f.shape) for f in fields)
            order = CompileOrder(
                source=str(source), target=str(target), inputs=asked, trusted=trusted,
                rows=self._rows(version, [field.name for field in asked]),
            )  # fmt: skip
            report = self._run(order, work)
            if report.problem:
                raise InvalidInput(f"{version.name} version {version.version} cannot be served: {report.problem}")
            (target / NOTE_FILE).write_bytes(msgspec.json.encode(report))
            files = [self._stored(path, path.name) for path in sorted(target.iterdir())]
        call = calls.current()

        def attach() -> None:
            check_stand(self._objects, [file.digest for file in files])
            self._registry.attach_serving_form(version.name, version.version, files)

        call.unit(attach)
        return tuple(files)

    def _run(self, order: CompileOrder, work: Path) -> CompileReport:
        compute, log = self._compute(), work / "compile.log"
        (work / "order.json").write_bytes(msgspec.json.encode(order))
        argv = (sys.executable, "-m", "modelyard.serving.service.compiling", str(work / "order.json"))
        limits = Limits(wall_s=_COMPILE_S, memory_bytes=_COMPILE_BYTES)
        child = compute.start(Order(argv=argv, folder=work, log=log, limits=limits))
        try:
            while (child := compute.look(child.id)).runs:
                sleep(_POLL_S)
        finally:
            if child.runs:
                compute.stop(child.id)
            compute.forget(child.id)
        report = work / "report.json"
        if not report.is_file():
            if child.end == "timed_out":
                raise TimedOut(f"compiling took longer than {_COMPILE_S:g} s; deploy a smaller model")
            return CompileReport(
                problem=f"compiling ended with {child.exit_code}: {child.last_line or 'no last words'}"
            )
        return msgspec.json.decode(report.read_bytes(), type=CompileReport)

    def _fetch(self, version: ModelVersion, target: Path) -> None:
        """Lay a version's files out, as they were registered."""
        for file in self._files(version):
            path = target / file.path
            if not path.resolve().is_relative_to(target.resolve()):
                raise InvalidInput(f"{version.name} version {version.version} holds an unsafe path")
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(path, self._objects.read(Digest(file.digest)))

    def _files(self, version: ModelVersion) -> Iterator[VersionFile]:
        cursor: str | None = None
        total = 0
        while True:
            page = self._registry.files(version.name, version.version, limit=1000, cursor=cursor)
            for file in page.items:
                total += file.size_bytes
                if total > _MAX_BYTES:
                    raise InvalidInput(f"{version.name} version {version.version} is larger than {_MAX_BYTES:,} bytes")
                yield file
            if (cursor := page.next) is None:
                return

    def _rows(self, version: ModelVersion, names: Sequence[str]) -> tuple[dict[str, Scalar], ...]:
        """Real rows to check with, from a table that the version's run read; none where none has the inputs."""
        for source in version.reads if names and all(names) else ():
            kind, table, at = parts(source)
            if kind != "table":
                continue
            with suppress(YardError):
                found = self._lake.preview(table, at=at, limit=_CHECKED_ROWS)
                columns = [column.name for column in found.columns]
                if set(names) <= set(columns):
                    places = [columns.index(name) for name in names]
                    return tuple(
                        {n: _speakable(row[p]) for n, p in zip(names, places, strict=True)} for row in found.rows
                    )
        return ()

    def _stored(self, path: Path, name: str) -> VersionFile:
        with path.open("rb") as file:
            stored = self._objects.put(iter(lambda: file.read(1 << 20), b""))
        return VersionFile(path=name, digest=stored.digest, size_bytes=stored.size_bytes)

    def _lay_out(self, files: Iterable[VersionFile], digest: str) -> Path:
        folder = self._folder / digest[:32]
        if folder.is_dir():
            return folder
        allowed = {ONNX_FILE, SKOPS_FILE, SIGNATURE_FILE, NOTE_FILE}
        with tempfile.TemporaryDirectory(prefix="lay-", dir=self._work()) as name:
            fresh = Path(name) / "folder"
            fresh.mkdir()
            for file in files:
                if file.path not in allowed:
                    raise InvalidInput(f"a form for serving holds {file.path!r}, which no model folder has")
                self._write(fresh / file.path, self._objects.read(Digest(file.digest)))
            self._folder.mkdir(exist_ok=True)
            with suppress(OSError):  # another process was quicker
                fresh.rename(folder)
        return folder

    def _work(self) -> Path:
        work = self._home / "run" / "serving"
        work.mkdir(parents=True, exist_ok=True)
        return work

    @staticmethod
    def _write(path: Path, content: Iterator[bytes]) -> None:
        with path.open("wb") as file:
            for chunk in chain(content):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())


def _speakable(value: object) -> Scalar:
    return value if isinstance(value, _SPEAKABLE) else None
