"""Warp and measures of tensors, and PyTorch's modules measured as they are: one library and device, its gradients."""

from types import SimpleNamespace

import numpy as np
import pytest

from kernelconv import measure_stability
from kernelconv.deformations import SmoothDeformation, corrupt, warp, warp_adjoint, warp_derivative
from kernelconv.stability import (
    as_representation,
    bootstrap_interval,
    cosine_distance,
    deformation_sensitivity,
    equivariance_error,
    invert,
    lipschitz_ratio,
    measure_layers,
    noise_sensitivity,
    relative_change,
    relative_stability,
    translation_error,
    worst_case,
)
from kernelconv.stability.adapters import modules
from kernelconv.stability.measures import spread
from kernelconv.stability.representation import as_gradient

ORDERS = (0, 1, 3, "fourier")
PADDINGS = ("zero", "reflect", "symmetric", "circular")
each_order = pytest.mark.parametrize("order", ORDERS)
each_padding = pytest.mark.parametrize("padding", PADDINGS)
RNG = np.random.default_rng
SMOOTH = SmoothDeformation(2)


# -- the libraries -----------------------------------------------------------------------------------------------------


def _strict():
    xp = pytest.importorskip("array_api_strict", reason="the standard's own arrays are not installed")
    device = xp.Device("device1")  # a second device: what is made on the first one does not meet its arrays
    return SimpleNamespace(
        array=lambda x: xp.asarray(x, device=device),
        back=lambda y: np.asarray(y.to_device(xp.Device("CPU_DEVICE"))),
        alike=lambda y, x: type(y) is type(x) and y.device == x.device and y.dtype == x.dtype,
    )


def _torch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    return SimpleNamespace(
        array=lambda x: torch.tensor(np.array(x)),
        back=lambda y: y.numpy(),
        alike=lambda y, x: type(y) is type(x) and y.device == x.device and y.dtype == x.dtype,
    )


@pytest.fixture(params=[_strict, _torch], ids=["array_api_strict", "torch"])
def library(request):
    return request.param()


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture
def jax():
    found = pytest.importorskip("jax", reason="JAX is not installed")
    with found.enable_x64(True):
        yield found


# -- warp --------------------------------------------------------------------------------------------------------------


def images(*shape, seed=0):
    return RNG(seed).standard_normal(shape)


def displacements(*shape, scale=2.0, seed=1):
    return scale * RNG(seed).standard_normal((*shape, 2))


@each_order
def test_warp_is_that_of_numpy_in_the_library_and_on_the_device_of_its_images(library, order):
    x, own = images(2, 5, 6, 2), displacements(2, 5, 6)
    for k, padding in enumerate(PADDINGS):
        tau = own if k % 2 else own[0]  # one field an image, or one for all
        expected, array = warp(x, tau, order=order, padding=padding), library.array(x)
        for field in (library.array(tau), tau):
            y = warp(array, field, order=order, padding=padding)
            assert library.alike(y, array)
            np.testing.assert_allclose(library.back(y), expected, rtol=0, atol=1e-12)
        assert np.abs(expected - x).max() > 0.5


@each_order
@each_padding
@pytest.mark.parametrize("shared", [True, False])
def test_one_field_or_many_and_every_size_are_warped_as_by_numpy(torch, order, padding, shared):
    for shape, scale in (((3, 6, 5), 3.0), ((2, 1, 8, 1), 3.0), ((2, 1, 1, 3), 300.0), ((1, 7, 4, 2), 2e8)):
        x, tau = images(*shape), displacements(*(shape[1:3] if shared else shape[:3]), scale=scale)
        expected = warp(x, tau, order=order, padding=padding)
        y = warp(torch.tensor(x), torch.tensor(tau), order=order, padding=padding)
        assert y.shape == expected.shape
        far = 1e-6 if scale > 1e6 else 1e-12  # of 1e8 px, 1e-8 px are rounding
        np.testing.assert_allclose(y.numpy(), expected, rtol=0, atol=far)


