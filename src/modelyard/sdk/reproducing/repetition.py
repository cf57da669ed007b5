"""A run done again, from its record to its verdicts; the repetition is the run that the command makes.

All runs of one command carry one tag, so that the repetition of the third run of a script is the third that the script
makes now. A command that ends without making a run still leaves one: FAILED, with what was printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from msgspec import Struct

from modelyard.kernel.errors import InvalidInput, NotFound, YardError
from modelyard.sdk.pins import pinning
from modelyard.sdk.recording.surroundings import FOLDER
from modelyard.sdk.reproducing import command as commands
from modelyard.sdk.reproducing.comparing import compare
from modelyard.sdk.reproducing.environment import Environment, Packages, environment
from modelyard.sdk.reproducing.recorded import Recorded, recorded
from modelyard.sdk.reproducing.workplace import Workplace, workplace
from modelyard.tracking.api import (
    INVOCATION_TAG,
    REPRODUCES_TAG,
    Reproduction,
    Run,
    RunStatus,
    Tracking,
    Verdict,
)

OUTPUT = f"{FOLDER}/output.txt"
_MOST = 20_000
_PAGE = 1000
_NOTES = 100
_LONG = 1900


class Wish(Struct, frozen=True, kw_only=True):
    """How somebody wants a run repeated; see `tracking.reproduce`."""

    repository: Path
    command: str
    packages: Packages
    python: str
    tolerance: float
    limit_s: float


class Repetition(Struct, frozen=True, kw_only=True):
    """What came of it."""

    reproduction: Reproduction
    verdicts: list[Verdict]


def repeat(tracking: Tracking, run: str, wish: Wish, reach: Mapping[str, str]) -> Repetition:
    """Do it, compare, and keep what it showed.

    Raises:
        NotFound: there is no such run, repository or commit.
        InvalidInput: the run does not say what was run, or a bound is broken.
        Conflict: its changes do not apply, or nobody knows its packages.
        Unavailable: its packages cannot be installed.
    """
    if not 0 <= wish.tolerance <= 1 or wish.limit_s <= 0:
        raise InvalidInput("a tolerance is a share from 0 to 1, and a limit is above 0 seconds")
    first = tracking.run_record(run)
    told = recorded(tracking, first, wish.command)
    invocation = token_hex(16)
    with workplace(told, wish.repository) as place:
        env = environment(told, place.code, place.beside, packages=wish.packages, python=wish.python)
        variables = commands.surroundings_of(
            told, {**reach, **pinning(first.reads)}, {INVOCATION_TAG: invocation, REPRODUCES_TAG: run},
            code=place.code, env=env,
        )  # fmt: skip
        ended = _command(told, place, env, variables, wish.limit_s)
    made = runs_of(tracking, invocation)
    again, notes = _counterpart(tracking, first, made)
    problem = _problem(ended, wish.limit_s, again)
    if again is None:
        tags = {REPRODUCES_TAG: run, INVOCATION_TAG: invocation}
        again = tracking.start_run(first.experiment, f"{first.name} again", tags)
    if not again.status.is_over:
        again = tracking.update_run(again.id, RunStatus.FAILED if problem else RunStatus.FINISHED)
    with suppress(YardError):
        tracking.upload(again.id, OUTPUT, iter([ended.said]))
    verdicts = (
        [] if problem and not again.metrics and not again.params else compare(tracking, first, again, wish.tolerance)
    )
    kept = tracking.note_reproduction(
        run, again.id, verdicts[:_MOST], tolerance=wish.tolerance, environment=env.words[:_LONG],
        notes=[note[:_LONG] for note in (*told.notes, *env.notes, *notes)][:_NOTES], problem=problem[:_LONG],
    )  # fmt: skip
    return Repetition(reproduction=kept, verdicts=verdicts)


def _command(
    told: Recorded, place: Workplace, env: Environment, variables: Mapping[str, str], limit_s: float
) -> commands.Ended:
    words = list(told.command)
    if Path(words[0]).name.startswith("python"):
        words[0] = str(env.python)
    folder = place.code / told.folder
    if not folder.is_dir():
        raise NotFound(f"the commit has no folder {told.folder!r}, in which the run's command was started")
    return commands.run(
        words, folder=folder, environ=variables, log=place.beside / "output.txt", limit_s=limit_s, started=place.started
    )


def runs_of(tracking: Tracking, invocation: str) -> list[Run]:
    """The runs of one command, in the order in which they began."""
    found: list[Run] = []
    cursor: str | None = None
    while True:
        page = tracking.runs(
            None, f"tags.`{INVOCATION_TAG}` = '{invocation}'", ["attributes.start_time ASC"], limit=_PAGE, cursor=cursor
        )
        found += page.items
        cursor = page.next
        if cursor is None:
            return found


def _counterpart(tracking: Tracking, first: Run, made: Sequence[Run]) -> tuple[Run | None, list[str]]:
    """Which of the runs that the command made repeats the first, and what to say of that."""
    if not made:
        return None, []
    invocation = first.tags.get(INVOCATION_TAG)
    siblings = runs_of(tracking, invocation) if invocation else [first]
    place = next((i for i, each in enumerate(siblings) if each.id == first.id), 0)
    if len(siblings) == len(made):
        return made[place], []
    alike = [each for each in made if (each.parent is None) == (first.parent is None)] or list(made)
    named = [each for each in alike if each.name == first.name] or alike
    chosen = named[min(place, len(named) - 1)] if invocation else named[0]
    if len(made) == 1:
        return chosen, []
    return chosen, [f"the command made {len(made)} runs; {chosen.name} ({chosen.id}) is taken for the repetition"]


def _problem(ended: commands.Ended, limit_s: float, again: Run | None) -> str:
    if ended.code is None:
        return f"the command was stopped after {limit_s:g} s; --limit lets it run for longer"
    if ended.code != 0:
        return f"the command failed with exit code {ended.code}: {ended.last}"
    if again is None:
        return (
            "the command made no run in this yard: with the mlflow client it needs a yard that is up (yard up), "
            "and a script must not set another tracking address"
        )
    return ""
