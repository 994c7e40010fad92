"""Coefficients of kymatio's HarmonicScattering3D, kept in peer_scattering_3d.json, and how they were made.

``python tests/peer_scattering_3d.py`` writes them: kymatio 0.3.0 with SciPy 1.15.3, which still has ``sph_harm``.
"""

import json
import warnings
from pathlib import Path

import numpy as np

VALUES = Path(__file__).with_name("peer_scattering_3d.json")
#: volumes, parameters; the last shape is the only one without an even side
CASES = [
    ("blobs", (16, 16, 16), {"J": 1, "L": 3, "sigma_0": 1.5}),
    ("blobs", (12, 14, 16), {"J": 1, "L": 2, "sigma_0": 1.25, "integral_powers": (1.0, 3.0)}),
    ("blobs", (14, 14, 14), {"J": 1, "L": 2, "sigma_0": 1.5, "rotation_covariant": False}),
    ("rough", (4, 6, 4), {"J": 1, "L": 2}),
    ("rough", (4, 6, 4), {"J": 1, "L": 2, "max_order": 1, "rotation_covariant": False}),
    ("rough", (5, 7, 3), {"J": 1, "L": 2}),
]


def volumes(kind, shape):
    """Two volumes by a formula: Gaussian blobs without a fine detail, or one with all of them."""
    n, z, y, x = np.ogrid[(slice(2), *map(slice, shape))]
    if kind == "rough":
        return np.sin(1.0 + n * n + 0.7 * z + 1.3 * n * y + 0.5 * z * y + 2.0 * x * x)
    total = 0
    for k in range(3):
        centre = [s / 2 + np.sin(5.0 * k + n + axis) for axis, s in enumerate(shape)]
        square = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
        total = total + (1 + k) * np.exp(-square / 2 / 1.5**2)
    return total


def kymatio():
    """The coefficients (2, paths of order 1 and more, powers), paths by order, by scales, by degree."""
    from kymatio.scattering3d.frontend.numpy_frontend import HarmonicScatteringNumPy3D

    cases = []
    for kind, shape, parameters in CASES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sph_harm says at every voxel that it will go
            scattering = HarmonicScatteringNumPy3D(shape=shape, **parameters)
        found = scattering(volumes(kind, shape))
        cases.append({"kind": kind, "shape": shape, "parameters": parameters, "values": found})
    return cases


if __name__ == "__main__":
    lines = [json.dumps(case | {"values": [float(f"{v:.9g}") for v in case["values"].ravel()]}) for case in kymatio()]
    VALUES.write_text("[\n" + ",\n".join(lines) + "\n]\n")
