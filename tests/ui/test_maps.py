"""The map of the lifecycle: trouble travels along real edges, downstream, and the worst of it wins."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelyard.ui.kit.maps import GAP, Place, Stage, Strand, drawing, spread

KEYS = "abcdef"


def place(key: str, state: str = "ok") -> Place:
    return Place(key, key, "", "", state, "/")


def tones(states: dict[str, str], *pairs: str) -> list[str]:
    return [s.tone for s in spread(states, [Strand(pair[0], pair[1]) for pair in pairs])]


def test_trouble_goes_downstream_and_not_up_or_aside() -> None:
    assert tones({"b": "bad"}, "ab", "bc", "cd", "xc", "xy") == ["bad", "bad", "bad", "", ""]


def test_the_worse_of_two_troubles_is_drawn() -> None:
    assert tones({"a": "warn", "b": "bad"}, "ac", "bc", "cd") == ["warn", "bad", "bad"]


def test_what_runs_or_waits_is_no_trouble() -> None:
    assert tones({"a": "run", "b": "wait", "c": "off"}, "ab", "bc") == ["", ""]


@given(
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["ok", "warn", "bad", "run"])),
    st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(KEYS)), max_size=12),
)
def test_a_tone_always_has_a_thing_in_trouble_at_or_above_its_end(
    states: dict[str, str], pairs: list[tuple[str, str]]
) -> None:
    found = spread(states, [Strand(*pair) for pair in pairs])
    assert [(s.source, s.target) for s in found] == pairs
    for strand in found:
        above = {strand.source}
        for _ in pairs:
            above |= {source for source, target in pairs if target in above}
        troubles = {states.get(key) for key in above | {strand.target}} & {"warn", "bad"}
        assert not strand.tone or strand.tone in troubles


def test_edges_run_between_the_places_of_the_grid_and_trouble_is_drawn_last() -> None:
    stages = (
        Stage("Data", "table", "/tables", 2, places=(place("a", "bad"), place("b"))),
        Stage("Features", "view", "/features", 1, places=(place("c"),)),
    )
    made = drawing(stages, spread({"a": "bad"}, [Strand("a", "c"), Strand("b", "c"), Strand("b", "nowhere")]))
    assert [e.tone for e in made.edges] == ["", "bad"]
    assert made.edges[1].path.startswith("M492 68C") and made.edges[0].path.startswith(f"M492 {68 + 40 + GAP}C")
    assert made.height > 68 + 40 + GAP


def test_an_empty_yard_has_a_map_without_edges() -> None:
    assert drawing((), ()).edges == ()
