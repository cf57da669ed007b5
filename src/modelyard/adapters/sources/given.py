"""Sources that the yard cannot read itself, because they are somebody's code: what they yield is given to it.

    dlt://github/issues

The address is a name and nothing more. Whoever has the code reads and gives (`yard.lake.load_dlt`); a pull by the yard
is refused with a word on how to do that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from modelyard.adapters.sources.addresses import Grounds, refuse_secret_options
from modelyard.kernel.errors import InvalidInput
from modelyard.ports.secrets import Secret
from modelyard.ports.sources import FileSource, RowSource

_ADDRESS = re.compile(r"dlt://[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)?")


def check(address: str, options: Mapping[str, str], grounds: Grounds) -> None:
    """Refuse what is no name."""
    del grounds  # nothing is dialled
    refuse_secret_options(options, known=())
    if not _ADDRESS.fullmatch(address):
        raise InvalidInput("write dlt://SOURCE/RESOURCE, the names that they have in your code")


def opened(
    address: str, secret: Secret | None, options: Mapping[str, str], grounds: Grounds
) -> RowSource | FileSource:  # fmt: skip
    """Nothing that could be opened here."""
    del secret, options, grounds
    raise InvalidInput(
        f"{address} is read where its code is, in Python: yard.lake.load_dlt(resource); the yard runs no such code"
    )
