"""Data files of strangers: what is no regular file, too large when unpacked, of another size, or no path at all."""

import gzip
import os
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from kernelconv.datasets import (
    DataError,
    Split,
    balanced_subset,
    files,
    folds,
    load_images,
    load_mnist,
    load_split,
    mnist,
    mnist_folders,
    read_idx,
    write_idx,
)
from kernelconv.datasets.formats import idx, idx_set
from kernelconv.datasets.image_folder import read_image


@pytest.fixture
def pil():
    return pytest.importorskip("PIL.Image")


def save(path, X, y=(0, 1), **more):
    np.savez_compressed(path, X=X, y=np.asarray(y), **more)
    return path


def draw(folder, pil, pixels, name="1.png", mode=None):
    folder.mkdir(parents=True, exist_ok=True)
    image = pil.fromarray(np.asarray(pixels))
    (image.convert(mode) if mode else image).save(folder / name)
    return folder / name


# -- no regular file ---------------------------------------------------------------------------------------------------

NOT_REGULAR = r"is no regular file but a pipe, socket or device\. Copy what it gives into a file"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path, pil):
    for name in ("images-idx3-ubyte", "mine.npz"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "folder" / "cat").mkdir(parents=True)
    os.mkfifo(tmp_path / "folder" / "cat" / "x.png")
    with pytest.raises(DataError, match=rf"images-idx3-ubyte {NOT_REGULAR}"):
        read_idx(tmp_path / "images-idx3-ubyte")
    with pytest.raises(DataError, match=rf"mine\.npz {NOT_REGULAR}"):
        load_images(tmp_path / "mine.npz")
    with pytest.raises(DataError, match=rf"cat/x\.png {NOT_REGULAR}"):
        load_images(tmp_path / "folder")
    with pytest.raises(DataError, match=rf"/dev/zero {NOT_REGULAR}"):
        read_idx("/dev/zero")


def test_a_link_to_a_regular_file_is_one(tmp_path):
    write_idx(tmp_path / "a", np.arange(3))
    (tmp_path / "b").symlink_to("a")
    assert read_idx(tmp_path / "b").tolist() == [0, 1, 2]


# -- what a file may unpack to -----------------------------------------------------------------------------------------


def bomb(n):
    """An IDX file of n zeros, a thousandth of them in bytes; made without making n zeros."""
    header = struct.pack(">BBBBI", 0, 0, 8, 1, n)
    block = 2**20
    stream = gzip.compress(bytes(block), mtime=0)
    return gzip.compress(header, mtime=0) + stream * (n // block)


def test_a_small_idx_file_does_not_fill_the_memory(tmp_path):
    n = 2**30
    (tmp_path / "bomb.gz").write_bytes(bomb(n))
    size = (tmp_path / "bomb.gz").stat().st_size
    assert 1e6 < size < 1.2e6
    text = rf"bomb\.gz holds {size:,} bytes and unpacks to {n:,}, more than the {200 * size:,} that are allowed\."
    remedy = rf"If you trust it, pass max_bytes={n} or more, on the command line --max-bytes\."
    with pytest.raises(DataError, match=f"{text} {remedy}"):
        read_idx(tmp_path / "bomb.gz")


def test_the_limit_of_an_idx_file_is_a_parameter(tmp_path):
    write_idx(tmp_path / "a.gz", np.zeros((10, 100), int))
    assert read_idx(tmp_path / "a.gz", max_bytes=1000).shape == (10, 100)
    with pytest.raises(DataError, match=r"unpacks to 1,000, more than the 999 that are allowed.*max_bytes=1000 or"):
        read_idx(tmp_path / "a.gz", max_bytes=999)
    for wrong in (0, 1.5, "1 GB"):
        with pytest.raises(ValueError, match="max_bytes must be an int >= 1"):
            read_idx(tmp_path / "a.gz", max_bytes=wrong)


def test_up_to_64_mib_every_file_may_unpack(tmp_path, monkeypatch):
    (tmp_path / "a.gz").write_bytes(bomb(2**26 + 2**20))
    with pytest.raises(DataError, match="more than the 67,108,864 that are allowed"):
        read_idx(tmp_path / "a.gz")
    monkeypatch.setattr(files, "_ALWAYS", 2**20)
    (tmp_path / "a.gz").write_bytes(bomb(2**20))
    assert read_idx(tmp_path / "a.gz").nbytes == 2**20 > 200 * (tmp_path / "a.gz").stat().st_size


def test_an_archive_is_limited_by_all_that_it_holds(tmp_path, monkeypatch):
    path = save(tmp_path / "mine.npz", np.zeros((2, 100, 100)), other=np.zeros(10_000))
    assert load_images(path, max_bytes=250_000)[0].shape == (2, 100, 100)
    with pytest.raises(DataError, match=r"mine\.npz .* unpacks to 240,\d\d\d, more than the 230,000 that are allowed"):
        load_images(path, max_bytes=230_000)
    with pytest.raises(DataError, match=r"more than the 230,000"):
        load_split(path, max_bytes=230_000)
    monkeypatch.setattr(files, "_ALWAYS", 230_000)
    with pytest.raises(DataError, match=r"mine\.npz .* unpacks to 240,\d\d\d, more than the 230,000"):
        load_images(path)
    with pytest.raises(ValueError, match="max_bytes must be an int >= 1, got -1"):
        load_images(path, max_bytes=-1)


def test_a_picture_of_100_megapixels_is_not_decoded(tmp_path, pil):
    path = draw(tmp_path / "cat", pil, np.zeros((4, 6), np.uint8), "x.png")
    header = b"IHDR" + struct.pack(">IIBBBBB", 10_000, 10_000, 8, 0, 0, 0, 0)
    data = path.read_bytes()  # the same with a header of a larger picture: it is refused before it is decoded
    path.write_bytes(data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:])
    with pytest.raises(DataError, match=r"x\.png holds .* unpacks to 100,000,000, more than the 67,108,864"):
        load_images(tmp_path)


