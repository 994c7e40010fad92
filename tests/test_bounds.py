"""The theorem's bound on convolutional kernel networks; translations; the theory's recommendations."""

import ast
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from test_stability import blobs

import kernelconv
from kernelconv import ConvKernelNetwork, GaussianPooling, KernelMapping, Layer, PatchExtraction, serial
from kernelconv.deformations import AffineField, CombinedDeformation, SmoothDeformation, Translation, warp
from kernelconv.operators import ArcCosine, ReLU, Square
from kernelconv.stability import (
    Architecture,
    LayerShape,
    Observations,
    StabilityBound,
    check_recommendations,
    equivariance_error,
    fit_bound,
    fit_envelope,
    observe,
    translation_error,
    worst_case,
)
from kernelconv.stability.theorem.bounds import regressor_correlation

SMOOTH = SmoothDeformation(cutoff=3)
ONE_LAYER = Architecture((LayerShape(3, 1, 2, 2.0),))


@pytest.fixture(scope="module")
def ckn():
    return ConvKernelNetwork((12, 16), sigma=0.6, random_state=0, n_patches=3000, padding="zero").fit(blobs(60, seed=9))


# -- architecture ------------------------------------------------------------------------------------------------------


def test_the_architecture_of_a_network_is_read_from_its_layers(ckn):
    first, second = Architecture.of(ckn.network_).layers
    assert (first.patch_size, first.stride, first.subsampling) == pytest.approx((3, 1, 2))
    assert (second.patch_size, second.stride, second.subsampling) == pytest.approx((3, 2, 2))
    assert first.scale == pytest.approx(2**0.5)
    assert first.slope == pytest.approx(1 / 0.6)  # sqrt(kappa'(1)) = 1 / sigma
    net = Architecture.of(ckn.network_)
    assert net.scale == pytest.approx(2 * 2**0.5)
    assert net.slope == pytest.approx(1 / 0.36)
    assert net.normalization == pytest.approx(4 / 9)
    assert net.patch_ratio == pytest.approx(2 / 2**0.5)


def test_normalized_features_have_the_norm_of_the_theorems():
    # a constant image: P multiplies the norm by the patch size, M keeps it, A and subsampling divide it by the stride
    x = np.ones((3, 16, 16, 1))
    part = Layer(
        PatchExtraction(3, padding="circular"),
        KernelMapping(4, regularization=0.0),
        GaussianPooling(2, padding="circular"),
    )
    network = serial(part).build((16, 16, 1), np.random.default_rng(0), blobs(20, 16)[..., None] + 1)
    ratio = np.linalg.norm(network.forward(x)[0]) / np.linalg.norm(x[0]) * Architecture.of(network).normalization
    assert 0.9 < ratio <= 1 + 1e-9


def test_what_is_no_kernel_layer_is_refused():
    with pytest.raises(ValueError, match=r"The theorem speaks of layers A M P .* ReLU\(\) is not one"):
        Architecture.of(serial(ReLU()))
    squared = Layer(serial(PatchExtraction(3), Square()), KernelMapping(4), GaussianPooling(2))
    for other in (squared, ConvKernelNetwork(4, input="gradient").specification(), None, ConvKernelNetwork()):
        with pytest.raises(ValueError, match=r"The theorem speaks of layers A M P .* is not one"):
            Architecture.of(other)
    with pytest.raises(ValueError, match=r"is not built: pass the network_ of a fitted estimator"):
        Architecture.of(ConvKernelNetwork(4).specification())
    layer = Layer(PatchExtraction(3), KernelMapping(4, kernel=ArcCosine(0)), GaussianPooling(2))
    with pytest.raises(ValueError, match="is not Lipschitz: the theorem does not hold for it"):
        Architecture.of(serial(layer).build((8, 8, 1), np.random.default_rng(0)))


@pytest.mark.parametrize("kind", ["centered", "whitened"])
def test_centred_and_whitened_networks_have_an_architecture(kind):
    x = blobs(30, size=12)
    network, raw = (
        ConvKernelNetwork((6, 8), input=i, random_state=0, n_patches=500).fit(x).network_ for i in (kind, "raw")
    )
    found, plain = Architecture.of(network), Architecture.of(raw)
    reads = network.parts[0].patches.parts[1]
    norm = np.linalg.norm(reads.matrix, 2) if kind == "whitened" else 1.0
    assert found.layers[0].slope == pytest.approx(norm * plain.layers[0].slope)
    assert found.layers[1] == plain.layers[1]
    assert (found.scale, found.normalization) == (plain.scale, plain.normalization)


