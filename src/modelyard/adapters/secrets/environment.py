"""Secrets from environment variables: `kafka.password` is `YARD_SECRET_KAFKA_PASSWORD`.

For containers, whose platform keeps the secrets. It never changes the environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from modelyard.kernel.errors import Conflict, InvalidInput
from modelyard.ports.secrets import NAME_FORM, Secret

PREFIX = "YARD_SECRET_"
_NAME = re.compile(NAME_FORM)


class EnvironmentSecrets:
    """The secrets among the variables that begin with `prefix`."""

    writable = False

    def __init__(self, prefix: str = PREFIX, *, environ: Mapping[str, str] = os.environ) -> None:
        self._prefix = prefix
        self._environ = environ

    def get(self, name: str) -> Secret | None:
        """The value of the variable of that name; None if it is not set."""
        value = self._environ.get(self._variable(name))
        return None if value is None else Secret(value)

    def put(self, name: str, value: Secret) -> None:
        """Refuse: the environment is set outside.

        Raises:
            Conflict: always.
        """
        del value
        raise Conflict(
            f"the secrets of this yard come from its environment; set {self._variable(name)} there and start it anew"
        )

    def delete(self, name: str) -> bool:
        """Refuse: the environment is set outside.

        Raises:
            Conflict: always.
        """
        raise Conflict(
            f"the secrets of this yard come from its environment; unset {self._variable(name)} there and start it anew"
        )

    def names(self) -> list[str]:
        """The variables' names without the prefix, in lower case."""
        return sorted(key[len(self._prefix) :].lower() for key in self._environ if key.startswith(self._prefix))

    def _variable(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise InvalidInput(f"{name[:60]!r} is no name of a secret; use letters, digits, `_`, `-` and `.`")
        return self._prefix + re.sub(r"[.\-]", "_", name).upper()
