"""The search for the worst field."""

import numpy as np
import pytest
from test_stability import blobs

from kernelconv import ConvKernelNetwork
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

SMOOTH = SmoothDeformation(cutoff=3)
FAMILIES = [SMOOTH, ElasticDeformation(4.0), CombinedDeformation(SMOOTH, 1.0), AffineDeformation(), Translation()]
METHODS = pytest.mark.parametrize("method", ["gradient", "evolution"])


class Pixels:
    """The identity, with its gradient."""

    def forward(self, x):
        return x

    def vjp(self, x, g):
        return g, {}


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
    assert 44 <= found.n_evaluations <= 48
    assert (
        found.change.mean()
        > {Translation(): 1.0, ElasticDeformation(4.0): 1.05}.get(family, 1.2) * found.random_change.mean()
    )


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
    assert report.rows[0].family == "worst of SmoothDeformation(cutoff=3), gradient, 14 evaluations"
    worst, random, ratio = (report.select(m) for m in ("worst_change", "random_change", "worst_over_random"))
    for a, b, r in zip(worst, random, ratio, strict=True):
        assert r.mean == pytest.approx(a.mean / b.mean)
        assert 1 < r.low < r.mean < r.high
    assert [r.within_theorem for r in worst] == [True, False]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"deformation": Rotation()}, r"families that are linear in parameters, .* got Rotation\(\)"),
        ({"phi": lambda x: x, "method": "gradient"}, r"The gradient search needs phi\.vjp\(x, g\)"),
        ({"method": "annealing"}, "method must be one of 'auto', 'gradient', 'evolution', got 'annealing'"),
        ({"n_evaluations": 7}, "n_evaluations must be an int >= 8, got 7"),
        ({"strength": 1.0}, "strength=1.0 is not below 1"),
        ({"X": blobs(1)}, "X holds 1 image"),
    ],
)
def test_errors(changes, message):
    arguments = {"phi": Pixels(), "X": blobs(3), "deformation": SMOOTH, "strength": 0.2, "n_evaluations": 8} | changes
    with pytest.raises(ValueError, match=message):
        worst_case(**arguments)