def test_strides_of_patches_are_steps_of_the_next_layer():
    layers = [Layer(PatchExtraction(3, stride=s), KernelMapping(4), GaussianPooling(2)) for s in (2, 1)]
    network = serial(*layers).build((21, 21, 1), np.random.default_rng(0))
    assert [layer.stride for layer in Architecture.of(network).layers] == [1, 4]


def test_a_layer_with_strided_patches_is_that_with_a_larger_step_of_pooling():
    of = {}
    for stride, pooling in ((2, GaussianPooling(2)), (1, GaussianPooling(4, scale=2 * np.sqrt(2)))):
        layer = Layer(PatchExtraction(3, stride, "zero"), KernelMapping(4), pooling)
        of[stride] = Architecture.of(serial(layer).build((32, 32, 1), np.random.default_rng(0)))
    assert of[1].layers[0].subsampling == of[2].layers[0].subsampling == 4
    assert of[1].layers[0].scale == pytest.approx(of[2].layers[0].scale, rel=1e-12)


def test_recommendations_name_the_layer_that_breaks_them():
    good = Architecture((LayerShape(3, 1, 2, 1.4), LayerShape(3, 2, 2, 1.4), LayerShape(3, 4, 2, 1.4)))
    assert [r.kept for r in check_recommendations(good, invariance=5.0)] == [True, True, True]
    bad = Architecture((LayerShape(3, 1, 2, 1.4), LayerShape(5, 2, 5, 3.5)))
    patches, sampling, depth = check_recommendations(bad, invariance=20.0)
    assert not patches.kept
    assert "layer 2 has patches of 5 px" in patches.explanation
    assert not sampling.kept
    assert "layer 2 subsamples by 5 px with patches of 5 px" in sampling.explanation
    assert not depth.kept
    assert (
        "reach a pooling scale of 7 px, below the 20 px asked for. Layers to add, subsampling by 5: 1"
        in depth.explanation
    )
    assert check_recommendations(bad)[2].kept
    with pytest.raises(ValueError, match="invariance must be > 0"):
        check_recommendations(good, invariance=0)


def test_the_patch_ratio_is_the_largest_half_width_over_the_pooling_scale_before_it():
    first, second, third = LayerShape(9, 1, 2, 1.5), LayerShape(5, 2, 3, 0.5), LayerShape(7, 6, 2, 1.0)
    assert Architecture((first,)).patch_ratio == 0
    # half widths of 2 and of 3 px on maps of 2 and of 6 px a pixel; pooling scales of 1.5 px and of 0.5 * 2 px
    assert Architecture((first, second)).patch_ratio == pytest.approx(2 * 2 / 1.5)
    assert Architecture((first, second, third)).patch_ratio == pytest.approx(3 * 6 / 1.0)
    assert Architecture((second, first)).patch_ratio == pytest.approx(4 * 1 / 1.0)


def test_recommendations_at_their_limits():
    limits = Architecture((LayerShape(3, 1, 2.9, 4.0),))
    assert [r.kept for r in check_recommendations(limits, invariance=4.0)] == [True, True, True]
    assert [r.explanation for r in check_recommendations(limits)] == [
        "every patch is at most 3 px wide",
        "every layer subsamples by less than its patch size",
        "1 layers reach a pooling scale of 4 px; no invariance was asked for",
    ]
    assert [r.kept for r in check_recommendations(Architecture((LayerShape(3, 1, 3, 4.0),)))] == [True, False, True]
    for subsampling, invariance, more in ((2, 4.01, 1), (2, 8, 1), (2, 8.01, 2), (4, 16, 1), (1, 16, 2)):
        depth = check_recommendations(Architecture((LayerShape(3, 1, subsampling, 4.0),)), invariance)[2]
        step = max(2, subsampling)  # a layer that does not subsample widens the scale by nothing
        assert depth.explanation.endswith(f"Layers to add, subsampling by {step}: {more}.")


# -- the bound ---------------------------------------------------------------------------------------------------------


def seen(family, strengths, x, phi, net, seed=0, **options):
    rng = np.random.default_rng(seed)
    fields = [family.sample(x.shape[1:3], s, rng, size=len(x)) for s in strengths]
    return Observations.join([observe(phi, x, f, net, **options) for f in fields])


