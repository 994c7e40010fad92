"""Data sets of records, a label byte and an image's bytes each, in any order: sorted into one order and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kernelconv._files import write_atomically
from kernelconv.datasets.files import DataError, file_size, fill, there, unreadable
from kernelconv.datasets.formats.archive import read_members
from kernelconv.datasets.formats.published_set import Found, PublishedSet, TrainAndTest

Records = NDArray[np.uint8]  # (n, 1 + bytes of an image)
_BLOCK = 250  # images turned into floats at once: their bytes stay in the cache


@dataclass(frozen=True)
class RecordSet(PublishedSet):
    """A data set published as .bin files of records, one label byte and the planes of an image, or as their .tar.gz.

    The records of the training files and those of the test file are each sorted by the SHA-256 of the record. So the
    arrays do not depend on the order of the records, nor on which training file holds which.

    Parameters
    ----------
    name, title, loader, openml : str
        As of `PublishedSet`; the archive holds the files in a folder called `name`.
    train_files : tuple of str
        The files of the training images.
    test_file : str
        That of the images to test on.
    archive : str
        The .tar.gz of all of these.
    unread : tuple of str
        Names of files and folders of another edition of the data, which is not read: pickles.
    records_per_file : int
        Records in each file.
    image_shape : (int, int, int)
        Channels, height, width: the order of an image's bytes.
    n_classes : int
        Labels are smaller.
    sha256 : mapping of str to str
        For "training" and "test" the SHA-256 of all the records in their order.
    """

    train_files: tuple[str, ...]
    test_file: str
    archive: str
    unread: tuple[str, ...]
    records_per_file: int
    image_shape: tuple[int, int, int]
    n_classes: int
    sha256: Mapping[str, str]

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the .bin files, the test file last."""
        return (*self.train_files, self.test_file)

    @property
    def wanted(self) -> str:
        """The files in words."""
        return f"the {len(self.files)} .bin files or {self.archive}"

    def _find(self, place: Path) -> Found:
        """Return the .bin files that `place` holds, or the archive where they are not complete."""
        paths = [path for name in self.files if there(path := place / name) and path.is_file()]
        archive = place / self.archive
        if len(paths) < len(self.files) and there(archive) and archive.is_file():
            return Found([archive], [])
        return Found(paths, [name for name in self.files if place / name not in paths])

    def _aside(self, places: list[Path]) -> str:
        seen = [path for place in places for name in self.unread if there(path := place / name)]
        if not seen:
            return ""
        return (
            f" {seen[0]} is of the Python edition, which is not read: it holds pickles, and reading a pickle can run "
            f"any code. Get the binary edition, {self.archive}."
        )

    def _read(self, paths: list[Path]) -> TrainAndTest:
        """Read the files or the archive, check each and all, and return images in [0, 1] and labels."""
        records = np.empty((len(self.files) * self.records_per_file, 1 + prod(self.image_shape)), np.uint8)
        parts = dict(zip(self.files, np.split(records, len(self.files)), strict=True))
        if paths[0].name == self.archive:
            read_members(paths[0], {f"{self.name}/{name}": part for name, part in parts.items()})
        else:
            for path, part in zip(paths, parts.values(), strict=True):
                self._read_file(path, part)
        where = paths[0] if len(paths) == 1 else paths[0].parent
        for name, part in parts.items():
            if part[:, 0].max() >= self.n_classes:
                raise DataError(
                    f"{where}: {name} holds the label {part[:, 0].max()}, wanted 0 to {self.n_classes - 1}: it is not "
                    f"made of {self.title}'s records. Replace it by the original."
                )
        orders = self._orders(records, f"{where} does not hold {self.title}", "Replace its files by the originals.")
        return tuple(array for part, order in orders for array in self._arrays(part, order))  # type: ignore[return-value]

    def _read_file(self, path: Path, part: Records) -> None:
        if (size := file_size(path)) == part.nbytes:
            try:
                with open(path, "rb") as file:
                    size = fill(part, file)
            except OSError as error:
                raise unreadable(path, error) from error
        if size != part.nbytes:
            raise DataError(
                f"{path} holds {size:,} bytes, wanted {part.nbytes:,}: {len(part):,} records of a label and "
                f"{part.shape[1] - 1:,} bytes. Delete it and get a fresh copy."
            )

    def _orders(self, records: Records, wrong: str, remedy: str) -> list[tuple[Records, NDArray[np.intp]]]:
        """Return the training records and the test records, each with their order; DataError unless they are ours."""
        n_train = len(self.train_files) * self.records_per_file
        found, faults = [], []
        for (which, sha256), part in zip(self.sha256.items(), np.split(records, [n_train]), strict=True):
            order, got = in_one_order(part)
            found.append((part, order))
            if got != sha256:
                faults.append(f"the SHA-256 of its {len(part):,} {which} records, sorted, is {got}, wanted {sha256}")
        if faults:
            both = " Records may have been moved between training and test." if len(faults) == 2 else ""
            raise DataError(
                f"{wrong}: {'; '.join(faults)}. At least one record is changed, missing or twice there.{both} {remedy}"
            )
        return found

    def _arrays(self, records: Records, order: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the images, channels last, in [0, 1] and the labels of records in an order."""
        c, h, w = self.image_shape
        X = np.empty((len(records), h, w, c), np.float32)
        for start in range(0, len(X), _BLOCK):
            planes = records[order[start : start + _BLOCK], 1:].reshape(-1, c, h, w)
            np.divide(np.moveaxis(planes, 1, -1), 255, out=X[start : start + _BLOCK], dtype=np.float32)
        return X, records[order, 0].astype(np.int64)

    def _contents(self, data: NDArray, target: NDArray) -> Mapping[str, NDArray[np.uint8]]:
        """Return the records of OpenML's rows, in their order, by file; DataError unless they are the data set."""
        n, n_bytes = len(self.files) * self.records_per_file, prod(self.image_shape)
        records = np.empty((n, 1 + n_bytes), np.uint8)
        try:
            with np.errstate(invalid="ignore"):  # the checksums catch what is no byte
                records[:, 1:] = np.asarray(data).astype(np.uint8).reshape(n, n_bytes)
                records[:, 0] = np.asarray(target).astype(np.uint8)
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(
                f"OpenML's {self.openml} is not made of {n:,} rows of {n_bytes:,} bytes and labels ({error}). "
                f"{self._other_way}"
            ) from error
        wrong = f"OpenML's {self.openml} does not give {self.title}"
        orders = self._orders(records, wrong, f"Nothing was kept. {self._other_way}")
        in_order = np.concatenate([part[order] for part, order in orders])
        return dict(zip(self.files, np.split(in_order, len(self.files)), strict=True))

    def _write(self, path: Path, content: Records) -> None:
        write_atomically(path, content.tobytes())


def in_one_order(records: Records) -> tuple[NDArray[np.intp], str]:
    """Return the order of records by the SHA-256 of each, and the SHA-256 of all records in this order.

    Examples
    --------
    >>> records = np.arange(6, dtype=np.uint8).reshape(3, 2)
    >>> order, sha256 = in_one_order(records)
    >>> order.tolist(), in_one_order(records[::-1].copy())[1] == sha256
    ([2, 0, 1], True)
    """
    digests = [hashlib.sha256(record).digest() for record in records]
    order = sorted(range(len(records)), key=digests.__getitem__)
    together = hashlib.sha256()
    for i in order:
        together.update(records[i])
    return np.array(order, np.intp), together.hexdigest()
