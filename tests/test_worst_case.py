"""The search for the worst field."""

import numpy as np
import pytest
from test_stability import blobs

from kernelconv import ConvKernelNetwork, load_digits_images
from kernelconv.deformations import (
    AffineDeformation,
    CombinedDeformation,
    ElasticDeformation,
    Rotation,
    SmoothDeformation,
    Translation,
    warp,
)
from kernelconv.stability import measure_worst_case, relative_change, worst_case
from kernelconv.stability.representation import as_gradient
from kernelconv.stability.search.methods import State, _unit, ascend, evolve, on_sphere
from kernelconv.stability.search.objective import Objective

SMOOTH = SmoothDeformation(cutoff=3)
FAMILIES = [SMOOTH, ElasticDeformation(4.0), CombinedDeformation(SMOOTH, 1.0), AffineDeformation(), Translation()]
METHODS = pytest.mark.parametrize("method", ["gradient", "evolution"])


class Pixels:
    """The identity, with its gradient; remembers what it was given."""

    def __init__(self):
        self.seen, self.n_gradients = [], 0

    def forward(self, x):
        self.seen.append(x)
        return x

    def vjp(self, x, g):
        self.n_gradients += len(x)
        return g, {}


@pytest.mark.once("oldest")
@METHODS
@pytest.mark.parametrize("family", FAMILIES, ids=repr)
def test_the_worst_field_has_the_strength_asked_for_and_beats_random_ones(family, method):
    x, strength = blobs(4), 2.0 if family.unit else 0.2
    found = worst_case(Pixels(), x, family, strength, method=method, n_evaluations=48, random_state=0)
    norm = found.fields.sup_norm if family.unit else found.fields.jacobian_sup_norm
    np.testing.assert_allclose(norm, strength, rtol=1e-6)
    np.testing.assert_allclose(found.change, relative_change(x, warp(x, found.fields)), rtol=1e-9)
    assert (found.change >= found.random_best).all()
    assert (found.random_best > found.random_change).all()
    assert found.method == method
    assert found.n_evaluations == 48
    assert (
        found.change.mean()
        > {Translation(): 1.0, ElasticDeformation(4.0): 1.05}.get(family, 1.2) * found.random_change.mean()
    )


@METHODS
@pytest.mark.parametrize("options", [{}, {"n_random": 5}, {"n_random": 17}], ids=str)
def test_random_fields_are_tried_first_and_kept_and_each_image_has_its_budget(method, options):
    x, phi = blobs(5), Pixels()
    found = worst_case(phi, x, SMOOTH, 0.2, method=method, n_evaluations=17, random_state=0, **options)
    n_random = options.get("n_random", 8)  # half of the budget
    clean, random = phi.seen[0], phi.seen[1 : 1 + n_random]
    np.testing.assert_array_equal(clean, x)
    changes = [relative_change(x, warped) for warped in random]
    np.testing.assert_array_equal(found.random_best, np.max(changes, axis=0))
    np.testing.assert_allclose(found.random_change, np.mean(changes, axis=0), rtol=1e-12)
    assert (found.change >= found.random_best).all()
    assert (found.change > found.random_best).any() == (n_random < 17)
    n_features = sum(map(len, phi.seen)) - len(x)
    assert n_features + 2 * phi.n_gradients == 17 * len(x)  # a gradient is its features, and two more there and back
    assert (phi.n_gradients > 0) == (method == "gradient" and n_random < 14)


def test_random_fields_are_those_of_the_family():
    found = worst_case(lambda x: x, blobs(100, size=8), SMOOTH, 0.2, n_evaluations=8, n_random=8, random_state=0)
    drawn = SMOOTH.sample(8, 0.2, 1, size=100)
    change = relative_change(blobs(100, size=8), warp(blobs(100, size=8), drawn))
    assert found.random_change.mean() == pytest.approx(change.mean(), rel=0.1)


@pytest.mark.parametrize("phi", [Pixels(), lambda x: x], ids=["gradient", "evolution"])
def test_the_search_beats_as_many_random_fields_on_small_images(phi):
    x = load_digits_images()[0][:10]
    found = worst_case(phi, x, SMOOTH, 0.3, n_evaluations=48, random_state=0)
    random = worst_case(phi, x, SMOOTH, 0.3, n_evaluations=48, n_random=48, random_state=1)
    assert found.change.mean() > 1.25 * random.change.mean()
    assert (found.change > random.change).all()


