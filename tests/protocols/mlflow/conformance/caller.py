"""Makes calls on a tracking server and notes the meaning of each answer.

What one server decides for itself (ids, times, where files lie, the words of a message) is taken out: an id becomes the
name that the corpus gave it, a time `<time>`; lists whose order means nothing are sorted.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import httpx2

_WORDS = {
    **dict.fromkeys(
        (
            "creation_time", "last_update_time", "creation_timestamp", "last_updated_timestamp",
            "creation_timestamp_ms", "last_updated_timestamp_ms",
        ),
        "<time>",
    ),
    **dict.fromkeys(("artifact_uri", "artifact_location", "root_uri", "source"), "<place>"),
    "next_page_token": "<token>",
}  # fmt: skip
_LEFT_OUT = frozenset({"run_uuid", "workspace", "user_id"})
"""An old spelling, what only servers with workspaces have, and who asked: a yard knows that, MLflow does not."""
_SORTED = frozenset({"tags", "params", "metrics", "aliases", "latest_versions"})
_ID = re.compile(r"(?<![0-9a-f])(m-)?[0-9a-f]{32}(?![0-9a-f])")


@dataclass
class Said:
    """One call and what came back, free of what a server decides for itself."""

    call: str
    status: int
    code: str
    body: Any


@dataclass
class Caller:
    """A client that remembers.

    Attributes:
        names: ids that the server gave, and what the corpus calls them.
        said: everything so far.
    """

    http: httpx2.Client
    names: dict[str, str] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    prefix: str = "/api/2.0/mlflow"

    def post(self, path: str, body: Any = None, verb: str = "POST") -> Any:
        """Ask with a body."""
        return self._note(verb, path, body, self.http.request(verb, self.prefix + path, json=body))

    def get(self, path: str, **query: Any) -> Any:
        """Ask with a query."""
        return self._note("GET", path, query, self.http.get(self.prefix + path, params=query))

    def raw(self, path: str, content: bytes, media: str = "application/json") -> Any:
        """Ask with a body as it stands."""
        answer = self.http.post(self.prefix + path, content=content, headers={"content-type": media})
        return self._note("POST", path, content.decode("utf-8", "replace")[:120], answer)

    def name(self, given: str, name: str) -> str:
        """Call an id of the server by a name from now on."""
        self.names[given] = f"<{name}>"
        return given

    def experiment(self, name: str, tags: dict[str, str] | None = None) -> str:
        """A new experiment; its id."""
        made = self.post("/experiments/create", {"name": name, "tags": pairs(tags)})
        return self.name(made["experiment_id"], name)

    def run(self, experiment: str, name: str, *, start: int = 1, tags: dict[str, str] | None = None) -> str:
        """A new run; its id."""
        asked = {"experiment_id": experiment, "run_name": name, "start_time": start, "tags": pairs(tags)}
        return self.name(self.post("/runs/create", asked)["run"]["info"]["run_id"], name)

    def _note(self, verb: str, path: str, asked: Any, answer: httpx2.Response) -> Any:
        try:
            body = answer.json()
        except ValueError:
            body = answer.text[:200]
        code = body.get("error_code", "") if isinstance(body, dict) else ""
        if path.endswith("/get-latest-versions") and "model_versions" in body:
            body["latest_versions"] = body.pop("model_versions")
        meaning = None if answer.status_code >= 400 else self._meant(body)
        call = f"{verb} {self._named(path)} {self._named(json.dumps(_short(asked)))[:300]}"
        self.said.append(Said(call, answer.status_code, code, meaning))
        return body

    def _named(self, text: str) -> str:
        for given, name in self.names.items():
            if len(given) > 4:
                text = text.replace(given, name)
        return text

    def _meant(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            found = {k: self._meant(v, k) for k, v in sorted(value.items()) if k not in _LEFT_OUT}
            return {k: v for k, v in found.items() if v not in ("", [], {}, None)}
        if isinstance(value, list):
            if key in ("runs", "models"):  # rows of a search are told by their names; calls on one show the rest
                return [one["info"].get("run_name") or one["info"]["name"] for one in value]
            items = [self._meant(v) for v in value]
            return sorted(items, key=lambda one: json.dumps(one, sort_keys=True)) if key in _SORTED else items
        if key in _WORDS:
            return _WORDS[key] if value else value
        if key == "experiment_id":
            return self.names.get(str(value), "0" if str(value) == "0" else "<experiment>")
        if isinstance(value, str):
            return _short(_ID.sub("<id>", self._named(value)))
        return int(value) if isinstance(value, float) and abs(value) < 1e15 and value == int(value) else value


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _short(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_short(v) for v in value[:5]]
    return f"{value[:20]}<{len(value)}>" if isinstance(value, str) and len(value) > 100 else value


def pairs(values: dict[str, str] | None) -> list[dict[str, str]]:
    """A mapping as the wire lists it."""
    return [{"key": k, "value": v} for k, v in (values or {}).items()]
