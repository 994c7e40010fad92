"""kernelconv.datasets: every loader against bytes written by hand, every complaint by its text."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import sys
import warnings
import zlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
from sklearn.datasets import get_data_home, load_digits

from kernelconv.datasets import (
    DataError,
    balanced_subset,
    data_folder,
    fashion_mnist,
    load_digits_images,
    load_fashion_mnist,
    load_images,
    load_mnist,
    mnist,
    mnist_folders,
    read_idx,
    write_idx,
)
from kernelconv.datasets.formats import idx, published_set

NAMES = tuple(mnist.MNIST.sha256)


# -- digits ------------------------------------------------------------------------------------------------------------


def test_digits_are_scikit_learns_in_the_unit_interval():
    X, y = load_digits_images()
    assert X.shape == (1797, 8, 8)
    assert X.dtype == np.float32
    assert y.dtype == np.int64
    assert X.min() == 0
    assert X.max() == 1
    digits = load_digits()
    np.testing.assert_array_equal(X.reshape(1797, 64) * 16, digits.data)  # exact: sixteenths are floats
    np.testing.assert_array_equal(y, digits.target)


# -- IDX ---------------------------------------------------------------------------------------------------------------


def idx_bytes(array, code=8):
    """IDX by the letter of its description, independent of the library's writer."""
    array = np.asarray(array)
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape) + bytes(array.ravel().tolist())


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (7, 5, 4))


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize("name", ["images", "images.gz"])  # by content, not by name
def test_read_idx_reads_plain_and_gzip(tmp_path, images, name, compress):
    path = tmp_path / name
    path.write_bytes(compress(idx_bytes(images)))
    array = read_idx(str(path))
    assert array.dtype == np.uint8
    assert array.flags.writeable
    np.testing.assert_array_equal(array, images)


@pytest.mark.parametrize("shape", [(6,), (0,), (3, 2), (2, 3, 2, 2)])
@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_write_idx_writes_the_format_and_nothing_else(tmp_path, shape, name):
    array = np.arange(np.prod(shape)).reshape(shape)
    write_idx(tmp_path / name, array)
    data = (tmp_path / name).read_bytes()
    assert (gzip.decompress(data) if name.endswith(".gz") else data) == idx_bytes(array)
    np.testing.assert_array_equal(read_idx(tmp_path / name), array)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert not name.endswith(".gz") or data[4:8] == bytes(4)  # no time stamp


@pytest.mark.parametrize("array", [np.array(3), np.array([256]), np.array([-1]), np.array([0.5]), np.array([True])])
def test_write_idx_refuses_what_is_no_byte(tmp_path, array):
    with pytest.raises(ValueError, match=r"needs integers from 0 to 255 with at least one axis, got (int|float|bool)"):
        write_idx(tmp_path / "a", array)
    assert not list(tmp_path.iterdir())


def test_write_idx_leaves_nothing_when_the_last_step_fails(tmp_path, monkeypatch):
    write_idx(tmp_path / "a", np.array([1]))

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=rf"No space left on device: '{tmp_path}/a'"):
        write_idx(tmp_path / "a", np.array([2]))
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), [1])


def corrupt(data):
    """Flip bits in the middle of the deflated bytes."""
    middle = len(data) // 2
    return data[:middle] + bytes(b ^ 0xFF for b in data[middle : middle + 8]) + data[middle + 8 :]


X3 = np.random.default_rng(1).integers(0, 256, (7, 5, 4))
GOOD = idx_bytes(X3)
DAMAGES = {
    "truncated gzip": (gzip.compress(GOOD)[:-20], "damaged: its gzip stream is truncated. Delete it and get a fresh"),
    "no gzip trailer": (gzip.compress(GOOD)[:-8], "its gzip stream is truncated"),
    "corrupt gzip": (corrupt(gzip.compress(GOOD)), r"damaged: its gzip stream is corrupt \("),
    "gzip checksum": (gzip.compress(GOOD)[:-8] + bytes(8), r"its gzip stream is corrupt \(CRC check failed"),
    "gzip of nothing": (gzip.compress(b""), "it holds 0 bytes, fewer than the 4"),
    "empty": (b"", "it holds 0 bytes, fewer than the 4"),
    "magic": (b"\x89PNG" + GOOD, "not an IDX file of unsigned bytes: it begins with 89 50 4e 47, wanted 00 00 08"),
    "element type": (idx_bytes(X3, code=13), "it begins with 00 00 0d 03, wanted 00 00 08"),
    "no axis": (b"\0\0\x08\0" + GOOD, "it begins with 00 00 08 00"),
    "header": (GOOD[:14], "it ends within its header of 3 axes"),
    "short": (GOOD[:-1], "it ends after 139 of the 7 x 5 x 4 values of its header"),
    "short in gzip": (gzip.compress(GOOD[:-1]), "it ends after 139 of the 7 x 5 x 4 values"),
    "long": (GOOD + b"\0", "it goes on after the 7 x 5 x 4 values of its header"),
    "long in gzip": (gzip.compress(GOOD + b"\0"), "it goes on after the 7 x 5 x 4 values"),
    "absurd": (b"\0\0\x08\x02" + b"\xff" * 8, "announces 4294967295 x 4294967295 values, more than so small a file"),
    "absurd and zero": (b"\0\0\x08\x03" + bytes(4) + b"\xff" * 8, "announces 0 x 4294967295 x 4294967295 values"),
}


