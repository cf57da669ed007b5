"""Whether an uploaded bundle of sources may be kept: a small zip of Python files that holds the entry's module.

Nothing of it is unpacked or run here.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import PurePosixPath

from modelyard.kernel.errors import InvalidInput, TooLarge
from modelyard.kernel.units import format_bytes

MAX_BYTES = 20_000_000
MAX_FILES = 2000
_MAX_UNPACKED = 100_000_000


def read_whole(content: Iterable[bytes]) -> bytes:
    """The upload, if it is not too large.

    Raises:
        TooLarge: it has more than 20 MB.
    """
    parts, size = [], 0
    for chunk in content:
        size += len(chunk)
        if size > MAX_BYTES:
            raise TooLarge(f"a bundle of sources has at most {format_bytes(MAX_BYTES)}; keep data in the lake")
        parts.append(chunk)
    return b"".join(parts)


def check(bundle: bytes, entry: str) -> None:
    """Return if the bundle can be worked with.

    Raises:
        InvalidInput: it is no zip, names files outside itself, or lacks the entry's module.
    """
    try:
        with zipfile.ZipFile(BytesIO(bundle)) as zipped:
            files = zipped.infolist()
    except zipfile.BadZipFile as err:
        raise InvalidInput("a bundle of sources is a zip; `flow.submit(yard)` makes one") from err
    if len(files) > MAX_FILES or sum(f.file_size for f in files) > _MAX_UNPACKED:
        raise InvalidInput(f"the bundle unpacks to more than {MAX_FILES} files or {format_bytes(_MAX_UNPACKED)}")
    for file in files:
        path = PurePosixPath(file.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in file.filename:
            raise InvalidInput(f"the bundle names a file outside itself: {file.filename[:80]!r}")
    module = entry.partition(":")[0].replace(".", "/")
    names = {f.filename for f in files}
    if not names & {f"{module}.py", f"{module}/__init__.py"}:
        raise InvalidInput(f"the bundle lacks the module of its entry, {module}.py")
