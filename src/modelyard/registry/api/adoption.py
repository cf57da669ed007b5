"""The operations by which registered models and versions come in from another store, with their numbers and times."""

from __future__ import annotations

from abc import ABC, abstractmethod

from modelyard.kernel.operations import Effect, operation
from modelyard.registry.api.records import Model, ModelVersion


class AdoptionOperations(ABC):
    """What can be done with models of other stores."""

    @operation("POST", "/adoptions/models", scope="governance:adopt", private=("model",))
    @abstractmethod
    def adopt_model(self, source: str, model: Model, *, complete: bool = False) -> Model:
        """Take a registered model in under its name.

        Args:
            source: which store it is from, the same words each time.
            model: as it is there.
            complete: nothing more comes; its times are those of the store, and its aliases stand for its versions.

        Raises:
            AlreadyExists: this yard has a model of that name which is not from that store.
            NotFound: an alias stands for a version that did not come.
            InvalidInput: a tag breaks a rule.

        Example:
            yard registry adopt-model old '{"name": "tips"}'
        """

    @operation("POST", "/adoptions/versions", scope="governance:adopt", effect=Effect.WORK, private=("version",))
    @abstractmethod
    def adopt_version(self, source: str, version: ModelVersion) -> ModelVersion:
        """Take a version in under its number; done again, it changes nothing.

        Its files are looked up where its source says, among artifacts that came in before; of a source that names a
        folder of the old store, the end of the path tells. A version whose files are nowhere has none.

        Args:
            source: which store it is from.
            version: as it is there.

        Raises:
            NotFound: its model did not come from that store.
            AlreadyExists: this yard has another version of that number.

        Example:
            yard registry adopt-version old @version.json
        """
