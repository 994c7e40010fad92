"""Odd labels and targets of images, each with what is promised for them."""

import numpy as np

from fuzzing.arrays import Generator, InputSpec, _pick, pandas
from fuzzing.promises import ACCEPTED, EITHER, Draw, refused

LABELS: dict[str, Generator] = {}
TARGETS: dict[str, Generator] = {}
WORDS = r"\by\b|label|class|target|sample|column"


def label(function: Generator) -> Generator:
    """Register a generator of class labels under its own name."""
    LABELS[function.__name__.replace("_", " ")] = function
    return function


@label
def other_names(plain, spec, rng):
    """Promise: what labels are called does not matter."""
    kinds = [plain.astype(d) for d in ("i1", "u8", "f4", "f8", "U3", ">i4")] + [plain.tolist(), tuple(plain.tolist())]
    kinds += [plain.astype(str).astype(object), np.repeat(plain, 2)[::2], plain - 10]
    if pandas is not None:
        kinds.append(pandas.Series(plain))
    y = kinds[rng.integers(len(kinds))]
    return Draw(f"labels {type(y).__name__} {getattr(y, 'dtype', '')}", y, ACCEPTED, plain)


@label
def no_labels(plain, spec, rng):
    """Promise: refused, since no class can be read from them."""
    name = _pick(rng, "nan", "fractions", "None", "one class", "short", "long", "square", "number", "mixed", "empty")
    y = {
        "nan": np.where(np.arange(len(plain)) == 1, np.nan, plain),
        "fractions": plain + 0.5 * np.arange(len(plain)) / 7,
        "None": None,
        "one class": np.zeros_like(plain),
        "short": plain[:-1],
        "long": np.append(plain, 0),
        "square": np.stack([plain, plain], 1),
        "number": 1,
        "mixed": ["a", *plain.tolist()[1:]],
        "empty": plain[:0],
    }[name]
    return Draw(f"labels: {name}", y, refused(WORDS))


@label
def labels_of_another_kind(plain, spec, rng):
    """Promise: the same or refused: masked, complex, times, bytes, a column."""
    name = _pick(rng, "complex", "datetime64", "bytes", "column", "None among them", "bool")
    if name == "None among them":
        y = plain.astype(str).astype(object)
        y[0] = None
        return Draw(f"labels: {name}", y, refused(WORDS))
    if name == "bool":
        return Draw("labels: bool", plain > 0, EITHER)
    kinds = {"complex": plain.astype(complex), "datetime64": plain.astype("M8[D]"), "bytes": plain.astype("S2")}
    return Draw(f"labels: {name}", kinds.get(name, plain[:, None]), EITHER, plain)


@label
def masked_labels(plain, spec, rng):
    """Promise: refused, since the masked labels would be read as if they were there."""
    return Draw("labels: masked", np.ma.array(plain, mask=np.arange(len(plain)) == 1), refused(f"{WORDS}|mask"))


def target(function: Generator) -> Generator:
    """Register a generator of targets under its own name."""
    TARGETS[function.__name__.replace("_", " ")] = function
    return function


@target
def other_dtypes(plain, spec, rng):
    """Promise: the same as floats."""
    kinds = [plain.astype(d) for d in ("f4", "i2", "u1", "f2", "g", ">f4")] + [plain.tolist(), np.repeat(plain, 2)[::2]]
    y = kinds[rng.integers(len(kinds))]
    return Draw(f"targets {type(y).__name__} {getattr(y, 'dtype', '')}", y, ACCEPTED, np.asarray(y, np.float64))


@target
def no_targets(plain, spec, rng):
    """Promise: refused."""
    name = _pick(rng, "nan", "inf", "None", "short", "text", "complex", "number", "empty", "cube", "masked")
    y = {
        "nan": np.where(plain == plain[0], np.nan, plain),
        "inf": np.where(plain == plain[0], np.inf, plain),
        "None": None,
        "short": plain[:-1],
        "text": np.array(["a"] * len(plain)),
        "complex": plain + 1j,
        "number": 1,
        "empty": plain[:0],
        "cube": np.zeros((len(plain), 2, 2)),
        "masked": np.ma.array(plain, mask=np.arange(len(plain)) == 1),
    }[name]
    return Draw(f"targets: {name}", y, refused(f"{WORDS}|mask|complex|dim|numeric|convert|string"))


Y_LABELS = InputSpec("y", (1,), draw=lambda plain, spec, rng: LABELS[_pick(rng, *LABELS)](plain, spec, rng))
Y_TARGETS = InputSpec("y", (1, 2), draw=lambda plain, spec, rng: TARGETS[_pick(rng, *TARGETS)](plain, spec, rng))
