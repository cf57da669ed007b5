"""Uploads in parts past the yard: who may complete one, what it becomes, and that nothing of it stays behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest

from modelyard.adapters.objects import open_objects
from modelyard.adapters.objects.bucket import BucketObjects
from modelyard.adapters.objects.folder import FolderObjects
from modelyard.kernel.errors import Conflict, InvalidInput, NotFound, Unavailable
from modelyard.kernel.operations import Effect
from modelyard.ports.objects import Digest, Link, Objects, Stored
from modelyard.testing import Bench
from modelyard.testing.objects_contract import through
from modelyard.tracking.api import PartedUpload, SentPart, Tracking
from modelyard.tracking.service import TrackingService
from modelyard.tracking.store import MIGRATIONS
from tests.engines.s3 import S3Server, s3_server

_number = count(1)
PIECES = (b"first " * 1000, b"second ", b"third")


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


class Place:
    """A bench with tracking on it whose objects lie in a bucket."""

    def __init__(self, bench: Bench, objects: Objects) -> None:
        self.bench, self.objects = bench, objects
        self.service = TrackingService(objects=objects)
        self.yard = bench.open(Tracking, self.service)

    def parts_left(self) -> int:
        """Parts of all uploads that lie in the bucket; they are removed."""
        doors = self.objects.doors()
        assert doors is not None
        return doors.sweep(datetime(2999, 1, 1, tzinfo=UTC))

    def sweep(self) -> int:
        """A round of the duty."""
        return self.bench.call(self.service.sweep_uploads, Effect.WORK)

    def begun(self, run: str, path: str = "w.bin") -> PartedUpload:
        """An upload all of whose parts were sent."""
        begun = self.yard.begin_upload(run, path, parts=len(PIECES))
        for part, piece in zip(begun.parts, PIECES, strict=True):
            through(Link(part.url, part.headers), piece)
        return begun


@pytest.fixture
def place(server: S3Server, tmp_path: Path) -> Iterator[Place]:
    address = server.make_bucket(f"uploads-{next(_number)}") + "/yard"
    with Bench(MIGRATIONS, start=datetime.now(UTC)) as bench:  # the bucket's clock is the machine's
        yield Place(bench, open_objects(address, options=server.options, spool=tmp_path))


def parts(*numbers: int) -> list[SentPart]:
    return [SentPart(number=number) for number in numbers]


def test_parts_become_one_file_as_if_it_had_come_whole(place: Place) -> None:
    yard = place.yard
    run = yard.start_run().id
    assert yard.direct_access().is_open
    begun = place.begun(run, "model/w.bin")
    whole = b"".join(PIECES)
    made = yard.complete_upload(run, "model/w.bin", upload=begun.id, parts=parts(1, 2, 3))
    assert (made.digest, made.size_bytes) == (sha256(whole).hexdigest(), len(whole))
    assert yard.complete_upload(run, "model/w.bin", upload=begun.id, parts=parts(1, 2, 3)) == made
    assert b"".join(yard.download(run, "model/w.bin")) == whole
    link = yard.artifact_link(run, "model/w.bin")
    assert link.url is not None
    assert (through(Link(link.url, link.headers)), link.size_bytes, link.lasts_s) == (whole, len(whole), 600)
    assert "X-Amz-Expires=600&" in link.url
    assert place.parts_left() == 0
    yard.upload(run, "same.bin", [whole])
    assert len(list(place.objects.digests())) == 1
    yard.abandon_upload(run, "model/w.bin", upload=begun.id)
    assert yard.artifact(run, "model/w.bin") == made


def test_a_file_is_made_of_all_its_parts_in_order_as_they_were_sent(place: Place) -> None:
    yard = place.yard
    run = yard.start_run().id
    begun = place.begun(run)
    for wrong in (parts(1, 2), parts(2, 1, 3), parts(1, 2, 3, 4), parts(1, 1, 2, 3), []):
        with pytest.raises(InvalidInput, match="name 1 to 3"):
            yard.complete_upload(run, "w.bin", upload=begun.id, parts=wrong)
    with pytest.raises(Conflict, match="part 2 is not what was sent"):
        yard.complete_upload(run, "w.bin", upload=begun.id, parts=[*parts(1), SentPart(number=2, tag='"0"'), *parts(3)])
    half = yard.begin_upload(run, "half.bin", parts=2)
    through(Link(half.parts[0].url, half.parts[0].headers), b"one")
    with pytest.raises(Conflict, match="part 2 is not there"):
        yard.complete_upload(run, "half.bin", upload=half.id, parts=parts(1, 2))
    assert yard.artifacts(run).items == []
    assert yard.complete_upload(run, "w.bin", upload=begun.id, parts=parts(1, 2, 3)).size_bytes == 6012


def test_an_upload_is_its_beginners_and_for_its_path_alone(place: Place) -> None:
    yard = place.yard
    run, other = yard.start_run().id, yard.start_run().id
    begun = place.begun(run)
    asks = [(run, "v.bin"), (other, "w.bin")]
    for owner, path in asks:
        with pytest.raises(NotFound, match="no upload"):
            yard.complete_upload(owner, path, upload=begun.id, parts=parts(1, 2, 3))
        with pytest.raises(NotFound, match="no upload"):
            yard.abandon_upload(owner, path, upload=begun.id)
    place.bench.act_as("somebody")
    for ask in (
        lambda: yard.complete_upload(run, "w.bin", upload=begun.id, parts=parts(1, 2, 3)),
        lambda: yard.abandon_upload(run, "w.bin", upload=begun.id),
    ):
        with pytest.raises(NotFound, match="no upload"):
            ask()
    place.bench.act_as("bench")
    for path in ("../x", "a/../x", "/x", "a\\b", "%2e%2e/x"):
        with pytest.raises(InvalidInput):
            yard.begin_upload(run, path, parts=1)
    assert yard.complete_upload(run, "w.bin", upload=begun.id, parts=parts(1, 2, 3)).path == "w.bin"


def test_what_is_abandoned_too_old_or_of_a_collected_run_leaves_nothing(place: Place) -> None:
    yard, clock = place.yard, place.bench.clock
    run, gone = yard.start_run().id, yard.start_run().id
    begun = place.begun(run)
    assert yard.abandon_upload(run, "w.bin", upload=begun.id) == 3
    through(Link(begun.parts[0].url, begun.parts[0].headers), b"late")  # the link still holds
    old, lost = place.begun(run, "old.bin"), place.begun(gone, "lost.bin")
    assert place.sweep() == 0
    yard.delete_run(gone)
    yard.collect(apply=True)
    clock.advance(timedelta(hours=2, minutes=59))
    assert place.sweep() == 0
    clock.advance(timedelta(minutes=2))
    with pytest.raises(NotFound, match="too long ago"):
        yard.complete_upload(run, "old.bin", upload=old.id, parts=parts(1, 2, 3))
    with pytest.raises(NotFound, match="could own"):
        yard.complete_upload(gone, "lost.bin", upload=lost.id, parts=parts(1, 2, 3))
    assert place.sweep() == 7
    assert (place.parts_left(), list(place.objects.digests())) == (0, [])
    with pytest.raises(NotFound, match="no upload"):
        yard.abandon_upload(run, "old.bin", upload=old.id)


class Asking(BucketObjects):
    """A bucket in the middle of whose puts something else is asked."""

    meanwhile: Callable[[], object] | None = None

    def put(self, content: Iterable[bytes], *, expect: Digest | None = None) -> Stored:
        """Store, having asked."""
        if self.meanwhile is not None:
            self.meanwhile()
        return super().put(content, expect=expect)


def test_one_call_at_a_time_completes_an_upload_and_a_deleted_run_gets_no_file(server: S3Server, place: Place) -> None:
    address = server.make_bucket(f"uploads-{next(_number)}")
    objects = Asking(address, options=server.options)
    busy = Place(place.bench, objects)
    yard = busy.yard
    run = yard.start_run().id
    begun = busy.begun(run)
    said: list[str] = []

    def again() -> None:
        with pytest.raises(Unavailable) as told:
            yard.complete_upload(run, "w.bin", upload=begun.id, parts=parts(1, 2, 3))
        said.append(told.value.detail)

    objects.meanwhile = again
    assert yard.complete_upload(run, "w.bin", upload=begun.id, parts=parts(1, 2, 3)).size_bytes == 6012
    assert "being completed" in said[0]
    objects.meanwhile = None
    second = busy.begun(run, "second.bin")

    def removed() -> None:
        yard.delete_run(run)
        yard.collect(apply=True)

    objects.meanwhile = removed
    with pytest.raises(NotFound):
        yard.complete_upload(run, "second.bin", upload=second.id, parts=parts(1, 2, 3))
    objects.meanwhile = None
    yard.collect(apply=True)
    assert list(objects.digests()) == []


def test_a_yard_without_open_doors_takes_files_whole(place: Place, tmp_path: Path) -> None:
    closed = (
        TrackingService(objects=FolderObjects(tmp_path / "objects")),
        TrackingService(objects=place.objects, gives_links=False),
    )
    for service in closed:
        yard = place.bench.open(Tracking, service)
        run = yard.start_run().id
        yard.upload(run, "a", [b"a"])
        assert not yard.direct_access().is_open
        assert (yard.artifact_link(run, "a").url, yard.artifact_link(run, "a").size_bytes) == (None, 1)
        with pytest.raises(Conflict, match="whole"):
            yard.begin_upload(run, "b", parts=2)
