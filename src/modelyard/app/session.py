"""What a command knows: the flags it was given, the settings they make, and the yard that it speaks to."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from modelyard.settings import Settings, load

if TYPE_CHECKING:
    from modelyard.sdk.hub import Yard


class Session:
    """What the flags said, and the yard that commands speak to."""

    def __init__(self) -> None:
        self.flags: dict[str, Any] = {}
        self.address: str | None = None
        self.token: str | None = None

    @cached_property
    def settings(self) -> Settings:
        """The settings in force."""
        return load(self.flags, os.environ)

    @cached_property
    def yard(self) -> Yard:
        """The yard: named by address, else served at the home, else the home opened here."""
        from modelyard.app.reach import reach

        return reach(self.settings, self.address or os.environ.get("YARD_ADDRESS"), self.token)

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which a program that a command starts finds the same yard."""
        return self.yard.environment or {"YARD_HOME": str(self.settings.home_path.resolve())}

    def close(self) -> None:
        """Let go of the yard, if it was used, and of what the flags said: the next command begins anew."""
        try:
            if "yard" in vars(self):
                self.yard.close()
        finally:
            vars(self).clear()
            Session.__init__(self)


_session = Session()


def session() -> Session:
    """The session of this command."""
    return _session