@pytest.mark.parametrize("family", [SMOOTH, AffineDeformation()], ids=repr)
def test_the_slope_is_that_of_the_change_at_the_strength(family):
    x = blobs(3, size=12)
    objective = Objective(Pixels().forward, as_gradient(Pixels()), x, family, 0.3, 3, "zero", 1)
    rng, everyone = np.random.default_rng(0), np.arange(3)
    z = on_sphere(rng.standard_normal((3, objective.n_parameters)))
    slope = objective.slope(z, everyone)
    np.testing.assert_allclose((slope * z).sum(1), 0, atol=1e-9 * np.abs(slope).max())  # fields know directions alone
    steps = 1e-5 * np.eye(z.shape[1])
    square = [[objective.change(z + s * step, everyone) ** 2 for s in (1, -1)] for step in steps]
    exact = np.array([up - down for up, down in square]).T
    cosine = (slope * exact).sum(1) / (np.linalg.norm(slope, axis=1) * np.linalg.norm(exact, axis=1))
    assert cosine.min() > (0.9 if family is SMOOTH else 1 - 1e-6)  # the supremum of smooth fields is smoothed, too


def test_what_was_found_is_told_in_a_line():
    found = worst_case(Pixels(), blobs(3), SMOOTH, 0.2, n_evaluations=8, random_state=0)
    assert repr(found).startswith("WorstCase(3 images, gradient, 8 evaluations each: mean change 0.")
    assert len(repr(found)) < 120
    assert repr(found.fields) == "SineField(20 x 20 px, 3 fields)"
    assert repr(found.fields[0]) == "SineField(20 x 20 px)"


@pytest.mark.once("oldest")
def test_both_searches_find_the_same_worst_case():
    x = blobs(6)
    found = {
        m: worst_case(Pixels(), x, SMOOTH, 0.1, method=m, random_state=0).change for m in ("gradient", "evolution")
    }
    np.testing.assert_allclose(found["evolution"], found["gradient"], rtol=0.2)
    assert found["gradient"].mean() > 1.7 * worst_case(Pixels(), x, SMOOTH, 0.1, n_evaluations=8).random_change.mean()


def test_the_worst_translation_is_known():
    # a wave along the rows: the worst shift of half a period is the one along the rows
    rows = np.arange(32)[:, None] * np.ones((1, 32))
    x = np.stack([np.sin(2 * np.pi * k * rows / 32) for k in (2, 4)])
    found = worst_case(Pixels(), x, Translation(), 3.0, n_evaluations=60, random_state=0, padding="circular")
    np.testing.assert_allclose(np.abs(found.fields.offset[:, 0]), 3, rtol=1e-3)
    np.testing.assert_allclose(found.change, 2 * np.sin(np.pi * np.array([2, 4]) * 3 / 32), rtol=1e-3)


def test_the_gradient_of_a_network_is_used_where_there_is_one():
    x = blobs(10, dtype=np.float32)[..., None]
    network = ConvKernelNetwork((8, 12), random_state=0, n_patches=2000).fit(x).network_
    auto = worst_case(network, x, SMOOTH, 0.2, n_evaluations=40, random_state=0)
    assert auto.method == "gradient"
    blind = worst_case(network.forward, x, SMOOTH, 0.2, n_evaluations=40, random_state=0)
    assert blind.method == "evolution"
    np.testing.assert_array_equal(auto.random_best, blind.random_best)  # the same starting fields
    assert auto.change.mean() > 1.3 * auto.random_change.mean()


@METHODS
def test_the_same_seed_finds_the_same_field(method):
    x = blobs(4)
    first, again, other = (
        worst_case(Pixels(), x, SMOOTH, 0.2, method=method, n_evaluations=24, random_state=seed, n_jobs=n)
        for seed, n in ((0, 1), (0, 2), (1, 1))
    )
    np.testing.assert_array_equal(first.fields.values, again.fields.values)
    assert not np.array_equal(first.fields.values, other.fields.values)


def test_the_report_states_family_method_and_budget():
    report = measure_worst_case(Pixels(), blobs(8), SMOOTH, [0.1, 0.6], n_evaluations=16, random_state=0)
    assert report.rows[0].family == "worst of SmoothDeformation(cutoff=3), gradient, 16 evaluations"
    worst, random, ratio = (report.select(m) for m in ("worst_change", "random_change", "worst_over_random"))
    for a, b, r in zip(worst, random, ratio, strict=True):
        assert r.mean == pytest.approx(a.mean / b.mean)
        assert 1 < r.low < r.mean < r.high
    assert [r.within_theorem for r in worst] == [True, False]


