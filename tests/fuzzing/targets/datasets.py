"""Targets: loaders of files and folders, splits, subsets, what is registered."""

import contextlib
import gzip
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing import parameters as p
from fuzzing.arrays import InputSpec, _pick
from fuzzing.labels import Y_LABELS
from fuzzing.promises import ACCEPTED, EITHER, Draw, refused
from fuzzing.target import Target
from kernelconv import datasets as d

PLACE = p.Kind(lambda value: None if isinstance(value, str | os.PathLike) else False)
DIGITS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)

#: What may be wrong with a file, and what is promised of reading it.
DAMAGES = {
    "missing": refused("no file|no folder|no data set|no image|cannot be read|not found|no such|missing"),
    "a folder": refused("folder|directory"),
    "empty": refused("damaged|holds 0 bytes|cannot be read"),
    "cut": refused("damaged|ends|truncated|cannot be read"),
    "one byte changed": EITHER,
    "text": refused("not an IDX|cannot be read|damaged|neither"),
    "gzip of text": refused("not an IDX|cannot be read|damaged|neither"),
    "compressed": EITHER,
}


def _spoil(path: Path, how: str, rng: np.random.Generator) -> None:
    """Do to a file what `how` says."""
    data = bytearray(path.read_bytes())
    path.unlink()
    if how == "a folder":
        path.mkdir()
    if how in ("missing", "a folder"):
        return
    if how == "one byte changed":
        data[rng.integers(len(data))] ^= 1 + rng.integers(255)
    texts = {"text": b"no images here", "gzip of text": gzip.compress(b"no images here"), "empty": b""}
    texts |= {"compressed": gzip.compress(data), "cut": data[: rng.integers(1, len(data))]}
    path.write_bytes(texts.get(how, data))


def _damage(plain: Any, spec: InputSpec, rng: np.random.Generator) -> Draw:
    """Promise: a damaged file is refused by name, or read as it was where nothing of it is."""
    how, seed = _pick(rng, *DAMAGES), int(rng.integers(2**31))
    return Draw(f"{how}, {seed}", (how, seed), DAMAGES[how])


def _damage_seen(plain: Any, spec: InputSpec, rng: np.random.Generator) -> Draw:
    """Promise: the same of a file that carries a checksum: what is left reads as it was, or is refused."""
    draw = _damage(plain, spec, rng)
    promise = EITHER if draw.value[0] == "cut" else draw.promise
    return Draw(draw.what, draw.value, promise, ("whole", 0))


FILE, SUMMED_FILE = InputSpec("file", (), draw=_damage), InputSpec("file", (), draw=_damage_seen)


def _damaged(name: str, write: Callable[[Path], Any], read: Callable[[Path], Any]) -> Callable[..., Any]:
    """Return the call that writes a file, spoils it as it is told, and reads it; the error has to name the file."""

    def call(file: Any) -> Any:
        path = Path(tempfile.mkdtemp(dir=".")) / name
        write(path)
        if file is not None:
            _spoil(path, file[0], np.random.default_rng(file[1]))
        try:
            return read(path)
        except d.DataError as error:
            if path.parent.name not in str(error):
                raise AssertionError(f"the error does not name the file: {error}") from error
            raise

    return call


def _images(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 2, (12, 4, 5)).astype(np.float64)


def _classes(plain: np.ndarray, spec: InputSpec, rng: np.random.Generator) -> Draw:
    """Promise: that of the labels of a classifier; one class alone may be divided too, and any number."""
    draw = Y_LABELS.draw(plain, spec, rng)
    return replace(draw, promise=EITHER) if any(w in draw.what for w in ("one class", "short", "long")) else draw


CLASSES = InputSpec("y", (1,), draw=_classes)


