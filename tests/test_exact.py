"""ConvKernel: the recursion against naive loops, the Nyström network, independent code, scikit-learn's estimators."""

import io
import json
import pickle
from contextlib import nullcontext

import numpy as np
import peer_kernels
import pytest
import reference
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import ConstantKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVC

from kernelconv import ConvKernel, ConvKernelNetwork, load_digits_images
from kernelconv.networks.kernel import tiles_on_disk
from kernelconv.networks.kernel.recursion import patch_sums
from kernelconv.operators import ArcCosine, Exponential, InversePolynomial, PatchExtraction, Polynomial, Vovk

PADDINGS = ("zero", "valid", "reflect", "symmetric", "circular")


def images(n=4, shape=(6, 7, 2), seed=0):
    """Random images; the first has a blank part, the last is blank."""
    x = np.random.default_rng(seed).standard_normal((n, *shape))
    x[0, :4] = 0
    x[-1] = 0
    x.flags.writeable = False
    return x


def nystrom(kernel, x):
    """The Nyström network of the same architecture whose anchors are all patches, float64, no regularization."""
    names = ("patch_size", "subsampling", "pooling_scale", "kernel", "sigma", "padding")
    parameters = {name: getattr(kernel, name) for name in names}
    network = ConvKernelNetwork(n_anchors=(1,) * len(kernel.patch_size), **parameters).specification()
    rng, maps, layers = np.random.default_rng(0), x, []
    for layer in network.parts:
        shape = maps.shape[1:]
        p = layer.patches.forward(maps).reshape(-1, layer.patches.out_shape(shape)[2])
        p = p[np.linalg.norm(p, axis=1) > 1e-9]
        z = np.unique((p / np.linalg.norm(p, axis=1, keepdims=True)).round(12), axis=0)
        mapping = type(layer.mapping)(len(z), layer.mapping.kernel, 0.0)
        built = type(layer)(layer.patches, mapping, layer.pooling).build(shape, rng)
        built = built.replace({"M.anchors": z})
        layers.append(built)
        maps = built.forward(maps)
    return maps.reshape(len(x), -1)


@pytest.mark.once("oldest")
@pytest.mark.parametrize(
    "kappa", [Exponential(0.6), InversePolynomial(), Polynomial(2), Vovk(), ArcCosine(1), ArcCosine(0)]
)
def test_the_kernel_is_the_loops(kappa):
    x = images()
    kernel = ConvKernel((3, 2), (2, 2), kernel=kappa)
    layers = [
        (s.patches.size[0], reference.KAPPA_OF[type(kappa).__name__](kappa), (s.rows, s.columns))
        for s in kernel._plan(x)
    ]
    expected = np.array([[reference.exact_kernel(a, b, layers) for b in x] for a in x])
    assert np.abs(expected[:3, :3]).min() > 1e-3
    tol = 1e-10 if kappa.differentiable else 1e-8  # an infinite slope turns rounding eps into sqrt(eps)
    assert np.abs(kernel(x) - expected).max() < tol * expected.max()
    assert np.abs(kernel(x, x[1:]) - expected[:, 1:]).max() < tol * expected.max()
    assert np.abs(kernel.diag(x) - expected.diagonal()).max() < tol * expected.max()


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("shape", [(5, 4, 1), (1, 9, 2)])
def test_features_with_all_patches_as_anchors_reach_it(padding, shape):
    """Every padding, pooling and depth is checked against operators that were written, and proven, apart from it."""
    sizes = ((1, 2), (1, 3)) if shape[0] == 1 else (2, (3, 2))
    x = images(4, shape, seed=3)[1:3]
    kernel = ConvKernel(sizes, (1, (1, 2)), kernel=Polynomial(2), padding=padding, pooling_scale=(0.8, None))
    if padding == "valid" and shape[0] > 1:
        kernel = kernel.set_params(patch_size=(2, 2))
    phi = nystrom(kernel, x)
    gram = kernel(x)
    assert np.abs(gram).min() > 1e-3
    assert np.abs(phi @ phi.T - gram).max() < 1e-8 * gram.max()


@pytest.mark.once("oldest")
def test_features_converge_to_it_as_anchors_grow():
    x = load_digits_images()[0][:200].astype(np.float64)
    exact = ConvKernel((3, 3), 2)(x[:20])
    errors = []
    for n in (4, 32, 256):
        ckn = ConvKernelNetwork((n, n), 3, 2, regularization=1e-6, n_patches=4000, random_state=0).fit(x)
        phi = ckn.transform(x[:20])
        errors.append(np.linalg.norm(phi @ phi.T - exact) / np.linalg.norm(exact))
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.01


