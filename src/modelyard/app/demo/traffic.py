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
_BATCH = 256


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
        raw = self._body([values], keys)
        began = self._clock.monotonic()
        self._http.request("POST", path or self._path, raw, self._headers)
        answer = self._http.getresponse()
        content = answer.read()
        took = self._clock.monotonic() - began
        if answer.status != 200:
            raise Unavailable(f"the model server answered {answer.status}: {content[:300].decode('utf-8', 'replace')}")
        found = json.loads(content)
        outputs = {output["name"]: output["data"] for output in found["outputs"]}
        prediction = str(found["parameters"]["prediction_ids"])
        return Sent(prediction, str(found["model_version"]), outputs, took * 1e3)

    def scores(self, rows: Sequence[dict[str, Any]]) -> list[float]:
        """The probability of a yes for many rows, asked in batches.

        Raises:
            Unavailable: the server did not answer with 200.
        """
        found: list[float] = []
        for start in range(0, len(rows), _BATCH):
            self._http.request("POST", self._path, self._body(rows[start : start + _BATCH], {}), self._headers)
            answer = self._http.getresponse()
            content = answer.read()
            if answer.status != 200:
                raise Unavailable(f"the model server answered {answer.status}: {content[:300]!r}")
            outputs = {o["name"]: o for o in json.loads(content)["outputs"]}
            found += outputs["probability"]["data"][1::2]
        return found

    def _body(self, rows: Sequence[dict[str, Any]], keys: dict[str, Any]) -> bytes:
        body = {
            "inputs": [
                {
                    "name": c.name, "datatype": c.datatype, "shape": [len(rows), 1],
                    "data": [_value(c, row.get(c.name)) for row in rows],
                }
                for c in self._inputs
            ],
            "parameters": {name: value for name, value in keys.items() if value is not None},
        }  # fmt: skip
        return json.dumps(body).encode()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def _value(column: Column, value: Any) -> Any:
    if value is None:
        return "unknown" if column.datatype == _WORDS else None
    return str(value) if column.datatype == _WORDS else float(value)
