"""Tiles of a Gram matrix side by side: on threads here, or as tasks of the cluster that joblib is configured with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from numpy.typing import NDArray

from kernelconv._parallel.blocks import map_blocks
from kernelconv._parallel.workers import cluster_of_joblib, in_order
from kernelconv.networks.kernel.recursion import SelfKernel, Step, gram_tile
from kernelconv.networks.kernel.tiles_on_disk import Place

#: Layers, whether the kernel is the tangent one, whether the matrix is symmetric
Asked = tuple[Sequence[Step], bool, bool]


class Cost(NamedTuple):
    """What a Gram matrix will take: pairs to compute, pairs a second as measured, seconds, bytes of the matrix."""

    pairs: int
    pairs_per_second: float
    seconds: float
    bytes: int

    def __str__(self) -> str:
        """Return one line for people."""
        minutes = f"{self.seconds / 60:.1f} min" if self.seconds >= 90 else f"{self.seconds:.1f} s"
        return (
            f"{self.pairs:,} pairs at {self.pairs_per_second:,.0f} pairs/s: about {minutes}, "
            f"{self.bytes / 2**20:,.1f} MiB"
        )


@contextmanager
def progress_of(name: str, cost: Cost) -> Iterator[Callable[[float], Any]]:
    """Print what a matrix will take, then show its progress (standard error); yield what takes the part done."""
    from rich.console import Console  # only who asks for progress pays for the import
    from rich.progress import Progress

    console = Console(stderr=True)
    console.print(f"{name}: {cost}", highlight=False)
    with Progress(console=console) as progress:
        task = progress.add_task(name, total=1)
        yield lambda part: progress.advance(task, part)


def compute_tiles(
    places: Sequence[Place],
    tile: int,
    images: tuple[NDArray, NDArray],
    selves: tuple[Sequence[SelfKernel], Sequence[SelfKernel]],
    asked: Asked,
    take: Callable[[Place, NDArray], None],
    n_jobs: int | None,
) -> None:
    """Call ``take(place, values)`` of each tile as it is computed; the values do not depend on where that is.

    Parameters
    ----------
    places : sequence of (int, int)
        First row and first column of each tile.
    tile : int
        Images a side.
    images, selves : pair
        Of the rows and of the columns.
    asked : tuple
        What is computed of them.
    take : callable
        Called in this process, by several threads at once.
    n_jobs : int or None
        Threads; None is a cluster where joblib is configured with one.
    """

    def task(place: Place) -> Any:
        a, b = (slice(i, i + tile) for i in place)
        return place, images[0][a], images[1][b], selves[0][a], selves[1][b]

    if n_jobs is None and cluster_of_joblib() is not None:
        for place, values in in_order(partial(_tile, asked), map(task, places)):
            take(place, values)
        return
    map_blocks(lambda s: take(*_tile(asked, task(places[s.start]))), len(places), 1, n_jobs)


def _tile(asked: Asked, task: Any) -> tuple[Place, NDArray]:
    (i, j), x, y, sx, sy = task
    steps, tangent, symmetric = asked
    return (i, j), gram_tile(x, y, sx, sy, steps, tangent, symmetric and i == j)
