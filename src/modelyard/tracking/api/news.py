"""What tracking tells the floors above."""

from __future__ import annotations

from modelyard.kernel.events import News


class ExperimentCreated(News, frozen=True, kw_only=True):
    """An experiment was made."""

    experiment: str
    name: str


class ExperimentDeleted(News, frozen=True, kw_only=True):
    """An experiment and its runs were set aside."""

    experiment: str


class ExperimentRestored(News, frozen=True, kw_only=True):
    """An experiment and its runs came back."""

    experiment: str


class RunStarted(News, frozen=True, kw_only=True):
    """A run began."""

    run: str
    experiment: str
    name: str
    user: str
    parent: str | None = None


class RunFinished(News, frozen=True, kw_only=True):
    """A run ended; reads its inputs and writes the run."""

    run: str
    experiment: str
    name: str
    status: str
    duration_ms: int
    commit: str | None = None


class RunDeleted(News, frozen=True, kw_only=True):
    """A run was set aside."""

    run: str


class RunRestored(News, frozen=True, kw_only=True):
    """A run came back."""

    run: str


class InputsLogged(News, frozen=True, kw_only=True):
    """A run said what it reads."""

    run: str
    datasets: list[str]


class ModelLogged(News, frozen=True, kw_only=True):
    """A run finished storing a model."""

    model: str
    name: str
    run: str | None
    experiment: str


class ArtifactsDeleted(News, frozen=True, kw_only=True):
    """Files of a run or a logged model were removed."""

    owner: str
    path: str
    files: int


class RunReproduced(News, frozen=True, kw_only=True):
    """A run was done again; reads the first, writes the repetition."""

    run: str
    by: str
    outcome: str


class TracesDeleted(News, frozen=True, kw_only=True):
    """Traces were removed for good."""

    experiment: str
    traces: int


class RunsForgot(News, frozen=True, kw_only=True):
    """Texts or files of runs that named somebody went; it writes their experiments."""

    what: str
    count: int
