"""The research comparison under benchmarks/: rows, plan, running, resuming."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from kills import cells, kill_at_random

from kernelconv.datasets import load_split
from kernelconv.studies.cells import read_cells

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
FAST = ["pixels+svm", "scattering+affine", "ckn-1"]
NAMES = ("plans", "rivals", "run", "adopt", "rendering")


@pytest.fixture(autouse=True)
def modules(monkeypatch):
    """Let tests import benchmarks/ as its scripts do, and forget it afterwards."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in [n for n in sys.modules if n.split(".")[0] in NAMES]:
        del sys.modules[name]


def command(out, *more, part="test"):
    run = [sys.executable, str(BENCHMARKS / "run.py"), "--data", "digits", "--out", str(out), "--models", *FAST]
    return [*run, "--part", part, "--sizes", "50", "100", *more]


def said(capsys, arguments):
    """What `run.py` prints, in this process, of a command that computes nothing."""
    from run import main

    main(arguments[2:])
    return capsys.readouterr().out


def completed(arguments):
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    for part in ("validation", "test"):
        done = completed(command(out, part=part))
        assert done.returncode == 0, done.stderr
    return out


def records(folder, part="test"):
    """Records by cell, without times."""
    found = {tuple(c["cell"].values()): c["record"] for c in read_cells(folder) if c["cell"]["part"] == part}
    return {key: {k: v for k, v in r.items() if "seconds" not in k} for key, r in found.items()}


# -- the rows ----------------------------------------------------------------------------------------------------------


def test_every_row_is_a_classifier_with_a_citation():
    from plans import PLANS
    from rivals import model, rivals
    from sklearn.base import is_classifier

    assert len(PLANS["mnist"].rows) >= 19
    for plan in PLANS.values():
        assert len(set(plan.rows)) == len(plan.rows)
        assert all(is_classifier(m.build(plan.shape, 300, 0)) for m in plan.models().values())
    for r in rivals().values():
        assert r.family == "others"
        assert "20" in r.source
    assert model("kymatio+affine").head is model("scattering+affine").head
    assert model("kymatio+affine").installed


def test_kymatio_sees_colour_channel_by_channel():
    from rivals.kymatio_scattering import KymatioScattering

    X = np.random.default_rng(0).random((3, 12, 16, 3), np.float32)
    joined = KymatioScattering(2).fit_transform(X).reshape(3, 3, -1)
    for c in range(3):
        np.testing.assert_array_equal(joined[:, c], KymatioScattering(2).fit_transform(X[..., c]))


