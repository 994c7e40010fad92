"""Every law of the library, over every registered part; and each law caught by a broken object."""

import dataclasses
import inspect
import pickle

import numpy as np
import pytest
import reference
import registry

from kernelconv.deformations import warp
from kernelconv.networks.scattering.fast.engines import ENGINES as SCATTERING_ENGINES
from kernelconv.operators import ArcCosine, GaussianPooling, KernelMapping, Layer, Modulus, PatchExtraction, ReLU, Vovk
from kernelconv.operators.base import Part
from kernelconv.operators.composite import Composite
from kernelconv.operators.fast.choice import Engine, name_engines
from kernelconv.operators.fast.engines import ENGINES
from kernelconv.operators.mappings.nonlinearities import Pointwise
from kernelconv.stability import relative_stability
from kernelconv.testing import check_equivariance, check_lipschitz, check_shapes, check_vjp, dot_test

NAMES = list(registry.SPECIFICATIONS)
LIPSCHITZ = [n for n in NAMES if registry.built(n).lipschitz(registry.SHAPE) is not None]


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def relative(a, b):
    assert np.linalg.norm(b) > 0
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize("name", registry.having("linear"))
def test_linear(name, rng):
    part = registry.built(name)
    dot_test(part, rng)
    x, y = registry.images(seed=1), registry.images(seed=2)
    assert relative(part.forward(2 * x - y), 2 * part.forward(x) - part.forward(y)) < 1e-12


@pytest.mark.parametrize("name", registry.having("linear"))
def test_matrix_is_the_operator(name):
    part = registry.built(name)
    x = registry.images()
    matrix = part.as_matrix()
    assert relative(part.forward(x).reshape(3, -1), x.reshape(3, -1) @ matrix.T) < 1e-12
    operator = part.as_linear_operator()
    v = np.random.default_rng(0).standard_normal(operator.shape[0])
    assert relative(operator.rmatvec(v), matrix.conj().T @ v) < 1e-12
    assert relative(operator.matvec(x[0].ravel()), matrix @ x[0].ravel()) < 1e-12


@pytest.mark.parametrize("name", registry.having("differentiable"))
def test_differentiable(name, rng):
    check_vjp(registry.built(name), registry.images(), rng)


@pytest.mark.parametrize("name", registry.having("differentiable"))
def test_pullback_returns_forward(name):
    part, x = registry.built(name), registry.images()
    assert relative(part.pullback(x)[0], part.forward(x)) < 1e-12
    gx, grads = part.vjp(x, np.ones((3, *part.out_shape(registry.SHAPE))))
    assert gx.shape == x.shape
    assert {k: v.shape for k, v in grads.items()} == {k: v.shape for k, v in part.params.items()}


@pytest.mark.parametrize("name", LIPSCHITZ)
def test_lipschitz(name, rng):
    part = registry.built(name)
    x = registry.images()
    check_lipschitz(part, x, rng)
    check_lipschitz(part, 1e-3 * x, rng)  # near zero, where a homogeneous map bends


@pytest.mark.parametrize(
    "name",
    [
        n
        for n in registry.having("linear")
        if n.startswith(("patches", "gradient", "gaussian", "pad", "crop", "channel"))
        or n in ("average", "average circular", "global average", "flatten", "dense linear", "dropout")
        or n in ("path selection", "wavelets", "wavelets along lines", "transposed convolution with gaps")
    ],
)
def test_lipschitz_constants_of_linear_parts_are_reached(name):
    part = registry.built(name)
    if isinstance(part, Composite):  # of a product the bound is no norm
        part = part.parts[0]
    matrix = part.as_matrix()
    norm = np.linalg.norm(np.concatenate([matrix.real, matrix.imag]), 2)  # of real maps
    assert part.lipschitz(registry.SHAPE) == pytest.approx(norm, rel=1e-9)


@pytest.mark.parametrize("kernel", [k for k in registry.KERNELS if k.differentiable])
def test_mapping_is_lipschitz_close_to_dense_anchors(kernel, rng):
    """Dense anchors and pairs close to them: there the ratio comes near the constant (0.97 and more)."""
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    z = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    part = KernelMapping(200, kernel, regularization=1e-8).build((1, 1, 2), rng).replace({"anchors": z})
    reached = check_lipschitz(part, z[:, None, None, :], rng, n_pairs=200)
    assert reached > 0.95


@pytest.mark.parametrize("name", [n for n in registry.having("equivariant") if "reflect" not in n])
def test_equivariant(name):
    part, shape = registry.SPECIFICATIONS[name], registry.SHAPE if name in registry.ONE_SIZE else (12, 12, 2)
    part = part.build(shape, np.random.default_rng(1), data=registry.images(4, shape))
    check_equivariance(part, registry.images(2, shape, seed=4))


