"""Blocks on threads: how many threads, which blocks, what errors do, and that the bits do not depend on it."""

import os
import subprocess
import sys
import threading

import joblib
import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from kernelconv._parallel import blocks
from kernelconv._parallel.blocks import (
    apply_blocks,
    as_worker,
    block_length,
    block_slices,
    map_blocks,
    n_threads,
    single_threaded_blas,
)
from kernelconv.networks.cnn.classifier import ConvNetClassifier
from kernelconv.networks.kernel.network import ConvKernelNetwork
from kernelconv.networks.serial import serial
from kernelconv.operators import Convolution, Dense, GaussianPooling, KernelMapping, Layer, PatchExtraction, ReLU


@pytest.fixture
def small_blocks(monkeypatch):
    """A cache so small that a handful of images makes many blocks."""
    monkeypatch.setattr(blocks, "CACHE_BYTES", 2**14)


@pytest.fixture
def pools(monkeypatch):
    """The number of threads of every pool that is started, the caller's own among them."""
    started = []

    class Recorded(blocks.ThreadPoolExecutor):
        def __init__(self, threads, **names):
            started.append(threads + 1)
            super().__init__(threads, **names)

    blocks._pool.cache_clear()
    monkeypatch.setattr(blocks, "ThreadPoolExecutor", Recorded)
    yield started
    blocks._pool.cache_clear()


def images(n=40, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 10, 9, 1))


# How many threads


def test_none_means_the_cores():
    assert n_threads() == n_threads(-1) == joblib.cpu_count()


def test_counts_are_taken_at_their_word_and_negative_ones_from_the_cores():
    assert [n_threads(n) for n in (1, 2, 7, np.int64(3))] == [1, 2, 7, 3]
    assert n_threads(-2) == max(1, joblib.cpu_count() - 1)
    assert n_threads(-1000) == 1


@pytest.mark.parametrize("value", [0, True, False, 1.5, "2"])
def test_what_is_no_count_is_refused(value):
    with pytest.raises(ValueError, match=rf"n_jobs must be None or a non-zero int, got {value!r}\."):
        n_threads(value)
    with joblib.parallel_config(n_jobs=value), pytest.raises(ValueError, match=rf"non-zero int, got {value!r}\."):
        n_threads()


def test_joblib_configures_none_alone():
    with joblib.parallel_config(n_jobs=3):
        assert n_threads() == 3
        assert n_threads(2) == 2
    with joblib.parallel_config(n_jobs=-1):
        assert n_threads() == joblib.cpu_count()


def test_joblib_workers_get_one_thread():
    assert joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(n_threads)() for _ in range(4)) == [1] * 4


@pytest.mark.once("oldest")
def test_joblib_processes_get_one_thread():
    """Loky's own rule for nested work; the process needs nothing but the leaf."""
    got = joblib.Parallel(n_jobs=2, backend="loky")(joblib.delayed(n_threads)() for _ in range(2))
    joblib.externals.loky.get_reusable_executor().shutdown()
    assert got == [1, 1]


def test_our_own_blocks_get_one_thread():
    assert map_blocks(lambda s: n_threads(5), 4, 1, n_jobs=2) == [1] * 4
    assert n_threads(5) == 5  # the caller is not marked


def test_a_worker_is_free_again_after_an_error():
    thread = threading.Thread(target=lambda: found.append(n_threads(5)))
    found = []

    def fail(argument):
        raise KeyError

    with pytest.raises(KeyError):
        blocks.as_worker(fail, None)
    assert n_threads(5) == 5
    thread.start()
    thread.join()
    assert found == [5]


# Which blocks


@pytest.mark.parametrize("n", [0, 1, 6, 7, 8, 14, 50])
@pytest.mark.parametrize("block", [1, 3, 7, 100])
def test_blocks_cover_every_sample_once_in_order(n, block):
    slices = block_slices(n, block)
    assert [i for s in slices for i in range(n)[s]] == list(range(n))
    assert [len(range(n)[s]) for s in slices[:-1]] == [block] * (len(slices) - 1)


def test_block_lengths_fill_the_cache():
    assert block_length(2**20) == 4
    assert block_length(1.5 * 2**20) == 2
    assert block_length(2**30) == 1
    assert block_length(1) == block_length(0) == 256
    assert block_length(1, maximum=9) == 9


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_map_blocks_keeps_order(n_jobs):
    assert map_blocks(lambda s: (s.start, s.stop), 10, 4, n_jobs) == [(0, 4), (4, 8), (8, 10)]
    assert map_blocks(lambda s: s, 0, 4, n_jobs) == []