@pytest.mark.parametrize(("data", "text"), DAMAGES.values(), ids=DAMAGES)
def test_read_idx_names_a_damaged_file_and_the_damage(tmp_path, data, text):
    path = tmp_path / "images-idx3"
    path.write_bytes(data)
    with pytest.raises(DataError, match=text) as info:
        read_idx(path)
    assert str(path) in str(info.value)
    assert isinstance(info.value, OSError)
    assert isinstance(info.value, ValueError)


def test_read_idx_survives_any_single_flipped_byte(tmp_path):
    """A gzip file with one byte changed is either refused by name or, where that byte means nothing, read in full."""
    data, path = gzip.compress(GOOD), tmp_path / "images.gz"
    complaints = []
    for i in range(len(data)):
        path.write_bytes(data[:i] + bytes([data[i] ^ 0x55]) + data[i + 1 :])
        try:
            np.testing.assert_array_equal(read_idx(path), X3)
        except DataError as error:
            complaints.append(str(error))
    assert len(data) - 10 < len(complaints) < len(data)  # a time stamp may change; everything else was refused
    assert all(str(path) in text for text in complaints)


def test_read_idx_of_a_missing_file_and_of_a_folder(tmp_path):
    with pytest.raises(DataError, match=r"nothing-here cannot be read: No such file or directory"):
        read_idx(tmp_path / "nothing-here")
    with pytest.raises(DataError, match=r"cannot be read: Is a directory"):
        read_idx(tmp_path)


