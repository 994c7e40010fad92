"""What a stability report holds: a row per measure and strength, a summary per representation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from numpy.typing import NDArray

from kernelconv._check import check_count
from kernelconv._numbers import is_number, shown


@dataclass(frozen=True)
class StabilityRow:
    """One measure of one representation at one strength, with its 95 % bootstrap interval.

    Attributes
    ----------
    family : str
        The deformation family, as its ``name``.
    strength : float
        Jacobian norm, or pixels for translations (see `unit`).
    unit : str
        ``""`` for a Jacobian norm, ``"px"`` for a length, ``"severity"`` for that of a corruption.
    measure : str
        Name of the measure.
    mean, low, high : float
        The estimate and its interval.
    n_images, n_draws : int
        Images, and fields drawn for each.
    within_theorem : bool
        Whether every field's Jacobian norm was at most 1/2, where the stability theorem is stated.
    name : str
        The representation or layer; "" if there is one representation only.
    samples : ndarray (2, n_images), optional
        Values a and b of each image, averaged over draws; the estimate is mean(a) / mean(b).
    """

    family: str
    strength: float
    unit: str
    measure: str
    mean: float
    low: float
    high: float
    n_images: int
    n_draws: int
    within_theorem: bool
    name: str = ""
    samples: NDArray | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        _check_types(self, words=("family", "unit", "measure", "name"), numbers=("strength", "mean", "low", "high"))
        check_count(self.n_images, "n_images")
        check_count(self.n_draws, "n_draws")


def _check_types(record: Any, words: tuple[str, ...], numbers: tuple[str, ...]) -> None:
    """Raise ValueError unless these values of a record are words and real numbers."""
    for name in (*words, *numbers):
        value = getattr(record, name)
        if not (isinstance(value, str) if name in words else is_number(value)):
            raise ValueError(f"{name} must be a {'word' if name in words else 'number'}, got {shown(value)}.")


#: Columns of tables and files: everything but the values of each image.
COLUMNS = tuple(f.name for f in fields(StabilityRow) if f.name != "samples")


@dataclass(frozen=True)
class Summary:
    """A representation before any deformation: its dimension, gain and accuracy.

    Attributes
    ----------
    name : str
        The representation or layer.
    n_features : int
        Dimension of Phi(x).
    gain : float
        Mean of |Phi(x)| / |x|.
    accuracy : float or None
        Share of the undeformed images that the head labels correctly; None without head or labels.
    """

    name: str
    n_features: int
    gain: float
    accuracy: float | None = None

    def __post_init__(self) -> None:
        _check_types(self, words=("name",), numbers=("gain", *(("accuracy",) if self.accuracy is not None else ())))
        check_count(self.n_features, "n_features")


def as_record(kind: Any, values: Any, what: str) -> Any:
    """Return the dataclass `kind` of these values by name; raise ValueError saying which are missing or unknown."""
    if not isinstance(values, Mapping):
        raise ValueError(f"A {what} is a dict of its values by name, got {shown(values)}.")
    wanted = {f.name for f in fields(kind) if f.default is MISSING}
    missing, unknown = wanted - set(values), set(map(str, values)) - {f.name for f in fields(kind)}
    if missing or unknown:
        names = [", ".join(sorted(found)) or "nothing" for found in (missing, unknown)]
        raise ValueError(f"This is no {what} of a report: it lacks {names[0]}, and has {names[1]} that none has.")
    return kind(**values)
