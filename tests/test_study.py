"""kernelconv stability: cells, resuming, results, expectations, figures, page, errors."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kernelconv import cli
from kernelconv.comparison import load_split
from kernelconv.expectations import EXPECTATIONS, expectations
from kernelconv.report.stability import print_study, shown_strength, study_command, study_rows
from kernelconv.rivals import REPRESENTATIONS, fit_rival
from kernelconv.stability import StabilityReport, StabilityRow, measure_corruptions
from kernelconv.stability.representation import as_representation, features
from kernelconv.study import FAMILIES, Study, StudyCell

SMALL = {"n_images": 12, "train_size": 60}
MODELS, KINDS = ["pixels", "fourier"], ["smooth", "translation"]


@pytest.fixture(scope="module")
def split():
    return load_split("digits")


def command(folder, *more):
    return [
        "stability", "--models", "fourier", "pixels", "--families", "smooth", "worst", "corruptions", "--images", "12",
        "--train-size", "60", "--out", str(folder), *more,
    ]  # fmt: skip


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_every_representation_is_fitted_and_its_head_tells_digits_apart(split, name):
    chosen = split.subset(100, 0)
    pad = ((0, 0), (2, 2), (2, 2))
    x, y = np.pad(split.X_train[chosen], pad), split.y_train[chosen]
    test = np.pad(split.X_test[:100], pad)
    rows = []
    for _ in range(2 if name.endswith(("1", "untrained")) else 1):
        rival = fit_rival(name, x, y)
        rows.append(features(as_representation(rival.phi), test))
        assert np.mean(rival.head.predict(rows[-1]) == split.y_test[:100]) > 0.7
    np.testing.assert_array_equal(rows[0], rows[-1])


def test_a_study_is_the_protocol_of_measure_stability(split, tmp_path):
    study = Study(split, MODELS, KINDS, tmp_path, **SMALL)
    reports = {cell: report for cell, report, known in study.run() if not known}
    assert list(reports) == [StudyCell(m, f) for m in MODELS for f in KINDS]
    first = reports[StudyCell("pixels", "smooth")]
    assert [r.strength for r in first.select("relative_change")] == list(FAMILIES["smooth"][1])
    np.testing.assert_allclose([r.mean for r in first.select("relative_stability")], 1, atol=1e-5)
    for model, family in ((m, f) for m in MODELS for f in KINDS):
        assert study.load(StudyCell(model, family)) == reports[StudyCell(model, family)]
    results = study.results()
    assert len(results["rows"]) == 2 * 2 * 5 * 7
    assert results["summaries"]["pixels"]["n_features"] == 144
    assert {r["family"] for r in results["rows"]} == {"smooth", "translation"}


def test_a_stopped_study_goes_on_and_gives_the_same_bytes(split, tmp_path):
    whole = Study(split, MODELS, KINDS, tmp_path / "a", **SMALL)
    list(whole.run())
    halted = Study(split, MODELS, KINDS, tmp_path / "b", **SMALL)
    for k, _ in enumerate(halted.run()):
        if k == 1:
            break
    resumed = Study(split, MODELS, KINDS, tmp_path / "b", **SMALL)
    assert [known for *_, known in resumed.run()] == [True, True, False, False]
    assert json.dumps(resumed.results()["rows"]) == json.dumps(whole.results()["rows"])


def test_a_cell_is_named_by_all_that_decides_it(split, tmp_path):
    cell = StudyCell("pixels", "smooth")
    study = Study(split, MODELS, KINDS, tmp_path, **SMALL)
    others = [
        Study(split, MODELS, KINDS, tmp_path, **SMALL, seed=1),
        Study(split, MODELS, KINDS, tmp_path, n_images=13, train_size=60),
        Study(split, MODELS, KINDS, tmp_path, n_images=12, train_size=70),
        Study(load_split("digits"), ["pixels"], ["smooth"], tmp_path, **SMALL),
    ]
    assert [o.path(cell) == study.path(cell) for o in others] == [False, False, False, True]
    study.path(cell).parent.mkdir()
    study.path(cell).write_text("{")
    with pytest.raises(ValueError, match=r"pixels-smooth-.* is damaged: delete it and run the same command again"):
        list(study.run())


def row(model, measure, samples, strength=0.1):
    samples = np.array([samples, np.ones(len(samples))])
    return StabilityRow(
        "f", strength, "", measure, float(samples[0].mean()), 0, 1, len(samples[0]), 1, True, "", samples
    )


def test_expectations_come_true_or_not_or_stay_open():
    x = np.random.default_rng(0).uniform(1, 2, 50)
    level = {"pixels": x, "scattering-2": 0.5 * x, "scattering-3": 0.6 * x, "ckn-1": x + np.tile([0.1, -0.1], 25)}
    reports = {
        m: StabilityReport(
            (row(m, "relative_change", v), row(m, "relative_stability", v)),
        )
        for m, v in level.items()
    }
    found = {e["smaller"]: e for e in expectations(reports) if e["measure"] == "relative_change"}
    assert set(found) == {"scattering-2", "scattering-3", "ckn-1"}
    assert found["scattering-2"]["came_true"] == "yes"
    assert found["scattering-3"]["came_true"] == "no"
    assert found["ckn-1"]["came_true"] == "open"
    assert found["scattering-2"]["difference"] == pytest.approx(-0.5 * x.mean())
    assert expectations({}) == []
    assert len(EXPECTATIONS) > len(found)


def test_the_command_writes_its_files_and_resumes(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("kernelconv.study.WORST_EVALUATIONS", 16)
    assert cli.main(command(tmp_path)) == 0
    first = capsys.readouterr().out
    assert "fourier, worst: measured" in first
    assert "SmoothDeformation(cutoff=3) at 0.1" in first
    assert "R white" in first
    results = json.loads((tmp_path / "results.json").read_text())
    with open(tmp_path / "results.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(results["rows"]) > 100
    assert float(lines[0]["mean"]) == results["rows"][0]["mean"]
    page = (tmp_path / "report.html").read_text()
    assert "Stability to deformation on digits" in page
    assert "&lt;" not in study_command(results["settings"])
    assert page.count("<img") == 3  # curves and images of smooth fields, worst fields
    assert {p.name for p in tmp_path.glob("*.png")} == {"curves-smooth.png", "deformed-smooth.png", "worst-fields.png"}
    stamp = {p: p.stat().st_mtime_ns for p in (tmp_path / "cells").iterdir()}
    assert cli.main(command(tmp_path)) == 0
    assert capsys.readouterr().out.count("already there") == 6
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "cells").iterdir()} == stamp
    assert json.loads((tmp_path / "results.json").read_text()) == results
    assert study_rows(results, "worst", 0.1)[0]["measures"]["worst_over_random"][0] > 1
    assert shown_strength(results, "smooth") == 0.1


def test_without_matplotlib_the_command_says_so_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("kernelconv.report.figures_available", lambda: False)
    arguments = ["--models", "pixels", "--families", "rotation"]
    assert cli.main(["stability", *arguments, "--images", "5", "--train-size", "30", "--out", str(tmp_path)]) == 0
    assert "No figures: matplotlib is not installed" in capsys.readouterr().out
    assert not list(tmp_path.glob("*.png"))
    assert "<img" not in (tmp_path / "report.html").read_text()


def test_an_unfinished_study_is_shown_as_such(split, tmp_path):
    from rich.console import Console

    from kernelconv.report.stability import write_study_page

    study = Study(split, MODELS, ("corruptions", "smooth"), tmp_path, **SMALL)
    next(study.run())
    write_study_page(study.results(), tmp_path / "report.html")
    assert "Not finished: 1 of 4 cells" in (tmp_path / "report.html").read_text()
    list(study.run())
    console = Console(width=80, record=True, file=io.StringIO())
    print_study(study.results(), console)
    assert max(map(len, console.export_text().splitlines())) <= 80


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": ["pixels", "vgg"]}, r"models must be different names among pixels, .* got \['pixels', 'vgg'\]"),
        ({"models": ["pixels", "pixels"]}, "models must be different names"),
        ({"families": []}, r"families must be different names among smooth, .* corruptions, got \[\]"),
        ({"n_images": 1}, "images must be from 2 to 599"),
        ({"n_images": 10_000}, r"images must be from 2 to 599 \(test images\), got 10000"),
        ({"train_size": 10_000}, r"train size must be at most 1198 \(training images\), got 10000"),
    ],
)
def test_errors(split, tmp_path, changes, message):
    arguments = {"models": MODELS, "families": KINDS, "folder": tmp_path, **SMALL} | changes
    with pytest.raises(ValueError, match=message):
        Study(split, arguments.pop("models"), arguments.pop("families"), arguments.pop("folder"), **arguments)


# -- corruptions -------------------------------------------------------------------------------------------------------


def test_accuracy_under_corruption_falls_with_severity(split):
    x, y = split.X_test[:150], split.y_test[:150]
    rival = fit_rival("pixels", split.X_train[:400], split.y_train[:400])
    report = measure_corruptions(
        rival.phi, x, y, rival.head, corruptions=["gaussian_noise", "inverse", "rotate"], random_state=0
    )
    for family in ("gaussian_noise", "inverse", "rotate"):
        accuracy, change = (
            [r.mean for r in report.select(m) if r.family == family] for m in ("accuracy", "relative_change")
        )
        assert accuracy[2] < accuracy[0]
        assert change[2] > change[0] > 0
    clean = measure_corruptions(rival.phi, x, y, rival.head, corruptions=["quantize"], severities=[1], random_state=0)
    assert clean.select("accuracy")[0].mean > 0.8
    again = measure_corruptions(rival.phi, x, y, rival.head, corruptions=["gaussian_noise"], random_state=0)
    assert [r.mean for r in again] == [r.mean for r in report if r.family == "gaussian_noise"]
    with pytest.raises(ValueError, match=r"y must hold one label an image, \(150,\), got shape \(3,\)"):
        measure_corruptions(rival.phi, x, y[:3], rival.head)


def test_the_committed_table_is_that_of_the_committed_results():
    script = Path(__file__).parent.parent / "benchmarks" / "stability_table.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