def test_read_idx_checks_the_checksum_of_the_uncompressed_bytes(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x03abc"))
    right = hashlib.sha256(b"\0\0\x08\x01\0\0\0\x03abc").hexdigest()
    np.testing.assert_array_equal(read_idx(path, sha256=right), [97, 98, 99])
    with pytest.raises(
        DataError, match=rf"a\.gz is a whole IDX file, but .* SHA-256 .* is {right}, wanted {'0' * 64}\."
    ):
        read_idx(path, sha256="0" * 64)


# -- MNIST without its files: tiny files and a table of their checksums ------------------------------------------------


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Four tiny arrays whose checksums stand in the table; no variable set, an empty home, no network."""
    rng = np.random.default_rng(2)
    arrays = {name: rng.integers(0, 256, (n, 28, 28)) for name, n in ((NAMES[0], 6), (NAMES[2], 3))}
    arrays |= {name: rng.integers(0, 10, n) for name, n in ((NAMES[1], 6), (NAMES[3], 3))}
    table = {name: idx.idx_sha256(arrays[name].astype(np.uint8)) for name in NAMES}
    monkeypatch.setattr(mnist, "MNIST", replace(mnist.MNIST, sha256=table, n_train=6))
    monkeypatch.delenv("KERNELCONV_DATA", raising=False)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "home"))
    monkeypatch.setattr(published_set, "fetch_openml", no_network)
    return {name: arrays[name] for name in NAMES}


def no_network(*args, **kwargs):
    raise URLError("Name or service not known")


def put(folder, arrays, ending=".gz", dotted=False):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        data = idx_bytes(array)
        path = folder / ((name.replace("-idx", ".idx") if dotted else name) + ending)
        path.write_bytes(gzip.compress(data) if ending else data)
    return folder


def assert_is(got, arrays):
    X, y, X_test, y_test = got
    for x, name in ((X, NAMES[0]), (X_test, NAMES[2])):
        assert x.dtype == np.float32
        np.testing.assert_array_equal(x, np.array([v / 255 for v in arrays[name].ravel()], np.float32).reshape(x.shape))
    for labels, name in ((y, NAMES[1]), (y_test, NAMES[3])):
        assert labels.dtype == np.int64
        np.testing.assert_array_equal(labels, arrays[name])
    assert len(X) == 6
    assert 0.9 < X.max() <= 1


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("inner", ["", "mnist"])
@pytest.mark.parametrize("source", ["argument", "variable", "cache"])
def test_mnist_is_found_wherever_it_may_lie(tiny, tmp_path, monkeypatch, source, inner, ending, dotted):
    root = tmp_path / "home" / "kernelconv" if source == "cache" else tmp_path / "data"
    put(root / inner, tiny, ending, dotted)
    if source == "variable":
        monkeypatch.setenv("KERNELCONV_DATA", str(root))
    assert_is(load_mnist(root if source == "argument" else None), tiny)


def test_mnist_argument_comes_before_the_variable_and_the_variable_before_the_cache(tiny, tmp_path, monkeypatch):
    put(tmp_path / "home" / "kernelconv", tiny)
    monkeypatch.setenv("KERNELCONV_DATA", str(tmp_path / "absent"))
    with pytest.raises(DataError, match=r"there is no folder .*absent \(KERNELCONV_DATA=.*absent\)"):
        load_mnist()
    assert_is(load_mnist(put(tmp_path / "given", tiny)), tiny)
    monkeypatch.setenv("KERNELCONV_DATA", "")  # empty means unset
    assert_is(load_mnist(), tiny)


def test_mnist_expands_the_home_folder(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    put(tmp_path / "data", tiny)
    assert_is(load_mnist("~/data"), tiny)


@pytest.mark.parametrize("source", ["argument", "variable"])
def test_mnist_never_fetches_when_a_folder_is_named(tiny, tmp_path, monkeypatch, source):
    def fetch(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(published_set, "fetch_openml", fetch)
    folder = put(tmp_path / "data", tiny)
    (folder / f"{NAMES[1]}.gz").unlink()
    (folder / f"{NAMES[2]}.gz").unlink()
    if source == "variable":
        monkeypatch.setenv("KERNELCONV_DATA", str(folder))
    asked = "KERNELCONV_DATA=" if source == "variable" else "folder='"
    text = (
        rf"not complete in {folder} \({asked}{folder}'?\): missing {NAMES[1]}, {NAMES[2]}\. Put the four IDX files"
        r" \(plain or \.gz\) there or in its sub-folder mnist, .* or call load_mnist\(\) with KERNELCONV_DATA unset"
    )
    with pytest.raises(DataError, match=text):
        load_mnist(folder if source == "argument" else None)


def test_mnist_names_the_sub_folder_if_that_holds_more(tiny, tmp_path):
    folder = put(tmp_path / "data" / "mnist", tiny)
    (folder / f"{NAMES[3]}.gz").unlink()
    with pytest.raises(DataError, match=rf"not complete in {folder} \(folder=.*\): missing {NAMES[3]}\. Put"):
        load_mnist(tmp_path / "data")


def test_of_two_spellings_of_a_file_the_packed_one_is_read_and_the_official_before_the_dotted(tiny, tmp_path):
    put(tmp_path, tiny)
    for ending, dotted in (("", False), (".gz", True), ("", True)):
        put(tmp_path, {name: np.zeros_like(array) for name, array in tiny.items()}, ending, dotted)
        assert_is(load_mnist(tmp_path), tiny)


def test_mnist_refuses_another_data_set_under_the_same_names(tiny, tmp_path):
    folder = put(tmp_path / "fashion", tiny | {NAMES[2]: tiny[NAMES[2]] ^ 1})
    with pytest.raises(
        DataError, match=rf"{NAMES[2]}.gz is a whole IDX file, but not the one wanted: the SHA-256"
    ) as e:
        load_mnist(folder)
    assert "Other data sets use the same file names" in str(e.value)
    assert "fetch" not in str(e.value)


def test_mnist_says_how_to_mend_a_damaged_cache(tiny, tmp_path, monkeypatch):
    folder = put(tmp_path / "home" / "kernelconv" / "mnist", tiny)
    path = folder / f"{NAMES[0]}.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=rf"{path} is damaged: .* truncated. Delete it .* then fetch MNIST\."):
        load_mnist()
    path.unlink()
    monkeypatch.setattr(published_set, "fetch_openml", openml_of(tiny))
    assert_is(load_mnist(), tiny)


def test_mnist_without_files_and_network_names_the_places_and_three_remedies(tiny, tmp_path):
    home = tmp_path / "home" / "kernelconv"
    with pytest.raises(
        DataError, match=rf"no complete MNIST in {home} or {home}/mnist, .*\(URLError: .*not known"
    ) as e:
        load_mnist()
    for remedy in ("connect to the network", "load_mnist(folder) or KERNELCONV_DATA", "load_digits_images()", *NAMES):
        assert remedy in str(e.value)
    assert not home.parent.exists()  # looking creates nothing


def test_data_folder_is_scikit_learns_and_is_not_created(tmp_path, monkeypatch):
    monkeypatch.delenv("KERNELCONV_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    for home in (None, str(tmp_path / "elsewhere"), "~/mine"):
        if home is None:
            monkeypatch.delenv("SCIKIT_LEARN_DATA", raising=False)
        else:
            monkeypatch.setenv("SCIKIT_LEARN_DATA", home)
        folder = data_folder()
        assert mnist_folders() == [folder, folder / "mnist"]
        assert not folder.parent.exists()
        assert folder == Path(get_data_home()) / "kernelconv"  # this call creates it


# -- MNIST from OpenML, faked ------------------------------------------------------------------------------------------


def openml_of(arrays, asked="mnist_784"):
    """Return a fetch_openml that answers as scikit-learn's does: rows of floats, labels as strings, train first."""
    data = np.concatenate([arrays[NAMES[0]], arrays[NAMES[2]]]).reshape(-1, 784).astype(float)
    target = np.concatenate([arrays[NAMES[1]], arrays[NAMES[3]]]).astype(str).astype(object)

    def fetch(name, *, version, as_frame, parser):
        assert (name, version, as_frame, parser) == (asked, 1, False, "liac-arff")
        return SimpleNamespace(data=data, target=target)

    return fetch


def test_mnist_from_openml_is_cached_whole_and_read_from_there_next_time(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(published_set, "fetch_openml", openml_of(tiny))
    assert_is(load_mnist(), tiny)
    folder = tmp_path / "home" / "kernelconv" / "mnist"
    assert sorted(p.name for p in folder.iterdir()) == sorted(f"{name}.gz" for name in NAMES)
    monkeypatch.setattr(published_set, "fetch_openml", no_network)
    assert_is(load_mnist(), tiny)


@pytest.mark.parametrize("wrong", ["pixel", "label", "shape", "missing value", "word"])
def test_mnist_from_openml_with_other_data_keeps_nothing(tiny, tmp_path, monkeypatch, wrong):
    bunch = openml_of(tiny)("mnist_784", version=1, as_frame=False, parser="liac-arff")
    if wrong == "pixel":
        bunch.data[0, 400] = (bunch.data[0, 400] + 1) % 256
    elif wrong == "label":
        bunch.target[-1] = str((int(bunch.target[-1]) + 1) % 10)
    elif wrong == "shape":
        bunch.data = bunch.data[:, :-1]
    elif wrong == "missing value":
        bunch.data[1, 3] = np.nan
    else:
        bunch.target[2] = "seven"
    monkeypatch.setattr(published_set, "fetch_openml", lambda *args, **kwargs: bunch)
    text = {"pixel": f"does not give MNIST's {NAMES[0]}: the SHA-256", "label": f"MNIST's {NAMES[3]}: the SHA-256"}
    text |= {"missing value": f"does not give MNIST's {NAMES[0]}"}
    with pytest.raises(DataError, match=text.get(wrong, "is not made of 28x28 images and digits")) as e:
        load_mnist()
    assert "delete the folder openml" in str(e.value)
    assert not (tmp_path / "home" / "kernelconv").exists()


def test_mnist_from_openml_interrupted_leaves_no_half_written_file(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(published_set, "fetch_openml", openml_of(tiny))
    folder, real = tmp_path / "home" / "kernelconv" / "mnist", os.replace

    def third_fails(source, target):
        if NAMES[2] in str(target):
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", third_fails)
    with pytest.raises(DataError, match=rf"cannot be kept in {folder}: No space left on device\. Make room or set"):
        load_mnist()
    assert sorted(p.name for p in folder.iterdir()) == sorted(f"{name}.gz" for name in NAMES[:2])
    monkeypatch.setattr(os, "replace", real)
    assert_is(load_mnist(), tiny)  # what is incomplete is fetched again


# -- Fashion-MNIST, whose files have the same names --------------------------------------------------------------------


@pytest.fixture
def both(tiny, monkeypatch):
    """The tiny arrays of MNIST and others for Fashion-MNIST; both are registered with their checksums."""
    other = {name: array ^ 1 for name, array in tiny.items()}
    table = {name: idx.idx_sha256(array.astype(np.uint8)) for name, array in other.items()}
    changed = replace(fashion_mnist.FASHION_MNIST, sha256=table, n_train=6)
    monkeypatch.setattr(fashion_mnist, "FASHION_MNIST", changed)
    for module, sha256 in ((mnist, mnist.MNIST.sha256), (fashion_mnist, table)):
        monkeypatch.setattr(module, "DATASET", replace(module.DATASET, checksums=sha256))
    return tiny, other


@pytest.mark.parametrize("source", ["argument", "variable", "cache"])
def test_one_folder_holds_mnist_and_fashion_mnist(both, tmp_path, monkeypatch, source):
    root = tmp_path / "home" / "kernelconv" if source == "cache" else tmp_path / "data"
    for arrays, name in zip(both, ("mnist", "fashion-mnist"), strict=True):
        put(root / name, arrays)
    if source == "variable":
        monkeypatch.setenv("KERNELCONV_DATA", str(root))
    folder = root if source == "argument" else None
    assert_is(load_mnist(folder), both[0])
    assert_is(load_fashion_mnist(folder), both[1])
    put(root, both[0])  # MNIST's files themselves, beside the sub-folders
    assert_is(load_fashion_mnist(folder), both[1])
    assert_is(load_fashion_mnist(root / "fashion-mnist"), both[1])


@pytest.mark.parametrize("source", ["argument", "variable", "cache"])
@pytest.mark.parametrize("given", [0, 1])
def test_files_of_the_other_data_set_are_said_to_be_its(both, tmp_path, monkeypatch, source, given):
    root = put(tmp_path / "home" / "kernelconv" if source == "cache" else tmp_path / "data", both[given])
    if source == "variable":
        monkeypatch.setenv("KERNELCONV_DATA", str(root))
    (owner, its), (other, wanted) = [("MNIST", "mnist"), ("Fashion-MNIST", "fashion-mnist")][:: -1 if given else 1]
    load = load_mnist if given else load_fashion_mnist
    text = (
        rf"{NAMES[0]}\.gz is {owner}'s, not {other}'s \(by the SHA-256 of its uncompressed bytes\): both use the same "
        rf"file names\. Move {owner}'s four files into a sub-folder {its}, and put {other}'s into a sub-folder "
        rf"{wanted}\."
    )
    with pytest.raises(DataError, match=text) as e:
        load(root if source == "argument" else None)
    assert str(root) in str(e.value)
    assert (f"The next {load.__name__}() will then fetch {other}." in str(e.value)) == (source == "cache")


def test_one_file_of_the_other_data_set_is_named(both, tmp_path):
    mixed = put(tmp_path, both[1] | {NAMES[3]: both[0][NAMES[3]]})
    with pytest.raises(DataError, match=rf"{NAMES[3]}\.gz is MNIST's, not Fashion-MNIST's"):
        load_fashion_mnist(mixed)


def test_fashion_mnist_is_fetched_by_its_own_name_into_its_own_folder(both, tmp_path, monkeypatch):
    monkeypatch.setattr(published_set, "fetch_openml", openml_of(both[1], "Fashion-MNIST"))
    assert_is(load_fashion_mnist(), both[1])
    assert len(list((tmp_path / "home" / "kernelconv" / "fashion-mnist").iterdir())) == 4
    monkeypatch.setattr(published_set, "fetch_openml", no_network)
    assert_is(load_fashion_mnist(), both[1])
    with pytest.raises(DataError, match=r"no complete MNIST in .*, and OpenML could not .* load_mnist\(folder\)"):
        load_mnist()
    with pytest.raises(DataError, match=r"Fashion-MNIST was not found: .* or call load_fashion_mnist\(\) with KERNEL"):
        load_fashion_mnist(tmp_path / "absent")


def test_real_fashion_mnist():
    folder = os.environ.get("KERNELCONV_DATA")
    if not folder or all(fashion_mnist.FASHION_MNIST._find(p).missing for p in fashion_mnist.DATASET.folders()):
        pytest.skip("Fashion-MNIST not found: set KERNELCONV_DATA")
    X, y, X_test, y_test = fashion_mnist.DATASET.load()
    assert (X.shape, X_test.shape, y.shape, y_test.shape) == ((60000, 28, 28), (10000, 28, 28), (60000,), (10000,))
    assert (X.dtype, y.dtype, X.min(), X.max()) == (np.float32, np.int64, 0, 1)
    assert y[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]  # as in every tutorial
    assert y_test[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert np.bincount(y).tolist() == [6000] * 10
    assert X.mean(dtype=np.float64) == pytest.approx(0.2860, abs=5e-5)  # the mean quoted everywhere


# -- the real MNIST ----------------------------------------------------------------------------------------------------


def real_files():
    """Return the four files that KERNELCONV_DATA holds, or nothing."""
    found = [mnist.MNIST._find(place) for place in mnist_folders()] if os.environ.get("KERNELCONV_DATA") else []
    return next((dict(zip(NAMES, here.paths, strict=True)) for here in found if not here.missing), {})


@pytest.fixture(scope="module")
def real():
    if not real_files():
        pytest.skip("MNIST not found: set KERNELCONV_DATA")
    return load_mnist()


def test_real_mnist(real):
    X, y, X_test, y_test = real
    assert (X.shape, X_test.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert (y.shape, y_test.shape) == ((60000,), (10000,))
    assert X.dtype == X_test.dtype == np.float32
    assert y.dtype == y_test.dtype == np.int64
    assert (X.min(), X.max(), y.min(), y.max()) == (0, 1, 0, 9)
    assert y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # as in every tutorial
    assert y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert X.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)  # the mean and deviation quoted everywhere
    assert X.std(dtype=np.float64) == pytest.approx(0.3081, abs=5e-5)


@pytest.mark.once("oldest")
def test_real_mnist_through_openml_is_the_same_bit_for_bit(real, tmp_path, monkeypatch):
    arrays = {name: read_idx(path) for name, path in real_files().items()}
    monkeypatch.delenv("KERNELCONV_DATA")
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    monkeypatch.setattr(published_set, "fetch_openml", openml_of(arrays))
    fetched = load_mnist()
    assert all(got.dtype == want.dtype for got, want in zip(fetched, real, strict=True))
    assert all(got.tobytes() == want.tobytes() for got, want in zip(fetched, real, strict=True))
    assert len(list((tmp_path / "kernelconv" / "mnist").iterdir())) == 4


# -- load_images: .npz -------------------------------------------------------------------------------------------------


def save(tmp_path, **arrays):
    path = tmp_path / "mine.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("shape", [(3, 6, 5), (3, 6, 5, 3), (3, 6, 5, 1)])
@pytest.mark.parametrize(
    ("dtype", "top", "kept"),
    [
        ("uint8", 255, "float32"),
        ("uint16", 65535, "float32"),
        (">u2", 65535, "float32"),
        ("float64", 1, "float64"),
        (">f8", 1, "float64"),
        ("float32", 1, "float32"),
        ("float16", 1, "float32"),
        ("bool", 1, "float32"),
    ],
)
def test_npz_images_keep_floats_and_scale_integers(tmp_path, shape, dtype, top, kept):
    raw = (np.random.default_rng(3).random(shape) * 300 * (top // 255 or 1)).astype(dtype)
    X, y = load_images(save(tmp_path, X=raw, y=[3, 1, 2], other=np.zeros(2)))
    assert X.dtype == np.dtype(kept)
    assert X.shape == shape
    np.testing.assert_array_equal(X, (raw.astype(kept) / np.array(top, kept)).astype(kept))
    assert X.max() > 0.5
    assert y.dtype == np.int64
    assert y.tolist() == [3, 1, 2]


@pytest.mark.parametrize(("y", "dtype"), [(["b", "a", "ü"], "<U1"), (np.array([1, 0, 2], "u1"), "int64")])
def test_npz_labels_are_ints_or_strings(tmp_path, y, dtype):
    _, got = load_images(str(save(tmp_path, X=np.ones((3, 2, 2)), y=y)))
    assert got.dtype == np.dtype(dtype)
    assert got.tolist() == list(y)


ONES = np.ones((3, 8, 8), np.float32)
BAD_NPZ = {
    "no y": ({"X": ONES}, "mine.npz has no array 'y'; its arrays are: X. Save it with numpy.savez"),
    "keys": ({"x_train": ONES, "y_train": [1, 2, 3]}, "has no array 'X'; its arrays are: x_train, y_train"),
    "length": ({"X": ONES, "y": [1, 2]}, "holds 3 images in X but 2 labels in y"),
    "rows": ({"X": ONES.reshape(3, 64), "y": [1, 2, 3]}, r"X must be \(n, height, width\) .* got shape \(3, 64\)"),
    "empty": ({"X": ONES[:0], "y": []}, r"not empty, got shape \(0, 8, 8\)"),
    "channels": ({"X": np.ones((2, 3, 8, 8)), "y": [0, 1]}, r"looks like channels first.*moveaxis\(X, 1, -1\)"),
    "nan": ({"X": np.where(np.eye(8) > 0, np.nan, ONES), "y": [1, 2, 3]}, r"X holds 24 non-finite .* \(0, 0, 0\)"),
    "int32": ({"X": ONES.astype(int), "y": [1, 2, 3]}, "X has dtype int64, whose range is unknown. Save uint8"),
    "complex": ({"X": ONES * 1j, "y": [1, 2, 3]}, "X has dtype complex64, whose range is unknown"),
    "column": ({"X": ONES, "y": [[1], [2], [3]]}, r"y must hold one label an image, shape \(n,\), got shape \(3, 1\)"),
    "float y": ({"X": ONES, "y": [1.0, np.nan, 2.0]}, "y must hold ints or strings, got dtype float64"),
    "blank y": ({"X": ONES, "y": ["cat", "", "dog"]}, "y holds 1 empty labels"),
    "objects": (
        {"X": ONES, "y": np.array(["a", "b", None])},
        "y is an array of Python objects .pickled., which is not",
    ),
}


@pytest.mark.parametrize(("arrays", "text"), BAD_NPZ.values(), ids=BAD_NPZ)
def test_npz_complaints_name_the_file_and_the_fault(tmp_path, arrays, text):
    path = save(tmp_path, **arrays)
    with pytest.raises(DataError, match=text) as info:
        load_images(path)
    assert str(path) in str(info.value)


def test_npz_that_is_damaged_is_refused_by_name(tmp_path):
    path = save(tmp_path, X=ONES, y=[1, 2, 3])
    data = path.read_bytes()
    complaints = []
    for i in range(len(data)):
        path.write_bytes(data[:i] + bytes([data[i] ^ 0x55]) + data[i + 1 :])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                X, y = load_images(path)
                np.testing.assert_array_equal(X, ONES)
                assert y.tolist() == [1, 2, 3]
            except DataError as error:
                complaints.append(str(error))
    assert len(complaints) > 0.8 * len(data)
    assert sum("may be damaged" not in text for text in complaints) <= 4  # the names X and y themselves, their sizes
    assert all(str(path) in text for text in complaints)
    for broken in (data[: len(data) // 2], b"", b"hello", np.lib.format.magic(1, 0)):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=r"mine\.npz cannot be read as an \.npz file: .* It may be damaged"):
            load_images(path)


def test_load_images_of_what_is_neither(tmp_path):
    with pytest.raises(DataError, match=r"There is no file or folder .*absent\. Give an \.npz file or a folder"):
        load_images(tmp_path / "absent")
    path = tmp_path / "data.csv"
    path.write_text("1,2")
    with pytest.raises(DataError, match=r"data\.csv is neither an \.npz file nor a folder of class folders"):
        load_images(path)


# -- load_images: a folder of class folders ----------------------------------------------------------------------------


@pytest.fixture
def pil():
    return pytest.importorskip("PIL.Image")


def draw(folder, pil, pixels, name, mode=None, **options):
    folder.mkdir(parents=True, exist_ok=True)
    image = pil.fromarray(pixels)
    (image.convert(mode) if mode else image).save(folder / name, **options)


def pixels(seed, shape=(4, 6), dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def test_folder_of_grey_images_sorted_by_class_then_name(tmp_path, pil):
    for i, (folder, name) in enumerate([("dog", "b.png"), ("dog", "a.PNG"), ("cat", "z.png"), ("10", "1.png")]):
        draw(tmp_path / folder, pil, pixels(i), name)
    draw(tmp_path / ".hidden", pil, pixels(9), "a.png")
    draw(tmp_path / "cat", pil, pixels(9), ".b.png")
    (tmp_path / "cat" / "notes.txt").write_text("not an image")
    (tmp_path / "labels.csv").write_text("neither")
    X, y = load_images(tmp_path)
    assert X.dtype == np.float32
    np.testing.assert_array_equal(X, np.array([pixels(i) for i in (3, 2, 1, 0)]).astype(np.float32) / np.float32(255))
    assert y.tolist() == ["10", "cat", "dog", "dog"]


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.ppm", "a.tif"])
def test_folder_of_colour_images_in_other_formats(tmp_path, pil, name):
    draw(tmp_path / "one", pil, pixels(0, (4, 6, 3)), name)
    X, y = load_images(tmp_path)
    assert X.shape == (1, 4, 6, 3)
    np.testing.assert_array_equal(X[0], pixels(0, (4, 6, 3)).astype(np.float32) / np.float32(255))
    assert y.tolist() == ["one"]  # a single class is a matter for whoever fits


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_folder_16_bit_grey_is_scaled_by_65535(tmp_path, pil, name):
    values = pixels(0, dtype=np.uint16)
    values[0, :2] = 0, 65535
    draw(tmp_path / "deep", pil, values, name)
    X, _ = load_images(tmp_path)
    np.testing.assert_array_equal(X[0], values.astype(np.float32) / np.float32(65535))
    assert X.max() == 1


@pytest.mark.parametrize("white", [300, 1023, 65535])
def test_folder_deep_grey_maps_are_scaled_by_their_white(tmp_path, pil, white):
    values = np.array([[0, 1, white // 2], [white // 3, white - 1, white]], ">u2")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.pgm").write_bytes(b"P5 3 2 %d\n" % white + values.tobytes())
    X, _ = load_images(tmp_path)
    np.testing.assert_allclose(X[0], values / white, atol=0.51 / 65535)


def test_folder_palette_bilevel_and_opaque_alpha(tmp_path, pil):
    colours = np.repeat(np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8), 2, axis=0)
    draw(tmp_path / "p" / "x", pil, colours, "a.png", mode="P")
    rgba = np.concatenate([colours, np.full((2, 2, 1), 255, np.uint8)], axis=2)
    draw(tmp_path / "p" / "x", pil, rgba, "b.png")
    X, _ = load_images(tmp_path / "p")
    np.testing.assert_array_equal(X, np.stack([colours, colours]) / np.float32(255))
    grey = np.array([[0, 255], [255, 0]], np.uint8)
    draw(tmp_path / "g" / "x", pil, grey, "a.png", mode="1")
    draw(tmp_path / "g" / "x", pil, grey, "b.png", mode="LA")
    X, _ = load_images(tmp_path / "g")
    np.testing.assert_array_equal(X, np.stack([grey, grey]) / np.float32(255))


def test_folder_jpeg_obeys_the_camera(tmp_path, pil):
    image = pil.fromarray(
        np.repeat(np.repeat(np.array([[0, 0, 255]], np.uint8), 8, 0), 8, 1)
    )  # 8 x 24, right is bright
    exif = pil.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to show
    (tmp_path / "c").mkdir()
    image.save(tmp_path / "c" / "a.jpg", exif=exif, quality=95)
    X, _ = load_images(tmp_path)
    assert X.shape == (1, 24, 8)
    assert X[0, 18:].min() > 0.9
    assert X[0, :14].max() < 0.1


def test_folder_sizes_and_modes_must_agree(tmp_path, pil):
    draw(tmp_path / "a", pil, pixels(0), "1.png")
    draw(tmp_path / "b", pil, pixels(1, (4, 7)), "2.png")
    text = (
        r"1 of 2 images differ from the first, .*a/1\.png \(grey, height 4, width 6\), .*b/2\.png \(grey, .* one size"
    )
    with pytest.raises(DataError, match=text):
        load_images(tmp_path)
    draw(tmp_path / "b", pil, pixels(1, (4, 6, 3)), "2.png")
    with pytest.raises(DataError, match=r"a/1\.png \(grey, .*b/2\.png \(colour, height 4, width 6\)"):
        load_images(tmp_path)


def test_folder_refuses_transparency_frames_and_other_modes(tmp_path, pil):
    rgba = pixels(0, (4, 6, 4))
    draw(tmp_path / "rgba", pil, rgba, "a.png")
    draw(tmp_path / "key", pil, np.array([[5, 7]], np.uint8), "a.png", transparency=7)
    draw(tmp_path / "deep", pil, pixels(0, dtype=np.uint16), "a.png")
    path = tmp_path / "deep" / "a.png"  # not every Pillow writes a transparent 16-bit grey: add the chunk by hand
    chunk = struct.pack(">I4sH", 2, b"tRNS", 7) + struct.pack(">I", zlib.crc32(b"tRNS\0\7"))
    data = path.read_bytes()
    before = data.index(b"IDAT") - 4  # a chunk begins with its length
    path.write_bytes(data[:before] + chunk + data[before:])
    draw(tmp_path / "cmyk", pil, pixels(0, (4, 6, 3)), "a.tif", mode="CMYK")
    draw(tmp_path / "wide", pil, np.ones((4, 6), np.int32), "a.tif")
    draw(tmp_path / "film", pil, pixels(0), "a.png", save_all=True, append_images=[pil.fromarray(pixels(1))])
    texts = {
        "rgba": r"a\.png is transparent \(mode RGBA\): put it on a background",
        "key": r"a\.png is transparent \(mode L\)",
        "deep": r"a\.png is transparent \(mode I",
        "cmyk": r"a\.tif has mode CMYK, wanted grey \(8 or 16 bits\), RGB or palette",
        "wide": r"a\.tif has mode I, wanted grey",
        "film": r"a\.png holds 2 frames",
    }
    for name, text in texts.items():
        (tmp_path / name).rename(tmp_path / "class")
        (tmp_path / f"root-{name}").mkdir()
        (tmp_path / "class").rename(tmp_path / f"root-{name}" / "class")
        with pytest.raises(DataError, match=text):
            load_images(tmp_path / f"root-{name}")


def test_folder_damaged_image_is_named(tmp_path, pil):
    draw(tmp_path / "a", pil, pixels(0, (40, 60)), "1.png")
    path = tmp_path / "a" / "1.png"
    data = path.read_bytes()
    for broken in (data[: len(data) // 2], b"", b"no image", data[:30], corrupt(data)):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=r"a/1\.png cannot be read as an image \(\w+: .*\)\. Replace or remove it"):
            load_images(tmp_path)


def test_no_changed_byte_of_a_png_gives_another_picture(tmp_path, pil):
    draw(tmp_path / "a", pil, pixels(0, (3, 4)), "1.png")
    path = tmp_path / "a" / "1.png"
    data, whole = path.read_bytes(), load_images(tmp_path)[0]
    refused = 0
    for i in range(len(data)):
        path.write_bytes(data[:i] + bytes([data[i] ^ 0xFF]) + data[i + 1 :])
        try:
            assert np.array_equal(load_images(tmp_path)[0], whole), i
        except DataError:
            refused += 1
    assert refused > len(data) // 2


def test_folder_layouts_that_are_refused(tmp_path, pil):
    with pytest.raises(DataError, match=r"holds no class folder: put the images of each class into a folder"):
        load_images(tmp_path)
    draw(tmp_path, pil, pixels(0), "loose.png")
    with pytest.raises(DataError, match=r"holds no class folder.* are read by kernelconv\.streams\.ImageFolder\."):
        load_images(tmp_path)
    draw(tmp_path / "cat", pil, pixels(0), "1.png")
    with pytest.raises(DataError, match=r"loose\.png lies in no class folder, so it has no label\. Move it"):
        load_images(tmp_path)
    (tmp_path / "loose.png").unlink()
    (tmp_path / "dog").mkdir()
    with pytest.raises(DataError, match=r"The class folder .*dog holds no image \(\.png"):
        load_images(tmp_path)
    draw(tmp_path / "dog" / "small", pil, pixels(0), "1.png")
    with pytest.raises(
        DataError, match=r"The class folder .*dog holds folders \(small\), wanted images\. If these are"
    ):
        load_images(tmp_path)


def test_folder_without_pillow_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").write_bytes(b"")
    for module in [m for m in sys.modules if m.split(".")[0] == "PIL"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(
        ImportError, match=r"needs Pillow: pip install kernelconv\[plot\]\. An \.npz file needs nothing"
    ):
        load_images(tmp_path)


# -- balanced subsets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [np.arange(4), np.array(["a", "b", "c", "d"])])
def test_subset_is_balanced_nested_and_without_repetition(names):
    rng = np.random.default_rng(4)
    codes = rng.permutation(np.repeat(np.arange(4), [9, 25, 14, 40]))
    y = names[codes]
    largest = balanced_subset(y, 39, random_state=7)  # 9 of each, and one more of the three that have more
    for n in range(4, 40):
        subset = balanced_subset(y, n, random_state=7)
        assert subset.shape == (n,)
        assert len(set(subset.tolist())) == n
        counts = np.bincount(codes[subset], minlength=4)
        assert counts.max() - counts.min() <= 1
        np.testing.assert_array_equal(subset, largest[:n])
    assert not np.array_equal(largest, balanced_subset(y, 39, random_state=8))
    np.testing.assert_array_equal(largest, balanced_subset(y.tolist(), 39, random_state=7))


def test_subset_draws_every_sample_and_every_extra_class_equally_often():
    y = np.repeat([0, 1, 2], [4, 8, 12])  # blocks: an unshuffled draw would always take the first
    times, extra = np.zeros(24), np.zeros(3)
    n_draws = 3000
    rng = np.random.default_rng(5)
    for _ in range(n_draws):
        subset = balanced_subset(y, 7, rng)
        times[subset] += 1
        extra += np.bincount(y[subset], minlength=3) - 2
    np.testing.assert_allclose(extra / n_draws, 1 / 3, atol=0.04)  # 4.6 standard deviations of a fair draw
    np.testing.assert_allclose(times / n_draws, np.repeat(7 / 3 / np.array([4, 8, 12]), [4, 8, 12]), atol=0.04)


def test_subset_of_everything_is_a_permutation_when_classes_are_equal():
    y = np.tile([0, 1, 2], 5)
    subset = balanced_subset(y, 15, random_state=0)
    np.testing.assert_array_equal(np.sort(subset), np.arange(15))
    assert not np.array_equal(subset, np.arange(15))


def test_subset_golden_values():
    """The seed of a published curve must give the same images tomorrow (a change of numpy's streams would show)."""
    assert balanced_subset([0, 1, 0, 1, 0, 1, 1, 0], 6, random_state=0).tolist() == [3, 2, 4, 6, 0, 5]


@pytest.mark.parametrize(
    ("y", "n", "text"),
    [
        ([0, 1, 2, 0], 2, r"n=2 is fewer than the 3 classes"),
        (
            [0, 0, 0, 1, 1, 2],
            6,
            r"n=6 is too large .* 3 classes: the fewest samples are those of 2 \(1\)\. Ask for at most 5",
        ),
        (["x", "x", "y", "z", "x"], 5, r"those of 'y' \(1\), 'z' \(1\)\. Ask for at most 4, or add"),
        ([0, 1], 0, r"n must be an int >= 1, got 0"),
        ([0, 1], 2.0, r"n must be an int >= 1, got 2\.0"),
        ([], 1, r"y must hold one class a sample.*got shape \(0,\)"),
        ([[0, 1]], 1, r"y must hold one class a sample.*got shape \(1, 2\)"),
        ([0.0, np.nan], 1, r"y holds 1 NaN: every sample needs a class"),
    ],
)
def test_subset_complaints(y, n, text):
    with pytest.raises(ValueError, match=text):
        balanced_subset(y, n, random_state=0)


def test_subset_of_a_wrong_seed():
    with pytest.raises(ValueError, match="random_state must be None, an int >= 0"):
        balanced_subset([0, 1], 2, random_state="seed")
