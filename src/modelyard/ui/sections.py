"""The sections of a table: which pages it has, as the tabs over each of them, and its versions as one chooses them."""

from __future__ import annotations

from msgspec import Struct

from modelyard.lake.api import Table as LakeTable
from modelyard.lake.api import Version


class Tabs(Struct, frozen=True):
    """The parts of a table's pages: (name, address, note)."""

    items: tuple[tuple[str, str, str], ...]
    current: str


def tabs(table: LakeTable, current: str, at: str | None = None) -> Tabs:
    """The tabs over all pages of a table."""
    road, query = f"/tables/{table.name}", f"?version={at}" if at else ""
    return Tabs(
        (
            ("Overview", road + query, ""), ("Rows", f"{road}/rows{query}", f"{table.rows:,}"),
            ("Columns", f"{road}/columns{query}", str(len(table.columns))), ("Difference", f"{road}/diff", ""),
            ("Contract", f"{road}/contract", ""),
            ("Quarantine", f"{road}/quarantine", f"{table.quarantined:,}" if table.quarantined else ""),
            ("Rules", f"{road}/rules", ""),
        ),
        current,
    )  # fmt: skip


def version_choice(version: Version) -> tuple[str, str]:
    """A version as one chooses it from a list: its number, and what it says of itself."""
    said = f"@{version.version} {version.message or version.operation}"[:60]
    return str(version.version), said if version.branch == "main" else f"{said} ({version.branch})"
