"""Sweep: the cells of a study, each computed once, stored in a file, found again by all that determines its result."""

from __future__ import annotations

import re
import traceback
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from joblib import Parallel, delayed, effective_n_jobs, parallel_config

from kernelconv._files import write_atomically
from kernelconv._parallel.blas import single_threaded_blas
from kernelconv.studies.cells import cell_text, digest, read_cell
from kernelconv.studies.environment import provenance
from kernelconv.studies.shared import shared_in


class Study(Protocol):
    """Protocol of a study: its cells, what determines the result of each, and how a cell is computed.

    `name` is a word that identifies the study in its cells.
    """

    name: str

    @property
    def cells(self) -> Sequence[Any]:
        """Frozen dataclasses of numbers and words, in the order in which they are run and shown."""

    def identity(self, cell: Any) -> dict[str, Any]:
        """Return, as JSON, all that determines a cell's record.

        Every parameter of model and head, the data's digest, the protocol, the model's results version; never prose,
        never the version of a package.
        """

    def run(self, cell: Any) -> dict[str, Any]:
        """Compute a cell's record: JSON without NaN."""

    def seconds(self, cell: Any) -> float:
        """Return an estimate of a cell's cost, in CPU seconds."""


@dataclass(frozen=True)
class Finished:
    """A cell with its record; `known` says that it was already there."""

    cell: Any
    record: dict[str, Any]
    known: bool


class Sweep:
    """Run the cells of a study that are missing, each into a file of its own, so that a killed run goes on.

    Parameters
    ----------
    study : Study
        The study.
    folder : path
        Cells are in ``folder/cells``, named by the cell and a digest of all that determines it: after a change of
        a parameter the old file remains and is not read.

    Examples
    --------
    >>> import tempfile
    >>> @dataclass(frozen=True)
    ... class Cell:
    ...     number: int
    >>> class Squares:
    ...     name, cells = "squares", (Cell(2), Cell(3))
    ...     def identity(self, cell): return {"number": cell.number}
    ...     def run(self, cell): return {"square": cell.number**2}
    ...     def seconds(self, cell): return 0.0
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first = [done.known for done in Sweep(Squares(), folder).run()]
    ...     again = [(done.record["square"], done.known) for done in Sweep(Squares(), folder).run()]
    >>> first, again
    ([False, False], [(4, True), (9, True)])
    """

    def __init__(self, study: Study, folder: str | Path) -> None:
        self.study, self.folder = study, Path(folder)
        self._paths = {cell: self._path(cell) for cell in study.cells}

    @property
    def cells(self) -> list[Any]:
        """The study's cells, in order."""
        return list(self._paths)

    def path(self, cell: Any) -> Path:
        """Return the file of a cell."""
        return self._paths[cell]

    def _path(self, cell: Any) -> Path:
        words = "-".join(re.sub(r"[^\w.+-]", "_", str(value)) for value in asdict(cell).values())
        words = words.encode()[:200].decode(errors="ignore")  # file systems take 255 bytes; the digest tells the rest
        return self.folder / "cells" / f"{words}-{digest(self.study.identity(cell))}.json"

    def content(self, cell: Any) -> dict[str, Any] | None:
        """Return what the file of a cell holds, verified, or None where it has not been run.

        Raises
        ------
        ValueError
            If the file is damaged, edited or another cell's; the message names it and says what to do.
        """
        try:
            found = read_cell(self.path(cell))
        except FileNotFoundError:
            return None
        if found["study"] != self.study.name or found["cell"] != asdict(cell):
            raise ValueError(
                f"{self.path(cell)} is a cell of another study: {found['study']}, {found['cell']}. Move it out of this "
                "folder."
            )
        return found

    def load(self, cell: Any) -> dict[str, Any] | None:
        """Return the record of a cell, or None where it has not been run; raise ValueError as `content`."""
        found = self.content(cell)
        return None if found is None else found["record"]

    def records(self) -> dict[Any, dict[str, Any]]:
        """Return the records that there are, in the order of the cells."""
        found = {cell: self.load(cell) for cell in self.cells}
        return {cell: record for cell, record in found.items() if record is not None}

    def made_with(self) -> dict[str, Any]:
        """Return the versions with which the cells present were made, all of each package; the current ones if none."""
        found: dict[str, list[str]] = {}
        for cell in self.cells:
            for key, value in ((self.content(cell) or {}).get("provenance") or {}).items():
                if str(value) not in found.setdefault(key, []):
                    found[key].append(str(value))
        return {key: ", ".join(values) for key, values in found.items()} or provenance()

    def missing(self) -> list[Any]:
        """Return the cells that have no file."""
        return [cell for cell in self.cells if not self.path(cell).exists()]

    def seconds(self) -> float:
        """Return what the missing cells are expected to cost, seconds of one core."""
        return sum(self.study.seconds(cell) for cell in self.missing())

    def _make_folder(self) -> None:
        try:
            (self.folder / "cells").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                f"Results cannot be kept in {self.folder}: {error.strerror or error}. Name another folder."
            ) from error

    def run(self, workers: int | None = None) -> Iterator[Finished]:
        """Yield the finished cells, then run the others; each is saved as soon as it is finished.

        Parameters
        ----------
        workers : int, optional
            Cells side by side, one thread each, through joblib; with None as `joblib.parallel_config` says, which may
            name another backend that returns results one by one (threading, loky, dask), else one after the other, each
            with all cores.

        Raises
        ------
        ValueError
            If a file of a cell is damaged, or `workers` is not a count; and, after all cells, if some failed: the
            message names the first of them and its error.
        OSError
            If a cell cannot be written, for example on a full disk: the error names its file, and no more are run.
        ChildProcessError
            If a worker is killed.
        """
        if workers is not None and workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}.")
        self._make_folder()
        known = self.records()
        for cell, record in known.items():
            yield Finished(cell, record, known=True)
        missing = [cell for cell in self.cells if cell not in known]
        if not missing:
            return
        alone = workers is not None or effective_n_jobs(None) > 1
        run = uuid.uuid4().hex
        folder = self.folder.absolute()  # workers, processes that are kept among them, may be elsewhere
        places = (folder / "cells" / self.path(cell).name for cell in missing)
        jobs = (
            delayed(_compute)(self.study, cell, place, provenance(), alone, run)
            for cell, place in zip(missing, places, strict=True)
        )
        failures = []
        try:
            side_by_side = None if workers is None else min(workers, len(missing))
            records = Parallel(n_jobs=side_by_side, return_as="generator")(jobs)
            for cell, (record, failure) in zip(missing, records, strict=True):
                if record is None:
                    failures.append(failure)
                else:
                    yield Finished(cell, record, known=False)
        except BrokenProcessPool as error:
            raise ChildProcessError(
                "A worker was killed, perhaps for want of memory. Finished cells are saved: give the same command "
                "again, with fewer workers if it happens again."
            ) from error
        if failures:
            raise ValueError(f"{len(failures)} of {len(self.cells)} cells failed, the others are saved. {failures[0]}")