def test_float32_stays_float32_and_whole_numbers_become_it(library):
    x, tau = images(2, 8, 9).astype(np.float32), displacements(8, 9).astype(np.float32)
    for order in (1, 3, "fourier"):
        expected, array = warp(x, tau, order=order), library.array(x)
        y = warp(array, library.array(tau), order=order)
        assert library.alike(y, array)
        assert np.linalg.norm(library.back(y) - expected) < 1e-5 * np.linalg.norm(expected)
    # between two pixels, in the wider of the dtypes: as float32 this is a half, which goes the other way
    half = np.full((8, 9, 2), 0.5 + 1e-9)
    np.testing.assert_array_equal(
        library.back(warp(library.array(x), library.array(half), order=0)), warp(x, half, order=0)
    )
    grey = RNG(2).integers(0, 255, (2, 8, 9), dtype=np.uint8)
    y = warp(library.array(grey), tau, order=0)
    assert library.alike(y, library.array(x))
    np.testing.assert_array_equal(library.back(y), warp(grey, tau, order=0))


def test_fields_and_numpy_images_come_to_the_library_of_the_other(library):
    x, fields = images(3, 8, 8), SMOOTH.sample((8, 8), 0.3, RNG(0), size=3)
    expected = warp(x, fields)
    tensor = library.array(np.asarray(fields))
    for y in (warp(library.array(x), fields), warp(x, tensor), warp(x.tolist(), tensor)):
        assert library.alike(y, tensor) or library.back(y).dtype == np.float64
        np.testing.assert_allclose(library.back(y), expected, atol=1e-12)


@pytest.mark.parametrize("order", [0, 1, 3, "fourier"])
@each_padding
def test_autograd_of_the_warp_is_its_adjoint_and_its_derivative(torch, order, padding):
    x, tau, g = images(2, 5, 6), displacements(2, 5, 6), images(2, 5, 6, seed=3)
    tau[0, 0] = 0.0  # on the pixels: the derivative from the right, as warp_derivative takes it
    tau[0, 1] = 1e-6  # and next to them, where a quotient of small numbers is a series
    a, t = (torch.tensor(v, requires_grad=True) for v in (x, tau))
    y = warp(a, t, order=order, padding=padding)
    (y * torch.tensor(g)).sum().backward()
    np.testing.assert_allclose(a.grad, warp_adjoint(g, tau, order=order, padding=padding), atol=1e-12)
    if order != 0:
        expected = g[..., None] * warp_derivative(x, tau, order=order, padding=padding)
        # next to a pixel, autograd's quotient of small numbers rounds where the closed form has a series
        np.testing.assert_allclose(t.grad, expected, atol=1e-9 if order == "fourier" else 1e-12)
        assert np.abs(expected[0, 0]).max() > 0.1


@pytest.mark.parametrize(("order", "padding"), [(0, "circular"), (1, "zero"), (3, "reflect"), ("fourier", "symmetric")])
def test_gradcheck_of_the_warp(torch, order, padding):
    x, tau = (torch.tensor(v, requires_grad=True) for v in (images(1, 3, 4), 0.9 * displacements(3, 4)))
    assert (abs(tau - tau.round()) > 1e-3).all()
    inputs = (x, tau.detach()) if order == 0 else (x, tau)
    assert torch.autograd.gradcheck(lambda a, t: warp(a, t, order=order, padding=padding), inputs)


@pytest.mark.parametrize(("order", "padding"), [(0, "symmetric"), (1, "zero"), (3, "reflect"), ("fourier", "circular")])
def test_jax_differentiates_and_compiles_the_warp(jax, order, padding):
    x, tau, g = images(2, 3, 4), 0.9 * displacements(2, 3, 4), images(2, 3, 4, seed=3)

    @jax.jit
    def warped(x, tau, g):
        y, pull = jax.vjp(lambda a, t: warp(a, t, order=order, padding=padding), x, tau)
        return y, *pull(g)

    y, in_x, in_tau = warped(*map(jax.numpy.asarray, (x, tau, g)))
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, warp(x, tau, order=order, padding=padding), atol=1e-12)
    np.testing.assert_allclose(in_x, warp_adjoint(g, tau, order=order, padding=padding), atol=1e-12)
    if order == 0:
        assert not in_tau.any()
    else:
        expected = g[..., None] * warp_derivative(x, tau, order=order, padding=padding)
        np.testing.assert_allclose(in_tau, expected, atol=1e-9 if order == "fourier" else 1e-12)


