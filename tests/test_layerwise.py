"""LayerwiseConvNet: scikit-learn's suite, a generative model found again, its filters, its stages, what it refuses."""

import pickle
import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from kernelconv import load_digits_images, serial
from kernelconv.networks import LayerwiseConvNet
from kernelconv.networks.cnn.centroids import centroid_convolution, euclidean_centroids
from kernelconv.networks.parameters import per_layer
from kernelconv.operators import (
    AveragePooling,
    Convolution,
    Identity,
    PatchCentering,
    PatchExtraction,
    PatchWhitening,
    extract_patches,
)
from kernelconv.testing import check_image_estimator


def small(**values):
    defaults = {"n_centroids": (4, 6), "patch_size": 3, "n_filters": 5, "n_patches": 200, "epochs": 2}
    return LayerwiseConvNet(**{**defaults, "random_state": 0, **values})


def problem(n=40, shape=(8, 7), classes=3, seed=0):
    """Images of noise with a brighter patch, whose place is the class."""
    x, y = np.random.default_rng(seed).standard_normal((n, *shape)), np.arange(n) % classes
    for i, label in enumerate(y):
        x[i, :4, 2 * label : 2 * label + 2] += 3
    return x, y


SUITE = parametrize_with_checks([small(image_shape=(1, -1), learning_rate=0.01, epochs=8)])


@pytest.mark.once("oldest")
@pytest.mark.parametrize(SUITE.args[0], list(SUITE.args[1]), **SUITE.kwargs)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("values", [{}, {"input": "raw", "pooling": ("average", "max"), "subsampling": ((1, 2), 3)}])
def test_images_contract(values):
    check_image_estimator(small(**values), *problem(12))


# The generative model of Malach & Shalev-Shwartz


def hierarchical_images(n, rng, n_classes=3, n_middle=3, n_low=6, n_ways=2, noise=0.1):
    """Images of classes that are 2 x 2 symbols, each 2 x 2 symbols of a lower level, each a pattern of 3 x 3 pixels.

    A class, and a symbol of the middle level, is written in one of `n_ways`. Returns the images, their classes, and at
    each place of either level which pattern lies there: the low symbols (n, 4, 4), the fours of them (n, 2, 2).
    """
    of_class = rng.integers(n_middle, size=(n_classes, n_ways, 2, 2))
    of_middle = rng.integers(n_low, size=(n_middle, n_ways, 2, 2))
    of_low = rng.standard_normal((n_low, 3, 3))
    y = rng.integers(n_classes, size=n)
    middle = of_class[y, rng.integers(n_ways, size=n)]
    way = rng.integers(n_ways, size=middle.shape)
    low = of_middle[middle, way].transpose(0, 1, 3, 2, 4).reshape(n, 4, 4)
    x = of_low[low].transpose(0, 1, 3, 2, 4).reshape(n, 12, 12)
    return x + noise * rng.standard_normal(x.shape), y, low, n_ways * middle + way


def nearest(maps, size, centroids):
    """Which centroid is nearest to each of the patches that tile the maps."""
    patches = extract_patches(maps, size, stride=size)
    return ((patches[..., None, :] - centroids) ** 2).sum(axis=-1).argmin(axis=-1)


@pytest.mark.parametrize("seed", range(2))
def test_the_levels_of_a_hierarchical_model_are_found(seed):
    x, y, low, middle = hierarchical_images(600, np.random.default_rng(seed))
    tiles = {"patch_size": (3, 2), "stride": (3, 2), "subsampling": 1, "padding": "valid", "input": "raw"}
    clf = LayerwiseConvNet(6, **tiles, n_filters=8, epochs=4, learning_rate=0.02, dropout=0.0, random_state=seed).fit(
        x, y
    )
    maps = clf.network_.trace(x[..., None])
    found = nearest(maps["standardization"], 3, clf.centroids_[0]), nearest(maps["mixing_1"], 2, clf.centroids_[1])
    assert adjusted_rand_score(low.ravel(), found[0].ravel()) == 1
    assert adjusted_rand_score(middle.ravel(), found[1].ravel()) == 1
    assert clf.score(x, y) > 0.8


# Filters


def test_centroids_are_the_means_of_what_is_nearest():
    x = np.random.default_rng(0).standard_normal((100, 2))
    x[:30] += 3
    z = euclidean_centroids(x, 5, np.random.default_rng(1))
    label = [min(range(5), key=lambda j: sum((row - z[j]) ** 2)) for row in x]
    means = [np.mean([row for row, j in zip(x, label, strict=True) if j == k], axis=0) for k in range(5)]
    np.testing.assert_allclose(z, means, atol=0.05)  # after so many iterations they move no further
    spread = np.mean([((row - z[j]) ** 2).sum() for row, j in zip(x, label, strict=True)])
    reference = KMeans(5, n_init=5, random_state=0).fit(x).inertia_ / len(x)
    assert spread < 1.2 * reference
    assert euclidean_centroids(x.astype(np.float32), 5, np.random.default_rng(1)).dtype == np.float32


