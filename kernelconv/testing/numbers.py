"""What the checks share: the norm of an array, and the error of a law that does not hold."""

import numpy as np
from numpy.typing import NDArray


def norm(x: NDArray) -> float:
    """Return the Euclidean norm of all entries."""
    return float(np.linalg.norm(np.ravel(x)))


def require(ok: bool, message: str) -> None:
    """Raise AssertionError with `message` unless `ok`."""
    if not ok:
        raise AssertionError(message)