def test_jax_checks_the_gradients_of_the_warp_and_maps_it(jax):
    from jax.test_util import check_grads

    x, tau = (jax.numpy.asarray(v) for v in (images(2, 3, 4), 0.9 * displacements(3, 4)))
    compiled = jax.jit(lambda a, t: jax.vmap(lambda b: warp(b[None], t, order=1)[0])(a))
    np.testing.assert_allclose(compiled(x, tau), warp(np.asarray(x), np.asarray(tau), order=1), atol=1e-12)
    check_grads(compiled, (x, tau), order=1, modes=["rev"], rtol=1e-6, atol=1e-6)


def test_jax_without_float64_warps_and_measures_in_float32():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    x, fields = images(2, 5, 6), SMOOTH.sample((5, 6), 0.3, RNG(0), size=2)
    array = jax.numpy.asarray(x)  # in float32, JAX's default
    y, change = jax.jit(lambda a: ((y := warp(a, fields, order=1)), relative_change(a, y)))(array)
    assert y.dtype == change.dtype == np.float32
    np.testing.assert_allclose(y, warp(x, fields, order=1), atol=1e-5)
    np.testing.assert_allclose(change, relative_change(x, warp(x, fields, order=1)), rtol=1e-4)
    with pytest.raises(ValueError, match=r"Phi\(x\) = 0 for 2 of 2 images \(index 0, 1\)"):
        jax.grad(lambda a: relative_change(0 * a, a).sum())(array)


def test_what_warp_cannot_take_of_tensors_is_said(torch):
    x, tau = torch.zeros(2, 5, 6), torch.zeros(5, 6, 2)
    strict = pytest.importorskip("array_api_strict", reason="the standard's own arrays are not installed")
    for bad, field, message in (
        (x, torch.zeros(5, 5, 2), r"tau has shape \(5, 5, 2\); for 2 images of 5 x 6"),
        (x[0], tau, r"x must be \(n_images, height, width\)"),
        (torch.zeros(2, 3, 9, 9), tau, "looks like channels first"),
        (x / 0, tau, "x holds 60 non-finite values"),
        (x, tau / 0, "tau holds 60 non-finite values"),
        (x, tau + 1e12, "tau holds displacements above 2.1e.09 px"),
        (x.to(torch.complex64), tau, "Complex data not supported: x has dtype torch.complex64"),
    ):
        with pytest.raises(ValueError, match=message):
            warp(bad, field)
    for options, message in (({"order": 2}, "order must be 0"), ({"padding": "wrap"}, "padding must be one of")):
        with pytest.raises(ValueError, match=message):
            warp(x, tau, **options)
    with pytest.raises(TypeError, match=r"x and tau are arrays of several libraries, .*array_api_strict.* and .*torch"):
        warp(x, strict.zeros((5, 6, 2)))


def test_what_has_no_way_for_tensors_refuses_them(library):
    x, tau = library.array(images(2, 5, 6)), library.array(displacements(5, 6))
    plain = images(2, 5, 6)
    for call, message in (
        (lambda: warp_adjoint(x, tau), "y must be a NumPy array, got .* differentiates warp"),
        (lambda: warp_derivative(x, tau), "x must be a NumPy array, got .* differentiates warp"),
        (lambda: warp_derivative(plain, tau), "tau must be a NumPy array, got .* differentiates warp"),
        (lambda: corrupt(x, "fog"), r"x must be a NumPy array, got .*\. Pass it as NumPy"),
        (lambda: measure_stability(abs, x, SMOOTH), "X must be a NumPy array, got .*a phi that makes tensors of them"),
        (lambda: worst_case(abs, x, SMOOTH, 0.2), "X must be a NumPy array"),
        (lambda: bootstrap_interval(x[0, ...]), "values must be a NumPy array"),
        (lambda: translation_error(abs, plain, tau[0, 0, ...]), "shift must be a NumPy array"),
    ):
        with pytest.raises(TypeError, match=message):
            call()


