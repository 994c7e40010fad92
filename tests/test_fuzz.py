"""Odd calls of the public API, each judged by what is promised for it; broken functions, which have to be caught."""

import warnings

import numpy as np
import pytest
from fuzzing import parameters as p
from fuzzing.public import LEFT_OUT, PACKAGES, UNTRIED, public_names, stands_for, untried
from fuzzing.runner import case_of, plain_call, run, sandbox, verdict_of
from fuzzing.target import ANY_IMAGES, Target
from fuzzing.targets import TARGETS

from kernelconv._check import check_count, check_images

N_CALLS, N_PARTS = 500, 5


@pytest.mark.parametrize("part", range(N_PARTS))
def test_every_promise_is_kept(part):
    share = N_CALLS // N_PARTS
    tally = run(0, range(part * share, (part + 1) * share))
    assert not tally.failures, f"\n{tally}"
    assert tally.counts["same"] > share / 10, "most calls compare with nothing"
    assert tally.counts["refused"] > share / 10, "nothing is refused"


def test_the_same_call_is_drawn_again():
    with sandbox():  # a memory map that is drawn is a file
        for number in (0, 7, 33):
            assert str(case_of(3, number)) == str(case_of(3, number))
        assert {str(case_of(3, n)) for n in range(5)} != {str(case_of(4, n)) for n in range(5)}


def test_ordinary_calls_are_ordinary():
    with sandbox():
        found = {target.name: plain_call(target) for target in TARGETS}
    assert len(found) == len(TARGETS)
    assert not {name: repr(outcome.error) for name, outcome in found.items() if outcome.error is not None}
    assert not {name: outcome.warned for name, outcome in found.items() if outcome.warned}


def test_every_public_name_has_a_target():
    names = public_names()
    assert len(names) > 100
    assert {name for name in names if not list(stands_for(name))} == set(LEFT_OUT)
    commands = {t.name for t in TARGETS if t.name.startswith("command line")}
    assert commands == {"command line: compare", "command line: stability"}


def test_every_public_parameter_is_made_odd():
    called = {name: thing for name, thing in public_names().items() if name not in LEFT_OUT}
    missing = {name: names for name, thing in called.items() if (names := untried(name, thing))}
    assert not missing
    assert all(name in called for name, _ in UNTRIED)
    assert len(PACKAGES) == 7


# -- broken functions --------------------------------------------------------------------------------------------------


def mean(x, level=1):
    """Mean over pixels: what the broken ones are broken from."""
    images = check_images(x, name="x", channels_last=False)
    return images.mean((1, 2)) * check_count(level, "level")


def gives_nan(x, level=1):
    return np.where(mean(x, level) > 3, np.nan, mean(x, level))


def of_another_shape(x, level=1):
    return mean(x, level)[:, 0]


def of_another_dtype(x, level=1):
    return mean(x, level).astype(np.float64)


def wraps_integers(x, level=1):
    images = np.asarray(x)
    found = mean(x, level)
    return found if images.dtype.kind not in "iu" else found + (2 * images != 2 * images.astype(float)).any()


def breaks_off(x, level=1):
    return mean(x, level)[[0, 1]] if len(x) > 1 else mean(x, level)[[0, 1, 2]]


def takes_masked_arrays(x, level=1):
    return mean(np.ma.getdata(x) if np.ma.isMaskedArray(x) else x, level)


def takes_text(x, level=1):
    return mean(np.asarray(x).astype(float) if np.asarray(x).dtype.kind in "US" else x, level)


def takes_nan(x, level=1):
    return mean(np.nan_to_num(x) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x, level)


def drops_imaginary_parts(x, level=1):
    return mean(np.real(x) if np.iscomplexobj(x) else x, level)


def reads_memory_order(x, level=1):
    return mean(x.ravel(order="K").reshape(x.shape) if isinstance(x, np.ndarray) and x.ndim > 2 else x, level)


def speaks_as_numpy(x, level=1):
    images = np.asarray(x)
    return mean(images.reshape(len(images), 5, -1), level)


def takes_any_level(x, level=1):
    return mean(x) if not isinstance(level, int) or level < 1 else mean(x, level)


def writes_into_its_input(x, level=1):
    found = mean(x, level)
    if isinstance(x, np.ndarray) and x.flags.writeable and x.size:
        x.flat[0] = x.flat[-1] + 1
    return found


def underflows(x, level=1):
    images = check_images(x, name="x", channels_last=False)
    with np.errstate(all="ignore"):
        return np.sqrt((images * images).mean((1, 2))) * check_count(level, "level")


def warns(x, level=1):
    if np.size(x) == 1:
        warnings.warn("one pixel", RuntimeWarning, stacklevel=2)
    return mean(x, level)


def remembers(x, level=1, seen=[]):  # noqa: B006
    seen.append(level)
    return mean(x, level) + (len(seen) > 50)


def _shape(x, **rest):
    size = np.shape(x)
    return size[0], 1 if len(size) == 3 else size[3]


def broken_target(call):
    degree = {"x": 1} if call is not of_another_dtype else {}
    return Target(
        "broken",
        call,
        lambda rng: {"x": rng.integers(-6, 7, (3, 4, 5)).astype(np.float64), "level": 1},
        {"x": ANY_IMAGES},
        {"level": p.count()},
        shape=_shape,
        keeps_dtype=True,
        degree=degree,
    )


BROKEN = {
    gives_nan: "not finite",
    of_another_shape: "wrong shape",
    of_another_dtype: "wrong dtype",
    wraps_integers: "wrong value",
    breaks_off: "bare error",
    takes_masked_arrays: "accepted",
    takes_text: "accepted",
    takes_nan: "accepted",
    drops_imaginary_parts: "accepted",
    reads_memory_order: "wrong value",
    speaks_as_numpy: "bare error",
    takes_any_level: "accepted",
    writes_into_its_input: "input changed",
    underflows: "not finite",
    warns: "warning",
    remembers: "poisoned",
}


@pytest.mark.parametrize(("call", "verdict"), BROKEN.items(), ids=lambda value: getattr(value, "__name__", value))
def test_a_broken_function_is_caught(call, verdict):
    for start in range(0, 3000, 100):
        tally = run(1, range(start, start + 100), [broken_target(call)])
        if tally.counts[f"FAILED {verdict}"]:
            break
    assert tally.counts[f"FAILED {verdict}"] > 0, f"\n{tally}"
    if verdict != "poisoned":
        assert "--seed 1 --call" in tally.failures[0]


def test_the_function_that_they_are_broken_from_is_sound():
    tally = run(1, range(600), [broken_target(mean)])
    assert not tally.failures, f"\n{tally}"
    assert all(tally.counts[verdict] > 10 for verdict in ("same", "finite", "refused"))


def test_a_call_that_hangs_is_stopped(monkeypatch):
    import fuzzing.runner

    def hangs(x, level=1):
        while True:
            pass

    monkeypatch.setattr(fuzzing.runner, "LONGEST", 1)
    case = case_of(1, 0, [broken_target(hangs)])
    assert verdict_of(case) == "FAILED too long: over 1 s"
