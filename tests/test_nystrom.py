"""Kernels, whitening, anchors and the sampling of patches, against formulas, theory and other libraries."""

import numpy as np
import pytest
import reference
import registry
import scipy.linalg
from sklearn.cluster import KMeans

from kernelconv.operators import (
    ArcCosine,
    Exponential,
    InversePolynomial,
    KernelMapping,
    PatchExtraction,
    Polynomial,
    Vovk,
    extract_patches,
    inverse_sqrt,
    sample_patches,
    spherical_kmeans,
)
from kernelconv.operators.mappings.anchors import Anchors
from kernelconv.operators.mappings.kernel_mapping import channel_norms
from kernelconv.operators.mappings.kernels import as_kernel
from kernelconv.operators.maps import Maps

RNG = np.random.default_rng


def relative(a, b):
    assert a.shape == b.shape
    assert np.linalg.norm(b) > 0
    return np.linalg.norm(a - b) / np.linalg.norm(b)


# Kernels


@pytest.mark.parametrize("kernel", registry.KERNELS)
def test_kernels_are_their_formulas(kernel):
    u = np.linspace(-1, 1, 41)
    assert np.allclose(kernel(u), [reference.KAPPA[repr(kernel)](v) for v in u], rtol=1e-14, atol=1e-15)
    assert kernel(np.array([1.0]))[0] == pytest.approx(1, abs=1e-15)
    assert float(kernel(0.5)) == pytest.approx(reference.KAPPA[repr(kernel)](0.5), rel=1e-14)  # a number will do
    assert np.allclose(
        kernel(np.array([-1.0, 0, 1])), [reference.KAPPA[repr(kernel)](v) for v in (-1, 0, 1)], rtol=1e-14, atol=1e-15
    )
    assert np.array_equal(kernel(np.array([-1, 0, 1])), kernel(np.float32([-1, 0, 1])))  # as images of integers


@pytest.mark.parametrize("kernel", [k for k in registry.KERNELS if k.differentiable])
def test_derivatives_are_the_differences(kernel):
    u, h = np.linspace(-0.99, 0.99, 21), 1e-6
    numeric = (kernel(u + h) - kernel(u - h)) / (2 * h)
    assert np.allclose(kernel.derivative(u), numeric, rtol=0, atol=1e-8)
    assert kernel.derivative(np.ones(1))[0] == pytest.approx(kernel.slope, rel=1e-12)
    assert kernel.lipschitz() == max(1, np.sqrt(kernel.slope))


