"""The bank of filters that 2-D scattering uses, its Littlewood-Paley sum, and its figure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import as_pair, check_choice, check_count, check_memory
from kernelconv.operators.wavelets.morlet import check_scale, crop, gaussian_1d, morlet

Bank = Literal["morlet", "tight"]


@dataclass(frozen=True)
class FilterBank:
    r"""The Morlet bank of 2-D scattering: wavelets at J scales and L angles, and one low-pass. Immutable.

    .. math:: \psi_{j,\theta}:\ \sigma = 0.8 \cdot 2^j,\ \xi = \tfrac{3\pi}{4} 2^{-j},\ \text{slant} = 4 / L; \qquad
              \phi_J:\ \sigma = 0.8 \cdot 2^{J-1}

    These are kymatio's filters, in float64 (kymatio computes with pi = 3.1415 and complex64; they differ by 3e-5).

    Parameters
    ----------
    shape : int or pair of int
        (height, width) of the periodic (padded) image (px).
    J : int
        log2 of the largest scale: the low-pass averages over about 2^J px.
    L : int
        Number of angles in a half turn.
    kind : {"morlet", "tight"}
        "tight" multiplies all wavelets by the factor :math:`\sqrt{(1 - |\hat\phi|^2) / (A - |\hat\phi|^2)}` of the
        frequency, with A the Littlewood-Paley sum, and scales the low-pass to mean 1: A then is exactly 1, so that
        the transform keeps the energy of every real image.

    Attributes
    ----------
    psi : ndarray, shape (J, L, height, width), float64, read-only
        Fourier transforms of the wavelets; real.
    phi : ndarray, shape (height, width), float64, read-only
        Fourier transform of the low-pass; real.
    phi_lines : tuple of two ndarrays, shapes (height,) and (width,)
        The low-pass along rows and columns: `phi` is their outer product.
    theta : ndarray, shape (L,)
        Angle of each wavelet (rad), from the rows' axis towards the columns'; decreasing, as kymatio orders them.
    xi : ndarray, shape (J,)
        Central frequency of each scale (rad/px).

    Raises
    ------
    ValueError
        If `J`, `L` or a size is not an int >= 1, `kind` is unknown, the wavelets exceed the memory, or a
        tight bank is asked for whose wavelets leave frequencies out, as those of one direction do.

    Notes
    -----
    Cost: 0.2 to 0.5 s at 320 x 320, J=5, L=8. A pickle holds only the four parameters; loading computes the arrays.

    References
    ----------
    Bruna & Mallat (2013), Invariant scattering convolution networks, IEEE PAMI 35(8), section 2.1.

    Examples
    --------
    >>> from kernelconv.operators import FilterBank
    >>> bank = FilterBank((36, 36), J=2, L=8)
    >>> bank.psi.shape
    (2, 8, 36, 36)
    >>> lower, upper = bank.frame_bounds()
    >>> round(lower, 3), round(upper, 3)
    (0.123, 1.0)
    >>> [round(bound, 12) for bound in bank.tight().frame_bounds()]
    [1.0, 1.0]
    """

    shape: tuple[int, int]
    J: int
    L: int = 8
    kind: Bank = "morlet"
    psi: NDArray = field(init=False, repr=False, compare=False)
    phi: NDArray = field(init=False, repr=False, compare=False)
    phi_lines: tuple[NDArray, NDArray] = field(init=False, repr=False, compare=False)
    theta: NDArray = field(init=False, repr=False, compare=False)
    xi: NDArray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        h, w = as_pair(self.shape, "shape")
        J, L = check_scale(self.J), check_count(self.L, "L")
        for name, value in (("J", J), ("L", L)):  # NumPy's small ints overflow
            object.__setattr__(self, name, value)
        check_memory(8 * J * L * h * w, f"A bank of J={J} x L={L} wavelets of {h} x {w} px")
        theta = (int(L / 2 - 1) - np.arange(L)) * np.pi / L
        xi = 0.75 * np.pi * 0.5 ** np.arange(J)
        psi = np.empty((J, L, h, w))
        for j in range(J):
            for k in range(L):
                psi[j, k] = morlet((h, w), 0.8 * 2**j, theta[k], xi[j], 4 / L)
        lines = gaussian_1d(h, self.sigma_phi), gaussian_1d(w, self.sigma_phi)
        if check_choice(self.kind, "kind", get_args(Bank)) == "tight":
            lines = lines[0] / lines[0][0], lines[1] / lines[1][0]
            _tighten(psi, np.outer(*lines))
        object.__setattr__(self, "phi_lines", lines)
        for line in lines:
            line.flags.writeable = False
        arrays = {"psi": psi, "phi": np.outer(*lines), "theta": theta, "xi": xi}
        for name, array in arrays.items():
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        object.__setattr__(self, "shape", (h, w))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.shape, self.J, self.L, self.kind)

    @property
    def sigma_phi(self) -> float:
        """Standard deviation of the low-pass (px)."""
        return 0.8 * 2.0 ** (self.J - 1)

    def n_wavelets(self, scale: int) -> int:
        """Return how many wavelets there are of one scale: L. Raises ValueError if `scale` is not one of the J."""
        if scale not in range(self.J):
            raise ValueError(f"The bank has scales 0 to {self.J - 1}, got scale={scale!r}.")
        return self.L

    def wavelets(self, scale: int, sampling: int = 1) -> NDArray:
        """Return the wavelets of one scale, (L, height / sampling, width / sampling), on a coarser grid cropped to it.

        Examples
        --------
        >>> from kernelconv.operators import FilterBank
        >>> FilterBank((32, 48), J=3, L=4).wavelets(2, sampling=4).shape
        (4, 8, 12)
        """
        self.n_wavelets(scale)
        return crop(self.psi[scale], sampling)

    def low_pass(self, sampling: int = 1) -> NDArray:
        """Return the low-pass, (height / sampling, width / sampling), on a coarser grid cropped to it."""
        return crop(self.phi, sampling)

    def tight(self) -> FilterBank:
        """Return the bank of the same wavelets scaled so that the Littlewood-Paley sum is 1 at every frequency."""
        return FilterBank(self.shape, self.J, self.L, "tight")

    def littlewood_paley(self) -> NDArray:
        r"""Return the Littlewood-Paley sum, shape (height, width).

        .. math:: A(\omega) = |\hat\phi(\omega)|^2 +
                  \tfrac12 \sum_{j,\theta} \big(|\hat\psi_{j,\theta}(\omega)|^2 + |\hat\psi_{j,\theta}(-\omega)|^2\big)

        The transform of a real image loses energy at frequencies where A is below 1, and is contractive if A is at most
        1 everywhere.

        References
        ----------
        Bruna & Mallat (2013), equation 5.

        Examples
        --------
        >>> from kernelconv.operators import FilterBank
        >>> round(float(FilterBank((32, 32), J=3).littlewood_paley()[0, 0]), 3)
        1.0
        """
        return self.phi**2 + _wavelet_energy(self.psi)

    def frame_bounds(self) -> tuple[float, float]:
        """Return the smallest and the largest value of the Littlewood-Paley sum: the frame bounds of the bank."""
        total = self.littlewood_paley()
        return float(total.min()), float(total.max())

    def plot(self, axes: Any = None) -> Any:
        """Draw the real parts of the wavelets, a row per scale and a column per angle, and the Littlewood-Paley sum.

        Parameters
        ----------
        axes : sequence of J * L + 1 matplotlib axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        matplotlib Figure
        """
        import matplotlib.pyplot as plt  # an extra: only who draws needs it

        if axes is None:
            figure = plt.figure(figsize=(1.1 * (self.L + 2), 1.2 * self.J), layout="constrained")
            grid = figure.add_gridspec(self.J, self.L + 2)
            axes = [figure.add_subplot(grid[j, k]) for j in range(self.J) for k in range(self.L)]
            axes.append(figure.add_subplot(grid[:, self.L :]))
        axes = list(np.ravel(axes))
        if len(axes) != self.J * self.L + 1:
            raise ValueError(f"plot draws J * L + 1 = {self.J * self.L + 1} panels, got {len(axes)} axes.")
        for ax, psi in zip(axes, self.psi.reshape(-1, *self.shape), strict=False):
            wave = np.fft.fftshift(np.fft.ifft2(psi)).real
            ax.imshow(wave, cmap="RdBu", vmin=-abs(wave).max(), vmax=abs(wave).max())
        axes[-1].imshow(np.fft.fftshift(self.littlewood_paley()), cmap="viridis", vmin=0)
        axes[-1].set_title("Littlewood-Paley sum", fontsize=8)
        for ax in axes:
            ax.set_xticks([])
            ax.set_yticks([])
        return axes[0].figure


def _wavelet_energy(psi: NDArray) -> NDArray:
    """Return the wavelets' part of the Littlewood-Paley sum, (height, width)."""
    one_sided = np.einsum("jlhw,jlhw->hw", psi, psi)
    return 0.5 * (one_sided + np.roll(one_sided[::-1, ::-1], (1, 1), axis=(0, 1)))  # -omega on the periodic grid


def _tighten(psi: NDArray, phi: NDArray) -> None:
    """Scale the wavelets in place so that with `phi` (at most 1, and 1 at 0) they cover all frequencies equally."""
    energy = _wavelet_energy(psi)
    missing = np.maximum(1 - phi**2, 0)
    missing[0, 0] = 0
    if ((energy < 1e-12) & (missing > 1e-12)).any():  # with L >= 2 there is 1e-5 of it everywhere
        raise ValueError(
            f"A tight bank needs wavelets that reach every frequency: those of L={psi.shape[1]} direction do not, on "
            f"{psi.shape[-2]}x{psi.shape[-1]} px. Take L >= 2."
        )
    psi *= np.sqrt(missing / np.where(energy > 0, energy, 1))
