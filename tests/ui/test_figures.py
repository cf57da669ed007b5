from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.ui.kit import figures

NOW = datetime(2026, 11, 22, 23, 41, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (figures.number(2_413_872), "2,413,872"),
        (figures.number(-3), "−3"),
        (figures.number(None), "–"),
        (figures.number(0.38), "0.38"),
        (figures.metric(0.94183), "0.9418"),
        (figures.metric(17.85), "17.85"),
        (figures.metric(float("nan")), "nan"),
        (figures.metric(-math.inf), "−∞"),
        (figures.signed(0.0039), "+0.0039"),
        (figures.signed(-0.00721), "−0.0072"),
        (figures.signed(-0.00001), "0"),
        (figures.interval(0.0018, 0.0104), "[+0.0018, +0.0104]"),
        (figures.share(0.343), "34.3 %"),
        (figures.share(0.0001), "< 0.1 %"),
        (figures.money(0.042), "$0.042"),
        (figures.money(0.34), "$0.34"),
        (figures.money(41.6), "$41.60"),
        (figures.money(842), "$842"),
        (figures.size(412_000_000), "412 MB"),
        (figures.size(1_900_000), "1.9 MB"),
        (figures.size(88_000), "88 KB"),
        (figures.size(7), "7 B"),
        (figures.energy(2_100), "2.1 kWh"),
        (figures.duration(0.0038), "3.8 ms"),
        (figures.duration(296), "4 min 56 s"),
        (figures.duration(timedelta(hours=1, minutes=27)), "1 h 27 min"),
        (figures.duration(26 * 86_400), "26 d"),
        (figures.short("pred_01M82TQ4XH8J86G9"), "pred_0…8J86G9"),
        (figures.plural(1, "row"), "1 row"),
        (figures.plural(2_000, "row"), "2,000 rows"),
        (figures.sentence("no such thing"), "No such thing."),
        (figures.sentence("tips@7 is gone."), "tips@7 is gone."),
        (figures.initials("ana kos"), "AK"),
        (figures.initials("<>"), "?"),
    ],
)
def test_a_value_is_written_as_people_read_it(written: str, wanted: str) -> None:
    assert written == wanted


def test_times_are_relative_under_a_day_and_dates_beyond() -> None:
    assert figures.ago(NOW - timedelta(seconds=41), NOW) == "41 s ago"
    assert figures.ago(NOW - timedelta(minutes=14), NOW) == "14 min ago"
    assert figures.ago(NOW - timedelta(hours=9), NOW) == "9 h ago"
    assert figures.ago(NOW - timedelta(days=7), NOW) == "15 Nov 23:41"
    assert figures.ago(NOW - timedelta(days=600), NOW) == "1 Apr 2025"
    assert figures.stamp(NOW) == "2026-11-22 23:41:07 UTC"


@given(st.text())
def test_no_control_or_direction_character_survives(text: str) -> None:
    clean = figures.plain(text)
    assert not any(c in "\u202e\u2066\u2069\x00\x1b\ufeff" for c in clean)
    clean.encode("utf-8")


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_number_can_be_written(value: float) -> None:
    for write in (figures.number, figures.metric, figures.signed, figures.share):
        assert write(value)
    if math.isfinite(value):
        assert figures.money(value) and figures.size(value) and figures.energy(abs(value))
        if abs(value) < 1e15:
            assert figures.duration(value)
