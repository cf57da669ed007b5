"""Ask one server, or two and compare.

python -m tests.protocols.mlflow.conformance http://mlflow:5000                     records its answers
python -m tests.protocols.mlflow.conformance http://mlflow:5000 http://yard:8470    prints where they differ
"""

from __future__ import annotations

import os
import sys

from tests.protocols.mlflow.conformance import corpus


def main(addresses: list[str]) -> int:
    """Record one server's answers, or compare two; 1 where they differ."""
    token = os.environ.get("MLFLOW_TRACKING_TOKEN", "")
    if len(addresses) == 1:
        corpus.record(corpus.ask(addresses[0], token))
        return 0
    first, second = (corpus.ask(address, token) for address in addresses)
    found = corpus.differences(first, second)
    sys.stdout.write("\n".join(found) + f"\n{len(found)} of {sum(map(len, first.values()))} answers differ\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
