"""Targets: the command line, run in this process."""

import contextlib
import io
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from fuzzing.arrays import InputSpec, _pick
from fuzzing.promises import EITHER, Draw
from fuzzing.target import Target
from kernelconv import cli, report

#: What is put in place of an argument of a right command.
VALUES = ("abc", "-1", "0", "1.5", "nan", "", "10000000000000000000000000000000", "[/x]", "é", "a b", "\x00", "--", "-")
OPTIONS = {
    "compare": ("--data", "--models", "--train-sizes", "--seeds", "--workers", "--out"),
    "stability": (
        "--data",
        "--models",
        "--workers",
        "--out",
        "--families",
        "--images",
        "--train-size",
        "--seed",
        "--starts",
    ),
}
RIGHT = {
    "compare": {"--data": "own.npz", "--models": "pixels+affine", "--train-sizes": "6", "--seeds": "1", "--out": "out"},
    "stability": {
        "--data": "own.npz",
        "--models": "pixels",
        "--images": "3",
        "--train-size": "6",
        "--families": "translation",
        "--out": "out",
    },
}


def _run(arguments: list[str]) -> str:
    """Run a command; return what it printed, or raise its one line of error as a ValueError."""
    rng = np.random.default_rng(0)
    np.savez("own.npz", X=rng.random((18, 6, 6)), y=np.arange(18) % 2)
    out, err, path = io.StringIO(), io.StringIO(), list(sys.path)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _without_figures():
        try:
            status = cli.main(arguments)
        except SystemExit as stop:  # argparse has said what is wrong
            status = stop.code
        finally:
            sys.path[:] = path
    if status in (1, 2):
        return f"refused: {err.getvalue()}"
    assert status == 0, f"exit status {status}"
    return out.getvalue()


def _without_figures() -> Any:
    return mock.patch.object(report, "figures_available", return_value=False)


def _arguments(command: str, **changed: str) -> list[str]:
    """Return a right command, with some options changed."""
    return [command, *(word for option in {**RIGHT[command], **changed}.items() for word in option)]


def _command(plain: list[str], spec: InputSpec, rng: np.random.Generator) -> Draw:
    """Promise: a wrong word is one line of error, never a traceback."""
    command = plain[0]
    option, word = _pick(rng, *OPTIONS[command]), _pick(rng, *VALUES)
    arguments = _arguments(command, **{option: word})
    if rng.random() < 0.2:
        arguments.insert(int(rng.integers(len(arguments) + 1)), _pick(rng, "--unknown", "extra", "-h", "info"))
    return Draw(" ".join(arguments), arguments, EITHER)


def _target(command: str, weight: int) -> Target:
    def call(arguments: list[str]) -> str:
        said = _run(arguments)
        wrong = "Traceback" in said or (said.startswith("refused: ") and "error:" not in said)
        assert not wrong, f"no line of error: {said}"
        assert not (Path.home() / "kernelconv-results").exists() or Path.home().samefile("."), "written elsewhere"
        return said

    return Target(
        f"command line: {command}",
        call,
        lambda rng: {"arguments": _arguments(command)},
        {"arguments": InputSpec("arguments", (), draw=_command)},
        weight=weight,
    )


TARGETS = [_target("compare", 3), _target("stability", 3)]
