"""What scattering loses: images and signals found from their coefficients alone, by J and by order.

Expected, written before any cell was computed:

1. with two orders the image comes back while there are more coefficients than pixels (J = 1 and 2 of images: an error
   below .05), and is lost above (J = 4: above .3);
2. one order alone is worse at every J, and from J = 3 on loses more than half of the energy's root (above .5);
3. of signals less comes back than of images at the same J, since one direction has fewer wavelets across it, and
   order 2 helps more the longer the average is;
4. the coefficients are met to .02 wherever the descent ends: what is lost is lost by the representation and not by
   the descent. At large J stationary points may break that.

What came: 1 for J = 1 and 2 but for photographs at J = 2 (.061), and for J = 3 as well, where two orders have 3.4
coefficients a pixel; at J = 4 digits are lost (1.17, and 1.35 of one order), photographs by .23. 2 did not: one order
alone is no worse at J = 1 and for digits at J = 2, and at J = 3 it loses .10 of digits and .15 of photographs from
.39 coefficients a pixel. 3: waveforms of signals are lost at every J (errors above 1, as far as another signal would
be), though the coefficients are met to .04; order 2 does not help. 4 holds for photographs and for signals of one
order; at J = 4 the descents for digits end at errors of .08 and .14, and those of two orders for signals at up to .04
from J = 5 on.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from experiment import Experiment, means, split_of

from kernelconv import Scattering1D, Scattering2D
from kernelconv._identity import described
from kernelconv.report.table import Column, Section, Table
from kernelconv.stability import invert

DRAWS, STARTS, STEPS, SIDE, LENGTH = 4, 2, 300, 32, 512
SCALES = {"digits": (1, 2, 3, 4), "photographs": (1, 2, 3, 4), "signals": (3, 4, 5, 6, 7)}


@dataclass(frozen=True)
class Cell:
    """What is transformed, the scale and the largest order, and which example."""

    kind: str
    J: int
    order: int
    draw: int


def signal(draw):
    """Return a chirp, two notes with an attack, and noise in a band, (t,), by a formula of its own for each draw."""
    rng, t = np.random.default_rng(draw), np.arange(LENGTH) / LENGTH
    chirp = np.cos(2 * np.pi * (20 * t + rng.uniform(40, 80) * t**2)) * np.exp(-(((t - 0.3) / 0.15) ** 2))
    notes = sum(np.cos(2 * np.pi * f * t) for f in rng.uniform(30, 120, 2)) * np.exp(-6 * (t - 0.55)) * (t > 0.55)
    band = np.fft.irfft(np.fft.rfft(rng.standard_normal(LENGTH)) * (np.abs(np.arange(LENGTH // 2 + 1) - 60) < 30))
    return chirp + notes + 0.2 * band / band.std()


@cache
def example(kind, draw):
    """Return an image of 32 x 32 px in [0, 1], or a signal."""
    if kind == "signals":
        return signal(draw)
    x = split_of("mnist" if kind == "digits" else "cifar10").X_train[draw].astype(np.float64)
    return np.pad(x, 2) if kind == "digits" else x.mean(axis=2)


def transform(cell):
    """Return the transform of a cell, unfitted."""
    if cell.kind == "signals":
        return Scattering1D(cell.J, 8, max_order=cell.order, n_jobs=1)
    return Scattering2D(cell.J, 8, max_order=cell.order, n_jobs=1)


def settings(cell):
    """Return what else decides a cell."""
    data = {} if cell.kind == "signals" else split_of("mnist" if cell.kind == "digits" else "cifar10").identity
    budget = {"starts": STARTS, "steps": STEPS, "side": SIDE, "length": LENGTH}
    return {"transform": described(transform(cell)), "data": data, **budget}


def measure(cell):
    """Return errors of the coefficients and of what was found from them, up to its sign, and their number."""
    x = example(cell.kind, cell.draw)
    scattering = transform(cell).fit(x[None])
    target = scattering.transform(x[None])
    bounds = None if cell.kind == "signals" else (0.0, 1.0)
    found = invert(scattering, target, n_starts=STARTS, max_iter=STEPS, bounds=bounds, random_state=cell.draw)
    near = min(np.linalg.norm(found.image.reshape(x.shape) - s * x) for s in (1, -1)) / np.linalg.norm(x)
    return {
        "coefficients": found.relative_error,
        "lost": float(near),
        "evaluations": int(found.n_evaluations.sum()),
        "redundancy": target.size / x.size,
        "worse_start": float(found.errors.max()),
    }


def seconds(cell):
    """Return about what a cell costs."""
    each = 1e-3 * cell.J**1.5 * (3 if cell.order == 2 else 1)
    return STARTS * STEPS * 1.1 * each


def tables(records):
    """Return what is lost and how far the coefficients are met, by J and order."""
    sections = []
    lost, met = (means(records, "kind", "J", "order", of=of) for of in ("lost", "coefficients"))
    count = means(records, "kind", "J", "order", of="redundancy")
    for kind, scales in SCALES.items():
        rows = []
        for J in scales:
            known = [(kind, J, order) for order in (1, 2) if (kind, J, order) in lost]
            if len(known) == 2:
                shown = [(f"{count[key][0]:.2f}", f"{np.mean(lost[key]):.3f}", f"{max(met[key]):.1e}") for key in known]
                rows.append([f"J = {J}", *shown[0], *shown[1]])
        if rows:
            sections.append(Section(kind, rows))
    columns = [Column("averages of 2^J", align="left")]
    for order in ("order 1", "orders 1, 2"):
        columns += [Column(heading, order) for heading in ("coefficients a sample", "lost", "coefficients' error")]
    notes = (
        f"Lost: |x' - x| / |x| of what `invert` found (up to the sign), mean over {DRAWS} examples: digits and "
        f"photographs of {SIDE} x {SIDE} px, grey, in [0, 1]; signals of {LENGTH} samples, of a chirp, two notes and "
        f"noise in a band. Best of {STARTS} starts of at most {STEPS} steps; the coefficients' error is the largest.",
        "What was expected beforehand, and what came: see the head of benchmarks/experiments/inversion.py.",
    )
    return [Table("What scattering loses", columns, sections, notes)]


EXPERIMENT = Experiment(
    "inversion",
    "What does scattering lose?",
    "Images and signals found by descent, as Bruna & Mallat (2013) and Mahendran & Vedaldi (2015) do.",
    [Cell(kind, J, m, k) for kind, scales in SCALES.items() for k in range(DRAWS) for J in scales for m in (1, 2)],
    settings,
    measure,
    seconds,
    tables,
)
