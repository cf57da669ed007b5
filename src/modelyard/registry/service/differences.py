"""What a proposal would change: gathered from evaluations, runs and versions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from modelyard.kernel.errors import NotFound
from modelyard.kernel.units import format_bytes
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.ports.objects import Objects
from modelyard.registry.api import (
    Change,
    CodeChange,
    Comparison,
    DataSight,
    Evaluation,
    Flips,
    ModelVersion,
    ProposalDiff,
)
from modelyard.registry.model import signatures
from modelyard.registry.service.evaluations import rows_of
from modelyard.registry.store import evaluations, versions
from modelyard.registry.store.evaluations import Compared
from modelyard.tracking.api import Run, Tracking

_MOST_DATASETS = 3
_PATCH = "reproduce/uncommitted.diff"
"""Where a run keeps what was changed beside its commit."""
_MOST_PATCH = 64 << 10
_PACKAGE = re.compile(r"([A-Za-z0-9._-]+(?:\[[^\]]*\])?)(.*)")


class _Fresh(NamedTuple):
    """A comparison that was computed just now, between two evaluations."""

    candidate: int
    champion: int
    found: Compared


def _keep(fresh: Sequence[_Fresh]) -> None:
    """Keep comparisons for the next who asks: the rows of an evaluation never change, so neither do they."""
    for one in fresh:
        evaluations.keep_comparison(calls.current().tx, one.candidate, one.champion, one.found)


class Differences:
    """Compares two versions of a model.

    Args:
        objects: where the rows of evaluations lie.
        tracking: who knows the runs.
        sight: who knows which rows may be shown to whoever asks.
    """

    def __init__(self, objects: Objects, tracking: Tracking, sight: DataSight) -> None:
        self._sight = sight
        self._objects = objects
        self._tracking = tracking

    def diff(
        self, tx: Transaction, model: int, *, name: str, number: int, candidate: int, champion: int | None
    ) -> ProposalDiff:
        """Candidate against champion; against nothing, where there is no champion."""
        after = versions.ever(tx, model, candidate)
        before = versions.ever(tx, model, champion) if champion else None
        if after is None:
            raise NotFound(f"version {candidate} of {name} is gone")
        runs = self._run(before), self._run(after)
        params = [r.params if r else {} for r in runs]
        metrics = [{p.key: f"{p.number:.6g}" for p in r.metrics} if r else {} for r in runs]
        fresh: list[_Fresh] = []
        compared, flips = self._metrics(tx, model, before, after, fresh)
        found = ProposalDiff(
            number=number, candidate=after.version, champion=before.version if before else None,
            metrics=tuple(compared), flips=tuple(self._seen(f) for f in flips), params=_changes(*params),
            run_metrics=_changes(*metrics),
            data=_changes(*({str(r).partition("@")[0]: str(r) for r in v.reads} if v else {} for v in (before, after))),
            code=self._code(*runs),
            signature=signatures.differences(before.signature if before else None, after.signature),
            requirements=_changes(*(_packages(v) for v in (before, after))),
            facts=_changes(*(_facts(v, r) for v, r in zip((before, after), runs, strict=True))),
        )  # fmt: skip
        if fresh:
            calls.current().unit(lambda: _keep(fresh))
        return found

    def tried(self, tx: Transaction, model: int, version: int) -> list[Evaluation]:
        """A version's evaluations, newest first."""
        found = versions.one(tx, model, version)
        if found is None:
            return []
        return evaluations.of_version(tx, found[0], name=found[1].name, number=version)

    def _metrics(
        self, tx: Transaction, model: int, before: ModelVersion | None, after: ModelVersion, fresh: list[_Fresh]
    ) -> tuple[list[Comparison], list[Flips]]:
        theirs = self.tried(tx, model, before.version) if before else []
        made: list[Comparison] = []
        flips: list[Flips] = []
        seen: set[str] = set()
        for one in self.tried(tx, model, after.version):
            if one.dataset in seen or len(seen) >= _MOST_DATASETS:
                continue
            seen.add(one.dataset)
            same = next((e for e in theirs if e.rows_key == one.rows_key and e.task is one.task), None)
            if same is not None:
                known = evaluations.compared(tx, one.id, same.id)
                if known is None:
                    known = self._compared(one, same)
                    fresh.append(_Fresh(one.id, same.id, known))
                made += known.metrics
                flips.append(known.flips)
            else:
                made += [_alone(one, theirs, at) for at in range(len(one.figures))]
        return made, flips

    def _compared(self, one: Evaluation, other: Evaluation) -> Compared:
        """Two evaluations on the same rows, by paired bootstrap, and what flips between them."""
        from modelyard.registry.model import evaluating, flipping

        pair = [(rows_of(self._objects, e), e.threshold) for e in (one, other)]
        data = one.data or other.data
        return Compared(
            tuple(evaluating.compared(one.dataset, one.task, pair[0], pair[1])),
            flipping.flips(one.dataset, one.task, pair[0], pair[1], data=data),
        )

    def _seen(self, flips: Flips) -> Flips:
        """What flips, with rows only where whoever asks may see those of their data as they are."""
        if flips.data is None or not flips.examples or self._sight.shows(flips.data):
            return flips
        return replace(flips, examples=(), withheld=f"{flips.data} is hidden from you, whole or in part")

    def _code(self, before: Run | None, after: Run | None) -> CodeChange:
        """The commits of the two runs, and what the candidate's run had changed beside its own."""
        old, new = (before and before.commit) or "", (after and after.commit) or ""
        patch = b"" if after is None else self._patch(after.id)
        return CodeChange(
            before=old, after=new, range=f"{old[:12]}..{new[:12]}" if old and new and old != new else "",
            repository=after.tags.get("mlflow.source.git.repoURL", "") if after else "",
            changed=bool(patch) or (after is not None and after.tags.get("modelyard.code", "").startswith("changed")),
            patch=patch.decode("utf-8", "replace"),
        )  # fmt: skip

    def _patch(self, run: str) -> bytes:
        try:
            kept = b""
            for chunk in self._tracking.download(run, _PATCH):
                kept += chunk
                if len(kept) >= _MOST_PATCH:
                    break
        except NotFound:
            return b""
        return kept[:_MOST_PATCH]

    def _run(self, version: ModelVersion | None) -> Run | None:
        if version is None or version.run is None:
            return None
        try:
            return self._tracking.run_record(version.run)
        except NotFound:
            return None


