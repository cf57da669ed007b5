"""An application that asks a model server: Open Inference Protocol v2 over HTTP, one keep-alive connection."""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import Unavailable
from modelyard.serving.api import Column

_WORDS = "BYTES"


class Sent(Struct, frozen=True):
    """One request that was answered."""

    prediction: str
    version: str
    outputs: dict[str, Any]
    ms: float


class Caller:
    """Asks one endpoint; close it at the end."""

    def __init__(self, address: str, token: str, inputs: Sequence[Column]) -> None:
        parts = urlsplit(address)
        self._path = parts.path
        self._http = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=20)
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self._inputs = inputs
        self._clock = SystemClock()

    def ask(self, values: dict[str, Any], keys: dict[str, Any], path: str | None = None) -> Sent:
        """Ask about one row.

        Raises:
            Unavailable: the server did not answer with 200.
        """
        body = {
            "inputs": [
                {"name": c.name, "datatype": c.datatype, "shape": [1, 1], "data": [_value(c, values.get(c.name))]}
                for c in self._inputs
            ],
            "parameters": {name: value for name, value in keys.items() if value is not None},
        }
        raw = json.dumps(body).encode()
        began = self._clock.monotonic()
        self._http.request("POST", path or self._path, raw, self._headers)
        answer = self._http.getresponse()
        content = answer.read()
        took = self._clock.monotonic() - began
        if answer.status != 200:
            raise Unavailable(f"the model server answered {answer.status}: {content[:300].decode('utf-8', 'replace')}")
        found = json.loads(content)
        outputs = {output["name"]: output["data"] for output in found["outputs"]}
        prediction = str(found.get("parameters", {}).get("prediction_id") or found["id"])
        return Sent(prediction, str(found["model_version"]), outputs, took * 1e3)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def _value(column: Column, value: Any) -> Any:
    if value is None:
        return "unknown" if column.datatype == _WORDS else None
    return str(value) if column.datatype == _WORDS else float(value)
