"""What a child does before it becomes the program: take its limits on, and arrange to die with its yard.

It runs as a script in a bare interpreter (`python -I -S threshold.py PARENT MEMORY CPU -- argv...`) and then executes
the program in its own place, so no code of ours runs between fork and exec of a process with many threads. It imports
nothing of the package.
"""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_NOT_FOUND = 127
_NOT_ALLOWED = 126


def tie_to_parent(parent: int) -> None:
    """Be killed when the starting thread of `parent` ends (Linux, prctl(2)); elsewhere the sweep does it later."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)


def limit(memory_bytes: int, cpu_s: int) -> None:
    """Lower this process's limits; 0 leaves one as it is. Limits pass on to the program and to its children."""
    import resource

    for kind, amount in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CPU, cpu_s)):
        if amount:
            hard = resource.getrlimit(kind)[1]
            bound = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
            resource.setrlimit(kind, (bound, hard if kind == resource.RLIMIT_CPU else bound))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(arguments: list[str]) -> None:
    """Step over: `PARENT MEMORY CPU -- argv...`."""
    parent, memory_bytes, cpu_s, _, *argv = arguments
    tie_to_parent(int(parent))
    limit(int(memory_bytes), int(cpu_s))
    try:
        os.execvp(argv[0], argv)  # noqa: S606  # a list of arguments and no shell is what is wanted
    except OSError as err:
        sys.stderr.write(f"{argv[0]} cannot be run: {err.strerror}\n")
        sys.exit(_NOT_FOUND if isinstance(err, FileNotFoundError) else _NOT_ALLOWED)


if __name__ == "__main__":
    main(sys.argv[1:])
