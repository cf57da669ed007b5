"""From a snapshot to a table in force: models are loaded beside those that answer, then swapped endpoint by endpoint.

An endpoint's new route comes into force when all its models are loaded or known to be broken. If none of them can
answer while the former route can, the former stays. Loading happens on one thread; everything else on the loop's.
"""

from __future__ import annotations

import gc
import logging
from asyncio import AbstractEventLoop
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from modelyard.kernel.errors import Damaged, YardError
from modelyard.serving.hot.models import Model, load_model
from modelyard.serving.hot.plane import Plane
from modelyard.serving.hot.snapshot import EndpointSpec, RevisionSpec, Snapshot
from modelyard.serving.hot.table import Endpoint, Table

log = logging.getLogger(__name__)

_RETIRE_AFTER_S = 30.0

Key = tuple[str, tuple[str, ...]]


class Loader:
    """Keeps the plane's table in step with the newest snapshot."""

    def __init__(self, plane: Plane, *, home: Path, loop: AbstractEventLoop, changed: Callable[[], None]) -> None:
        """`changed` is called on the loop after each change of the table."""
        self._plane = plane
        self._home = home
        self._loop = loop
        self._changed = changed
        self._wanted: Snapshot | None = None
        self._models: dict[Key, Model] = {}
        self._faults: dict[Key, str] = {}
        self._loading: set[Key] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="loader")

    def apply(self, snapshot: Snapshot) -> None:
        """Work towards a snapshot; one that comes meanwhile takes its place. Broken models are tried again."""
        self._wanted = snapshot
        self._faults.clear()
        for endpoint in snapshot.endpoints:
            for revision in endpoint.revisions:
                self._load(revision)
        self._settle()

    def stop(self) -> None:
        """Load nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _load(self, spec: RevisionSpec) -> None:
        key = _key(spec)
        if key in self._models or key in self._loading:
            return
        self._loading.add(key)
        future = self._thread.submit(self._load_now, spec)
        future.add_done_callback(lambda done: self._loop.call_soon_threadsafe(self._loaded, spec, done))

    def _load_now(self, spec: RevisionSpec) -> Model:
        folder = (self._home / spec.folder).resolve()
        if not folder.is_relative_to(self._home.resolve()):
            raise Damaged(f"the folder of revision {spec.name} lies outside the home")
        return load_model(folder, spec.trusted)

    def _loaded(self, spec: RevisionSpec, done: Future[Model]) -> None:
        key = _key(spec)
        self._loading.discard(key)
        if done.cancelled():
            return
        error = done.exception()
        if error is None:
            self._models[key] = done.result()
            gc.freeze()  # a loaded model is many small objects that no collection need look at again
            log.info("loaded %s of %s", spec.name, spec.model)
        else:
            why = error.detail if isinstance(error, YardError) else f"{type(error).__name__}: {str(error)[:200]}"
            self._faults[key] = why
            log.error("revision %s of %s cannot be served: %s", spec.name, spec.model, why)
        self._settle()

    def _settle(self) -> None:
        """Put in force what can be by now, and let go of what nothing names any more."""
        wanted = self._wanted
        if wanted is None:
            return
        before = self._plane.table.endpoints
        endpoints = [self._endpoint(spec, before.get(spec.name)) for spec in wanted.endpoints]
        keys = {_key(revision) for spec in wanted.endpoints for revision in spec.revisions}
        settled = not keys & self._loading
        table = Table(version=wanted.version, endpoints=endpoints, tokens=wanted.tokens, settled=settled)
        self._plane.put_in_force(table)
        used = {revision.model for endpoint in endpoints for revision in endpoint.revisions.values()}
        for key, model in list(self._models.items()):
            if key not in keys and model not in used:
                del self._models[key]
                self._loop.call_later(_RETIRE_AFTER_S, model.retire)  # what was read this turn still reaches it
        self._changed()

    def _endpoint(self, spec: EndpointSpec, before: Endpoint | None) -> Endpoint:
        loading = any(_key(revision) in self._loading for revision in spec.revisions)
        if loading and before is not None and before.ready:
            before.kept = "its next route is loading"
            return before
        models = {r.name: self._models[_key(r)] for r in spec.revisions if _key(r) in self._models}
        faults = {r.name: self._faults[_key(r)] for r in spec.revisions if _key(r) in self._faults}
        endpoint = Endpoint(spec, models, faults=faults, loading=loading)
        if not endpoint.ready and not loading and before is not None and before.ready:
            before.kept = endpoint.reason()
            return before
        return endpoint


def _key(spec: RevisionSpec) -> Key:
    return spec.folder, spec.trusted
