"""The contrast of every pair of tokens that may meet (WCAG 2.2), and that no colour is written elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelyard import ui

CSS = Path(ui.__file__).parent / "static" / "css"
TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", (CSS / "10-tokens.css").read_text()
    )
}
TOKENS["on-fill"] = ("#ffffff", "#ffffff")
GROUNDS = ("page", "well", "float", "hover")
PAIRS = [
    *(
        (ink, ground, 4.5)
        for ink in ("ink", "ink-2", "ink-3", "accent-ink", "ok-ink", "warn-ink", "bad-ink")
        for ground in GROUNDS
    ),
    *(("ink", ground, 12.0) for ground in ("page", "well")),
    *((f"{tone}-ink", f"{tone}-soft", 4.5) for tone in ("ok", "warn", "bad")),
    ("accent-ink", "accent-soft", 4.5),
    *(("ink", soft, 7.0) for soft in ("accent-soft", "ok-soft", "warn-soft", "bad-soft", "press")),
    *(("ink-2", soft, 4.5) for soft in ("accent-soft", "warn-soft", "bad-soft", "ok-soft", "press")),
    ("on-fill", "accent", 4.5),
    ("on-fill", "accent-hover", 4.5),
    ("on-fill", "bad-fill", 4.5),
    *((line, ground, 3.0) for line in ("control", "focus") for ground in ("page", "well", "float")),
    *((fill, "page", 2.5) for fill in ("ok-fill", "warn-fill", "bad-fill")),
    *((f"s{i}", "page", 3.0) for i in (1, 2, 3, 4, 5, 6, 7, 8)),
    ("reference", "page", 4.5),
]


def luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_a_pair_that_meets_can_be_read(ink: str, ground: str, least: float, theme: int) -> None:
    assert contrast(TOKENS[ink][theme], TOKENS[ground][theme]) >= least


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_the_heat_ramp_rises_or_falls_evenly(theme: int) -> None:
    steps = [luminance(TOKENS[f"h{i}"][theme]) for i in range(6)]
    assert steps == sorted(steps, reverse=theme == 0)


def test_no_colour_is_written_outside_the_tokens() -> None:
    for path in CSS.glob("*.css"):
        if path.name != "10-tokens.css":
            assert not re.search(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsl", path.read_text()), path.name


def test_every_token_that_is_used_exists() -> None:
    text = "".join(path.read_text() for path in CSS.glob("*.css"))
    made = set(re.findall(r"(--[\w-]+):", text))
    assert set(re.findall(r"var\((--[\w-]+)\)", text)) <= made
