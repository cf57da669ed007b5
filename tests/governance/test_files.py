"""Forgetting somebody in sets of files: the files leave every version, and their bytes the disk."""

from __future__ import annotations

from modelyard.governance.service import FilesEraser, LakeEraser, NamedKeys
from modelyard.governance.store import MIGRATIONS
from modelyard.kernel.clock import SystemClock
from modelyard.lake.api import ADD, Column, FileEntry, Lake
from modelyard.lake.store import MIGRATIONS as LAKE_MIGRATIONS
from modelyard.testing import Bench
from tests.governance.yard import Yard
from tests.lake.stand import lake_service

PERSON = "patient-7f3a91"


def test_after_forgetting_no_file_of_the_subject_is_left_in_any_version_or_on_the_disk() -> None:
    with Bench((*MIGRATIONS, *LAKE_MIGRATIONS)) as bench, lake_service(bench) as service:
        house = Yard(bench)
        house.furnish(LakeEraser(service, NamedKeys()), FilesEraser(service, NamedKeys()))
        lake = bench.open(Lake, service)
        lake.create_fileset("scans", columns=(Column(name="person", type="string"),))
        adding = ADD.new(SystemClock())
        contents = [b"scan of " + PERSON.encode(), b"scan of another"]
        facts = lake.upload_files("scans", adding, [len(c).to_bytes(8, "big") + c for c in contents])
        lines = [
            FileEntry(path=f"{place}.txt", digest=each.digest, attributes={"person": (PERSON, "x")[place]})
            for place, each in enumerate(facts)
        ]
        lake.commit_files("scans", [b'{"path":"%s","digest":"%s","attributes":{"person":"%s"}}\n' % tuple(
            str(part).encode() for part in (each.path, each.digest, (each.attributes or {})["person"])
        ) for each in lines], add=adding)  # fmt: skip
        lake.label_files("scans", where="true", add=("seen",))
        plan = house.api.plan_forget("person", PERSON)
        assert {(str(h.ref), h.what): h.count for h in plan.items} == {
            ("fileset:scans", "files"): 1, ("fileset:scans", "versions"): 2
        }  # fmt: skip
        receipt = house.api.forget("person", PERSON)
        assert receipt.clean, receipt.scan
        assert {(h.by, h.what): h.count for h in receipt.done} == {
            ("file sets", "files"): 1, ("file sets", "versions"): 2, ("file sets", "contents"): 1
        }  # fmt: skip
        assert [file.path for file in lake.list_files("scans", at="2").items] == ["1.txt"]
