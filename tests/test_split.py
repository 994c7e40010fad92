"""Registered data sets, training and test sets of users, and the folds of validation; every complaint by its text."""

from __future__ import annotations

import importlib
import pickle
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold, train_test_split

import kernelconv.datasets
from kernelconv.datasets import (
    DataError,
    Dataset,
    Split,
    balanced_subset,
    folds,
    load_digits_images,
    load_split,
    mnist_folders,
    registered_datasets,
)

REGISTERED = ["cifar10", "digits", "fashion-mnist", "mnist"]
CIFAR10_FILES = [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]
NEW = """
import numpy as np
from kernelconv.datasets.registry import Dataset

DATASET = Dataset({name!r}, "New", lambda: {arrays})
"""
PAIR = "(np.arange(360.0).reshape(10, 6, 6), np.repeat([0, 1], 5))"


@pytest.fixture
def add(tmp_path, monkeypatch):
    """Return a function that writes one module into a folder which belongs to the package for this test."""
    home = tmp_path / "more"
    home.mkdir()
    monkeypatch.setattr(kernelconv.datasets, "__path__", [*kernelconv.datasets.__path__, str(home)])
    added = []

    def write(module, name="new", arrays=PAIR, text=NEW):
        (home / f"{module}.py").write_text(text.format(name=name, arrays=arrays))
        importlib.invalidate_caches()
        added.append(module)

    yield write
    for module in added:
        sys.modules.pop(f"kernelconv.datasets.{module}", None)
        vars(kernelconv.datasets).pop(module, None)


def images(n=12, shape=(5, 5), seed=0, dtype=float):
    return np.random.default_rng(seed).random((n, *shape)).astype(dtype)


def save(path, X=None, y=None):
    X = images() if X is None else X
    np.savez(path, X=X, y=np.arange(len(X)) % 2 if y is None else y)
    return str(path)


# -- the registry ------------------------------------------------------------------------------------------------------


def test_registered_names_sizes_and_draws():
    found = registered_datasets()
    assert list(found) == REGISTERED
    few = {"cifar10": (500, 1000), "digits": (100, 300, 1000), "fashion-mnist": (300, 1000), "mnist": (300, 1000)}
    assert {name: d.train_sizes for name, d in found.items()} == few
    assert found["digits"].draws == {50: 2, 100: 2, 300: 2}
    sizes = (300, 1000, 2000, 5000, 10_000, 20_000, 40_000, 60_000)
    assert list(found["mnist"].draws.items()) == list(zip(sizes, (10, 10, 5, 3, 3, 3, 3, 3), strict=True))
    assert list(found["fashion-mnist"].draws.items()) == list(zip(sizes, (5, 5, 3, 3, 3, 1, 1, 1), strict=True))
    colour = [(100, 10), (500, 10), (1000, 10), (5000, 1), (10_000, 1), (50_000, 1)]
    assert list(found["cifar10"].draws.items()) == colour
    assert found["digits"].folders() == ()
    assert found["digits"].notice() is None


def test_one_file_adds_a_data_set(add):
    add("zoo", name="a-new")
    assert list(registered_datasets()) == ["a-new", *REGISTERED]  # by name, not by module
    assert registered_datasets()["a-new"].train_sizes == ()
    split = load_split("a-new")
    assert (split.name, len(split.y_train), len(split.y_test)) == ("a-new", 6, 4)


def test_a_module_without_data_set_is_none(add):
    add("helpers", text="x = 1")
    assert list(registered_datasets()) == REGISTERED


def test_a_name_belongs_to_one_data_set(add):
    add("other", name="digits")
    text = r"kernelconv\.datasets\.digits and kernelconv\.datasets\.other both register the name 'digits': rename one"
    with pytest.raises(ValueError, match=text):
        registered_datasets()


def test_what_is_registered_is_a_data_set(add):
    add("wrong", text="DATASET = 3")
    with pytest.raises(ValueError, match=r"kernelconv\.datasets\.wrong\.DATASET must be a Dataset, got int"):
        registered_datasets()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"name": "Fashion"}, r"must be lower-case letters and digits, parts joined by hyphens, got 'Fashion'"),
        ({"name": "a/b"}, r"got 'a/b'"),
        ({"name": "a.npz"}, r"got 'a\.npz'"),
        ({"name": "-a"}, r"got '-a'"),
        ({"name": 3}, r"got 3"),
        ({"title": ""}, r"The data set new needs a title"),
        ({"train_sizes": (10, 0)}, r"train_sizes of new must be an int >= 1, got 0"),
        ({"draws": {1.5: 2}}, r"a size in draws of new must be an int >= 1, got 1\.5"),
        ({"draws": {30: 0}}, r"draws of new at 30 must be an int >= 1, got 0"),
    ],
)
def test_data_sets_that_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        Dataset(**{"name": "new", "title": "New", "load": load_digits_images} | options)