def check_homogeneous(part, x):
    assert relative(part.forward(3.5 * x), 3.5 * part.forward(x)) < 1e-12


@pytest.mark.parametrize("name", registry.having("homogeneous"))
def test_homogeneous(name):
    check_homogeneous(registry.built(name), registry.images())


@pytest.mark.parametrize("name", [n for n, part in registry.SPECIFICATIONS.items() if isinstance(part, Pointwise)])
def test_a_nonlinearity_that_is_homogeneous_says_so(name):
    part, x = registry.built(name), registry.images()
    bends = relative(part.forward(3.5 * x), 3.5 * part.forward(x)) > 1e-12
    assert part.homogeneous == (not bends)


#: Not declared, though they hold: by the sizes or the numbers of these parts, not by their type.
BY_CHANCE = {
    ("linear", "mapping Polynomial(degree=1)"),
    ("linear", "halves of real maps"),  # of complex ones it is not
    ("equivariant", "average"),
    ("equivariant", "max"),
    ("equivariant", "convolution of many circular"),
    ("equivariant", "concat real and complex"),
    ("equivariant", "log"),
}


def moved(part):
    """The part with other params than zeros; anchors stay on the sphere."""
    rng = np.random.default_rng(8)
    noise = {k: v + 0.3 * rng.standard_normal(v.shape) for k, v in part.params.items()}
    return part.replace(part.constrain(noise)) if noise else part


@pytest.mark.parametrize("name", NAMES)
def test_a_trait_is_declared_where_its_law_holds(name):
    part, x, y = moved(registry.built(name)), registry.images(seed=1), registry.images(seed=2)
    a, b = part.forward(x), part.forward(y)
    bends = relative(part.forward(3 * x - y), 3 * a - b) > 1e-10
    scales = relative(part.forward(3.5 * x), 3.5 * a) < 1e-10
    shape = registry.SHAPE if name in registry.ONE_SIZE else (12, 12, 2)
    large = moved(registry.SPECIFICATIONS[name].build(shape, np.random.default_rng(1), registry.images(4, shape)))
    holds = {"linear": not bends, "homogeneous": scales}
    if all(isinstance(step, int) for step in large.receptive_field(shape)[1]):  # half a pixel is no shift
        try:
            check_equivariance(large, registry.images(2, shape, seed=4))
            holds["equivariant"] = True
        except AssertionError:
            holds["equivariant"] = False
    for trait, value in holds.items():
        assert getattr(part, trait) == (value and (trait, name) not in BY_CHANCE), trait


def everything_below(cls):
    return {cls, *(deeper for child in cls.__subclasses__() for deeper in everything_below(child))}


def test_gradients_are_by_default_those_of_evaluation():
    """Of every class of the library, on whatever way it is called."""
    found = set()
    for cls in (c for base in (Part, Engine) for c in everything_below(base) if c.__module__.startswith("kernelconv")):
        for name in ("pullback", "_pullback", "pullback_params"):
            if name in vars(cls):
                assert inspect.signature(vars(cls)[name]).parameters["train"].default is False, (cls, name)
                found.add(name)
        if "_inner_shapes" in vars(cls):
            assert inspect.signature(cls._inner_shapes).parameters["gradient"].default is False, cls
    assert len(found) == 3


def tolerance(name, dtype):
    """Of an engine, or another library, against the definition; whitenings lose digits with their condition."""
    return 1e-12 if dtype == np.float64 else registry.ILL_CONDITIONED.get(name, 1e-5)


def check_engine(part, x, tol):
    """Forward, pullback and adjoint by the engine are those of the part's own formulas."""
    y = part.definition(x)
    assert y.real.dtype == x.dtype
    assert relative(part._engine.forward(x), y) <= tol
    g = np.random.default_rng(7).standard_normal(y.shape).astype(y.dtype)
    for train in (False, True) if part.differentiable else ():
        y, pull, state = part._engine.pullback(x, train=train, rng=np.random.default_rng(0))
        y_own, pull_own, state_own = part._pullback(x, train=train, rng=np.random.default_rng(0))
        (gx, grads), (gx_own, grads_own) = pull(g), pull_own(g)
        assert relative(y, y_own) <= tol
        assert relative(gx, gx_own) <= 10 * tol
        for ours, own in ((grads, grads_own), (state, state_own)):
            assert ours.keys() == own.keys()
            for k in own:  # a state may be zeros
                assert np.linalg.norm(ours[k] - own[k]) <= 10 * tol * np.linalg.norm(own[k])
    if part.linear:
        assert relative(part._engine.adjoint(g, x.shape), part._adjoint(g, x.shape)) <= tol


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NAMES)
def test_engine_is_the_definition(name, dtype):
    part = registry.built(name)
    check_engine(part.astype(dtype), registry.images().astype(dtype), tolerance(name, dtype))