def test_the_bound_holds_on_held_out_images_and_fields(ckn):
    net, level = Architecture.of(ckn.network_), 0.95
    train, test = blobs(80, seed=1), blobs(80, seed=2)
    shifts = seen(Translation(), (0.5, 1, 2), train, ckn, net, seed=3)
    smooth = seen(SMOOTH, (0.05, 0.1, 0.3, 0.5), train, ckn, net, seed=4)
    bound = fit_bound(net, shifts, smooth, level=level)
    assert bound.c2 > 0
    assert bound.c1 >= 0  # often 0: the displacement of smooth random fields covers what they do
    held_out = [
        seen(SMOOTH, (0.05, 0.1, 0.3, 0.5), test, ckn, net, seed=5),
        seen(Translation(), (0.5, 1, 2), test, ckn, net, seed=6),
        seen(CombinedDeformation(SMOOTH, 1.0), (0.1, 0.3), test, ckn, net, seed=7),
    ]
    for observations in held_out:
        slack = 3 * np.sqrt(level * (1 - level) / 80)  # images are what is independent
        assert bound.violations(observations) <= 1 - level + slack
    half = StabilityBound(net.n_layers, net.scale, bound.c1 / 2, bound.c2 / 2)
    assert half.violations(held_out[1]) > 0.2  # and a smaller bound would not hold


@pytest.mark.once("oldest")
def test_the_bound_fitted_with_worst_cases_holds_for_held_out_worst_cases(ckn):
    net, level = Architecture.of(ckn.network_), 0.9
    found = []
    for seed in (1, 2):
        x = blobs(30, seed=seed)
        fields = [
            worst_case(ckn.network_, x[..., None], SMOOTH, s, n_evaluations=24, random_state=seed).fields
            for s in (0.1, 0.4)
        ]
        found.append(Observations.join([observe(ckn, x, f, net) for f in fields]))
    train, test = found
    shifts = seen(Translation(), (0.5, 1, 2), blobs(30, seed=1), ckn, net)
    bound = fit_bound(net, shifts, train, level=level)
    assert bound.violations(test) <= 1 - level + 3 * np.sqrt(level * (1 - level) / 30)
    blind = fit_bound(net, shifts, seen(SMOOTH, (0.1, 0.4), blobs(30, seed=1), ckn, net), level=level)
    assert bound.c1 > blind.c1  # random fields alone underestimate the constant


def test_known_constants_are_found_again():
    rng = np.random.default_rng(0)
    s, t = rng.uniform(0.05, 0.5, 400), rng.uniform(0.5, 4, 400)
    exact = Observations(s, t, 0.7 * 2 * s + 0.3 / 2.0 * t)
    below = Observations(s, t, exact.change * rng.uniform(0.2, 1, 400))
    fitted = fit_envelope(ONE_LAYER, exact)
    assert (fitted.c1, fitted.c2) == (pytest.approx(0.7, rel=1e-6), pytest.approx(0.3, rel=1e-6))
    shifts = Observations(np.zeros(50), t[:50], 0.15 * t[:50])
    apart = fit_bound(ONE_LAYER, shifts, exact, level=1.0)
    assert (apart.c1, apart.c2) == (pytest.approx(0.7, rel=1e-6), pytest.approx(0.3, rel=1e-6))
    loose = fit_envelope(ONE_LAYER, below)
    assert loose.violations(below) == 0
    assert loose.right_hand_side(s, t).sum() <= exact.change.sum() * (1 + 1e-9)  # the lowest plane above all
    middle = fit_envelope(ONE_LAYER, below, level=0.95)
    assert middle.violations(below) == pytest.approx(0.05, abs=0.01)
    assert middle.right_hand_side(0.3, 2.0, image_norm=2.0) == pytest.approx(2 * middle.right_hand_side(0.3, 2.0))


@pytest.mark.parametrize("level", [0.9, 1.0])
def test_the_envelope_scales_with_the_features(level):
    rng = np.random.default_rng(0)
    s, t = rng.uniform(0.05, 0.5, 200), rng.uniform(0.5, 4, 200)
    change = (0.7 * 2 * s + 0.15 * t) * rng.uniform(0.5, 1, 200)
    wanted = fit_envelope(ONE_LAYER, Observations(s, t, change), level=level)
    for unit in (1e-12, 1e9):
        found = fit_envelope(ONE_LAYER, Observations(s, t, unit * change), level=level)
        assert (found.c1 / unit, found.c2 / unit) == (pytest.approx(wanted.c1), pytest.approx(wanted.c2))


