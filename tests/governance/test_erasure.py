"""Forgetting somebody: the plan, the deed, the search afterwards, and the receipt."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from modelyard.governance.api import Held, Left, Receipt, ReceiptId, Subject
from modelyard.governance.model.erasure import forms_of, is_signed
from modelyard.governance.service.packed import Sought
from modelyard.governance.service.scan import search
from modelyard.governance.store import MIGRATIONS
from modelyard.kernel.errors import NotFound
from modelyard.kernel.events import News
from modelyard.kernel.refs import Ref
from modelyard.ports import calls
from modelyard.ports.database import Migration, Statement
from tests.governance.yard import Yard

KEY = "taxi-4711-é"
SOUGHT = Sought(KEY, forms_of(KEY))
TRIPS = Migration(
    slice="trips", number=1, name="trips", ddl=("CREATE TABLE trips (id {int} PRIMARY KEY, taxi {text})",)
)
_trips = sa.table("trips", sa.column("id"), sa.column("taxi"))
ADD = Statement(sa.insert(_trips).values(id=sa.bindparam("id"), taxi=sa.bindparam("taxi")))
COUNT = Statement(sa.select(sa.func.count()).select_from(_trips).where(_trips.c.taxi == sa.bindparam("key")))
DROP = Statement(sa.delete(_trips).where(_trips.c.taxi == sa.bindparam("key")))


class Changed(News, frozen=True, kw_only=True):
    kind = "lake.changed"


class Trips:
    """A participant with a table of its own in the same database, and a file beside it."""

    name = "trips"
    namesakes: tuple[str, ...] = ()

    def __init__(self, house: Yard) -> None:
        self.file = house.bench.home / "objects" / "trips.json"
        self.fails = False
        self.forgets_file = True
        house.bench.database.migrate((*MIGRATIONS, TRIPS))

    def fill(self, house: Yard) -> None:
        def work() -> None:
            calls.current().tx.many(ADD, [{"id": i, "taxi": KEY if i % 3 == 0 else f"other {i}"} for i in range(600)])
            calls.current().emit(Changed(), writes=[Ref("table:trips@1")])

        house.bench.call(work)
        house.bench.call(
            lambda: calls.current().emit(Changed(), reads=[Ref("table:trips@1")], writes=[Ref("model:tips@1")])
        )
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_text(json.dumps({"taxi": KEY}))

    def plan(self, subject: Subject) -> Sequence[Held]:
        row = calls.current().tx.one(COUNT, {"key": subject.key})
        count = 0 if row is None else int(row[0])
        return [Held(by=self.name, ref=Ref("table:trips"), what="rows", count=count)] if count else []

    def erase(self, subject: Subject) -> Sequence[Held]:
        if self.fails:
            raise RuntimeError("the power went")
        call = calls.current()
        count = call.unit(lambda: call.tx.run(DROP, {"key": subject.key}))
        if self.forgets_file:
            self.file.unlink(missing_ok=True)
        return [Held(by=self.name, ref=Ref("table:trips"), what="rows", count=count)] if count else []

    def remains(self, subject: Subject) -> Left:
        return Left(places=("table:trips",) if self.plan(subject) else (), namesakes=self.namesakes)


@pytest.fixture
def trips(house: Yard) -> Trips:
    made = Trips(house)
    made.fill(house)
    house.furnish(made)
    return made


def zipped(data: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("first", b"nothing")
        packed.writestr("second", data)
    return buffer.getvalue()


def everything(home: Path) -> bytes:
    return b"".join(p.read_bytes() for p in home.rglob("*") if p.is_file())


def test_the_plan_changes_nothing_and_names_the_models(house: Yard, trips: Trips) -> None:
    plan = house.api.plan_forget("taxi", KEY)
    assert [(h.ref, h.what, h.count) for h in plan.items] == [("table:trips", "rows", 200)]
    assert plan.models == ("model:tips@1",) and plan.participants == ("trips",)
    assert house.api.plan_forget("taxi", KEY) == plan
    assert KEY not in str(plan)


def test_after_forgetting_no_byte_is_left_and_the_receipt_says_so(house: Yard, trips: Trips) -> None:
    assert any(form in everything(house.bench.home) for form in forms_of(KEY).values())
    receipt = house.api.forget("taxi", KEY)
    assert receipt.clean and receipt.scan.conclusive and receipt.scan.found == ()
    assert receipt.models == ("model:tips@1",)
    assert [(h.what, h.count) for h in receipt.done] == [("rows", 200)]
    assert receipt.scan.files > 0 and receipt.scan.bytes > 0
    left = everything(house.bench.home)
    assert not any(form in left for form in forms_of(KEY).values())


def test_what_is_left_behind_is_found_and_named(house: Yard, trips: Trips) -> None:
    trips.forgets_file = False
    receipt = house.api.forget("taxi", KEY)
    assert not receipt.clean and receipt.scan.found == ("objects/trips.json",)


def test_what_a_participant_still_reads_back_is_named(house: Yard, trips: Trips) -> None:
    class Stubborn(Trips):
        name = "stubborn"

        def __init__(self) -> None:
            pass

        def erase(self, subject: Subject) -> Sequence[Held]:
            return []

        def plan(self, subject: Subject) -> Sequence[Held]:
            return [Held(by=self.name, ref=Ref("table:packed"), what="rows", count=1)]

    house.furnish(Stubborn())
    receipt = house.api.forget("taxi", "x" * 20)
    assert not receipt.clean and receipt.scan.read_back == ("stubborn: table:trips",)


def test_a_short_key_is_not_claimed_to_be_gone(house: Yard, trips: Trips) -> None:
    receipt = house.api.forget("taxi", "47")
    assert not receipt.clean and not receipt.scan.conclusive
    assert "fewer than 6 bytes" in receipt.scan.not_searched[-1]


def test_forgetting_again_is_harmless_and_keeps_the_models(house: Yard, trips: Trips) -> None:
    first = house.api.forget("taxi", KEY)
    second = house.api.forget("taxi", KEY)
    assert second.subject == first.subject and second.done == () and second.clean
    assert second.models == first.models
    assert [r.id for r in house.api.receipts().items] == [second.id, first.id]


def test_a_deed_cut_off_is_done_again_whole(house: Yard, trips: Trips) -> None:
    trips.fails = True
    with pytest.raises(RuntimeError):
        house.api.forget("taxi", KEY)
    assert house.api.receipts().items == []
    trips.fails = False
    assert house.api.forget("taxi", KEY).clean


def test_a_receipt_verifies_and_any_change_breaks_it(house: Yard, trips: Trips) -> None:
    receipt = house.api.forget("taxi", KEY)
    assert house.api.receipt(receipt.id) == receipt
    verdict = house.api.verify_receipt(msgspec.json.decode(msgspec.json.encode(receipt), type=Receipt))
    assert verdict.signed and verdict.ours and verdict.kept
    for change in (
        {"clean": False}, {"at_ms": 1}, {"done": ()}, {"entity": "x"}, {"signature": ""}, {"signature": "zz"},
        {"public_key": "00" * 32}, {"public_key": "é"},
    ):  # fmt: skip
        forged = msgspec.structs.replace(receipt, **change)
        verdict = house.api.verify_receipt(forged)
        assert not verdict.signed and not verdict.kept


def test_a_receipt_of_another_home_is_signed_but_not_ours(house: Yard, trips: Trips) -> None:
    receipt = house.api.forget("taxi", KEY)
    house.secrets.delete("governance.receipt_signing_key")
    house.api.forget("taxi", KEY)
    verdict = house.api.verify_receipt(receipt)
    assert verdict.signed and not verdict.ours and verdict.kept


def test_the_subject_is_named_by_a_hash_that_only_this_home_can_make(house: Yard, trips: Trips) -> None:
    subject = house.api.forget("taxi", KEY).subject
    assert len(subject) == 64 and KEY not in subject
    assert house.api.plan_forget("taxi", KEY).subject == subject
    assert house.api.plan_forget("driver", KEY).subject != subject
    house.secrets.delete("governance.subject_naming_key")
    assert house.api.plan_forget("taxi", KEY).subject != subject
    assert KEY not in repr(Subject("taxi", KEY))


def test_what_lies_elsewhere_is_said(house: Yard) -> None:
    house.service._erasing = msgspec.structs.replace(house.service._erasing, elsewhere=("objects in s3://yard",))
    assert house.api.forget("taxi", KEY).scan.not_searched == ("objects in s3://yard",)


def test_there_is_no_receipt_of_that_name(house: Yard) -> None:
    with pytest.raises(NotFound, match="yard governance receipts"):
        house.api.receipt(ReceiptId("rcpt_nothing"))


def test_forgetting_is_in_the_log_without_the_key(house: Yard, trips: Trips) -> None:
    receipt = house.api.forget("taxi", KEY)
    kinds = [e.kind for e in house.bench.events()][-2:]
    assert kinds == ["governance.subject_erased", "governance.subject_forgotten"]
    assert house.api.history(Ref(f"receipt:{receipt.id}")).items


@pytest.mark.parametrize("form", ["utf-8", "utf-16-le", "utf-16-be", "json", "percent"])
@pytest.mark.parametrize("packing", ["raw", "gzip", "zstd", "zip"])
def test_every_form_is_found_in_every_packing(tmp_path: Path, form: str, packing: str) -> None:
    data = b"\0" * 5_000_000 + forms_of(KEY)[form] + b"\1" * 100
    packs: dict[str, Callable[[bytes], bytes]] = {
        "raw": bytes, "gzip": gzip.compress, "zstd": zstd.compress,
        "zip": zipped,
    }  # fmt: skip
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(packs[packing](data))
    (tmp_path / "clean").write_bytes(b"nothing here")
    assert search(tmp_path, SOUGHT).found == ["deep/file"]


@given(st.integers(4 * 1024 * 1024 - 40, 4 * 1024 * 1024 + 4))
def test_a_key_across_two_chunks_is_found(offset: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "f").write_bytes(b"\0" * offset + KEY.encode())
        assert search(Path(folder), Sought(KEY, {"utf-8": KEY.encode()})).found == ["f"]


def test_a_key_in_any_column_of_a_compressed_parquet_file_is_found(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs the lake extra: pip install 'modelyard[lake]'")
    pq = pytest.importorskip("pyarrow.parquet")
    columns = {
        "text": [KEY, "a"], "within": [f"<{KEY}>", None], "words": [[["x", KEY]], []], "record": [{"a": KEY}, None],
        "bytes": [KEY.encode(), b""], "other": ["x", "y"],
    }  # fmt: skip
    for name, values in columns.items():
        pq.write_table(
            pa.table({"n": [1, 2], name: values}), tmp_path / name, compression="zstd", write_statistics=False
        )
    coded = pa.table({"n": pa.array([KEY, "b"]).dictionary_encode()})
    pq.write_table(coded, tmp_path / "coded", compression="gzip", write_statistics=False)
    assert search(tmp_path, SOUGHT).found == ["bytes", "coded", "record", "text", "within", "words"]
    (tmp_path / "n").mkdir()
    pq.write_table(pa.table({"n": [471100, 5]}), tmp_path / "n" / "numbers", compression="zstd", write_statistics=False)
    assert search(tmp_path / "n", Sought("471100", forms_of("471100"))).found == ["numbers"]
    assert search(tmp_path / "n", Sought("471101", forms_of("471101"))).found == []


def test_links_broken_packings_and_odd_names_do_no_harm(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "outside").write_text(KEY)
    (home / "link").symlink_to(tmp_path / "outside")
    (home / "circle").symlink_to(home)
    (home / "torn.gz").write_bytes(gzip.compress(b"x" * 1000)[:20])
    (home / "torn.zst").write_bytes(b"\x28\xb5\x2f\xfd garbage")
    (home / "torn.zip").write_bytes(zipped(b"x" * 1000)[:60])
    (home / "torn.parquet").write_bytes(b"PAR1 garbage PAR1")
    (home / "empty").touch()
    done = search(home, SOUGHT)
    assert done.found == [] and done.files == 5 and done.unreadable == []


def test_a_signature_needs_a_signature() -> None:
    assert not is_signed(
        msgspec.convert(
            {
                "id": "r", "entity": "e", "subject": "s", "at_ms": 0, "by": "b", "done": [], "models": [],
                "clean": True, "public_key": "",
                "scan": {
                    "conclusive": True, "files": 0, "bytes": 0, "forms": [], "unpacked": [], "found": [],
                    "read_back": [], "not_searched": [],
                },
            },
            Receipt,
        )
    )  # fmt: skip


def within(folder: Path, content: bytes, key: str, *others: str) -> tuple[list[str], list[str]]:
    (folder / "f").write_bytes(content)
    done = search(folder, Sought(key, forms_of(key), tuple(map(forms_of, others))))
    return done.found, done.within


@pytest.mark.parametrize(
    "text",
    [
        "taxi4711", "a,taxi4711,b", '{"taxi":"taxi4711"}', "“taxi4711”", "mytaxi47110 taxi4711", "x-taxi4711-y",
        "a%20taxi4711%20b", r'{"t":"a\ntaxi4711"}', r"\u00e9taxi4711 ", "é taxi4711.",
    ],
)  # fmt: skip
def test_a_key_for_itself_is_found_however_it_is_written(tmp_path: Path, text: str) -> None:
    assert within(tmp_path, text.encode(), "taxi4711") == (["f"], [])


@pytest.mark.parametrize("text", ["taxi47110", "mytaxi4711", "taxi4711_b", "taxi4711é", '["taxi47112","taxi47113"]'])
def test_a_key_in_a_longer_word_of_a_text_is_no_finding_and_is_named(tmp_path: Path, text: str) -> None:
    assert within(tmp_path, text.encode(), "taxi4711") == ([], ["f"])
    assert within(tmp_path, gzip.compress(text.encode()), "taxi4711") == ([], ["f"])


def test_in_bytes_that_are_no_text_only_a_known_longer_name_explains_a_key(tmp_path: Path) -> None:
    packed = b"\x00\x09speedtaxi47110next\x00"
    assert within(tmp_path, packed, "taxi4711") == (["f"], []), "what stands beside it means nothing there"
    assert within(tmp_path, packed, "taxi4711", "taxi47110") == ([], ["f"])
    assert within(tmp_path, packed + b"taxi4711\x00", "taxi4711", "taxi47110") == (["f"], [])
    wide = b"\x00" + "taxi47110".encode("utf-16-le")
    assert within(tmp_path, wide, "taxi4711", "taxi47110") == ([], ["f"])
    edge = b"\x00" * ((4 << 20) - 5) + b"taxi47110" + b"\x00" * (4 << 20)
    assert within(tmp_path, edge, "taxi4711", "taxi47110") == ([], ["f"])
    assert within(tmp_path, edge + b"taxi4711", "taxi4711", "taxi47110") == (["f"], [])


def test_forgetting_one_whose_key_begins_that_of_another_is_clean_and_says_where(house: Yard, trips: Trips) -> None:
    house.bench.call(lambda: calls.current().tx.many(ADD, [{"id": 9_999, "taxi": KEY + "0"}]))
    trips.namesakes = (KEY + "0",)
    receipt = house.api.forget("taxi", KEY)
    assert receipt.clean and receipt.scan.within and not receipt.scan.found
    assert house.api.verify_receipt(receipt).signed
    trips.namesakes = ()
    assert not house.api.forget("taxi", KEY).clean, "who does not know the other cannot tell"
