"""Definitions on PyTorch and JAX: gradients in inputs and params are those of the library, finite where maps are zero.

Values on array_api_strict and PyTorch are laws of test_laws.py.
"""

import os
import sys

import numpy as np
import pytest
import registry

from kernelconv import ConvKernelNetwork, ConvNetClassifier, Scattering2D
from kernelconv.jax import as_function
from kernelconv.operators import ArcCosine, Exponential, KernelMapping, Modulus, PatchWhitening
from kernelconv.operators.mappings.nystrom import inverse_sqrt, whitening_matrix

NAMES = list(registry.SPECIFICATIONS)
WITH_PARAMS = [name for name in NAMES if registry.built(name).params]


def is_real(part):
    return not np.iscomplexobj(part.forward(registry.images(1)))


DIFFERENTIABLE = [name for name in registry.having("differentiable") if is_real(registry.built(name))]
#: of a kernel whose second derivative is infinite on the diagonal, where Z Z' is 1 up to rounding: half of the digits
ROUGH = {name: 1e-7 for name in NAMES if "ArcCosine" in name or name == "layer average"}


def close(got, wanted, tol):
    """Compare, and have something to compare."""
    norm = np.linalg.norm(wanted)
    assert norm > 0
    assert np.linalg.norm(np.asarray(got) - wanted) <= tol * norm


def cotangent(part):
    shape = (3, *part.out_shape(registry.SHAPE))
    return np.random.default_rng(0).standard_normal(shape)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="needs PyTorch")


@pytest.fixture(scope="module")
def jax():
    jax = pytest.importorskip("jax", reason="needs JAX")
    with jax.enable_x64(True):
        yield jax


def held(part, asarray):
    """The part with params and state of another library."""
    params, state = ({k: asarray(np.asarray(v)) for k, v in of.items()} for of in (part.params, part.state))
    return part.replace(params, state) if params or state else part


def check_torch(torch, part, tol):
    x, g = torch.tensor(registry.images(), requires_grad=True), cotangent(part)
    tensors = held(part, lambda v: torch.tensor(v, requires_grad=True))
    y = tensors.forward(x)
    names = list(tensors.params)
    gx, *grads = torch.autograd.grad((y * torch.tensor(g)).sum(), [x, *(tensors.params[k] for k in names)])
    wanted_x, wanted = part.vjp(registry.images(), g)
    close(y.detach(), part.definition(registry.images()), tol)
    close(gx, wanted_x, tol)
    for name, grad in zip(names, grads, strict=True):
        close(grad, wanted[name], 10 * tol)
    some = registry.images() * np.array([1.0, 0, 1]).reshape(3, 1, 1, 1)
    at_zero = torch.tensor(some, requires_grad=True)
    found = torch.autograd.grad((tensors.forward(at_zero) * torch.tensor(g)).sum(), at_zero)[0]
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_of_pytorch_are_ours(torch, name):
    check_torch(torch, registry.built(name), ROUGH.get(name, 1e-12))


@pytest.mark.parametrize(
    "name", [n for n in NAMES if n not in DIFFERENTIABLE and n in registry.having("differentiable")]
)
def test_gradients_of_pytorch_through_complex_maps_are_ours(torch, name):
    part, x = registry.built(name), torch.tensor(registry.images(), requires_grad=True)
    y = part.forward(x)
    g = cotangent(part) + 1j * cotangent(part)[::-1]
    found = torch.autograd.grad((y * torch.tensor(g).conj()).real.sum(), x)[0]
    close(found, part.vjp(registry.images(), g)[0], 1e-12)


def check_jax(jax, part, tol):
    x, g = registry.images(), jax.numpy.asarray(cotangent(part))
    params = {k: jax.numpy.asarray(np.asarray(v)) for k, v in part.params.items()}

    @jax.jit
    def both(params, x):
        y, pull = jax.vjp(lambda params, x: (part.replace(params) if params else part).definition(x), params, x)
        return y, pull(g)

    y, (grads, gx) = both(params, x)
    assert isinstance(y, jax.Array)
    wanted_x, wanted = part.vjp(x, np.asarray(g))
    close(y, part.definition(x), tol)
    close(gx, wanted_x, tol)
    for name, grad in grads.items():
        close(grad, wanted[name], 10 * tol)
    at_zero = both(params, x * np.array([1.0, 0, 1]).reshape(3, 1, 1, 1))[1][1]
    assert np.isfinite(at_zero).all()


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_values_and_gradients_of_jax_are_ours_under_jit(jax, name):
    check_jax(jax, registry.built(name), ROUGH.get(name, 1e-12))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in DIFFERENTIABLE])
