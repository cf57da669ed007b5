"""Somebody is forgotten in comments: texts, authors, mentions and the names of things; on SQLite, then on Postgres."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from modelyard.adapters.databases import open_database
from modelyard.adapters.journal import DatabaseJournal
from modelyard.adapters.replies import DatabaseReplies
from modelyard.governance.api import Governance, Held, Receipt
from modelyard.governance.service import LogEraser, NamedKeys, Words, WordsEraser
from modelyard.governance.store import MIGRATIONS as GOVERNANCE
from modelyard.kernel.events import Entry
from modelyard.kernel.mentions import MARK
from modelyard.kernel.refs import Ref
from modelyard.ports.database import Migration, Transaction
from modelyard.teamwork.api import CommentErasure, CommentsForgotten, Teamwork
from modelyard.teamwork.service import TeamworkService
from modelyard.teamwork.store import MIGRATIONS
from modelyard.testing import Bench
from tests.governance.yard import Yard

WHO = "taxi-7f3a91c2"
TIPS = Ref("model:tips@3")
OF_WHO = Ref(f"table:rides-of-{WHO}@2")
TABLES = (*MIGRATIONS, *GOVERNANCE, *DatabaseReplies.migrations)
EachBench = Callable[[Sequence[Migration]], Bench]


def team(bench: Bench) -> Teamwork:
    return bench.open(Teamwork, TeamworkService())


def told(found: CommentErasure) -> list[tuple[str, str, int]]:
    return [(one.kind, one.what, one.count) for one in found.found]


def fill(bench: Bench) -> dict[str, str]:
    """Comments by the subject, of it, to it, on a thing called after it, and one of somebody else; their ids."""
    said, made = team(bench), dict[str, str]()
    bench.act_as(WHO)
    made["by"] = said.comment(TIPS, "my own words, @ada").id
    bench.act_as("ada")
    made["of"] = said.comment(TIPS, f"@bob: {WHO} asked for this").id
    made["to"] = said.comment(Ref("run:r1"), f"look, @{WHO}, and @bob").id
    made["on"] = said.comment(OF_WHO, "clean now").id
    made["other"] = said.comment(TIPS, f"{WHO}0 is somebody else, @bob").id
    return made


FOUND = [
    ("model", "authors of comments", 1), ("model", "texts of comments", 1), ("run", "texts of comments", 1),
    ("table", "names of things with comments", 1),
]  # fmt: skip


def test_a_comment_stays_and_a_mark_stands_for_who_was_named(each_bench: EachBench) -> None:
    bench = each_bench(TABLES)
    made, said = fill(bench), team(bench)
    look = said.erase_comments(WHO)
    assert (look.applied, told(look), look.longer) == (False, FOUND, (f"{WHO}0",))
    done = said.erase_comments(WHO, apply=True)
    assert (done.applied, told(done)) == (True, FOUND)
    assert told(said.erase_comments(WHO)) == []
    on_tips = {str(c.id): c for c in said.comments(TIPS).items}
    assert [on_tips[made[k]].text for k in ("by", "of", "other")] == [
        "my own words, @ada", MARK, f"{WHO}0 is somebody else, @bob",
    ]  # fmt: skip
    assert [on_tips[made[k]].author_name for k in ("by", "of")] == [MARK, "ada"]
    assert on_tips[made["of"]].mentions == ()
    (called,) = said.comments(Ref("run:r1")).items
    assert (called.text, called.mentions) == (MARK, ())
    assert said.comments(OF_WHO).items == []
    (apart,) = said.comments(Ref(f"forgotten:{made['on']}")).items
    assert (apart.id, apart.text) == (made["on"], "clean now")
    bench.act_as("bob")
    assert [c.id for c in said.mentions().items] == [made["other"]]
    bench.act_as(WHO)
    assert said.mentions().items == []
    assert len(bench.events(CommentsForgotten)) == 3


def test_a_short_value_counts_as_an_author_and_under_a_name_alone(each_bench: EachBench) -> None:
    bench = each_bench(TABLES)
    said = team(bench)
    bench.act_as("42")
    said.comment(TIPS, "by number 42")
    bench.act_as("ada")
    said.comment(TIPS, '{"taxi": "42"}')
    said.comment(TIPS, '{"fare": "42"}')
    found = said.erase_comments("42", ("taxi",), apply=True)
    assert told(found) == [("model", "authors of comments", 1), ("model", "texts of comments", 1)]
    assert [c.text for c in said.comments(TIPS).items] == ['{"fare": "42"}', MARK, "by number 42"]
    assert said.comments(TIPS).items[-1].author_name == MARK


def test_many_comments_are_found_page_by_page(each_bench: EachBench) -> None:
    bench = each_bench(TABLES)
    said = team(bench)
    for number in range(205):
        said.comment(TIPS, f"{number}: {WHO if number % 2 else 'nobody'}")
    assert told(said.erase_comments(WHO, apply=True)) == [("model", "texts of comments", 102)]
    texts = [c.text for c in said.comments(TIPS, limit=500).items]
    assert sorted(set(texts) - {MARK}, key=lambda t: int(t.partition(":")[0])) == [
        f"{n}: nobody" for n in range(0, 205, 2)
    ]


def governed(bench: Bench) -> Governance:
    """Governance that asks comments and the log."""
    service, house = TeamworkService(), Yard(bench)

    def ask(value: str, names: tuple[str, ...], *, apply: bool) -> Words:
        found = service.erase_comments(value, names, apply=apply)
        return Words([(one.kind, one.what, one.count) for one in found.found], found.longer)

    keys = NamedKeys()
    house.furnish(WordsEraser("teamwork", "comments", ask, keys), LogEraser(bench.journal, DatabaseReplies(), keys))
    return house.api


def said_of(held: Sequence[Held]) -> list[tuple[str, str, int]]:
    return [(str(h.ref), h.what, h.count) for h in held if h.by == "teamwork"]


def checked(receipt: Receipt) -> None:
    """It tells what was in comments, names nobody, and says that the audit knows a thing called after the subject."""
    assert said_of(receipt.done) == [(f"comments:{kind}", what, count) for kind, what, count in FOUND]
    assert receipt.scan.read_back == ("log: 1 entries of the audit, which is a chain",)
    assert WHO not in repr(receipt)


def test_governance_plans_and_forgets_comments_with_a_receipt(each_bench: EachBench) -> None:
    bench = each_bench(TABLES)
    api = governed(bench)
    owner = bench.actor
    fill(bench)
    bench.actor = owner
    plan = api.plan_forget("taxi", WHO)
    assert "teamwork" in plan.participants and WHO not in repr(plan)
    receipt = api.forget("taxi", WHO)
    assert said_of(plan.items) == said_of(receipt.done)
    checked(receipt)
    assert said_of(api.forget("taxi", WHO).done) == []


class Cut(DatabaseJournal):
    """A journal under which every commit fails after some: what a kill leaves."""

    left: int | None = None

    def append(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        super().append(tx, entries)
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("the power went")


def test_an_erasure_cut_off_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    journal = Cut()
    database = open_database(tmp_path / "yard.sqlite", journal=journal)
    with closing(database), Bench(TABLES, database=database, journal=journal) as bench:
        fill(bench)
        said = team(bench)
        for tries in range(1, 9):
            journal.left = tries
            try:
                said.erase_comments(WHO, apply=True)
            except RuntimeError:
                continue
            break
        journal.left = None
        assert tries > 1 and told(said.erase_comments(WHO)) == []
        bench.act_as("bob")
        assert [c.text for c in said.mentions().items] == [f"{WHO}0 is somebody else, @bob"]
