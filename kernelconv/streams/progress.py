"""How far a long pass has come: a bar of images, with the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kernelconv._check import check_flag


@contextmanager
def counted(words: str, n_images: int | None, progress: bool) -> Iterator[Callable[[int], None]]:
    """Yield what is told of every so many images that are done; with `progress` it moves a bar on the terminal.

    Parameters
    ----------
    words : str
        What is done.
    n_images : int or None
        How many there are, None where nobody knows.
    progress : bool
        Whether anything is shown.
    """
    if not check_flag(progress, "progress"):
        yield lambda n: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(words, total=n_images)
        yield lambda n: bar.advance(task, n)
