"""The network that computes what a part or a fitted estimator returns: what functions and modules of others are of."""

from __future__ import annotations

from typing import Any, Literal

from kernelconv.networks.estimator import ImageClassifier, ImageRegressor
from kernelconv.networks.scattering.path_transformer import PathTransformer
from kernelconv.networks.scattering.signals.joint_time_frequency import JointTimeFrequencyScattering
from kernelconv.networks.scattering.signals.scattering_1d import Scattering1D
from kernelconv.networks.scattering.volumes.scattering_3d import Scattering3D
from kernelconv.networks.transformer import HasNetwork
from kernelconv.operators.base import Part

#: How maps (n, h, w, c) become rows: as they lie, or channel by channel.
Rows = Literal["maps", "paths"]
Model = Part | HasNetwork
#: Estimators that may be fitted without a ``network_``.
_WITHOUT_NETWORK = PathTransformer, JointTimeFrequencyScattering, Scattering3D


def network_of(model: Any, caller: str) -> tuple[Part, Rows | None]:
    """Return the built part that computes what `model` returns, and how its maps become rows, if they do.

    Raises
    ------
    ValueError
        If the part is not built, or the estimator is not fitted or has no network of parts; `caller` needs one.
    TypeError
        If `model` is not a part and has no ``network_``.
    """
    if isinstance(model, Part):
        model._check_built()
        return model, None
    network = getattr(model, "network_", None)
    if isinstance(network, Part):
        network._check_built()
        if isinstance(model, PathTransformer | Scattering1D):
            return network, "paths"
        if hasattr(model, "transform") or isinstance(model, ImageClassifier | ImageRegressor):
            return network, "maps"
    kind = f"the class {model.__name__}" if isinstance(model, type) else f"a {type(model).__name__}"
    if isinstance(model, _WITHOUT_NETWORK) and network is None and hasattr(model, "n_features_in_"):
        raise ValueError(
            f"{kind[2:]} has no network of parts, which {caller} needs. Its transform takes arrays of other libraries "
            "and returns arrays of theirs, with their gradients: call that."
        )
    if hasattr(model, "fit") and not isinstance(model, type) and not hasattr(model, "classes_"):
        raise ValueError(f"{kind[2:]} is not fitted, or is not made of a network of parts: fit it first.")
    raise TypeError(f"{caller} takes a built part, a network or a fitted estimator with a network_, got {kind}.")
