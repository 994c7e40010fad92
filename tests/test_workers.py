"""Tasks in order: on threads, on processes, on a cluster of Dask; few wait, one thread each, workers may be killed."""

import os
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
import threadpoolctl

from kernelconv._parallel import workers as module
from kernelconv._parallel.blocks import n_threads
from kernelconv._parallel.workers import in_order


def square(number):
    return number**2, os.getpid()


def folder_of(_):
    return os.getcwd()


def threads_of(_):
    import scipy.linalg  # noqa: F401  which brings a BLAS of its own

    return n_threads(), {lib["num_threads"] for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "blas"}


def refuses_three(number):
    if number == 3:
        raise KeyError("three is no number")
    return number


def later_if_even(number):
    time.sleep(0.02 * (number % 2 == 0))
    return number


class Fatal:
    """Kill the process that is given task 3, `times` times; `folder` remembers how often it was."""

    def __init__(self, folder, times):
        self.folder, self.times = folder, times

    def __call__(self, number):
        done = len(list(Path(self.folder).iterdir()))
        if number == 3 and done < self.times:
            (Path(self.folder) / str(done)).touch()
            os.kill(os.getpid(), 9)
        return number


@pytest.fixture(params=["here", "one", "threads", "processes"])
def how(request):
    """Arguments of `in_order`, inside a configuration of joblib."""
    backend = {"backend": "threading"} if request.param == "threads" else {}
    with joblib.parallel_config(**backend):
        yield {"here": {}, "one": {"workers": 1}}.get(request.param, {"workers": 2})


def test_results_come_in_the_order_of_their_tasks_with_one_thread_each(how):
    found = list(in_order(square, range(8), **how))
    assert [value for value, _ in found] == [n**2 for n in range(8)]
    processes = isinstance(joblib.parallel.get_active_backend()[0], joblib.parallel.BACKENDS["loky"])
    assert (os.getpid() in {process for _, process in found}) == (not processes or how.get("workers") != 2)
    threads, blas = zip(*in_order(threads_of, range(3), **how), strict=True)
    assert set().union(*blas) == {1}
    assert set(threads) == ({n_threads()} if how == {} else {1})
    assert list(in_order(square, [], **how)) == []


def test_what_a_task_raises_comes_when_its_turn_does(how):
    results = in_order(refuses_three, range(8), **how)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError, match="three is no number"):
        next(results)
    assert list(results) == []


def test_a_slow_task_does_not_move_another():
    with joblib.parallel_config(backend="threading"):
        assert list(in_order(later_if_even, range(6), workers=3)) == list(range(6))


@pytest.mark.parametrize(("waiting", "most"), [(None, 4), (1, 1), (3, 3)])
def test_few_tasks_wait(waiting, most):
    taken, given = [], 0

    def tasks():
        for n in range(20):
            taken.append(n)
            yield n

    with joblib.parallel_config(backend="threading"):
        for _ in in_order(square, tasks(), workers=2, waiting=waiting):
            given += 1
            assert len(taken) <= given - 1 + most
    assert (given, len(taken)) == (20, 20)


def test_joblib_says_where_if_the_caller_does_not():
    with joblib.parallel_config(backend="threading", n_jobs=2):
        names = {name for name in in_order(lambda _: threading.current_thread().name, range(4))}
    assert all(name.startswith("kernelconv") for name in names)
    assert set(in_order(lambda _: threading.current_thread().name, range(4))) == {threading.current_thread().name}


def test_processes_that_are_kept_work_in_todays_folder(tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert set(in_order(folder_of, range(4), workers=2)) == {str((tmp_path / name).resolve())}


def test_an_iterator_that_is_left_early_stops_its_workers():
    before = threading.active_count()
    with joblib.parallel_config(backend="threading"):
        results = in_order(square, iter(range(10**9)), workers=2)
        next(results)
        assert threading.active_count() > before
        results.close()
    assert threading.active_count() == before


@pytest.mark.once("oldest")
def test_a_killed_process_costs_its_work_alone(tmp_path):
    assert list(in_order(Fatal(str(tmp_path), 1), range(8), workers=2)) == list(range(8))
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.once("oldest")
def test_a_task_that_kills_every_process_is_said_in_words(tmp_path, monkeypatch):
    assert module.MOST_LOSSES == 3
    monkeypatch.setattr(module, "MOST_LOSSES", 1)
    results = in_order(Fatal(str(tmp_path), 99), range(8), workers=2)
    with pytest.raises(ChildProcessError, match="Workers were killed again and again at the same tasks, perhaps for"):
        list(results)
    assert len(list(tmp_path.iterdir())) == 1
    assert list(in_order(abs, [-1, -2], workers=2)) == [1, 2], "others find new processes"


class Asynchronous:
    """What Dask's Client looks like, asynchronous."""

    submit = cancel = nthreads = None
    asynchronous = True


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"workers": 0}, ValueError, "workers must be an int >= 1, got 0"),
        ({"workers": 2.0}, ValueError, r"workers must be an int >= 1, got 2\.0"),
        ({"waiting": 0}, ValueError, "waiting must be an int >= 1, got 0"),
        ({"client": 3}, TypeError, r"client must be a dask\.distributed\.Client that is not asynchronous, got 3"),
        ({"client": Asynchronous()}, TypeError, "that is not asynchronous, got <"),
        ({"workers": 2, "client": 3}, ValueError, "workers=2 and a client: .* give one of them"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_run(given, error, words):
    with pytest.raises(error, match=words):
        in_order(square, [1], **given)


def test_arrays_come_back_bit_by_bit():
    rng = np.random.default_rng(0)
    tasks = [rng.standard_normal((40, 30)).astype(np.float32) for _ in range(4)]
    wanted = [t.T @ t for t in tasks]
    for found, right in zip(in_order(lambda t: t.T @ t, tasks, workers=2), wanted, strict=True):
        np.testing.assert_array_equal(found, right)
