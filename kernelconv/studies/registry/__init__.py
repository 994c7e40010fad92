"""The named representations and heads themselves: settings, labels, citations, limits, costs."""

from __future__ import annotations

from collections.abc import Mapping

from kernelconv.studies.models import Model, Representation, Shape, find_model, read_only
from kernelconv.studies.registry.cnns import CNNS
from kernelconv.studies.registry.fixed import FIXED
from kernelconv.studies.registry.heads import HEADS
from kernelconv.studies.registry.kernel_networks import KERNEL_NETWORKS

#: In the order in which they are shown.
REPRESENTATIONS: Mapping[str, Representation] = read_only([*FIXED, *KERNEL_NETWORKS, *CNNS])


def model(name: str, shape: Shape = (28, 28)) -> Model:
    """Return the model of a name, "representation", "representation+head" or "module:name", for images of a shape.

    Raises
    ------
    ValueError
        As `find_model`.

    Examples
    --------
    >>> model("scattering+affine").label, model("ckn-2").label, model("lenet").label
    ('scattering + affine', 'CKN-2 + linear', 'wide LeNet')
    """
    return find_model(name, REPRESENTATIONS, HEADS, shape=shape)