def test_registered_data_sets_are_equal_and_hashed_by_what_they_say():
    one, other = (Dataset("new", "New", load_digits_images, draws={30: 2}) for _ in range(2))
    assert one == other
    assert len({one, other}) == 1


@pytest.mark.parametrize(
    ("name", "title", "inner"),
    [
        ("mnist", "MNIST", "mnist"),
        ("fashion-mnist", "Fashion-MNIST", "fashion-mnist"),
        ("cifar10", "CIFAR-10", "cifar-10-batches-bin"),
    ],
)
def test_notice_before_a_data_set_is_fetched(tmp_path, monkeypatch, name, title, inner):
    data = registered_datasets()[name]
    monkeypatch.delenv("KERNELCONV_DATA", raising=False)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    folder = tmp_path / "kernelconv" / inner
    folder.mkdir(parents=True)
    assert data.folders() == [folder.parent, folder]
    assert name != "mnist" or data.folders() == mnist_folders()
    assert data.notice() == f"{title} is not on this machine: fetching it from OpenML, once."
    for file in data.checksums or CIFAR10_FILES:
        assert data.notice() is not None
        (folder / file).touch()
    assert data.notice() is None
    monkeypatch.setenv("KERNELCONV_DATA", str(tmp_path))  # no files there: an error, and nothing is fetched
    assert data.notice() is None


# -- splits ------------------------------------------------------------------------------------------------------------


def test_digits_are_split_as_ever():
    split = load_split("digits")
    assert split.digest == "ab6a5bce4aa3f8e45d062127d75ca4aaf99a3e3dea603be4021ded87d96dd649"  # that of version 0.1.0
    X, y = load_digits_images()
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=1 / 3, stratify=y, random_state=0)
    for got, wanted in zip(
        (split.X_train, split.y_train, split.X_test, split.y_test), (X_train, y_train, X_test, y_test), strict=True
    ):
        np.testing.assert_array_equal(got, wanted)


def test_a_data_set_keeps_its_own_test_set(add):
    add("four", arrays="(np.ones((4, 2, 2)), np.array([0, 1, 0, 1]), np.zeros((3, 2, 2)), np.array([1, 1, 0]))")
    split = load_split("new")
    np.testing.assert_array_equal(split.X_train, np.ones((4, 2, 2)))
    np.testing.assert_array_equal(split.X_test, np.zeros((3, 2, 2)))
    assert split.y_test.tolist() == [1, 1, 0]
    assert load_split(["new"]).digest == split.digest


def test_a_loader_of_three_arrays_is_refused(add):
    add("three", arrays="(1, 2, 3)")
    with pytest.raises(ValueError, match=r"load\(\) of the data set new must return 2 or 4 arrays, got 3"):
        load_split("new")


def test_digest_sees_every_byte_and_every_kind_of_label():
    X, y = images(6), np.array(["cat", "dog"] * 3)
    split = Split("mine", X[:4], y[:4], X[4:], y[4:])
    objects = Split("mine", X[:4], y[:4].astype(object), X[4:], y[4:])
    assert split.digest == objects.digest == Split("yours", X[:4], y[:4], X[4:], y[4:]).digest
    assert pickle.loads(pickle.dumps(split)).digest == split.digest
    for field in ("X_train", "y_train", "X_test", "y_test"):
        changed = getattr(split, field).copy()
        changed.reshape(-1).view(np.uint8)[0] ^= 1
        assert replace(split, **{field: changed}).digest != split.digest, field


def test_subsets_are_balanced_and_the_whole_pool_is_taken_whole():
    y = np.repeat([0, 1], [3, 9])
    split = Split("mine", images(), y, images(2), np.array([0, 1]))
    np.testing.assert_array_equal(split.subset(6, 5), balanced_subset(y, 6, random_state=5))
    np.testing.assert_array_equal(split.subset(12, 5), np.random.default_rng(5).permutation(12))
    with pytest.raises(ValueError, match=r"n=11 is too large for a balanced subset of 2 classes"):
        split.subset(11, 5)


