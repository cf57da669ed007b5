"""Objects at rest: none of their plain bytes on the disk or in the bucket, not even on their way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.adapters.objects import open_objects
from modelyard.adapters.objects.folder import FolderObjects
from modelyard.adapters.seals import Keyring
from modelyard.adapters.secrets import open_secrets
from modelyard.kernel.errors import Damaged, Unavailable
from modelyard.ports.objects import Digest, Stored
from modelyard.testing.objects_contract import MIB, stored_bytes
from tests.engines.s3 import s3_server

MARK = b"a word that must not be found"
SMALL = [MARK + b" in small %d" % n for n in range(20)]
LARGE = MARK * 300_000


def ring(state: Path, *, seals: bool = True) -> Keyring:
    return Keyring(lambda: open_secrets(state), seals=seals)


def shown(folder: Path) -> list[str]:
    """The files that hold the mark."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if MARK[:20] in path.read_bytes()]


def filled(objects: FolderObjects) -> list[Stored]:
    return [objects.put([LARGE]), *objects.keep(SMALL)]


def test_no_plain_byte_of_a_sealed_object_is_ever_in_a_file(tmp_path: Path) -> None:
    objects, seen = FolderObjects(tmp_path / "objects", keys=ring(tmp_path / "state")), list[str]()

    def coming() -> Iterator[bytes]:
        for at in range(0, len(LARGE), MIB):
            yield LARGE[at : at + MIB]
            seen.extend(shown(tmp_path))

    stored = objects.put(coming())
    kept = objects.keep(SMALL)
    assert seen + shown(tmp_path) == []
    assert stored_bytes(objects, stored.digest) == LARGE
    assert [stored_bytes(objects, each.digest, start=5, stop=20) for each in kept] == [text[5:20] for text in SMALL]
    assert objects.local(stored.digest) is None
    assert set(objects.digests()) == {stored, *kept}


def test_what_was_plain_stays_readable_is_sealed_resealed_and_opened_again(tmp_path: Path) -> None:
    root, state = tmp_path / "objects", tmp_path / "state"
    kept = filled(FolderObjects(root))
    assert shown(root)
    keys = ring(state)
    objects = FolderObjects(root, keys=keys)
    flow = objects.read(kept[0].digest)
    head = next(flow)
    assert (objects.reseal(), objects.reseal()) == (21, 0)
    assert head + b"".join(flow) == LARGE, "a reader that had begun"
    keys.rotate()
    assert (objects.reseal(), objects.reseal()) == (21, 0)
    for opened in (objects, FolderObjects(root, keys=ring(state, seals=False))):
        assert shown(root) == []
        assert [stored_bytes(opened, each.digest) for each in kept] == [LARGE, *SMALL]
        assert set(opened.digests()) == set(kept)
    assert FolderObjects(root, keys=ring(state, seals=False)).reseal() == 21
    assert [stored_bytes(FolderObjects(root), each.digest) for each in kept] == [LARGE, *SMALL]
    assert objects.sweep() == 0


def test_sealed_objects_cannot_be_exchanged_bent_or_read_without_their_key(tmp_path: Path) -> None:
    root = tmp_path / "objects"
    objects = FolderObjects(root, keys=ring(tmp_path / "state"))
    one, other = objects.put([b"1" * 100_000]).digest, objects.put([b"2" * 100_000]).digest
    packed = [each.digest for each in objects.keep(SMALL)]
    for digest in (one, packed[0]):
        with pytest.raises(Unavailable, match="not among the secrets"):
            b"".join(FolderObjects(root).read(digest))
    place = {digest: root / digest[:2] / f"{digest}.sealed" for digest in (one, other)}
    place[one].write_bytes(place[other].read_bytes())
    with pytest.raises(Damaged):
        stored_bytes(objects, one, start=10, stop=20)
    pack = next((root / "packs").glob("*.pack"))
    bent = bytearray(pack.read_bytes())
    bent[60] ^= 1
    pack.write_bytes(bytes(bent))
    with pytest.raises(Damaged):
        for digest in packed:
            stored_bytes(FolderObjects(root, keys=ring(tmp_path / "state")), Digest(digest), start=1, stop=2)


def test_objects_in_a_bucket_are_sealed_resealed_and_removed(tmp_path: Path) -> None:
    with s3_server() as server:
        address = server.make_bucket("sealed") + "/prefix"
        plain, keys = open_objects(address, options=server.options), ring(tmp_path / "state")
        before = plain.put([b"before"])
        objects = open_objects(address, options=server.options, keys=keys, spool=tmp_path)
        large, small = objects.put([LARGE]), objects.put([SMALL[0]])
        with pytest.raises(Unavailable, match="not among the secrets"):
            plain.read(large.digest)
        assert (objects.reseal(), objects.reseal()) == (1, 0)
        keys.rotate()
        assert (objects.reseal(), objects.reseal()) == (3, 0)
        assert stored_bytes(objects, large.digest) == LARGE
        assert stored_bytes(objects, large.digest, start=100_000, stop=6 * MIB) == LARGE[100_000 : 6 * MIB]
        assert stored_bytes(objects, before.digest, start=6) == b""
        assert set(objects.digests()) == {before, large, small}
        assert objects.discard([large.digest, before.digest]) == 2
        assert list(objects.digests()) == [small]
