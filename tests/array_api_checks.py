"""scikit-learn's array API checks of our transformers, and its heads on their features, without NumPy in between.

``SCIPY_ARRAY_API=1 python tests/array_api_checks.py``: SciPy reads that variable when it is imported.
"""

import warnings

import array_api_strict
import numpy as np
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_array_api_input

from kernelconv._arrays import to_numpy
from kernelconv.networks import (
    ConvKernelNetwork,
    NetworkTransformer,
    RotoTranslationScattering2D,
    Scattering1D,
    Scattering2D,
    Scattering3D,
    SeparableScattering2D,
    serial,
)
from kernelconv.operators import Flatten, PatchExtraction, ReLU

ROWS = {"image_shape": (1, -1), "padding": "zero"}
CKN = ConvKernelNetwork(4, n_patches=200, random_state=0, image_shape=(1, -1))
ESTIMATORS = [
    CKN,
    Scattering2D(J=1, L=4, **ROWS),
    RotoTranslationScattering2D(J=1, L=4, **ROWS),
    Scattering1D(J=1, padding="zero"),
    SeparableScattering2D(J=1, **ROWS),
    Scattering3D(J=0, volume_shape=(1, 1, -1)),
    NetworkTransformer(serial(PatchExtraction((1, 2)), ReLU(), Flatten()), image_shape=(1, -1)),
]
#: Library, device and dtype, as scikit-learn names them. What is fitted on one library is of use on all, which
#: scikit-learn's check_array_api_same_namespace, left out here, would forbid.
ARRAYS = [
    ("numpy", None, None),
    ("torch", "cpu", "float64"),
    ("torch", "cpu", "float32"),
    ("array_api_strict", "CPU_DEVICE", "float64"),
    ("array_api_strict", "device1", "float32"),
]
HEADS = [
    make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=[0.1, 1.0])),
    make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(solver="svd")),
    StandardScaler(),
]


def check_inputs():
    """Run scikit-learn's own checks, values among them."""
    for estimator in ESTIMATORS:
        for library, device, dtype in ARRAYS:
            values = {"check_values": True} if dtype != "float32" else {}  # its tolerance is below float32's rounding
            check_array_api_input(type(estimator).__name__, estimator, library, device, dtype, **values)


def check_heads():
    """Fit heads on features: what they learn and say stays on the device, and is what NumPy's are to rounding."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 8, 8)).cumsum(axis=1), np.arange(60) % 3
    x[y == 1] *= 3
    second = array_api_strict.Device("device1")
    makers = [torch.asarray, lambda a: array_api_strict.asarray(a, device=second)]
    for features in (ConvKernelNetwork((4, 5), n_patches=200, random_state=0), Scattering2D(J=2, L=4)):
        for head in HEADS:
            method = "predict" if hasattr(head, "predict") else "transform"
            wanted = getattr(make_pipeline(clone(features), clone(head)).fit(x, y), method)(x)
            for make in makers:
                a, labels = make(x), make(y)
                with config_context(array_api_dispatch=True):
                    model = make_pipeline(clone(features), clone(head)).fit(a, labels)
                    found = getattr(model, method)(a)
                assert type(found) is type(a)
                assert found.device == a.device
                np.testing.assert_allclose(to_numpy(found), wanted, rtol=1e-6, atol=1e-8)


if __name__ == "__main__":
    warnings.simplefilter("error")
    # StandardScaler divides 0 by 0, silently in NumPy, where its first batch has no batch before
    warnings.filterwarnings("ignore", "invalid value encountered in divide", RuntimeWarning)
    check_inputs()
    check_heads()
    print("passed")
