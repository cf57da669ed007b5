"""Two runs side by side: a verdict for each metric, param, input and file of either.

Left out, because it is another each time: what the machine did (`system/`), what was captured (`reproduce/`), times of
points, and the fields of a model's description that name the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from modelyard.sdk.recording.surroundings import FOLDER
from modelyard.sdk.reproducing import likeness
from modelyard.sdk.reproducing.recorded import walk
from modelyard.tracking.api import Likeness, Run, Subject, Tracking, Verdict

T = TypeVar("T")
_SYSTEM = "system/"
_LARGEST = 256 << 20
_WORDS = 1900


def compare(tracking: Tracking, first: Run, again: Run, tolerance: float) -> list[Verdict]:
    """What became of each thing.

    Args:
        tolerance: the relative difference up to which numbers are equal.
    """
    return [
        *_metrics(tracking, first, again, tolerance),
        *_texts(Subject.PARAM, first.params, again.params),
        *_texts(Subject.INPUT, _inputs(first), _inputs(again)),
        *_artifacts(tracking, first, again, tolerance),
    ]


def _both(first: Mapping[str, T], again: Mapping[str, T], subject: Subject) -> Iterator[tuple[str, T, T] | Verdict]:
    """Names that both have, with what they have; and verdicts on names that one has."""
    for name in sorted({*first, *again}):
        if name not in again:
            yield Verdict(subject=subject, name=name, likeness=Likeness.MISSING, words="only the first run has it")
        elif name not in first:
            yield Verdict(subject=subject, name=name, likeness=Likeness.EXTRA, words="only the repetition has it")
        else:
            yield name, first[name], again[name]


def _metrics(tracking: Tracking, first: Run, again: Run, tolerance: float) -> Iterator[Verdict]:
    def keys(run: Run) -> dict[str, str]:
        return {point.key: run.id for point in run.metrics if not point.key.startswith(_SYSTEM)}

    for each in _both(keys(first), keys(again), Subject.METRIC):
        if isinstance(each, Verdict):
            yield each
            continue
        name, one, other = each
        kind, words = likeness.of_series(_series(tracking, one, name), _series(tracking, other, name), tolerance)
        yield Verdict(subject=Subject.METRIC, name=name, likeness=kind, words=words)


def _series(tracking: Tracking, run: str, key: str) -> list[tuple[int, float]]:
    """Steps and values, in order of steps and, within one, as they came."""
    found: list[tuple[int, float]] = []
    cursor: str | None = None
    while True:
        page = tracking.history(run, key, 100_000, cursor=cursor)
        found += [(point.step, point.number) for point in page.items]
        cursor = page.next
        if cursor is None:
            return sorted(found, key=lambda point: point[0])


def _texts(subject: Subject, first: Mapping[str, str], again: Mapping[str, str]) -> Iterator[Verdict]:
    for each in _both(first, again, subject):
        if isinstance(each, Verdict):
            yield each
            continue
        name, one, other = each
        same = one == other
        words = "" if same else f"{one[:200]} -> {other[:200]}"
        kind = Likeness.IDENTICAL if same else Likeness.DIFFERENT
        yield Verdict(subject=subject, name=name, likeness=kind, words=words)


def _inputs(run: Run) -> dict[str, str]:
    """What a run read: refs of the lake with their version, and datasets, by name and part, with their digest."""
    found: dict[str, str] = {ref.partition("@")[0]: ref for ref in run.reads}
    for each in run.inputs:
        if each.dataset.source not in run.reads and each.dataset.name not in run.reads:
            part = each.tags.get("mlflow.data.context", "")
            found[f"{each.dataset.name} ({part})" if part else each.dataset.name] = each.dataset.digest
    return found


def _artifacts(tracking: Tracking, first: Run, again: Run, tolerance: float) -> Iterator[Verdict]:
    for each in _both(_files(tracking, first), _files(tracking, again), Subject.ARTIFACT):
        if isinstance(each, Verdict):
            yield each
            continue
        name, (owner, path, digest, size), (other, their, theirs, further) = each
        kind, words = Likeness.IDENTICAL, ""
        if digest != theirs and max(size, further) > _LARGEST:
            kind, words = Likeness.DIFFERENT, f"other bytes ({size:,} and {further:,}), too large to look into"
        elif digest != theirs:
            one, two = b"".join(tracking.download(owner, path)), b"".join(tracking.download(other, their))
            kind, words = likeness.of_files(path, one, two, tolerance)
        yield Verdict(subject=Subject.ARTIFACT, name=name[:1500], likeness=kind, words=words[:_WORDS])


def _files(tracking: Tracking, run: Run) -> dict[str, tuple[str, str, str, int]]:
    """Every file of a run and of the models that it made, by a name that both runs share: owner, path, digest, size."""
    found: dict[str, tuple[str, str, str, int]] = {
        path: (run.id, path, digest, size)
        for path, digest, size in walk(tracking, run.id)
        if not path.startswith(f"{FOLDER}/")
    }
    seen: dict[str, int] = {}
    for output in run.outputs:
        model = tracking.logged_model(output.model, deleted=True)
        seen[model.name] = number = seen.get(model.name, 0) + 1
        top = f"models/{model.name}" + (f" ({number})" if number > 1 else "")
        found |= {f"{top}/{path}": (model.id, path, digest, size) for path, digest, size in walk(tracking, model.id)}
    return found
