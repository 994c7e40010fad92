"""Data sets of four IDX files: found in a folder, in KERNELCONV_DATA or in the cache, else fetched once from OpenML."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import fetch_openml

from kernelconv.datasets.files import DataError, as_path, there
from kernelconv.datasets.idx import idx_sha256, read_idx, write_idx

TrainAndTest = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]
VARIABLE = "KERNELCONV_DATA"


@dataclass(frozen=True)
class IdxSet:
    """A data set published as four IDX files of bytes: training images and labels, test images and labels.

    Parameters
    ----------
    name : str
        The sub-folder in which the files may lie.
    title : str
        What messages call it.
    loader : str
        The public function that reads it, for messages.
    sha256 : mapping of str to str
        File names, in the order train images, train labels, test images, test labels, and the SHA-256 of the
        uncompressed files.
    openml : str
        Name of the same data at OpenML, version 1, training images first.
    n_train : int
        Training images.
    """

    name: str
    title: str
    loader: str
    sha256: Mapping[str, str]
    openml: str
    n_train: int

    def load(self, folder: str | os.PathLike[str] | None = None) -> TrainAndTest:
        """Return the training images and labels, and those to test on; DataError as `load_mnist` says."""
        named = folder is not None or bool(os.environ.get(VARIABLE))
        found = {place: self._find(place) for place in self.folders(folder)}
        # the sub-folder first: the files of other data sets have the same names, and may lie beside it
        whole = [list(files.values()) for files in reversed(found.values()) if len(files) == len(self.sha256)]
        if named:
            return self._read(whole[0] if whole else self._complain(found, folder))
        files = whole[0] if whole else self._fetch(data_folder() / self.name)
        return self._read(files, hint=f" The next {self.loader}() will then fetch {self.title}.")

    def folders(self, folder: str | os.PathLike[str] | None = None) -> list[Path]:
        """Return where files are looked for: `folder`, what KERNELCONV_DATA names, or the cache; its sub-folder."""
        root = as_path(os.environ.get(VARIABLE) or data_folder() if folder is None else folder, "folder")
        return [root, root / self.name]

    def notice(self) -> str | None:
        """Return a line that says that `load` will fetch, where it will."""
        here = any(len(self._find(place)) == len(self.sha256) for place in self.folders())
        if os.environ.get(VARIABLE) or here:
            return None
        return f"{self.title} is not on this machine: fetching it from OpenML, once."

    def _find(self, place: Path) -> dict[str, Path]:
        """Return those of the four files that `place` holds, whatever their spelling, in their order."""
        found = {}
        for name in self.sha256:
            dotted = name.replace("-idx", ".idx")  # how some archives spell it
            paths = [place / spelling for spelling in (f"{name}.gz", name, f"{dotted}.gz", dotted)]
            if present := [path for path in paths if there(path) and path.is_file()]:
                found[name] = present[0]
        return found

    def _complain(self, found: dict[Path, dict[str, Path]], folder: str | os.PathLike[str] | None) -> NoReturn:
        """Raise DataError that names the files missing from the folder which holds most of them."""
        asked = f"{VARIABLE}={os.environ[VARIABLE]}" if folder is None else f"folder={os.fspath(folder)!r}"
        best = max(found, key=lambda place: len(found[place]))
        missing = ", ".join(name for name in self.sha256 if name not in found[best])
        remedy = f"or call {self.loader}() with {VARIABLE} unset, which fetches them."
        if not (there(best) and best.is_dir()):
            raise DataError(
                f"{self.title} was not found: there is no folder {best} ({asked}). Name the folder that holds the four "
                f"IDX files, {missing}, plain or as .gz; {remedy}"
            )
        raise DataError(
            f"{self.title} is not complete in {best} ({asked}): missing {missing}. Put the four IDX files there or in "
            f"its sub-folder {self.name}, plain or as .gz, or name the folder that holds them; {remedy}"
        )

    def _read(self, files: list[Path], hint: str = "") -> TrainAndTest:
        arrays = []
        for path, sha256 in zip(files, self.sha256.values(), strict=True):
            try:
                raw = read_idx(path, sha256=sha256)
            except DataError as error:
                raise DataError(f"{error}{hint}") from error
            arrays.append(np.divide(raw, 255, dtype=np.float32) if raw.ndim == 3 else raw.astype(np.int64))
        return tuple(arrays)  # type: ignore[return-value]

    def _fetch(self, folder: Path) -> list[Path]:
        """Fetch the data from OpenML, check them, write them into `folder` as IDX files and return their paths."""
        try:
            # liac-arff, because the other parser needs pandas, which kernelconv does not require
            bunch = fetch_openml(self.openml, version=1, as_frame=False, parser="liac-arff")
        except Exception as error:  # no network, a portal's page, a changed or damaged answer: any type at all
            raise DataError(
                f"There is no complete {self.title} in {' or '.join(map(str, self.folders()))}, and OpenML could not "
                f"provide it ({type(error).__name__}: {error}). Either connect to the network and call again; or get "
                f"the four IDX files ({', '.join(self.sha256)}; plain or .gz) and name their folder, "
                f"{self.loader}(folder) or {VARIABLE}; or use load_digits_images(), which needs no network."
            ) from error
        arrays = self._split(bunch.data, bunch.target)
        files = [folder / f"{name}.gz" for name in self.sha256]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path, array in zip(files, arrays, strict=True):
                write_idx(path, array)
        except OSError as error:
            raise DataError(
                f"{self.title} was fetched but cannot be kept in {folder}: {error.strerror or error}. Make room or set "
                "SCIKIT_LEARN_DATA to a folder that can be written."
            ) from error
        return files

    def _split(self, data: NDArray, target: NDArray) -> list[NDArray[np.uint8]]:
        """Return what the four files hold, from OpenML's rows; DataError unless it is the data set, bit for bit."""
        other_way = (
            "scikit-learn's own copy may be damaged: delete the folder openml in its data folder and call again; or "
            f"get the four IDX files and name their folder, {self.loader}(folder) or {VARIABLE}."
        )
        try:
            with np.errstate(invalid="ignore"):  # the checksums catch what is no byte
                images = np.asarray(data).astype(np.uint8).reshape(-1, 28, 28)
            labels = np.asarray(target).astype(np.uint8)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"OpenML's {self.openml} is not made of 28x28 images and digits ({error}). {other_way}"
            ) from error
        n = self.n_train
        arrays = [images[:n], labels[:n], images[n:], labels[n:]]
        for (name, sha256), array in zip(self.sha256.items(), arrays, strict=True):
            if (got := idx_sha256(array)) != sha256:
                raise DataError(
                    f"OpenML's {self.openml} does not give {self.title}'s {name}: the SHA-256 of its IDX bytes is "
                    f"{got}, wanted {sha256}. Nothing was kept. {other_way}"
                )
        return arrays


def data_folder() -> Path:
    """Return the cache of downloaded data: ``kernelconv`` in scikit-learn's data folder; it may not exist.

    Returns
    -------
    folder : pathlib.Path
        ``$SCIKIT_LEARN_DATA/kernelconv``, or ``~/scikit_learn_data/kernelconv`` without that variable.

    Notes
    -----
    The same rule as `sklearn.datasets.get_data_home`, which would create its folder merely by being asked.

    Examples
    --------
    >>> from kernelconv.datasets import data_folder
    >>> data_folder().name
    'kernelconv'
    """
    home = os.environ.get("SCIKIT_LEARN_DATA", os.path.join("~", "scikit_learn_data"))
    return Path(home).expanduser() / "kernelconv"
