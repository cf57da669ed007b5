"""Readers for training: the files of one version in an order that a seed decides, shared out, and resumed anywhere.

The version is fixed when the reader is made, so the same seed is the same order, whoever adds files meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from random import Random
from typing import Any

import msgspec
from msgspec import Struct

from modelyard.kernel.errors import Conflict, InvalidInput
from modelyard.lake.api import File
from modelyard.sdk.filesets.contents import Contents, batches
from modelyard.sdk.filesets.frameworks import library, rows_of, torch_dataset

Sample = tuple[bytes, File]
Decode = Callable[[bytes, File], Any]
_PREFETCHED = 3
_decoder = msgspec.msgpack.Decoder(File)


class Place(Struct, frozen=True, kw_only=True):
    """Where a reader stands, to go on from there.

    Attributes:
        order: a hash of the files in their order: that of another version or seed is another.
        position: how many files of this share were given out in this epoch.
    """

    fileset: str
    version: int
    order: str
    epoch: int
    shard: tuple[int, int]
    position: int


class Reader:
    """Bytes and record of each file, one after the other; iterate it once for each epoch.

    Args:
        files: the files, in order of path.
        shuffle: a seed; None keeps the order of path.
        shard: `(i, n)`: the i-th of n shares, counted from 0; together they are all files, no file twice.
    """

    def __init__(
        self, contents: Contents, fileset: str, version: int, files: Iterator[File], *, shuffle: int | None,
        shard: tuple[int, int],
    ) -> None:  # fmt: skip
        if not 0 <= shard[0] < shard[1]:
            raise InvalidInput(f"shard is (i, n) with i from 0 to n - 1, not {shard}")
        self._contents = contents
        self.fileset = fileset
        self.version = version
        self._records = [msgspec.msgpack.encode(file) for file in files]
        self._shuffle = shuffle
        self.shard = shard
        self._position = 0
        self.epoch = 0

    def __len__(self) -> int:
        """Files in this share."""
        share, shares = self.shard
        return len(range(share, len(self._records), shares))

    def __iter__(self) -> Iterator[Sample]:
        """The rest of this epoch; at its end the next one begins."""
        yield from self.share(*self.shard)

    def share(self, share: int, shares: int) -> Iterator[Sample]:
        """The rest of an epoch's share: for data loaders that share a share out among workers."""
        order = self._order()[share::shares][self._position :]
        files = (_decoder.decode(self._records[place]) for place in order)
        for file, content in self._fetched(files):
            self._position += 1
            yield content, file
        self._position = 0
        self.epoch += 1

    def files(self) -> Iterator[File]:
        """The records of this epoch's share, without bytes."""
        share, shares = self.shard
        return (_decoder.decode(self._records[place]) for place in self._order()[share::shares])

    def set_epoch(self, epoch: int) -> None:
        """Begin an epoch: each has an order of its own, decided by seed and number."""
        self.epoch, self._position = epoch, 0

    def state_dict(self) -> dict[str, Any]:
        """Where it stands; as plain values, for a checkpoint."""
        place = Place(
            fileset=self.fileset, version=self.version, order=self._fingerprint(), epoch=self.epoch,
            shard=self.shard, position=self._position,
        )  # fmt: skip
        told: dict[str, Any] = msgspec.to_builtins(place)
        return told

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another reader stood.

        Raises:
            Conflict: it read other files, in another order or another share.
        """
        try:
            place = msgspec.convert(dict(state), Place)
        except msgspec.ValidationError as err:
            raise InvalidInput(f"this is no state of a reader: {err}") from err
        self.epoch = place.epoch
        if (place.order, place.shard) != (self._fingerprint(), self.shard):
            raise Conflict(
                f"the state is of {place.fileset}@{place.version}, share {place.shard}; this reader reads "
                f"{self.fileset}@{self.version}, share {self.shard}, or has another seed or filter. Make it alike"
            )
        self._position = place.position

    def to_torch(self, decode: Decode | None = None) -> Any:
        """A `torch.utils.data.IterableDataset`; with several workers each takes its part of the share.

        Args:
            decode: makes a sample of bytes and record, in the worker; by default both as they are.
        """
        return torch_dataset(self, decode)

    def to_tf(self, decode: Decode, signature: Any) -> Any:
        """A `tf.data.Dataset`.

        Args:
            decode: makes a sample that fits the signature.
            signature: `tf.TensorSpec`s, as `tf.data.Dataset.from_generator` wants them.
        """
        return library("tensorflow", "tensorflow").data.Dataset.from_generator(
            lambda: (_decoded(sample, decode) for sample in self), output_signature=signature
        )

    def to_hf(self, decode: Decode | None = None) -> Any:
        """A `datasets.IterableDataset` of rows with `bytes`, `path`, `labels`, `split` and the set's own columns."""
        return library("datasets", "datasets").IterableDataset.from_generator(
            rows_of, gen_kwargs={"reader": self, "decode": decode}
        )

    def _order(self) -> Sequence[int]:
        places = list(range(len(self._records)))
        if self._shuffle is not None:
            Random(f"{self._shuffle}/{self.epoch}").shuffle(places)  # noqa: S311 - an order, no secret
        return places

    def _fingerprint(self) -> str:
        seen = sha256(f"{self._shuffle}".encode())
        for record in self._records:
            file = _decoder.decode(record)
            seen.update(f"{file.path}\0{file.facts.digest}\0".encode())
        return seen.hexdigest()

    def _fetched(self, files: Iterator[File]) -> Iterator[tuple[File, bytes]]:
        """Files with their bytes, some batches fetched ahead."""
        groups = batches(files, lambda file: file.facts.size_bytes)
        with ThreadPoolExecutor(2, thread_name_prefix="yard-reader") as pool:
            waiting: list[tuple[list[File], Future[dict[str, bytes]]]] = []
            try:
                for group in groups:
                    facts = [file.facts for file in group]
                    waiting.append((group, pool.submit(self._contents.many, self.fileset, facts)))
                    if len(waiting) >= _PREFETCHED:
                        yield from _given(*waiting.pop(0))
                while waiting:
                    yield from _given(*waiting.pop(0))
            finally:
                for _, future in waiting:
                    future.cancel()


def _given(group: Sequence[File], future: Future[dict[str, bytes]]) -> Iterator[tuple[File, bytes]]:
    contents = future.result()
    for file in group:
        yield file, contents[file.facts.digest]


def _decoded(sample: Sample, decode: Decode | None) -> Any:
    return sample if decode is None else decode(*sample)