@pytest.mark.parametrize(("mode", "n_bytes"), [("L", 24), ("RGB", 72), ("P", 72), ("RGBA", 96)])
def test_the_limit_of_a_picture_is_a_parameter(tmp_path, pil, mode, n_bytes):
    draw(tmp_path / "cat", pil, np.zeros((4, 6), np.uint8), mode=mode)
    assert load_images(tmp_path, max_bytes=n_bytes)[0].shape[:3] == (1, 4, 6)
    with pytest.raises(DataError, match=rf"unpacks to {n_bytes}, more than the {n_bytes - 1} that are allowed"):
        load_images(tmp_path, max_bytes=n_bytes - 1)


# -- photographs of different size -------------------------------------------------------------------------------------


def ramp(h, w):
    """Grey from left to right, 0 to 255."""
    return np.tile(np.linspace(0, 255, w).round().astype(np.uint8), (h, 1))


def test_images_are_resized_to_cover_and_cropped_around_the_middle(tmp_path, pil):
    draw(tmp_path / "wide", pil, ramp(20, 60))
    draw(tmp_path / "high", pil, ramp(60, 20))
    draw(tmp_path / "same", pil, ramp(10, 10))
    X, y = load_images(tmp_path, size=10)
    assert (X.shape, X.dtype, y.tolist()) == ((3, 10, 10), np.float32, ["high", "same", "wide"])
    np.testing.assert_array_equal(X[1], ramp(10, 10) / np.float32(255))  # nothing to do: nothing done
    # of the wide one the middle third, of the high one the whole width
    np.testing.assert_allclose(X[2][:, [0, -1]].mean(0), [0.35, 0.65], atol=0.02)
    np.testing.assert_allclose(X[0][:, [0, -1]].mean(0), [0.025, 0.975], atol=0.03)
    assert np.ptp(X[0], axis=0).max() == np.ptp(X[2], axis=0).max() == 0
    X, _ = load_images(tmp_path, size=(5, 15))
    assert X.shape == (3, 5, 15)
    np.testing.assert_allclose(X[2][:, [0, -1]].mean(0), [0.03, 0.97], atol=0.03)  # 20 x 60 fits whole


