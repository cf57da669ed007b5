"""The compute port on this machine's own processes."""

from modelyard.adapters.processes.local import LocalProcesses

__all__ = ["LocalProcesses"]
