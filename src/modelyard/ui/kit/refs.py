"""How a ref such as `model:tips@7` is written, drawn and linked on a page; for the eye, never for the domain."""

from __future__ import annotations

from urllib.parse import quote

from msgspec import Struct

from modelyard.kernel import refs
from modelyard.kernel.errors import InvalidInput
from modelyard.ui.kit.figures import short

_ROADS = {
    "actor": "/audit?actor={name}",
    "alert": "/alerts/{name}",
    "branch": "/branches/{name}",
    "contract": "/tables/{name}/contract",
    "budget": "/cost",
    "commit": "/commits",
    "dataset": "/features/sets/{name}",
    "endpoint": "/endpoints/{name}",
    "entity": "/features?entity={name}",
    "experiment": "/runs?experiment={name}",
    "fileset": "/filesets/{name}",
    "flow": "/pipelines/{name}",
    "flow_run": "/pipelines/{name}",
    "load": "/loads/{name}",
    "model": "/models/{name}",
    "monitor": "/monitors/{name}",
    "pipeline": "/pipelines/{name}",
    "prediction": "/predictions/{name}",
    "proposal": "/proposals/{name}",
    "receipt": "/privacy/{name}",
    "report": "/quality/{name}",
    "run": "/runs/{name}",
    "subject": "/privacy?subject={name}",
    "schedule": "/pipelines?schedule={name}",
    "sink": "/sources",
    "table": "/tables/{name}",
    "verdict": "/verdicts/{name}",
    "view": "/features/{name}",
}
_ICONS = {
    "actor": "person", "alert": "bell", "branch": "branch", "budget": "coin", "code": "code", "commit": "commit",
    "contract": "shield", "load": "load", "report": "shield", "verdict": "pulse", "entity": "person",
    "schedule": "pipeline",
    "dataset": "layers", "endpoint": "endpoint", "experiment": "flask", "file": "file", "fileset": "layers",
    "flow": "pipeline",
    "flow_run": "pipeline",
    "model": "model", "monitor": "pulse", "pipeline": "pipeline", "prediction": "target", "proposal": "branch",
    "receipt": "shield", "run": "play", "sink": "load", "source": "file", "step": "pipeline", "subject": "person",
    "table": "table",
    "trial": "split", "view": "columns",
}  # fmt: skip


class Shown(Struct, frozen=True):
    """A ref taken apart for the eye; `text` is the whole, as one would paste it."""

    text: str
    kind: str
    name: str
    version: str
    icon: str
    href: str
    brief: str


def shown(ref: str) -> Shown:
    """Take a ref apart for the eye. What is no ref, and unknown kinds, link to the lineage walk."""
    try:
        kind, name, version = refs.parts(ref)
    except InvalidInput:
        kind, name, version = "", ref, None
    road = _ROADS.get(kind)
    href = road.format(name=quote(name, safe="")) if road else walk_url(ref)
    if version and kind in ("table", "model", "view", "dataset", "fileset"):
        href += f"?version={quote(version, safe='')}"
    brief = short(name, 8, 6) if len(name) > 34 else name
    return Shown(ref, kind, name, version or "", _ICONS.get(kind, "dot"), href, brief)


def walk_url(ref: str) -> str:
    """The address of the lineage walk that begins at `ref`."""
    return "/lineage?ref=" + quote(ref, safe=":@")
