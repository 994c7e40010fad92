"""The bridge to PyTorch: parts, networks and fitted estimators as modules. PyTorch is imported when one is made."""

from __future__ import annotations

from typing import Any, Literal, get_args

from kernelconv.networks.estimator import ImageClassifier, ImageRegressor
from kernelconv.networks.scattering.path_transformer import PathTransformer
from kernelconv.networks.scattering.signals.joint_time_frequency import JointTimeFrequencyScattering
from kernelconv.networks.scattering.signals.scattering_1d import Scattering1D
from kernelconv.networks.scattering.volumes.scattering_3d import Scattering3D
from kernelconv.networks.transformer import HasNetwork
from kernelconv.operators.base import Part

__all__ = ["as_module"]


#: Estimators that may be fitted without a ``network_``.
_WITHOUT_NETWORK = PathTransformer, JointTimeFrequencyScattering, Scattering3D
Engine = Literal["auto", "numpy", "torch"]
Model = Part | HasNetwork


def as_module(model: Model, *, engine: Engine = "auto", channels_first: bool = False, trainable: bool = True) -> Any:
    r"""Return a built part, a network or a fitted estimator as a `torch.nn.Module` of the same values.

    Params become parameters (anchors stay on their sphere, whatever optimizer moves them: `torch.nn.utils.parametrize`)
    and states, as those of `BatchNorm` are, buffers, under the names that the network gives them
    ("layer_1.M.parametrizations.anchors.original", "batchnorm_2.mean"). Every part of a network is a module of its own,
    ``module.layer_1`` or ``module.get_submodule("layer_1.M")``. ``train()`` and ``eval()`` mean what they mean in
    PyTorch: dropout draws by PyTorch's generator, BatchNorm takes the mini-batch's statistics and updates its own.

    Parameters
    ----------
    model : Part, Network or estimator
        A part that is built, or an estimator with a ``network_`` that is fitted.
    engine : {"auto", "numpy", "torch"}
        What computes. "numpy": the library's own engines, with their exact gradients, for tensors on the CPU: one node
        of PyTorch's graph. "torch": the parts' formulas in PyTorch's operations, on any device. "auto": the first for
        tensors on the CPU, except where PyTorch wants to see operations: under ``torch.compile``, ``torch.export`` and
        ``torch.func``. Parts that may end in complex maps (`WaveletTransform`, `Concat`), and where a gradient may be
        asked for those that have none, are computed by their formulas under "numpy" too.
    channels_first : bool
        True: images, and maps that come out, are (n, c, h, w), as PyTorch's layers read them; by default channels
        come last, (n, h, w, c) or (n, h, w), as everywhere in this library.
    trainable : bool
        False: every value is a buffer, the whitening of anchors among them, and none is computed again. This is what
        ``torch.export`` and ONNX want, which know no eigenvalues.

    Returns
    -------
    torch.nn.Module
        From images to maps (n, h', w', c') of a part or network; to the rows (n, n_features) that ``transform``
        returns of a transformer; to scores (n, n_classes) or (n, n_outputs) of a classifier or regressor. It holds
        copies: training it leaves `model` as it is, and ``module.part()`` is the trained NumPy part.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    ValueError
        If the part is not built, the estimator not fitted or one that has no network of parts (the message says what to
        do instead), or `engine` is none of the three.
    TypeError
        If `model` is no part, and has no ``network_``.

    Notes
    -----
    ``torch.export`` (``strict=False``) and ONNX: of modules with ``trainable=False``; wavelets of images up to 64 px
    then become products with Fourier matrices, so that no operation is complex. ``torch.compile`` follows networks of
    CNN parts; others run uncompiled inside it: compile what ``torch.export`` returns instead.

    Gradients are those of the library's own training. ``once_differentiable``: a gradient of a gradient is refused by
    engine="numpy", and by the whitening of anchors that are being trained. Modules are copied, pickled, and moved by
    ``.to``; hooks are not pickled. Under ``torch.no_grad``, or after ``requires_grad_(False)``, whitenings are computed
    once and kept until a value changes.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.serial import serial
    >>> from kernelconv.operators import GaussianPooling, KernelMapping, Layer, PatchExtraction
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
    part, rows = _network_of(model)
    part._check_built()
    try:
        from kernelconv.torch.module import PartModule
    except ModuleNotFoundError as error:
        raise ImportError("as_module needs PyTorch: pip install torch, or kernelconv[torch].") from error
    return PartModule(part, engine, channels_first, trainable, rows)


def _network_of(model: Model) -> tuple[Part, str | None]:
    """Return the part that computes what `model` returns, and how its maps become rows, if they do."""
    if isinstance(model, Part):
        return model, None
    network = getattr(model, "network_", None)
    if isinstance(network, Part):
        if isinstance(model, PathTransformer | Scattering1D):
            return network, "paths"
        if hasattr(model, "transform") or isinstance(model, ImageClassifier | ImageRegressor):
            return network, "maps"
    kind = f"the class {model.__name__}" if isinstance(model, type) else f"a {type(model).__name__}"
    if isinstance(model, _WITHOUT_NETWORK) and network is None and hasattr(model, "n_features_in_"):
        raise ValueError(
            f"{kind[2:]} has no network of parts, so that no module can be made of it. Its transform takes tensors and "
            "returns tensors, with their gradients: call that inside the model."
        )
    if hasattr(model, "fit") and not isinstance(model, type) and not hasattr(model, "classes_"):
        raise ValueError(f"{kind[2:]} is not fitted, or is not made of a network of parts: fit it first.")
    raise TypeError(f"as_module takes a built part, a network or a fitted estimator with a network_, got {kind}.")
