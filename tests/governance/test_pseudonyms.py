"""Forgetting somebody whose name stands in tables as a token: rows go, and nothing ties the name to what is left."""

from __future__ import annotations

from pathlib import Path

import pytest

import modelyard
from modelyard.lake.api import Classification, Column, Declared

NAME = "anna.karenina@example.org"
PERSON = Column(name="rider", type="string", classification=Classification.PII, pseudonym="person")
RIDES = Declared(columns=(PERSON, Column(name="fare", type="float64")))


def test_a_subject_is_forgotten_under_its_name_and_its_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YARD_SYNC", "normal")
    with modelyard.connect(str(tmp_path / "home")) as yard:
        yard.lake.load("rides", [f"rider,fare\n{NAME},5\nben,7\n{NAME},much\n".encode()], schema=RIDES)
        yard.lake.write("copies", [b"".join(yard.lake.rows("rides"))])
        token = yard.lake.pseudonyms("person", (NAME,))[0].token
        plan = yard.governance.plan_forget("rider", NAME)
        assert {(held.ref, held.what, held.count) for held in plan.items} >= {
            ("table:rides", "rows", 1), ("table:copies", "rows", 1), ("table:rides", "quarantined rows", 1),
            ("pseudonym:person", "keys", 1),
        }  # fmt: skip
        receipt = yard.governance.forget("rider", NAME)
        assert receipt.clean, receipt.scan
        assert yard.lake.pseudonyms("person", (NAME,)) == ()
        assert yard.lake.reveal("person", (token,)) == ()
        assert [yard.lake.preview(table).total for table in ("rides", "copies")] == [1, 1]
    files = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert [path for path in files if NAME.encode() in path.read_bytes()] == []