def test_a_crop_is_around_the_middle_of_the_height_too(tmp_path, pil):
    draw(tmp_path / "a", pil, np.ascontiguousarray(ramp(10, 30).T))
    X, _ = load_images(tmp_path, size=10)
    np.testing.assert_allclose(X[0].mean(1)[[0, -1]], [1 / 3 + 1 / 60, 2 / 3 - 1 / 60], atol=0.01)


def test_16_bit_and_colour_are_resized_too(tmp_path, pil):
    deep = np.tile(np.repeat(np.array([0, 65535], np.uint16), 8), (8, 1))  # an edge that cubic splines overshoot
    draw(tmp_path / "deep" / "a", pil, deep)
    X, _ = load_images(tmp_path / "deep", size=(7, 14))
    assert X.dtype == np.float32
    assert 0 == X.min() < X.max() == 1
    draw(tmp_path / "colour" / "a", pil, np.stack([ramp(8, 16), ramp(8, 16)[:, ::-1], ramp(8, 16)], -1))
    X, _ = load_images(tmp_path / "colour", size=8)
    assert X.shape == (1, 8, 8, 3)
    np.testing.assert_array_equal(X[..., 0], X[..., 2])
    np.testing.assert_allclose(X[..., 0], X[:, :, ::-1, 1], atol=0.005)


def test_images_that_differ_are_named_with_what_to_do(tmp_path, pil):
    draw(tmp_path / "a", pil, ramp(4, 6))
    for k in range(4):
        draw(tmp_path / "b", pil, ramp(4, 7 + k), f"{k}.png")
    first = r"4 of 5 images differ from the first, .*a/1\.png \(grey, height 4, width 6\), in size or colour: "
    text = rf"{first}.*b/0\.png \(grey, height 4, width 7\); .*b/2.*; and 1 more\. "
    with pytest.raises(
        DataError, match=rf"{text}.* pass size=\(height, width\), on the command line --image-size"
    ) as e:
        load_images(tmp_path)
    assert "b/3.png" not in str(e.value)
    assert "convert" not in str(e.value)
    draw(tmp_path / "c", pil, np.stack([ramp(4, 6)] * 3, -1))
    with pytest.raises(
        DataError, match=r"1 of 6 images differ from .*c/1\.png \(colour, height 6, width 6\).*convert all to grey"
    ) as e:
        load_images(tmp_path, size=6)
    assert "pass size" not in str(e.value)


def test_sizes_that_are_none(tmp_path, pil):
    draw(tmp_path / "a", pil, ramp(4, 6))
    for wrong in (0, -3, 2.5, (4, 6, 3), "big", (4, 0)):
        with pytest.raises(ValueError, match=r"size must be an int >= 1 or a \(height, width\) pair of them, got"):
            load_images(tmp_path, size=wrong)
    path = save(tmp_path / "mine.npz", np.ones((2, 4, 6)))
    with pytest.raises(ValueError, match=r"size is for folders of images, got size=8 and .*mine\.npz: resize its X"):
        load_images(path, size=8)
    with pytest.raises(ValueError, match=r"size is for folders of images, got size=\(8, 8\) and the data set digits"):
        load_split("digits", size=(8, 8))
    with pytest.raises(ValueError, match="max_bytes is for files, got max_bytes=9 and the data set digits"):
        load_split("digits", max_bytes=9)


def test_a_split_of_folders_is_resized_and_says_how_to_get_it_again(tmp_path, monkeypatch, pil):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for k, name in enumerate(["train/cat", "train/dog", "test/cat", "test/dog"]):
        draw(Path(name), pil, rng.integers(0, 256, (9 + k, 8), np.uint8))
    split = load_split(["train", "test"], size=8)
    assert (split.X_train.shape, split.X_test.shape) == ((2, 8, 8), (2, 8, 8))
    assert split.arguments == ("train", "test", "--image-size", "8", "8")
    assert load_split(["train", "test"], max_bytes=999, size=8).arguments[-2:] == ("--max-bytes", "999")
    assert load_split("digits").arguments == ("digits",)


# -- names that no report can hold -------------------------------------------------------------------------------------


