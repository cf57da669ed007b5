"""What a start costs: importing the package, over an interpreter that imports nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from benchmarks.row import Row, median_ms


def measure() -> Iterator[Row]:
    """Wall time of fresh interpreters, the median of eleven."""

    def start(*arguments: str) -> float:
        return median_ms(
            lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True), times=11
        )

    bare = start("-c", "pass")
    face = start("-c", "import modelyard")
    yield Row("a bare interpreter", bare, "ms")
    yield Row("import modelyard, over bare", face - bare, "ms", beside=bare, beside_what="bare", reach=120)
