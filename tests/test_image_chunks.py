"""Anchors of images of unknown number: the patches of smallest keys, whatever the chunks, their order, the workers."""

from itertools import pairwise

import numpy as np
import pytest
from joblib import parallel_config
from test_stored import images

from kernelconv import ConvKernelClassifier, ConvKernelNetwork, NetworkTransformer, serial
from kernelconv.operators import Standardization
from kernelconv.streams import ImageChunks
from kernelconv.streams.sampling import PatchReservoir

X = 1 + images(90)
SMALL = {"n_anchors": (4, 6), "n_patches": 60, "random_state": 0}


def smallest(maps, n_patches, seed):
    """The patches of smallest key, found among all of them: what the reservoir keeps, as a loop."""
    found = []
    for i, x in enumerate(maps):
        keys = np.random.Philox(key=seed, counter=i << 64).random_raw(x.shape[0] * x.shape[1])
        vectors = x.reshape(-1, x.shape[-1])
        norms = np.linalg.norm(vectors, axis=1)
        found += [(k, v) for k, v, a in zip(keys, vectors, norms, strict=True) if a > 1e-3 * norms.max()]
    return np.array([v for k, v in sorted(found, key=lambda one: one[0])[:n_patches]])


@pytest.mark.parametrize("n_patches", [1, 7, 300, 5000])
def test_the_reservoir_keeps_the_smallest_keys_whatever_the_chunks_and_their_order(n_patches):
    rng = np.random.default_rng(1)
    maps = rng.normal(size=(40, 5, 4, 3)) * (rng.random((40, 5, 4, 1)) < 0.7)
    maps[3] = 0
    wanted = smallest(maps, n_patches, seed=5)
    assert len(wanted) == min(n_patches, np.count_nonzero(maps.any(axis=-1)))
    for _ in range(5):
        borders = [0, *sorted(rng.choice(np.arange(1, 40), 6, replace=False)), 40]
        chunks = [(maps[lo:hi], lo) for lo, hi in pairwise(borders)]
        parts = [PatchReservoir(n_patches, 5) for _ in range(3)]
        for k in rng.permutation(len(chunks)):
            parts[rng.integers(3)].add(*chunks[k])
        a, b, c = (parts[k] for k in rng.permutation(3))
        assert np.array_equal(a.merge(b.merge(c)).patches(), wanted)
    other = PatchReservoir(n_patches, 6).add(maps, 0).patches()
    assert not np.array_equal(other, wanted)


def test_every_patch_is_as_likely_as_any_other():
    maps = np.arange(1, 41, dtype=float).reshape(10, 2, 2, 1)
    drawn = np.concatenate([PatchReservoir(8, seed).add(maps, 0).patches().ravel() for seed in range(500)])
    counts = np.bincount(drawn.astype(int))[1:]
    assert len(counts) == 40
    assert np.abs(counts - 100).max() < 4.5 * np.sqrt(500 * 0.2 * 0.8)  # binomial


def cut(x, *borders):
    return [x[lo:hi] for lo, hi in zip((0, *borders), (*borders, len(x)), strict=True)]


@pytest.mark.parametrize("settings", [{}, {"input": "whitened"}, {"input": "gradient", "patch_size": (1, 3)}])
def test_anchors_do_not_depend_on_the_chunks_nor_on_the_workers(settings):
    network = ConvKernelNetwork(**{**SMALL, **settings})
    wanted = network.fit(ImageChunks([X])).anchors_
    assert [z.shape[0] for z in wanted] == [4, 6]
    for chunks in (cut(X, 1, 30), cut(X, *range(1, 90)), lambda: (part for part in cut(X, 44))):
        assert all(map(np.array_equal, network.fit(ImageChunks(chunks)).anchors_, wanted))
    with parallel_config("threading", n_jobs=3):
        assert all(map(np.array_equal, network.fit(ImageChunks(cut(X, 20, 40, 60))).anchors_, wanted))
    assert network.fit(ImageChunks(cut(X, 7))).transform(X).dtype == np.float32
    other = network.set_params(random_state=1).fit(ImageChunks([X])).anchors_
    assert not np.array_equal(other[0], wanted[0])


