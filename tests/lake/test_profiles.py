"""Profiles say what columns hold, once a version."""

from __future__ import annotations

from modelyard.lake.api import Classification, Column, Declared, Lake


def test_a_profile_measures_each_column(lake: Lake) -> None:
    kinds = (b"", b"b", b"a", b"b")
    rows = b"".join(b"%d,%s,2026-01-%02d\n" % (n, kinds[n % 4], n % 28 + 1) for n in range(400))
    lake.load("t", [b"n,kind,day\n" + rows])
    profile = lake.profile("t")
    n, kind, day = profile.columns
    assert (profile.rows, n.nulls, n.low, n.high, n.mean) == (400, 0, 0, 399, 199.5)
    assert sum(bar.count for bar in n.histogram) == 400
    assert (kind.nulls, [(t.value, t.count) for t in kind.top]) == (100, [("b", 200), ("a", 100)])
    assert (day.low, day.high, day.distinct) == ("2026-01-01", "2026-01-28", 28)
    assert sum(bar.count for bar in day.histogram) == 400
    assert lake.profile("t") == profile


def test_a_classified_column_shows_no_value(lake: Lake) -> None:
    columns = (Column(name="who", type="string", classification=Classification.PII),)
    lake.load("t", [b"who\n" + b"ada\n" * 50], schema=Declared(columns=columns))
    (who,) = lake.profile("t").columns
    assert (who.low, who.high, who.top, who.nulls, who.distinct) == (None, None, (), 0, 1)


def test_an_empty_table_has_a_profile(lake: Lake) -> None:
    lake.load("t", [b"a,b\n"])
    assert [c.rows for c in lake.profile("t").columns] == [0, 0]
