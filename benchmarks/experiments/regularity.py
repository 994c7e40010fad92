"""How rough may a deformation be? Scattering under fields of Hölder exponent a, at one C^a norm, as resolution grows.

Nicola & Trapasso 2022 prove scattering stable to C^a fields for a > 1, up to an eps loss at a = 1, and show that below
1 instability can occur; no measurement was found. The C^a norm is the same for every a and every number N of samples a
side; tones go up to N / 8 and fields up to N / 16, so that what is rough is there to be seen.

Expected, written before any cell was computed:

1. a = 1.25 and 1.5: what a search finds does not grow with N, less than by a fifth from the smallest N to the largest;
2. a = .5 and .75: it grows with N until it is of the order of the signal, sooner for .5;
3. a = 1 lies between: bounded, or growing by less than at .75;
4. random fields show the same order of exponents at a lower level; it may not be seen there below 1 at all, since their
   energy lies in the long waves;
5. for a < 1 fields fold as N grows, whose slopes no bound in the Jacobian norm covers.

What came: 1 in 1-D, while in 2-D the change found at a = 1.25 and 1.5 grows by about 30 % up to N = 512; 2, for .5 in
1-D up to the signal's own size at N = 4,096, where it stays; 3; 4, and random fields show the growth below 1 as well,
at a fifth to a half of the level; 5, from N = 1,024 for .5 and only at 65,536 for .75.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from experiment import Experiment

from kernelconv import Scattering1D, Scattering2D
from kernelconv._identity import described
from kernelconv.report.table import Column, Section, Table

EXPONENTS, NORM = (0.5, 0.75, 1.0, 1.25, 1.5), 0.1
SIDES = {1: (256, 1024, 4096, 16384, 65536), 2: (32, 64, 128, 256, 512)}
#: Fields tried by the search after single waves, and random fields, by dimension.
SEARCHED, RANDOM = {1: 200, 2: 60}, {1: 40, 2: 20}
#: Tones at these parts of N; waves of fields up to this part.
TONES, FINEST = (8, 16, 32), 16
#: Frequencies of a noise signal.
N_NOISE = 16


@dataclass(frozen=True)
class Cell:
    """Dimension, Hölder exponent, samples a side."""

    dimension: int
    exponent: float
    side: int


# -- fields: functions of the first coordinate u in [0, 1], periodic, in image sides -----------------------------------


def lags(n):
    """Return the distances, in samples of a circle of n, at which differences are taken: quarters of octaves."""
    return sorted({m * 2**k // 4 for k in range(n.bit_length()) for m in (4, 5, 6, 7) if 0 < m * 2**k // 4 <= n // 2})


def holder_norm(tau, slope, a):
    """Return the C^a norm of a periodic field from n samples of it and of its slope: never above the supremum."""
    n = len(tau)
    norm = np.abs(tau).max() + (np.abs(slope).max() if a >= 1 else 0.0)
    if a == 1:
        return norm
    f, power = (tau, a) if a < 1 else (slope, a - 1)
    return norm + max(np.abs(f - np.roll(f, m)).max() / (m / n) ** power for m in lags(n))


def waves(side):
    """Return the frequencies of the waves that the search combines: octaves up to the finest."""
    return 2 ** np.arange(int(np.log2(side // FINEST)) + 1)


def sampled(frequencies, coefficients, n):
    """Return tau and its slope at n points of the circle, of coefficients (2, k) of sines and cosines."""
    spectrum = np.zeros(n // 2 + 1, complex)
    spectrum[frequencies] = n / 2 * (coefficients[1] - 1j * coefficients[0])
    omega = 2j * np.pi * np.arange(n // 2 + 1)
    return np.fft.irfft(spectrum, n), np.fft.irfft(omega * spectrum, n)


def scaled(frequencies, coefficients, n, a):
    """Return tau and its slope, at exactly the norm."""
    tau, slope = sampled(frequencies, coefficients, n)
    size = NORM / holder_norm(tau, slope, a)
    return size * tau, size * slope


# -- signals, given by formulas: what is deformed is evaluated where it comes from -------------------------------------


def signals(cell):
    """Return functions of the displacement (n,), (n, d) frequencies and the axis that is displaced, by name."""
    d, n = cell.dimension, cell.side
    found = {}
    for part in TONES:
        directions = {"": (1.0,)} if d == 1 else {", along": (1.0, 0.0), ", diagonal": (1.0, 1.0)}
        for words, direction in directions.items():
            for axis in range(d):
                if direction[axis]:
                    name = f"tone N / {part}{words}{', sheared' if axis else ''}"
                    found[name] = (np.array([direction]) * (n // part), np.zeros(1), axis)
    rng = np.random.default_rng(0)
    frequencies = rng.integers(n // TONES[-1], n // TONES[0] + 1, size=(N_NOISE, d)).astype(float)
    found["noise"] = (frequencies, rng.uniform(0, 2 * np.pi, N_NOISE), 0)
    return found


def deformed(signal, tau):
    """Return x(u - tau(u)) on the grid, (n,) or (n, n), the field a function of the first coordinate."""
    (frequencies, phases, axis), n = signal, len(tau)
    u = np.arange(n) / n
    total = 0.0
    for f, phase in zip(frequencies, phases, strict=True):
        first = np.exp(2j * np.pi * (f[0] * u - f[axis] * tau) + 1j * phase)
        total = total + (first if len(f) == 1 else first[:, None] * np.exp(2j * np.pi * f[1] * u)).real
    return total


@cache
def scattering(dimension, side):
    """Return the transform that averages over the whole signal, so that translation costs nothing."""
    settings = {"J": int(np.log2(side)), "padding": "circular", "n_jobs": 1}
    found = Scattering1D(**settings) if dimension == 1 else Scattering2D(L=4, **settings)
    return found.fit(np.zeros((1,) + (side,) * dimension))


def coefficients(cell, x):
    """Return S x times the side of its samples, so that its norm compares with that of x."""
    return scattering(cell.dimension, cell.side).transform(x[None])[0] * x.size**0.5


class Trials:
    """Changes |S L_tau x - S x| / |x| of the signals of a cell, each signal's own coefficients computed once."""

    def __init__(self, cell):
        self.cell, self.signals = cell, signals(cell)
        self.still = {name: deformed(signal, np.zeros(cell.side)) for name, signal in self.signals.items()}
        self.at_rest = {name: coefficients(cell, x) for name, x in self.still.items()}

    def change(self, name, tau):
        """Return the relative change of a signal."""
        moved = coefficients(self.cell, deformed(self.signals[name], tau))
        return float(np.linalg.norm(moved - self.at_rest[name]) / np.linalg.norm(self.still[name]))


