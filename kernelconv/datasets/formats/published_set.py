"""Published data sets: found in a folder, in KERNELCONV_DATA or in the cache, else fetched from OpenML."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import fetch_openml

from kernelconv.datasets.files import DataError, as_path, there

TrainAndTest = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]
VARIABLE = "KERNELCONV_DATA"


class Found(NamedTuple):
    """What a folder holds of a data set: the files to read, and the names of those that are missing."""

    paths: list[Path]
    missing: list[str]


@dataclass(frozen=True)
class PublishedSet(ABC):
    """A data set in files of known content, of which a subclass knows the format.

    Parameters
    ----------
    name : str
        The sub-folder in which the files may lie.
    title : str
        What messages call it.
    loader : str
        The public function that reads it, for messages.
    openml : str
        Name of the same data at OpenML, version 1, training images first.
    """

    name: str
    title: str
    loader: str
    openml: str

    # -- what a format has to say ------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def files(self) -> tuple[str, ...]:
        """Names of the files, in the order in which they are read."""

    @property
    @abstractmethod
    def wanted(self) -> str:
        """The files in words, as what to get."""

    @abstractmethod
    def _find(self, place: Path) -> Found:
        """Return what a folder, which may not exist, holds."""

    @abstractmethod
    def _read(self, paths: list[Path]) -> TrainAndTest:
        """Read and check what `_find` found whole; raise DataError where it is damaged or another data set."""

    @abstractmethod
    def _contents(self, data: NDArray, target: NDArray) -> Mapping[str, NDArray[np.uint8]]:
        """Return the files to write into the cache, made of OpenML's rows; DataError unless they are the data set."""

    @abstractmethod
    def _write(self, path: Path, content: NDArray[np.uint8]) -> None:
        """Write one of `_contents`; the file appears whole or not at all."""

    def _aside(self, places: list[Path]) -> str:
        """Return a sentence on what lies in these folders and looks like the data set but cannot be read."""
        return ""

    # -- the same for all --------------------------------------------------------------------------------------------

    def load(self, folder: str | os.PathLike[str] | None = None) -> TrainAndTest:
        """Return the training images and labels, and those to test on; DataError as `load_mnist` says."""
        found = {place: self._find(place) for place in self.folders(folder)}
        # the sub-folder first: the files of other data sets may have the same names, and lie beside it
        whole = [here.paths for here in reversed(found.values()) if not here.missing]
        if folder is not None or os.environ.get(VARIABLE):
            return self._read(whole[0] if whole else self._complain(found, folder))
        paths = whole[0] if whole else self._fetch(data_folder() / self.name)
        try:
            return self._read(paths)
        except DataError as error:
            raise DataError(f"{error} The next {self.loader}() will then fetch {self.title}.") from error

    def folders(self, folder: str | os.PathLike[str] | None = None) -> list[Path]:
        """Return where files are looked for: `folder`, what KERNELCONV_DATA names, or the cache; its sub-folder."""
        root = as_path(os.environ.get(VARIABLE) or data_folder() if folder is None else folder, "folder")
        return [root, root / self.name]

    def notice(self) -> str | None:
        """Return a line that says that `load` will fetch, where it will."""
        if os.environ.get(VARIABLE) or not all(self._find(place).missing for place in self.folders()):
            return None
        return f"{self.title} is not on this machine: fetching it from OpenML, once."

    @property
    def _other_way(self) -> str:
        return (
            "scikit-learn's own copy may be damaged: delete the folder openml in its data folder and call again; or "
            f"get {self.wanted}, {', '.join(self.files)}, and name their folder, {self.loader}(folder) or {VARIABLE}."
        )

    def _complain(self, found: Mapping[Path, Found], folder: str | os.PathLike[str] | None) -> NoReturn:
        """Raise DataError that names the files missing from the folder which holds most of them."""
        asked = f"{VARIABLE}={os.environ[VARIABLE]}" if folder is None else f"folder={os.fspath(folder)!r}"
        best = min(found, key=lambda place: len(found[place].missing))
        missing, aside = ", ".join(found[best].missing), self._aside(list(found))
        remedy = f"or call {self.loader}() with {VARIABLE} unset, which fetches them.{aside}"
        if not (there(best) and best.is_dir()):
            raise DataError(
                f"{self.title} was not found: there is no folder {best} ({asked}). Name the folder that holds "
                f"{self.wanted}, {missing}; {remedy}"
            )
        raise DataError(
            f"{self.title} is not complete in {best} ({asked}): missing {missing}. Put {self.wanted} there or in its "
            f"sub-folder {self.name}, or name the folder that holds them; {remedy}"
        )

    def _fetch(self, folder: Path) -> list[Path]:
        """Fetch the data from OpenML, check them, write them into `folder` and return the paths of the files."""
        try:
            # liac-arff, because the other parser needs pandas, which kernelconv does not require
            bunch = fetch_openml(self.openml, version=1, as_frame=False, parser="liac-arff")
        except Exception as error:  # no network, a portal's page, a changed or damaged answer: any type at all
            places = self.folders()
            raise DataError(
                f"There is no complete {self.title} in {' or '.join(map(str, places))}, and OpenML could not provide "
                f"it ({type(error).__name__}: {error}). Either connect to the network and call again; or get "
                f"{self.wanted}, {', '.join(self.files)}, and name their folder, {self.loader}(folder) or {VARIABLE}; "
                f"or use load_digits_images(), which needs no network.{self._aside(places)}"
            ) from error
        contents = self._contents(bunch.data, bunch.target)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in contents.items():
                self._write(folder / name, content)
        except OSError as error:
            raise DataError(
                f"{self.title} was fetched but cannot be kept in {folder}: {error.strerror or error}. Make room or set "
                "SCIKIT_LEARN_DATA to a folder that can be written."
            ) from error
        return self._find(folder).paths


def data_folder() -> Path:
    """Return the cache of downloaded data: ``kernelconv`` in scikit-learn's data folder; it may not exist.

    Returns
    -------
    folder : pathlib.Path
        ``$SCIKIT_LEARN_DATA/kernelconv``, or ``~/scikit_learn_data/kernelconv`` without that variable.

    Notes
    -----
    The same rule as `sklearn.datasets.get_data_home`, which would also create the folder.

    Examples
    --------
    >>> from kernelconv.datasets import data_folder
    >>> data_folder().name
    'kernelconv'
    """
    home = os.environ.get("SCIKIT_LEARN_DATA", os.path.join("~", "scikit_learn_data"))
    return Path(home).expanduser() / "kernelconv"
