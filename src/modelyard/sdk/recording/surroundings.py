"""What a run ran in: command, code, packages, machine, switches; enough to do the same again elsewhere.

Secrets stay out: switches and arguments whose names speak of one are masked, and so is what a remote's address carries.
"""

from __future__ import annotations

import getpass
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from modelyard.kernel.errors import InvalidInput
from modelyard.sdk.recording import packages

FOLDER = "reproduce"
"""Where a run keeps it among its artifacts."""
DIFF = f"{FOLDER}/uncommitted.diff"
PACKAGES = f"{FOLDER}/requirements.txt"
RECORD = f"{FOLDER}/surroundings.json"
UNTRACKED = f"{FOLDER}/untracked"
ENTRY = f"{FOLDER}/entry"
LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "requirements.lock", "Pipfile.lock", "conda-lock.yml")
_MAX_KEPT = 16 << 20
_GIT_S = 20
MASK = "***"
_MOST_UNTRACKED = 200
_PROBE_S = 60
_SECRET = re.compile(r"secret|token|passw|credential|(api|access|auth)[-_]?key|private[-_]?key", re.IGNORECASE)
_SWITCHES = (
    "BLIS_", "CUBLAS_", "CUDA_", "HF_", "JAX_", "KERAS_", "KMP_", "MKL_", "NCCL_", "NUMEXPR_", "NVIDIA_", "OMP_",
    "OPENBLAS_", "PYTHON", "PYTORCH_", "TF_", "TOKENIZERS_", "TORCH_", "XLA_",
)  # fmt: skip


class Code(Struct, frozen=True, kw_only=True):
    """The code as git knows it.

    Attributes:
        dirty: True if files that git follows were changed; the diff is beside.
        folder: where the command ran, below the repository's root.
        untracked: Python files that git does not follow, of which the entry may be one; they are kept beside.
    """

    commit: str
    branch: str = ""
    remote: str = ""
    dirty: bool = False
    folder: str = ""
    untracked: list[str] = []


