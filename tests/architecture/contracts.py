"""The import contracts of the house, written for the rooms that exist and checked by import-linter.

`python -m tests.architecture.contracts` checks this tree (that is `make imports`). The configuration is made anew at
each run, so a slice is held from the commit that brings it and no list can go stale. It never imports the package.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.architecture.house import DOOR, FACES, FLOORS, HEAVY, MACHINE, PACKAGE, ROOMS, SLICES, SRC

LINT = "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())"


def rooms_under(src: Path) -> dict[str, tuple[str, ...]]:
    """The slices that stand under `src`, each with those of its rooms that exist."""
    found = {}
    for name in SLICES:
        found[name] = tuple(room for room in ROOMS if exists(src, f"{name}/{room}"))
    return {name: rooms for name, rooms in found.items() if rooms}


def exists(src: Path, room: str) -> bool:
    """Whether a room stands, as a module or as a package of the same name."""
    return (src / PACKAGE / f"{room}.py").is_file() or (src / PACKAGE / room / "__init__.py").is_file()


def unseen_folders(src: Path) -> list[str]:
    """Folders that hold modules without being a package: the import graph does not see them, so nothing holds them."""
    holding = {file.parent for file in (src / PACKAGE).rglob("*.py")}
    return sorted(folder.relative_to(src).as_posix() for folder in holding if not (folder / "__init__.py").is_file())


def contract(key: str, title: str, kind: str, **options: Iterable[str] | str) -> str:
    """One section of the import-linter configuration; a contract on nothing is left out."""
    lines = [f"[importlinter:contract:{key}]", f"name = {title}", f"type = {kind}"]
    for option, value in options.items():
        if isinstance(value, str):
            lines.append(f"{option} = {value}")
            continue
        items = list(value)
        if not items:
            return ""
        lines += [f"{option} =", *(f"    {item}" for item in items)]
    return "\n".join(lines) + "\n"


def configuration(src: Path) -> str:
    """The whole import-linter configuration for the rooms under `src`."""
    slices = rooms_under(src)
    apis = [f"{PACKAGE}.{name}.{DOOR}" for name, rooms in slices.items() if DOOR in rooms]
    models = [f"{PACKAGE}.{name}.model" for name, rooms in slices.items() if "model" in rooms]
    engines = [f"{PACKAGE}.{room}" for room in ("ports", "adapters") if exists(src, room)]
    words = [f"{PACKAGE}.{room}" for room in ("kernel", "sdk") if exists(src, room)]
    app = [f"{PACKAGE}.app"] if exists(src, "app") else []
    return "\n".join(
        [
            f"[importlinter]\nroot_package = {PACKAGE}\ninclude_external_packages = True\n",
            contract(
                "floors", "Floors: a room stands above all that it uses", "layers",
                containers=[PACKAGE],
                exhaustive="true",
                exhaustive_ignores=[face for face in FACES if face != "__init__"],
                layers=[" | ".join(f"({room})" for room in floor) for floor in FLOORS],
            ),
            *(
                contract(
                    f"door-{name}", f"Door of {name}: entered by its api alone", "protected",
                    protected_modules=[f"{PACKAGE}.{name}.{room}" for room in rooms if room != DOOR],
                    allowed_importers=[f"{PACKAGE}.{name}", *app],
                )
                for name, rooms in slices.items()
            ),
            contract(
                "stairs", "Stairs: one order inside every slice, no unknown room", "layers",
                containers=[f"{PACKAGE}.{name}" for name in slices],
                exhaustive="true",
                layers=[f"({room})" for room in ROOMS],
            ),
            contract("apis", "Apis do not know each other", "independence", modules=apis),
            contract(
                "light", "Kernel, apis and SDK stay light", "forbidden",
                source_modules=[*words, *apis],
                forbidden_modules=[*engines, *HEAVY],
            ),
            contract(
                "pure", "Decisions and apis touch no machine", "forbidden",
                source_modules=[*models, *apis],
                forbidden_modules=[*engines, *MACHINE],
                allow_indirect_imports="true",
            ),
            contract("circles", "No circles anywhere", "acyclic_siblings", ancestors=[PACKAGE]),
        ]
    )  # fmt: skip


def check(src: Path) -> subprocess.CompletedProcess[str]:
    """Check the package under `src`; the exit status is 0 when every contract is kept.

    Costs one interpreter, so that the package that is checked never meets the one that is installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "importlinter.ini"
        config.write_text(configuration(src), encoding="utf-8")
        return subprocess.run(
            [sys.executable, "-c", LINT, "--no-cache", "--no-logo", "--config", str(config)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(src), "COLUMNS": "200", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def main() -> int:
    """Check this tree and show import-linter's own report."""
    run = check(SRC)
    sys.stdout.write(run.stdout + run.stderr)
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())
