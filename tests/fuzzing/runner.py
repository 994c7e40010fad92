"""Draws calls from a seed, makes them in a temporary folder, and counts the verdicts."""

import contextlib
import io
import os
import signal
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field

import numpy as np

from fuzzing.promises import Outcome, differs, observe
from fuzzing.target import Case, Target, draw_case, judge
from fuzzing.targets import TARGETS

#: What decides where data is looked for, cached, and fetched from: inside the temporary folder, nowhere else.
PLACES = ("HOME", "KERNELCONV_DATA", "SCIKIT_LEARN_DATA")
#: Seconds after which a call has hung.
LONGEST = 60
#: Ordinary calls that are made before and after the odd ones, which may leave nothing behind.
N_WATCHED = 12


@contextmanager
def sandbox() -> Iterator[None]:
    """Work in a temporary folder, in which data is looked for too."""
    before = {name: os.environ.get(name) for name in PLACES}
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        os.environ.update(dict.fromkeys(PLACES, folder))
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


def order(targets: list[Target], seed: int) -> list[Target]:
    """Return the targets, each as often as it weighs, in the order of a seed."""
    weighed = [target for target in targets for _ in range(target.weight)]
    return [weighed[i] for i in np.random.default_rng(seed).permutation(len(weighed))]


def case_of(seed: int, number: int, targets: list[Target] = TARGETS) -> Case:
    """Return call `number` of a seed: it depends on nothing else."""
    turn = order(targets, seed)
    return draw_case(turn[number % len(turn)], np.random.default_rng([seed, number]))


@dataclass
class Tally:
    """Verdicts by kind, and the failures with the line that makes each call again."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, seed: int, number: int, case: Case, verdict: str) -> None:
        """Count one verdict."""
        self.counts[verdict.partition(":")[0]] += 1
        if verdict.startswith("FAILED"):
            line = f"python tests/fuzz.py --seed {seed} --call {number}"
            self.failures.append(f"{case}\n    {verdict}\n    {line}")

    def __str__(self) -> str:
        counts = "\n".join(f"{n:7}  {verdict}" for verdict, n in sorted(self.counts.items()))
        return "\n".join([*self.failures, f"{sum(self.counts.values()):7}  calls", counts])


@contextmanager
def time_limit() -> Iterator[None]:
    """Raise TimeoutError in a call that goes on for longer than `LONGEST`, where the system can interrupt one."""

    def stop(*_: object) -> None:
        raise TimeoutError

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def verdict_of(case: Case) -> str:
    """Make a call and return the verdict."""
    try:
        with time_limit():
            return _verdict(case)
    except TimeoutError:
        return f"FAILED too long: over {LONGEST} s"


def _verdict(case: Case) -> str:
    """Return the verdict on a call; its argument has to be left as it was."""
    value = case.draw.value
    before = value.tobytes() if isinstance(value, np.ndarray) and not value.dtype.hasobject else None
    with contextlib.redirect_stdout(io.StringIO()):  # what is verbose
        outcome = observe(lambda: case.target.call(**case.arguments()))
    verdict = judge(case, outcome, lambda: case.target.call(**case.reference()))
    if before is not None and value.tobytes() != before:
        return f"FAILED input changed: the call wrote into {case.argument}"
    return verdict


def run(seed: int, numbers: range, targets: list[Target] = TARGETS) -> Tally:
    """Make the calls `numbers` of a seed."""
    tally = Tally()
    watched = order(targets, seed)[:N_WATCHED]
    with sandbox():
        before = [plain_call(target) for target in watched]
        for number in numbers:
            case = case_of(seed, number, targets)
            tally.add(seed, number, case, verdict_of(case))
        for target, known in zip(watched, before, strict=True):
            if words := not_as_before(plain_call(target), known):
                tally.counts["FAILED poisoned"] += 1
                tally.failures.append(f"{target.name}: after these calls an ordinary one is another: {words}")
    return tally


def plain_call(target: Target) -> Outcome:
    """Make an ordinary call, always the same."""
    return observe(lambda: target.call(**target.plain(np.random.default_rng(0))))


def not_as_before(now: Outcome, before: Outcome) -> str:
    """Return "" if two outcomes of the same call are the same."""
    if now.error is not None or before.error is not None:
        return repr(now.error or before.error)
    return differs(now.result, before.result)
