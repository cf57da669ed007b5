"""Readers in the forms of training frameworks; a framework is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any

from modelyard.kernel.errors import MissingExtra
from modelyard.lake.api import File

Decode = Callable[[bytes, File], Any]
_DATASET = "FileSetDataset"


def torch_dataset(reader: Any, decode: Decode | None) -> Any:
    """The reader as a torch dataset."""
    return __getattr__(_DATASET)(reader, decode)


def __getattr__(name: str) -> Any:
    """The dataset's class, made once torch is there; it has a place in this module, so that workers can be sent it."""
    if name != _DATASET:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()[_DATASET] = _dataset_class()
    return made


def _dataset_class() -> Any:
    data = library("torch.utils.data", "torch")

    class FileSetDataset(data.IterableDataset):  # type: ignore[misc,name-defined]  # known at run time only
        """A reader; with several workers each takes its part of the reader's share."""

        def __init__(self, reader: Any, decode: Decode | None) -> None:
            super().__init__()
            self.reader = reader
            self.decode = decode

        def __iter__(self) -> Iterator[Any]:
            """The part of the worker that asks."""
            worker = data.get_worker_info()
            mine, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
            share, shares = self.reader.shard
            for content, file in self.reader.share(share + mine * shares, shares * workers):
                yield (content, file) if self.decode is None else self.decode(content, file)

        def __len__(self) -> int:
            """Files in the share."""
            return len(self.reader)

        def set_epoch(self, epoch: int) -> None:
            """Begin an epoch."""
            self.reader.set_epoch(epoch)

        def state_dict(self) -> dict[str, Any]:
            """Where it stands."""
            told: dict[str, Any] = self.reader.state_dict()
            return told

        def load_state_dict(self, state: dict[str, Any]) -> None:
            """Go on where another stood."""
            self.reader.load_state_dict(state)

    FileSetDataset.__module__, FileSetDataset.__qualname__ = __name__, _DATASET
    return FileSetDataset


def rows_of(reader: Iterable[tuple[bytes, File]], decode: Decode | None) -> Iterator[dict[str, Any]]:
    """Rows for `datasets`."""
    for content, file in reader:
        row = {"path": file.path, "labels": list(file.labels), "split": file.split, **file.attributes}
        yield {**row, "bytes": content} if decode is None else {**row, "sample": decode(content, file)}


def library(name: str, package: str) -> Any:
    """A library that only some users have.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as err:
        raise MissingExtra(f"this needs {err.name}: pip install {package}") from err
