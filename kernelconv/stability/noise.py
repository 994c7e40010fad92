"""Noise that a deformation is compared with: of the same norm for each image, white or with the same spectrum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from kernelconv.stability.rows import squared_norms


def matched_noise(change: NDArray, rng: np.random.Generator) -> NDArray:
    """Return white Gaussian noise of the shape of `change` (n, ...), each image's norm that of its change.

    Parameters
    ----------
    change : ndarray (n, ...)
        L_tau x - x.
    rng : numpy Generator
        Source of the noise.
    """
    return _with_norm_of(change, rng.standard_normal(change.shape))


def spectrum_matched_noise(change: NDArray, rng: np.random.Generator) -> NDArray:
    r"""Return noise with the power spectrum of `change`, image by image: its Fourier phases are drawn afresh.

    Blur calls every deformation unstable against white noise, which it kills; against noise that has the deformation's
    own spectrum, what remains is where the change of the image points to.

    Parameters
    ----------
    change : ndarray (n, h, w) or (n, h, w, c)
        L_tau x - x.
    rng : numpy Generator
        Source of the phases, those of white noise; the channels of an image are turned together.

    Examples
    --------
    >>> import numpy as np
    >>> change = np.random.default_rng(0).standard_normal((2, 8, 8))
    >>> noise = spectrum_matched_noise(change, np.random.default_rng(1))
    >>> np.allclose(abs(np.fft.fft2(noise)), abs(np.fft.fft2(change)))
    True
    """
    planes = change if change.ndim == 4 else change[..., None]
    white = fft.fft2(rng.standard_normal((*planes.shape[:3], 1)), axes=(1, 2))
    turned = fft.fft2(planes.astype(np.float64), axes=(1, 2)) * (white / np.abs(white))
    return _with_norm_of(change, fft.ifft2(turned, axes=(1, 2)).real.reshape(change.shape))


def _with_norm_of(change: NDArray, noise: NDArray) -> NDArray:
    wanted, got = (squared_norms(a.reshape(len(a), -1)) for a in (change, noise))
    # an image that the deformation leaves as it is gets no noise
    ratio = np.sqrt(np.divide(wanted, got, out=np.zeros_like(got), where=got > 0))
    return (ratio.reshape(-1, *(1,) * (change.ndim - 1)) * noise).astype(change.dtype)