def test_constants_cover_the_share_they_state_with_95_percent_confidence():
    rng, kept = np.random.default_rng(0), []
    for _ in range(300):
        shifts = Observations(np.zeros(100), np.ones(100), rng.exponential(size=100))
        smooth = Observations(np.full(100, 0.2), np.full(100, 1e-9), rng.exponential(size=100))
        bound = fit_bound(ONE_LAYER, shifts, smooth, level=0.9)
        kept.append([1 - np.exp(-bound.c2 / ONE_LAYER.scale) >= 0.9, 1 - np.exp(-bound.c1 * 2 * 0.2) >= 0.9])
    assert ((np.mean(kept, 0) > 0.92) & (np.mean(kept, 0) < 0.99)).all()


def test_constants_that_cannot_be_told_apart_are_refused():
    x = blobs(40, size=28)
    smooth = seen(SMOOTH, (0.05, 0.1, 0.2, 0.3, 0.5), x, lambda x: x, ONE_LAYER)
    assert regressor_correlation(smooth) > 0.9
    with pytest.raises(ValueError, match=r"correlated by 0\.9.*CombinedDeformation.*fit_bound"):
        fit_envelope(ONE_LAYER, smooth)
    apart = Observations.join(
        [seen(CombinedDeformation(SMOOTH, t), (0.1, 0.3, 0.5), x, lambda x: x, ONE_LAYER) for t in (0.5, 2.0, 4.0)]
    )
    assert regressor_correlation(apart) < 0.9
    assert fit_envelope(ONE_LAYER, apart).violations(apart) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a, b: fit_bound(ONE_LAYER, b, b), "translations must be shifts: Jacobian norm 0"),
        (lambda a, b: fit_bound(ONE_LAYER, a, a), "deformations must have Jacobian norms > 0"),
        (lambda a, b: fit_bound(ONE_LAYER, a, b, level=1.5), r"level must be in \(0, 1\], got 1\.5"),
        (
            lambda a, b: fit_bound(ONE_LAYER, Observations(*[np.zeros(0)] * 3), b),
            "must be Observations, at least one",
        ),
        (lambda a, b: fit_envelope(ONE_LAYER, b, level=0), "level must be > 0"),
        (lambda a, b: fit_bound(None, a, b), r"architecture must be an Architecture .* got None"),
        (lambda a, b: fit_envelope(ONE_LAYER, [1.0]), "seen must be Observations, at least one .* got"),
        (lambda a, b: Observations([0.1], [1.0, 2.0], [0.1]), "sup_norm must hold one number >= 0 an observation"),
        (lambda a, b: Observations([0.1], [1.0], [-0.1]), "change must hold one number >= 0"),
        (lambda a, b: Observations.join([]), "parts must be a non-empty list of Observations"),
        (lambda a, b: StabilityBound(2, 5.0, -1.0, 1.0), "c1 must be >= 0"),
        (lambda a, b: StabilityBound(2, 5.0, 1.0, 1.0).right_hand_side(-1, 1), "jacobian_norm must be >= 0, got -1"),
        (
            lambda a, b: StabilityBound(2, 5.0, 1.0, 1.0).right_hand_side([1, 1], [1] * 3),
            "numbers or of one shape, got",
        ),
        (lambda a, b: StabilityBound(2, 5.0, 1.0, 1.0).violations(None), "seen must be Observations"),
        (lambda a, b: Architecture(()), "layers must hold one LayerShape a layer, at least one"),
        (lambda a, b: LayerShape(3, 1, 0, 2.0), "subsampling must be > 0"),
        (lambda a, b: check_recommendations(3), "architecture must be an Architecture"),
    ],
)
def test_errors(call, message):
    shifts, smooth = (Observations(np.full(5, s), np.ones(5), np.ones(5)) for s in (0.0, 0.2))
    with pytest.raises(ValueError, match=message):
        call(shifts, smooth)


def test_all_translations_are_shifts_and_all_deformations_deform():
    ones, shifts = np.ones(2), Observations(np.zeros(2), np.ones(2), np.ones(2))
    for mixed in (Observations([0.0, 0.1], ones, ones), Observations([0.0, 0.0], [1.0, 0.0], ones)):
        with pytest.raises(ValueError, match="translations must be shifts: Jacobian norm 0 and a length > 0"):
            fit_bound(ONE_LAYER, mixed, Observations([0.1, 0.2], ones, ones))
    with pytest.raises(ValueError, match="deformations must have Jacobian norms > 0"):
        fit_bound(ONE_LAYER, shifts, Observations([0.0, 0.1], ones, ones))
    with pytest.raises(ValueError, match=r"deformations must be Observations, at least one \(see observe\), got None"):
        fit_bound(ONE_LAYER, shifts, None)


