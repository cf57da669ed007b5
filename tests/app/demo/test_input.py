"""The day's input: cut by time without losing a row, described by a file, simulated from a seed."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from modelyard.app.demo.config import DELIVERIES, read_config
from modelyard.app.demo.input import cut
from modelyard.app.demo.run import read_input
from modelyard.app.demo.simulation import DRIFT_FROM, deliveries
from modelyard.kernel.errors import InvalidInput, NotFound

EXAMPLE = Path(__file__).parents[3] / "examples" / "chicago_taxi" / "day.toml"


def test_the_simulation_is_the_same_for_the_same_seed() -> None:
    assert deliveries(600) == deliveries(600)
    assert deliveries(600) != deliveries(600, seed=2)


def test_the_cut_keeps_every_row_and_parts_them_by_time() -> None:
    text = deliveries(3000)
    parts = cut(text, read_config(DELIVERIES))
    rows = sorted(map(tuple, csv.reader(io.StringIO(text))))
    again = sorted(
        map(tuple, list(csv.reader(io.StringIO(parts.early))) + list(csv.reader(io.StringIO(parts.later)))[1:])
    )
    assert rows == again
    assert parts.early_rows + parts.later_rows == 3000
    assert abs(parts.cut_s - DRIFT_FROM.timestamp()) < 14 * 86_400


def test_both_shipped_days_can_be_read() -> None:
    assert read_config(DELIVERIES).model == "late"
    assert read_config(EXAMPLE).model == "big_tip"


def test_a_wrong_description_says_what_is_wrong(tmp_path: Path) -> None:
    broken = tmp_path / "day.toml"
    broken.write_text('title = "x"\ncolour = 1\n')
    with pytest.raises(InvalidInput, match=r"day\.toml"):
        read_config(broken)
    with pytest.raises(NotFound, match="no file"):
        read_config(tmp_path / "none.toml")
    with pytest.raises(InvalidInput, match="go together"):
        read_input(None, EXAMPLE)


def test_a_file_that_is_no_day_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no column placed_at"):
        cut("a,b\n1,2\n", read_config(DELIVERIES))
    with pytest.raises(InvalidInput, match="at least 500"):
        cut("placed_at,b\n1,2\n", read_config(DELIVERIES))
