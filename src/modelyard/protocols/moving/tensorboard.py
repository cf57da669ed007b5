"""A folder of TensorBoard's brought into the yard: each folder with event files below it becomes a run.

A run's id is made from where the folder lies, so the same folder brought again, grown meanwhile or not, is the same run
and nothing in it comes twice.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import msgspec

from modelyard.adapters.tensorboard.events import Reader, Said
from modelyard.adapters.tensorboard.records import EventFile
from modelyard.kernel.errors import InvalidInput, NotFound, YardError
from modelyard.protocols.moving.report import Kind, Report, Step, Tally
from modelyard.tracking.api import Experiment, Point, Run, RunId, RunStatus, Tracking, real
from modelyard.tracking.api.limits import MAX_KEY, MAX_METRICS, MAX_PARAM_VALUE

_FILES = "*tfevents*"
_FOREIGN = re.compile(r"[^/\w.\- :]")
_MOST_PICTURES = 1000


class TensorBoardMover:
    """Moves one folder.

    Args:
        root: the folder that TensorBoard is started with.
        experiment: where the runs go; by default the folder's name.
        show: is told how far it is.
    """

    def __init__(self, root: Path, tracking: Tracking, show: Callable[[Step], None], experiment: str = "") -> None:
        self._root = root.expanduser().resolve()
        if not self._root.is_dir():
            raise NotFound(f"there is no folder {root}")
        self._tracking = tracking
        self._show = show
        self._experiment = experiment or self._root.name
        self._tally = Tally()
        self._source = f"tensorboard {self._root}"

    def move(self) -> Report:
        """Bring all of it, then count.

        Raises:
            InvalidInput: there is no event file below the folder.
        """
        folders = sorted({path.parent for path in self._root.rglob(_FILES) if path.is_file() and not path.is_symlink()})
        if not folders:
            raise InvalidInput(f"no event file (*tfevents*) lies below {self._root}")
        home = self._tracking.adopt_experiment(
            self._source, Experiment(id="", name=self._experiment, artifact_location="")
        ).id
        self._tally.there[Kind.EXPERIMENTS] = self._tally.here[Kind.EXPERIMENTS] = 1
        for number, folder in enumerate(folders):
            self._show(Step(done=number, total=len(folders), words=f"run {self._name(folder)}"))
            self._tally.there[Kind.RUNS] += 1
            try:
                self._run(folder, home)
            except (YardError, OSError) as err:
                self._tally.problem(f"run {self._name(folder)}: {err}")
        return Report(
            source=self._source,
            counts=self._tally.counts(),
            already=0,
            problems=self._tally.problems,
            notes=self._tally.notes,
        )

    def _name(self, folder: Path) -> str:
        return folder.relative_to(self._root).as_posix() if folder != self._root else self._root.name

    def _run(self, folder: Path, home: str) -> None:
        place = folder.relative_to(self._root).as_posix()
        identity = blake2b(f"{self._source}\0{place}".encode(), digest_size=16).hexdigest()
        run = Run(
            id=RunId(identity), experiment=home, name=self._name(folder), status=RunStatus.FINISHED,
            tags={"mlflow.runName": self._name(folder), "mlflow.source.type": "LOCAL", "modelyard.from": "tensorboard"},
        )  # fmt: skip
        found = _Collected()
        self._tracking.adopt_run(self._source, run)
        points = found.points(self._values(folder))
        while some := [*islice(points, MAX_METRICS)]:
            self._tracking.log(identity, some)
        whole = msgspec.structs.replace(
            run, start_ms=found.first_ms, end_ms=found.last_ms, params=found.params,
            status=RunStatus.FINISHED if found.last_ms else RunStatus.FAILED,
        )  # fmt: skip
        self._tracking.adopt_run(self._source, whole, complete=True)
        for path, body in found.files():
            self._tracking.upload(identity, path, iter([body]))
        self._count(identity, found)

    def _values(self, folder: Path) -> Iterator[Said]:
        reader = Reader()
        for path in sorted(folder.glob(_FILES)):
            file = EventFile(path)
            try:
                for record in file.records():
                    yield from reader.values(record)
            except (YardError, OSError) as err:
                self._tally.problem(f"{err}; what stands behind it is left out")
            if file.torn:
                self._tally.note(f"{path} ends in the middle of a record, as when its writer died; all before it came")
        for plugin, count in reader.passed.items():
            self._tally.note(f"{self._name(folder)}: {count:,} values of the plugin {plugin} are not read")

    def _count(self, run: str, found: _Collected) -> None:
        there, here = self._tally.there, self._tally.here
        kept = self._tracking.run_record(run)
        here[Kind.RUNS] += 1
        there[Kind.PARAMS] += len(found.params)
        here[Kind.PARAMS] += len(kept.params)
        there[Kind.POINTS] += sum(len(seen) for seen in found.seen.values())
        for key in found.seen:
            cursor: str | None = None
            while True:
                page = self._tracking.history(run, key, 100_000, cursor=cursor)
                here[Kind.POINTS] += len(page.items)
                cursor = page.next
                if cursor is None:
                    break
        files = [path for path, _ in found.files()]
        there[Kind.FILES] += len(files)
        for path in files:
            here[Kind.FILES] += self._tracking.artifact(run, path).path == path


class _Collected:
    """What one run says, apart by what becomes of it."""

    def __init__(self) -> None:
        self.params: dict[str, str] = {}
        self.seen: dict[str, set[tuple[int, int, str]]] = {}
        self.first_ms = self.last_ms = 0
        self._names: dict[str, str] = {}
        self._texts: dict[str, list[str]] = {}
        self._histograms: dict[str, list[object]] = {}
        self._blobs: dict[str, bytes] = {}
        self._counts: Counter[str] = Counter()

    def points(self, values: Iterator[Said]) -> Iterator[Point]:
        """The scalars; all else is put aside."""
        for one in values:
            self.first_ms = min(self.first_ms or one.at_ms, one.at_ms)
            self.last_ms = max(self.last_ms, one.at_ms)
            if one.scalar is None:
                self._put_aside(one)
                continue
            key = self._named(one.tag)
            self.seen.setdefault(key, set()).add((one.step, one.at_ms, repr(one.scalar)))
            yield Point(key=key, value=real(one.scalar), at_ms=one.at_ms, step=one.step)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Texts, histograms, pictures and sounds, as files of the run."""
        for tag, parts in self._texts.items():
            yield f"text/{tag}.md", "\n\n".join(parts).encode()
        for tag, rows in self._histograms.items():
            yield f"histograms/{tag}.json", msgspec.json.encode(rows)
        yield from self._blobs.items()

    def _put_aside(self, one: Said) -> None:
        tag = self._named(one.tag)
        self.params |= {self._named(k)[:MAX_KEY]: v[:MAX_PARAM_VALUE] for k, v in one.params.items()}
        for text in one.texts:
            self._texts.setdefault(tag, []).append(f"## step {one.step}\n\n{text}")
        if one.histogram:
            row = {"step": one.step, "at_ms": one.at_ms, "buckets": one.histogram}
            self._histograms.setdefault(tag, []).append(row)
        for kind, ending, bodies in (("images", _ending, one.pictures), ("audio", lambda _: "wav", one.sounds)):
            for number, body in enumerate(bodies):
                self._counts[kind] += 1
                if self._counts[kind] <= _MOST_PICTURES:
                    part = f"-{number}" if len(bodies) > 1 else ""
                    self._blobs[f"{kind}/{tag}/step-{one.step}{part}.{ending(body)}"] = body

    def _named(self, tag: str) -> str:
        """A tag as a name that may stand in the yard: other characters become `_`, and never two tags one name."""
        if tag not in self._names:
            plain = _FOREIGN.sub("_", tag)[: MAX_KEY - 9].strip("/") or "value"
            plain = "/".join(part if part not in ("", ".", "..") else "_" for part in plain.split("/"))
            taken = plain in self._names.values()
            mark = blake2b(tag.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
            self._names[tag] = f"{plain}_{mark}" if taken else plain
        return self._names[tag]


def _ending(body: bytes) -> str:
    for head, ending in ((b"\x89PNG", "png"), (b"\xff\xd8", "jpg"), (b"GIF8", "gif")):
        if body.startswith(head):
            return ending
    return "bin"
