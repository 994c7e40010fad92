"""A store while it is made: rows and marks of the chunks that are done, in a folder beside the target.

``features.npy.unfinished`` holds the rows, what they are of (``settings.json``) and one line for each chunk (``done``)
with the digests of its images and of its rows. When all are there, the lines become ``features.npy.chunks.json`` and
the rows ``features.npy``, in one step: a target that is there is whole.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kernelconv._files import naming, write_atomically
from kernelconv.streams.on_disk.rows import FORMATS, Rows


@dataclass(frozen=True)
class Mark:
    """A chunk that is done: the digests of its images and of its rows."""

    source: str
    rows: str


class Store:
    """The target of `transform_store` or `transform_signal`, finished or not.

    Parameters
    ----------
    target : str or path
        Where the rows are to be: an .npy file or the folder of a zarr array.
    wanted : dict
        What decides the rows, as JSON: a store that was made of something else is refused.
    noun : str
        What the source holds, for messages.

    Raises
    ------
    TypeError
        If `target` is no path.
    ValueError
        If it ends otherwise, there is no such folder, or what is there was not made by such a call of the same.
    OSError
        If what is there cannot be read.
    """

    def __init__(self, target: str | Path, wanted: dict[str, Any], noun: str = "images") -> None:
        self.target, self.wanted, self.noun = _place(target), wanted, noun
        self.folder = self.target.with_name(f"{self.target.name}.unfinished")
        self.record = self.target.with_name(f"{self.target.name}.chunks.json")
        self.marks: list[Mark] = []
        self.rows: Rows | None = None  # not yet known where nothing is there
        self.finished = self.target.exists()
        if self.finished:
            self._read_record()
        else:
            self._read_unfinished()

    def begin(self, shape: tuple[int, int], dtype: str) -> None:
        """Make the folder for rows of this shape and dtype, where it is not there."""
        shutil.rmtree(self.folder, ignore_errors=True)  # it was never begun, or is damaged
        with naming(self.folder):
            self.folder.mkdir()
        self.rows = self._rows(self.folder / f"rows{self.target.suffix}", shape, dtype)
        self.rows.create()
        settings = {"wanted": self.wanted, "shape": shape, "dtype": dtype}
        write_atomically(self.folder / "settings.json", json.dumps(settings))  # last: without it nothing was begun

    def mark(self, i: int, mark: Mark) -> None:
        """Keep that chunk `i` is done, or done again; chunks are marked in order."""
        if i < len(self.marks) and self.marks[i] == mark:
            return
        with naming(self._done), open(self._done, "a", encoding="utf-8") as file:
            file.write(json.dumps({"chunk": i, **asdict(mark)}) + "\n")
        self.marks[i : i + 1] = [mark]

    def finish(self) -> None:
        """Move the rows to the target."""
        assert self.rows is not None
        self.rows.finish()
        content = {
            "wanted": self.wanted,
            "shape": self.rows.shape,
            "dtype": self.rows.dtype,
            "chunks": [asdict(mark) for mark in self.marks],
        }
        write_atomically(self.record, json.dumps(content))
        with naming(self.target):
            os.replace(self.rows.path, self.target)
        self.rows, self.finished = self._rows(self.target, self.rows.shape, self.rows.dtype), True
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- what is there -------------------------------------------------------------------------------------------------

    @property
    def _done(self) -> Path:
        return self.folder / "done"

    def _rows(self, path: Path, shape: Any, dtype: str) -> Rows:
        return FORMATS[self.target.suffix](path, (int(shape[0]), int(shape[1])), dtype, self.wanted["chunk"])

    def _read_record(self) -> None:
        found = _read_json(self.record)
        if found is None:
            raise ValueError(
                f"target={str(self.target)!r} is there and was not made by this function (or its record "
                f"{self.record.name} is lost): name another, or delete it."
            )
        self._check(found["wanted"], self.target)
        self.rows = self._rows(self.target, found["shape"], found["dtype"])
        self.marks = [Mark(**mark) for mark in found["chunks"]]
        if not self._are_there(self.rows):
            raise ValueError(f"target={str(self.target)!r} is damaged: delete it and {self.record.name}.")
        shutil.rmtree(self.folder, ignore_errors=True)  # a kill may have come before its end

    def _read_unfinished(self) -> None:
        found = _read_json(self.folder / "settings.json")
        if found is None:
            return
        self._check(found["wanted"], self.folder)
        rows = self._rows(self.folder / f"rows{self.target.suffix}", found["shape"], found["dtype"])
        if self._are_there(rows):
            self.rows, self.marks = rows, _read_marks(self._done)

    def _are_there(self, rows: Rows) -> bool:
        """Return whether the rows are whole; an OSError, which may pass, is raised: what is done is not thrown away."""
        with naming(rows.path):
            return rows.is_there()

    def _check(self, made_of: dict[str, Any], place: Path) -> None:
        """Raise ValueError, saying what differs, if what is at `place` was made of something else."""
        words = {
            "estimator": "another estimator (its parameters, or what it has learned)",
            "chunk": f"chunks of {{}} {self.noun}",
        }
        words["source"] = f"a source of other {self.noun}: shape and dtype {{}}"
        wanted = json.loads(json.dumps(self.wanted))  # as it is read: tuples are lists
        other = [words[key].format(made_of.get(key)) for key in wanted if made_of.get(key) != wanted[key]]
        if other:
            raise ValueError(
                f"{place} holds features of {', '.join(other)}: call with the same again, name another target, or "
                "delete it."
            )


def _place(target: Any) -> Path:
    if not isinstance(target, str | os.PathLike):
        raise TypeError(f"target must be a path, got {target!r}.")
    place = Path(target).absolute()  # a worker may be elsewhere
    if place.suffix not in FORMATS:
        raise ValueError(f"target={str(target)!r} must end in {' or '.join(FORMATS)}.")
    if not place.parent.is_dir():
        raise ValueError(f"target={str(target)!r}: there is no folder {place.parent}: make it first.")
    return place


def _read_json(path: Path) -> dict[str, Any] | None:
    """Return the content of a file that was written whole, None where it is not there or not such a file."""
    with suppress(FileNotFoundError, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) and {"wanted", "shape", "dtype"} <= found.keys() else None
    return None


def _read_marks(path: Path) -> list[Mark]:
    """Return the marks in order, and cut off what follows the last whole line: a kill may have come within one."""
    marks: list[Mark] = []
    if not path.exists():
        return marks
    with naming(path), open(path, "r+b") as file:
        end = 0
        for line in file:
            try:
                found = json.loads(line)
                i = found.pop("chunk")
                mark = Mark(**found)
            except (ValueError, TypeError, KeyError, AttributeError):
                break
            if not line.endswith(b"\n") or i > len(marks):
                break
            marks[i : i + 1] = [mark]
            end += len(line)
        file.truncate(end)
    return marks