@pytest.mark.parametrize("tangent", [False, True])
def test_symmetric_positive_semi_definite_homogeneous(tangent):
    x = images(20, (6, 6, 1), seed=1)
    kernel = ConvKernel((3, 2), 2, tangent=tangent)
    gram = kernel(x)
    assert np.array_equal(gram, gram.T)
    assert np.abs(gram - kernel(x, x.copy())).max() < 1e-12 * gram.max()
    assert np.abs(gram.diagonal() - kernel.diag(x)).max() < 1e-12 * gram.max()
    values = np.linalg.eigvalsh(gram)
    assert values[0] > -1e-12 * values[-1]
    assert values[5] > 1e-6 * values[-1]
    assert np.abs(kernel(3 * x[:4], x[:4]) - 3 * gram[:4, :4]).max() < 1e-12 * gram.max()
    assert not kernel.diag(x)[-1]  # a blank image


def test_one_layer_and_four():
    x = images(3, (8, 8, 1), seed=2)
    for depth in (1, 4):
        kernel = ConvKernel((2,) * depth, (1,) * (depth - 1) + (2,), kernel=Polynomial(2), padding="valid")
        layers = [(s.patches, s.kernel, s.rows, s.columns) for s in kernel._plan(x)]
        k = np.einsum("nabc,mdec->nmabde", x, x)
        for p, kappa, rows, columns in layers:
            size = p.size[0]
            h, w = k.shape[2] - size + 1, k.shape[3] - size + 1
            k = sum(k[:, :, i : i + h, j : j + w, i : i + h, j : j + w] for i in range(size) for j in range(size))
            norm = np.sqrt(np.einsum("nnabab->nab", k))
            scale = np.einsum("nab,mde->nmabde", norm, norm)
            k = scale * kappa(np.divide(k, scale, out=np.zeros_like(k), where=scale > 0))
            k = np.einsum("ia,jb,nmabde,kd,le->nmijkl", rows, columns, k, rows, columns, optimize=True)
        expected = np.einsum("nmabab->nm", k)
        assert np.abs(kernel(x) - expected).max() < 1e-12 * expected.max()


def test_the_tangent_kernel_is_its_recursion():
    """T_k = pooled (kappa'(cos) patch(T_{k-1}) + M_k), written with whole arrays."""
    x = images(3, (5, 5, 1), seed=4)[:2]
    kernel = ConvKernel((3, 3), (2, 1), kernel="arccosine", tangent=True)
    k = np.einsum("nabc,mdec->nmabde", x, x)
    t = k
    for step in kernel._plan(x):
        k, t = (_zero_padded_sums(v) for v in (k, t))
        norm = np.sqrt(np.einsum("nnabab->nab", k))
        scale = np.einsum("nab,mde->nmabde", norm, norm)
        cos = np.clip(np.divide(k, scale, out=np.zeros_like(k), where=scale > 0), -1, 1)
        theta = np.arccos(cos)
        m = scale * (np.sin(theta) + (np.pi - theta) * cos) / np.pi
        t = t * (1 - theta / np.pi) + m
        r, c = step.rows, step.columns
        k, t = (np.einsum("ia,jb,nmabde,kd,le->nmijkl", r, c, v, r, c, optimize=True) for v in (m, t))
    expected = np.einsum("nmabab->nm", t)
    # arccos has an infinite slope at 1, so rounding there shows as its root
    assert np.abs(kernel(x) - expected).max() < 1e-7 * expected.max()
    assert (kernel(x) > ConvKernel((3, 3), (2, 1), kernel="arccosine")(x)).all()


def _zero_padded_sums(k):
    h, w = k.shape[2:4]
    p = np.pad(k, [(0, 0), (0, 0)] + [(1, 1)] * 4)
    return sum(p[:, :, i : i + h, j : j + w, i : i + h, j : j + w] for i in range(3) for j in range(3))


