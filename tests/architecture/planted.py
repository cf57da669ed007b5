"""A whole house of empty rooms, built in a temporary folder, to plant breaches in.

It follows the map in `house.py`; it never holds code of the product.
"""

from __future__ import annotations

from pathlib import Path

from tests.architecture.house import PACKAGE, ROOMS, SLICES

#: slice -> slices below whose api its service calls
CALLS: dict[str, tuple[str, ...]] = {
    "quality": ("lake",),
    "features": ("lake",),
    "pipelines": ("lake",),
    "registry": ("tracking",),
    "serving": ("registry", "features"),
    "monitoring": ("serving", "registry"),
    "governance": ("lake", "registry"),
    "cost": ("pipelines", "serving"),
    "teamwork": ("registry",),
    "estate": ("serving", "governance"),
}


def build(src: Path) -> None:
    """Write the empty house under `src`."""

    def room(path: str, *lines: str) -> None:
        file = src / PACKAGE / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    room(
        "__init__.py",
        "def connect():",
        f"    from {PACKAGE} import app",
        f"    from {PACKAGE}.sdk import hub",
    )
    room("__main__.py", f"from {PACKAGE} import app")
    for folder in ("kernel", "ports", "adapters", "sdk", "testing", "edges", "ui", "protocols", *SLICES):
        room(f"{folder}/__init__.py")
    room("kernel/ids.py")
    room("kernel/refs.py", f"from {PACKAGE}.kernel import ids")
    room("ports/database.py", f"from {PACKAGE}.kernel import ids")
    room("adapters/sqlite.py", f"from {PACKAGE}.ports import database", "import sqlite3")
    room("testing/fakes.py", f"from {PACKAGE}.ports import database")
    room("settings.py", f"from {PACKAGE}.kernel import ids")
    for name in SLICES:
        for position, here in enumerate(ROOMS):
            below = [f"from {PACKAGE}.{name} import {other}" for other in ROOMS[position + 1 :]]
            asks = [f"from {PACKAGE}.{other} import api as {other}_api" for other in CALLS.get(name, ())]
            room(
                f"{name}/{here}.py", f"from {PACKAGE}.kernel import refs", *below, *(asks if here == "service" else ())
            )
        room(f"ui/{name}.py", f"from {PACKAGE}.{name} import api")
    room("sdk/hub.py", *(f"from {PACKAGE}.{name} import api as {name}" for name in SLICES))
    room("edges/http.py", f"from {PACKAGE}.kernel import refs")
    room("protocols/mlflow.py", f"from {PACKAGE}.tracking import api")
    room(
        "app.py",
        f"from {PACKAGE} import edges, protocols, settings, ui",
        f"from {PACKAGE}.adapters import sqlite",
        *(f"from {PACKAGE}.{name} import service as {name}" for name in SLICES),
    )


def plant(src: Path, path: str, text: str) -> None:
    """Add `text` to the end of the room at `path`, which is made if it does not stand yet."""
    file = src / PACKAGE / path
    file.parent.mkdir(parents=True, exist_ok=True)
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    file.write_text(f"{before}{text}\n", encoding="utf-8")
