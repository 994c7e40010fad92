"""Any network inside scikit-learn: parameters of parts by name, the estimator's promises, grid search against hand."""

import pickle
import re

import numpy as np
import pytest
from registry import SPECIFICATIONS
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from kernelconv import ConvKernelNetwork, ConvNetClassifier, NetworkTransformer, serial
from kernelconv.operators import (
    AveragePooling,
    Concat,
    Convolution,
    Dense,
    Exponential,
    GaussianPooling,
    KernelMapping,
    Layer,
    MaxPooling,
    PatchExtraction,
    ReLU,
    Residual,
    Standardization,
)
from kernelconv.testing import check_image_estimator

RNG = np.random.default_rng


def layer(n_anchors, sigma=0.6, subsampling=2):
    mapping = KernelMapping(n_anchors, Exponential(sigma), n_patches=300)
    return Layer(PatchExtraction(2, padding="zero"), mapping, GaussianPooling(subsampling))


def two_layers(first=4, second=5, sigma=0.6):
    return serial(layer(first, sigma), layer(second))


def phi(network=None, **parameters):
    return NetworkTransformer(network or two_layers(), **{"random_state": 0, **parameters})


def problem(n=40, shape=(8, 7), classes=3, seed=0):
    """Images of noise with a brighter patch, whose place is the class."""
    x, y = RNG(seed).standard_normal((n, *shape)), np.arange(n) % classes
    for i, label in enumerate(y):
        x[i, :4, 2 * label : 2 * label + 2] += 3
    return x, y


# Parameters of parts by name


def test_parameters_are_the_parts_and_their_fields():
    network = serial(layer(4), Residual(serial(Convolution(5, 1), ReLU())), names=["layer", "residual"])
    assert network.get_params(deep=False) == {"layer": network.parts[0], "residual": network.parts[1]}
    deep = network.get_params()
    assert deep["layer__mapping"] == KernelMapping(4, Exponential(0.6), n_patches=300)
    assert deep["layer__mapping__n_anchors"] == 4
    assert deep["layer__mapping__kernel__sigma"] == 0.6
    assert deep["layer__patches__padding"] == "zero"
    assert deep["residual__branch__convolution_1__n_filters"] == 5
    assert deep["residual__shortcut"] is None
    assert not any(name.startswith(("layer__mapping__n_anchors__", "residual__shortcut__")) for name in deep)


def test_a_set_returns_another_network():
    network = two_layers()
    wider = network.set_params(layer_1__mapping__n_anchors=7, layer_1__mapping__kernel__sigma=0.9, layer_2=layer(3))
    assert wider == serial(layer(7, 0.9), layer(3))
    assert network == two_layers()
    assert network.set_params(layer_2=layer(3), layer_2__pooling__subsampling=1) == serial(
        layer(4), layer(3, subsampling=1)
    )
    deep = serial(Residual(serial(Convolution(1, 3, padding="zero"), ReLU())))
    assert deep.set_params(residual_1__branch__convolution_1__size=5) == serial(
        Residual(serial(Convolution(1, 5, padding="zero"), ReLU()))
    )
    branches = serial(Concat(Convolution(1, 3), serial(MaxPooling(3, stride=1))), names=["both"])
    assert branches.get_params()["both__branch_1__size"] == (3, 3)
    moved = branches.set_params(both__branch_1__n_filters=4, both__branch_2__maxpooling_1=AveragePooling(3, stride=1))
    assert moved == serial(
        Concat(Convolution(4, 3), serial(AveragePooling(3, stride=1), names=["maxpooling_1"])), names=["both"]
    )
    assert serial(Dense(3), names=["scores"]).set_params(scores=ReLU()).names == ("scores",)


@pytest.mark.parametrize("name", list(SPECIFICATIONS))
def test_every_part_is_made_again_from_its_parameters(name):
    network = serial(SPECIFICATIONS[name], names=["part"])
    again = network.set_params(**network.get_params())
    assert again == network
    assert repr(again) == repr(network)


def test_a_set_on_a_built_network_leaves_out_what_it_has_learned():
    built = two_layers().build((8, 7, 1), RNG(0), problem()[0])
    fresh = built.set_params(layer_2__mapping__n_anchors=3)
    assert built.params.keys() == {"layer_1.M.anchors", "layer_2.M.anchors"}
    for part in (fresh, *fresh.parts, fresh.parts[0].mapping):
        assert part.in_shape is None
        assert not part.params


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"layer_3": ReLU()}, r"Invalid parameter 'layer_3' for Network: .*: \['layer_1', 'layer_2'\]\.$"),
        (
            {"layer_1__mapping__n_anchor": 3},
            r"Invalid parameter 'n_anchor' for KernelMapping\(4.*\)\. Valid parameters are: \['anchors', 'kernel', ",
        ),
        ({"layer_1__mapping__n_anchors__x": 3}, r"Invalid parameter 'x' for 4\. Valid parameters are: \[\]"),
        ({"layer_1__mapping__n_anchors": 0}, "n_anchors must be an int >= 1, got 0"),
        ({"layer_1": 3}, "serial composes parts .* got 3"),
    ],
)
def test_unknown_names_and_bad_values_are_refused(values, match):
    with pytest.raises(ValueError, match=match):
        two_layers().set_params(**values)


def test_a_network_is_its_own_clone():
    network = two_layers()
    assert clone(network) is network
    assert clone(phi(network)).network is network


# The estimator


