"""Joint time-frequency scattering as kymatio's development version computes it, kept in peer_joint_scattering.json.

``python tests/peer_joint_scattering.py`` writes it again where kymatio at 11552ed5 can be imported, which no release
is; where SciPy has no ``sph_harm`` any more, which that version imports for three dimensions, any value stands in.
"""

import json
from pathlib import Path

import numpy as np

VALUES = Path(__file__).with_name("peer_joint_scattering.json")
#: length, and parameters by our names
CASES = (
    (256, {"J": 5, "Q": 4, "J_fr": 2}),
    (200, {"J": 4, "Q": [6, 2], "J_fr": 2, "Q_fr": 2, "T": 32}),
    (256, {"J": 5, "Q": 4, "J_fr": 2, "F": 0}),
)
#: What of kymatio's ``meta`` is kept: one number a path.
META = ("order", "spin", "n_fr", "xi_fr", "sigma_fr", "j_fr")


def signal(n):
    """A signal by a formula: two chirps that cross, and a click."""
    t = np.arange(n) / n
    return np.cos(9 * t + 250 * t * t) + np.sin(280 * t - 180 * t * t) + 3 * (np.arange(n) == n // 3)


def main():
    """Compute every case and write the file."""
    import scipy.special

    if not hasattr(scipy.special, "sph_harm"):
        scipy.special.sph_harm = None
    from kymatio.numpy import TimeFrequencyScattering

    cases = []
    for n, parameters in CASES:
        names = {key: tuple(v) if isinstance(v, list) else v for key, v in parameters.items()}
        peer = TimeFrequencyScattering(shape=n, **names, format="time", out_type="list")
        found = peer(signal(n))
        keys, meta = [[int(k) for k in path["n"]] for path in found], peer.meta()
        row = {tuple(key): i for i, key in enumerate(meta["key"])}
        of = {name: [float(f"{v:.10g}") for v in meta[name][[row[tuple(k)] for k in keys]]] for name in META}
        values = [[float(f"{v:.8g}") for v in np.ravel(path["coef"])[::4]] for path in found]
        cases.append({"n": n, "parameters": parameters, "keys": keys, "meta": of, "values": values})
    lines = [json.dumps(case).replace("NaN", "null") for case in cases]
    VALUES.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