def test_every_engine_is_held_to_a_definition():
    """The registry has a part for each entry of the table of engines, with the engine in use."""
    found = {
        type(p)
        for name in NAMES
        for p in leaves_and_composites(registry.built(name))
        if type(p._engine) is not p._own_engine
    }
    assert found >= {*ENGINES, *SCATTERING_ENGINES}


def leaves_and_composites(part):
    yield part
    for inner in part.named_parts.values() if isinstance(part, Composite) else ():
        yield from leaves_and_composites(inner)


def strict(x):
    """`x` on the second device of array_api_strict, which refuses whatever is not in the standard."""
    xp = pytest.importorskip("array_api_strict")
    return xp.asarray(x, device=xp.Device("device1"))


def check_strict(part, x, tol):
    y = part.forward(strict(x))
    assert type(y) is type(strict(x))
    assert y.device == strict(x).device
    y = np.asarray(y.to_device(type(y.device)("CPU_DEVICE")))
    assert y.real.dtype == x.dtype
    assert relative(y, part.definition(x)) <= tol


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NAMES)
def test_definition_is_standard_array_code(name, dtype):
    part = registry.built(name)
    check_strict(part.astype(dtype), registry.images().astype(dtype), tolerance(name, dtype))


@pytest.mark.parametrize("name", NAMES)
def test_definition_on_pytorch_is_that_on_numpy(name):
    torch = pytest.importorskip("torch")
    part, x = registry.built(name), registry.images()
    y = part.forward(torch.tensor(x))
    assert isinstance(y, torch.Tensor)
    assert relative(y.numpy(), part.definition(x)) <= 1e-12


def test_gradients_of_other_libraries_arrays_are_refused():
    part = GaussianPooling(2).build(registry.SHAPE)
    for call in (part.pullback, part.pullback_params):
        with pytest.raises(
            TypeError, match=r"pullback takes NumPy arrays, got a <class .array_api_strict.*differentiates"
        ):
            call(strict(registry.images()))


def check_naive(part, x):
    """Every leaf on the way equals its naive loop on the maps that come to it; composites are made of leaves."""
    if isinstance(part, Composite):
        for leaf, maps in leaf_inputs(part, x):
            check_naive(leaf, maps)
        return
    assert type(part).__name__ in reference.NAIVE, f"{type(part).__name__} has no naive loop in reference.py"
    # the arc-cosine kernel of degree 0 has an infinite slope at 1: rounding of eps there moves it by sqrt(2 eps) / pi
    limit = 1e-7 if getattr(part, "kernel", None) == ArcCosine(degree=0) else 1e-10
    assert relative(part.forward(x), reference.NAIVE[type(part).__name__](part, x)) < limit


def leaf_inputs(part, x):
    """The leaves of a composite, each with the maps that the composite gives it."""
    found = []

    def run(inner, y):
        if isinstance(inner, Composite):
            return inner._through(y, run)
        found.append((inner, y))
        return inner.forward(y)

    part._through(x, run)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_part_is_its_naive_loop(name):
    check_naive(registry.built(name), registry.images())


@pytest.mark.parametrize("shape", [(8.0, 8, 1), "abc", (-1, 8, 1), (0, 8, 1), (8, 8), (1, 8, 8, 1), (True, 8, 1), None])
def test_shapes_are_three_positive_ints(shape):
    part = Layer(PatchExtraction(1), Modulus(), GaussianPooling(2))
    for call in (part.build, part.out_shape, part.lipschitz, PatchExtraction(1).build, PatchExtraction(1).lipschitz):
        with pytest.raises(ValueError, match=r"must be \(height, width, channels\), three positive ints, got"):
            call(shape)


def test_maps_without_an_axis_of_channels():
    built = GaussianPooling(2).build((8, 6, 1), np.random.default_rng(0))
    for part in (built, GaussianPooling(2)):
        with pytest.raises(ValueError, match=r"maps of shape \(8, 6\) without an axis of channels: add one, "):
            part.forward(np.ones((3, 8, 6)))


