"""Six oriented wavelets and a low-pass, tensor products of three filters of four samples."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_count

#: Frequency (rad/px) of the band-pass filter, and of the factor that turns the high-pass one to positive frequencies.
BAND, HIGH = np.pi / 4, 7 * np.pi / 12
#: Of a wavelet, against the low-pass: a step of the pyramid adds no energy, and loses less than half.
SCALE = 1.34
#: The filters of each wavelet along rows and along columns; a capital letter is the conjugate.
WAVELETS = (("m", "g"), ("g", "g"), ("g", "m"), ("g", "M"), ("g", "G"), ("m", "G"))
#: About where their frequencies point (degrees from the column axis to the row axis).
DIRECTIONS = (18, 45, 72, 108, 135, 162)


@cache
def filters() -> dict[str, NDArray]:
    r"""Return the filters along an axis, each of samples at -3/2, -1/2, 1/2, 3/2.

    .. math:: \hat l(\omega) = \cos^3 \tfrac{\omega}{2}, \qquad
              \hat m(\omega) = \sqrt{c} \cos^3 \tfrac{\omega - \pi/4}{2}, \qquad
              \hat g(\omega) = \sqrt{c} \sin \tfrac{\omega}{2} \cos^2 \tfrac{\omega - 7 \pi / 12}{2}, \qquad c = 1.34

    l is the quadratic B-spline's, (1, 3, 3, 1) / 8. m and g live on positive frequencies, m on the lower half of the
    band and g on the upper half; g sums to zero. Reversed they are their conjugates, whose products with them point to
    other quadrants.

    Returns
    -------
    dict of ndarray, shape (4,)
        "l", real, "m" and "g", complex, and their conjugates "M" and "G".

    Examples
    --------
    >>> from kernelconv.operators.wavelets.separable import filters
    >>> h = filters()
    >>> h["l"], bool(abs(h["g"].sum()) < 1e-15)
    (array([0.125, 0.375, 0.375, 0.125]), True)
    """

    def cosine(frequency: float) -> NDArray:
        """Return the two samples, at -1/2 and 1/2, of cos((w - frequency) / 2)."""
        return np.exp(0.5j * frequency * np.array([-1, 1])) / 2

    sine, size = np.array([-0.5j, 0.5j]), np.sqrt(SCALE)
    low = np.array([1.0, 3.0, 3.0, 1.0]) / 8
    band = size * _product(cosine(BAND), cosine(BAND), cosine(BAND))
    high = size * _product(sine, cosine(HIGH), cosine(HIGH))
    found = {"l": low, "m": band, "g": high, "M": band.conj(), "G": high.conj()}
    for values in found.values():
        values.flags.writeable = False
    return found


def _product(*factors: NDArray) -> NDArray:
    found = np.ones(1)
    for factor in factors:
        found = np.convolve(found, factor)
    return found


def separable_wavelet(scale: int, direction: int | None = None) -> NDArray:
    r"""Return a wavelet as the pyramid makes it of its short filters, or the low-pass if `direction` is None.

    .. math:: \psi_j = l * l_{\uparrow 2} * \dots * l_{\uparrow 2^{j - 1}} * \psi_{\uparrow 2^j}, \qquad
              \phi_J = l * l_{\uparrow 2} * \dots * l_{\uparrow 2^{J - 1}}

    along each axis, where a filter's samples are :math:`2^j` px apart: the algorithme a trous.

    Parameters
    ----------
    scale : int
        j >= 0 of the wavelet; J >= 1 of the low-pass, whose output has one position every 2^J px.
    direction : int, optional
        From 0 to 5.

    Returns
    -------
    ndarray, shape (k, k)
        Samples 1 px apart about the middle, k = 3 (2^(j + 1) - 1) + 1 of a wavelet and 3 (2^J - 1) + 1 of the low-pass;
        complex, or real of the low-pass. Sampled every 2^(j + 1) px, 2^J of the low-pass, its convolution with an image
        is what the pyramid computes.

    Raises
    ------
    ValueError
        If `scale` is not an int as said, or above 10, or `direction` no int from 0 to 5.

    References
    ----------
    Holschneider, Kronland-Martinet, Morlet & Tchamitchian (1989), A real-time algorithm for signal analysis with the
    help of the wavelet transform, in: Wavelets, Springer, section 3.

    Examples
    --------
    >>> from kernelconv.operators.wavelets.separable import separable_wavelet
    >>> separable_wavelet(1, 0).shape, round(float(separable_wavelet(3).sum()), 12)
    ((10, 10), 1.0)
    """
    j = check_count(scale, "scale", 0 if direction is not None else 1)
    if j > 10:
        raise ValueError(
            f"scale must be at most 10, got {j}: a wavelet would have {3 * 2 ** (j + 1) - 2} samples a side."
        )
    if direction is None:
        line = _pyramid("l", j - 1)
        return np.outer(line, line)
    if direction not in range(len(WAVELETS)):
        raise ValueError(f"direction must be None or an int from 0 to {len(WAVELETS) - 1}, got {direction!r}.")
    rows, columns = WAVELETS[direction]
    return np.outer(_pyramid(rows, j), _pyramid(columns, j))


def _pyramid(last: str, scale: int) -> NDArray:
    """Return the filter of one axis: low-passes at the scales below, `last` at `scale`."""
    names = ["l"] * scale + [last]
    return _product(*[_spread(filters()[name], 2**i) for i, name in enumerate(names)])


def _spread(taps: NDArray, step: int) -> NDArray:
    out = np.zeros((len(taps) - 1) * step + 1, taps.dtype)
    out[::step] = taps
    return out


def separable_frame_bounds(n: int = 32) -> tuple[float, float]:
    r"""Return A and B, :math:`A \|x\|^2 \le 4 \|(x * l) \downarrow\|^2 + 4 \sum_k \|(x * \psi_k) \downarrow\|^2 \le
    B \|x\|^2` of real images with circular borders.

    Here :math:`\downarrow` keeps every second sample along both axes. The matrices
    :math:`\sum_k \hat\psi_k(\omega + \pi a) \overline{\hat\psi_k(\omega + \pi b)}`, a and b in {0, 1}^2, of a grid of
    frequencies have eigenvalues in [A, B].

    Parameters
    ----------
    n : int
        Even: frequencies along each axis, those of images of n x n px.

    Raises
    ------
    ValueError
        If `n` is not an even int >= 2.

    Examples
    --------
    >>> from kernelconv.operators.wavelets.separable import separable_frame_bounds
    >>> [round(bound, 3) for bound in separable_frame_bounds()]
    [0.524, 1.0]
    """  # noqa: D205
    n = check_count(n, "n", 2)
    if n % 2:
        raise ValueError(f"n must be even, got {n}: every second sample is kept.")
    omega = 2 * np.pi * np.arange(n) / n
    hats = {k: np.exp(-1j * np.outer(omega, np.arange(4) - 1.5)) @ taps for k, taps in filters().items()}
    both = [(rows, columns) for rows, columns in WAVELETS]
    both += [(rows.swapcase(), columns.swapcase()) for rows, columns in WAVELETS]  # of real images both count alike
    lines = [np.outer(hats["l"], hats["l"])] + [np.outer(hats[a], hats[b]) / np.sqrt(2) for a, b in both]
    aliases = np.stack(lines).reshape(len(lines), 2, n // 2, 2, n // 2).transpose(2, 4, 0, 1, 3)
    aliases = aliases.reshape(n // 2, n // 2, len(lines), 4)
    values = np.linalg.eigvalsh(np.einsum("ijka,ijkb->ijab", aliases.conj(), aliases))
    return float(values.min()), float(values.max())