def test_classes_whose_names_are_not_utf_8_are_refused_before_anything_is_fitted(tmp_path, pil):
    folder = tmp_path / "a\udcff"
    try:
        draw(folder, pil, ramp(4, 6))
    except OSError:
        pytest.skip("this file system takes only UTF-8")
    with pytest.raises(
        DataError, match=r"name of the class folder 'a\\udcff' is not UTF-8, so no report could name it"
    ):
        load_images(tmp_path)
    path = save(tmp_path / "mine.npz", np.ones((2, 4, 6)), ["a", "b\udcff"])
    with pytest.raises(DataError, match=r"mine\.npz: the label 'b\\udcff' is not UTF-8"):
        load_images(path)


def test_labels_that_int64_cannot_hold_do_not_wrap(tmp_path):
    path = save(tmp_path / "mine.npz", np.ones((2, 4, 6)), np.array([1, 2**63], np.uint64))
    with pytest.raises(DataError, match=r"y holds the label 9223372036854775808, which int64 cannot hold"):
        load_images(path)


# -- no path, no labels, no images -------------------------------------------------------------------------------------

JUNK = [3, None, 1.5, b"bytes", ["a"], {"a": 1}, np.ones(3), object()]


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: type(junk).__name__)
@pytest.mark.parametrize("function", [load_images, read_idx, load_mnist, mnist_folders, lambda p: write_idx(p, [1])])
def test_what_is_no_path_is_refused(function, junk):
    if junk is None and function in (load_mnist, mnist_folders):
        return  # None asks for the default
    with pytest.raises(TypeError, match=r"(path|folder) must be a str or a path-like, got "):
        function(junk)


@pytest.mark.parametrize("function", [load_images, read_idx, load_mnist, load_split])
def test_what_can_be_no_file_is_not_there(function):
    with pytest.raises(DataError, match="holds a null character, which no file name has"):
        function("a\0b")
    with pytest.raises(DataError, match=r"cannot be read: File name too long|no (data set, file or |file or )?folder"):
        function("x" * 5000)


def test_a_checksum_is_64_digits(tmp_path):
    write_idx(tmp_path / "a", np.arange(3))
    right = idx.idx_sha256(np.arange(3, dtype=np.uint8))
    assert len(read_idx(tmp_path / "a", sha256=right.upper())) == 3
    for wrong in (3, "", "ab", right[:-1], b"a" * 64):
        with pytest.raises(ValueError, match="sha256 must be 64 hexadecimal digits, got"):
            read_idx(tmp_path / "a", sha256=wrong)


LABELS = {
    "mixed": (["a", 1, 2], r"y must hold words or numbers, all of one kind, got int, str: \['a', 1, 2\]"),
    "objects": (np.array(["a", None], object), r"all of one kind, got NoneType, str"),
    "none": ([None, 1], r"all of one kind, got NoneType, int"),
    "ragged": ([[1], [1, 2]], r"y must hold one class a sample, a word or a number, got \[\[1\], \[1, 2\]\]"),
    "complex": ([1j, 2], r"y must hold words or numbers, got complex128"),
    "dates": (np.array(["2020-01-01"], "M8[D]"), r"y must hold words or numbers, got datetime64"),
    "masked": (np.ma.array([0, 1], mask=[0, 1]), r"y is a masked array with 1 masked labels: pass y\.compressed"),
    "a word": ("cat", r"y must hold one class a sample, shape \(n_samples,\) and not empty, got shape \(\)"),
    "a set": ({1, 2}, r"got shape \(\)"),
    "nothing": (None, r"got shape \(\)"),
    "NaN": ([0.0, np.nan], "y holds 1 NaN"),
}


