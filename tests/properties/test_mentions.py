"""A value is found in a text however often JSON escaped it, by the database's patterns as by the decision."""

from __future__ import annotations

import json
import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from modelyard.kernel.mentions import SHORTEST, Sought
from modelyard.ports.statements import like_params

VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


@given(VALUES, st.lists(st.booleans(), max_size=5), st.sampled_from(["id", "text"]))
def test_a_value_is_found_in_json_within_json(value: str, ascii_only: list[bool], key: str) -> None:
    text = f"- {value} -" if key == "text" else value
    for only in ascii_only:
        text = json.dumps({key: text}, ensure_ascii=only)
    sought = Sought(value, ("id",))
    if len(value.encode()) >= SHORTEST or (key == "id" and len(ascii_only) == 1):
        assert sought.is_told(text)
    with sqlite3.connect(":memory:") as database:
        globs = [like_params("p", pattern)["p_glob"] for pattern in sought.patterns]
        assert any(database.execute("SELECT ? GLOB ?", (text, glob)).fetchone()[0] for glob in globs)
    database.close()
