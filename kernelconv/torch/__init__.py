"""The bridge to PyTorch: parts, networks and fitted estimators as modules. Making one imports PyTorch."""

from __future__ import annotations

from typing import Any, Literal, get_args

from kernelconv.networks.network_of import Model, network_of

__all__ = ["as_module"]

Engine = Literal["auto", "numpy", "torch"]


def as_module(model: Model, *, engine: Engine = "auto", channels_first: bool = False, trainable: bool = True) -> Any:
    r"""Return a built part, a network or a fitted estimator as a `torch.nn.Module` that computes the same values.

    Params become parameters (with any optimizer, anchors stay on the unit sphere by `torch.nn.utils.parametrize`), and
    states, such as those of `BatchNorm`, become buffers, under the names that the network gives them
    ("layer_1.M.parametrizations.anchors.original", "batchnorm_2.mean"). Every part of a network is a module of its own,
    ``module.layer_1`` or ``module.get_submodule("layer_1.M")``. ``train()`` and ``eval()`` have their usual meaning: in
    training, dropout draws with PyTorch's generator, and BatchNorm uses mini-batch statistics and updates its own. All
    parts compute as one: they are in one mode, and hooks of parts are not called, those of the module are.

    Parameters
    ----------
    model : Part, Network or estimator
        A part that is built, or an estimator with a ``network_`` that is fitted.
    engine : {"auto", "numpy", "torch"}
        What computes. "numpy": the library's own engines, with their exact gradients, for tensors on the CPU, as one
        node of PyTorch's graph. "torch": the formulas of the parts in PyTorch's operations, on any device. "auto": the
        first for tensors on the CPU, except where PyTorch traces operations: under ``torch.compile``, ``torch.export``
        and ``torch.func``. With "numpy" too, formulas compute parts that may have complex output (`WaveletTransform`,
        `Concat`) and, where a gradient may be needed, parts that have none of their own.
    channels_first : bool
        True: input images and output maps are (n, c, h, w), as for PyTorch's layers; by default channels come last,
        (n, h, w, c) or (n, h, w), as everywhere in this library.
    trainable : bool
        False: every value is a buffer, including the whitening of anchors, and none is computed again.
        ``torch.export`` and ONNX need this, as they do not support eigendecompositions.

    Returns
    -------
    torch.nn.Module
        It maps images to maps (n, h', w', c') for a part or network; to the rows (n, n_features) of ``transform`` for a
        transformer; to scores (n, n_classes) or (n, n_outputs) for a classifier or regressor. It holds copies: training
        it does not change `model`, and ``module.part()`` returns the trained NumPy part.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    ValueError
        If the part is not built, the estimator is not fitted or has no network of parts (the message then says what to
        do instead), or `engine` is none of the three.
    TypeError
        If `model` is not a part and has no ``network_``.

    Notes
    -----
    ``torch.export`` (``strict=False``) and ONNX work for modules with ``trainable=False``: wavelets of images up to
    64 px are then products with Fourier matrices, so that no operation is complex. ``torch.compile`` compiles networks
    of CNN parts; other parts run uncompiled inside it: compile what ``torch.export`` returns instead.

    Gradients are those of the library's own training. A gradient of a gradient raises an error with engine="numpy" and
    for the whitening of anchors in training (``once_differentiable``). Modules can be copied, pickled and moved by
    ``.to``; hooks are not pickled. Under ``torch.no_grad``, or after ``requires_grad_(False)``, whitenings are computed
    once and kept until a value changes.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import GaussianPooling, KernelMapping, Layer, PatchExtraction, serial
    >>> from kernelconv.torch import as_module
    >>> layer = Layer(PatchExtraction(3), KernelMapping(8), GaussianPooling(2))
    >>> network = serial(layer).build((8, 8, 1), np.random.default_rng(0))
    >>> import pytest; torch = pytest.importorskip("torch")
    >>> module = as_module(network)
    >>> module(torch.ones(2, 8, 8)).shape
    torch.Size([2, 3, 3, 8])
    >>> [name for name, _ in module.named_parameters()]
    ['layer_1.M.parametrizations.anchors.original']
    """
    from kernelconv._check import check_choice, check_flag

    check_choice(engine, "engine", get_args(Engine))
    check_flag(channels_first, "channels_first")
    check_flag(trainable, "trainable")
    part, rows = network_of(model, "as_module")
    try:
        from kernelconv.torch.module import PartModule
    except ModuleNotFoundError as error:
        raise ImportError("as_module needs PyTorch: pip install torch, or kernelconv[torch].") from error
    return PartModule(part, engine, channels_first, trainable, rows)
