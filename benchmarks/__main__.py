"""Run the benchmarks and print their figures: `python -m benchmarks [NAME ...] [--json]`.

A benchmark is a module `benchmarks/bench_NAME.py` with `measure() -> Iterable[Row]`. Nothing here decides whether a
figure passes: that is for people, and for `tests/budgets` where a limit does not depend on the machine.
"""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.row import Row
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent


def names() -> list[str]:
    """Every benchmark that stands, by name."""
    return sorted(file.stem.removeprefix("bench_") for file in HERE.glob("bench_*.py"))


def measured(name: str) -> list[Row]:
    """The figures of one benchmark."""
    return list(importlib.import_module(f"benchmarks.bench_{name}").measure())


def table(name: str, rows: list[Row]) -> Table:
    """The figures as people read them."""
    shown = Table(title=name, title_justify="left", title_style="bold", header_style="dim")
    for heading in ("what", "value", "beside it", "ratio", "reach"):
        shown.add_column(heading, justify="left" if heading == "what" else "right")
    for row in rows:
        beside = "" if row.beside is None else f"{row.beside:,.3g} {row.unit} ({row.beside_what})"
        sign = {True: "reached", False: "missed", None: ""}[row.is_reached]
        reach = "" if row.reach is None else f"{'>=' if row.more_is_better else '<='} {row.reach:,.4g} {sign}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        shown.add_row(row.what, f"{row.value:,.4g} {row.unit}", beside, ratio, reach)
    return shown


def main(arguments: list[str]) -> int:
    """Run the named benchmarks, or all."""
    wanted = [argument for argument in arguments if not argument.startswith("-")] or names()
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        sys.stderr.write(f"no benchmark is named {', '.join(unknown)}; there are: {', '.join(names())}\n")
        return 2
    console = Console()
    found = {}
    for name in wanted:
        rows = measured(name)
        found[name] = [{**asdict(row), "ratio": row.ratio, "is_reached": row.is_reached} for row in rows]
        if "--json" not in arguments:
            console.print(table(name, rows))
    if "--json" in arguments:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