def test_the_tangent_kernel_is_that_of_a_wide_relu_network():
    """One hidden layer, no pooling: f(x) = sum over u, c of a[u, c] relu(<w_c, x_u>), gradients in a and w."""
    rng = np.random.default_rng(0)
    x = images(4, (4, 4, 1), seed=5)[1:3]
    width = 400_000
    p = ConvKernel((3,), 1, pooling_scale=0.5)._plan(x)[0].patches.forward(x).reshape(2, 16, 9)
    w = rng.standard_normal((width, 9))
    z = np.einsum("nud,cd->nuc", p, w)
    # E over a of <df/dw, df/dw> couples equal positions alone, as the readout has a weight a position
    k = 2 * np.einsum("nuc,muc->nm", np.maximum(z, 0), np.maximum(z, 0)) / width
    slopes = np.einsum("nuc,muc->nmu", (z > 0).astype(float), (z > 0).astype(float)) / width
    t = k + 2 * np.einsum("nmu,nud,mud->nm", slopes, p, p)
    ours = ConvKernel((3,), 1, pooling_scale=0.5, kernel="arccosine", tangent=True)(x)
    assert np.abs(ours / t - 1).max() < 0.01


def peer_cases():
    for peer, cases in json.loads(peer_kernels.VALUES.read_text()).items():
        yield from (pytest.param(peer, case, id=f"{peer}-{i}") for i, case in enumerate(cases))


@pytest.mark.parametrize(("peer", "case"), list(peer_cases()))
def test_public_codes_compute_the_same_values(peer, case, monkeypatch):
    if peer == "ckn_kernel":  # it pools on a grid that the public parameters do not give
        monkeypatch.setattr("kernelconv.operators.pooling.gaussian.gaussian_matrix", peer_kernels.peer_grid)
    parameters = {k: tuple(v) if isinstance(v, list) else v for k, v in case["parameters"].items()}
    gram = ConvKernel(**parameters)(peer_kernels.images(case["side"]))
    # the slope of arc-cosine is taken at a cosine that rounding puts by 1: its root shows on the diagonal
    rtol = 1e-8 if parameters["tangent"] and parameters["kernel"] == "arccosine" else 1e-12
    np.testing.assert_allclose(gram, case["values"], rtol=rtol)


@pytest.mark.parametrize("padding", [*PADDINGS, (2, 1)])
@pytest.mark.parametrize(
    ("size", "stride", "dilation"), [(1, 1, 1), (1, 2, 1), ((1, 3), (1, 2), 1), ((3, 2), (2, 1), (1, 2)), (2, 1, 2)]
)
def test_sums_over_patches_are_products_of_patches(padding, size, stride, dilation):
    """Where K[u, v] = <x(u), y(v)>, they are <P x(u), P y(v)>, of any patches."""
    x, y = images(3, (5, 7, 2))[:1], images(3, (5, 7, 2), seed=1)[:2]
    patches = PatchExtraction(size, stride, padding, dilation)
    k = np.einsum("abc,ndec->nabde", x[0], y)
    expected = np.einsum("abc,ndec->nabde", patches.forward(x)[0], patches.forward(y))
    np.testing.assert_allclose(patch_sums(k, patches), expected, atol=1e-12)


def test_sums_over_one_pixel_are_the_map_itself():
    k = np.ones((1, 2, 3, 2, 3))
    assert patch_sums(k, PatchExtraction(1)) is k


@pytest.mark.parametrize("dtypes", [(np.float64, np.float32), (np.float32, np.float64)])
def test_images_of_two_dtypes_are_computed_in_the_wider(dtypes):
    x, y = images(3, (5, 5, 1)).astype(dtypes[0]), images(4, (5, 5, 1), seed=1).astype(dtypes[1])
    gram = ConvKernel((2, 2), 2)(x, y)
    assert gram.dtype == np.float64
    assert np.array_equal(gram, ConvKernel((2, 2), 2)(x.astype(np.float64), y.astype(np.float64)))


def test_a_matrix_is_made_of_tiles_of_16_images_a_side_above_the_diagonal(monkeypatch):
    """As the class says of its memory; and of X itself, or of None, half of them are computed."""
    from kernelconv.networks.kernel import tiles

    x, seen, real = images(40, (2, 2, 1)), [], tiles.gram_tile
    monkeypatch.setattr(tiles, "gram_tile", lambda *v: seen.append((len(v[0]), len(v[1]))) or real(*v))
    kernel = ConvKernel((1,), 1, n_jobs=1)
    for y, n in ((None, 6), (x, 6), (x.copy(), 9)):
        seen.clear()
        kernel(x, y)
        sides = [(a, b) for i, a in enumerate((16, 16, 8)) for j, b in enumerate((16, 16, 8)) if n == 9 or j >= i]
        assert seen == sides


