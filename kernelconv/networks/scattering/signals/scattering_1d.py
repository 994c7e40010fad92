"""Wavelet scattering of signals as a scikit-learn transformer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from kernelconv._arrays import is_foreign, namespace
from kernelconv._parallel.blocks import apply_blocks, n_threads
from kernelconv._types.parameters import Border
from kernelconv.networks.all_or_nothing import all_or_nothing
from kernelconv.networks.arrays import apart, by_map, in_a_row, rows
from kernelconv.networks.estimator import check_input_features
from kernelconv.networks.scattering.paths import signal_meta
from kernelconv.networks.scattering.signals.geometry_1d import Average, Geometry1D
from kernelconv.networks.scattering.signals.signal_transformer import SignalTransformer
from kernelconv.networks.scattering.signals.transform_1d import Frequencies, Scaling, ScatteringTransform1D
from kernelconv.networks.serial import serial


class Scattering1D(SignalTransformer):
    r"""Wavelet scattering transform of signals: averages of cascaded wavelet moduli.

    .. math:: S[n_1, \dots, n_m] x = (|\cdots ||x * \psi_{n_1}| * \psi_{n_2}| \cdots * \psi_{n_m}| * \phi_T)
              (2^{\lfloor \log_2 T \rfloor} \cdot)

    over the paths of increasing scales :math:`j_1 < j_2 < \dots < j_m`, :math:`m \le` `max_order`.

    Parameters
    ----------
    J : int
        log2 of the largest scale of the wavelets.
    Q : int or pair of int
        Wavelets per octave at order 1, and at the orders above, where an int or ``(Q,)`` means 1. At most 1024.
    T : float, 0 or "global", optional
        Samples that the low-pass averages over, at least 1; 2^J by default. "global" takes the mean of U over the
        positions within the signal instead, one value per path. 0 means no average: a path of last scale j is U itself,
        every 2^(j - oversampling) samples, as kymatio returns it, and the path of order 0 is the signal.
    max_order : int
        Largest number of wavelets on a path; 0 keeps only the average.
    padding : {"reflect", "zero", "circular", "symmetric"}
        What lies outside the signal, as in numpy.pad, up to a length that is a power of two.
    oversampling : int
        Sample the output every 2^(log2 T - oversampling) samples instead (never finer than 1), and compute every
        scale on a grid that is finer by the same factor.
    scaling : {"exact", "kymatio"}
        "exact" is the formula above. "kymatio" scales as kymatio 0.3.0 does: a coefficient computed by way of grids of
        2^a, 2^b, ... samples is 2^(-a-b-...) of its value (kymatio's issue 984).
    frequencies : {"positive", "both"}
        "both" takes complex NumPy signals too, and has every path twice: the second time with the mirror images of the
        first wavelets, which respond to negative frequencies; at order 0 the second path averages the imaginary part.
        For a real signal the two halves are equal (at order 0 the second is 0), and conjugation swaps them. For an
        analytic signal of frequencies from 2^-J to 0.45, the second half is what wavelets let through below 0, less
        than 1e-4 of the first half's norm with ``padding="circular"``, and away from the borders with any: a signal
        that is reflected there runs backwards. There is no gradient. "positive" raises an error for complex signals.
    n_jobs : int, optional
        Threads; None means the cores this process may use, or the setting of ``joblib.parallel_config``.

    Attributes
    ----------
    paths_ : tuple of SignalPath
        Path of each output channel, in kymatio's order: by order, then by (n1, n2, ...). With frequencies="both", those
        of ``half`` 1 come first, then as many of -1.
    network_ : Network
        The same computation as a network of parts, on one-line images (n, 1, t, c): ``forward``, ``trace``, and ``vjp``
        for gradients in the signal. The network takes real signals; its one part takes complex ones too.
    wavelets_ : pair of tuples of Wavelet1D
        The banks of order 1, and of the orders above.
    signal_shape_ : tuple (t, c)
        Length and channels of the signals seen in ``fit``.
    maps_shape_ : tuple (t', c * n_paths)
        Shape of ``maps(X)[0]``; with T=0 a tuple of them, (t_p, c) for path p.
    n_features_in_ : int
        t c.

    Raises
    ------
    ValueError
        In ``fit``: if a parameter is out of its range; if 2^J or T is larger than 64 times the signal's length, or,
        unless the padding is "zero", T (2^J where T is 0 or "global") larger than the signal; if there are more than a
        million paths; or if `X` looks like channels first, (n, c, t) with c < t / 2.

    Notes
    -----
    Products with a wavelet are cut to its support in frequency and folded onto the coarser grid before the inverse FFT;
    averages are matrix products. Coefficients agree with kymatio 0.3.0 (`scaling` "kymatio") to 1e-10 in float64.

    References
    ----------
    Andén & Mallat (2014), Deep scattering spectrum, IEEE Trans. Signal Processing 62(16), equations 6 to 13.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import Scattering1D
    >>> x = np.cos(0.25 * 2 * np.pi * np.arange(1024))[None]
    >>> scattering = Scattering1D(J=5, Q=4).fit(x)
    >>> scattering.transform(x).shape, scattering.maps(x).shape
    ((1, 1472), (1, 32, 46))
    >>> strongest = int(scattering.maps(x).mean(axis=(0, 1)).argmax())
    >>> path = scattering.paths_[strongest]
    >>> path.order, round(scattering.wavelets_[0][path.wavelets[0]].xi, 3)  # the wavelet nearest to the tone
    (1, 0.264)
    """

    def __init__(
        self,
        J: int = 6,
        Q: int | Sequence[int] = 1,
        T: Average | None = None,
        max_order: int = 2,
        *,
        padding: Border = "reflect",
        oversampling: int = 0,
        scaling: Scaling = "exact",
        frequencies: Frequencies = "positive",
        n_jobs: int | None = None,
    ):
        self.J = J
        self.Q = Q
        self.T = T
        self.max_order = max_order
        self.padding = padding
        self.oversampling = oversampling
        self.scaling = scaling
        self.frequencies = frequencies
        self.n_jobs = n_jobs

    @all_or_nothing
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Check the parameters against the signals and build the filters; no value of `X` is used.

        Parameters
        ----------
        X : array-like, shape (n, t) or (n, t, c)
            Signals.
        y : ignored
        """
        signals = self._read(X, reset=True)
        t, c = signals.shape[1:]
        n_threads(self.n_jobs)
        transform = self._transform().build((1, t, c))
        self.network_ = serial(transform).build((1, t, c))
        self.paths_ = transform.paths
        self.wavelets_ = transform.geometry.banks[0].members, transform.geometry.banks[1].members
        self.maps_shape_: tuple[Any, ...] = self.network_.out_shape((1, t, c))[1:]
        if transform.geometry.T == 0:
            self.maps_shape_ = tuple((n, c) for n in self._sizes())
        return self

    def transform(self, X: ArrayLike) -> Any:
        """Return the scattering coefficients as rows, path by path.

        Parameters
        ----------
        X : array-like, shape (n, t) or (n, t, c)
            Signals of the shape seen in ``fit``.

        Returns
        -------
        array, shape (n, c * n_paths * t')
            Of the library of `X`; float64 for float64 signals, else float32. For one channel,
            ``reshape(n, n_paths, t')`` is kymatio's array. With T=0 the maps, of different lengths, are concatenated,
            (n, c * sum of t_p): in each channel those of the first path, then those of the second, ...
        """
        images = self._read(X)[:, None, ...]
        if not is_foreign(images) and images.dtype.kind == "c":  # a network takes real images, this part of it both
            part = self._part()
            block = part._engine.block(images.itemsize) or 1
            return apply_blocks(lambda x: by_map(part.forward(x)), images, block, self.n_jobs)
        return rows(self.network_, images, self.n_jobs, by_map)

    def maps(self, X: ArrayLike) -> Any:
        """Return the coefficients as maps, channels last.

        Parameters
        ----------
        X : array-like, shape (..., t) or (..., t, c)
            Signals of the shape seen in ``fit``; an array may have any leading axes, or none.

        Returns
        -------
        array, shape (..., t', c * n_paths)
            Channel ``k * n_paths + p`` is path p of channel k. With T=0 a list, (..., t_p, c) for each of ``paths_``.
        """
        check_is_fitted(self)
        X, leading = in_a_row(X, self.signal_shape_)
        found = self.transform(X)
        found = found if is_foreign(found) else np.asarray(found)
        n, xp = found.shape[0], namespace(found)
        if self._geometry().T != 0:
            t, channels = self.maps_shape_
            return apart(xp.moveaxis(xp.reshape(found, (n, channels, t)), 1, -1), leading)
        by_channel = xp.reshape(found, (n, self.signal_shape_[1], -1))
        ways = pairwise((0, *accumulate(self._sizes())))
        return [apart(xp.moveaxis(by_channel[:, :, lo:hi], 1, -1), leading) for lo, hi in ways]

    def meta(self) -> dict[str, Any]:
        """Return arrays under kymatio's names, one entry per path of ``paths_``, NaN beyond a path's order.

        ``order`` (n_paths,); ``xi``, ``sigma`` (cycles per sample), ``j`` and ``n`` (n_paths, max_order); ``key``, a
        list of tuples. With frequencies="both" also ``half`` (n_paths,), which kymatio does not have.
        """
        check_is_fitted(self)
        meta = signal_meta(self.paths_, self.wavelets_, self._geometry().max_order)
        return meta if self._part().real_only else meta | {"half": np.array([p.half for p in self.paths_])}

    def get_feature_names_out(self, input_features: Sequence[str] | NDArray | None = None) -> NDArray:
        """Return one name per feature: ``scattering1d_<path>_<position>``, with ``c<channel>_`` before the path when
        there are several channels; ``mean`` is the path of order 0 and ``n3_n1`` one of order 2.
        """  # noqa: D205
        check_input_features(self, input_features)
        c = self.signal_shape_[1]
        prefixes = [f"c{k}_" for k in range(c)] if c > 1 else [""]
        ways = list(zip(self.paths_, self._sizes(), strict=True))
        names = [f"scattering1d_{k}{p.name}_{i}" for k in prefixes for p, t in ways for i in range(t)]
        return np.array(names, dtype=object)

    def _transform(self) -> ScatteringTransform1D:
        return ScatteringTransform1D(
            self.J, self.Q, self.T, self.max_order, self.padding, self.oversampling, self.scaling, self.frequencies
        )

    def _geometry(self) -> Geometry1D:
        return self._part().geometry

    def _part(self) -> ScatteringTransform1D:
        return self.network_.parts[0]  # type: ignore[return-value]

    def _sizes(self) -> tuple[int, ...]:
        """Return how many values each path has."""
        return self._geometry().sizes * (len(self.paths_) // len(self._geometry().paths))

    def _read(self, X: Any, *, reset: bool = False) -> Any:
        if not (isinstance(X, np.ndarray) and X.dtype.kind == "c"):
            return super()._read(X, reset=reset)
        if self.frequencies != "both":
            raise ValueError(
                f"Complex data not supported with frequencies='positive': X has dtype {X.dtype}. Use frequencies="
                "'both', or pass its real part or modulus."
            )
        real, imaginary = super()._read(X.real, reset=reset), super()._read(X.imag)
        out = np.empty(real.shape, np.result_type(real, np.complex64))
        out.real, out.imag = real, imaginary
        return out
