"""What an interpreter has installed: imported, and run as a script by other interpreters, which need nothing of ours.

One line a distribution, as pip takes it, by name. What was installed from a folder is a comment: no index has it.
"""

from __future__ import annotations

import json
import platform
import re
import sys
from importlib import metadata

FROM_A_FOLDER = "  # from a folder"
_MASK = "***"


def installed() -> list[str]:
    """Every installed distribution, pinned; of two with one name, the one that an import finds."""
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name and re.sub(r"[-_.]+", "-", name).lower() not in found:
            origin = distribution.read_text("direct_url.json")
            found[re.sub(r"[-_.]+", "-", name).lower()] = _line(name, distribution.version, origin)
    return [found[name] for name in sorted(found)]


def _line(name: str, version: str, origin: str | None) -> str:
    if not origin:
        return f"{name}=={version}"
    said = json.loads(origin)
    url = re.sub(r"(\w+://)[^/\s@]+@", rf"\1{_MASK}@", said.get("url", ""))
    if "vcs_info" in said:
        vcs = said["vcs_info"]
        return f"{name} @ {vcs.get('vcs', 'git')}+{url}@{vcs.get('commit_id', '')}"
    if url.startswith("file:"):
        return f"# {name}=={version}{FROM_A_FOLDER}"
    return f"{name} @ {url}"


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"python": platform.python_version(), "packages": installed()}))
