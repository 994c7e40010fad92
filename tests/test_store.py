"""transform_store: the features of a loop over chunks, whatever the source, the target and the workers; and kills."""

import errno
import importlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from kills import N_KILLS
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from test_stored import STORES, images

from kernelconv import ConvKernelNetwork, Scattering2D
from kernelconv.datasets import DataError, load_images
from kernelconv.streams import ImageFolder, transform_store
from kernelconv.streams.identity import fitted_digest
from kernelconv.streams.sources import as_source

X = images(50)
SCATTERING = Scattering2D(J=1, L=2).fit(X)


def by_loop(estimator, x, chunk):
    """What transform_store is to write."""
    return np.concatenate([estimator.transform(x[lo : lo + chunk]) for lo in range(0, len(x), chunk)])


class Squares(TransformerMixin, BaseEstimator):
    """Powers of the pixels; it counts its calls, and is interrupted at one of them."""

    calls, stop_at = 0, None

    def __init__(self, power=2):
        self.power = power

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        Squares.calls += 1
        if Squares.calls == Squares.stop_at:
            raise KeyboardInterrupt
        return X.reshape(len(X), -1).astype(np.float64) ** self.power


@pytest.fixture(autouse=True)
def _fresh():
    Squares.calls, Squares.stop_at = 0, None


# -- sources, targets, workers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["npy", "zarr"])
@pytest.mark.parametrize("kind", ["array", *STORES])
def test_features_of_every_source_are_those_of_a_loop(kind, ending, tmp_path):
    if ending == "zarr":
        pytest.importorskip("zarr")
    source = X if kind == "array" else STORES[kind](X, tmp_path)
    found = transform_store(SCATTERING, source, tmp_path / f"out.{ending}", chunk=16)
    wanted = by_loop(SCATTERING, X, 16)
    assert found.dtype == wanted.dtype == np.float32
    assert np.array_equal(found[:], wanted)
    assert sorted(p.name for p in tmp_path.glob("out*")) == [f"out.{ending}", f"out.{ending}.chunks.json"]
    if ending == "npy":
        assert np.array_equal(np.load(tmp_path / "out.npy"), wanted)


def write_pictures(folder, n=10):
    from PIL import Image

    for i in range(n):
        (folder / "ab"[i % 2]).mkdir(exist_ok=True, parents=True)
        Image.fromarray(X[i, ..., 0]).save(folder / "ab"[i % 2] / f"{i:02}.png")


def test_a_folder_of_images_in_the_order_of_load_images(tmp_path):
    write_pictures(tmp_path / "pictures")
    wanted = by_loop(SCATTERING, load_images(tmp_path / "pictures")[0], 4)
    assert np.array_equal(transform_store(SCATTERING, tmp_path / "pictures", tmp_path / "one.npy", chunk=4), wanted)
    for file in (tmp_path / "pictures" / "b").iterdir():
        shutil.move(file, tmp_path / "pictures" / "a" / f"z{file.name}")
    flat = ImageFolder(tmp_path / "pictures" / "a")
    assert np.array_equal(
        transform_store(SCATTERING, flat, tmp_path / "two.npy", chunk=4), by_loop(SCATTERING, flat[:], 4)
    )
    assert np.array_equal(255 * flat[:], X[[0, 2, 4, 6, 8, 1, 3, 5, 7, 9], ..., 0].astype(np.float32))
    assert ImageFolder(tmp_path / "pictures" / "a", size=(4, 4)).shape == (10, 4, 4)
    with pytest.raises(DataError, match="If you trust it, pass max_bytes="):
        ImageFolder(tmp_path / "pictures" / "a", max_bytes=10)
    with pytest.raises(ValueError, match="max_bytes must be an int >= 1, got 0"):
        ImageFolder(tmp_path / "pictures" / "a", max_bytes=0)
    for index in (3, [1, 2], (slice(2), slice(3))):
        with pytest.raises(TypeError, match=r"read by slices, F\[3:4\] for one image or F\[:\] for all, got"):
            flat[index]
    assert np.array_equal(SCATTERING.transform(flat), SCATTERING.transform(flat[:]))  # an estimator reads it as it is


def test_paths_of_arrays(tmp_path):
    np.save(tmp_path / "x.npy", X)
    pytest.importorskip("zarr")
    STORES["zarr"](X, tmp_path)
    for name in ("x.npy", "x.zarr"):
        assert np.array_equal(as_source(str(tmp_path / name))[3:9], X[3:9])