def test_values_of_jax_without_a_gradient_are_ours(jax, name):
    part, x = registry.built(name), registry.images()
    close(jax.jit(part.definition)(jax.numpy.asarray(x)), part.definition(x), 1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_vmap_is_a_batch(jax, name):
    if name not in ("patches wide reflect", "ckn", "cnn", "scattering") and os.environ.get("KERNELCONV_SLOW") != "1":
        pytest.skip("a second each: KERNELCONV_SLOW=1 runs it")
    part, x = registry.built(name), registry.images()
    one = jax.jit(jax.vmap(lambda image: part.definition(image[None])[0]))(jax.numpy.asarray(x))
    close(one, part.definition(x), 1e-12)


def test_without_float64_jax_computes_in_float32(jax):
    part = registry.built("ckn").astype(np.float32)
    x = registry.images().astype(np.float32)
    with jax.enable_x64(False):
        anchors = {k: jax.numpy.asarray(np.asarray(v)) for k, v in part.params.items()}
        y = jax.jit(lambda params, x: part.replace(params).definition(x))(anchors, jax.numpy.asarray(x))
        assert y.dtype == np.float32
    close(y, part.definition(x), 1e-4)  # its whitening is in float32 too


# -- whitenings -------------------------------------------------------------------------------------------------------


def equal_eigenvalues():
    """A matrix with eigenvalues 1, 1 and 2, of which an eigendecomposition's own gradient is not finite."""
    q = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    return q @ np.diag([1.0, 1.0, 2.0]) @ q.T


def test_the_whitening_has_its_closed_gradient_where_eigenvalues_meet(torch, jax):
    k, g = equal_eigenvalues(), np.random.default_rng(1).standard_normal((3, 3))
    wanted = inverse_sqrt(k, 0.1).gradient(g)
    t = torch.tensor(k, requires_grad=True)
    close(torch.autograd.grad((whitening_matrix(t, 0.1) * torch.tensor(g)).sum(), t)[0], wanted, 1e-12)
    found = jax.grad(lambda k: (whitening_matrix(k, 0.1) * g).sum())(jax.numpy.asarray(k))
    close(found, wanted, 1e-12)
    step = 1e-6 * np.ones((3, 3))
    by_difference = sum(s * (inverse_sqrt(k + s * step, 0.1).matrix * g).sum() for s in (1, -1)) / 2e-6
    assert (wanted * np.ones((3, 3))).sum() == pytest.approx(by_difference, rel=1e-6)


def test_gradcheck_of_the_whitening_and_of_an_anchor_that_is_a_patch(torch):
    k = torch.tensor(equal_eigenvalues(), requires_grad=True)
    assert torch.autograd.gradcheck(lambda k: whitening_matrix(k + k.T, 0.1), k)
    part = KernelMapping(4, ArcCosine(1)).build((1, 2, 3), np.random.default_rng(0))
    z = torch.tensor(np.array(part.params["anchors"]), requires_grad=True)
    x = z.detach()[:2].reshape(1, 1, 2, 3).clone().requires_grad_(True)  # cosines of 1
    y = part.replace({"anchors": z}).definition(x)
    grads = torch.autograd.grad(y.sum(), [x, z])
    assert all(torch.isfinite(grad).all() for grad in grads)


def test_a_second_derivative_of_the_whitening_is_refused(torch):
    k = torch.tensor(equal_eigenvalues(), requires_grad=True)
    first = torch.autograd.grad(whitening_matrix(k, 0.1).sum(), k, create_graph=True)[0]
    with pytest.raises(RuntimeError, match="a gradient of a gradient was asked for through an operation of kernelconv"):
        (first + k).sum().backward()


def test_kernels_of_infinite_slope_are_refused_a_gradient(torch):
    x = torch.tensor(registry.images(), requires_grad=True)
    part = registry.built("mapping ArcCosine(degree=0)")
    with pytest.raises(ValueError, match=r"ArcCosine\(0\) has an infinite slope"):
        part.forward(x).sum().backward()


# -- parts of tensors -------------------------------------------------------------------------------------------------


def test_a_part_of_tensors_takes_maps_of_their_library(torch):
    part = held(registry.built("ckn"), torch.tensor)
    with pytest.raises(TypeError, match=r"Network holds params of <class 'torch.Tensor'>: give it maps of that"):
        part.forward(registry.images())
    with pytest.raises(TypeError, match=r"The anchors are <class 'torch.Tensor'>: matrix\(\) whitens"):
        _ = part.parts[0].mapping.whitening
    y = part.forward(torch.tensor(registry.images()))
    close(y, registry.built("ckn").forward(registry.images()), 1e-12)


def test_a_given_whitening_is_taken(torch):
    part = KernelMapping(4).build((2, 2, 3), np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((2, 2, 2, 3))
    twice = held(part, torch.tensor).with_matrix(torch.tensor(2 * part.matrix()))
    close(twice.definition(torch.tensor(x)), 2 * part.definition(x), 1e-12)


def test_constrained_tensors_are_unit_rows(torch):
    part = KernelMapping(4).build((2, 2, 3), np.random.default_rng(0))
    z = torch.arange(12.0, dtype=torch.float64).reshape(4, 3)
    close(part.constrain({"anchors": z})["anchors"], part.constrain({"anchors": z.numpy()})["anchors"], 1e-15)


def test_the_training_definitions_of_tensors(torch):
    x, network = registry.images(4, seed=3), registry.built("residual shortcut")
    y, state = held(network, torch.tensor).training_definition(torch.tensor(x), None)
    wanted, _, wanted_state = network.pullback(x, train=True)
    close(y, wanted, 1e-12)
    for name, value in state.items():
        close(value, wanted_state[name], 1e-12)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_training_definitions_are_what_the_engines_train(name):
    part, x = registry.built(name), registry.images()
    y, state = part.training_definition(x, np.random.default_rng(0).random)
    wanted, _, wanted_state = part.pullback(x, train=True, rng=np.random.default_rng(0))
    close(y, wanted, 1e-12)
    assert state.keys() == wanted_state.keys()
    for name, value in state.items():
        np.testing.assert_allclose(value, wanted_state[name], rtol=1e-10, atol=1e-12)


# -- broken objects: each law must notice -----------------------------------------------------------------------------


class WithoutGradient(Modulus):
    def definition(self, x):
        return abs(x.detach()) + 0 * x if hasattr(x, "detach") else abs(x)


class NumpyInside(Modulus):
    def definition(self, x):
        return np.abs(np.asarray(x))


class SteepWhitening(KernelMapping):
    def matrix(self):
        matrix = super().matrix()
        return 1.001 * matrix - 0.001 * matrix.detach() if hasattr(matrix, "detach") else matrix


def test_the_law_of_pytorch_fails_on_broken_parts(torch):
    with pytest.raises(AssertionError):
        check_torch(torch, WithoutGradient().build(registry.SHAPE), 1e-12)
    with pytest.raises(AssertionError):
        check_torch(torch, SteepWhitening(4).build(registry.SHAPE, np.random.default_rng(0)), 1e-12)


def test_the_law_of_jax_fails_on_numpy_inside(jax):
    with pytest.raises(jax.errors.TracerArrayConversionError):
        check_jax(jax, NumpyInside().build(registry.SHAPE), 1e-12)


def test_exponential_keeps_second_derivatives(torch):
    u = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(Exponential(0.6), u)


def test_states_of_tensors_whiten_patches(torch):
    data = np.random.default_rng(1).random((9, 2, 2, 3))
    part = PatchWhitening((1, 3)).build((2, 2, 3), np.random.default_rng(0), data)
    x = np.random.default_rng(2).standard_normal((2, 2, 2, 3))
    close(held(part, torch.tensor).definition(torch.tensor(x)), part.definition(x), 1e-12)


# -- functions of JAX -------------------------------------------------------------------------------------------------


def test_functions_of_jax_are_their_parts(jax):
    part, x = registry.built("ckn"), registry.images()
    function, params = as_function(part)
    assert params.keys() == part.params.keys()
    close(jax.jit(function)(params, x), part.forward(x), 1e-12)
    turned = part.constrain({name: -value for name, value in part.params.items()})
    close(jax.jit(function)(turned, x), part.replace(turned).forward(x), 1e-12)


@pytest.mark.parametrize(
    ("estimator", "method"),
    [
        (ConvKernelNetwork((4, 6), n_patches=300, random_state=0), "transform"),
        (Scattering2D(J=1, L=2), "transform"),
        (ConvNetClassifier("mlp", epochs=1, random_state=0), "decision_function"),
    ],
)
def test_functions_of_jax_are_their_estimators(jax, estimator, method):
    x, y = np.random.default_rng(0).random((12, 8, 8)), np.arange(12) % 3
    function, params = as_function(estimator.fit(x, y))
    close(jax.jit(function)(params, x), getattr(estimator, method)(x), 1e-11)
    assert np.array_equal(function(params, x), function(params, x[..., None]))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool])