def test_blocks_run_on_as_many_threads_as_asked(pools):
    meeting = threading.Barrier(3, timeout=30)
    map_blocks(lambda s: meeting.wait(), 3, 1, n_jobs=3)  # returns only if three run at once
    map_blocks(lambda s: None, 2, 1, n_jobs=3)
    map_blocks(lambda s: None, 9, 1, n_jobs=1)
    map_blocks(lambda s: None, 3, 9, n_jobs=3)
    assert pools == [3, 2]


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 4, 5, 23])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_apply_blocks_is_the_function(n, n_jobs, dtype):
    x = np.arange(3 * n, dtype=dtype).reshape(n, 3)
    sizes = []

    def function(block):
        sizes.append(len(block))
        return np.stack([block.sum(axis=1), -block[:, 0]], axis=1)

    y = apply_blocks(function, x, 5, n_jobs)
    assert np.array_equal(y, function(x))
    assert y.dtype == dtype
    assert sum(sizes) == 2 * n
    assert max(sizes[:-1]) <= 5


def test_apply_blocks_keeps_the_functions_dtype():
    assert apply_blocks(lambda x: x > 2, np.arange(6.0), 2, 2).tolist() == [False] * 3 + [True] * 3


# Errors


def test_an_error_comes_out_and_stops_the_blocks_not_begun():
    begun = []

    def function(s):
        begun.append(s.start)
        if s.start == 0:
            raise RuntimeError("block 0 is broken")
        threading.Event().wait(0.02)

    with pytest.raises(RuntimeError, match="block 0 is broken"):
        map_blocks(function, 200, 1, n_jobs=2)
    assert 0 < len(begun) < 100
    begun.clear()
    with pytest.raises(RuntimeError, match="block 0 is broken"):
        map_blocks(function, 200, 1, n_jobs=1)
    assert begun == [0]


def test_an_interrupt_of_the_caller_stops_the_others():
    caller, begun = threading.current_thread(), []

    def function(s):
        begun.append(s.start)
        if threading.current_thread() is caller:
            raise KeyboardInterrupt
        threading.Event().wait(0.02)

    with pytest.raises(KeyboardInterrupt):
        map_blocks(function, 200, 1, n_jobs=3)
    count = len(begun)
    assert 0 < count < 100
    threading.Event().wait(0.1)
    assert len(begun) == count  # nobody goes on


def test_a_busy_pool_holds_no_other_caller_up():
    both, hold = threading.Barrier(3, timeout=30), threading.Event()

    def slow(s):
        both.wait()
        hold.wait(30)

    other = threading.Thread(target=map_blocks, args=(slow, 2, 1, 2))
    other.start()
    both.wait()  # the one helper is taken
    try:
        assert map_blocks(lambda s: s.start, 3, 1, n_jobs=2) == [0, 1, 2]
        assert other.is_alive()  # still at it
    finally:
        hold.set()
        other.join()


# BLAS


def blas_threads():
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


@pytest.fixture
def two_blas_threads():
    with threadpool_limits(2, user_api="blas"):
        if blas_threads() != {2}:
            pytest.skip("this BLAS cannot run on two threads")
        yield
        assert blas_threads() == {2}


@pytest.mark.usefixtures("two_blas_threads")
def test_blas_has_one_thread_inside_however_nested():
    with single_threaded_blas():
        assert blas_threads() == {1}
        with single_threaded_blas():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == {2}


@pytest.mark.usefixtures("two_blas_threads")
def test_blas_threads_come_back_when_the_last_user_leaves():
    """One thread enters first and leaves first: the other still runs on one, then all is as before."""
    inside, leave, left, end = (threading.Event() for _ in range(4))

    def other():
        with single_threaded_blas():
            inside.set()
            leave.wait(30)
        left.set()
        end.wait(30)  # threadpoolctl 3.8 forgets a thread that set OpenBLAS once it has died: this one lives

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(30)
    with single_threaded_blas():
        leave.set()
        assert left.wait(30)
        assert blas_threads() == {1}
    assert blas_threads() == {2}
    end.set()
    thread.join()


@pytest.mark.usefixtures("two_blas_threads")
def test_blas_has_one_thread_inside_whoever_asked_first():
    """threadpoolctl 3.8 lets only the first thread that set OpenBLAS set it again."""
    seen, done, end = [], threading.Event(), threading.Event()

    def other():
        with single_threaded_blas():
            seen.append(blas_threads())
        seen.append(blas_threads())
        done.set()
        end.wait(30)

    with single_threaded_blas():
        pass
    thread = threading.Thread(target=other)
    thread.start()
    assert done.wait(30)
    assert seen == [{1}, {2}]
    with threadpool_limits(3, user_api="blas"):
        assert blas_threads() == {3}  # and the caller may set it afterwards
    end.set()
    thread.join()


@pytest.mark.usefixtures("two_blas_threads")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_blocks_run_on_one_blas_thread_and_give_it_back_after_an_error(n_jobs):
    seen = map_blocks(lambda s: blas_threads(), 3, 1, n_jobs)
    assert seen == [{1}] * 3
    assert apply_blocks(lambda x: np.full(len(x), max(blas_threads())), np.zeros(3), 2, n_jobs).tolist() == [1] * 3
    assert blas_threads() == {2}

    def fail(s):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        map_blocks(fail, 3, 1, n_jobs)
    assert blas_threads() == {2}


