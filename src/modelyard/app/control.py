"""The control process: one furnished home served over HTTP, with its runner.

It is what the supervisor starts; it writes where it listens into the home when it is ready, and drains when told to
stop.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial

from modelyard.app.binding import LOOPBACK, address_of, refuse_open_bind
from modelyard.app.gauges import writer_samples
from modelyard.app.house import House
from modelyard.edges.http.endpoints import ContentEndpoint, Endpoint, OperationEndpoint, WireEndpoint
from modelyard.edges.http.house import OPEN, Document, Healthy, Metrics, Ready
from modelyard.edges.http.listening import listen
from modelyard.edges.http.messages import App
from modelyard.edges.http.openapi import document
from modelyard.edges.http.outer import HostRule, Outer
from modelyard.edges.http.router import Router
from modelyard.edges.http.server import Server
from modelyard.edges.metrics import Meter
from modelyard.kernel.errors import YardError
from modelyard.kernel.version import VERSION
from modelyard.ports.wires import WireRoute

_log = logging.getLogger("modelyard.control")


class Control:
    """One home's HTTP face, built and ready to run."""

    def __init__(self, house: House, *, pages: App | None = None, listener: socket.socket | None = None) -> None:
        settings = house.settings
        refuse_open_bind(settings)
        self.house = house
        self.meter = Meter()
        self.meter.add_source(writer_samples(house.engines.database))
        self.listener = listener or listen(settings.host, settings.port)
        self.address = address_of(settings, self.listener.getsockname()[1])
        house.engines.address = self.address
        hosts = [*LOOPBACK, settings.host, *settings.allow_host]
        self.outer = Outer(
            guard=house.guard, endpoints=self._endpoints(), hosts=HostRule(hosts), meter=self.meter, pages=pages,
            open_names=(*OPEN, *(w.name for w in self._wires() if w.scope is None)),
        )  # fmt: skip
        tls = (settings.tls_cert, settings.tls_key) if settings.tls_cert else None
        self.server = Server(self.outer, self.listener, tls=tls)

    def run(self, ready: Callable[[str], None]) -> None:
        """Serve until told to stop; `ready` gets the address once calls are answered."""
        self.house.runner.start()
        watch = threading.Thread(target=self._announce, args=(ready,), name="yard-announce", daemon=True)
        watch.start()
        try:
            self.server.run()
        finally:
            self.house.close()

    def stop(self) -> None:
        """Drain and end; from any thread or a signal handler."""
        self.server.stop()

    def checks(self) -> dict[str, str]:
        """What a call needs, each `ok` or what is wrong with it."""
        try:
            with self.house.engines.database.read() as tx:
                self.house.engines.journal.cursor(tx, "readiness")
        except YardError as err:
            _log.error("the database does not answer: %s", err.detail)
            return {"database": "does not answer"}
        return {"database": "ok"}

    def _announce(self, ready: Callable[[str], None]) -> None:
        pause = threading.Event()
        while not self.server.started:
            pause.wait(0.01)
        ready(self.address)

    def _wires(self) -> Sequence[WireRoute]:
        return [w for room in self.house.rooms for w in room.wires(self.house.engines)]

    def _endpoints(self) -> Router[Endpoint]:
        house, router = self.house, Router[Endpoint]()
        for op in house.operations():
            method = getattr(house.engines.services[op.group], op.method)
            endpoint = (ContentEndpoint if op.ranges else OperationEndpoint)(op, method, house.guard)
            for verb in (op.verb, "HEAD") if op.ranges else (op.verb,):
                router.add(verb, "/v1" + op.path, endpoint)
        for wire in self._wires():
            router.add(wire.verb, wire.path, WireEndpoint(wire, house.guard))
        router.add("GET", "/healthz", Healthy())
        router.add("GET", "/readyz", Ready(self.checks))
        router.add("GET", "/metrics", Metrics(self.meter, house.guard))
        build = partial(document, house.operations(), version=VERSION)
        router.add("GET", "/v1/openapi.json", Document(build, house.guard))
        return router