def test_centroids_tell_norms_apart_which_directions_do_not():
    x = np.repeat([[1.0, 0.0], [3.0, 0.0]], 50, axis=0) + 1e-3 * np.random.default_rng(0).standard_normal((100, 2))
    z = euclidean_centroids(x, 2, np.random.default_rng(0))
    np.testing.assert_allclose(np.sort(z[:, 0]), [1, 3], atol=0.01)


def test_fewer_distinct_patches_than_centroids():
    x = np.repeat(np.eye(3), 20, axis=0)
    with pytest.warns(UserWarning, match="5 centroids are more than the 3 distinct patches among 60: these are"):
        z = euclidean_centroids(x, 5, np.random.default_rng(0))
    assert np.array_equal(z[np.argsort(z.argmax(axis=1))], np.eye(3))
    stripes = np.tile(np.array([0.0, 1.0, 2.0, 3.0]), (12, 4, 1))
    stripes[::2] = stripes[::2, :, ::-1]
    with pytest.warns(UserWarning, match="50 centroids are more than the .* distinct patches"):
        clf = small(n_centroids=50, patch_size=1, input="raw").fit(stripes, np.arange(12) % 2)
    assert len(clf.centroids_[0]) == clf.network_.named_parts["convolution_1"].n_filters == 4


@pytest.mark.parametrize(
    "reads", [Identity(), PatchCentering((3, 2)), PatchWhitening((3, 2)), Convolution(12, 1, bias=False)]
)
def test_responses_are_products_of_centroids_and_patches_as_they_are_seen(reads):
    maps = np.random.default_rng(0).standard_normal((20, 6, 5, 2)).cumsum(axis=1)
    patches = PatchExtraction((3, 2), (2, 1), "symmetric")
    seen = serial(patches, reads).build((6, 5, 2), np.random.default_rng(3), maps).forward(maps)
    convolution, z = centroid_convolution(maps, 4, patches, reads, 100, np.random.default_rng(3))
    responses = convolution.forward(maps)
    assert responses.shape == (20, 3, 5, 4)
    assert np.abs(responses).max() > 0.1
    np.testing.assert_allclose(responses, seen @ z.T, atol=1e-9)


def test_the_first_stage_reads_what_input_says():
    x, y = problem(shape=(8, 7, 2))
    fits = {name: small(input=name).fit(x, y) for name in ("raw", "centered", "whitened")}
    filters = {name: clf.network_.params["convolution_1.weight"].reshape(9, 2, 4) for name, clf in fits.items()}
    means = {name: np.abs(f.mean(axis=0)).max() for name, f in filters.items()}
    assert means["raw"] > 0.01
    assert max(means["centered"], means["whitened"]) < 1e-12  # blind to the brightness of a colour
    assert np.abs(fits["centered"].network_.params["convolution_2.weight"].reshape(9, 5, 6).mean(axis=0)).max() > 0.01
    for name, clf in fits.items():
        same = np.allclose(filters[name].reshape(18, 4), clf.centroids_[0].T, atol=1e-12)
        assert same == (name != "whitened")


# Stages


def test_the_network_is_its_parts_in_order():
    x, y = problem()
    clf = small(pooling=("max", "average"), subsampling=(2, (9, 2))).fit(x, y)
    stage = ["convolution", "relu", "pooling", "standardization", "mixing"]
    names = ["standardization", *(f"{name}_{i}" for i in (1, 2) for name in stage), "flatten", "dropout", "scores"]
    assert list(clf.network_.names) == names
    assert clf.maps_shape_ == (1, 1, 5)  # a window is no longer than the maps
    assert clf.network_.named_parts["pooling_2"] == AveragePooling((4, 2))
    maps = clf.network_.trace(x)
    for name in ("standardization", "standardization_1", "standardization_2"):
        np.testing.assert_allclose(maps[name].mean(axis=(0, 1, 2)), 0, atol=1e-12)
        np.testing.assert_allclose(maps[name].std(axis=(0, 1, 2)), 1, atol=1e-12)
    assert np.array_equal(clf.transform(x), maps["mixing_2"].reshape(40, -1))
    last = clf.network_.parts[-1].params
    np.testing.assert_allclose(clf.decision_function(x), clf.transform(x) @ last["weight"] + last["bias"], atol=1e-12)
    assert len(clf.get_feature_names_out()) == 5


def test_the_first_stages_do_not_depend_on_the_later_ones():
    x, y = problem()
    one, two = small(n_centroids=(4,)).fit(x, y), small().fit(x, y)
    params = one.network_.params
    assert np.array_equal(one.centroids_[0], two.centroids_[0])
    assert np.array_equal(params["convolution_1.weight"], two.network_.params["convolution_1.weight"])
    assert np.array_equal(params["mixing_1.weight"], two.network_.params["mixing_1.weight"])
    assert one.history_ == two.history_[:2]
    assert [(h["stage"], h["epoch"]) for h in two.history_] == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_digits():
    x, y = load_digits_images()
    clf = LayerwiseConvNet((16, 32), 3, (2, 1), epochs=8, learning_rate=0.01, dropout=0.2, random_state=0).fit(
        x[:600], y[:600]
    )
    assert clf.score(x[600:1200], y[600:1200]) > 0.9
    assert clf.history_[-1]["loss"] < clf.history_[8]["loss"]


