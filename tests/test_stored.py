"""Images in files, and integers, as estimators read them: the same bits, and no more of them read than is needed."""

import tracemalloc

import numpy as np
import pytest

from kernelconv import ConvKernelNetwork, RotoTranslationScattering2D, Scattering2D, SeparableScattering2D
from kernelconv._types.stored import StoredImages, as_images, is_stored

SMALL = {"n_anchors": (4, 6), "n_patches": 40, "random_state": 0}


def images(n=300, dtype=np.uint8):
    rng = np.random.default_rng(0)
    return (255 * rng.random((n, 8, 7, 1)) ** 3).astype(dtype)


class Recorder:
    """Images by slices alone, as the simplest of stores has them; it notes which are read."""

    def __init__(self, data):
        self.data, self.shape, self.dtype, self.read = data, data.shape, data.dtype, []

    def __getitem__(self, index):
        assert type(index) is slice
        assert index.step is None
        self.read += range(*index.indices(len(self.data)))
        return self.data[index]


def memory_map(x, folder):
    np.save(folder / "x.npy", x)
    return np.load(folder / "x.npy", mmap_mode="r")


def of_zarr(x, folder):
    found = pytest.importorskip("zarr").create_array(
        str(folder / "x.zarr"), shape=x.shape, chunks=(7, 8, 7, 1), dtype=x.dtype
    )
    found[:] = x
    return found


def of_h5py(x, folder):
    return pytest.importorskip("h5py").File(folder / "x.h5", "w").create_dataset("x", data=x)


STORES = {"memory map": memory_map, "zarr": of_zarr, "h5py": of_h5py, "slices": lambda x, folder: Recorder(x)}


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64, ">f8", ">i2"])
@pytest.mark.parametrize("kind", STORES)
def test_anchors_and_features_of_a_store_are_those_of_the_array(kind, dtype, tmp_path):
    x = images(dtype=dtype)
    store, floats = STORES[kind](x, tmp_path), x.astype(np.float64 if x.dtype.itemsize == 8 else np.float32)
    assert is_stored(store)
    wanted, found = (ConvKernelNetwork(**SMALL).fit(one) for one in (floats, store))
    for a, b in zip(wanted.anchors_, found.anchors_, strict=True):
        assert a.dtype == b.dtype == floats.dtype
        assert np.array_equal(a, b)
    features = found.transform(store)
    assert features.dtype == floats.dtype
    assert np.array_equal(features, wanted.transform(floats))
    assert np.array_equal(features, found.transform(x.tolist())) or dtype != np.float64


SCATTERINGS = (
    Scattering2D(J=2),
    Scattering2D(J=1, energy=0.9),
    RotoTranslationScattering2D(J=1, L=2),
    SeparableScattering2D(J=2),
)


@pytest.mark.parametrize("estimator", SCATTERINGS)
def test_scattering_of_a_store_is_that_of_the_array(estimator):
    x = images(20)
    wanted = estimator.fit(x.astype(np.float32)).transform(x.astype(np.float32))
    assert np.array_equal(estimator.fit(Recorder(x)).transform(Recorder(x)), wanted)


def test_networks_take_stores_too():
    x = images(20)
    network = ConvKernelNetwork(**SMALL).fit(x).network_
    assert np.array_equal(network.forward(Recorder(x)), network.forward(x.astype(np.float32)))
    traces = network.trace(Recorder(x)), network.trace(x.astype(np.float32))
    assert all(np.array_equal(traces[0][name], traces[1][name]) for name in ("layer_1", "layer_2"))


def test_fit_reads_the_images_that_it_draws_and_no_others():
    x = 1 + images(2000)
    store = Recorder(x)
    ConvKernelNetwork(n_anchors=4, n_patches=70, random_state=0).fit(store)
    drawn = np.random.default_rng(0).permutation(2000)[:128]  # one position an image, 64 images at a time
    assert sorted(store.read) == sorted(drawn)
    read = Recorder(x)
    Scattering2D(J=2).fit(read)
    assert read.read == []