@pytest.mark.once("oldest")
@pytest.mark.parametrize("kind", ["memory map", "zarr", "h5py"])
def test_the_bits_are_those_of_any_number_of_workers(kind, tmp_path):
    source, wanted = STORES[kind](X, tmp_path), by_loop(SCATTERING, X, 7)
    if kind == "h5py":
        source.file.flush()
    with parallel_config("threading", n_jobs=3):
        assert np.array_equal(transform_store(SCATTERING, source, tmp_path / "threads.npy", chunk=7), wanted)
    if kind == "h5py":  # others cannot open what is open to be written
        source.file.close()
        source = pytest.importorskip("h5py").File(tmp_path / "x.h5")["x"]
    for workers in (1, 2):
        found = transform_store(SCATTERING, source, tmp_path / f"{workers}.npy", chunk=7, workers=workers)
        assert np.array_equal(found, wanted)


def test_other_chunks_agree_to_rounding_and_a_bar_is_shown(tmp_path, capsys):
    one = transform_store(SCATTERING, X, tmp_path / "1.npy", chunk=50)
    other = transform_store(SCATTERING, X, tmp_path / "2.npy", chunk=9, progress=True)
    assert np.linalg.norm(one - other) <= 1e-5 * np.linalg.norm(one)
    assert "features" in capsys.readouterr().err


# -- going on --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["npy", "zarr"])
def test_an_interrupted_run_goes_on_where_it_was(ending, tmp_path):
    if ending == "zarr":
        pytest.importorskip("zarr")
    target = tmp_path / f"out.{ending}"
    folder = interrupted(target)
    assert not target.exists()
    assert len((folder / "done").read_text().splitlines()) == 2
    found = transform_store(Squares(), X, target, chunk=np.int64(10))
    assert Squares.calls == 3
    assert np.array_equal(found[:], X.reshape(50, -1).astype(float) ** 2)
    Squares.calls = 0
    assert np.array_equal(transform_store(Squares(), X, target, chunk=10)[:], found[:])
    assert Squares.calls == 0
    assert not folder.exists()


def interrupted(target, at=4, **settings):
    """Interrupt a run at a call: one is for the first image, then one a chunk."""
    Squares.calls, Squares.stop_at = 0, at
    with pytest.raises(KeyboardInterrupt):
        transform_store(Squares(**settings), X, target, chunk=10)
    Squares.calls, Squares.stop_at = 0, None
    return target.with_name(f"{target.name}.unfinished")


def test_damaged_rows_and_a_torn_mark_are_made_again(tmp_path):
    folder = interrupted(tmp_path / "out.npy", at=5)
    with open(folder / "rows.npy", "r+b") as file:
        file.seek(128 + 15 * 56 * 8)
        file.write(b"spoilt")
    with open(folder / "done", "a") as file:
        file.write('{"chunk": 3, "source": "ab')
    found = transform_store(Squares(), X, tmp_path / "out.npy", chunk=10)
    assert Squares.calls == 3  # the damaged chunk, and the last two
    assert np.array_equal(found, X.reshape(50, -1).astype(float) ** 2)
    assert len(json.loads((tmp_path / "out.npy.chunks.json").read_text())["chunks"]) == 5


@pytest.mark.parametrize("finished", [False, True])
def test_an_error_of_the_system_that_may_pass_costs_nothing_that_is_done(finished, tmp_path, monkeypatch):
    folder = interrupted(tmp_path / "out.npy")
    if finished:
        transform_store(Squares(), X, tmp_path / "out.npy", chunk=10)
    files = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    def fails(path, **more):
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    with monkeypatch.context() as at_first:
        at_first.setattr(np, "load", fails)
        with pytest.raises(OSError, match=r"Cannot allocate memory: '.*\.npy'"):
            transform_store(Squares(), X, tmp_path / "out.npy", chunk=10)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == files
    Squares.calls = 0
    found = transform_store(Squares(), X, tmp_path / "out.npy", chunk=10)
    assert Squares.calls == (0 if finished else 3)
    assert np.array_equal(found, X.reshape(50, -1).astype(float) ** 2)
    assert not folder.exists()


def test_what_is_written_into_a_private_map_is_read_by_every_worker(tmp_path):
    np.save(tmp_path / "x.npy", X)
    changed = np.load(tmp_path / "x.npy", mmap_mode="c")
    changed[:] = 255 - X
    for chunk in as_source(changed).chunks(20):
        assert np.array_equal(pickle.loads(pickle.dumps(chunk)).read()[0], 255 - X[:20])
        break