@pytest.mark.parametrize(("y", "text"), LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("function", [lambda y: balanced_subset(y, 1, 0), lambda y: folds(y, 0)])
def test_what_is_no_label_is_refused(function, y, text):
    with pytest.raises(ValueError, match=text):
        function(y)


def test_labels_of_every_kind_give_the_same_subset():
    words = ["b", "a", "b", "a"]
    kinds = [words, np.array(words), np.array(words, object), np.array([1, 0, 1, 0], object), [True, False] * 2]
    assert len({tuple(balanced_subset(y, 4, 0)) for y in kinds}) == 1


def test_seeds_and_sizes_that_are_none():
    split = load_split("digits")
    for size, seed, text in (
        (30.0, 0, r"size must be an int >= 1, got 30\.0"),
        (1198, "a", "seed must be an int >= 0, got 'a'"),
        (30, "a", "random_state must be None"),
    ):
        with pytest.raises(ValueError, match=text):
            split.subset(size, seed)
    for seed in (None, -1, 1.5, "a"):
        with pytest.raises(ValueError, match="seed must be an int >= 0, got"):
            folds([0, 1] * 5, seed)


X2, Y2 = np.zeros((2, 4, 4)), np.array([0, 1])
SPLITS = {
    "name": (dict(name=3), "name must be a str that says what the data are, got 3"),
    "no name": (dict(name=""), "name must be a str"),
    "name not UTF-8": (dict(name="\udcff"), r"The data's name '\\udcff' is not UTF-8"),
    "a list": (dict(X_train=[[1]]), r"X_train must be a NumPy array of real numbers, .* got \[\[1\]\]"),
    "rows": (dict(X_test=np.zeros((2, 16))), r"X_test must be .* got ndarray of float64, shape \(2, 16\)"),
    "empty": (dict(X_train=X2[:0]), r"not empty, got ndarray of float64, shape \(0, 4, 4\)"),
    "complex": (dict(X_train=X2 * 1j), r"real numbers, .* got ndarray of complex128"),
    "masked": (dict(X_train=np.ma.array(X2)), r"got MaskedArray of float64"),
    "labels": (
        dict(y_train=np.zeros(3)),
        r"y_train must be .* one class an image, shape \(2,\), got ndarray .* \(3,\)",
    ),
    "listed": (dict(y_test=[0, 1]), r"y_test must be .* got \[0, 1\]"),
    "shapes": (dict(X_test=np.zeros((2, 5, 4))), r"images of one shape, got \(2, 4, 4\) and \(2, 5, 4\)"),
}


@pytest.mark.parametrize(("change", "text"), SPLITS.values(), ids=SPLITS)
def test_what_is_no_split_is_refused(change, text):
    fields = dict(name="mine", X_train=X2, y_train=Y2, X_test=X2, y_test=Y2)
    assert Split(**fields).arguments == ("mine",)
    with pytest.raises(ValueError, match=text):
        Split(**{**fields, **change})


# -- sets of four IDX files --------------------------------------------------------------------------------------------


def test_a_second_set_of_the_same_file_names_is_found_beside_the_first(tmp_path):
    """In one folder: MNIST's files themselves, and another set's in its sub-folder, under the same names."""
    sets = {}
    for k, (name, folder) in enumerate([("one", tmp_path), ("two", tmp_path / "two")]):
        shapes = ((4, 28, 28), (4,), (2, 28, 28), (2,))
        arrays = [np.full(shape, k, np.uint8) for shape in shapes]
        folder.mkdir(exist_ok=True)
        for file, array in zip(mnist.MNIST.sha256, arrays, strict=True):
            write_idx(folder / file, array)
        table = {file: idx.idx_sha256(a) for file, a in zip(mnist.MNIST.sha256, arrays, strict=True)}
        sets[name] = idx_set.IdxSet(name, name.title(), f"load_{name}", name, table, 4)
    assert sets["one"].load(tmp_path)[1].tolist() == [0] * 4
    assert sets["two"].load(tmp_path)[1].tolist() == [1] * 4
    (tmp_path / "two" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte is a whole IDX file, but not the one wanted"):
        sets["two"].load(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    text = r"Two is not complete in .*: missing t10k-labels-idx1-ubyte|missing train-images-idx3-ubyte"
    with pytest.raises(DataError, match=rf"({text})\. Put .* sub-folder two, .* call load_two\(\) with"):
        sets["two"].load(tmp_path)


def test_images_read_on_threads_leave_the_filters_of_warnings(tmp_path, pil):
    for k in range(60):
        pil.fromarray(np.full((8, 8), k, np.uint8)).save(tmp_path / f"{k}.png")
    files, before = sorted(tmp_path.iterdir()), list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda file: read_image(file, None, None), files * 5))
    assert warnings.filters == before
