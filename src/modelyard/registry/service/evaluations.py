"""Evaluations: rows in, kept as objects; figures out."""

from __future__ import annotations

import msgspec

from modelyard.kernel.pages import Page, page_of, place_of
from modelyard.kernel.refs import Ref
from modelyard.ports import calls
from modelyard.ports.objects import Objects, check_stand, parse_digest
from modelyard.registry.api import Evaluation, EvaluationRows, Task, VersionEvaluated
from modelyard.registry.api.evaluations import EvaluationOperations
from modelyard.registry.service.found import model_ref, version_of
from modelyard.registry.store import evaluations as store

_rows = msgspec.json.Decoder(EvaluationRows)


class Evaluations(EvaluationOperations):
    """The operations on evaluations."""

    _objects: Objects

    def evaluate(
        self, name: str, version: int, dataset: str, rows: EvaluationRows, *, task: Task = Task.BINARY,
        threshold: float = 0.5, data: Ref | None = None,
    ) -> Evaluation:  # fmt: skip
        """Keep a version's answers and say how good they are."""
        from modelyard.registry.model import evaluating

        call = calls.current()
        version_of(call.tx, name, version)
        evaluating.check(rows, task)
        kept = evaluating.ordered(rows)
        measured = store.Measured(
            task=task, rows=len(kept.labels), threshold=threshold, data=data,
            figures=evaluating.figures(kept, task, threshold), gaps=evaluating.gaps(kept, task, threshold),
        )  # fmt: skip
        stored = self._objects.put([msgspec.json.encode(kept)])
        key = evaluating.rows_key(kept)

        def enter() -> Evaluation:
            tx = calls.current().tx
            _, inside, _ = version_of(tx, name, version)
            check_stand(self._objects, [stored.digest])
            store.add(
                tx, inside, measured, dataset=dataset, rows_key=key, digest=stored.digest, actor=call.actor.id,
                now_ms=call.now_ms,
            )  # fmt: skip
            reads = [model_ref(name, version), *([data] if data else [])]
            call.emit(
                VersionEvaluated(name=name, version=version, dataset=dataset, rows=measured.rows), reads=reads
            )  # fmt: skip
            return store.of_version(tx, inside, name=name, number=version, limit=1)[0]

        return call.unit(enter)

    def evaluations(self, name: str, version: int, limit: int = 100, cursor: str | None = None) -> Page[Evaluation]:
        """List how good a version was."""
        tx = calls.current().tx
        _, inside, _ = version_of(tx, name, version)
        before = place_of(cursor, 2**62)
        found = store.of_version(tx, inside, name=name, number=version, before=before, limit=limit + 1)
        return page_of(found, limit, lambda e: (e.id,))


def rows_of(objects: Objects, one: Evaluation) -> EvaluationRows:
    """The stored rows of an evaluation.

    Raises:
        NotFound: their object is gone.
        Damaged: it is not what was stored.
    """
    return _rows.decode(b"".join(objects.read(parse_digest(one.digest))))
