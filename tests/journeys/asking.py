"""A client that sends what it is given as it is, over one connection, and costs next to nothing itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlencode, urlsplit


class Said:
    """An answer, read whole."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status_code = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.text = response.read().decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


class Asker:
    """Somebody who asks a yard many things, one after the other; paths are not put in order first."""

    def __init__(self, address: str, token: str | None) -> None:
        self._connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
        self._headers = {} if token is None else {"authorization": f"Bearer {token}"}

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def request(
        self, verb: str, path: str, *, content: bytes | None = None, headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Said:  # fmt: skip
        """Ask, and read what is said."""
        target = f"{path}?{urlencode(params)}" if params else path
        self._connection.request(verb, target, body=content, headers={**self._headers, **(headers or {})})
        return Said(self._connection.getresponse())
