"""What tests of slices, adapters and extensions stand on: a bench to call services at, and contract suites for ports.

Nothing here imports pytest before a suite is used. It ships with the package, so that a third party's adapter can be
held to the same contract.
"""

from modelyard.testing.bench import Bench

__all__ = ["Bench"]