def test_anchors_are_those_of_the_patches_of_smallest_key():
    from kernelconv.operators import extract_patches, spherical_kmeans

    rng = np.random.default_rng(0)
    patches = smallest(extract_patches(X, 3, padding="zero"), 60, int(rng.integers(2**63)))
    wanted = spherical_kmeans(patches, 4, rng)
    found = ConvKernelNetwork(n_anchors=4, n_patches=60, random_state=0).fit(ImageChunks(cut(X, 50))).anchors_[0]
    assert np.array_equal(found, wanted)


def test_images_without_a_small_key_are_not_computed():
    looked_at = []
    reservoir = PatchReservoir(10, 0)
    for i in range(500):
        reservoir.offer(i, 16, lambda i=i: looked_at.append(i) or np.ones((16, 2)))
    assert len(looked_at) < 150  # 10 (1 + log(500 / 10)) = 49 of one position each


def test_refused():
    network = ConvKernelNetwork(**SMALL)
    with pytest.raises(ValueError, match="can be gone through once only"):
        ImageChunks(iter([X]))
    with pytest.raises(TypeError, match="chunks must be iterable"):
        ImageChunks(3)
    with pytest.raises(ValueError, match="chunks holds no image"):
        ImageChunks([])
    with pytest.raises(ValueError, match="chunk 0 has two axes"):
        ImageChunks([X.reshape(90, -1)])
    with pytest.raises(ValueError, match=r"chunk 1 holds images of shape \(7, 7, 1\), .* chunk 0 of \(8, 7, 1\)"):
        network.fit(ImageChunks([X, X[:, 1:]]))
    with pytest.raises(ValueError, match="float64, but chunk 0 of"):
        network.fit(ImageChunks([X, X.astype(float)]))
    bad = X.astype(np.float32)
    bad[5, 2, 3] = np.nan
    with pytest.raises(ValueError, match="chunk 1 holds 1 non-finite"):
        network.fit(ImageChunks([X, bad]))
    sizes = iter([90, 90, 60])
    with pytest.raises(ValueError, match="chunks held 90 images in the pass before, and 60 in this one"):
        network.fit(ImageChunks(lambda: [X[: next(sizes)]]))
    standardized = NetworkTransformer(serial(Standardization()))
    for one in (ConvKernelNetwork(input="centered"), ConvKernelNetwork(group="flips"), standardized):
        with pytest.raises(TypeError, match=r"ImageChunks has no length .* give an array"):
            one.fit(ImageChunks([X]))
    with pytest.raises(ValueError, match=r"X holds images of shape \(8, 7, 1\), but image_shape=\(8, 8\)"):
        network.set_params(image_shape=(8, 8)).fit(ImageChunks([X]))
    with pytest.raises(ValueError, match=r"X must hold numbers, got dtype object with ImageChunks"):
        ConvKernelClassifier().fit(ImageChunks([X]), np.arange(90) % 2)


def test_a_source_may_write_every_chunk_into_the_same_array():
    x = X.astype(np.float32)

    def buffered():
        buffer = np.empty_like(x[:30])
        for lo in range(0, len(x), 30):
            buffer[:] = x[lo : lo + 30]
            yield buffer

    wanted = ConvKernelNetwork(**SMALL).fit(ImageChunks(cut(x, 30, 60))).anchors_
    with parallel_config("threading", n_jobs=2):
        found = ConvKernelNetwork(**SMALL).fit(ImageChunks(buffered)).anchors_
    assert all(np.array_equal(a, b) for a, b in zip(wanted, found, strict=True))


def test_integers_and_fractions_are_not_mixed():
    with pytest.raises(
        ValueError, match=r"chunk 1 holds images of shape \(8, 7, 1\), uint8, but chunk 0 of .* float32"
    ):
        ConvKernelNetwork(**SMALL).fit(ImageChunks([X[:40] / np.float32(255), X[40:]]))