def test_distances_of_equal_images_are_zero_not_nan():
    x = images(6, (5, 4, 1), seed=3)
    kernel = ConvKernel((2, 2), 1)
    for y in (x, x.copy()):
        distances = kernel.distances(x, y)
        assert np.isfinite(distances).all()
        assert np.abs(distances.diagonal()).max() < 1e-6 < distances[0, 1]


def test_distances_are_those_of_the_features():
    x = images(3, (5, 4, 1), seed=3)[:2]
    kernel = ConvKernel((2, 2), 1, kernel=Polynomial(2))
    phi = nystrom(kernel, x)
    distances = kernel.distances(x)
    assert distances.shape == (2, 2)
    assert not distances.diagonal().any()
    assert abs(distances[0, 1] - np.linalg.norm(phi[0] - phi[1])) < 1e-8 * distances[0, 1]
    assert abs(kernel.distances(x[:1], x[1:])[0, 0] - distances[0, 1]) < 1e-8 * distances[0, 1]
    single = kernel.distances(x.astype(np.float32))
    assert single.dtype == np.float64


def test_dtype_threads_and_input():
    x = images(40, (6, 6, 1), seed=6)
    kernel = ConvKernel((3, 2), 2)
    gram = kernel(x)
    single = kernel(x.astype(np.float32))
    assert gram.dtype == np.float64
    assert single.dtype == np.float32
    assert np.linalg.norm(single - gram) < 1e-5 * np.linalg.norm(gram)
    for n_jobs in (1, 2, 3):
        assert np.array_equal(ConvKernel((3, 2), 2, n_jobs=n_jobs)(x), gram)
    assert np.array_equal(kernel(x.reshape(40, 6, 6)), gram)
    rows = ConvKernel((3, 2), 2, image_shape=(6, 6))
    assert np.array_equal(rows(x.reshape(40, -1)), gram)
    assert np.array_equal(pickle.loads(pickle.dumps(rows))(x), gram)
    assert clone(rows).get_params() == rows.get_params()
    assert rows == clone(rows) != kernel


def test_scikit_learn_takes_it():
    X, y = load_digits_images()
    rows, y = X.reshape(len(X), -1)[:80].astype(np.float64), y[:80] % 2
    kernel = ConvKernel((3,), 2, image_shape=(8, 8))
    train, test = slice(0, 60), slice(60, 80)
    gram, cross = kernel(rows[train]), kernel(rows[test], rows[train])
    svc = SVC(kernel=kernel).fit(rows[train], y[train])
    precomputed = SVC(kernel="precomputed").fit(gram, y[train])
    assert np.allclose(svc.decision_function(rows[test]), precomputed.decision_function(cross))
    assert svc.score(rows[test], y[test]) > 0.75
    ridge = KernelRidge(alpha=1e-2, kernel=kernel).fit(rows[train], y[train])
    alone = KernelRidge(alpha=1e-2, kernel="precomputed").fit(gram, y[train])
    assert np.allclose(ridge.predict(rows[test]), alone.predict(cross))
    for one in (kernel, ConstantKernel(2.0) * kernel):  # the second one's constant is found in a dozen evaluations
        gp = GaussianProcessClassifier(one, random_state=0).fit(rows[:20], y[:20])
        assert gp.score(rows[:20], y[:20]) >= 0.9
    value, gradient = kernel(rows[:3], eval_gradient=True)
    assert value.shape == (3, 3)
    assert gradient.shape == (3, 3, 0)
    assert not kernel.is_stationary()
    assert not kernel.requires_vector_input


def test_it_is_written_as_the_call_that_makes_it():
    made = ConvKernel((3, 5), 2, sigma=(0.5, 0.7), tangent=True, image_shape=(8, 8))
    assert repr(made) == "ConvKernel(patch_size=(3, 5), sigma=(0.5, 0.7), tangent=True, image_shape=(8, 8))"
    assert repr(ConvKernel()) == "ConvKernel()"


