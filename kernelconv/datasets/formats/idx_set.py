"""Data sets of four IDX files: training images and labels, test images and labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kernelconv.datasets.files import DataError, there
from kernelconv.datasets.formats.idx import idx_sha256, read_idx, write_idx
from kernelconv.datasets.formats.published_set import Found, PublishedSet, TrainAndTest
from kernelconv.datasets.registry import registered_datasets


@dataclass(frozen=True)
class IdxSet(PublishedSet):
    """A data set published as four IDX files of bytes, of 28 x 28 images and labels.

    Parameters
    ----------
    name, title, loader, openml : str
        As of `PublishedSet`.
    sha256 : mapping of str to str
        File names, in the order train images, train labels, test images, test labels, and the SHA-256 of the
        uncompressed files.
    n_train : int
        Training images.
    """

    sha256: Mapping[str, str]
    n_train: int

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the four files."""
        return tuple(self.sha256)

    @property
    def wanted(self) -> str:
        """The four files in words."""
        return "the four IDX files (plain or .gz)"

    def _find(self, place: Path) -> Found:
        """Return those of the four files that `place` holds, whatever their spelling, in their order."""
        found, missing = [], []
        for name in self.files:
            dotted = name.replace("-idx", ".idx")  # how some archives spell it
            paths = [place / spelling for spelling in (f"{name}.gz", name, f"{dotted}.gz", dotted)]
            if present := [path for path in paths if there(path) and path.is_file()]:
                found.append(present[0])
            else:
                missing.append(name)
        return Found(found, missing)

    def _read(self, paths: list[Path]) -> TrainAndTest:
        arrays = []
        for path, (name, sha256) in zip(paths, self.sha256.items(), strict=True):
            raw = read_idx(path)
            if (got := idx_sha256(raw)) != sha256:
                raise self._another(path, name, got)
            arrays.append(np.divide(raw, 255, dtype=np.float32) if raw.ndim == 3 else raw.astype(np.int64))
        return tuple(arrays)  # type: ignore[return-value]

    def _another(self, path: Path, name: str, got: str) -> DataError:
        """Return the error of a whole file with other content: it says whose it is, where a registered set has it."""
        owners = [data for data in registered_datasets().values() if got in data.checksums.values()]
        if not owners:
            return DataError(
                f"{path} is a whole IDX file, but not the one wanted: the SHA-256 of its uncompressed bytes is {got}, "
                f"wanted {self.sha256[name]}. Other data sets use the same file names; replace it by the original."
            )
        owner = owners[0]
        return DataError(
            f"{path} is {owner.title}'s, not {self.title}'s (by the SHA-256 of its uncompressed bytes): both use the "
            f"same file names. Move {owner.title}'s four files into a sub-folder {owner.name}, and put {self.title}'s "
            f"into a sub-folder {self.name}."
        )

    def _contents(self, data: NDArray, target: NDArray) -> Mapping[str, NDArray[np.uint8]]:
        """Return the four arrays of OpenML's rows; DataError unless they are the data set, bit for bit."""
        try:
            with np.errstate(invalid="ignore"):  # the checksums catch what is no byte
                images = np.asarray(data).astype(np.uint8).reshape(-1, 28, 28)
            labels = np.asarray(target).astype(np.uint8)
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(
                f"OpenML's {self.openml} is not made of 28x28 images and digits ({error}). {self._other_way}"
            ) from error
        n = self.n_train
        arrays = [images[:n], labels[:n], images[n:], labels[n:]]
        for (name, sha256), array in zip(self.sha256.items(), arrays, strict=True):
            if (got := idx_sha256(array)) != sha256:
                raise DataError(
                    f"OpenML's {self.openml} does not give {self.title}'s {name}: the SHA-256 of its IDX bytes is "
                    f"{got}, wanted {sha256}. Nothing was kept. {self._other_way}"
                )
        return {f"{name}.gz": array for name, array in zip(self.files, arrays, strict=True)}

    def _write(self, path: Path, content: NDArray[np.uint8]) -> None:
        write_idx(path, content)