# The same bits, and nearly the same numbers


def network(dtype=np.float64):
    layers = [
        Layer(PatchExtraction(3, padding="zero"), KernelMapping(6), GaussianPooling(2)),
        Convolution(5, 2),
        ReLU(),
        Dense(4),
    ]
    return serial(*layers).build((10, 9, 1), np.random.default_rng(0), data=images(6)).astype(dtype)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_network_has_the_same_bits_for_any_number_of_threads(dtype, pools):
    net, x = network(dtype), images().astype(dtype)
    assert len(x) > 4 * net.block(x.itemsize)
    blocks._pool.cache_clear()  # the k-means may have started pools, of as many threads as there are cores
    pools.clear()
    g = np.random.default_rng(1).standard_normal((len(x), 1, 1, 4)).astype(dtype)
    y, (gx, grads), maps = net.forward(x, 1), net.vjp(x, g, 1), net.trace(x, 1)
    assert np.abs(gx).max() > 0
    assert y.dtype == gx.dtype == dtype
    assert not pools
    for n_jobs in (2, 3):
        assert np.array_equal(net.forward(x, n_jobs), y)
        gx2, grads2 = net.vjp(x, g, n_jobs)
        assert np.array_equal(gx2, gx)
        assert all(np.array_equal(grads2[k], grads[k]) for k in grads)
        assert all(np.array_equal(v, maps[k]) for k, v in net.trace(x, n_jobs).items())
    assert pools == [2, 3]  # kept from call to call


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(("dtype", "tol"), [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_batches_and_blocks_of_any_size_agree(dtype, tol, monkeypatch):
    net, x = network(dtype), images().astype(dtype)
    y = net.forward(x)
    batches = np.concatenate([net.forward(x[lo : lo + 7]) for lo in range(0, len(x), 7)])
    assert np.linalg.norm(batches - y) <= tol * np.linalg.norm(y)
    g = np.ones((len(x), 1, 1, 4), dtype)
    grads = net.vjp(x, g)[1]
    monkeypatch.setattr(blocks, "CACHE_BYTES", 2**30)
    assert np.linalg.norm(net.forward(x) - y) <= tol * np.linalg.norm(y)
    for key, value in net.vjp(x, g)[1].items():
        assert np.linalg.norm(grads[key] - value) <= 10 * tol * np.linalg.norm(value)


@pytest.mark.usefixtures("small_blocks")
def test_kernel_network_has_the_same_bits_for_any_number_of_threads(pools):
    x = images()
    fitted = [ConvKernelNetwork((8, 9), n_patches=900, random_state=0, n_jobs=n).fit(x) for n in (1, 2, 3)]
    assert set(pools) == {2, 3}  # n_jobs=1 starts none, and fit obeys it
    y = fitted[0].transform(x)
    assert np.linalg.norm(y - y.mean(axis=0)) > 0
    for ckn in fitted[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(ckn.anchors_, fitted[0].anchors_, strict=True))
        assert np.array_equal(ckn.transform(x), y)


def test_kernel_network_refuses_a_bad_number_of_threads_in_fit():
    with pytest.raises(ValueError, match="n_jobs must be None or a non-zero int, got 0"):
        ConvKernelNetwork(3, n_patches=50, n_jobs=0).fit(images(4))


def test_classifier_has_the_same_bits_for_any_number_of_threads(pools):
    x = images(100).astype(np.float32)
    y = np.arange(100) % 3
    plan = serial(Convolution(4, 3), ReLU(), Dense(3))
    weights = []
    for n_jobs in (1, 2, 3):
        clf = ConvNetClassifier(plan, epochs=2, batch_size=90, random_state=0, n_jobs=n_jobs).fit(x, y)
        weights.append(clf.network_.params)
    assert set(pools) == {2, 3}  # three blocks a step
    for other in weights[1:]:
        assert all(np.array_equal(other[k], v) for k, v in weights[0].items())


FORKS = """
import os, select, signal
from threadpoolctl import threadpool_info, threadpool_limits
from kernelconv._parallel import blas

def threads():
    with blas.single_threaded_blas():
        pass
    return max(p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas")

def in_a_fork():
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, str(threads()).encode())
        os._exit(0)
    ready = select.select([reader], [], [], 20)[0]
    if not ready:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return os.read(reader, 10).decode() if ready else "waits"

with threadpool_limits(2, "blas"):
    print(threads())
    with blas.single_threaded_blas():
        print(in_a_fork())
    with blas._guard.lock:  # as if another thread were about to enter
        print(in_a_fork())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_has_its_own_limit_of_blas():
    """In a process of its own: JAX, where it was imported, warns of every fork."""
    found = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["2", "2", "2"]


def test_a_nested_worker_leaves_the_one_around_it_a_worker():
    seen = as_worker(lambda: (as_worker(lambda: None), n_threads(4))[1])
    assert (seen, n_threads(4)) == (1, 4)
