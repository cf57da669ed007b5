"""The service of the registry: the operations of `Registry`, each part in its own file.

service = RegistryService(objects=objects, tracking=tracking)
"""

from __future__ import annotations

from collections.abc import Collection

from modelyard.ports import calls
from modelyard.ports.objects import Objects
from modelyard.ports.secrets import Secrets
from modelyard.registry.api import DataSight, DataTimes, NoTimes, People, PlainSight, Registry, Strangers
from modelyard.registry.service.adoption import Adoption
from modelyard.registry.service.aliases import Aliases
from modelyard.registry.service.attestations import Attestations
from modelyard.registry.service.differences import Differences
from modelyard.registry.service.erasures import Erasures
from modelyard.registry.service.evaluations import Evaluations
from modelyard.registry.service.intake import Intake
from modelyard.registry.service.looking import Looking
from modelyard.registry.service.models import Models
from modelyard.registry.service.proposals import Proposals
from modelyard.registry.service.seals import NoSecrets, Seals
from modelyard.registry.service.versions import Versions
from modelyard.registry.service.webhooks import Posts, Webhooks
from modelyard.registry.store import holdings
from modelyard.tracking.api import Tracking


class RegistryService(
    Models, Versions, Seals, Aliases, Evaluations, Attestations, Proposals, Adoption, Webhooks, Erasures, Registry
):  # fmt: skip
    """The registry over a database, objects and the runs that made what is registered.

    Args:
        objects: where the bytes of files lie.
        tracking: who knows runs, logged models and their artifacts.
        people: who knows names and roles.
        secrets: where the key for signing lies.
        posts: how webhooks are told; None: they are told nothing.
        times: who knows when data was made.
        sight: who knows which rows of data may be shown to whoever asks.
    """

    def __init__(
        self,
        *,
        objects: Objects,
        tracking: Tracking,
        people: People | None = None,
        secrets: Secrets | None = None,
        posts: Posts | None = None,
        times: DataTimes | None = None,
        sight: DataSight | None = None,
    ) -> None:
        self._objects = objects
        self._people = people or Strangers()
        self._secrets = secrets or NoSecrets()
        self._posts = posts
        self._times = times or NoTimes()
        self._intake = Intake(tracking)
        self._looking = Looking(objects)
        self._differences = Differences(objects, tracking, sight or PlainSight())

    def objects_held(self, digests: Collection[str]) -> set[str]:
        """Those of the digests that a version, its served form or an evaluation needs."""
        return holdings.held(calls.current().tx, list(digests))


__all__ = ["Posts", "RegistryService"]
