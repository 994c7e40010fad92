"""transform_signal: blocks of a long signal against the whole of it, how far filters reach, and what may go wrong."""

import os
from itertools import pairwise

import numpy as np
import pytest

from kernelconv import Scattering1D, Scattering2D
from kernelconv.networks.scattering.fast import blocks_1d
from kernelconv.networks.scattering.fast.blocks_1d import SignalBlocks, default_length, reach
from kernelconv.networks.scattering.signals.geometry_1d import Geometry1D
from kernelconv.operators.wavelets.filter_bank_1d import low_pass_1d, morlet_1d
from kernelconv.streams import signal_store, transform_signal


def recording(size, channels=1, dtype=np.float64, seed=0):
    """Noise, a chirp and a loud event, of a mean that is not zero."""
    x = np.random.default_rng(seed).standard_normal((size, channels)) - 0.3
    x += np.cos(np.arange(size) ** 2 * (0.9 / size))[:, None]
    x[size // 3 : size // 3 + 40] *= 30
    return x.astype(dtype)[:, 0] if channels == 1 else x.astype(dtype)


def whole(scattering, x):
    return scattering.fit(x[None]).maps(x[None])[0]


def relative(a, b):
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def check_blocks(found, expected, tolerance):
    """In the norm, of each path, and at each position: a seam is not lost in the whole."""
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert relative(found, expected) < tolerance
    typical = np.linalg.norm(expected, axis=0) / np.sqrt(len(expected))
    assert typical.min() > 1e-4
    assert np.abs((found - expected) / typical).max() < 100 * tolerance


CASES = {
    "default": (2**14, 1, Scattering1D(4, 2)),
    "symmetric, no multiple of the stride": (9001, 2, Scattering1D(4, (3, 2), padding="symmetric")),
    "zero, a fraction of samples": (8011, 1, Scattering1D(3, 2, T=11.5, padding="zero", oversampling=1)),
    "circular": (7000, 1, Scattering1D(4, 1, padding="circular")),
    "short average, order 3": (6000, 1, Scattering1D(5, 2, T=8, max_order=3)),
    "every sample": (5000, 1, Scattering1D(3, 1, max_order=1, oversampling=5)),
    "average alone": (5000, 1, Scattering1D(5, 1, max_order=0)),
    "kymatio's scaling": (8000, 1, Scattering1D(4, 2, scaling="kymatio")),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CASES)
def test_blocks_are_the_whole(name, dtype, tmp_path, monkeypatch):
    size, channels, scattering = CASES[name]
    monkeypatch.setattr(signal_store, "MOST_BLOCKS", 3)
    x = recording(size, channels, dtype)
    found = transform_signal(scattering, x, tmp_path / "maps.npy", block=700)
    check_blocks(found, whole(scattering, x), 1e-10 if dtype == np.float64 else 1e-6)


def test_blocks_of_the_default_length(tmp_path):
    x = recording(2**17, dtype=np.float32)
    scattering = Scattering1D(3, 1)
    check_blocks(transform_signal(scattering, x, tmp_path / "maps.npy"), whole(scattering, x), 1e-6)
    lengths = [default_length(halo) for halo in (1, 3_000, 100_000, 200_000, 10**6)]
    assert lengths == [2**15, 2**16, 2**21, 2**21, 2**22]


@pytest.mark.skipif(not os.environ.get("KERNELCONV_SLOW"), reason="four million samples at once")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_blocks_of_four_million_samples(dtype, tmp_path):
    x = recording(2**22, dtype=dtype)
    scattering = Scattering1D(8, 2)
    check_blocks(
        transform_signal(scattering, x, tmp_path / "maps.npy"),
        whole(scattering, x),
        1e-10 if dtype == np.float64 else 1e-6,
    )


@pytest.mark.parametrize(
    ("J", "Q", "T", "max_order"), [(4, (4, 2), 16.0, 2), (5, (2, 1), 5.0, 3), (4, (1, 1), 64.0, 1)]
)
def test_reach_is_that_of_the_filters(J, Q, T, max_order):
    """Of the filters' samples themselves: beyond it 1e-12 of the envelope is left, and a tenth nearer much more."""
    n = 2**12
    geometry = Geometry1D(n, J, Q, T, max_order)
    lows = np.abs(np.fft.ifft(low_pass_1d(n, 0.1 / T)))
    far = reach(geometry)
    left = []
    for path in geometry.paths:
        waves = [geometry.bank_of(m).members[i] for m, i in enumerate(path.wavelets, 1)]
        envelope = np.fft.fft(lows)
        for w in waves:
            envelope = envelope * np.fft.fft(np.abs(np.fft.ifft(morlet_1d(n, w.xi, w.sigma))))
        envelope = np.abs(np.fft.ifft(envelope))
        left.append([envelope[at : n - at].sum() / envelope.sum() for at in (far, int(0.9 * far))])
    assert max(beyond for beyond, _ in left) < 1.1e-12
    assert max(nearer for _, nearer in left) > 1e-11
    assert 0.7 * far < reach(geometry, np.float32) < 0.9 * far


def test_a_halo_that_is_too_short_shows(tmp_path, monkeypatch):
    x, scattering = recording(2**13), Scattering1D(4, 2)
    expected = whole(scattering, x)
    monkeypatch.setattr(blocks_1d, "reach", lambda geometry, dtype: reach(geometry, dtype) // 2)
    assert relative(transform_signal(scattering, x, tmp_path / "maps.npy", block=700), expected) > 1e-8


def test_every_source_gives_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(signal_store, "MOST_BLOCKS", 2)
    x = recording(6000, 2, np.float32)
    np.save(tmp_path / "x.npy", x)
    cuts = np.sort(np.random.default_rng(0).integers(0, 6000, 30))

    def chunks():
        kept = np.empty((6000, 2), np.float32)  # one buffer for all, as a reader of sound files may have
        for lo, hi in pairwise((0, *cuts, 6000)):
            kept[: hi - lo] = x[lo:hi]
            yield kept[: hi - lo]

    sources = {
        "memory": (x, {}),
        "path": (tmp_path / "x.npy", {}),
        "map": (np.load(tmp_path / "x.npy", mmap_mode="r"), {}),
        "chunks": (chunks(), {"length": 6000}),
    }
    scattering = Scattering1D(4, 1, n_jobs=1)
    found = {
        name: np.array(transform_signal(scattering, source, tmp_path / f"{name}.npy", block=500, **options))
        for name, (source, options) in sources.items()
    }
    for name in ("path", "map", "chunks"):
        assert np.array_equal(found[name], found["memory"])
    listed = transform_signal(scattering, x[:, 0].tolist(), tmp_path / "list.npy", block=500)
    assert listed.dtype == np.float64
    assert relative(listed, found["memory"][:, : listed.shape[1]]) < 1e-6
    threads = transform_signal(Scattering1D(4, 1, n_jobs=3), x, tmp_path / "threads.npy", block=500)
    assert np.array_equal(threads, found["memory"])


def test_an_interrupted_call_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(signal_store, "MOST_BLOCKS", 1)
    x, scattering, target = recording(6000), Scattering1D(4, 1), tmp_path / "maps.npy"
    done = []

    class Counted(SignalBlocks):
        def __call__(self, *arguments):
            done.append(1)
            return super().__call__(*arguments)

    monkeypatch.setattr(signal_store, "SignalBlocks", Counted)

    def torn():
        yield x[:4000]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transform_signal(scattering, torn(), target, length=6000, block=500)
    before = len(done)
    assert before >= 5
    assert not target.exists()
    found = transform_signal(scattering, x, target, block=500)
    assert len(done) == 12
    assert not (tmp_path / "maps.npy.unfinished").exists()
    check_blocks(np.array(found), whole(scattering, x), 1e-10)
    transform_signal(scattering, x, target, block=500)  # is compared alone
    assert len(done) == 12
    with pytest.raises(ValueError, match=r"maps.npy holds features of a source of other samples: samples 0 to 511 are"):
        transform_signal(scattering, x[::-1].copy(), target, block=500)
    with pytest.raises(ValueError, match=r"maps.npy holds features of another estimator"):
        transform_signal(Scattering1D(4, 2), x, target, block=500)
    with pytest.raises(ValueError, match=r"maps.npy holds features of chunks of 512 samples"):
        transform_signal(scattering, x, target, block=600)
    damaged = np.load(target, mmap_mode="r+")
    damaged[40] += 1
    damaged.flush()
    with pytest.raises(ValueError, match=r"maps.npy' is damaged: rows of samples 512 to 1,023 are not those"):
        transform_signal(scattering, x, target, block=500)


LONG = recording(3000)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (LONG[:200], {}, "filters reach 240 samples to either side, as far as the 200 samples of the signal"),
        (LONG[None, :, None], {}, r"one signal \(t,\) or \(t, c\) of at least one sample, got shape \(1, 3000, 1\)"),
        (np.zeros((0, 2)), {}, r"at least one sample, got shape \(0, 2\)"),
        (LONG.astype(complex), {}, "Complex data not supported: source has dtype complex128"),
        (LONG, {"length": 2000}, "length=2000, but the source has 3000 samples: leave it out"),
        (iter([LONG]), {}, "length must be given with a source of chunks"),
        (iter([]), {"length": 3000}, "source ended before its first chunk"),
        (iter([LONG[:2000]]), {"length": 3000}, "source ended after 2,000 samples, and length=3,000 was said"),
        (iter([LONG, LONG]), {"length": 3000}, "source goes on beyond length=3,000 samples"),
        (iter([LONG[:2000], LONG[:, None]]), {"length": 3000}, r"A chunk has shape \(3000, 1\) .* must be alike"),
        (iter([LONG.astype("f4"), LONG]), {"length": 6000}, "and dtype float64, and the first one .* float32"),
        (5, {}, "source must be a signal .* a path or an iterable of chunks, got 5"),
        ("no.npy", {}, "source='no.npy' is no .npy file and no folder of a zarr array"),
        (np.where(np.arange(3000) == 2222, np.nan, LONG), {}, "source, samples 0 to 2,999, holds 1 non-finite values"),
        (LONG, {"block": 0}, "block must be an int >= 1, got 0"),
        (LONG, {"target": "maps.txt"}, r"must end in .npy or .zarr"),
    ],
)
def test_bad_sources(source, options, message, tmp_path):
    target = tmp_path / options.pop("target", "maps.npy")
    with pytest.raises(ValueError, match=message):
        transform_signal(Scattering1D(4, 1), source, target, **options)
    assert not target.exists()


def test_bad_settings(tmp_path):
    target = tmp_path / "maps.npy"
    for T in (0, "global"):
        with pytest.raises(ValueError, match=f"T={T!r} needs the whole signal: a long one is averaged"):
            transform_signal(Scattering1D(3, 1, T), LONG, target)
    with pytest.raises(ValueError, match="padding='circular' reads the signal's end at its beginning"):
        transform_signal(Scattering1D(3, 1, padding="circular"), iter([LONG]), target, length=3000)
    with pytest.raises(TypeError, match="scattering must be a Scattering1D, got Scattering2D"):
        transform_signal(Scattering2D(), LONG, target)
    np.save(target, LONG)
    with pytest.raises(ValueError, match="is there and was not made by this function"):
        transform_signal(Scattering1D(3, 1), LONG, target)
    assert np.array_equal(np.load(target), LONG)