def test_levels_that_are_not_given():
    shifts, smooth = (Observations(np.full(5, s), np.ones(5), np.ones(5)) for s in (0.0, 0.2))
    assert fit_bound(ONE_LAYER, shifts, smooth) == fit_bound(ONE_LAYER, shifts, smooth, level=0.95)
    vary = Observations([0.1, 0.2, 0.3, 0.1], [1.0, 2.0, 1.0, 3.0], [1.0, 1.0, 2.0, 2.0])
    assert fit_envelope(ONE_LAYER, vary) == fit_envelope(ONE_LAYER, vary, level=1)
    assert StabilityBound(1, 2.0, 0.0, 0.0) == StabilityBound(1, 2.0, 0.0, 0.0, 1)
    assert StabilityBound(1, 2.0, 1.0, 1.0).right_hand_side(0.1, 1.0) == pytest.approx(0.1 * 2 + 1 / 2)
    assert StabilityBound(1, 2.0, 1.0, 1.0).right_hand_side(0, np.zeros(2)).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1.0, 1.0, 1.0), "n_layers must be an int >= 1, got 0"),
        ((1, 0.0, 1.0, 1.0), "scale must be > 0"),
        ((1, 1.0, 1.0, -1.0), "c2 must be >= 0"),
        ((1, 1.0, 1.0, 1.0, 1.01), r"level must be in \(0, 1\], got 1\.01"),
    ],
)
def test_what_is_no_bound_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        StabilityBound(*arguments)


def test_equality_with_the_bound_is_no_violation():
    bound, s, t = StabilityBound(2, 3.0, 0.7, 0.3), np.array([0.1, 0.3]), np.array([1.0, 2.0])
    exact = bound.right_hand_side(s, t)
    assert bound.violations(Observations(s, t, exact)) == 0
    assert bound.violations(Observations(s, t, exact * (1 + 1e-12))) == 0  # rounding
    assert bound.violations(Observations(s, t, exact * [1 + 1e-6, 1])) == 0.5
    assert StabilityBound(2, 3.0, 0.0, 0.0).violations(Observations(s, t, [1e-15, 1e-9])) == 0.5


@pytest.mark.parametrize("constant", ["jacobian_norm", "sup_norm"])
def test_one_constant_regressor_cannot_be_told_apart(constant):
    vary = {"jacobian_norm": [0.1, 0.2, 0.3], "sup_norm": [1.0, 3.0, 2.0], "change": [1.0, 1.0, 2.0]}
    assert regressor_correlation(Observations(**vary)) == pytest.approx(0.5)
    assert regressor_correlation(Observations(**{**vary, constant: np.ones(3)})) == 1
    with pytest.raises(ValueError, match=r"correlated by 1\.00 over these fields, above 0\.9"):
        fit_envelope(ONE_LAYER, Observations(**{**vary, constant: np.ones(3)}))


def test_zero_images_bound_nothing():
    x = blobs(3)
    x[1] = 0
    with pytest.raises(ValueError, match="1 of 3 images are zero"):
        observe(lambda x: x, x, SMOOTH.sample((20, 20), 0.1, rng=0, size=3), ONE_LAYER)
    with pytest.raises(ValueError, match=r"must be a batch of 3 fields, one an image, got SineField\("):
        observe(lambda x: x, x, SMOOTH.sample((20, 20), 0.1, rng=0), ONE_LAYER)


# -- translations ------------------------------------------------------------------------------------------------------


def test_the_translation_error_of_a_blur_falls_with_its_scale():
    x = np.pad(blobs(20), ((0, 0), (8, 8), (8, 8)))
    errors = [
        translation_error(lambda x, s=s: ndimage.gaussian_filter(x, (0, s, s)), x, (1.0, 0.5)).max() for s in (1, 2, 4)
    ]
    assert errors[0] > errors[1] > errors[2] > 0.01