@contextmanager
def on_scheduler(address: str | None) -> Iterator[None]:
    """Let joblib send its work to the workers of a Dask scheduler inside the block; nothing changes with None.

    Raises
    ------
    ImportError
        If Dask is not installed.
    OSError
        If no scheduler answers at the address.
    """
    if address is None:
        yield
        return
    try:
        from distributed import Client
    except ImportError:
        raise ImportError("A scheduler is one of Dask: pip install 'kernelconv[scale]'.") from None
    with Client(address) as client, parallel_config(backend="dask", client=client):
        yield


def _compute(
    study: Study, cell: Any, path: Path, made_with: dict[str, Any], alone: bool, run: str
) -> tuple[dict[str, Any] | None, str]:
    """Run one cell and save it; what joblib sends to a worker, one thread each where there are several.

    Return its record, or None and in words what a model did wrong: one that fails does not stop the others.
    """
    shared_in(run)
    try:
        with ExitStack() as stack:
            stack.enter_context(single_threaded_blas())  # no bit depends on the cores, and others disturb less
            if alone:
                stack.enter_context(parallel_config(n_jobs=1))
            record = study.run(cell)
        content = {"study": study.name, "cell": asdict(cell), "identity": study.identity(cell), "record": record}
        text = cell_text({**content, "provenance": made_with})
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}, line {frame.lineno}"
        return None, f"{cell}: {type(error).__name__}: {error} ({where})"
    write_atomically(path, text)  # a full disk is no fault of the model: it ends the sweep
    return record, ""
