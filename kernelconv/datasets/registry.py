"""Registered data sets: every module of this folder that defines `DATASET`; nothing else has to be edited."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from numpy.typing import NDArray

from kernelconv._check import check_choice, check_count
from kernelconv._types.parameters import Border

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, repr=False)
class Dataset:
    """A data set that can be loaded by name, and the training sizes at which models are compared on it.

    Parameters
    ----------
    name : str
        Name on the command line: lower-case letters and digits, parts joined by hyphens, as it is part of file names.
    title : str
        Name in print.
    load : callable
        ``load()`` returns (X_train, y_train, X_test, y_test), or (X, y), a stratified third of which becomes the test
        set in `load_split`; images and classes as everywhere in `kernelconv.datasets`.
    train_sizes : sequence of int
        Default training sizes of a comparison; empty, the default: the whole training set.
    draws : mapping of int to int
        The research protocol: from training size to the number of class-balanced subsets of this size, in the order
        of the table; empty, the default: the data set is not part of it.
    notice : callable
        ``notice()`` returns a line to print before `load` if something has to be downloaded, else None (the default).
    folders : callable
        ``folders()`` returns the folders in which `load` looks for files, in order; by default none.
    checksums : mapping of str to str
        SHA-256 of its files by name, if other data sets use the same file names: error messages of their loaders can
        then name the data set. By default none.
    border : {"zero", "symmetric", "reflect", "circular"}
        How images are extended when they are deformed: "zero", the default, for a black background; "symmetric" for
        photographs, around which zeros would be a frame.
    class_names : sequence of str
        Names of the classes in reports, in the order of their sorted labels; empty, the default: the labels
        themselves.

    Raises
    ------
    ValueError
        If `name` is not of the form above, `title` is empty, `border` is another word, a size or a number of draws
        is not an int >= 1, or `class_names` are not distinct words.

    Examples
    --------
    >>> from kernelconv.datasets import Dataset, load_digits_images
    >>> data = Dataset("8x8-digits", "Digits", load_digits_images, train_sizes=(100, 300), draws={100: 2})
    >>> data.train_sizes, data.draws, [array.shape for array in data.load()]
    ((100, 300), {100: 2}, [(1797, 8, 8), (1797,)])
    """

    name: str
    title: str
    load: Callable[[], tuple[NDArray, ...]]
    train_sizes: Sequence[int] = ()
    draws: Mapping[int, int] = field(default_factory=dict, hash=False)
    notice: Callable[[], str | None] = lambda: None
    folders: Callable[[], Sequence[Path]] = lambda: ()
    checksums: Mapping[str, str] = field(default_factory=dict, hash=False)
    border: Border = "zero"
    class_names: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ValueError(
                f"A data set's name must be lower-case letters and digits, parts joined by hyphens, got {self.name!r}."
            )
        if not isinstance(self.title, str) or not self.title:
            raise ValueError(f"The data set {self.name} needs a title, a few words.")
        if not isinstance(self.train_sizes, Sequence) or not isinstance(self.draws, Mapping):
            raise ValueError(
                f"The data set {self.name} needs train_sizes, a sequence of ints, and draws, a mapping of int to int, "
                f"got {self.train_sizes!r} and {self.draws!r}."
            )
        if not isinstance(self.checksums, Mapping):
            raise ValueError(
                f"The data set {self.name} needs checksums, a mapping of file name to SHA-256, got "
                f"{self.checksums!r:.80}."
            )
        check_choice(self.border, f"border of {self.name}", get_args(Border))
        names = self.class_names
        words = isinstance(names, tuple | list) and all(isinstance(n, str) and n for n in names)
        if not words or len({*names}) < len(names):
            raise ValueError(f"The data set {self.name} needs class_names, one word for each class, got {names!r:.80}.")
        for size in self.train_sizes:
            check_count(size, f"train_sizes of {self.name}")
        for size, draws in self.draws.items():
            check_count(size, f"a size in draws of {self.name}")
            check_count(draws, f"draws of {self.name} at {size}")

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, {self.title!r})"


def registered_datasets() -> dict[str, Dataset]:
    """Return all registered data sets by name, sorted by name.

    They are the objects ``DATASET`` of the modules in the folder of `kernelconv.datasets`: a new module is found
    automatically.

    Returns
    -------
    datasets : dict of str to Dataset
        Nothing is loaded yet.

    Raises
    ------
    ValueError
        If a module's ``DATASET`` is not a `Dataset`, or two modules register the same name.

    Notes
    -----
    The folder is listed at every call; its modules are imported once.

    Examples
    --------
    >>> from kernelconv.datasets import registered_datasets
    >>> {name: data.title for name, data in registered_datasets().items()}
    {'cifar10': 'CIFAR-10', 'digits': '8x8 digits', 'fashion-mnist': 'Fashion-MNIST', 'mnist': 'MNIST'}
    >>> registered_datasets()["mnist"].train_sizes
    (300, 1000)
    """
    package = importlib.import_module(__name__.rpartition(".")[0])
    found: dict[str, Dataset] = {}
    homes: dict[str, str] = {}
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        dataset = getattr(importlib.import_module(module.name), "DATASET", None)
        if dataset is None:
            continue
        if not isinstance(dataset, Dataset):
            raise ValueError(f"{module.name}.DATASET must be a Dataset, got {type(dataset).__name__}.")
        if dataset.name in found:
            raise ValueError(
                f"{homes[dataset.name]} and {module.name} both register the name {dataset.name!r}: rename one of them."
            )
        found[dataset.name], homes[dataset.name] = dataset, module.name
    return dict(sorted(found.items()))