def _labels(rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(np.arange(12) % 3)


def _npz(path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(path, X=_images(rng), y=_labels(rng))


def _png(path: Path) -> None:
    from PIL import Image

    for name in ("cat", "dog"):
        (path.parent / name).mkdir()
        Image.fromarray(DIGITS[0]).save(path.parent / name / path.name)
    (path.parent / "cat" / path.name).rename(path)


def _folder(path: Path) -> Any:
    if path.exists():
        path.rename(path.parent / "cat" / path.name)
    return d.load_images(path.parent)[0]


FILES = [
    Target(
        "datasets.read_idx",
        _damaged("a.idx", lambda path: d.write_idx(path, DIGITS), lambda path: d.read_idx(path)),
        lambda rng: {"file": None},
        {"file": FILE},
        weight=2,
    ),
    Target(
        "datasets.load_images: npz",
        _damaged("images.npz", _npz, lambda path: d.load_images(path)[0]),
        lambda rng: {"file": None},
        {"file": SUMMED_FILE},
        weight=2,
    ),
    Target(
        "datasets.load_images: folder",
        _damaged("1.png", _png, _folder),
        lambda rng: {"file": None},
        {"file": SUMMED_FILE},
    ),
    Target(
        "datasets.load_split: npz",
        _damaged("images.npz", _npz, lambda path: d.load_split(path).X_train),
        lambda rng: {"file": None},
        {"file": SUMMED_FILE},
    ),
]


def _saved(array: Any) -> Any:
    path = Path(tempfile.mkdtemp(dir=".")) / "a.idx.gz"
    d.write_idx(path, array)
    return d.read_idx(path)


def _bytes(plain: np.ndarray, spec: InputSpec, rng: np.random.Generator) -> Draw:
    """Promise: integers from 0 to 255 of any dtype come back; everything else is refused."""
    right = [plain.astype(t) for t in ("u1", "i8", ">i4", "u2")] + [np.asfortranarray(plain), plain.tolist()]
    wrong = [plain - 256, plain + 256, plain.astype(float), plain > 0, plain.astype("U3"), np.array(3), None, "abc"]
    wrong += [plain.astype(complex), np.ma.array(plain, mask=np.eye(*plain.shape)), plain.astype(object), {}]
    if rng.random() < 0.4:
        value = right[rng.integers(len(right))]
        return Draw(f"{type(value).__name__} {getattr(value, 'dtype', '')}", value, ACCEPTED, plain)
    value = wrong[rng.integers(len(wrong))]
    return Draw(f"{value!r:.30}".replace("\n", ""), value, refused("integers|mask|array"))


def _write(path: Any) -> None:
    d.write_idx(path, DIGITS)


def _written(**arguments: Any) -> Any:
    d.write_idx("a.idx", DIGITS)
    return d.read_idx(**arguments)


def _own(**arguments: Any) -> Any:
    _npz(Path("images.npz"))
    return d.load_images(**arguments)[0]


def _looked_for(load: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Return the call that looks for a data set where it is not: what is raised has to be a `DataError`."""

    def call(folder: Any) -> None:
        with contextlib.suppress(d.DataError):
            load(folder)

    return call


def _split(**arrays: Any) -> Any:
    split = d.Split("own", **arrays)
    return [split.digest, split.classes, split.subset(3, 0)]


def _dataset(**fields: Any) -> Any:
    return d.Dataset(load=d.load_digits_images, **fields).train_sizes


BYTE_ARRAY = InputSpec("array", (), draw=_bytes)
SIDES, MOST = p.one_of(p.NONE, p.pair()), p.one_of(p.NONE, p.count())
CALLS = [
    Target("datasets.write_idx", _saved, lambda rng: {"array": rng.integers(0, 255, (3, 4))}, {"array": BYTE_ARRAY}),
    Target("datasets.write_idx: path", _write, lambda rng: {"path": "a.idx"}, {}, {"path": PLACE}),
    Target(
        "datasets.read_idx: path",
        _written,
        lambda rng: {"path": "a.idx", "sha256": None, "max_bytes": None},
        {},
        {"path": PLACE, "sha256": p.ANYTHING, "max_bytes": MOST},
    ),
    Target(
        "datasets.load_images: path",
        _own,
        lambda rng: {"path": "images.npz", "size": None, "max_bytes": None},
        {},
        {"path": PLACE, "size": SIDES, "max_bytes": MOST},
    ),
    *(
        Target(
            f"datasets.{load.__name__}",
            _looked_for(load),
            lambda rng: {"folder": "."},
            {},
            {"folder": p.one_of(PLACE, p.ANYTHING)},
        )
        for load in (d.load_mnist, d.load_fashion_mnist, d.load_cifar10)
    ),
    Target(
        "datasets.mnist_folders",
        lambda folder: list(map(str, d.mnist_folders(folder))),
        lambda rng: {"folder": None},
        {},
        {"folder": p.one_of(PLACE, p.NONE)},
    ),
    Target(
        "datasets.load_split",
        lambda **a: d.load_split(**a).X_train,
        lambda rng: {"data": "digits", "size": None, "max_bytes": None},
        {},
        {"data": PLACE, "size": p.ANYTHING, "max_bytes": p.ANYTHING},
    ),
    Target(
        "datasets.balanced_subset",
        d.balanced_subset,
        lambda rng: {"y": _labels(rng), "n": 6, "random_state": 0},
        {"y": CLASSES},
        {"n": p.count(), "random_state": p.SEED},
    ),
    Target(
        "datasets.folds",
        d.folds,
        lambda rng: {"y": rng.permutation(np.arange(20) % 3), "seed": 0},
        {"y": CLASSES},
        {"seed": p.SEED},
    ),
    Target(
        "datasets.Split",
        _split,
        lambda rng: (
            {"X_train": _images(rng), "y_train": _labels(rng), "X_test": _images(rng), "y_test": _labels(rng)}
            | {"arguments": ()}
        ),
        {},
        dict.fromkeys(("X_train", "y_train", "X_test", "y_test", "arguments"), p.ANYTHING),
    ),
    Target(
        "datasets.Dataset",
        _dataset,
        lambda rng: {
            "name": "own",
            "title": "Own",
            "train_sizes": (2,),
            "draws": {2: 1},
            "checksums": {},
            "border": "zero",
            "class_names": (),
        },
        {},
        {"name": p.Kind(lambda v: v == "abc"), "border": p.choice("zero", "reflect", "symmetric", "circular")}
        | dict.fromkeys(("title", "train_sizes", "draws", "checksums", "class_names"), p.ANYTHING),
    ),
]
TARGETS = [*FILES, *CALLS]