@parametrize_with_checks(
    [
        NetworkTransformer(
            serial(Standardization(), layer(4), layer(4), layer(3)), image_shape=(1, -1), random_state=0
        ),
        NetworkTransformer(
            serial(Convolution(4, 3, padding="zero"), ReLU(), Dense(5)), image_shape=(1, -1), random_state=0
        ),
    ]
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("network", [two_layers(), serial(Standardization(), Convolution(3, 3), ReLU(), MaxPooling(2))])
def test_images_contract(network):
    check_image_estimator(phi(network), problem(12)[0])


def test_the_features_are_those_of_the_network_built_on_the_images():
    x, _ = problem()
    for network in (serial(layer(4), layer(5), layer(6)), serial(Convolution(3, 3), ReLU())):
        fitted = phi(network).fit(x)
        by_hand = network.build((8, 7, 1), RNG(0), x)
        assert np.array_equal(fitted.transform(x), by_hand.forward(x).reshape(40, -1))
        assert fitted.maps_shape_ == by_hand.out_shape((8, 7, 1))
        assert network.in_shape is None
        assert np.array_equal(pickle.loads(pickle.dumps(fitted)).transform(x), fitted.transform(x))
    names = fitted.get_feature_names_out()
    assert names[4] == "networktransformer_0_1_1"
    assert len(names) == fitted.transform(x).shape[1] == 6 * 5 * 3


def test_the_ready_made_network_is_one_with_flat_parameters():
    x, _ = problem()
    ckn = ConvKernelNetwork((4, 5), patch_size=2, n_patches=300, random_state=0)
    assert np.array_equal(ckn.fit(x).transform(x), phi(ckn.specification()).fit(x).transform(x))
    assert isinstance(ckn, NetworkTransformer)
    assert "network" not in ckn.get_params()
    assert not hasattr(ckn, "network")


def test_progress_is_printed_where_asked(capsys):
    phi(serial(Standardization(), layer(4)), verbose=True).fit(problem()[0])
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"standardization 1: Standardization\(\)  \d+ s", first)
    assert re.fullmatch(r"layer 2: 4 anchors of 4 values  \d+ s", second)
    phi().fit(problem()[0])
    assert not capsys.readouterr().out


def test_what_is_not_a_network_is_refused():
    for wrong in (layer(3), "wide_lenet", None):
        with pytest.raises(ValueError, match=r"network must be a Network, as serial\(\*parts\) makes it, got"):
            phi(network=two_layers()).set_params(network=wrong).fit(problem()[0])


# set_params reaches inside


def test_set_params_puts_a_new_network_in_place():
    network = two_layers()
    estimator = phi(network)
    same = estimator.set_params(network__layer_1__mapping__n_anchors=7, network__layer_2__pooling__subsampling=1)
    assert same is estimator
    assert estimator.network.parts[0] == layer(7)
    assert network == two_layers()
    assert estimator.get_params()["network__layer_1__mapping__n_anchors"] == 7
    both = phi().set_params(network__layer_1__mapping__n_anchors=7, network=serial(layer(2)), n_jobs=1)
    assert both.network == serial(layer(7))
    assert both.n_jobs == 1
    pipeline = make_pipeline(phi(network), RidgeClassifier())
    pipeline.set_params(networktransformer__network__layer_1__mapping__n_anchors=7, ridgeclassifier__alpha=2.0)
    assert pipeline[0].network.parts[0] == layer(7)
    assert pipeline[1].alpha == 2.0
    clf = ConvNetClassifier(serial(Dense(9), ReLU(), Dense(3))).set_params(architecture__dense_1__n_units=4)
    assert clf.architecture == serial(Dense(4), ReLU(), Dense(3))


def test_set_params_refuses_names_it_does_not_know():
    with pytest.raises(ValueError, match=r"Invalid parameter 'layer_9' for Network.*\['layer_1', 'layer_2'\]"):
        phi().set_params(network__layer_9__mapping=3)
    for name in ("network_", "layer_1", "layer_1__mapping", "verbose__x"):
        with pytest.raises((ValueError, AttributeError), match=r"Invalid parameter|'bool' object has no attribute"):
            phi().set_params(**{name: 3})


def test_grid_search_is_the_fits_by_hand():
    x, y = problem(60)
    x = x + RNG(1).standard_normal(x.shape)
    grid = {
        "networktransformer__network__layer_1__mapping__n_anchors": [1, 3],
        "networktransformer__network__layer_1__mapping__kernel__sigma": [0.4, 1.5],
        "networktransformer__network__layer_2": [layer(2), layer(5)],
    }
    search = GridSearchCV(make_pipeline(phi(), RidgeClassifier()), grid, cv=3).fit(x, y)
    scores = []
    for params in search.cv_results_["params"]:
        sigma, n_anchors, second = (params[name] for name in sorted(params))
        by_hand = make_pipeline(phi(serial(layer(n_anchors, sigma), second)), RidgeClassifier())
        scores.append(cross_val_score(by_hand, x, y, cv=3).mean())
    assert search.cv_results_["mean_test_score"].tolist() == scores
    assert len(set(scores)) > 3
    sigma, n_anchors, second = (search.best_params_[name] for name in sorted(grid))
    best = phi(serial(layer(n_anchors, sigma), second)).fit(x)
    assert np.array_equal(search.best_estimator_[0].transform(x), best.transform(x))


@pytest.mark.parametrize(
    ("estimator", "values", "match"),
    [
        (NetworkTransformer(serial(layer(4))), {"network__": 1}, r"Invalid parameter 'network__': .* no parameter ''"),
        (
            ConvKernelNetwork(pooling=AveragePooling(2)),
            {"pooling__subsampling": 3},
            r"pooling=AveragePooling\(2.*\) has no parameter 'subsampling'",
        ),
        (ConvNetClassifier("mlp"), {"architecture__c__n": 3}, "architecture='mlp' has no parameter 'c__n'"),
    ],
)
def test_names_inside_what_has_no_parameters_are_refused(estimator, values, match):
    with pytest.raises(ValueError, match=match):
        estimator.set_params(**values)
