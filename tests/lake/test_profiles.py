"""Profiles say what columns hold, once a version."""

from __future__ import annotations

from modelyard.lake.api import Classification, Column, ColumnFate, Declared, Lake, Mode, Reading


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


def test_a_profile_has_quantiles_and_lengths(lake: Lake) -> None:
    lake.load("t", [b"n,word\n" + b"".join(b"%d,%s\n" % (n, b"x" * (n % 3 + 1)) for n in range(1, 102))])
    n, word = lake.profile("t").columns
    assert n.quantiles == {"0.01": 2, "0.05": 6, "0.25": 26, "0.5": 51, "0.75": 76, "0.95": 96, "0.99": 100}
    assert (word.shortest, word.longest, round(word.mean_length or 0, 2), word.quantiles) == (1, 3, 2.01, {})
    assert (n.shortest, n.mean_length) == (None, None)


def test_two_versions_are_compared_in_words(lake: Lake) -> None:
    def text(first: int, kind: bytes, note: bytes) -> bytes:
        kinds, notes = (b"a", kind), [b"", *[note] * 9]
        rows = b"".join(b"%d,%s,%s,7\n" % (n + first, kinds[n % 2], notes[n % 10]) for n in range(200))
        return b"n,kind,note,same\n" + rows

    lake.load("t", [text(0, b"b", b"x")])
    lake.load("t", [text(500, b"c", b"")], reading=Reading(), mode=Mode.OVERWRITE)
    found = lake.compare_profiles("t", "1")
    assert found.sentence == "200 rows, as before; 3 of 4 columns changed: n, kind, note"
    n, kind, note, same = found.columns
    assert n.sentence == "n: the median went from 99.5 to 599.5"
    assert n.shift is not None
    assert n.shift > 4
    assert (kind.new_values, kind.gone_values, kind.sentence) == (("c",), ("b",), "kind: new values: c; values gone: b")
    assert note.sentence.startswith("note: missing values went from 10.0% to 100.0%")
    assert (same.fate, same.sentence) == (ColumnFate.SAME, "")
    lake.load("t", [b"n,other\n1,2\n"], mode=Mode.OVERWRITE, schema=Declared(columns=(
        Column(name="n", type="string"), Column(name="other", type="int64"))))  # fmt: skip
    fates = {column.name: column.fate for column in lake.compare_profiles("t", "2", "3").columns}
    assert fates == {
        "kind": ColumnFate.REMOVED, "note": ColumnFate.REMOVED, "same": ColumnFate.REMOVED, "other": ColumnFate.ADDED,
        "n": ColumnFate.RETYPED,
    }  # fmt: skip


def test_the_middle_of_moments_is_told_as_a_moment(lake: Lake) -> None:
    days = [b"at,day\n" + b"".join(b"2026-0%d-1%dT08:30:00Z,2026-0%d-1%d\n" % (m, d, m, d) for d in range(9))
            for m in (3, 6)]  # fmt: skip
    lake.load("t", days[:1])
    lake.load("t", days[1:], mode=Mode.OVERWRITE)
    told = {column.name: column.sentence for column in lake.compare_profiles("t", "1").columns}
    assert told["at"].startswith("at: the median went from 2026-03-14 08:30 to 2026-06-14 08:30")
    assert told["day"].startswith("day: the median went from 2026-03-14 to 2026-06-14")


def test_a_classified_number_shows_neither_mean_nor_quantiles(lake: Lake) -> None:
    columns = (Column(name="pay", type="float64", classification=Classification.PHI),)
    lake.load("t", [b"pay\n100\n200\n"], schema=Declared(columns=columns))
    (pay,) = lake.profile("t").columns
    assert (pay.low, pay.mean, pay.std, pay.quantiles, pay.histogram, pay.distinct) == (None, None, None, {}, (), 2)
    lake.load("t", [b"pay\n900\n"])
    assert "900" not in str(lake.compare_profiles("t", "1"))