def _alone(one: Evaluation, theirs: list[Evaluation], at: int) -> Comparison:
    """A figure beside the champion's on a set of rows of the same name, which are not the same rows."""
    figure = one.figures[at]
    other = next((e for e in theirs if e.dataset == one.dataset and e.task is one.task), None)
    same = [f for f in (other.figures if other else ()) if (f.metric, f.group) == (figure.metric, figure.group)]
    champion = same[0] if same else None
    ahead = None
    if champion is not None and champion.value is not None and figure.value is not None:
        ahead = (figure.value - champion.value) * (1 if figure.metric.more_is_better else -1)
    return Comparison(
        metric=figure.metric, dataset=one.dataset, group=figure.group, candidate=figure, champion=champion,
        advantage=ahead,
    )  # fmt: skip


def _facts(version: ModelVersion | None, run: Run | None) -> dict[str, str]:
    if version is None:
        return {}
    facts = {
        "size": format_bytes(version.size_bytes),
        "files": str(version.files),
        "flavours": ", ".join(version.flavours),
        "python": version.python,
        "licence": version.licence,
        "safety": version.scan.verdict.value,
        "signed by": ", ".join(version.signers),
        "content": version.digest[:12],
        "logged by": run.user if run else "",
    }
    return {k: v for k, v in facts.items() if v}


def _packages(version: ModelVersion | None) -> dict[str, str]:
    """What is asked of each package, by its name."""
    parted = (_PACKAGE.match(line) for line in (version.requirements if version else ()))
    return {found[1].lower(): found[2].strip() or "any" for found in parted if found}


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    keys = sorted({*before, *after})
    return tuple(
        Change(what=k, before=before.get(k), after=after.get(k)) for k in keys if before.get(k) != after.get(k)
    )