def settings(cell):
    """Return what else decides a cell."""
    transform = described(scattering(cell.dimension, SIDES[cell.dimension][0]))
    budget = [NORM, SEARCHED[cell.dimension], RANDOM[cell.dimension], list(TONES), FINEST, N_NOISE]
    return {"scattering": transform, "budget": budget, "signals": list(signals(cell))}


def measure(cell):
    """Return the largest change found, its signal and slopes, and changes under random fields."""
    trials, a, n = Trials(cell), cell.exponent, cell.side
    octaves, rng = waves(n), np.random.default_rng(0)
    found = {"found": -1.0}

    def tried(name, candidate):
        tau, slope = scaled(octaves, candidate, n, a)
        change = trials.change(name, tau)
        if change > found["found"]:
            found.update(found=change, signal=name, slope=float(np.abs(slope).max()), folding=float(np.mean(slope > 1)))
            found["waves"] = candidate.tolist()

    for name in trials.signals:
        for k in range(len(octaves)):
            tried(name, np.eye(len(octaves))[[k, k]] * [[1.0], [0.0]])
    step, weights = 0.5, octaves**-a
    for _ in range(SEARCHED[cell.dimension]):  # a (1 + 1) evolution strategy on sines and cosines of the octaves
        before, start = found["found"], np.array(found["waves"])
        sizes = np.abs(start / weights).max() * weights
        tried(found["signal"], start + step * sizes * rng.standard_normal(start.shape))
        step *= 1.5 if found["found"] > before else 0.9
    every = np.arange(1, n // FINEST + 1)
    random = []
    for k in range(RANDOM[cell.dimension]):
        tau, slope = scaled(every, every ** -(a + 0.5) * rng.standard_normal((2, len(every))), n, a)
        name = list(trials.signals)[k % len(trials.signals)]
        random.append((trials.change(name, tau), float(np.abs(slope).max()), float(np.mean(slope > 1))))
    changes, slopes, folds = np.array(random).T
    of_random = {"random": changes.mean(), "random_largest": changes.max()}
    of_random |= {"random_slope": np.median(slopes), "random_folding": folds.mean()}
    return found | {key: float(value) for key, value in of_random.items()}


def seconds(cell):
    """Return about what a cell costs."""
    n_trials = SEARCHED[cell.dimension] + RANDOM[cell.dimension] + len(signals(cell)) * len(waves(cell.side))
    return 1 + n_trials * (2e-3 + 1.5e-6 * cell.side if cell.dimension == 1 else 5e-3 + 1e-6 * cell.side**2)


def tables(records):
    """Return changes by exponent and side, for each dimension."""
    found = []
    for dimension, sides in SIDES.items():
        of = {(c.exponent, c.side): r for c, r in records.items() if c.dimension == dimension}
        if of:
            found.append(_table(dimension, sides, of))
    return found


def _table(dimension, sides, of):
    sections = []
    shown = {
        "found by the search": lambda r: f"{r['found']:.3f}",
        "random fields, largest": lambda r: f"{r['random_largest']:.3f}",
        "random fields, mean": lambda r: f"{r['random']:.3f}",
        "largest slope of the field found": lambda r: f"{r['slope']:.3g}",
        "share of its points that fold, %": lambda r: f"{100 * r['folding']:.1f}",
    }
    for title, text in shown.items():
        rows = [[f"a = {a:g}", *(text(of[a, n]) if (a, n) in of else "" for n in sides)] for a in EXPONENTS]
        sections.append(Section(title, rows))
    notes = (
        f"|S L_tau x - S x| / |x|, S averaged over the whole signal, C^a norm {NORM:g} image sides, circular. Signals: "
        f"tones at N / {', N / '.join(map(str, TONES))} and noise between; waves of fields up to N / {FINEST}. Search: "
        f"single waves, then {SEARCHED[dimension]} fields of an evolution strategy over octaves; "
        f"{RANDOM[dimension]} random fields.",
        f"Grown from N = {sides[0]:,} to {sides[-1]:,}: {_growth(sides, of)}.",
        *(["Fields are functions of the first coordinate and displace along either."] if dimension == 2 else []),
        "What was expected beforehand, and what came: see the head of benchmarks/experiments/regularity.py.",
    )
    columns = [Column("exponent", align="left"), *(Column(f"N = {n:,}") for n in sides)]
    return Table(f"Scattering under C^a fields, {dimension}-D", columns, sections, notes)


def _growth(sides, of):
    """Return by how much the change found grows, by exponent, of those that were measured."""
    ends = {a: [of[a, n]["found"] for n in (sides[0], sides[-1]) if (a, n) in of] for a in EXPONENTS}
    return ", ".join(f"a = {a:g} by {100 * (v[1] / v[0] - 1):.0f} %" for a, v in ends.items() if len(v) == 2)


EXPERIMENT = Experiment(
    "regularity",
    "How rough may a deformation be?",
    "Nicola & Trapasso, Stability of the scattering transform for deformations with minimal regularity, 2022.",
    [Cell(d, a, n) for d, sides in SIDES.items() for n in sides for a in EXPONENTS],
    settings,
    measure,
    seconds,
    tables,
)
