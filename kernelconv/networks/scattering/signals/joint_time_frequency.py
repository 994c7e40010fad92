"""Joint time-frequency scattering of signals as a scikit-learn transformer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from kernelconv._arrays import as_floating, is_foreign, namespace, numpy_dtype
from kernelconv._check import check_count, check_positive
from kernelconv._parallel.blocks import block_length, map_blocks, n_threads
from kernelconv._scales import rescaled, scales
from kernelconv._types.parameters import Border
from kernelconv.networks.all_or_nothing import all_or_nothing
from kernelconv.networks.arrays import apart, by_block, in_a_row
from kernelconv.networks.estimator import check_input_features
from kernelconv.networks.scattering.paths import filled
from kernelconv.networks.scattering.signals.geometry_1d import Geometry1D
from kernelconv.networks.scattering.signals.joint import FrequencyAverage, JointGeometry, JointMaps
from kernelconv.networks.scattering.signals.signal_transformer import SignalTransformer
from kernelconv.networks.scattering.signals.transform_1d import Average, ScatteringTransform1D
from kernelconv.operators.patches.padding import Pad

#: log2 of the largest scale along log-frequency at most.
LARGEST = 20


class JointTimeFrequencyScattering(SignalTransformer):
    r"""Joint time-frequency scattering: the scalogram filtered in time and log-frequency; it responds to chirps.

    .. math:: S[n_2, k] x = | X * (\psi_{n_2} \otimes \psi_k) | * (\phi_T \otimes \phi_F), \qquad
              X(t, n_1) = |x * \psi_{n_1}|(t)

    over wavelets :math:`\psi_{n_2}` in time that follow :math:`\psi_{n_1}`, :math:`j_1 < j_2`, and filters
    :math:`\psi_k` along log-frequency: a low-pass, and wavelets of both signs of their frequency, the spin. Order 1 is
    the averaged scalogram, filtered along log-frequency alone.

    Parameters
    ----------
    J : int
        log2 of the largest scale of the wavelets in time (samples).
    Q : int or pair of int
        Wavelets per octave at order 1, and at order 2; an int is that of order 1, with 1 at order 2.
    J_fr : int
        log2 of the largest scale along log-frequency (wavelets of order 1).
    Q_fr : int
        Wavelets per octave along log-frequency.
    T : float or "global", optional
        Samples that the low-pass averages over, at least 1; 2^J by default. "global" is the mean of the signal.
    F : float, 0 or "global", optional
        Wavelets of order 1 that the average along log-frequency covers, at least 1; 2^J_fr by default. "global" is the
        mean of all, 0 no average.
    padding : {"reflect", "zero", "circular", "symmetric"}
        What lies outside the signal, as in numpy.pad, up to a length that is a power of two. Beyond the highest and
        the lowest frequency there are zeros.
    n_jobs : int, optional
        Threads; None means the cores this process may use, or the setting of ``joblib.parallel_config``.

    Attributes
    ----------
    paths_ : tuple of JointPath
        Path of each output channel: order 0; order 1 by band; order 2 by (n2, band); each by bin, from high to low
        frequency. ``path.spin`` is 1 for rising frequencies and -1 for falling ones.
    wavelets_ : tuple of three tuples of Wavelet1D
        The banks of order 1, of order 2, and along log-frequency, where centres are in cycles per wavelet of order 1.
    signal_shape_ : tuple (t, c)
        Length and channels of the signals seen in ``fit``.
    maps_shape_ : tuple (t', c * n_paths)
        Shape of ``maps(X)[0]``.
    n_features_in_ : int
        t c.

    Raises
    ------
    ValueError
        In ``fit``: if a parameter is out of its range, or as `Scattering1D`.

    Notes
    -----
    Reversing a real signal in time exchanges the two spins. Coefficients agree with kymatio's
    ``TimeFrequencyScattering`` (its development version, as no release has it) to 1e-5 of the largest, except where
    kymatio crops by another stride (F below 2^J_fr) or includes padded zeros in means (F="global").
    Cost: Fourier transforms of about N (2 + n_2 n_k / 2^J_fr) numbers per wavelet of order 1, n_2 and n_k being the
    numbers of wavelets in time and of filters along log-frequency. There is no ``vjp``; PyTorch and JAX differentiate
    through ``transform`` of their own arrays.

    References
    ----------
    Andén, Lostanlen & Mallat (2019), Joint time-frequency scattering, IEEE Trans. Signal Processing 67(14),
    equations 11 to 15.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import JointTimeFrequencyScattering
    >>> t = np.arange(2048) / 2048
    >>> rising, falling = np.cos(2 * np.pi * (40 * t + 300 * t**2)), np.cos(2 * np.pi * (640 * t - 300 * t**2))
    >>> joint = JointTimeFrequencyScattering(J=7, Q=8, padding="circular").fit(rising[None])
    >>> spins = np.array([path.spin for path in joint.paths_])
    >>> for x in (rising, falling):
    ...     energy = (joint.maps(x[None]) ** 2).sum((0, 1))
    ...     print(energy[spins == 1].sum() > 10 * energy[spins == -1].sum())
    True
    False
    """

    def __init__(
        self,
        J: int = 8,
        Q: int | Sequence[int] = 8,
        J_fr: int = 3,
        Q_fr: int = 1,
        T: Average | None = None,
        F: FrequencyAverage | None = None,
        *,
        padding: Border = "reflect",
        n_jobs: int | None = None,
    ):
        self.J = J
        self.Q = Q
        self.J_fr = J_fr
        self.Q_fr = Q_fr
        self.T = T
        self.F = F
        self.padding = padding
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
        if self.T is not None and not isinstance(self.T, str) and self.T == 0:
            raise ValueError("T must be None, at least 1 sample or 'global', got 0: maps of one length are needed.")
        time = ScatteringTransform1D(self.J, self.Q, self.T, 2, self.padding).build((1, t, c)).geometry
        geometry = self._joint(time)
        self._maps = JointMaps(geometry)
        self.paths_ = geometry.paths
        self.wavelets_ = geometry.first, time.bank_of(2).members, geometry.bank.members
        self.maps_shape_ = (time.sizes[0], c * len(self.paths_))
        return self

    def _joint(self, time: Geometry1D) -> JointGeometry:
        J, Q = check_count(self.J_fr, "J_fr"), check_count(self.Q_fr, "Q_fr")
        if J > LARGEST:
            raise ValueError(f"J_fr must be at most {LARGEST}, got {J}.")
        F = 2.0**J if self.F is None else self.F
        if not isinstance(F, str):
            F = check_positive(F, "F", zero=True)
            most = (time.J + 1) * time.Q[0]
            if 0 < F < 1 or F > most:
                raise ValueError(
                    f"F must be 0, 'global' or from 1 to {most} ((J + 1) Q) wavelets of order 1, got {F:g} "
                    "(2**J_fr unless given)."
                )
        elif F != "global":
            raise ValueError(f"F must be a number of wavelets of order 1, 0 or 'global', got {F!r}.")
        return JointGeometry(time, J, Q, F)  # type: ignore[arg-type]  # a float or "global"

    def transform(self, X: ArrayLike) -> Any:
        """Return the coefficients as rows, path by path.

        Parameters
        ----------
        X : array-like, shape (n, t) or (n, t, c)
            Signals of the shape seen in ``fit``.

        Returns
        -------
        array, shape (n, c * n_paths * t')
            Of the library of `X`; float64 for float64 signals, else float32.
        """
        signals = self._read(X)
        n, _, c = signals.shape
        pad = Pad(*self._maps.time.borders, self._maps.time.padding).build((1, *self.signal_shape_))

        def scattered(block: Any) -> Any:
            xp = namespace(block)
            padded = pad.definition(block[:, None, ...])[:, 0, ...]
            lines = xp.reshape(xp.moveaxis(padded, -1, 1), (-1, padded.shape[1]))
            return xp.reshape(self._maps(lines), (block.shape[0], -1))

        # the scalogram, its spectra, and one wavelet's share of it with all bands
        values = 8 * c * self._maps.time.padded * len(self.wavelets_[0])
        if is_foreign(signals):
            return by_block(lambda b: scattered(as_floating(b)), signals, values * numpy_dtype(signals).itemsize)

        def all_of(x: NDArray) -> NDArray:
            length = block_length(values * x.itemsize)
            return np.concatenate(map_blocks(lambda s: scattered(x[s]), n, length, self.n_jobs))

        by = scales(signals)
        return all_of(signals) if by is None else rescaled(all_of, signals, by)

    def maps(self, X: ArrayLike) -> Any:
        """Return the coefficients as maps, channels last.

        Parameters
        ----------
        X : array-like, shape (..., t) or (..., t, c)
            Signals of the shape seen in ``fit``; an array may have any leading axes, or none.

        Returns
        -------
        array, shape (..., t', c * n_paths)
            Channel ``k * n_paths + p`` is path p of channel k.
        """
        check_is_fitted(self)
        X, leading = in_a_row(X, self.signal_shape_)
        t, channels = self.maps_shape_
        found = self.transform(X)
        found = found if is_foreign(found) else np.asarray(found)
        xp = namespace(found)
        return apart(xp.moveaxis(xp.reshape(found, (found.shape[0], channels, t)), 1, -1), leading)

    def meta(self) -> dict[str, Any]:
        """Return arrays under kymatio's names, one entry per path of ``paths_``, NaN where a path has no such filter.

        ``order``, ``spin``, and of the filter along log-frequency its number ``n_fr``, ``xi_fr``, ``sigma_fr`` (cycles
        per wavelet of order 1) and ``j_fr``, all (n_paths,); ``n``, (n_paths, 2), and ``key``, a list of tuples
        (n1, n2, n_fr). ``xi``, ``sigma`` (cycles per sample) and ``j``, (n_paths, 2), are those of wavelets n1 and n2.
        """
        check_is_fitted(self)
        geometry = self._maps.geometry
        n_fr = [None if p.band is None else geometry.bands.index(p.band) for p in self.paths_]
        keys = [tuple(n for n in (p.n1, p.n2, k) if n is not None) for p, k in zip(self.paths_, n_fr, strict=True)]
        waves = [
            [b[n] for b, n in zip(self.wavelets_, (p.n1, p.n2), strict=False) if n is not None] for p in self.paths_
        ]
        meta: dict[str, Any] = {
            "order": np.array([p.order for p in self.paths_]),
            "spin": np.array([np.nan if p.band is None else np.sign(p.band) for p in self.paths_]),
            "n_fr": np.array([np.nan if k is None else k for k in n_fr]),
            "n": filled([[n for n in (p.n1, p.n2) if n is not None] for p in self.paths_], 2),
            "key": keys,
        }
        low = {"xi": 0.0, "sigma": geometry.bank.sigma_low, "j": geometry.J}
        for name in ("xi", "sigma", "j"):
            meta[name] = filled([[getattr(w, name) for w in each] for each in waves], 2)
            along = [low[name]] + [getattr(w, name) for w in geometry.bank.members]
            signed = [np.nan if p.band is None else along[abs(p.band)] for p in self.paths_]
            meta[f"{name}_fr"] = np.array(signed) * (np.where(meta["spin"] < 0, -1, 1) if name == "xi" else 1)
        return meta

    def get_feature_names_out(self, input_features: Sequence[str] | NDArray | None = None) -> NDArray:
        """Return a name per feature, ``jointtimefrequencyscattering_<path>_<position>``, with ``c<channel>_`` before
        the path when there are several channels; ``n3_n1_f-2`` is the path of wavelets 3, 1 in time and of band -2.
        """  # noqa: D205
        check_input_features(self, input_features)
        t, c = self.maps_shape_[0], self.signal_shape_[1]
        prefixes = [f"c{k}_" for k in range(c)] if c > 1 else [""]
        start = type(self).__name__.lower()
        names = [f"{start}_{k}{p.name}_{i}" for k in prefixes for p in self.paths_ for i in range(t)]
        return np.array(names, dtype=object)