def test_the_twin_in_pytorch_sees_colour_as_ours_does():
    """Two colours of the same grey, each channel of its own scale: standardised per channel, they are told apart."""
    torch = pytest.importorskip("torch")
    from rivals.torch_lenet import TorchLeNet

    from kernelconv.networks.cnn.presets import wide_lenet

    y = np.arange(40) % 2
    X = np.random.default_rng(0).random((40, 12, 16, 3)).astype(np.float32)
    X[..., 0] += y[:, None, None]
    X[..., 2] -= y[:, None, None]
    X *= np.array([1, 100, 10], np.float32)
    ours = wide_lenet((12, 16, 3), 2).build((12, 16, 3), np.random.default_rng(0))
    theirs = TorchLeNet(50_000).fit(X, y)  # so many images are seen ten times
    assert sum(p.numel() for p in theirs.network_.parameters()) == ours.n_params()
    seen = theirs._images(X)
    assert seen.shape == (40, 3, 12, 16)
    torch.testing.assert_close(seen.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(seen.std((0, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)
    assert (theirs.predict(X) == y).all()


def test_draws_follow_the_protocol_and_a_row_may_have_fewer():
    from plans import PLANS
    from run import Research

    split = load_split("digits")
    models = PLANS["digits"].models(["mlp", "resnet", "exact-kernel"])
    found = Research(split, {50: 4, 100: 2}, "test", models)
    count = {
        (m, s): [c.seed for c in found.cells if (c.model, c.train_size) == (m, s)]
        for m in found.models
        for s in (50, 100)
    }
    assert count["mlp", 50] == [0, 1, 2, 3]
    assert count["resnet", 50] == [0, 1, 2]
    assert count["exact-kernel", 100] == [0]
    assert [c.train_size for c in found.cells] == sorted(c.train_size for c in found.cells)
    assert [c.seed for c in Research(split, {50: 4}, "test", {"mlp": models["mlp"]}, seeds=[3]).cells] == [3]


def test_large_sizes_have_several_draws_of_few_rows_alone():
    from dataclasses import replace

    from plans import PLANS
    from run import Research

    plan = replace(PLANS["digits"], single=100, several={"mlp": 200, "scattering+gaussian": 100})
    models = plan.models(["mlp", "scattering+gaussian", "lenet"])
    cells = Research(load_split("digits"), {50: 3, 100: 3, 200: 3}, "test", models, plan=plan).cells
    found = {m: [sum((c.model, c.train_size) == (m, s) for c in cells) for s in (50, 100, 200)] for m in models}
    assert found == {"mlp": [3, 3, 3], "scattering+gaussian": [3, 3, 1], "lenet": [3, 1, 1]}
    for plan in PLANS.values():
        assert set(plan.several) <= set(plan.rows)


# -- running -----------------------------------------------------------------------------------------------------------


def test_a_run_writes_every_cell(finished):
    for part, error in (("test", "test_error"), ("validation", "validation_error")):
        found = records(finished, part)
        assert set(found) == {(m, size, seed, part) for m in FAST for size in (50, 100) for seed in (0, 1)}
        assert all(0 < r[error] < 0.5 for r in found.values())
        assert {r["label"] for r in found.values()} == {"pixels + SVM", "scattering + affine", "CKN-1 + linear"}


@pytest.mark.skipif("KERNELCONV_KILLS" not in os.environ, reason="as compare's, but slow: set KERNELCONV_KILLS=10")
def test_killed_at_random_moments_it_ends_at_the_same_results(finished, tmp_path):
    seen = kill_at_random(command(tmp_path, "--workers", "2"), tmp_path, 12, np.random.default_rng(1))
    assert seen[0] >= 1
    for part in cells(tmp_path):  # a file that was being written when the process was killed
        part.suffix == ".part" and part.unlink()
    assert len(cells(tmp_path)) == 12
    assert records(tmp_path) == records(finished)


def test_what_is_missing_is_listed_with_its_cost(finished, tmp_path, capsys):
    assert "0 of 12 cells, about 0.0 CPU hours" in said(capsys, command(finished, "--missing"))
    out = said(capsys, command(tmp_path, "--missing", "--seeds", "1"))
    assert "ckn-1, 100 images, draw 1: about " in out
    assert "6 of 6 cells, about 0.0 CPU hours" in out
    assert not list(tmp_path.iterdir())


def test_cells_of_other_code_or_packages_are_told(finished, tmp_path, capsys):
    assert said(capsys, command(finished, "--check")) == "12 cells read, each with its checksum\n"
    for path in cells(finished):
        (tmp_path / "cells").mkdir(exist_ok=True)
        (tmp_path / "cells" / path.name).write_bytes(path.read_bytes())
    from kernelconv.studies.cells import read_cell, write_cell

    path = next(p for p in cells(tmp_path) if p.name.startswith("ckn-1-50-0-test"))
    content = read_cell(path)
    write_cell(path, {**content, "provenance": {**content["provenance"], "numpy": "0.1"}})
    assert "1 cells: numpy 0.1, today " in said(capsys, command(tmp_path, "--check"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--sizes", "31"], "--sizes must be among 50, 100, 300, got [31]"),
        (["--models", "nonsense"], "There is no model 'nonsense'"),
    ],
)
def test_what_is_not_there_is_an_error_that_says_what_is(tmp_path, capsys, more, words):
    with pytest.raises(SystemExit):
        said(capsys, [*command(tmp_path), *more])
    assert words in capsys.readouterr().err


def test_a_rival_that_is_not_installed_is_left_out(tmp_path, monkeypatch, capsys):
    import run

    from kernelconv.studies import models

    monkeypatch.setattr(models, "find_spec", lambda name: None if name == "torch" else object())
    arguments = ["--data", "digits", "--sizes", "50", "--part", "test", "--missing", "--out", str(tmp_path)]
    run.main([*arguments, "--models", "torch-lenet", "pixels"])
    out = capsys.readouterr().out
    assert "not installed, left out: torch-lenet" in out
    assert "2 of 2 cells" in out


# -- names change ------------------------------------------------------------------------------------------------------


@pytest.fixture
def renamed(finished, tmp_path, monkeypatch):
    """A folder of validation cells, and a sweep for which a parameter of one model has another name."""
    from plans import PLANS
    from run import Research

    from kernelconv.studies import models
    from kernelconv.studies.sweep import Sweep

    (tmp_path / "cells").mkdir()
    for path in (finished / "cells").glob("*-validation-*.json"):
        (tmp_path / "cells" / path.name).write_bytes(path.read_bytes())
    real = models.described

    def described(value):
        found = real(value)
        if "subspaces" in str(value).lower():
            head = found["steps"][-1]
            head["k"] = head.pop("n_folds")
        return found

    monkeypatch.setattr(models, "described", described)
    return Sweep(Research(load_split("digits"), {50: 2, 100: 2}, "validation", PLANS["digits"].models(FAST)), tmp_path)


def test_cells_get_todays_identity_once_the_cheapest_is_found_again(renamed):
    from adopt import adopt

    assert {c.model for c in renamed.missing()} == {"scattering+affine"}
    before = records(renamed.folder, "validation")
    assert adopt(renamed) == ["scattering+affine: 4 cells have today's identity"]
    assert (renamed.missing(), records(renamed.folder, "validation"), len(cells(renamed.folder))) == ([], before, 12)
    assert adopt(renamed) == []


def test_no_cell_is_adopted_where_one_has_other_predictions(renamed):
    from adopt import adopt

    from kernelconv.studies.cells import read_cell, write_cell

    for path in (renamed.folder / "cells").glob("scattering*"):
        content = read_cell(path)
        content["record"]["mistakes"] = content["record"]["mistakes"][1:]
        write_cell(path, content)
    before = {p: p.read_bytes() for p in cells(renamed.folder)}
    (said,) = adopt(renamed)
    assert said.startswith("scattering+affine: nothing is changed, AccuracyCell(model='scattering+affine'")
    assert said.endswith("differs in mistakes")
    assert {p: p.read_bytes() for p in cells(renamed.folder)} == before


def test_no_cell_is_adopted_where_a_value_differs(renamed, monkeypatch):
    from adopt import adopt

    from kernelconv.studies import models

    before = {p: p.read_bytes() for p in cells(renamed.folder)}
    hidden = models.described
    monkeypatch.setattr(models, "described", lambda value: {**hidden(value), "another": 1})
    again = type(renamed)(renamed.study, renamed.folder)
    assert len(again.missing()) == 12
    assert adopt(again) == []
    assert {p: p.read_bytes() for p in cells(renamed.folder)} == before