@pytest.mark.parametrize("name", NAMES)
def test_no_part_is_built_at_what_is_no_shape(name):
    for shape in ((6,), (6, 8, 2.5)):
        with pytest.raises(ValueError, match=r"must be \(height, width, channels\), three positive ints, got"):
            registry.SPECIFICATIONS[name].build(shape, np.random.default_rng(0))


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.int64, np.float16])
@pytest.mark.parametrize("name", NAMES)
def test_integers_become_float32(name, dtype):
    x = (100 * np.abs(registry.images())).astype(dtype)
    part = registry.built(name).astype(np.float32)
    y = part.forward(x)
    assert y.real.dtype == np.float32
    assert np.array_equal(y, part.forward(x.astype(np.float32)))


#: 1e30 and 1e-30, exactly: three images of very different size
SCALES = np.ldexp(np.float32(1), [100, 0, -100]).reshape(3, 1, 1, 1)
SQUARING = ("mapping Exponential", "mapping Vovk", "layer", "ckn", "modulus", "scattering")


def check_images_agree(got, wanted):
    """Image by image: one that vanished would not be seen beside the others."""
    assert len(got) == len(wanted) == 3
    for a, b in zip(got, wanted, strict=True):
        assert 0 < np.linalg.norm(b) < np.inf
        assert np.linalg.norm(a - b) <= 5e-5 * np.linalg.norm(b)


@pytest.mark.parametrize("name", registry.having("homogeneous"))
def test_homogeneous_in_float32_where_squares_overflow_or_vanish(name):
    part, x = registry.built(name).astype(np.float32), registry.images().astype(np.float32)
    y = part.forward(x)
    check_images_agree(part.forward(x * SCALES) / SCALES, y)
    check_images_agree(part.definition(x * SCALES) / SCALES, y)


@pytest.mark.parametrize(
    "name", [n for n in registry.having("homogeneous") if n.startswith(SQUARING) and registry.built(n).differentiable]
)
def test_gradients_in_float32_where_squares_overflow_or_vanish(name):
    """The gradient in x of a homogeneous part does not depend on the scale, those in the params grow with x."""
    part, x = registry.built(name).astype(np.float32), registry.images().astype(np.float32)
    y, pull, _ = part.pullback(x)
    far_y, far_pull, _ = part.pullback(x * SCALES)
    check_images_agree(far_y / SCALES, y)
    g = np.random.default_rng(5).standard_normal(y.shape).astype(np.float32)
    (gx, grads), (far_gx, far_grads) = pull(g), far_pull(g / SCALES)
    check_images_agree(far_gx * SCALES, gx)
    for key in grads:
        assert relative(far_grads[key], grads[key]) <= 5e-5


