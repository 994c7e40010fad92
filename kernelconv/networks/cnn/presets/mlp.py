"""A fully connected network."""

from __future__ import annotations

from collections.abc import Sequence

from kernelconv._check import check_sequence
from kernelconv.networks.serial import Network, serial
from kernelconv.operators import Dense, ReLU, Standardization
from kernelconv.operators.base import Shape3


def mlp(in_shape: Shape3, n_outputs: int, *, hidden: Sequence[int] = (512,)) -> Network:
    """Return a fully connected network, with one hidden layer of 512 units unless `hidden` says otherwise.

    407,050 parameters on 28 x 28 images of ten classes; with one and three layers of 512 on 28 x 28 x 3 it is the MLP
    of the reference.

    Raises
    ------
    ValueError
        If `hidden` is not a sequence of one or more ints > 0.

    References
    ----------
    Rumelhart, Hinton & Williams (1986), Learning representations by back-propagating errors. Zhang, Bengio, Hardt,
    Recht & Vinyals (2017), Understanding deep learning requires rethinking generalization, table 1.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.cnn.presets import mlp
    >>> mlp((28, 28, 1), 10)
    Network: Dense(10) ∘ ReLU() ∘ Dense(512) ∘ Standardization()
    >>> mlp((28, 28, 3), 10, hidden=(512, 512, 512)).build((28, 28, 3), np.random.default_rng(0)).n_params()
    1735178
    """
    layers = [part for n in check_sequence(hidden, "hidden") for part in (Dense(n), ReLU())]
    return serial(Standardization(), *layers, Dense(n_outputs))