def test_same_bits_for_any_number_of_threads_and_units():
    x, y = problem(100)
    fits = [small(n_jobs=n).fit(x, y) for n in (1, 2, 3)]
    scores = [clf.decision_function(x) for clf in fits]
    assert np.array_equal(scores[0], scores[1])
    assert np.array_equal(scores[0], scores[2])
    assert np.array_equal(pickle.loads(pickle.dumps(fits[0])).decision_function(x), scores[0])
    assert np.array_equal(clone(fits[0]).fit(x, y).decision_function(x), scores[0])
    assert not np.array_equal(small(random_state=1).fit(x, y).decision_function(x), scores[0])
    far = small().fit(x * 2.0**300, y).decision_function(x * 2.0**300)
    np.testing.assert_allclose(far, scores[0], rtol=1e-6)


def test_float32_stays():
    x, y = problem()
    clf = small().fit(x.astype(np.float32), y)
    assert clf.predict_proba(x.astype(np.float32)).dtype == np.float32
    assert {v.dtype for v in (*clf.network_.params.values(), *clf.centroids_)} == {np.dtype(np.float32)}
    assert {v.dtype for v in small().fit(x, y).network_.params.values()} == {np.dtype(np.float64)}


def test_history_and_verbose(capsys):
    x, y = problem()
    clf = small(verbose=True).fit(x, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    loss, accuracy = clf.history_[1]["loss"], clf.history_[1]["accuracy"]
    assert re.fullmatch(rf"stage 1  loss {loss:.4f}  accuracy {accuracy:.4f}", lines[0])


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"n_centroids": (4, 0)}, "n_centroids must be an int >= 1, got 0"),
        ({"n_centroids": (4, 500)}, "n_centroids=500 is more than n_patches=200, the patches they are learned from"),
        ({"patch_size": (3, 3, 3)}, r"one entry a layer \(2\), got lengths"),
        ({"n_centroids": ()}, r"one entry a layer \(at least one\)"),
        ({"n_filters": 2.5}, "n_filters must be an int >= 1, got 2.5"),
        ({"pooling": "gaussian"}, "pooling must be one of 'max', 'average', got 'gaussian'"),
        ({"input": "gradient"}, "input must be one of 'centered', 'whitened', 'raw', got 'gradient'"),
        ({"padding": "none"}, "padding must be one of"),
        ({"padding": "valid", "patch_size": 9}, r"larger than the padded image: extent \(9, 9\) px"),
        ({"subsampling": 0}, "subsampling must be an int >= 1"),
        ({"stride": (1, -1)}, "stride must be an int >= 1"),
        ({"n_patches": 0}, "n_patches must be an int >= 1"),
        ({"dropout": 1.0}, r"rate must be in \[0, 1\)"),
        ({"epochs": 0}, "epochs must be an int >= 1"),
        ({"loss": "squared_error"}, "loss must be one of 'log_loss', 'squared_hinge', .*, got 'squared_error'"),
    ],
)
def test_what_is_no_network_is_refused(values, match):
    with pytest.raises(ValueError, match=match):
        small(**values).fit(*problem())


def test_what_are_no_images_or_classes_is_refused():
    x, y = problem()
    with pytest.raises(ValueError, match="at least 2 classes, y holds one class only"):
        small().fit(x, 0 * y)
    with pytest.raises(ValueError, match="X holds 1 non-finite values"):
        small().fit(np.where(x == x[3, 2, 1], np.nan, x), y)
    with pytest.raises(ValueError, match="X is empty"):
        small().fit(x[:0], y[:0])
    with pytest.raises(ValueError, match="Give images with contrast, or take their pixels"):
        small().fit(np.ones_like(x), y)
    with pytest.raises(ValueError, match="No centroids can be learned: every sampled patch is zero"):
        small(input="raw").fit(np.ones_like(x), y)


def test_parameters_per_layer():
    assert per_layer("a", a=2, b=(3, 4)) == [{"a": 2, "b": 3}, {"a": 2, "b": 4}]
    assert per_layer("a", a=2, b=3) == [{"a": 2, "b": 3}]
    with pytest.raises(ValueError, match=r"one entry a layer \(1\), got lengths \{'a': 1, 'b': 2\}"):
        per_layer("a", a=(2,), b=(3, 4))


@pytest.mark.parametrize("wrong", [{"learning_rate": -1.0}, {"epochs": 0}, {"batch_size": 0}, {"weight_decay": -1.0}])
def test_numbers_are_refused_before_centroids_are_learned(wrong, monkeypatch):
    monkeypatch.setattr("kernelconv.networks.cnn.layerwise.centroid_convolution", None)
    x, y = np.random.default_rng(0).random((12, 8, 8)), np.arange(12) % 2
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LayerwiseConvNet((3,), 3, **wrong).fit(x, y)