# -- measures ----------------------------------------------------------------------------------------------------------

MEASURES = {
    "relative_change": lambda a, b, c: relative_change(a, b),
    "lipschitz_ratio": lambda a, b, c: lipschitz_ratio(a, b, 0.25),
    "cosine_distance": lambda a, b, c: cosine_distance(a, b),
    "spread": lambda a, b, c: spread(a),
    "deformation_sensitivity": lambda a, b, c: deformation_sensitivity(a, b),
    "noise_sensitivity": lambda a, b, c: noise_sensitivity(a, c),
    "relative_stability": relative_stability,
}
each_measure = pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)


def three(*shape, dtype=np.float64):
    return [images(*shape, seed=k).astype(dtype) + 1 for k in range(3)]


@each_measure
def test_measures_of_tensors_are_tensors_with_the_values_of_numpy(library, measure):
    plain = three(4, 3, 2)
    arrays = list(map(library.array, plain))
    expected = measure(*plain)
    for given in (arrays, [arrays[0], plain[1], arrays[2]]):  # what is NumPy's among them is brought to the others
        y = measure(*given)
        assert library.alike(y, arrays[0])
        assert library.back(y).shape == np.shape(expected)
        np.testing.assert_allclose(library.back(y), expected, rtol=1e-12)
    single = three(4, 6, dtype=np.float32)
    arrays = list(map(library.array, single))
    assert library.alike(measure(*arrays), arrays[0])
    np.testing.assert_allclose(library.back(measure(*arrays)), measure(*single), rtol=1e-5)


@each_measure
def test_gradcheck_of_the_measures(torch, measure):
    features = [torch.tensor(v, requires_grad=True) for v in three(3, 2)]
    assert torch.autograd.gradcheck(measure, features)


def test_jax_differentiates_and_compiles_the_measures(jax):
    from jax.test_util import check_grads

    plain = three(3, 2)
    features = tuple(map(jax.numpy.asarray, plain))
    compiled = jax.jit(lambda *given: [measure(*given) for measure in MEASURES.values()])
    for y, measure in zip(compiled(*features), MEASURES.values(), strict=True):
        assert y.dtype == np.float64
        np.testing.assert_allclose(y, measure(*plain), rtol=1e-12)
    check_grads(compiled, features, order=1, modes=["rev"], rtol=1e-6, atol=1e-6)


def test_a_change_of_nothing_has_a_finite_gradient(torch):
    x = torch.tensor(images(3, 4), requires_grad=True)
    for change in (relative_change(x, x.detach().clone()), cosine_distance(x, 2 * x.detach())):
        change.sum().backward()
        np.testing.assert_allclose(x.grad, 0, atol=1e-15)


def test_strengths_may_be_tensors(library):
    a, b = (images(3, 4, seed=k) for k in (0, 1))
    expected = lipschitz_ratio(a, b, [0.1, 0.2, 0.3])
    arrays = [library.array(v) for v in (a, b, np.array([0.1, 0.2, 0.3]))]
    for given in (arrays, [a, b, arrays[2]], [*arrays[:2], [0.1, 0.2, 0.3]]):
        y = lipschitz_ratio(*given)
        assert library.alike(y, arrays[0])
        np.testing.assert_allclose(library.back(y), expected, rtol=1e-12)