def test_the_equivariance_error_is_zero_where_the_law_says_so():
    layer = Layer(PatchExtraction(3, padding="circular"), KernelMapping(6), GaussianPooling(2, padding="circular"))
    x = blobs(8, 16)[..., None]
    network = serial(layer).build((16, 16, 1), np.random.default_rng(0), x)
    assert equivariance_error(network, x, (2, -4), padding="circular").max() < 1e-10
    off_grid = equivariance_error(network, x, (1, 0), padding="circular")
    assert 1e-4 < off_grid.max() < 0.3
    assert equivariance_error(network, x, (1, 0), padding="circular", order=1).mean() > 2 * off_grid.mean()
    inside = equivariance_error(lambda x: ndimage.gaussian_filter(x, (0, 1, 1, 0)), x, (2, 1))
    assert inside.max() < 1e-2
    with pytest.raises(ValueError, match=r"Equivariance is of maps .* phi returned shape \(8, 256\)"):
        equivariance_error(lambda x: x.reshape(len(x), -1), x, (1, 0))
    with pytest.raises(ValueError, match=r"shift must be \(rows, columns\), two numbers of pixels, got 1"):
        equivariance_error(lambda x: x, x, 1)
    with pytest.raises(ValueError, match=r"leaves no position of the \(16, 16\) map inside"):
        equivariance_error(lambda x: x, x, (9, 0))


@pytest.mark.parametrize("shift", [(1.5, 0.25), (-2.5, 1.0), (0.0, -0.5)])
def test_what_a_shift_brings_in_from_outside_is_left_out_of_the_equivariance_error(shift):
    x = np.random.default_rng(0).uniform(1, 2, (3, 9, 8, 1))
    # x + 1 commutes with linear interpolation wherever nothing of it is the 0 outside
    assert equivariance_error(lambda x: x + 1, x, shift, order=1).max() < 1e-12
    both = [warp(x + 1, np.broadcast_to(shift, (9, 8, 2)), order=1)]
    both.append(warp(x, np.broadcast_to(shift, (9, 8, 2)), order=1) + 1)
    wrong = np.abs(both[0] - both[1]).max((0, 3)) > 1e-9
    assert [wrong.all(1).sum(), wrong.all(0).sum()] == [np.ceil(abs(c)) for c in shift]


def test_stability_measures_any_callable_and_knows_no_network():
    folder = Path(kernelconv.__file__).parent
    for package, below in (("stability", {"deformations", "stability"}), ("deformations", {"deformations"})):
        for path in (folder / package).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                for name in names:
                    parts = name.split(".")
                    if parts[0] == "kernelconv":
                        assert parts[1].startswith("_") or parts[1] in below, (path.name, name)


def test_affine_fields_are_observed_with_their_own_norms():
    x = blobs(4)
    field = AffineField((20, 20), np.repeat(0.1 * np.eye(2)[None], 4, 0), np.zeros((4, 2)))
    found = observe(lambda x: 3 * x, x, field, ONE_LAYER)
    np.testing.assert_allclose(found.jacobian_norm, 0.1)
    np.testing.assert_allclose(found.sup_norm, 0.1 * np.hypot(9.5, 9.5))
    assert len(found) == 4
    norms = [np.linalg.norm(a.reshape(4, -1), axis=1) for a in (3 * warp(x, field) - 3 * x, x)]
    np.testing.assert_allclose(found.change, 2 / 3 * norms[0] / norms[1])  # a stride of 2, patches of 3 px
    assert repr(found) == "Observations(4 changes)"
    other = observe(lambda x: 3 * x, x, field, ONE_LAYER, order=1, padding="circular")
    norms[0] = np.linalg.norm((3 * warp(x, field, order=1, padding="circular") - 3 * x).reshape(4, -1), axis=1)
    np.testing.assert_allclose(other.change, 2 / 3 * norms[0] / norms[1])


@pytest.mark.once("newest")  # tracing what an older SciPy does in Python takes long
def test_an_envelope_of_many_observations_needs_no_square_matrix():
    rng, m = np.random.default_rng(0), 800
    seen = Observations(rng.random(m) + 0.01, 3 * rng.random(m), rng.random(m))
    tracemalloc.start()
    fitted = fit_envelope(ONE_LAYER, seen, level=0.9)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * m**2 / 4
    above = seen.change > fitted.right_hand_side(seen.jacobian_norm, seen.sup_norm)
    # the optimality of a quantile regression without an intercept: shares weighted by each regressor
    for weights in (seen.jacobian_norm, seen.sup_norm):
        assert np.average(above, weights=weights) == pytest.approx(0.1, abs=2 / m)
