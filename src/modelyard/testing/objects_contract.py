"""What every adapter of the objects port must do. Derive a test class and give it an `objects` fixture.

    class TestMyStore(ObjectsContract):
        @pytest.fixture
        def objects(self) -> Objects:
            return MyStore(...)

Each test needs a store that nothing was put into before. Set `gives_links` to True for a store that callers reach by
signed links.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256

import httpx2
import pytest

from modelyard.kernel.errors import Conflict, Damaged, InvalidInput, NotFound
from modelyard.ports.objects import Digest, Doors, Link, Objects, Stored

MIB = 1 << 20
NOWHERE = Digest("0" * 64)
UPLOAD = "upl_01M85YFRS22QW0NTCPZ562W6YB"
MINUTES = timedelta(minutes=5)


def digest_of(content: bytes) -> Digest:
    """The name that a store must give to these bytes."""
    return Digest(sha256(content).hexdigest())


def in_pieces(content: bytes, size: int) -> Iterator[bytes]:
    """The content as a sender would stream it."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


def blob(size: int) -> bytes:
    """Bytes that do not repeat in any period a store may cut by."""
    block = b"".join(sha256(n.to_bytes(8, "big")).digest() for n in range(4096))
    rounds = -(-size // len(block))
    return b"".join(n.to_bytes(4, "big") + block[4:] for n in range(rounds))[:size]


def stored_bytes(objects: Objects, digest: Digest, *, start: int = 0, stop: int | None = None) -> bytes:
    """A read, put together."""
    return b"".join(objects.read(digest, start=start, stop=stop))


def through(link: Link, content: bytes | None = None, **headers: str) -> bytes:
    """Send bytes to where a link leads, or fetch what is there."""
    with httpx2.Client(trust_env=False, timeout=20) as http:
        verb = "GET" if content is None else "PUT"
        answer = http.request(verb, link.url, content=content, headers={**link.headers, **headers})
    answer.raise_for_status()
    return answer.content


class ObjectsContract:
    """The suite.

    Attributes:
        gives_links: whether the store under test has doors, and they are open.
        many: how many contents are put together; fewer do for a store that keeps each by itself.
    """

    gives_links = False
    many = 120

    def doors(self, objects: Objects) -> Doors | None:
        """The store's doors, if the suite is told that it has some."""
        doors = objects.doors()
        assert (doors is not None and doors.are_open()) is self.gives_links
        return doors if self.gives_links else None

    def test_what_was_put_is_read_back_under_its_hash(self, objects: Objects) -> None:
        content = blob(3000)
        stored = objects.put([content])
        assert stored == Stored(digest_of(content), 3000)
        assert stored_bytes(objects, stored.digest) == content
        assert objects.size(stored.digest) == 3000

    def test_nothing_at_all_is_an_object_too(self, objects: Objects) -> None:
        for content in ([], [b""], [b"", b""]):
            assert objects.put(content) == Stored(digest_of(b""), 0)
        assert stored_bytes(objects, digest_of(b"")) == b""
        assert objects.size(digest_of(b"")) == 0

    @pytest.mark.parametrize("size", [MIB - 1, MIB, 5 * MIB, 5 * MIB + 1, 17 * MIB + 3])
    def test_large_content_streams_whole(self, objects: Objects, size: int) -> None:
        content = blob(size)
        stored = objects.put(in_pieces(content, 777_777))
        assert stored == Stored(digest_of(content), size)
        assert stored_bytes(objects, stored.digest) == content

    def test_equal_content_is_stored_once(self, objects: Objects) -> None:
        first = objects.put([b"the same"])
        assert objects.put(iter([b"the ", b"same"])) == first
        assert list(objects.digests()) == [first]

    def test_two_writers_of_the_same_content_both_succeed(self, objects: Objects) -> None:
        content, done = blob(6 * MIB), list[Stored]()
        barrier = threading.Barrier(4)

        def write() -> None:
            barrier.wait()
            done.append(objects.put(in_pieces(content, MIB)))

        _together([write] * 4)
        assert done == [Stored(digest_of(content), len(content))] * 4
        assert stored_bytes(objects, digest_of(content)) == content
        assert len(list(objects.digests())) == 1
        assert objects.sweep() == 0

    def test_an_expected_hash_that_fits_is_accepted(self, objects: Objects) -> None:
        assert objects.put([b"abc"], expect=digest_of(b"abc")).digest == digest_of(b"abc")

    @pytest.mark.parametrize("size", [10, 12 * MIB])
    def test_bytes_that_miss_their_expected_hash_are_not_stored(self, objects: Objects, size: int) -> None:
        content = blob(size)
        with pytest.raises(Damaged):
            objects.put(in_pieces(content, MIB), expect=NOWHERE)
        assert list(objects.digests()) == []
        assert objects.size(digest_of(content)) is None
        assert objects.sweep() == 0

    @pytest.mark.parametrize("size", [10, 12 * MIB])
    def test_a_sender_that_fails_midway_leaves_nothing(self, objects: Objects, size: int) -> None:
        def broken() -> Iterator[bytes]:
            yield from in_pieces(blob(size), MIB)
            raise ConnectionResetError("the sender went away")

        with pytest.raises(ConnectionResetError):
            objects.put(broken())
        assert list(objects.digests()) == []
        assert objects.sweep() == 0

    @pytest.mark.parametrize(
        ("start", "stop"), [(0, 10), (10, 20), (2990, None), (2990, 9999), (0, 9999), (0, 0), (3000, None), (4000, 5)]
    )
    def test_a_range_is_read_as_a_slice_would_be(self, objects: Objects, start: int, stop: int | None) -> None:
        content = blob(3000)
        digest = objects.put([content]).digest
        assert stored_bytes(objects, digest, start=start, stop=stop) == content[start:stop]

    def test_a_range_of_a_large_object_is_right_across_chunks(self, objects: Objects) -> None:
        content = blob(9 * MIB)
        digest = objects.put([content]).digest
        start, stop = MIB - 5, 7 * MIB + 5
        assert stored_bytes(objects, digest, start=start, stop=stop) == content[start:stop]

    def test_a_reader_gets_chunks_it_can_hold(self, objects: Objects) -> None:
        digest = objects.put([blob(9 * MIB)]).digest
        assert max(len(chunk) for chunk in objects.read(digest)) <= 4 * MIB

    def test_reading_what_is_not_there_says_so_at_once(self, objects: Objects) -> None:
        with pytest.raises(NotFound, match=NOWHERE):
            objects.read(NOWHERE)
        assert objects.size(NOWHERE) is None

    def test_a_deleted_object_is_gone_and_can_come_back(self, objects: Objects) -> None:
        digest = objects.put([b"once"]).digest
        assert objects.delete(digest)
        assert not objects.delete(digest)
        assert objects.size(digest) is None
        assert list(objects.digests()) == []
        assert objects.put([b"once"]).digest == digest
        assert stored_bytes(objects, digest) == b"once"

    def test_every_object_is_listed_with_its_size(self, objects: Objects) -> None:
        put = {objects.put([blob(n * 100)]) for n in range(25)}
        assert set(objects.digests()) == put

    def test_many_small_contents_are_kept_together_and_read_one_by_one(self, objects: Objects) -> None:
        contents = [blob(n * 37 + 1) for n in range(self.many)]
        kept = objects.keep(iter(contents))
        assert kept == [Stored(digest_of(each), len(each)) for each in contents]
        assert all(stored_bytes(objects, each.digest) == content for each, content in zip(kept, contents, strict=True))
        assert set(objects.digests()) == set(kept)
        middle = self.many // 2
        assert stored_bytes(objects, kept[middle].digest, start=5, stop=40) == contents[middle][5:40]
        assert objects.missing([kept[0].digest, NOWHERE, kept[-1].digest]) == {NOWHERE}
        assert objects.sweep() == 0

    def test_what_is_kept_together_is_stored_once_whichever_way_it_comes(self, objects: Objects) -> None:
        first = objects.put([b"one"])
        kept = objects.keep([b"one", b"two", b"two", b""])
        assert kept[0] == first and kept[1] == kept[2]
        assert objects.put([b"two"]) == kept[1]
        assert sorted(each.digest for each in objects.digests()) == sorted({each.digest for each in kept})

    def test_large_contents_may_be_among_the_small(self, objects: Objects) -> None:
        contents = [b"small", blob(3 * MIB), b"smaller"]
        kept = objects.keep(contents)
        assert [stored_bytes(objects, each.digest) for each in kept] == contents

    def test_some_of_many_are_removed_and_the_rest_stays(self, objects: Objects) -> None:
        kept = objects.keep([blob(n + 1) for n in range(self.many // 2)])
        loose, far = objects.put([blob(500)]), self.many // 3
        gone = [kept[3].digest, kept[far].digest, loose.digest, NOWHERE]
        assert objects.discard(gone) == 3
        assert objects.missing([each.digest for each in kept]) == {kept[3].digest, kept[far].digest}
        assert stored_bytes(objects, kept[far + 1].digest) == blob(far + 2)
        assert objects.keep([blob(4)]) == [kept[3]]
        assert stored_bytes(objects, kept[3].digest) == blob(4)

    def test_a_sender_of_many_that_fails_midway_breaks_nothing(self, objects: Objects) -> None:
        def broken() -> Iterator[bytes]:
            yield b"first"
            raise ConnectionResetError("the sender went away")

        with pytest.raises(ConnectionResetError):
            objects.keep(broken())
        assert objects.sweep() == 0
        assert objects.keep([b"first"]) == [Stored(digest_of(b"first"), 5)]

    @pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n", "g" * 64])
    def test_a_name_that_is_no_digest_is_refused(self, objects: Objects, name: str) -> None:
        asks: list[Callable[[Digest], object]] = [objects.size, objects.read, objects.delete, objects.local]
        for ask in asks:
            with pytest.raises(InvalidInput):
                ask(Digest(name))

    def test_a_local_path_holds_the_bytes_where_there_is_one(self, objects: Objects) -> None:
        digest = objects.put([b"local"]).digest
        path = objects.local(digest)
        assert path is None or path.read_bytes() == b"local"
        assert objects.local(NOWHERE) is None

    def test_an_object_is_fetched_by_its_link_whole_and_in_part(self, objects: Objects) -> None:
        if (doors := self.doors(objects)) is None:
            return
        stored = objects.put([blob(3000)])
        link = doors.link(stored.digest, lasts=MINUTES)
        assert link is not None
        assert through(link) == blob(3000)
        assert through(link, Range="bytes=10-19") == blob(3000)[10:20]
        assert doors.link(NOWHERE, lasts=MINUTES) is None

    def test_parts_come_by_links_and_are_no_objects(self, objects: Objects) -> None:
        if (doors := self.doors(objects)) is None:
            return
        sizes = (5, 0, 2 * MIB + 1)
        links = doors.part_links(UPLOAD, len(sizes), lasts=MINUTES)
        assert len({link.url for link in links}) == 3
        assert doors.parts(UPLOAD) == []
        for link, size in reversed(list(zip(links, sizes, strict=True))):
            through(link, blob(size))
        parts = doors.parts(UPLOAD)
        assert [(part.number, part.size_bytes) for part in parts] == [(1, 5), (2, 0), (3, 2 * MIB + 1)]
        assert [b"".join(doors.part(UPLOAD, part)) for part in parts] == [blob(size) for size in sizes]
        assert (list(objects.digests()), objects.sweep()) == ([], 0)
        assert (doors.clear(UPLOAD), doors.parts(UPLOAD), doors.clear(UPLOAD)) == (3, [], 0)

    def test_a_part_that_was_sent_again_or_is_gone_is_not_taken_for_the_one_seen(self, objects: Objects) -> None:
        if (doors := self.doors(objects)) is None:
            return
        (link,) = doors.part_links(UPLOAD, 1, lasts=MINUTES)
        through(link, b"first")
        (seen,) = doors.parts(UPLOAD)
        through(link, b"other")
        with pytest.raises(Conflict, match="part 1"):
            b"".join(doors.part(UPLOAD, seen))
        doors.clear(UPLOAD)
        with pytest.raises(Conflict, match="part 1"):
            b"".join(doors.part(UPLOAD, seen))

    def test_parts_are_swept_by_age_and_objects_are_not(self, objects: Objects) -> None:
        if (doors := self.doors(objects)) is None:
            return
        kept = objects.put([b"an object"])
        for link in doors.part_links(UPLOAD, 2, lasts=MINUTES):
            through(link, b"a part")
        assert doors.sweep(datetime(2000, 1, 1, tzinfo=UTC)) == 0
        assert doors.sweep(datetime(2999, 1, 1, tzinfo=UTC)) == 2
        assert (doors.parts(UPLOAD), list(objects.digests())) == ([], [kept])

    def test_a_name_that_is_no_upload_is_refused(self, objects: Objects) -> None:
        if (doors := self.doors(objects)) is None:
            return
        for name in ("", "../ab", "upl_", UPLOAD + "/..", UPLOAD.lower(), UPLOAD + "\n"):
            for ask in (doors.parts, doors.clear, partial(doors.part_links, parts=1, lasts=MINUTES)):
                with pytest.raises(InvalidInput):
                    ask(name)

    def test_a_sweep_leaves_running_writers_alone(self, objects: Objects) -> None:
        swept = list[int]()

        def content() -> Iterator[bytes]:
            yield blob(6 * MIB)
            swept.append(objects.sweep())
            yield b"end"

        stored = objects.put(content())
        assert swept == [0]
        assert objects.size(stored.digest) == 6 * MIB + 3


def _together(work: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=each) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
