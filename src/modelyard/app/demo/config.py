"""What a day is about: which columns of a file mean what. Read from TOML, so that `yard demo --config FILE` runs the
same day on anybody's file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.refs import Name


class Derived(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A column computed from one row, in SQL."""

    name: Name
    expression: str


class Window(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A feature of the entity: an aggregate over the days before."""

    name: Name
    expression: str
    aggregate: Annotated[str, Meta(pattern="^(count|sum|mean|min|max)$")]
    days: Annotated[float, Meta(gt=0)]


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a row must fulfil; a row that does not goes to the quarantine."""

    name: Name
    expression: str


class DayConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A day on one table.

    Attributes:
        entity: column that names who the rows are about; features and erasure go by it.
        time: column that says when a row happened.
        epoch_unit: what a number in `time` counts from 1970 on: s, ms or us.
        label: what is to be foretold, true or false.
        outcome: columns known only afterwards; never an input of a model.
        numbers, words: inputs that come with each request, as they stand in the file.
        known_after_s: seconds after `time` at which a row's outcome is known, so that windows do not see it earlier.
        group: input by which the bias gate compares.
        early_share: share of the rows, by time, that the first part of the day sees.
    """

    title: str
    table: Name
    entity: Name
    time: Name
    label: Derived
    numbers: tuple[Name, ...]
    words: tuple[Name, ...] = ()
    derived: tuple[Derived, ...] = ()
    windows: tuple[Window, ...] = ()
    rules: tuple[Rule, ...] = ()
    group: Name
    outcome: tuple[Name, ...] = ()
    epoch_unit: Annotated[str, Meta(pattern="^(s|ms|us)$")] = "s"
    known_after_s: float = 0.0
    early_share: Annotated[float, Meta(gt=0.3, lt=0.95)] = 0.7

    @property
    def view(self) -> str:
        """The feature view over the table."""
        return f"{self.table}_by_{self.entity}"

    @property
    def model(self) -> str:
        """The model, and the endpoint that serves it."""
        return self.label.name

    @property
    def training_set(self) -> str:
        """The lake table that training sets are versions of."""
        return f"{self.label.name}_training"


def read_config(path: Path) -> DayConfig:
    """The day that a TOML file describes.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it is no TOML, or a name in it is missing, unknown or wrong.
    """
    try:
        return msgspec.toml.decode(path.read_bytes(), type=DayConfig)
    except FileNotFoundError as err:
        raise NotFound(f"there is no file {path}; see examples/chicago_taxi/day.toml for what one holds") from err
    except msgspec.MsgspecError as err:
        raise InvalidInput(f"{path}: {err}") from err


DELIVERIES = Path(__file__).with_name("deliveries.toml")
"""The day on the seeded simulation."""
