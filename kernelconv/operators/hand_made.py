r"""Filters made by hand: edges, sharpening, averages. `HAND_MADE` holds them by name, (k_h, k_w) or (k_h, k_w, c).

They are written for cross-correlation, which this library computes everywhere: the output of ``VERTICAL_EDGE`` is 3 at
a vertical edge whose left side is brighter by 1. ``Convolution.from_weights`` makes a part of a filter. With
``flip=True`` it computes a convolution in the mathematical sense: outputs of the edge filters then change sign, and
those of filters that half a turn leaves unchanged are the same.

Edge filters sum to 0, so that their output on a constant image is 0; ``SHARPEN``, ``BOX`` and ``GAUSSIAN`` sum to 1 and
leave a constant image unchanged.

References
----------
Prewitt (1970), Object enhancement and extraction, in Picture Processing and Psychopictorics, for the edges. Gonzalez &
Woods (2018), Digital Image Processing, chapter 3, for the Laplacians, sharpening and the averages.

Examples
--------
>>> import numpy as np
>>> from kernelconv.operators import HAND_MADE, Convolution
>>> step = np.zeros((1, 3, 4, 1))
>>> step[:, :, :2] = 1
>>> Convolution.from_weights(HAND_MADE["vertical_edge"]).forward(step).ravel()
array([3., 3.])
>>> {name: float(filter.sum().round(12)) for name, filter in HAND_MADE.items() if filter.sum() > 0.5}
{'sharpen': 1.0, 'box': 1.0, 'gaussian': 1.0}
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray


def _fixed(values: object, divisor: float = 1.0) -> NDArray:
    """Return `values` over `divisor` as an array that is never written."""
    array = np.array(values, np.float64) / divisor
    array.flags.writeable = False
    return array


#: Left less right, over three rows: large at steps that run straight down.
VERTICAL_EDGE = _fixed([[1, 0, -1], [1, 0, -1], [1, 0, -1]])
#: Above less below.
HORIZONTAL_EDGE = _fixed(VERTICAL_EDGE.T)
#: ``VERTICAL_EDGE`` on the first of three channels, red; steps of green and blue go unseen.
RED_VERTICAL_EDGE = _fixed(VERTICAL_EDGE[..., None] * [1, 0, 0])
#: The difference along rows of the difference along columns, 4 d^2 x / du dv: corners and slanting edges.
MIXED_DIFFERENCE = _fixed([[1, 0, -1], [0, 0, 0], [-1, 0, 1]])
#: The sum of both second differences: four neighbours less the middle.
LAPLACIAN = _fixed([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
#: The middle, eight times, less its eight neighbours.
EIGHT_NEIGHBOURS = _fixed([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]])
#: The picture less its ``LAPLACIAN``.
SHARPEN = _fixed([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
#: The mean over 3 x 3 px.
BOX = _fixed(np.ones((3, 3)), 9)
#: The binomial (1, 2, 1) / 4 in both directions: nearly a Gaussian of variance 1/2.
GAUSSIAN = _fixed([[1, 2, 1], [2, 4, 2], [1, 2, 1]], 16)

HAND_MADE: Mapping[str, NDArray] = MappingProxyType(
    {
        "vertical_edge": VERTICAL_EDGE,
        "horizontal_edge": HORIZONTAL_EDGE,
        "red_vertical_edge": RED_VERTICAL_EDGE,
        "mixed_difference": MIXED_DIFFERENCE,
        "laplacian": LAPLACIAN,
        "eight_neighbours": EIGHT_NEIGHBOURS,
        "sharpen": SHARPEN,
        "box": BOX,
        "gaussian": GAUSSIAN,
    }
)
