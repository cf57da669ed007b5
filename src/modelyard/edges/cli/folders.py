"""`yard lake add-folder` and `yard lake checkout`: whole folders into a set of files and out of it, with a bar.

The bar goes to standard error and only to a terminal; what was done goes to standard output.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelyard.edges.cli.output import Output
from modelyard.kernel.units import format_bytes

if TYPE_CHECKING:
    from modelyard.sdk.filesets import FileSetHandle
    from modelyard.sdk.filesets.adding import AddProgress

_LINKS = ("reflink", "copy", "hardlink")


def folder_commands(lake: Callable[[], FileSetHandle]) -> list[click.Command]:
    """The commands, over whichever lake the session speaks to."""
    return [_add(lake), _checkout(lake)]


def _add(lake: Callable[[], FileSetHandle]) -> click.Command:
    @click.command("add-folder")
    @click.argument("name", metavar="NAME")
    @click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
    @click.option("--into", default="", help="where in the set the files go, e.g. train.")
    @click.option("--label-by-folder", is_flag=True, help="label each file by the folder that it lies in.")
    @click.option("--mirror", is_flag=True, help="remove every other file of the set.")
    @click.option("--rehash", is_flag=True, help="read files, too, that look as they did the last time.")
    @click.option("--message", default="", help="why; shown in the history.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    def add(
        *, name: str, folder: Path, into: str, label_by_folder: bool, mirror: bool, rehash: bool, message: str,
        as_json: bool,
    ) -> None:  # fmt: skip
        """Add every file below FOLDER to a set, in one commit; only contents that are not there yet travel.

        A set that does not exist is made.

        Example:
          yard lake add-folder cats photos --label-by-folder
        """
        with _bar(name) as show:
            done = lake().add_folder(
                name, folder, into=into, describe="folder" if label_by_folder else None, mirror=mirror,
                message=message, progress=show, cache=not rehash,
            )  # fmt: skip
        if as_json:
            Output(as_json=True).record(done)
            return
        counts = {
            "added": done.added, "replaced": done.replaced, "removed": done.removed, "edited": done.edited,
            "unchanged": done.unchanged,
        }  # fmt: skip
        said = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        click.echo(f"{name}@{done.version}: {said or 'no files'}")

    return add


def _checkout(lake: Callable[[], FileSetHandle]) -> click.Command:
    @click.command("checkout")
    @click.argument("which", metavar="NAME[@VERSION]")
    @click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
    @click.option(
        "--link", type=click.Choice(_LINKS), default="reflink", show_default=True,
        help="share blocks where the disk can, copy, or link large files that are only read.",
    )  # fmt: skip
    @click.option("--overwrite", is_flag=True, help="write over files that no check-out left so.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    def checkout(*, which: str, folder: Path, link: str, overwrite: bool, as_json: bool) -> None:
        """Make FOLDER hold a version of a set; done again, it changes only what differs.

        Example:
          yard lake checkout cats@3 photos
        """
        from modelyard.sdk.filesets.checkout import Link

        done = lake().checkout(which, folder, link=Link(link), overwrite=overwrite)
        if as_json:
            Output(as_json=True).record(done)
            return
        click.echo(
            f"{folder} holds {done.fileset}@{done.version}: {done.written:,} written, {done.removed:,} removed, "
            f"{done.unchanged:,} unchanged"
        )

    return checkout


@contextmanager
def _bar(name: str) -> Iterator[Callable[[AddProgress], None] | None]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"), TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None, said="")

        def show(now: AddProgress) -> None:
            said = f"{now.hashed:,} of {now.files:,} files · {format_bytes(now.sent_bytes)} sent"
            bar.update(task, total=now.size_bytes, completed=now.hashed_bytes, said=said)

        yield show