def test_functions_of_jax_take_integers_as_float32(jax, dtype):
    x = np.random.default_rng(0).integers(0, 2, (3, 8, 8)).astype(dtype)
    function, params = as_function(ConvKernelNetwork((4, 6), n_patches=100, random_state=0).fit(x))
    found = jax.jit(function)(params, x)
    assert found.dtype == np.float32
    close(found, function(params, x.astype(np.float32)), 1e-6)


def test_functions_of_jax_refuse_what_is_not_of_the_part(jax):
    function, params = as_function(registry.built("ckn"))
    x = registry.images()
    for wrong in ({}, list(params.values()), dict(list(params.items())[1:])):
        with pytest.raises(ValueError, match=r"params must be a dict of 'layer_1.*, as as_function returns it"):
            function(wrong, x)
    for wrong in (x[:, 1:], x[0]):
        with pytest.raises(ValueError, match=r"The function takes images \(n, \d+, \d+, \d+\), got shape"):
            function(params, wrong)


@pytest.mark.parametrize(
    ("model", "error", "match"),
    [
        (registry.SPECIFICATIONS["gaussian"], ValueError, "GaussianPooling is not built: call build"),
        (ConvKernelNetwork(), ValueError, "ConvKernelNetwork is not fitted"),
        (3, TypeError, "as_function takes a built part, a network or a fitted estimator with a network_, got a int"),
    ],
)
def test_what_is_no_function_of_jax(model, error, match):
    with pytest.raises(error, match=match):
        as_function(model)


def test_without_jax(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax.numpy", None)
    with pytest.raises(ImportError, match="as_function needs JAX: pip install jax"):
        as_function(registry.built("relu"))
