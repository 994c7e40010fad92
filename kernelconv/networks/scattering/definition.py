r"""Scattering as its papers define it: wavelet transforms P, moduli M and low-passes A, joined into a tree.

Every node is a map U, the image at the root. Its average is S; for every scale that may follow, it is convolved with
the wavelets, and the moduli of the results are the next nodes:

.. math:: S[\lambda_1 \dots \lambda_m] x = U[\lambda_1 \dots \lambda_m] x * \phi_J, \qquad
          U[\lambda_1 \dots \lambda_{m + 1}] x = |U[\lambda_1 \dots \lambda_m] x * \psi_{\lambda_{m + 1}}|
"""

from __future__ import annotations

from typing import Any

from kernelconv.networks.scattering.geometry import Geometry
from kernelconv.networks.scattering.path_parts import ChannelOrder
from kernelconv.networks.scattering.signals.geometry_1d import Geometry1D
from kernelconv.networks.serial import Network, serial
from kernelconv.operators.base import Part
from kernelconv.operators.learned.concat import Concat
from kernelconv.operators.mappings.nonlinearities import Modulus
from kernelconv.operators.patches.extraction import PatchExtraction
from kernelconv.operators.patches.padding import Crop, Pad
from kernelconv.operators.pooling.pooling import AveragePooling
from kernelconv.operators.wavelets.halves import Halves, RealPart
from kernelconv.operators.wavelets.wavelet_transform import LowPass, WaveletTransform


def scattering_tree(geometry: Geometry | Geometry1D, channels: int = 1, *, halves: bool = False) -> Network:
    """Return scattering as a network of parts: pad, the tree, crop, channels in the order of the paths.

    Parameters
    ----------
    geometry : Geometry or Geometry1D
        Grids, paths and filters, such as ``ScatteringTransform(...).build(in_shape).geometry``.
    channels : int
        Channels of the images.
    halves : bool
        Scatter both halves of the spectra of complex signals: each channel becomes two (`Halves`).

    Returns
    -------
    Network
        (n, h, w, c) -> (n, h', w', c n_paths), in which only the moduli are not linear, with a gradient.

    Notes
    -----
    Maps of scale j lie on a grid of 2^j px (finer by the oversampling): these inner strides are part of the
    definition. On a coarser grid the filters are those that the bank returns for it. Cost: every wavelet transform
    makes complex spectra on the grid of its input before it subsamples them, which the engine does not.

    References
    ----------
    Mallat (2012), Group invariant scattering, Comm. Pure Appl. Math. 65(10), equations 2.20 and 2.25.
    Bruna & Mallat (2013), Invariant scattering convolution networks, IEEE PAMI 35(8), section 2 and figure 2.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks import ScatteringTransform
    >>> part = ScatteringTransform(J=2, L=4, padding="circular", max_order=1).build((16, 16, 1))
    >>> [type(branch).__name__ for branch in part.tree.named_parts["tree"].branches]
    ['LowPass', 'Network', 'Network']
    >>> part.tree.named_parts["tree"].branches[2].named_parts["wavelettransform_1"].stride
    2
    >>> x = np.random.default_rng(0).random((1, 16, 16, 1))
    >>> bool(np.abs(part.tree.forward(x) - part.forward(x)).max() < 1e-14)
    True
    """
    leaves: list[list[Any]] = []
    channels = 2 * channels if halves else channels

    def averages(scales: tuple[int, ...], resolution: int) -> Part:
        """Return the part that makes of maps U all averages S of theirs and of what continues them."""
        leaves.append(geometry.leaf(scales))
        average = _average(geometry, resolution)
        branches: list[Part] = [serial(RealPart(), average) if halves and not scales else average]
        for j in geometry.following(scales):
            target = geometry.target(resolution, j)
            wavelets = WaveletTransform(j, 2 ** (target - resolution), bank=geometry.bank_of(len(scales) + 1))
            branches.append(serial(wavelets, Modulus(), averages((*scales, j), target)))
        return Concat(*branches) if len(branches) > 1 else branches[0]

    tree = averages((), 0)
    # maps that are not averaged are laid out position by position, all at one position
    sizes: dict[Any, int] = {}
    if isinstance(geometry, Geometry1D) and not geometry.averages:
        sizes = dict(zip(geometry.paths, geometry.sizes, strict=True))
    lengths = [sizes.get(leaf[0], 1) for leaf in leaves]
    laid = [
        (k, path, i)
        for n, leaf in zip(lengths, leaves, strict=True)
        for i in range(n)
        for k in range(channels)
        for path in leaf
    ]
    position = {key: at for at, key in enumerate(laid)}
    wanted = [(k, p, i) for k in range(channels) for p in geometry.paths for i in range(sizes.get(p, 1))]
    order = ChannelOrder(tuple(position[key] for key in wanted))
    margins = geometry.margins if geometry.averages else ((0, 0), (0, 0))
    parts = [Pad(*geometry.borders, geometry.padding), tree, Crop(*margins), order]
    named: dict[str, Part] = {"halves": Halves()} if halves else {}
    named |= dict(zip(("pad", "tree", "crop", "order"), parts, strict=True))
    return serial(*named.values(), names=tuple(named))


def _average(geometry: Geometry | Geometry1D, resolution: int) -> Part:
    """Return the part that makes S of maps U at `resolution`: a low-pass, or the maps' mean, or the maps in one row."""
    if geometry.averages:
        return LowPass(geometry.bank_of(1), geometry.stride >> resolution)
    assert isinstance(geometry, Geometry1D)
    inside = 1, len(geometry.within(2**resolution))
    each = AveragePooling(inside) if geometry.T == "global" else PatchExtraction(inside, padding="valid")
    return serial(Crop(*geometry.margins_of(2**resolution)), each)