@pytest.mark.parametrize("kind", ["folder", "zarr", "h5py"])
def test_a_source_named_by_a_relative_path_is_sent_with_its_whole_path(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if kind == "folder":
        write_pictures(Path("pictures"))
        source = as_source("pictures")
    elif kind == "zarr":
        STORES["zarr"](X, tmp_path)
        source = as_source("x.zarr")
    else:
        STORES["h5py"](X, tmp_path).file.close()
        source = as_source(pytest.importorskip("h5py").File("x.h5")["x"])
    sent, wanted = pickle.dumps(source.chunk(1, 3)), source[1:3]
    monkeypatch.chdir(tmp_path.parent)
    assert np.array_equal(pickle.loads(sent).read()[0], wanted)


def test_a_torn_mark_costs_its_chunk_alone_however_often_it_is_interrupted(tmp_path):
    folder = interrupted(tmp_path / "out.npy", at=3)
    with open(folder / "done", "a") as file:
        file.write('{"chunk": 1, "source": "ab')
    interrupted(tmp_path / "out.npy", at=3)  # chunks 1 and 2, then
    transform_store(Squares(), X, tmp_path / "out.npy", chunk=10)
    assert Squares.calls == 2


@pytest.mark.parametrize("what", ["settings.json", "rows.npy"])
def test_a_folder_that_was_never_begun_is_begun(what, tmp_path):
    folder = interrupted(tmp_path / "out.npy")
    (folder / what).unlink()
    found = transform_store(Squares(), X, tmp_path / "out.npy", chunk=10)
    assert Squares.calls == 6
    assert np.array_equal(found, X.reshape(50, -1).astype(float) ** 2)


@pytest.mark.parametrize("finished", [False, True])
def test_another_estimator_source_or_chunk_is_refused(finished, tmp_path):
    target = tmp_path / "out.npy"
    folder = interrupted(target)
    if finished:
        transform_store(Squares(), X, target, chunk=10)
    before = {p: p.read_bytes() for p in (target if finished else folder).parent.rglob("*") if p.is_file()}
    with pytest.raises(ValueError, match=r"holds features of another estimator .*: call with the same again"):
        transform_store(Squares(power=3), X, target, chunk=10)
    with pytest.raises(ValueError, match=r"holds features of chunks of 10 images: "):
        transform_store(Squares(), X, target, chunk=11)
    with pytest.raises(ValueError, match=r"a source of other images: shape and dtype \[50, 8, 7, 1, '\|u1'\]"):
        transform_store(Squares(), X[:-1], target, chunk=10)
    other = X.copy()
    other[13] += 1
    with pytest.raises(ValueError, match="images 10 to 19 are not those that it was made of"):
        transform_store(Squares(), other, target, chunk=10)
    assert {p: p.read_bytes() for p in before} == before


def test_a_damaged_or_foreign_target_is_refused(tmp_path):
    target = tmp_path / "out.npy"
    rows = np.array(transform_store(SCATTERING, X, target, chunk=10))
    spoilt = np.load(target, mmap_mode="r+")
    spoilt[23, 5] += 1
    spoilt.flush()
    with pytest.raises(ValueError, match=r"out.npy' is damaged: rows of images 20 to 29 are not those"):
        transform_store(SCATTERING, X, target, chunk=10)
    np.save(target, rows[:40])
    with pytest.raises(ValueError, match=r"out.npy' is damaged: delete it and out.npy.chunks.json"):
        transform_store(SCATTERING, X, target, chunk=10)
    (tmp_path / "out.npy.chunks.json").unlink()
    with pytest.raises(ValueError, match=r"is there and was not made by this function"):
        transform_store(SCATTERING, X, target, chunk=10)


class Odd(Squares):
    """Rows that depend on how many images there are."""

    def transform(self, X):
        return {1: np.ones((1, 3)), 2: np.ones((2, 4)), 3: np.ones((3, 3), np.float32), 4: np.ones(4)}[len(X)]


def test_refused(tmp_path):
    for chunk, words in ((2, "rows of 4 float64 of images 0 to 1"), (3, "3 float32"), (4, r"got shape \(4,\) of 4")):
        with pytest.raises(ValueError, match=words):
            transform_store(Odd(), X[:4], tmp_path / "odd.npy", chunk=chunk)
        shutil.rmtree(tmp_path / "odd.npy.unfinished")
    with pytest.raises(TypeError, match="estimator must have a transform"):
        transform_store(np.sqrt, X, tmp_path / "a.npy", chunk=3)
    with pytest.raises(ValueError, match=r"must end in .npy or .zarr"):
        transform_store(SCATTERING, X, tmp_path / "a.csv", chunk=3)
    with pytest.raises(ValueError, match=r"there is no folder .*: make it first"):
        transform_store(SCATTERING, X, tmp_path / "no" / "a.npy", chunk=3)
    with pytest.raises(TypeError, match="target must be a path, got 3"):
        transform_store(SCATTERING, X, 3, chunk=3)
    with pytest.raises(ValueError, match="chunk must be an int >= 1, got 0"):
        transform_store(SCATTERING, X, tmp_path / "a.npy", chunk=0)
    for source, words in (
        (tmp_path / "no", "is no folder of images"),
        (X[:0], r"at least one, got \(0, 8, 7, 1\)"),
        (X.astype(complex), "must hold real numbers, got dtype complex128"),
        (np.ma.masked_equal(X, 3), "source is masked"),
        (["a"], "must hold numbers"),
        (tmp_path, "holds no image"),
    ):
        with pytest.raises(ValueError, match=words):
            transform_store(SCATTERING, source, tmp_path / "a.npy", chunk=3)
    bad = X.astype(float)
    bad[33, 1, 1] = np.nan
    with pytest.raises(ValueError, match="images 30 to 39 of the source: X holds 1 non-finite values"):
        transform_store(SCATTERING, bad, tmp_path / "a.npy", chunk=10)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npy.unfinished"]


# -- identity --------------------------------------------------------------------------------------------------------


def test_the_digest_of_an_estimator_is_of_its_value():
    ckn = ConvKernelNetwork(n_anchors=4, n_patches=40, random_state=0).fit(X)
    same = ConvKernelNetwork(n_anchors=4, n_patches=40, random_state=0, n_jobs=1, verbose=False).fit(X)
    assert fitted_digest(ckn) == fitted_digest(same)
    for one in (ckn, SCATTERING, make_pipeline(Scattering2D(J=1), StandardScaler()).fit(X)):
        before = fitted_digest(one)
        one.transform(X)
        assert fitted_digest(one) == before
    other = ConvKernelNetwork(n_anchors=4, n_patches=40, random_state=0).fit(X[::-1])  # of the same parameters
    assert fitted_digest(other) != fitted_digest(ckn)
    scaled = make_pipeline(Scattering2D(J=1), StandardScaler()).fit(X[1:])
    assert fitted_digest(scaled) != before
    with pytest.raises(TypeError, match="cannot be told apart"):
        fitted_digest(Squares(power=lambda: 2))


OWN = """
from sklearn.base import BaseEstimator, TransformerMixin

class Rows(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_ = 1
        return self

    def transform(self, X):
        return FACTOR * X.reshape(len(X), -1)

def rows(X):
    return FACTOR * X.reshape(len(X), -1)
"""


def test_the_digest_is_of_the_code_of_ones_own_transformers(tmp_path, monkeypatch):
    """An edited transform, a function of the same name in another file: their rows are not those of the store."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def digests(name, factor):
        (tmp_path / f"{name}.py").write_text(OWN.replace("FACTOR", factor))
        monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.invalidate_caches()
        own = importlib.import_module(name)
        return fitted_digest(own.Rows().fit(X)), fitted_digest(FunctionTransformer(own.rows))

    first = digests("own_rows", "1")
    other = [digests("own_rows", "-77"), digests("own_rows_of_another_file", "1")]
    assert all(a != b for found in other for a, b in zip(found, first, strict=True))
    assert digests("own_rows", "1") == first


# -- kills -----------------------------------------------------------------------------------------------------------

SCRIPT = """
import sys, time
import numpy as np
from sklearn.base import BaseEstimator
from kernelconv.streams import transform_store
class Slow(BaseEstimator):
    def transform(self, X):
        time.sleep(0.02)
        return np.sqrt(X.reshape(len(X), -1).astype(np.float64))
x = np.load(sys.argv[1] + "/x.npy", mmap_mode="r")
transform_store(Slow(), x, sys.argv[1] + "/out.npy", chunk=2, workers=int(sys.argv[2]))
"""


@pytest.mark.once("oldest")
@pytest.mark.parametrize("workers", [1])
def test_a_run_that_is_killed_at_random_goes_on(workers, tmp_path):
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "run.py").write_text(SCRIPT)
    command = [sys.executable, "-W", "ignore", str(tmp_path / "run.py"), str(tmp_path), str(workers)]
    done, rng, seen = tmp_path / "out.npy.unfinished" / "done", np.random.default_rng(0), 0
    for _ in range(N_KILLS):
        process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
        before, deadline = seen, time.monotonic() + 60
        while seen == before < 25 and process.poll() is None and time.monotonic() < deadline:
            seen = len(done.read_text().splitlines()) if done.exists() else 0
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.1))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "out.npy").exists() or seen == 25
    assert seen > 0
    assert subprocess.run(command, check=False, capture_output=True, text=True).stderr == ""
    assert np.array_equal(np.load(tmp_path / "out.npy"), np.sqrt(X.reshape(50, -1).astype(float)))
    assert len(json.loads((tmp_path / "out.npy.chunks.json").read_text())["chunks"]) == 25
