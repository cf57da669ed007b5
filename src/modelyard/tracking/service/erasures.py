"""Forgetting a person in traces: found in every place where a text of a trace lies, removed in small units.

A unit takes whole traces with their rows and files; the contents of those files are freed at the end, unless something
else holds them. Cut off in the middle it is made again, and finds what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from modelyard.kernel.refs import ref
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.ports.objects import Digest
from modelyard.tracking.api import TracesDeleted
from modelyard.tracking.api.erasures import ErasedTraces, TraceErasure, TraceErasureOperations
from modelyard.tracking.api.records import ExperimentId
from modelyard.tracking.api.traces import Assessment
from modelyard.tracking.model.mentions import SoughtInTraces
from modelyard.tracking.service.assessments import withdraw
from modelyard.tracking.service.collection import CollectionService
from modelyard.tracking.store import collection, mentions
from modelyard.tracking.store.collection import One

_AT_ONCE = 100
_MOST_LONGER = 10_000
_WHOLE_BYTES = 32 << 20
_WINDOW_BYTES = 8 << 20


@dataclass(slots=True)
class _Found:
    """Numbers of traces that name somebody; what is said of others and does; and longer words."""

    traces: set[int] = field(default_factory=set)
    said: dict[int, list[Assessment]] = field(default_factory=dict)
    longer: set[str] = field(default_factory=set)

    def judge(self, number: int, *, names: bool, text: str, sought: SoughtInTraces) -> None:
        """Take a trace that names it; learn the longer words of one that does not."""
        if names:
            self.traces.add(number)
        elif len(self.longer) < _MOST_LONGER:
            self.longer.update(sought.longer(text))


class TraceErasures(CollectionService, TraceErasureOperations):
    """The operations that take a person out of traces."""

    def erase_traces(self, value: str, names: tuple[str, ...] = (), *, apply: bool = False) -> TraceErasure:
        """Find the traces that name somebody, or remove them for good."""
        call = calls.current()
        found = self._naming(call.tx, SoughtInTraces(value, names))
        known = mentions.of(call.tx, sorted(found.traces | found.said.keys()))
        whole = [(one, home) for one, home in known if one.number in found.traces]
        beside = [(one, home) for one, home in known if one.number not in found.traces]
        files = len(collection.files_of(call.tx, [one.id for one, _ in whole]))
        if apply:
            for at in range(0, len(whole), _AT_ONCE):
                call.unit(partial(_drop, whole[at : at + _AT_ONCE]))
            for at in range(0, len(beside), _AT_ONCE):
                call.unit(partial(_withdraw, beside[at : at + _AT_ONCE], found.said))
            self._free()
        traces = Counter(home for _, home in whole)
        said = Counter({home: 0 for _, home in beside})
        for one, home in beside:
            said[home] += len(found.said[one.number])
        homes = sorted(traces.keys() | said.keys(), key=int)
        return TraceErasure(
            applied=apply, files=files, longer=tuple(sorted(found.longer)),
            found=tuple(
                ErasedTraces(experiment=ExperimentId(home), traces=traces[home], assessments=said[home])
                for home in homes
            ),
        )  # fmt: skip

    def _naming(self, tx: Transaction, sought: SoughtInTraces) -> _Found:
        found = _Found()
        for number, said in mentions.heads(tx):
            found.judge(number, names=any(map(sought.is_told, said)), text="\n".join(said), sought=sought)
        for number, key, value in mentions.pairs(tx, sought.patterns):
            found.judge(number, names=sought.is_under({key: value}), text=f"{key}\n{value}", sought=sought)
        for number, span in mentions.spans(tx, sought.patterns):
            texts = (span.name, span.message, *span.attributes.values())
            found.judge(number, names=sought.is_in_span(span), text="\n".join(texts), sought=sought)
        judged: dict[str, bool] = {}
        for number, digest, size in mentions.files(tx):
            if digest not in judged:
                judged[digest] = any(map(sought.is_told, self._texts(digest, size)))
            if judged[digest]:
                found.traces.add(number)
        for number, one in mentions.assessments(tx):
            if sought.is_said_in(one):
                found.said.setdefault(number, []).append(one)
        for number in found.traces & found.said.keys():
            del found.said[number]
        return found

    def _texts(self, digest: str, size: int) -> Iterator[str]:
        """What a content says as text: whole, or in windows that overlap if it is large."""
        if size <= _WHOLE_BYTES:
            yield b"".join(self._objects.read(Digest(digest))).decode("utf-8", "replace")
            return
        for start in range(0, size, _WINDOW_BYTES):
            window = self._objects.read(Digest(digest), start=start, stop=min(size, start + _WINDOW_BYTES + 4096))
            yield b"".join(window).decode("utf-8", "replace")


def _drop(some: list[tuple[One, str]]) -> None:
    call = calls.current()
    collection.drop_files(call.tx, [one.id for one, _ in some], call.now_ms)
    collection.drop_traces(call.tx, [one for one, _ in some])
    for home, count in sorted(Counter(home for _, home in some).items()):
        about = ref("experiment", home)
        call.touch(about)
        call.emit(TracesDeleted(experiment=home, traces=count), writes=[about])


def _withdraw(some: list[tuple[One, str]], said: dict[int, list[Assessment]]) -> None:
    call = calls.current()
    for one, _ in some:
        for assessment in said[one.number]:
            withdraw(call.tx, one.number, assessment)
        call.touch(ref("trace", one.id))
