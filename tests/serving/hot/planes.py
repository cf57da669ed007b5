"""A data plane process and its models, for tests: started on a port that the system chooses, always ended."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from modelyard.serving.api.routes import Arm, Route
from modelyard.serving.hot.segments import PredictionRecord, read_segment, segment_files
from modelyard.serving.hot.server import PlaneStatus, read_status
from modelyard.serving.hot.snapshot import EndpointSpec, RevisionSpec, Snapshot, TokenSpec, write_snapshot

TOKEN = "yard_test_token"
BEARER = f"Authorization: Bearer {TOKEN}\r\n"
SRC = Path(__file__).resolve().parents[3] / "src"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A raw connection, for saying exactly what a client would say."""

    def __init__(self, port: int, timeout_s: float = 10.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._held = b""

    def send(self, raw: bytes) -> None:
        self.socket.sendall(raw)

    def answer(self) -> Answer:
        """The next answer.

        Raises:
            ConnectionError: the server ended the connection instead.
        """
        while b"\r\n\r\n" not in self._held:
            self._more()
        head, _, self._held = self._held.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self._held) < length:
            self._more()
        body, self._held = self._held[:length], self._held[length:]
        return Answer(int(first.split(" ")[1]), headers, body)

    def ended(self) -> bool:
        """Whether the server ended the connection with nothing more to say."""
        try:
            return not self._held and not self.socket.recv(1)
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.socket.close()

    def _more(self) -> None:
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("the server ended the connection")
        self._held += data


def request(path: str, body: bytes | None = None, *, extra: str = BEARER, verb: str | None = None) -> bytes:
    verb = verb or ("GET" if body is None else "POST")
    length = "" if body is None else f"Content-Length: {len(body)}\r\n"
    return f"{verb} {path} HTTP/1.1\r\nHost: localhost\r\n{extra}{length}\r\n".encode() + (body or b"")


def tensor(values: Sequence[float], *, shape: list[int] | None = None, name: str = "x") -> dict[str, Any]:
    return {"name": name, "shape": shape or [1, len(values)], "datatype": "FP64", "data": list(values)}


def question(*inputs: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"inputs": list(inputs), **more}).encode()


def token(text: str = TOKEN, **more: Any) -> TokenSpec:
    known = {"caller": "actor_1", "scopes": ("serving:*",), **more}
    return TokenSpec(digest=hashlib.sha256(text.encode()).hexdigest(), **known)


def revision(name: str, folder: str, version: str = "1", **more: Any) -> RevisionSpec:
    return RevisionSpec(name=name, model=f"model:m@{version}", version=version, folder=f"models/{folder}", **more)


def endpoint(name: str, *revisions: RevisionSpec, route: Route | None = None) -> EndpointSpec:
    return EndpointSpec(name=name, revisions=revisions, route=route or Route(arms=(Arm(revisions[0].name),)))


class Plane:
    """A running data plane."""

    def __init__(self, home: Path, *options: str) -> None:
        self.home = home
        self._options = options
        self._version = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def deploy(self, *endpoints: EndpointSpec, tokens: Sequence[TokenSpec] = (token(),)) -> None:
        self._version += 1
        (self.home / "run").mkdir(exist_ok=True)
        snapshot = Snapshot(version=self._version, endpoints=endpoints, tokens=tuple(tokens))
        write_snapshot(self.home / "run" / "routes.json", snapshot)
        if self.process is not None:
            self.wait(lambda status: status.snapshot == self._version and status.settled)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "modelyard.serving.hot", "--home", str(self.home), *self._options],
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(SRC), os.environ.get("PYTHONPATH", "")))},
            stderr=subprocess.DEVNULL,
        )
        pid = self.process.pid
        status = self.wait(lambda status: status.pid == pid and status.settled)
        self.port = status.port

    def wait(self, wanted: Callable[[PlaneStatus], bool], timeout_s: float = 30.0) -> PlaneStatus:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            status = read_status(self.home)
            if status is not None and wanted(status):
                return status
            assert self.process is None or self.process.poll() is None, "the data plane died"
            time.sleep(0.01)
        raise AssertionError(f"waited in vain: {read_status(self.home)}")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(20)

    def ask(self, raw: bytes) -> Answer:
        wire = Wire(self.port)
        try:
            wire.send(raw)
            return wire.answer()
        finally:
            wire.close()

    def infer(self, name: str, *inputs: dict[str, Any], extra: str = BEARER, **more: Any) -> Answer:
        return self.ask(request(f"/v2/models/{name}/infer", question(*inputs, **more), extra=extra))

    def records(self) -> list[PredictionRecord]:
        """Everything in the log so far, by whatever writer."""
        folder = self.home / "state" / "predictions"
        return [record for file in segment_files(folder) for record in read_segment(file.path).records]


@contextmanager
def running(home: Path, *endpoints: EndpointSpec, options: Sequence[str] = (), **more: Any) -> Iterator[Plane]:
    """A data plane that serves these endpoints."""
    plane = Plane(home, *options)
    plane.deploy(*endpoints, **more)
    plane.start()
    try:
        yield plane
    finally:
        if plane.process is not None and plane.process.poll() is None:
            plane.process.kill()
            plane.process.wait()
