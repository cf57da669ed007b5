"""The map of the house as data: floors, slices, rooms and what each may touch.

Every architecture test reads this file; nothing else repeats it. It holds names only, never a check.
"""

from __future__ import annotations

import sys
from pathlib import Path

PACKAGE = "modelyard"
ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"

#: Floors from the roof down; rooms on one floor do not know each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("app",),
    ("edges", "ui", "protocols"),
    ("testing",),  # above the adapters: its bench stands on the embedded ones
    ("sdk", "adapters", "settings"),
    ("estate",),
    ("governance", "cost", "teamwork"),
    ("monitoring",),
    ("serving",),
    ("registry", "features", "quality", "pipelines"),
    ("tracking", "lake"),
    ("ports",),
    ("kernel",),
)

#: Modules under the package that stand on no floor: the public face and the shell's entry.
FACES = ("__init__", "__main__")

SLICES = (
    "lake", "tracking", "quality", "features", "pipelines", "registry",
    "serving", "monitoring", "governance", "cost", "teamwork", "estate",
)  # fmt: skip

#: Rooms of a slice from the top stair down. `api` is the only door; `hot` holds a measured fast path.
ROOMS = ("reactions", "service", "hot", "store", "model", "api")
DOOR = "api"

#: Libraries that would make the vocabulary, an api or the SDK slow to import or tie it to an engine.
HEAVY = (
    "click", "deltalake", "duckdb", "numpy", "pandas", "polars", "pyarrow", "rich", "sklearn", "sqlalchemy",
    "starlette", "torch", "uvicorn",
)  # fmt: skip

#: What the kernel may stand on.
KERNEL_MAY_IMPORT = frozenset({*sys.stdlib_module_names, "msgspec", PACKAGE})

#: What a pure decision never touches. Arrays (numpy, pyarrow) are allowed: some decisions are numerical.
MACHINE = ("httpx2", "os", "pathlib", "shutil", "socket", "sqlalchemy", "sqlite3", "subprocess", "tempfile")

#: Words that name no thing of the domain.
NAMELESS = ("base", "common", "helpers", "manager", "misc", "utils")

FILE_LINES = 450
FUNCTION_LINES = 60
PARAMETERS = 8

#: Floors that may commit a transaction.
COMMITTERS = ("adapters", "edges")
#: Floors that may hold SQL beside the `store` rooms; `testing` holds the contract suite of the SQL port.
SQL_FLOORS = ("adapters", "ports", "testing")
#: Floors that may define coroutines; elsewhere only in files or folders named `hot`.
ASYNC_FLOORS = ("adapters", "app", "edges", "protocols", "sdk", "ui")
#: The one module that reads the wall clock.
CLOCK = f"{PACKAGE}.kernel.clock"
#: The one room that may look at pickle opcodes (`pickletools` executes nothing).
OPCODES = f"{PACKAGE}.registry.model"


def floor_of(module: str) -> str:
    """The room under the package that `module` stands in (`modelyard.lake.store` -> `lake`)."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def room_of(module: str) -> str:
    """The room inside a slice that `module` stands in, or an empty string elsewhere."""
    parts = module.split(".")
    return parts[2] if len(parts) > 2 and parts[1] in SLICES else ""


def height_of(floor: str) -> int:
    """How high `floor` stands, counted from the ground.

    Raises:
        KeyError: no floor holds that name.
    """
    for height, rooms in enumerate(reversed(FLOORS)):
        if floor in rooms:
            return height
    raise KeyError(floor)