class Broken(Pixels):
    """The identity, with a gradient that is none."""

    def __init__(self, slope):
        super().__init__()
        self.slope = slope

    def vjp(self, x, g):
        return self.slope


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"deformation": Rotation()}, r"families that are linear in parameters, .* got Rotation\(\)"),
        ({"phi": lambda x: x, "method": "gradient"}, r"The gradient search needs phi\.vjp\(x, g\)"),
        ({"method": "annealing"}, "method must be one of 'auto', 'gradient', 'evolution', got 'annealing'"),
        ({"n_evaluations": 7}, "n_evaluations must be an int >= 8, got 7"),
        ({"n_random": 9}, "n_random must be at most n_evaluations=8, of which it is a part, got 9"),
        ({"n_random": 0}, "n_random must be an int >= 1, got 0"),
        ({"phi": Broken(np.zeros((3, 5))), "n_random": 1}, r"phi\.vjp\(x, g\) must return the gradient in x, of shape"),
        ({"phi": Broken(np.full((3, 20, 20), np.nan)), "n_random": 1}, r"phi\.vjp\(x, g\) holds 1200 non-finite"),
        ({"strength": 1.0}, "strength=1.0 is not below 1"),
        ({"X": blobs(1)}, "X holds 1 image"),
    ],
)
def test_errors(changes, message):
    arguments = {"phi": Pixels(), "X": blobs(3), "deformation": SMOOTH, "strength": 0.2, "n_evaluations": 8} | changes
    with pytest.raises(ValueError, match=message):
        worst_case(**arguments)


# -- the two searches, by a naive loop over the images -----------------------------------------------------------------


class Height:
    """A smooth function of parameters in place of the change of a representation, and its slope."""

    centre = np.array([1.0, -0.5, 2.0, 0.25])

    def change(self, z, images):
        return 10 - ((z - self.centre * (1 + images[:, None])) ** 2).sum(1) / (1 + images)

    def slope(self, z, images):
        return self.centre * (1 + images[:, None]) - z

    def norms(self, z):
        return np.abs(z[:, 0] + 2 * z[:, 1])


def start(budgets):
    n = len(budgets)
    z = on_sphere(np.random.default_rng(5).standard_normal((n, 4)))
    return State(z, Height().change(z, np.arange(n)), np.array(budgets))


def assert_is_state(state, z, change, left):
    np.testing.assert_allclose(state.z, z, rtol=1e-9)
    np.testing.assert_allclose(state.change, change, rtol=1e-9)
    assert state.left.tolist() == left


def on_the_sphere(z):
    return z * np.sqrt(len(z) / (z @ z))


@pytest.mark.parametrize("first_step", [0.5, 0.1])
def test_the_evolution_is_its_naive_loop(first_step):
    objective, state = Height(), start([5, 0, 12, 9])
    z, change, left, step = state.z.copy(), state.change.copy(), [5, 0, 12, 9], [first_step] * 4
    rng = np.random.default_rng(1)
    while any(left):
        drawn = rng.standard_normal((8, 4, 4))  # eight mutations of each image, whoever is done
        for i in range(4):
            if left[i]:
                tried = [on_the_sphere(z[i] + step[i] * d) for d in drawn[:, i]]
                mutant = min(tried, key=lambda t: abs(t[0] + 2 * t[1]))
                found = objective.change(mutant[None], np.array([i]))[0]
                left[i] -= 1
                step[i] *= 1.5 if found > change[i] else 1.5**-0.25
                if found > change[i]:
                    z[i], change[i] = mutant, found
    evolve(objective, state, np.random.default_rng(1), *([first_step] if first_step != 0.5 else []))
    assert_is_state(state, z, change, left)


def test_the_ascent_is_its_naive_loop():
    budgets = [40, 3, 4, 40, 5, 90]
    objective, state = Height(), start(budgets)
    z, change, left = state.z.copy(), state.change.copy(), list(budgets)
    for i in range(len(budgets)):
        step, stale, image = 0.6, True, np.array([i])
        while step > 0.02 and left[i] >= (4 if stale else 1):  # a gradient costs three, the step that it is for one
            if stale:
                slope = objective.slope(z[i][None], image)[0]
                left[i] -= 3
            tried = on_the_sphere(z[i] + step * 2 * slope / np.linalg.norm(slope))  # the sphere's radius is 2
            found = objective.change(tried[None], image)[0]
            left[i] -= 1
            stale = found > change[i]
            step *= 1.3 if stale else 0.5
            if stale:
                z[i], change[i] = tried, found
    ascend(objective, state)
    assert_is_state(state, z, change, left)
    assert left[1] == 3  # not enough for a gradient and its step
    assert left[5] > 4  # it has arrived


def test_an_image_without_a_slope_stays_where_it_is():
    np.testing.assert_allclose(_unit(np.array([[3.0, 4.0], [0.0, 0.0]])), [[0.6, 0.8], [0.0, 0.0]])