def test_long_work_is_announced_before_it_begins(monkeypatch, capsys):
    x = images(60, (5, 5, 1), seed=1)
    kernel = ConvKernel((2,), 2, n_jobs=1, verbose=True)
    cost = kernel.cost(x)
    assert (cost.pairs, cost.bytes) == (60 * 61 // 2, 60 * 60 * 8)
    assert cost.seconds == pytest.approx(cost.pairs / cost.pairs_per_second)
    assert kernel.cost(x, x[:7]).pairs == 420
    assert str(cost).startswith("1,830 pairs at ")
    assert str(cost._replace(seconds=600.0)).endswith("about 10.0 min, 0.0 MiB")
    assert str(cost._replace(seconds=90.0, bytes=3 * 2**19)).endswith("about 1.5 min, 1.5 MiB")
    assert "about 89.9 s, " in str(cost._replace(seconds=89.9))
    gram = kernel(x)
    assert not capsys.readouterr().err
    monkeypatch.setattr("kernelconv.networks.kernel.exact.ANNOUNCED", 0.0)
    assert np.array_equal(kernel(x), gram)
    assert "ConvKernel: 1,830 pairs at" in capsys.readouterr().err
    ConvKernel((2,), 2)(x)
    assert not capsys.readouterr().err
    kernel(x, x[:33])  # 2,000 pairs at most are not even timed
    assert not capsys.readouterr().err
    kernel(x[:45], x[:45].copy())
    assert "ConvKernel: 2,025 pairs at" in capsys.readouterr().err


def test_the_rate_is_measured_on_a_dozen_images_of_each(monkeypatch):
    x, seen, real = np.arange(1.0, 161).reshape(40, 2, 2, 1), [], ConvKernel._gram

    def gram(self, a, b, *rest):
        seen.append((a, b))
        return real(self, a, b, *rest)

    monkeypatch.setattr(ConvKernel, "_gram", gram)
    ConvKernel((1,), 1).cost(x, x[:5])
    ((a, b),) = seen
    assert a.shape == (12, 2, 2, 1)
    assert np.array_equal(a[[0, -1]], x[[0, -1]])  # from the first to the last
    assert len(np.unique(a, axis=0)) == 12
    assert np.array_equal(b, x[:5])


# Interrupted matrices


@pytest.fixture
def interrupted(tmp_path, monkeypatch):
    """A kernel whose matrix of 40 images, 6 tiles, was interrupted in its fourth; the images; tiles computed since."""
    from kernelconv.networks.kernel import tiles

    x = images(40, (6, 6, 1), seed=6)
    kernel, real, computed = ConvKernel((3, 2), 2, n_jobs=1, checkpoint=tmp_path / "gram"), tiles.gram_tile, []

    def gram_tile(*values):
        computed.append(1)
        if len(computed) == 4:
            raise KeyboardInterrupt
        return real(*values)

    monkeypatch.setattr(tiles, "gram_tile", gram_tile)
    with pytest.raises(KeyboardInterrupt):
        kernel(x)
    assert [p.name for p in tmp_path.iterdir()] == ["gram"]
    computed[:] = [1] * 10  # so that no later tile is the fourth
    return kernel, x, lambda: len(computed) - 10


def same_bits(gram, x):
    return np.array_equal(gram, ConvKernel((3, 2), 2)(x))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_interrupted_matrix_goes_on_to_the_same_bits(interrupted, monkeypatch, n_jobs):
    kernel, x, computed = interrupted
    parts = []
    monkeypatch.setattr(ConvKernel, "_announced", lambda *_: nullcontext(parts.append))
    gram = clone(kernel).set_params(n_jobs=n_jobs)(x)
    assert computed() == 3
    np.testing.assert_allclose(parts, [3 / 6] + [1 / 6] * 3)  # the progress shown
    assert same_bits(gram, x)
    assert not kernel.checkpoint.exists()
    kernel(x)  # nothing is kept of a finished matrix
    assert computed() == 3 + 6 + 6


@pytest.mark.parametrize("damage", [lambda b: b[:-5], lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b + b"torn"])
def test_a_tile_that_was_cut_short_is_computed_again(interrupted, damage):
    kernel, x, computed = interrupted
    whole = kernel.checkpoint.read_bytes()
    kernel.checkpoint.write_bytes(damage(whole))
    assert same_bits(kernel(x), x)
    assert computed() == (3 if damage(whole).startswith(whole) else 4) + 6


def test_a_second_interrupt_keeps_what_both_calls_finished(interrupted):
    kernel, x, computed = interrupted
    kernel.checkpoint.write_bytes(kernel.checkpoint.read_bytes() + b"torn")  # what follows must not lie behind this

    def stop(part):
        if computed() == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kernel._gram(x, x, kernel._plan(x), True, stop, kernel.checkpoint)
    assert same_bits(kernel(x), x)
    assert computed() == 3 + 6


@pytest.mark.parametrize(
    ("place", "error", "words"),
    [
        ("missing/gram", ValueError, "missing/gram': there is no folder .*missing: make it first"),
        (".", ValueError, "is no regular file: name another"),
        (object, TypeError, "checkpoint must be the path of a file, got <class 'object'>"),
    ],
)
def test_the_place_of_a_checkpoint_is_checked(tmp_path, place, error, words):
    path = tmp_path / place if isinstance(place, str) else place
    with pytest.raises(error, match=words):
        ConvKernel((3,), 2, checkpoint=path)(images())


def test_a_full_disk_is_named_by_the_file(interrupted, monkeypatch):
    kernel, x, _ = interrupted

    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tiles_on_disk, "open", lambda path, mode: Full(path.read_bytes()), raising=False)
    with pytest.raises(OSError, match=rf"No space left on device: '{kernel.checkpoint}'"):
        kernel(x)