class Surroundings(Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        command: the program and its arguments.
        entry: the file that was started, below the repository's root where there is one; empty for an interpreter.
        cores: logical CPUs; memory in bytes.
        switches: environment variables that change what libraries do.
        lock: the lock file that lies in the repository, by name.
    """

    command: list[str]
    entry: str
    notebook: bool
    python: str
    platform: str
    cpu: str
    cores: int
    memory_bytes: int
    gpus: list[str]
    switches: dict[str, str]
    code: Code | None = None
    lock: str = ""
    folder: str = ""
    user: str = ""


class Captured(Struct, frozen=True, kw_only=True):
    """Surroundings and the files that belong to them, by their path below the run."""

    record: Surroundings
    files: dict[str, bytes]

    @property
    def tags(self) -> dict[str, str]:
        """What MLflow's clients say of a run, so that one screen serves both."""
        code, record = self.record.code, self.record
        found = {
            "mlflow.source.name": record.entry or record.command[0],
            "mlflow.source.type": "NOTEBOOK" if record.notebook else "LOCAL",
            "mlflow.user": record.user,
        }
        if code is not None:
            found["mlflow.source.git.commit"] = code.commit
            found |= {"mlflow.source.git.branch": code.branch} if code.branch else {}
            found |= {"mlflow.source.git.repoURL": code.remote} if code.remote else {}
            found["modelyard.code"] = "changed since the commit" if code.dirty else "as committed"
        return found


class Interpreter(Struct, frozen=True, kw_only=True):
    """A Python and what it has installed, as `packages.installed` says it."""

    python: str
    packages: list[str]


def capture() -> Captured:
    """What this process runs in, now; takes as long as git and a look at all installed packages take."""
    notebook, started = _started()
    here = Interpreter(python=platform.python_version(), packages=packages.installed())
    return _captured(_command(), started, here, notebook=notebook)


def capture_command(command: Sequence[str]) -> Captured:
    """What a command that is started here and now runs in; its interpreter is asked for its packages.

    Raises:
        InvalidInput: there is no such program, or its interpreter does not answer.
    """
    program = shutil.which(command[0])
    if program is None:
        raise InvalidInput(f"there is no program {command[0]!r}; say e.g. yard run -- python train.py")
    scripts = [Path(word) for word in command[1:] if word.endswith((".py", ".ipynb")) and Path(word).is_file()]
    started = scripts[0].resolve() if scripts else None
    said = list(command)
    if Path(program).name.startswith("python"):
        said[0] = "python"
    return _captured(said, started, interpreter_of(program), notebook=False)


def interpreter_of(program: str) -> Interpreter:
    """The Python that a program is, or is a script for; else the one that `python` means here.

    Raises:
        InvalidInput: it does not answer.
    """
    python = program if Path(program).name.startswith("python") else _shebang(program) or shutil.which("python")
    try:
        done = subprocess.run(
            [python or sys.executable, packages.__file__], capture_output=True, timeout=_PROBE_S, check=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return msgspec.json.decode(done.stdout, type=Interpreter)
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as err:
        raise InvalidInput(f"{python} does not say what it has installed: {err}; name another interpreter") from err


def _shebang(program: str) -> str | None:
    """The interpreter that a script's first line names, if that is a Python."""
    with Path(program).open("rb") as file:
        head = file.readline(512).decode("utf-8", "replace")
    named = head.removeprefix("#!").split()[:1] if head.startswith("#!") else []
    return named[0] if named and "python" in Path(named[0]).name else None


def _captured(command: Sequence[str], started: Path | None, here: Interpreter, *, notebook: bool) -> Captured:
    import psutil

    from modelyard.sdk.recording.machine import gpu_names

    root = _git("rev-parse", "--show-toplevel")
    base = Path(root) if root else None
    code = None if base is None else _code(base)
    files = {PACKAGES: "".join(f"{line}\n" for line in here.packages).encode()}
    lock = _lock(base or Path.cwd())
    if lock is not None:
        files[f"{FOLDER}/lock/{lock.name}"] = lock.read_bytes()
    if code is not None and base is not None:
        if code.dirty:
            files[DIFF] = _git("diff", "--binary", "HEAD", strip=False).encode("utf-8", "surrogateescape")
        kept = [name for name in code.untracked if _small(base / name)]
        files |= {f"{UNTRACKED}/{name}": (base / name).read_bytes() for name in kept}
    if started is not None and _small(started) and (code is None or not started.is_relative_to(base or started)):
        files[f"{ENTRY}/{started.name}"] = started.read_bytes()
    record = Surroundings(
        command=masked(command), entry="" if started is None else _below(base, started), notebook=notebook,
        python=here.python, platform=platform.platform(), cpu=_cpu(), cores=os.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total, gpus=gpu_names(), switches=switches(os.environ),
        code=code, lock="" if lock is None else lock.name, folder=str(Path.cwd()), user=_user(),
    )  # fmt: skip
    files[RECORD] = msgspec.json.format(msgspec.json.encode(record), indent=2)
    return Captured(record=record, files={name: body for name, body in files.items() if len(body) <= _MAX_KEPT})


def switches(environ: os._Environ[str] | dict[str, str]) -> dict[str, str]:
    """Those variables that change what libraries of the field do; secrets masked."""
    return {name: MASK if _SECRET.search(name) else value for name, value in sorted(environ.items()) if is_switch(name)}


def is_switch(name: str) -> bool:
    """True for an environment variable that changes what libraries do."""
    return name.startswith(_SWITCHES)


def masked(command: Sequence[str]) -> list[str]:
    """A command with the values of secret arguments masked: `--token x`, `--password=x`, `user:x@host`."""
    found: list[str] = []
    hide = False
    for part in command:
        name, equals, _ = part.partition("=")
        if hide and not part.startswith("-"):
            found.append(MASK)
        elif equals and _SECRET.search(name):
            found.append(f"{name}={MASK}")
        else:
            found.append(_without_login(part))
        hide = not equals and part.startswith("-") and _SECRET.search(part) is not None
    return found


def _without_login(text: str) -> str:
    return re.sub(r"(\w+://)[^/\s@]+@", rf"\1{MASK}@", text)


def _command() -> list[str]:
    """As it was typed: with `-m` where a module was started."""
    original = list(getattr(sys, "orig_argv", ())) or [sys.executable, *sys.argv]
    return ["python", *original[1:]] if original else ["python"]


def _started() -> tuple[bool, Path | None]:
    """Whether it is a notebook, and the file that was started."""
    main = sys.modules.get("__main__")
    named = os.environ.get("JPY_SESSION_NAME", "")
    if "ipykernel" in sys.modules:
        return True, Path(named) if named and Path(named).is_file() else None
    file = getattr(main, "__file__", None)
    return False, Path(file).resolve() if file and Path(file).is_file() else None


def _code(base: Path) -> Code | None:
    if not (commit := _git("rev-parse", "HEAD")):
        return None
    branch = _git("rev-parse", "--abbrev-ref", "HEAD")
    untracked = _git("ls-files", "--others", "--exclude-standard", "--full-name", ":/*.py", ":/*.ipynb").splitlines()
    return Code(
        commit=commit, branch="" if branch == "HEAD" else branch,
        remote=_without_login(_git("config", "--get", "remote.origin.url")),
        dirty=bool(_git("status", "--porcelain", "--untracked-files=no")), folder=_below(base, Path.cwd()),
        untracked=untracked[:_MOST_UNTRACKED],
    )  # fmt: skip


def _git(*words: str, strip: bool = True) -> str:
    """What git answers here; empty where there is no git, no repository or no answer in time."""
    try:
        done = subprocess.run(
            ["git", *words], capture_output=True, timeout=_GIT_S, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    text = done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else ""
    return text.strip() if strip else text


def _lock(base: Path) -> Path | None:
    return next((base / name for name in LOCKS if _small(base / name)), None)


def _small(file: Path) -> bool:
    return file.is_file() and file.stat().st_size <= _MAX_KEPT


def _below(base: Path | None, path: Path) -> str:
    """A path below the repository, or the last part of one outside of it."""
    if base is not None and path.resolve().is_relative_to(base.resolve()):
        return str(path.resolve().relative_to(base.resolve()))
    return path.name


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.processor()
    return platform.processor() or platform.machine()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
