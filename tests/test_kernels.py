"""Taylor coefficients, sums and products of kernels."""

import numpy as np
import pytest
import registry

from kernelconv import ConvKernelNetwork
from kernelconv.operators import ArcCosine, ConvexSum, Exponential, KernelMapping, KernelProduct, Polynomial, Vovk
from kernelconv.operators.fast.mapping import Mapping
from kernelconv.operators.mappings.dot_product import DotProductKernel


@pytest.mark.parametrize("kernel", registry.KERNELS)
def test_taylor_coefficients_sum_to_the_kernel(kernel):
    b = kernel.taylor(400)
    assert b.shape == (400,)
    assert (b >= 0).all()
    u = np.linspace(-0.9, 0.9, 19)
    assert np.abs(np.polynomial.polynomial.polyval(u, b) - kernel(u)).max() < 1e-12
    assert b.sum() <= 1 + 1e-12
    assert b.sum() > 0.95  # kappa(1) = 1; degree 0's series converges slowly there
    assert np.array_equal(kernel.taylor(3), b[:3])


def test_slopes():
    assert ArcCosine(2).slope == pytest.approx(4 / 3)
    assert ConvexSum((Exponential(0.5), Vovk())).slope == pytest.approx(2.5)
    assert ConvexSum((Vovk(), ArcCosine(0)), (1.0, 0.0)).slope == 1
    assert KernelProduct((Exponential(0.5), Vovk())).slope == pytest.approx(5)
    assert not KernelProduct((ArcCosine(0), Vovk())).differentiable


def test_a_term_without_weight_has_no_share_in_the_slope():
    u = np.linspace(-1, 1, 5)
    alone = ConvexSum((Vovk(), ArcCosine(0)), (1.0, 0.0))
    assert alone.differentiable
    assert np.array_equal(alone.derivative(u), Vovk().derivative(u))


def test_weights_sum_to_one_up_to_a_billionth():
    assert ConvexSum((Vovk(), Vovk()), (0.5, 0.5 + 0.95e-9)).weights == (0.5, 0.5 + 0.95e-9)
    with pytest.raises(ValueError, match="2 numbers >= 0 of sum 1"):
        ConvexSum((Vovk(), Vovk()), (0.5, 0.5 + 1.05e-9))


def test_sums_and_products_take_names():
    u = np.linspace(-1, 1, 5)
    assert np.allclose(ConvexSum(("linear", "vovk"))(u), (u + Vovk()(u)) / 2)
    assert np.allclose(KernelProduct(("linear", "linear"))(u), u**2)
    assert KernelProduct((Polynomial(2),)) == KernelProduct(("polynomial",))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: ConvexSum((Vovk(), Vovk()), (0.5, 0.6)), "2 numbers >= 0 of sum 1"),
        (lambda: ConvexSum((Vovk(), Vovk()), (1.5, -0.5)), "2 numbers >= 0 of sum 1"),
        (lambda: ConvexSum((Vovk(),), (0.5, 0.5)), "1 numbers >= 0 of sum 1"),
        (lambda: ConvexSum(()), "at least one kernel"),
        (lambda: KernelProduct(Vovk()), "at least one kernel"),
        (lambda: KernelProduct(("gauss",)), "kernel must be one of"),
        (lambda: ArcCosine(3), "degree must be 0, 1 or 2"),
    ],
)
def test_kernels_refuse(make, match):
    with pytest.raises(ValueError, match=match):
        make()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [3, 20])  # fewer and more than the anchors
def test_the_quick_exponential_mapping_is_the_plain_one(dtype, channels):
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((2, 4, 3, channels)) * 10.0 ** rng.integers(-3, 3, (2, 4, 3, 1))).astype(dtype)
    x[0, :2] = 0
    part = KernelMapping(9, Exponential(0.4)).build(x.shape[1:], rng).astype(dtype)
    m = Mapping(part).embed(x)
    norms = np.linalg.norm(x, axis=-1, keepdims=True)
    cosines = (x / np.where(norms > 0, norms, 1)) @ part.params["anchors"].T
    plain = norms * part.kernel(cosines)
    assert m.dtype == dtype
    assert not m[0, :2].any()
    assert (m[1] > 0).all()
    assert np.abs(m / np.where(plain > 0, plain, 1) - (plain > 0)).max() < 200 * np.finfo(dtype).eps


class Negative(DotProductKernel):
    """-u: its matrices are negative definite."""

    slope = 1.0

    def __call__(self, u):
        return -u

    def derivative(self, u):
        return 0 * u - 1


class Decreasing(Negative):
    """2 u - u^2, 1 at 1 and not positive definite."""

    def __call__(self, u):
        return 2 * u - u**2


@pytest.mark.parametrize(
    ("kernel", "match"),
    [
        (Negative(), r"kappa\(1\) must be 1, so that norms are kept, and .* has -1: divide by it"),
        (Decreasing(), r"k has the eigenvalue -.*, so it is no matrix of a positive definite kernel"),
    ],
)
def test_what_is_no_kernel_is_refused(kernel, match):
    x = np.random.default_rng(0).standard_normal((20, 8, 8))
    with pytest.raises(ValueError, match=match):
        ConvKernelNetwork(n_anchors=(32,), kernel=kernel, random_state=0).fit(x)