@pytest.mark.parametrize("name", NAMES)
def test_a_nan_stays_in_its_image(name):
    part, x = registry.built(name), registry.images()
    bad = x.copy()
    bad[0] = np.nan
    try:
        y = part.forward(bad)
    except ValueError as error:  # networks look at what they are given
        if "non-finite values (NaN or infinity), the first at index (0, 0, 0, 0)" not in str(error):
            raise
        return
    assert np.isnan(y[0]).any()
    np.testing.assert_allclose(y[1:], part.forward(x)[1:], rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_structure_is_known_before_data(name):
    part = registry.SPECIFICATIONS[name]
    assert check_shapes(registry.built(name), registry.images()) == part.out_shape(registry.SHAPE)
    assert np.abs(registry.built(name).forward(registry.images())).max() > 0


@pytest.mark.parametrize("name", NAMES)
def test_dtype_and_input_are_kept(name):
    part, x = registry.built(name), registry.images()
    y = part.forward(x)
    single = part.astype(np.float32).forward(x.astype(np.float32))
    assert y.real.dtype == np.float64
    assert single.real.dtype == np.float32
    assert relative(single, y) < 1e-4
    if part.differentiable:
        gx, grads = part.astype(np.float32).vjp(x.astype(np.float32), single)
        assert {gx.dtype, *(g.dtype for g in grads.values())} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", NAMES)
def test_parts_are_immutable_and_copy(name):
    specification, part = registry.SPECIFICATIONS[name], registry.built(name)
    assert specification.in_shape is None
    assert not specification.params
    with pytest.raises(dataclasses.FrozenInstanceError):
        part.n_jobs = 2
    x = registry.images()
    assert np.array_equal(pickle.loads(pickle.dumps(part)).forward(x), part.forward(x))
    assert np.array_equal(part.replace(part.params).forward(x), part.forward(x))
    assert part.n_params() == sum(v.size for v in part.params.values())


def check_batch(part, x):
    one_by_one = np.concatenate([part.forward(x[[i]]) for i in range(len(x))])
    assert relative(one_by_one, part.forward(x)) < 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_its_samples(name):
    check_batch(registry.built(name), registry.images())


def check_fused(layer, x):
    assert relative(layer.forward(x), layer.definition(x)) < 1e-10
    y, pull, _ = layer.pullback(x)
    _, pull_unfused, _ = layer._pullback(x)
    g = np.random.default_rng(0).standard_normal(y.shape)
    (gx, grads), (gx2, grads2) = pull(g), pull_unfused(g)
    assert relative(gx, gx2) < 1e-10
    for key in grads:
        assert relative(grads[key], grads2[key]) < 1e-9


@pytest.mark.parametrize("name", [n for n in NAMES if isinstance(registry.SPECIFICATIONS[n], Layer)])
def test_fused_equals_unfused(name):
    check_fused(registry.built(name), registry.images())


def check_anchors(part):
    """M(Z) M(Z)' = K (K + eps I)^-1 K."""
    z, kernel, regularization = part.params["anchors"], part.kernel, part.regularization
    m = part.forward(z[:, None, None, :]).reshape(12, 12)
    k = kernel(np.clip(z @ z.T, -1, 1))
    expected = k @ np.linalg.solve(k + regularization * np.eye(12), k)
    tol = 1e-10 if kernel.differentiable else 1e-7  # an infinite slope turns rounding eps into sqrt(eps)
    assert np.abs(m @ m.T - expected).max() < tol
    assert np.linalg.norm(expected) > 1


@pytest.mark.parametrize("kernel", registry.KERNELS)
@pytest.mark.parametrize("regularization", [1e-3, 0.1])
def test_mapping_on_its_anchors(kernel, regularization):
    check_anchors(KernelMapping(12, kernel, regularization).build((1, 1, 5), np.random.default_rng(0)))


def check_kernel(kernel):
    """Symmetric, positive semi-definite, kappa(1) = 1: K(x, x) = norm(x)^2."""
    x = np.random.default_rng(3).standard_normal((40, 3))
    gram = kernel.gram(x)
    assert np.abs(gram - gram.T).max() < 1e-10
    assert np.linalg.eigvalsh(gram).min() > -1e-10 * np.linalg.norm(gram)
    tol = 1e-10 if kernel.differentiable else 1e-6
    assert relative(np.diag(gram), (x**2).sum(axis=1)) < tol


@pytest.mark.parametrize("kernel", registry.KERNELS)
def test_kernel(kernel):
    check_kernel(kernel)


def check_warp(warp):
    """tau = 0 is the identity, an integer constant tau is np.roll inside, for every order."""
    x = np.random.default_rng(4).standard_normal((2, 12, 10))
    shift = np.broadcast_to(np.array([2.0, -1.0]), (12, 10, 2))
    inside = (slice(None), slice(2, -2), slice(1, -1))
    for order in (0, 1, 3):
        tol = 0 if order <= 1 else 1e-12
        assert np.abs(warp(x, np.zeros((12, 10, 2)), order=order) - x).max() <= tol
        assert np.abs(warp(x, shift, order=order) - np.roll(x, (2, -1), axis=(1, 2)))[inside].max() <= tol


def test_warp():
    check_warp(warp)


def check_measures(measure):
    """R = 1 for an orthogonal map, unchanged by scaling, refused for a constant map."""
    rng = np.random.default_rng(5)
    x, step, noise = rng.standard_normal((3, 30, 8))
    noise *= np.linalg.norm(step, axis=1, keepdims=True) / np.linalg.norm(noise, axis=1, keepdims=True)
    rotation = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    for phi in (lambda v: v, lambda v: v @ rotation, lambda v: -3 * v):
        assert abs(measure(phi(x), phi(x + step), phi(x + noise)) - 1) < 1e-10
    squashed = [np.tanh(v) for v in (x, x + step, x + noise)]
    assert abs(measure(*(7 * v for v in squashed)) - measure(*squashed)) < 1e-10
    with pytest.raises(ValueError, match="constant"):
        measure(*np.ones((3, 30, 8)))


def test_measures():
    check_measures(relative_stability)


# Broken objects: each law must notice.


class WrongAdjoint(PatchExtraction):
    def _adjoint(self, y, shape):
        out = super()._adjoint(y, shape)
        out[:, 0] *= 1.001
        return out


class WrongGradient(ReLU):
    def _pullback(self, x, *, train=False, rng=None):
        y, pull, state = super()._pullback(x)
        return y, lambda g: (pull(g)[0] * np.where(np.arange(g.shape[2]) == 0, 1.001, 1)[:, None], {}), state


class WrongAnchorGradient(KernelMapping):
    def whiten_pullback(self, m):
        y, pull = super().whiten_pullback(m)
        return y, lambda g: (pull(g)[0], 1.001 * pull(g)[1])


class TooSteep(Modulus):
    def definition(self, x):
        return 1.001 * np.abs(x)


class OffGrid(GaussianPooling):
    def definition(self, x):
        y = super().definition(x)
        y[:, 0] *= 1 + 1e-6
        return y


class ZeroPart(Modulus):
    linear = True

    def definition(self, x):
        return 0 * x

    def _adjoint(self, y, shape):
        return 0 * y

    def _pullback(self, x, *, train=False, rng=None):
        return 0 * x, lambda g: (0 * g, {}), {}


def test_dot_test_fails_on_an_adjoint_wrong_by_a_thousandth(rng):
    with pytest.raises(AssertionError, match=r"but <x, A\*y> = .*: relative error .* > 1e-10"):
        dot_test(WrongAdjoint(3).build(registry.SHAPE), rng)


def test_check_vjp_fails_on_a_gradient_wrong_by_a_thousandth(rng):
    with pytest.raises(AssertionError, match=r"Gradient in x: .* relative error"):
        check_vjp(WrongGradient().build(registry.SHAPE), registry.images(), rng)


def test_check_vjp_fails_on_a_param_gradient_wrong_by_a_thousandth(rng):
    part = WrongAnchorGradient(5).build(registry.SHAPE, rng)
    with pytest.raises(AssertionError, match="Gradient in anchors"):
        check_vjp(part, registry.images(), rng)


class OtherValues(Modulus):
    """Its pullback is a right gradient, of another function."""

    def _pullback(self, x, *, train=False, rng=None):
        return 3 * x + 7, lambda g: (3 * g, {}), {}


class NoGradient(KernelMapping):
    def _pullback(self, x, *, train=False, rng=None):
        y, pull, state = super()._pullback(x, train=train, rng=rng)
        return y, lambda g: (pull(g)[0], {}), state


class WideGradient(KernelMapping):
    def _pullback(self, x, *, train=False, rng=None):
        y, pull, state = super()._pullback(x, train=train, rng=rng)
        return y, lambda g: (pull(g)[0], {"anchors": pull(g)[1]["anchors"][None]}), state


@pytest.mark.parametrize(
    ("part", "match"),
    [
        (OtherValues(), "pullback returns other values than forward"),
        (NoGradient(5), "pullback returns no gradient of anchors"),
        (WideGradient(5), r"The gradient in anchors has shape \(1, 5, 2\), and anchors has \(5, 2\)"),
    ],
)
def test_check_vjp_fails_on_other_values_and_on_gradients_that_are_not_of_the_params(part, match, rng):
    with pytest.raises(AssertionError, match=match):
        check_vjp(part.build(registry.SHAPE, rng), registry.images(), rng)


class Misstated(GaussianPooling):
    def _out_shape(self, in_shape):
        h, w, c = super()._out_shape(in_shape)
        return h, w + 1, c


class Centred(Modulus):
    def definition(self, x):
        return abs(x - x.mean(0))


def test_check_shapes_fails_on_a_wrong_shape_and_on_images_that_are_mixed():
    x = registry.images()
    with pytest.raises(AssertionError, match=r"of 3 images has shape \(3, 3, 4, 2\), out_shape states \(3, 3, 5, 2\)"):
        check_shapes(Misstated(2).build(registry.SHAPE), x)
    with pytest.raises(AssertionError, match=r"F\(x\) of one image differs by 1 of the norm when it is computed with"):
        check_shapes(Centred().build(registry.SHAPE), x)


def test_check_lipschitz_fails_on_a_steeper_map(rng):
    with pytest.raises(AssertionError, match="exceeds the declared constant 1"):
        check_lipschitz(TooSteep().build(registry.SHAPE), registry.images(), rng)


def test_check_equivariance_fails_on_one_wrong_row():
    part = OffGrid(2, padding="circular").build((8, 8, 2))
    with pytest.raises(AssertionError, match="does not commute"):
        check_equivariance(part, registry.images(2, (8, 8, 2)))


class Approximate(Engine):
    def forward(self, x):
        return super().forward(x) * (1 + 1e-11)


class NotStandard(Modulus):
    def definition(self, x):
        return np.abs(np.asarray(x))


class OnTheFirstDevice(Modulus):
    def definition(self, x):
        import array_api_strict as xp

        return xp.abs(x) if isinstance(x, np.ndarray) else xp.asarray(np.asarray(x.to_device(xp.Device("CPU_DEVICE"))))


class New(Modulus):
    def definition(self, x):
        return np.abs(x) + 1e-3


def test_check_engine_fails_on_an_engine_off_by_1e_11():
    class Own(Modulus):
        """A type that no other test has an engine for."""

    name_engines({Own: Approximate})
    with pytest.raises(AssertionError):
        check_engine(Own().build(registry.SHAPE), registry.images(), 1e-12)


@pytest.mark.parametrize("broken", [NotStandard, OnTheFirstDevice])
def test_definitions_that_leave_the_library_or_the_device_are_caught(broken):
    pytest.importorskip("array_api_strict")
    with pytest.raises((AssertionError, TypeError, RuntimeError, ValueError)):
        check_strict(broken().build(registry.SHAPE), registry.images(), 1e-12)


def test_a_new_part_needs_a_naive_loop(monkeypatch):
    with pytest.raises(AssertionError, match=r"New has no naive loop in reference\.py"):
        check_naive(New().build(registry.SHAPE), registry.images())
    monkeypatch.setitem(reference.NAIVE, "New", reference.NAIVE["Modulus"])
    with pytest.raises(AssertionError):
        check_naive(New().build(registry.SHAPE), registry.images())


class Affine(Modulus):
    def definition(self, x):
        return np.abs(x) + 1e-9


class Coupled(Modulus):
    def definition(self, x):
        return np.abs(x) + 1e-9 * x.mean(axis=0)


class PoolsTwice(Layer):
    def _through(self, x, run):
        y = super()._through(x, run)
        return y + 1e-8 * y[:, ::-1]


class OtherWhitening(KernelMapping):
    def definition(self, x):
        return super().definition(x) * (1 + 1e-9)


class NotNormalised(Vovk):
    def __call__(self, u):
        return 1.0001 * super().__call__(u)


class NotPositive(Vovk):
    def __call__(self, u):
        return u**3 - 0.2 * u**2 + 0.2


def biased_warp(x, tau, order):
    return warp(x, np.asarray(tau) + 1e-9, order=order)


def median_stability(phi_x, phi_warped, phi_noisy):
    d, g = (np.median(((p - phi_x) ** 2).sum(axis=1)) for p in (phi_warped, phi_noisy))
    return d / g + 1e-9 * np.linalg.norm(phi_x)


@pytest.mark.parametrize(
    ("check", "broken"),
    [
        (check_homogeneous, Affine().build(registry.SHAPE)),
        (check_batch, Coupled().build(registry.SHAPE)),
        (check_fused, PoolsTwice(PatchExtraction(2), KernelMapping(4), GaussianPooling(2))),
    ],
)
def test_laws_on_maps_fail_on_broken_parts(check, broken, rng):
    with pytest.raises(AssertionError):
        check(broken.build(registry.SHAPE, rng), registry.images())


@pytest.mark.parametrize(
    ("check", "broken"),
    [
        (check_anchors, OtherWhitening(12).build((1, 1, 5), np.random.default_rng(0))),
        (check_kernel, NotNormalised()),
        (check_kernel, NotPositive()),
        (check_warp, biased_warp),
        (check_measures, median_stability),
    ],
)
def test_laws_fail_on_broken_objects(check, broken):
    with pytest.raises(AssertionError):
        check(broken)


def test_the_dot_test_returns_the_error_of_its_formula():
    part = WrongAdjoint(3).build(registry.SHAPE)
    draws = np.random.default_rng(7)
    x = draws.standard_normal((2, *registry.SHAPE))
    ax = part.forward(x)
    y = draws.standard_normal(ax.shape)
    ay, norm = part.adjoint(y), np.linalg.norm
    scale = max(norm(ax) * norm(y), norm(x) * norm(ay))
    wanted = abs((ax * y).sum() - (x * ay).sum()) / scale
    assert dot_test(part, np.random.default_rng(7), tol=1.0) == pytest.approx(wanted, rel=1e-6)
    assert wanted > 1e-7
    assert dot_test(part, np.random.default_rng(7), n=3, tol=1.0) != pytest.approx(wanted, rel=1e-6)


class Stretch(Modulus):
    """x -> a x, said to have the gradient b g and the Lipschitz constant 1."""

    factor, slope = 1.0, 1.0

    def definition(self, x):
        return self.factor * x

    def _pullback(self, x, *, train=False, rng=None):
        return self.factor * x, lambda g: (self.slope * g, {}), {}


def stretched(factor, slope=1.0):
    part = Stretch().build(registry.SHAPE)
    object.__setattr__(part, "factor", factor)
    object.__setattr__(part, "slope", slope)
    return part


def test_check_vjp_returns_the_worst_error_and_has_a_tolerance():
    draws, x = np.random.default_rng(3), registry.images()
    g, t = draws.standard_normal(x.shape), draws.standard_normal(x.shape)
    wanted = abs((g * t).sum()) * 0.5 / (1.5 * np.linalg.norm(g) * np.linalg.norm(t))
    part = stretched(1.0, 1.5)
    assert check_vjp(part, x, np.random.default_rng(3), tol=1.0) == pytest.approx(wanted, rel=1e-6)
    assert check_vjp(stretched(1.5), x, np.random.default_rng(3), tol=1.0) == pytest.approx(wanted, rel=1e-6)
    with pytest.raises(AssertionError, match=r"Gradient in x: .* > 1e-07"):
        check_vjp(part, x, np.random.default_rng(3))


def test_check_vjp_leaves_the_params_out_if_asked(rng):
    part = WrongAnchorGradient(5).build(registry.SHAPE, rng)
    assert check_vjp(part, registry.images(), np.random.default_rng(0), params=False) < 1e-7
    found = check_vjp(part, registry.images(), np.random.default_rng(0), tol=1.0)
    assert 1e-7 < found < 1e-2  # the params' error is the worst


def test_check_lipschitz_returns_the_largest_ratio_and_allows_for_rounding():
    x = registry.images()
    for factor in (0.5, 1.0, 1 + 5e-7):
        assert check_lipschitz(stretched(factor), x, np.random.default_rng(0)) == pytest.approx(factor, rel=1e-9)
    with pytest.raises(AssertionError, match=r"Ratio 1\.000002 exceeds the declared constant 1\."):
        check_lipschitz(stretched(1 + 2e-6), x, np.random.default_rng(0))
    assert check_lipschitz(stretched(1.01), x, np.random.default_rng(0), slack=0.02) == pytest.approx(1.01)


def test_check_lipschitz_tries_pairs_of_all_images_dense_and_sparse(monkeypatch):
    seen, x = [], registry.images(3, (12, 12, 2))  # of so many pixels that no sparse step is empty
    part = Stretch().build((12, 12, 2))
    monkeypatch.setattr(Stretch, "forward", lambda self, x: seen.append(x) or x)
    check_lipschitz(part, x, np.random.default_rng(0), n_pairs=40)
    steps = [moved - start for moved, start in zip(seen[::2], seen[1::2], strict=True)]
    assert len(steps) == 40
    for i, (start, step) in enumerate(zip(seen[1::2], steps, strict=True)):
        np.testing.assert_array_equal(start, x[[i % len(x)]])
        changed = np.mean(np.abs(step) > 0)
        assert 0 < changed < 0.2 if i % 2 else changed > 0.99
        assert 0.0099 < np.linalg.norm(step) < 1.0001
    sizes = np.log10([np.linalg.norm(step) for step in steps])
    assert sizes.min() < -1.7
    assert sizes.max() > -0.3
    seen.clear()
    check_lipschitz(part, x, np.random.default_rng(0))
    assert len(seen) == 2 * 50


def test_check_equivariance_returns_the_error_of_either_axis():
    part, x = OffGrid(2, padding="circular").build((8, 8, 2)), registry.images(2, (8, 8, 2))
    y = part.forward(x)
    wanted = np.linalg.norm(part.forward(np.roll(x, 2, 1)) - np.roll(y, 1, 1)) / np.linalg.norm(y)
    assert check_equivariance(part, x, tol=1.0) == pytest.approx(wanted, rel=1e-6)
    with pytest.raises(AssertionError, match=r"A shift by the stride \(2, 2\) does not commute: .* > 1e-10"):
        check_equivariance(part, x)


def test_what_is_exact_passes_at_tolerance_zero(rng):
    x = registry.images()
    assert check_equivariance(stretched(1.0), x, tol=0.0) == 0
    assert check_lipschitz(stretched(0.0625), x, rng, slack=0.0) == pytest.approx(0.0625)


def test_check_lipschitz_wants_a_constant():
    part = stretched(1.0)
    object.__setattr__(part, "lipschitz", lambda shape: None)
    with pytest.raises(ValueError, match=r"Stretch\(\) declares no Lipschitz constant"):
        check_lipschitz(part, registry.images(), np.random.default_rng(0))


def test_checks_refuse_to_pass_on_zeros(rng):
    part = ZeroPart().build(registry.SHAPE)
    with pytest.raises(AssertionError, match="would say nothing"):
        dot_test(part, rng)
    with pytest.raises(AssertionError, match="would say nothing"):
        check_vjp(part, registry.images(), rng)
    with pytest.raises(AssertionError, match="did not move"):
        check_lipschitz(part, registry.images(), rng)
    with pytest.raises(AssertionError, match="would say nothing"):
        check_equivariance(part, registry.images())