def test_a_path_is_split_by_a_stratified_third(tmp_path, monkeypatch):
    X, y = images(30), np.repeat(["cat", "dog"], [21, 9])
    path = save(tmp_path / "mine.npz", X, y)
    split = load_split(path)
    X_train, _, _, y_test = train_test_split(X, y, test_size=1 / 3, stratify=y, random_state=0)
    np.testing.assert_array_equal(split.X_train, X_train)
    np.testing.assert_array_equal(split.y_test, y_test)
    assert np.unique(split.y_test, return_counts=True)[1].tolist() == [7, 3]
    assert split.name == path
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_split(Path("~/mine.npz")).digest == split.digest
    assert load_split(Path("~/mine.npz")).name == str(Path("~/mine.npz"))


def test_two_paths_train_and_test(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save("train.npz", images(12, seed=1), np.tile(["b", "a"], 6))
    save("test.npz", images(4, seed=2), np.array(["a", "a", "b", "a"]))
    split = load_split(["train.npz", Path("test.npz")])
    assert split.name == "train.npz + test.npz"
    np.testing.assert_array_equal(split.X_train, images(12, seed=1))
    np.testing.assert_array_equal(split.X_test, images(4, seed=2))
    assert split.y_train[:2].tolist() == ["b", "a"]
    assert split.y_test.tolist() == ["a", "a", "b", "a"]


def test_two_folders(tmp_path, monkeypatch):
    pil = pytest.importorskip("PIL.Image")
    monkeypatch.chdir(tmp_path)
    for folder, value in (("train-folder", 51), ("test-folder", 102)):
        for name in ("cat", "dog"):
            (Path(folder) / name).mkdir(parents=True)
            pil.fromarray(np.full((4, 6), value, dtype=np.uint8)).save(Path(folder) / name / "1.png")
    split = load_split(["train-folder", "test-folder"])
    assert split.name == "train-folder + test-folder"
    assert (split.X_train.shape, split.y_test.tolist()) == ((2, 4, 6), ["cat", "dog"])
    np.testing.assert_allclose([split.X_train.mean(), split.X_test.mean()], [0.2, 0.4], rtol=1e-6)


def test_a_registered_name_wins_over_a_path_of_the_same_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("digits").mkdir()
    assert load_split("digits").X_train.shape == (1198, 8, 8)
    for path in ("./digits", Path("digits")):
        with pytest.raises(DataError, match="digits holds no class folder"):
            load_split(path)


@pytest.mark.parametrize("data", ["mnsit", "", "nowhere/mine.npz", ["mnsit"], ["here.npz", "mnsit"], Path("mnist")])
def test_what_is_nowhere(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save("here.npz")
    text = (
        r"There is no data set, file or folder '(mnsit||nowhere/mine\.npz|\./mnist)'\. Registered data sets: cifar10, "
        r"digits, fashion-mnist, mnist\. Also accepted: an \.npz file with X and y, a folder that holds one folder of "
        r"images a class, or two"
    )
    with pytest.raises(DataError, match=text):
        load_split(data)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (3, r"data must be a name, a path or two paths, training and test, got 3\."),
        (None, r"got None\."),
        ([], r"got 0 of them"),
        (["a", "b", "c"], r"got 3 of them"),
        (["a", 1], r"got \['a', 1\]"),
        (["mnist", "here.npz"], r"mnist is a registered data set, which has a test set of its own: give it alone, or"),
        (["here.npz", "digits"], r"\./digits for a folder of this name"),
    ],
)
def test_what_is_no_data(data, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save("here.npz")
    with pytest.raises(ValueError, match=text):
        load_split(data)


def test_one_path_that_cannot_be_divided(tmp_path):
    one = save(tmp_path / "one.npz", y=["cat"] * 12)
    with pytest.raises(DataError, match=r"one\.npz holds one class, 'cat': a classifier needs two"):
        load_split(one)
    few = save(tmp_path / "few.npz", y=[0] * 11 + [1])
    with pytest.raises(DataError, match=r"few\.npz cannot be divided into two thirds .*Add images, or give two paths"):
        load_split(few)


@pytest.mark.parametrize(
    ("X", "y", "text"),
    [
        (images(4, (5, 6)), None, r"train\.npz holds images of shape 5 x 5 \(grey\), .*test\.npz of 5 x 6 \(grey\): "),
        (images(4, (5, 5, 3)), None, r"of shape 5 x 5 \(grey\), .* of 5 x 5 x 3: both need one height"),
        (images(4, dtype=np.float32), None, r"train\.npz is read as float64, .*test\.npz as float32: save both"),
        (images(), None, r"train\.npz and .*test\.npz hold the same images: test images must not be trained on"),
        (images(4), [0, 1, 2, 7], r"are not the same: only .*test\.npz has 2, 7\. Both need all of them"),
        (images(4), [0, 0, 0, 0], r"are not the same: only .*train\.npz has 1\. Both"),
        (
            images(7),
            list("1234567"),
            r"only .*train\.npz has 0, 1; .*has '1', '2', '3', '4', '5', \.\.\.",
        ),
    ],
)
def test_two_paths_that_do_not_fit(X, y, text, tmp_path):
    train, test = save(tmp_path / "train.npz"), save(tmp_path / "test.npz", X, y)
    with pytest.raises(DataError, match=text):
        load_split([train, test])


def test_two_paths_of_one_class(tmp_path):
    train, test = (save(tmp_path / f"{i}.npz", images(4, seed=i), [1] * 4) for i in range(2))
    with pytest.raises(DataError, match=r"0\.npz holds one class, 1: a classifier needs two"):
        load_split([train, test])


def test_one_path_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save("mine.npz")
    Path("link.npz").symlink_to("mine.npz")
    for other in ("mine.npz", "./mine.npz", tmp_path / "mine.npz", "link.npz"):
        text = re.escape(f"mine.npz and {other} are the same: test images must not be trained on. Give it once")
        with pytest.raises(DataError, match=text):
            load_split(["mine.npz", other])


# -- folds -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 3])
def test_folds_are_scikit_learns(seed):
    y = np.random.default_rng(1).permutation(np.repeat(["a", "b", "c"], [5, 9, 14]))
    wanted = StratifiedKFold(5, shuffle=True, random_state=seed).split(np.zeros(len(y)), y)
    for got, pair in zip(folds(y, seed), wanted, strict=True):
        np.testing.assert_array_equal(got[0], pair[0])
        np.testing.assert_array_equal(got[1], pair[1])
    assert np.sort(np.concatenate([held_out for _, held_out in folds(y, seed)])).tolist() == list(range(28))


def test_folds_golden_values():
    """Validation errors are compared with those of committed cells: the same folds tomorrow."""
    y = [0, 1, 2] * 5
    assert [held_out.tolist() for _, held_out in folds(y, 7)] == [
        [0, 7, 14],
        [4, 9, 11],
        [1, 6, 8],
        [2, 3, 13],
        [5, 10, 12],
    ]


@pytest.mark.parametrize(
    ("y", "text"),
    [
        ([0] * 9 + [1] * 4, r"Validation needs 5 samples a class, .* fewer of 1 \(4\)\. Ask for a larger training"),
        (["x", "y", "x"], r"fewer of 'x' \(2\), 'y' \(1\)\."),
        ([], r"y must hold one class a sample, shape \(n_samples,\) and not empty, got shape \(0,\)"),
    ],
)
def test_folds_of_too_few(y, text):
    with pytest.raises(ValueError, match=text):
        folds(y, 0)


@pytest.mark.parametrize("arguments", [["a"], ("a", 3), "a"])
def test_the_arguments_of_a_split_are_a_tuple_of_words(arguments):
    parts = images(4), np.array([0, 1, 0, 1]), images(2, seed=1), np.array([0, 1])
    with pytest.raises(ValueError, match="arguments must be a tuple of str, as the command line takes them, got"):
        Split("data", *parts, arguments)
    assert Split("data", *parts, ("a", "b")).arguments == ("a", "b")
    assert Split("data", *parts).arguments == ("data",)


def test_a_path_that_is_called_as_a_registered_data_set_is_a_path_when_it_is_given_again(tmp_path, monkeypatch):
    pil = pytest.importorskip("PIL.Image")
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        Path("digits", name).mkdir(parents=True)
        for k in range(6):
            pil.fromarray(np.full((4, 6), 9 * k, np.uint8)).save(f"digits/{name}/{k}.png")
    split = load_split(Path("digits"))
    assert split.digest == load_split(*split.arguments).digest != load_split("digits").digest
    assert split.name not in registered_datasets()
