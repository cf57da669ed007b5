"""The guard: authenticate, authorise, idempotency, one transaction a call, events and audit in the same commit."""

from modelyard.edges.guard.call import GuardedCall, Terms
from modelyard.edges.guard.pipeline import Guard
from modelyard.edges.guard.task import Task

__all__ = ["Guard", "GuardedCall", "Task", "Terms"]
