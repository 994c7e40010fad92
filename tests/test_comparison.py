"""kernelconv compare: cells, resuming, results, errors."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from kernelconv import cli, comparison
from kernelconv.comparison import MODELS, TIMES, Cell, Comparison, load_split
from kernelconv.datasets import load_digits_images

FAST = ["pixels", "scattering"]


@pytest.fixture(scope="module")
def split():
    return load_split("digits")


def without_times(folder):
    results = json.loads((folder / "results.json").read_text())
    assert len(results["records"]) > 0
    for record in results["records"]:
        for key in TIMES:
            assert record.pop(key) > 0
    return results


def command(folder, *more):
    return ["compare", "--models", *FAST, "--train-sizes", "30", "60", "--seeds", "2", "--out", str(folder), *more]


def test_digits_split_is_stratified_and_complete(split):
    assert len(split.y_train) + len(split.y_test) == 1797
    assert np.bincount(split.y_test).min() >= 57
    assert len(np.unique(np.concatenate([split.X_train, split.X_test]).reshape(1797, -1), axis=0)) == 1797


def test_subsets_are_balanced_nested_and_differ_by_seed(split):
    small, large = split.subset(50, 1), split.subset(100, 1)
    assert np.bincount(split.y_train[large]).tolist() == [10] * 10
    assert np.array_equal(small, large[:50])
    assert not np.array_equal(small, split.subset(50, 2))
    assert sorted(split.subset(len(split.y_train), 0)) == list(range(len(split.y_train)))


@pytest.mark.parametrize("model", list(MODELS))
def test_every_model_learns_digits(split, model):
    record = comparison.run_cell(split, Cell(model, 100, 0))
    assert 0 < record["test_error"] < 0.2
    assert record["n_features"] > 50
    changes = [r["mean"] for r in record["relative_change"]]
    assert 0 < changes[0] < changes[1] < changes[2] < 1
    confusion = np.array(record["confusion"])
    assert confusion.sum() == len(split.y_test)
    assert record["test_error"] == pytest.approx(1 - np.trace(confusion) / confusion.sum())
    assert (record["n_params"] is not None) == (model in ("ckn", "cnn"))


def test_command_writes_everything_and_prints_the_table(tmp_path, capsys):
    assert cli.main(command(tmp_path)) == 0
    out = capsys.readouterr().out
    assert "scattering" in out
    assert "report.html" in out.replace("\n", "")  # wrapped where the path is long
    names = {p.name for p in tmp_path.iterdir()}
    assert {"results.json", "results.csv", "report.html", "cells"} <= names
    assert any(n.endswith(".png") for n in names)
    results = without_times(tmp_path)
    assert [(r["train_size"], r["model"], r["seed"]) for r in results["records"]] == [
        (size, model, seed) for size in (30, 60) for model in FAST for seed in (0, 1)
    ]


def test_interrupted_run_goes_on_and_repeats_nothing(tmp_path, capsys, monkeypatch):
    assert cli.main(command(tmp_path / "whole")) == 0
    real, ran = comparison.run_cell, []

    def third_is_interrupted(split, cell):
        if len(ran) == 2:
            raise KeyboardInterrupt
        ran.append(cell)
        return real(split, cell)

    monkeypatch.setattr(comparison, "run_cell", third_is_interrupted)
    assert cli.main(command(tmp_path / "cut")) == 130
    assert "the same command goes on" in capsys.readouterr().out
    assert len(without_times(tmp_path / "cut")["records"]) == 2

    def count(split, cell):
        ran.append(cell)
        return real(split, cell)

    monkeypatch.setattr(comparison, "run_cell", count)
    assert cli.main(command(tmp_path / "cut")) == 0
    assert len(ran) == len(set(ran)) == 8
    assert without_times(tmp_path / "cut") == without_times(tmp_path / "whole")
    assert "already there" in capsys.readouterr().out


def test_kill_9_loses_at_most_the_cell_that_was_running(tmp_path):
    run = [sys.executable, "-m", "kernelconv", *command(tmp_path)]
    process = subprocess.Popen(run, stdout=subprocess.DEVNULL)
    cells, deadline = tmp_path / "cells", time.monotonic() + 60
    while not (cells.is_dir() and any(cells.glob("*.json"))) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    saved = {p: p.read_bytes() for p in cells.glob("*.json")}
    assert saved
    assert subprocess.run(run, stdout=subprocess.DEVNULL, check=False).returncode == 0
    assert {p: p.read_bytes() for p in saved} == saved
    assert len(without_times(tmp_path)["records"]) == 8
    records = [p for p in cells.iterdir() if ".layer." not in p.name]
    assert len(records) == 8  # nothing ran twice, nothing half-written is left


def test_settings_are_the_same_in_every_process(split, tmp_path):
    code = (
        "import json; from kernelconv.comparison import *; "
        f"print(json.dumps(Comparison(load_split('digits'), list(MODELS), [30], 1, {str(tmp_path)!r}).settings))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    settings = Comparison(split, list(MODELS), [30], 1, tmp_path).settings
    assert json.loads(other.stdout) == settings
    assert "0x" not in str(settings["models"])
    assert "..." not in str(settings["models"])


def test_changed_settings_do_not_reuse_cells(split, tmp_path, monkeypatch):
    before = Comparison(split, ["pixels"], [30], 1, tmp_path)
    monkeypatch.setattr(comparison, "DEFORMATION", comparison.SmoothDeformation(cutoff=2))
    after = Comparison(split, ["pixels"], [30], 1, tmp_path)
    assert before.path(before.cells[0]) != after.path(after.cells[0])


def test_user_data_from_npz_with_string_labels(tmp_path, capsys):
    X, y = load_digits_images()
    np.savez(tmp_path / "mine.npz", X=X[:300], y=np.array(["odd" if v % 2 else "even" for v in y[:300]]))
    arguments = ["compare", "--data", str(tmp_path / "mine.npz"), "--models", *FAST, "--seeds", "1"]
    assert cli.main([*arguments, "--out", str(tmp_path / "out")]) == 0
    results = without_times(tmp_path / "out")
    assert results["settings"]["classes"] == ["even", "odd"]
    assert results["settings"]["train_sizes"] == [200]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--train-sizes", "5"], "Training sizes must be from 30 .* to 1198 .*, got 5"),
        (["--train-sizes", "2000"], "Training sizes must be from 30 .* got 2000"),
        (["--seeds", "0"], "seeds must be an int >= 1, got 0"),
        (["--models", "pixels", "pixels"], "models must be different names"),
        (["--data", "[red]nowhere.npz"], r"\[red\]nowhere\.npz"),
    ],
)
def test_errors_are_said_in_one_line_and_write_nothing(tmp_path, capsys, arguments, words):
    assert cli.main(["compare", "--out", str(tmp_path / "out"), *arguments]) == 1
    message = " ".join(capsys.readouterr().err.split())

    assert re.search(words, message), message
    assert not (tmp_path / "out").exists()


def test_damaged_cell_is_named(split, tmp_path):
    c = Comparison(split, ["pixels"], [30], 1, tmp_path)
    list(c.run())
    c.path(c.cells[0]).write_text('{"model": "pix')
    with pytest.raises(ValueError, match=r"pixels-n30-seed0-.*\.json is damaged: delete it"):
        c.results()


def test_unknown_model_is_refused_by_the_parser(capsys):
    with pytest.raises(SystemExit):
        cli.main(["compare", "--models", "resnet"])
    assert "invalid choice: 'resnet'" in capsys.readouterr().err


def test_info_says_versions_cores_and_where_data_is_looked_for(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("KERNELCONV_DATA", str(tmp_path))
    assert cli.main(["info"]) == 0
    out = capsys.readouterr().out
    for word in ("numpy", "cores", "blas", "data cache", str(tmp_path)):
        assert word in out


def test_without_matplotlib_figures_are_skipped_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli.report, "figures_available", lambda: False)
    arguments = ["compare", "--models", "pixels", "--train-sizes", "30", "--seeds", "1", "--out", str(tmp_path)]
    assert cli.main(arguments) == 0
    assert "No figures: matplotlib is not installed" in capsys.readouterr().out
    assert not list(tmp_path.glob("*.png"))
    assert (tmp_path / "report.html").exists()