@pytest.mark.parametrize("kernel", registry.KERNELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kernels_keep_the_dtype_and_their_argument(kernel, dtype):
    u = np.linspace(-1, 1, 9, dtype=dtype)
    u.flags.writeable = False
    assert kernel(u).dtype == dtype
    if kernel.differentiable:
        assert kernel.derivative(u).dtype == dtype


@pytest.mark.parametrize("kernel", registry.KERNELS)
def test_gram_matrices_are_kernels(kernel):
    x = RNG(0).standard_normal((12, 3))
    x[3] = 0
    k = kernel.gram(x)
    tol = 1e-12 if kernel.differentiable else 1e-7  # an infinite slope turns rounding eps into sqrt(eps)
    assert np.array_equal(k, k.T) or np.abs(k - k.T).max() < 1e-14
    assert np.allclose(np.diag(k), (x**2).sum(axis=1), rtol=tol, atol=0)
    assert np.linalg.eigvalsh(k).min() > -10 * tol * np.trace(k)
    assert not k[3].any()
    norms = np.linalg.norm(x, axis=1)
    i, j = 1, 7
    assert k[i, j] == pytest.approx(
        norms[i] * norms[j] * reference.KAPPA[repr(kernel)](x[i] @ x[j] / norms[i] / norms[j]), rel=1e-12
    )
    assert np.allclose(kernel.gram(x, x[4:6]), k[:, 4:6], rtol=1e-13)


def test_kernels_by_name():
    named = {
        "exponential": Exponential(0.3),
        "arccosine": ArcCosine(1),
        "inverse_polynomial": InversePolynomial(),
        "polynomial": Polynomial(2),
        "vovk": Vovk(),
        "linear": Polynomial(1),
    }
    assert {name: as_kernel(name, sigma=0.3) for name in named} == named
    assert as_kernel(ArcCosine(0), sigma=0.3) == ArcCosine(0)
    with pytest.raises(ValueError, match=r"kernel must be one of 'exponential', 'arccosine', .* got 'rbf'"):
        as_kernel("rbf")


def test_the_arc_cosine_kernel_is_that_of_random_relus():
    """kappa_1(cos) is the covariance of 2^(1/2) ReLU(<w, x>), w ~ N(0, I), by Monte Carlo."""
    x, y = np.array([1.0, 0, 0]), np.array([0.6, 0.8, 0])
    w = RNG(0).standard_normal((400_000, 3))
    estimate = 2 * (np.maximum(w @ x, 0) * np.maximum(w @ y, 0)).mean()
    assert estimate == pytest.approx(float(ArcCosine(1)(np.float64(0.6))), abs=0.01)


def test_a_kernel_of_infinite_slope_has_no_gradient_and_says_so():
    assert ArcCosine(0).lipschitz() is None
    part = KernelMapping(3, ArcCosine(0)).build((1, 1, 4), RNG(0))
    assert not part.differentiable
    with pytest.raises(ValueError, match=r"ArcCosine\(0\) has an infinite slope .* Use ArcCosine\(1\)"):
        part.pullback(np.ones((1, 1, 1, 4)))


# Whitening


def positive(n, seed=0, rank=None):
    a = RNG(seed).standard_normal((n, rank or n))
    return a @ a.T / n


@pytest.mark.parametrize("regularization", [1e-6, 1e-3, 2.0])
def test_inverse_sqrt_is_that_of_scipy(regularization):
    k = positive(7)
    w = inverse_sqrt(k, regularization)
    expected = scipy.linalg.inv(scipy.linalg.sqrtm(k + regularization * np.eye(7)))
    assert relative(w.matrix, expected) < 1e-9
    assert np.allclose(w.matrix, w.matrix.T, rtol=0, atol=1e-12)
    assert relative((w.vectors * (w.roots**2 - regularization)) @ w.vectors.T, k) < 1e-12


def test_inverse_sqrt_works_in_float64():
    k = positive(5).astype(np.float32)
    assert inverse_sqrt(k).matrix.dtype == np.float64
    assert np.array_equal(inverse_sqrt(k).matrix, inverse_sqrt(k.astype(np.float64)).matrix)


def test_no_regularization_is_the_pseudo_inverse():
    z = RNG(0).standard_normal((6, 3))
    z = np.concatenate([z, z[:2]])  # two rows twice: rank 6
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    k = Exponential(0.6)(np.clip(z @ z.T, -1, 1))
    w = inverse_sqrt(k, 0)
    assert np.isinf(w.roots).sum() == 2
    assert relative(w.matrix @ w.matrix, np.linalg.pinv(k, rcond=1e-12)) < 1e-9
    assert relative(w.matrix @ w.matrix @ k @ w.matrix @ w.matrix, w.matrix @ w.matrix) < 1e-10


def test_the_pseudo_inverse_cuts_off_below_1e_12_of_the_largest():
    assert np.isfinite(inverse_sqrt(np.diag([1.0, 1.05e-12]), 0).roots).all()
    assert np.isfinite(inverse_sqrt(np.diag([1.0, 0.95e-12]), 0).roots).sum() == 1
    nothing = inverse_sqrt(np.zeros((3, 3)), 0)
    assert not nothing.matrix.any()
    assert np.isinf(nothing.roots).all()


def test_negative_eigenvalues_of_rounding_do_no_harm():
    w = inverse_sqrt(positive(5, rank=2) - 2e-3 * np.eye(5), 1e-3)
    assert np.linalg.eigvalsh(w.matrix).max() == pytest.approx(1e-3**-0.5, rel=1e-9)


@pytest.mark.parametrize("k", [positive(6), np.eye(6), positive(6, rank=3)], ids=["full", "identity", "rank 3"])
def test_whitening_gradient_is_the_difference(k):
    """Repeated eigenvalues included, where automatic differentiation of eigh gives NaN."""
    g = RNG(1).standard_normal((6, 6))
    t = RNG(2).standard_normal((6, 6))
    t, h = t + t.T, 1e-6
    eps = 0.1
    difference = (inverse_sqrt(k + h * t, eps).matrix - inverse_sqrt(k - h * t, eps).matrix) / (2 * h)
    if np.linalg.eigvalsh(k)[0] < 1e-9:  # eigenvalues below 0 are cut: step inside the cone
        t = RNG(2).standard_normal((6, 3))
        t = k @ t @ t.T @ k
        difference = (inverse_sqrt(k + h * t, eps).matrix - inverse_sqrt(k - h * t, eps).matrix) / (2 * h)
    gradient = inverse_sqrt(k, eps).gradient(g)
    assert np.allclose(gradient, gradient.T, rtol=0, atol=1e-12 * np.abs(gradient).max())
    got = np.vdot(gradient, t)
    assert abs(got) > 1e-3
    assert got == pytest.approx(np.vdot(g, difference), rel=1e-6)


def test_a_pseudo_inverse_that_lost_rank_has_no_gradient():
    w = inverse_sqrt(positive(5, rank=3), 0)
    with pytest.raises(ValueError, match=r"has rank 3 of 5 and regularization=0: .* Use regularization > 0"):
        w.gradient(np.eye(5))
    assert np.isfinite(inverse_sqrt(positive(5), 0).gradient(np.eye(5))).all()


def test_a_negative_regularization_is_refused():
    with pytest.raises(ValueError, match=r"regularization must be >= 0 and finite, got -0\.1"):
        inverse_sqrt(np.eye(3), -0.1)


# Anchors


def clouds(n=600, d=8, k=6, seed=0, dtype=np.float64):
    rng = RNG(seed)
    centres = rng.standard_normal((k, d))
    x = centres[rng.integers(k, size=n)] + 0.6 * rng.standard_normal((n, d))
    return (x * rng.uniform(0.1, 5, (n, 1))).astype(dtype)


def objective(x, z):
    return float((x @ z.T / np.linalg.norm(x, axis=1, keepdims=True)).max(axis=1).mean())


def test_kmeans_improves_and_matches_scikit_learn():
    x = clouds()
    z = spherical_kmeans(x, 6, RNG(0))
    first = [objective(x, spherical_kmeans(x, 6, RNG(0), n_iter=n, tol=0)) for n in (0, 1, 2, 5, 20)]
    assert first == sorted(first)
    assert first[0] < first[-1] <= objective(x, z) + 1e-3
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    theirs = KMeans(6, n_init=1, init="random", random_state=0).fit(unit).cluster_centers_
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    best = max(objective(x, spherical_kmeans(x, 6, RNG(s))) for s in range(4))
    assert best > objective(x, theirs) - 0.01


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_centroids_are_unit_of_the_datas_dtype_and_ignore_norms(dtype):
    x = clouds(dtype=dtype)
    z = spherical_kmeans(x, 5, RNG(0))
    assert z.dtype == dtype
    assert np.allclose(np.linalg.norm(z, axis=1), 1, rtol=1e-6)
    powers = 2.0 ** RNG(1).integers(-3, 4, (len(x), 1))
    assert np.array_equal(spherical_kmeans((x * powers).astype(dtype), 5, RNG(0)), z)


def test_each_centroid_is_the_mean_direction_of_its_cluster():
    x = clouds()
    z = spherical_kmeans(x, 4, RNG(0), n_iter=200, tol=0)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    label = (unit @ z.T).argmax(axis=1)
    means = np.stack([unit[label == j].sum(axis=0) for j in range(4)])
    assert np.allclose(z, means / np.linalg.norm(means, axis=1, keepdims=True), rtol=0, atol=1e-12)


def test_zero_rows_do_not_matter():
    x = clouds(50)
    with_zeros = np.insert(x, [0, 10, 50], 0, axis=0)
    assert np.array_equal(spherical_kmeans(with_zeros, 4, RNG(0)), spherical_kmeans(x, 4, RNG(0)))


def test_with_as_many_rows_as_clusters_the_rows_are_the_centroids():
    rows = RNG(1).standard_normal((7, 3))
    assert np.allclose(spherical_kmeans(rows, 7, RNG(0)), rows / np.linalg.norm(rows, axis=1, keepdims=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_there_are_no_more_centroids_than_distinct_directions(dtype):
    distinct = RNG(0).standard_normal((64, 5)).astype(dtype)
    rows = (np.repeat(distinct, 40, axis=0) * RNG(1).uniform(0.5, 2, (2560, 1))).astype(dtype)[RNG(2).permutation(2560)]
    for wanted in (300, 65):  # rounding makes more than 65 of them
        match = rf"{wanted} anchors are more than the 64 distinct patches \(up to their norms\) among 2560"
        with pytest.warns(UserWarning, match=match) as caught:
            z = spherical_kmeans(rows, wanted, RNG(0))
        assert len(caught) == 1
        assert z.shape == (64, 5)
    unit = distinct / np.linalg.norm(distinct, axis=1, keepdims=True)
    assert np.allclose((z @ unit.T).max(axis=0), 1, rtol=1e-5)  # every direction has its own
    assert spherical_kmeans(rows, 64, RNG(0)).shape == (64, 5)  # as many as there are: nothing to warn of


def test_an_absurd_number_of_clusters_costs_no_memory():
    with pytest.warns(UserWarning, match="1000000000 anchors are more than the 3 distinct patches"):
        assert spherical_kmeans(np.eye(3), 10**9, RNG(0)).shape == (3, 3)


def test_counts_may_be_small_ints_of_numpy():
    x = RNG(0).standard_normal((20, 3, 3, 4))
    few, wide = (KernelMapping(n(2), n_patches=n(150)).build((3, 3, 4), RNG(0), x) for n in (np.uint8, int))
    assert np.array_equal(few.params["anchors"], wide.params["anchors"])
    assert len(sample_patches(x, np.uint8(150), RNG(0))) == 150
    assert spherical_kmeans(x.reshape(-1, 4), np.uint8(70), RNG(0)).shape == (70, 4)


def test_opposite_zeros_are_no_directions_of_their_own():
    with pytest.warns(UserWarning, match="2 anchors are more than the 1 distinct patches"):
        assert spherical_kmeans(np.array([[1.0, 0.0], [2.0, -0.0]]), 2, RNG(0)).tolist() == [[1, 0]]


def test_an_empty_cluster_takes_the_worst_fitted_row():
    x = np.concatenate([np.tile([1.0, 0, 0], (50, 1)), [[0.0, 1, 0]], [[0.0, 0, 1]]])
    for seed in range(5):  # the first centroids are nearly always the same row three times
        assert objective(x, spherical_kmeans(x, 3, RNG(seed))) == pytest.approx(1, abs=1e-12)


def test_opposite_rows_do_not_cancel_to_a_zero_centroid():
    x = np.array([[1.0, 0], [-1, 0]] * 10)
    z = spherical_kmeans(x, 1, RNG(0))
    assert np.abs(z).tolist() == [[1, 0]]


@pytest.mark.parametrize(("rest", "centroid"), [(0.95e-6, [1, 0]), (1.05e-6, [0, 1])])
def test_opposite_rows_cancel_where_less_than_a_millionth_is_left(rest, centroid):
    x = np.array([[1.0, rest / 2], [-1.0, rest / 2]])
    z = np.abs(spherical_kmeans(x, 1, RNG(0)))
    assert np.allclose(z, [centroid], rtol=0, atol=1e-5)


@pytest.mark.parametrize("place", [0, 1023, 1024, 1025, 2047, 2048, 2049])
def test_a_direction_is_distinct_wherever_it_stands(place):
    x = np.tile([[1.0, 0.0]], (2050, 1))
    x[place] = [0, 1]
    assert sorted(spherical_kmeans(x, 2, RNG(0)).tolist()) == [[0, 1], [1, 0]]


def test_kmeans_has_the_same_bits_for_any_number_of_threads():
    x = clouds(3000, 20)
    z = [spherical_kmeans(np.tile(x, (10, 1)), 9, RNG(3), n_iter=3, n_jobs=n) for n in (1, 2, 3)]
    assert np.array_equal(z[0], z[1])
    assert np.array_equal(z[0], z[2])
    assert not np.array_equal(z[0], spherical_kmeans(np.tile(x, (10, 1)), 9, RNG(4), n_iter=3))


@pytest.mark.parametrize(
    ("x", "n", "match"),
    [
        (np.ones((3, 2)), 0, "n_clusters must be an int >= 1, got 0"),
        (np.zeros((3, 2)), 2, "No anchors can be learned: every sampled patch is zero"),
        (np.full((3, 2), np.nan), 2, "holds 6 non-finite values"),
        (np.ones(3), 2, r"x must be vectors \(n, d\), got shape \(3,\)"),
        ([["1", "2"]], 1, "x must hold numbers"),
    ],
)
def test_kmeans_refuses(x, n, match):
    with pytest.raises(ValueError, match=match):
        spherical_kmeans(x, n, RNG(0))


# Sampling


def numbered(n=40, h=3, w=4):
    """Maps whose vectors say where they come from: (image, position)."""
    maps = np.zeros((n, h, w, 2))
    maps[..., 0] = np.arange(n)[:, None, None] + 1
    maps[..., 1] = np.arange(h * w).reshape(h, w) + 1
    return maps


def test_samples_are_vectors_of_the_maps_each_taken_once():
    v = sample_patches(numbered(), 100, RNG(0))
    assert v.shape == (100, 2)
    assert len(np.unique(v, axis=0)) == 100  # within a visit nothing is drawn twice
    assert set(v[:, 0]) <= set(range(1, 41))
    assert set(v[:, 1]) <= set(range(1, 13))


def test_every_image_and_position_is_equally_likely():
    counts = np.zeros((40, 12))
    rng = RNG(0)
    for _ in range(300):
        v = sample_patches(numbered(), 60, rng, block=8).astype(int)
        np.add.at(counts, (v[:, 0] - 1, v[:, 1] - 1), 1)
    assert counts.sum() == 300 * 60
    for shares in (counts.sum(axis=1), counts.sum(axis=0)):  # within five deviations of a fair draw
        mean = shares.mean()
        assert np.abs(shares - mean).max() < 5 * np.sqrt(mean) * 1.5
        half = len(shares) // 2
        assert abs(shares[:half].sum() / shares.sum() - 0.5) < 0.02  # and no end is preferred


def test_negligible_vectors_are_left_out():
    maps = RNG(0).standard_normal((30, 5, 5, 3))
    maps[:, ::2] = 0
    maps[:, 1, 0] *= 1e-6
    v = sample_patches(maps, 50, RNG(1))
    assert len(v) == 50
    assert np.linalg.norm(v, axis=1).min() > 1e-3
    assert len(sample_patches(np.zeros((4, 2, 2, 3)), 5, RNG(0))) == 0


def test_a_thousandth_of_the_largest_norm_is_negligible():
    maps = np.ones((1, 1, 3, 1)) * np.array([1, 1.05e-3, 0.95e-3])[:, None]
    assert sorted(sample_patches(maps, 3, RNG(0))[:, 0]) == [1.05e-3, 1]


class Asked:
    """Maps that count how many of them were asked for."""

    def __init__(self, maps):
        self.maps, self.n = maps, 0

    def __len__(self):
        return len(self.maps)

    def __getitem__(self, index):
        self.n += len(index)
        return self.maps[index]


def test_images_are_visited_until_there_is_enough_and_at_most_three_times():
    background = np.zeros((50, 10, 10, 1))
    background[:, 0, 0] = 1
    for maps, wanted, visited in (
        (numbered(8), 16, 4),  # four of each image, of which two at a time are asked for: just enough
        (numbered(8), 17, 4),
        (numbered(4), 48, 4),
        (numbered(4), 1000, 4),  # all there are
        (np.zeros((5, 2, 2, 1)), 3, 5),  # nothing
        (background, 400, 150),  # a few each time
    ):
        asked = Asked(maps)
        sample_patches(asked, wanted, RNG(0), block=2)
        assert asked.n == visited


def test_where_there_are_not_enough_all_are_given():
    v = sample_patches(numbered(4), 1000, RNG(0))
    assert len(np.unique(v, axis=0)) == len(v) == 48
    assert np.array_equal(v, numbered(4).reshape(48, 2))  # in their order


@pytest.mark.parametrize("rng", [None, 3, np.random])
def test_what_draws_needs_a_generator(rng):
    with pytest.raises(ValueError, match=r"spherical_kmeans needs a numpy Generator: pass rng=numpy"):
        spherical_kmeans(np.eye(3), 2, rng)
    with pytest.raises(ValueError, match="sample_patches needs a numpy Generator"):
        sample_patches(numbered(), 5, rng)
    with pytest.raises(ValueError, match=r"KernelMapping\.build needs a numpy Generator"):
        KernelMapping(2).build((1, 1, 3), rng)


def test_a_mostly_empty_set_is_visited_again():
    maps = np.zeros((50, 10, 10, 1))
    maps[:, 0, 0] = 1
    assert 5 < len(sample_patches(maps, 50, RNG(0))) <= 50


def test_sampling_is_deterministic():
    a, b, c = (sample_patches(numbered(), 30, RNG(s)) for s in (0, 0, 1))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_lazy_maps_are_computed_in_blocks_and_equal_the_maps():
    x = RNG(0).standard_normal((50, 6, 6, 1))
    asked = []

    class Counting(PatchExtraction):
        def forward(self, x):
            asked.append(len(x))
            return super().forward(x)

    maps = Maps(x, [Counting(3)])
    assert len(maps) == 50
    lazy = sample_patches(maps, 40, RNG(1), block=16)
    assert np.array_equal(lazy, sample_patches(extract_patches(x, 3), 40, RNG(1), block=16))
    assert max(asked) <= 16
    assert sum(asked) < 50  # and no more than needed


@pytest.mark.parametrize(("n", "wanted", "match"), [(0, 5, "there is no map"), (3, 0, "n_patches must be an int >= 1")])
def test_sampling_refuses(n, wanted, match):
    with pytest.raises(ValueError, match=match):
        sample_patches(np.ones((n, 2, 2, 1)), wanted, RNG(0))


def test_checked_anchors_cannot_be_written():
    anchors = Anchors(np.eye(3)).values
    with pytest.raises(ValueError, match="read-only"):
        anchors[0, 0] = 2.0


def test_rows_of_norm_one_up_to_rounding_keep_their_bits():
    eps = np.finfo(np.float64).eps
    assert Anchors([[1 + 4 * eps], [1 + 3 * eps], [1 - 4 * eps]]).values.ravel().tolist() == [
        1 + 4 * eps,
        1 + 3 * eps,
        1 - 4 * eps,
    ]
    assert Anchors([[1 + 5 * eps], [1 - 5 * eps]]).values.tolist() == [[1], [1]]


def test_anchors_may_leave_the_sphere_by_a_thousandth():
    part = KernelMapping(2).build((1, 1, 3), RNG(0))
    z = part.params["anchors"]
    for factor in (1.00099, 0.99901):
        assert np.array_equal(part.replace({"anchors": factor * z}).params["anchors"], factor * z)
    for factor in (1.00105, 0.99895):
        with pytest.raises(ValueError, match="anchors must be rows of norm 1"):
            part.replace({"anchors": factor * z})


def test_as_many_anchors_as_patches_can_be_learned():
    x = RNG(0).standard_normal((2, 2, 2, 3))
    assert KernelMapping(5, n_patches=5).build((2, 2, 3), RNG(0), x).params["anchors"].shape == (5, 3)
    with pytest.raises(ValueError, match="n_anchors=6 is more than n_patches=5"):
        KernelMapping(6, n_patches=5).build((2, 2, 3), RNG(0), x)


def test_norms_of_vectors_are_exact_up_to_the_largest_number():
    x = RNG(0).standard_normal((2, 3, 2, 4))
    norms = channel_norms(x)
    assert np.allclose(norms, np.linalg.norm(x, axis=-1, keepdims=True), rtol=1e-15)
    for power in (-900, -1, 3, 1000):
        assert np.array_equal(channel_norms(np.ldexp(x, power)), np.ldexp(norms, power))
    for dtype in (np.float32, np.float64):
        largest = np.finfo(dtype).max
        far = np.array([largest, 0], dtype).reshape(1, 1, 1, 2)
        assert channel_norms(far).item() == largest
        part = KernelMapping(3).build((1, 1, 2), RNG(0))
        assert np.allclose(part.definition(far) / largest, part.definition(far / largest), rtol=1e-5)