def test_integers_stay_integers_until_a_block_is_computed(tmp_path):
    x = memory_map(np.zeros((20_000, 28, 28), np.uint8) + np.arange(28, dtype=np.uint8), tmp_path)  # 63 MB as floats
    for one in (x, np.array(x)):
        average = Scattering2D(J=2, max_order=0, n_jobs=1).fit(one)
        assert peak(lambda: average.transform(one)) < 20_000 * 49 * 4 + 20e6  # noqa: B023  called at once
        assert peak(lambda: ConvKernelNetwork(n_anchors=4, n_patches=500, random_state=0).fit(one)) < 20e6  # noqa: B023


def peak(function):
    """Bytes that a call takes at most: NumPy tells tracemalloc of its arrays, and mapped files are none of them."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_what_is_wrong_in_a_file_is_said_when_it_is_read(tmp_path):
    x = images(600, np.float32)
    x[599, 2, 3] = np.nan
    store = memory_map(x, tmp_path)
    scattering = Scattering2D(J=1).fit(store)
    with pytest.raises(ValueError, match=r"^X\[\d+:600\] holds 1 non-finite .* the first at index \(\d+, 2, 3, 0\)"):
        scattering.transform(store)
    with pytest.raises(ValueError, match=r"^X holds 1 non-finite values .* the first at index \(599, 2, 3, 0\)"):
        scattering.transform(x)
    stored = as_images(store)
    with pytest.raises(ValueError, match=r"^x\[\[5, 599\]\] holds 1 non-finite"):
        stored[np.array([5, 599])]
    with pytest.raises(ValueError, match=r"^x holds numbers beyond 3.4e\+38"):
        as_images(Recorder(np.full((2, 3, 3), 1e300).astype(np.longdouble)))[:]


class Liar(Recorder):
    """It says another shape than it has."""

    def __init__(self, data):
        super().__init__(data)
        self.shape = (*self.shape[:1], 9, *self.shape[2:])


def test_refused():
    x = images(5)
    with pytest.raises(ValueError, match=r"X has shape \(5, 8, 7, 1\), but X said that .* \(9, 7, 1\)"):
        Scattering2D(J=1).fit(Liar(x)).transform(Liar(x))
    with pytest.raises(ValueError, match=r"X is empty: shape \(0, 8, 7, 1\)"):
        Scattering2D(J=1).fit(Recorder(x[:0]))
    with pytest.raises(ValueError, match=r"looks like channels first"):
        Scattering2D(J=1).fit(Recorder(np.zeros((5, 3, 9, 9), np.uint8)))
    with pytest.raises(ValueError, match=r"X is masked"):
        Scattering2D(J=1).fit(np.ma.masked_equal(x, 3))
    with pytest.raises(ValueError, match=r"X holds images of shape \(8, 7, 1\), but image_shape=\(8, 8\)"):
        Scattering2D(J=1, image_shape=(8, 8)).fit(Recorder(x))


def test_what_is_stored_and_what_is_not():
    x = images(5)
    assert isinstance(as_images(x), StoredImages)
    assert as_images(x).dtype == np.float32
    assert as_images(x).ndim == 4
    for other in (x.astype(np.float32), x.reshape(5, -1), x.tolist(), x.astype(object), x.astype(complex), None, "abc"):
        assert not is_stored(other)


@pytest.mark.parametrize("kind", STORES)
def test_any_order_of_images(kind, tmp_path):
    x = images(40)
    stored = as_images(STORES[kind](x, tmp_path))
    index = np.array([7, 3, 3, 39, 8, 0])
    assert np.array_equal(stored[index], x[index].astype(np.float32))
    assert np.array_equal(stored[35:99], x[35:].astype(np.float32))
    assert np.array_equal(np.asarray(stored), x.astype(np.float32))
    assert len(stored) == 40
