"""Which things of the lake a run reads, from what it said in tags and datasets.

A tag `modelyard.inputs` holds refs, separated by commas or as a JSON list. A dataset counts if its name or its source
is a ref, or if its source is JSON with a ref among its values (as MLflow wraps them). Nothing is looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from modelyard.kernel import refs
from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.refs import Ref
from modelyard.tracking.api import Dataset

INPUTS_TAG = "modelyard.inputs"
_KINDS = frozenset({"table", "fileset", "view", "feature_view", "feature_service", "training_set", "dataset", "model"})
_LIMIT = 100


def reads_of(tags: Mapping[str, str], datasets: Sequence[Dataset]) -> list[Ref]:
    """The refs that a run reads, each once, in the order they were said; at most 100."""
    if not datasets and INPUTS_TAG not in tags:
        return []
    texts = list(_listed(tags.get(INPUTS_TAG, "")))
    for dataset in datasets:
        texts += [dataset.name, dataset.source, *_values(dataset.source)]
    found = dict.fromkeys(t.strip() for t in texts if is_input(t.strip()))
    return [Ref(t) for t in list(found)[:_LIMIT]]


def is_input(text: str) -> bool:
    """True if `text` is the ref of something that a run can read."""
    kind, colon, _ = text.partition(":")
    if not colon or kind not in _KINDS or len(text) > 300:
        return False
    try:
        refs.parts(text)
    except InvalidInput:
        return False
    return True


def _listed(text: str) -> Iterable[str]:
    if text.startswith("["):
        try:
            return msgspec.json.decode(text, type=list[str])
        except msgspec.MsgspecError:
            return ()
    return text.split(",")


def _values(source: str) -> Iterable[str]:
    if not source.startswith("{"):
        return ()
    try:
        record = msgspec.json.decode(source, type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError):
        return ()
    return [v for v in record.values() if isinstance(v, str)]
