"""A registry at a bench with tracking below it, on each engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest

from modelyard.adapters.objects.folder import FolderObjects
from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref
from modelyard.ports.database import Migration
from modelyard.ports.secrets import Secret
from modelyard.registry.api import Registry
from modelyard.registry.service import RegistryService
from modelyard.registry.store import MIGRATIONS
from modelyard.testing import Bench
from modelyard.tracking.api import Tracking
from modelyard.tracking.service import TrackingService
from modelyard.tracking.store import MIGRATIONS as TRACKING


class Colleagues:
    """Everybody is called by the end of their id; roles as a test gives them."""

    def __init__(self) -> None:
        self.roles: dict[str, frozenset[str]] = {}

    def name_of(self, actor: ActorId) -> str:
        """`actor_ana` is Ana."""
        return actor.removeprefix("actor_").capitalize()

    def roles_of(self, actor: ActorId, about: Ref) -> frozenset[str]:
        """What the test said, on everything."""
        del about
        return self.roles.get(actor.removeprefix("actor_"), frozenset())


class Drawer:
    """Secrets in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Secret] = {}
        self.writable = True

    def get(self, name: str) -> Secret | None:
        """What lies there."""
        return self.kept.get(name)

    def put(self, name: str, value: Secret) -> None:
        """Lay it there."""
        self.kept[name] = value

    def delete(self, name: str) -> bool:
        """Take it away."""
        return self.kept.pop(name, None) is not None

    def names(self) -> list[str]:
        """What there is."""
        return sorted(self.kept)


class Ages:
    """When data was made, as a test says."""

    def __init__(self) -> None:
        self.made: dict[str, int] = {}

    def made_ms(self, data: Ref) -> int | None:
        """What the test said."""
        return self.made.get(data)


@dataclass
class Workplace:
    """A bench with tracking and the registry on it."""

    bench: Bench
    tracking: Tracking
    registry: Registry
    objects: FolderObjects
    people: Colleagues
    secrets: Drawer
    times: Ages
    service: RegistryService

    def run_with(self, files: Mapping[str, bytes], folder: str = "model") -> str:
        """A run that holds files below a folder."""
        run = self.tracking.start_run("0").id
        for path, content in files.items():
            self.tracking.upload(run, f"{folder}/{path}", [content])
        return run

    def registered(self, name: str, files: Mapping[str, bytes] | None = None) -> int:
        """The number of a new version of a model, which is made if need be."""
        if name not in [m.name for m in self.registry.models(f"name = '{name}'").items]:
            self.registry.create_model(name)
        run = self.run_with({"weights.txt": b"1 2 3"} if files is None else files)
        return self.registry.register(name, f"runs:/{run}/model").version


def furnished(bench: Bench) -> Workplace:
    """The registry at that bench."""
    objects = FolderObjects(bench.home / "objects")
    tracking = TrackingService(objects=objects)
    people, secrets, times = Colleagues(), Drawer(), Ages()
    registry = RegistryService(
        objects=objects, tracking=tracking, people=people, secrets=secrets, times=times
    )  # fmt: skip
    return Workplace(bench, bench.open(Tracking, tracking), bench.open(Registry, registry), objects, people, secrets,
        times,
        registry,
    )  # fmt: skip


@pytest.fixture
def place(each_bench: Callable[[Sequence[Migration]], Bench]) -> Iterator[Workplace]:
    """The registry on SQLite, then on Postgres."""
    yield furnished(each_bench((*TRACKING, *MIGRATIONS)))


@pytest.fixture
def small() -> Iterator[Workplace]:
    """The registry on SQLite alone, for what no engine can change."""
    with Bench((*TRACKING, *MIGRATIONS)) as bench:
        yield furnished(bench)