def test_measures_of_tensors_say_what_is_wrong(library):
    a, b = (library.array(images(3, 4, seed=k)) for k in (0, 1))
    zero = library.array(np.array([[1.0, 0], [0, 0], [2, 0], [0, 0]]))
    for call, message in (
        (lambda: relative_change(zero, zero + 1), r"Phi\(x\) = 0 for 2 of 4 images \(index 1, 3\)"),
        (lambda: cosine_distance(zero + 1, zero), r"Phi\(L_tau x\) = 0 for 2 of 4"),
        (lambda: relative_change(a, b[:2, :]), r"one shape, got \(2, 4\) and \(3, 4\)"),
        (lambda: relative_change(a[:, 0], b[:, 0]), r"at least two axes and not empty, got \(3,\)"),
        (lambda: relative_change(a[:0, :], b[:0, :]), r"not empty, got \(0, 4\)"),
        (lambda: relative_change(a + float("nan"), b), "features holds 12 non-finite values"),
        (lambda: relative_change(a * 1e200, b), "float64 whose squares overflow or vanish"),
        (lambda: deformation_sensitivity(0 * a + 3, b), "the same features for every image: a constant map"),
        (lambda: deformation_sensitivity(a[:1, :], b[:1, :]), "at least two images, got 1"),
        (lambda: relative_stability(a, b, a), "The noise does not change the features"),
        (lambda: lipschitz_ratio(a, b, -0.1), "strength must be > 0"),
        (lambda: lipschitz_ratio(a, b, [0.1, 0.2]), r"one an image, got shape \(2,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_features_of_two_libraries_are_refused(torch):
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    a = images(3, 4)
    with pytest.raises(TypeError, match=r"features and features are arrays of several libraries, .*jax.* and .*torch"):
        relative_change(torch.tensor(a), jax.numpy.asarray(a))
    with pytest.raises(ValueError, match=r"Complex data not supported: features has dtype torch\.complex128"):
        relative_change(torch.tensor(a + 0j), torch.tensor(a + 0j))


def test_errors_of_translations_are_tensors_too(library):
    x, tensor = images(3, 8, 8, 1), library.array(images(3, 8, 8, 1))
    phi = lambda images: images * images  # noqa: E731
    for measure, options in ((translation_error, {}), (equivariance_error, {"padding": "circular"})):
        expected, y = measure(phi, x, (1, 0.5), **options), measure(phi, tensor, (1, 0.5), **options)
        assert library.alike(y, tensor)
        np.testing.assert_allclose(library.back(y), expected, rtol=1e-10)
        with pytest.raises(TypeError, match=r"phi made a .*numpy\.ndarray.* its features must be of the library of X"):
            measure(lambda images: x, tensor, (1, 0.5), **options)
    with pytest.raises(ValueError, match=r"for 3 images: it must return one row an image"):
        translation_error(lambda images: images[:2, ...], tensor, (1, 0))


def test_autograd_of_a_translation_error(torch):
    x = torch.tensor(images(2, 3, 3), requires_grad=True)
    assert torch.autograd.gradcheck(lambda a: translation_error(torch.tanh, a, (0.3, 0.6), order=1), x)


# -- what representations return ---------------------------------------------------------------------------------------


def test_features_labels_and_gradients_that_are_tensors_are_measured_as_numpy(library):
    x = images(4, 6, 6)
    plain = measure_stability(np.tanh, x, SMOOTH, [0.2], random_state=0)
    found = measure_stability(lambda X: library.array(np.tanh(X)), x, SMOOTH, [0.2], random_state=0)
    assert found.rows == plain.rows

    def head(rows):
        return (rows.sum(1) > 0).astype(int)

    options = {"y": head(x.reshape(4, -1)), "random_state": 0, "measures": ["accuracy", "flip_rate"]}
    plain = measure_stability(np.tanh, x, SMOOTH, [0.2], head=head, **options)
    found = measure_stability(np.tanh, x, SMOOTH, [0.2], head=lambda rows: library.array(head(rows)), **options)
    assert found.rows == plain.rows

    def layers(wrap):
        return SimpleNamespace(trace=lambda X: {"one": wrap(X**2)})

    plain, found = (measure_layers(layers(w), x, SMOOTH, [0.2], random_state=0) for w in (np.asarray, library.array))
    assert found.rows == plain.rows

    class Squares:
        def __init__(self, wrap):
            self.wrap = wrap

        def forward(self, X):
            return self.wrap(X**2)

        def vjp(self, X, g):
            return self.wrap(2 * X * g)

    options = {"n_evaluations": 12, "random_state": 0}
    plain, found = (worst_case(Squares(w), x, SMOOTH, 0.2, **options) for w in (np.asarray, library.array))
    assert plain.method == found.method == "gradient"
    np.testing.assert_array_equal(found.change, plain.change)
    target = (x[:1] ** 2)[..., None]
    options = {"n_starts": 1, "max_iter": 3, "random_state": 0}
    plain, found = (invert(Squares(w), target, (6, 6), **options) for w in (np.asarray, library.array))
    np.testing.assert_array_equal(found.image, plain.image)


# -- modules -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def convolutions(torch):
    """Two filters, batch normalisation, a rectifier that writes into its input, dropout; in training mode in part."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.Softplus(), torch.nn.Dropout(0.5)
    ).double()
    net[1].running_mean += 0.5
    net[3].train()
    net[1].eval()
    return net


def of_the_module(torch, net, x):
    """What a user would write: channels first, eval mode, no graph."""
    with torch.no_grad():
        return torch.nn.Sequential(*net[:-1]).eval()(torch.tensor(np.moveaxis(x, -1, 1))).numpy()


def test_a_module_is_measured_as_it_is(torch, convolutions):
    x = images(5, 6, 7, 2)
    expected = of_the_module(torch, convolutions, x)
    modes = [m.training for m in convolutions.modules()]
    assert True in modes
    assert False in modes
    for batch_size in (None, 1, 2, 7):
        represent = as_representation(convolutions, batch_size=batch_size)
        rows = represent(x)
        assert rows.shape == (5, expected[0].size)
        assert rows.dtype == np.float64
        np.testing.assert_allclose(rows, expected.reshape(5, -1), rtol=1e-12)
        np.testing.assert_allclose(represent.maps(x), np.moveaxis(expected, 1, -1), rtol=1e-12)
    assert [m.training for m in convolutions.modules()] == modes
    options = {"random_state": 0, "measures": ["relative_change", "relative_stability"]}
    found = measure_stability(convolutions, x, SMOOTH, [0.2], **options)
    by_hand = measure_stability(lambda X: of_the_module(torch, convolutions, X), x, SMOOTH, [0.2], **options)
    np.testing.assert_allclose([r.mean for r in found], [r.mean for r in by_hand], rtol=1e-12)
    circular = torch.nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular").double()
    assert (equivariance_error(circular, x, (1, 2), padding="circular") < 1e-12).all()
    assert (translation_error(convolutions, x, (1, 0)) > 0.01).all()


def test_batches_are_of_the_size_asked_for_and_256_by_default(torch):
    class Seen(torch.nn.Module):
        def forward(self, x):
            sizes.append((tuple(x.shape), x.dtype))
            return x.flatten(1)

    for batch_size, expected in ((None, [256, 44]), (128, [128, 128, 44]), (1000, [300])):
        sizes = []
        x = images(300, 2, 3).astype(np.float32)
        np.testing.assert_array_equal(as_representation(Seen(), batch_size)(x), x.reshape(300, -1))
        assert sizes == [((n, 1, 2, 3), torch.float32) for n in expected]


def test_channels_are_last_for_modules_that_say_so_and_where_they_come_first(torch):
    class Last(torch.nn.Module):
        channels_last = True

        def forward(self, x):
            seen.append(tuple(x.shape))
            return x

    last = Last()
    for module in (last, torch.nn.Sequential(last, torch.nn.Flatten()), torch.nn.Sequential(torch.nn.Sequential(last))):
        for x, shape in ((images(2, 4, 5), (2, 4, 5, 1)), (images(2, 4, 5, 3), (2, 4, 5, 3))):
            seen = []
            represent = as_representation(module)
            np.testing.assert_array_equal(represent(x), x.reshape(2, -1))
            assert seen == [shape]
            np.testing.assert_array_equal(represent.vjp(x, represent(x)), x)
    np.testing.assert_array_equal(as_representation(last).maps(images(2, 4, 5, 3)), images(2, 4, 5, 3))
    seen = []
    as_representation(torch.nn.Sequential(torch.nn.Identity(), last))(images(2, 4, 5, 3))
    assert seen == [(2, 3, 4, 5)]


def test_images_come_in_the_dtype_of_the_module(torch):
    x = images(3, 4, 4)
    for module, expected in (
        (torch.nn.Flatten(), np.float64),
        (torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2)), np.float32),
        (torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2)).double(), np.float64),
        (torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2)).bfloat16(), np.float32),
    ):
        represent = as_representation(module)
        assert represent(x).dtype == expected
        assert represent.vjp(x, represent(x)).dtype == expected
    buffered = torch.nn.BatchNorm2d(1, affine=False)  # integers among its buffers, and no parameter
    assert as_representation(buffered)(x).dtype == np.float32

    class Largest(torch.nn.Module):
        def forward(self, x):
            return x.flatten(1).argmax(1)

    found = as_representation(Largest())(x)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, 0], x.reshape(3, -1).argmax(1))


def test_modes_are_restored_after_an_error_and_by_modules_that_keep_their_own(torch, convolutions):
    class Merges(torch.nn.Module):
        """Something else is done in train() than a flag set: it must be undone by train()."""

        merged = False

        def train(self, mode=True):
            self.merged = not mode
            return super().train(mode)

        def forward(self, x):
            assert self.merged
            return x

    merges = Merges()
    as_representation(merges)(images(2, 3, 3))
    assert merges.training
    assert not merges.merged

    class Frozen(torch.nn.Identity):
        """It is never in training mode but by hand."""

        def train(self, mode=True):
            return super().train(False)

    frozen = Frozen()
    assert frozen.training
    as_representation(frozen)(images(2, 3, 3))
    assert frozen.training
    before = [m.training for m in convolutions.modules()]
    for call in (as_representation(convolutions), lambda x: as_gradient(convolutions)(x, x)):
        with pytest.raises(ValueError, match="The module Sequential cannot read a tensor"):
            call(images(2, 6, 6, 5))
        assert [m.training for m in convolutions.modules()] == before


def test_the_gradient_of_a_module_is_that_of_autograd(torch, convolutions):
    x = images(5, 6, 7, 2)
    represent = as_representation(convolutions)
    g = RNG(5).standard_normal(represent(x).shape)
    found = as_gradient(convolutions)(x, g)
    assert found.shape == x.shape
    h, t = 1e-6, RNG(6).standard_normal(x.shape)
    slope = ((represent(x + h * t) - represent(x - h * t)) * g).sum() / (2 * h)
    assert (found * t).sum() == pytest.approx(slope, rel=1e-7)
    in_parts = as_gradient(as_representation(convolutions, batch_size=2))(x, g)
    np.testing.assert_allclose(in_parts, found, rtol=1e-12)
    assert all(p.grad is None for p in convolutions.parameters())
    with torch.inference_mode():
        np.testing.assert_array_equal(as_gradient(convolutions)(x, g), found)
    grey = torch.nn.Sequential(torch.nn.ReLU(inplace=True), torch.nn.Flatten())
    np.testing.assert_array_equal(as_gradient(grey)(x[..., 0], np.ones((5, 42))), x[..., 0] > 0)
    with pytest.raises(ValueError, match=r"g must have the shape of the features, \(5, 3, 4, 5\), got \(5, 7\)"):
        represent.vjp(x, np.ones((5, 7)))


def test_searches_climb_by_the_gradient_of_a_module(torch, convolutions):
    x = images(3, 6, 6, 2)
    for phi in (convolutions, as_representation(convolutions, batch_size=2)):
        found = worst_case(phi, x, SMOOTH, 0.3, n_evaluations=20, random_state=0)
        assert found.method == "gradient"
        assert (found.change >= found.random_best).all()
    torch.manual_seed(1)
    dense = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 20)).double()
    y = images(1, 3, 4)
    for phi in (dense, as_representation(dense, batch_size=1)):
        image = invert(phi, as_representation(dense)(y), (3, 4), n_starts=1, tol=1e-10, random_state=0).image
        np.testing.assert_allclose(image, y[0], atol=1e-5)


def test_modules_on_a_device_of_ones_choice(torch, convolutions, monkeypatch):
    x = images(2, 6, 6, 2)
    expected = as_representation(convolutions)(x)
    for device in ("cpu", torch.device("cpu")):
        np.testing.assert_array_equal(as_representation(convolutions, device=device)(x), expected)
    # a second device that is everywhere, and has shapes only: the module computes there, and is left where it was
    seen = []
    monkeypatch.setattr(modules, "_as_numpy", lambda y: seen.append((y.device.type, y.shape)) or np.zeros((2, 1)))
    as_representation(convolutions, device="meta")(x)
    assert seen == [("meta", (2, 3, 4, 4))]
    assert {t.device.type for t in convolutions.state_dict().values()} == {"cpu"}
    with pytest.raises(ValueError, match="device='attic' is none that there is here: Expected one of cpu, cuda"):
        as_representation(convolutions, device="attic")


def test_what_a_module_cannot_do_is_said(torch, convolutions):
    class Returns(torch.nn.Module):
        def __init__(self, function):
            super().__init__()
            self.function = function

        def forward(self, x):
            return self.function(x)

    x = images(3, 6, 6)
    message = (
        r"The module Sequential cannot read a tensor of shape \(3, 1, 6, 6\), \(n, c, h, w\), torch.float64, on cpu: .*"
        r"expected input.* to have 2 channels.* Pass a function of NumPy images: phi=lambda X: module\(torch.as_tensor"
    )
    with pytest.raises(ValueError, match=message):
        measure_stability(convolutions, x, SMOOTH, random_state=0)
    for function, message in (
        (lambda x: (x, x), r"The module Returns returned a tuple, no tensor. Pass a function .*\[0\]"),
        (lambda x: x.sum(), r"features of shape \(\) for 3 images: it must return one row an image"),
        (lambda x: x[:2], r"features of shape \(2, 1, 6, 6\) for 3 images"),
        (lambda x: x / 0, r"phi\(X\) holds 108 non-finite values"),
        (lambda x: 0 * x + 1, "the same features for every image: a constant map"),
        (torch.fft.fft2, r"Complex data not supported: phi\(X\)"),
    ):
        with pytest.raises(ValueError, match=message):
            measure_stability(Returns(function), x, SMOOTH, random_state=0)
    weight = torch.ones(1, requires_grad=True)
    blind = lambda x: weight * torch.ones(len(x), 2)  # noqa: E731
    for function in (blind, lambda x: x.detach() ** 2, lambda x: torch.ones(len(x), 2), lambda x: x.round().int()):
        with pytest.raises(ValueError, match=r"No gradient comes through the module Returns.*method='evolution'"):
            worst_case(Returns(function), 1 + abs(x), SMOOTH, 0.2, n_evaluations=12, random_state=0)
    with pytest.raises(ValueError, match=r"phi\.vjp\(x, g\) holds .* non-finite"):
        as_gradient(Returns(lambda x: abs(x - x) ** 0.5))(x, np.ones((3, 36)))


def test_what_is_no_module_or_reads_no_images_is_refused(torch, convolutions):
    x = images(3, 6, 6, 2)
    with pytest.raises(ValueError, match="phi is the class Flatten: pass an instance"):
        as_representation(torch.nn.Flatten)
    with pytest.raises(ValueError, match="device is for PyTorch modules, and phi is a function"):
        as_representation(of_the_module, device="cpu")
    with pytest.raises(ValueError, match="batch_size must be an int >= 1, got 0"):
        as_representation(convolutions, batch_size=0)
    with pytest.raises(TypeError, match=r"X must be a NumPy array, got .*of tensors pass a function of tensors"):
        translation_error(convolutions, torch.tensor(x), (1, 0))
    with pytest.raises(ValueError, match="X has two axes"):
        as_representation(convolutions)(x.reshape(3, -1))
    with pytest.raises(ValueError, match=r"head is the PyTorch module Linear.*head=lambda rows"):
        measure_stability(convolutions, x, SMOOTH, head=torch.nn.Linear(48, 2), random_state=0)