def test_the_checkpoint_of_another_matrix_is_refused_and_left(interrupted):
    kernel, x, _ = interrupted
    before = kernel.checkpoint.read_bytes()
    other = [
        clone(kernel).set_params(**{name: value})
        for name, value in (("sigma", 0.7), ("padding", "circular"), ("tangent", True), ("pooling_scale", 1.0))
    ]
    calls = [(one, (x,)) for one in other]
    calls += [(kernel, (x[::-1],)), (kernel, (x.astype(np.float32),)), (kernel, (x, x.copy())), (kernel, (x[:20],))]
    for one, arguments in calls:
        with pytest.raises(ValueError, match="gram holds tiles of another Gram matrix"):
            one(*arguments)
    kernel.cost(x[:3])
    kernel.diag(x[:3])
    assert kernel.checkpoint.read_bytes() == before
    for content in (b"", b"something"):
        kernel.checkpoint.write_bytes(content)
        with pytest.raises(ValueError, match="gram is not a checkpoint of ConvKernel: delete it, or name another"):
            kernel(x)
    assert kernel.checkpoint.read_bytes() == b"something"


def test_estimators_take_a_kernel_with_a_checkpoint(tmp_path):
    X, y = load_digits_images()
    rows, y = X.reshape(len(X), -1)[:60], y[:60] % 2
    kernel = ConvKernel((3,), 2, image_shape=(8, 8), checkpoint=tmp_path / "gram")
    kept, plain = (SVC(kernel=k).fit(rows[:40], y[:40]) for k in (kernel, clone(kernel).set_params(checkpoint=None)))
    assert np.array_equal(kept.decision_function(rows[40:]), plain.decision_function(rows[40:]))
    assert clone(kernel).checkpoint == tmp_path / "gram"
    assert not list(tmp_path.iterdir())


# Refusals


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"patch_size": (3, 3), "subsampling": (2, 2, 2)}, "one entry a layer"),
        ({"patch_size": (9,), "padding": "valid"}, "larger than the padded image"),
        ({"kernel": "gauss"}, "kernel must be one of"),
        ({"kernel": ArcCosine(0), "tangent": True}, "finite slope"),
        ({"sigma": -1.0}, "sigma must be > 0"),
    ],
)
def test_the_kernel_refuses(parameters, match):
    with pytest.raises(ValueError, match=match):
        ConvKernel(**parameters)(images())


def test_images_that_do_not_fit_are_refused():
    x = images()
    with pytest.raises(ValueError, match=r"Y holds images of shape \(5, 7, 2\), X of shape \(6, 7, 2\)"):
        ConvKernel()(x, x[:, 1:])
    with pytest.raises(ValueError, match="image_shape"):
        ConvKernel()(x.reshape(4, -1))
    with pytest.raises(ValueError, match="X holds 1 non-finite"):
        ConvKernel()(np.where(x == x[1, 0, 0, 0], np.nan, x))


def test_a_norm_that_cancels_is_zero_and_not_nan():
    """A sum over a patch that is zero in exact arithmetic may be rounded below zero."""
    kernel = ConvKernel(kernel="linear", patch_size=(1, 1), subsampling=1)
    for seed in range(6):
        x = np.random.default_rng(seed).integers(-1, 2, (3, 8, 8)).astype(float)
        assert np.isfinite(kernel(x)).all()
