"""Several start weights of a trained network: cells, pooled rows, differences, and the command."""

import csv
import json

import numpy as np
import pytest
from scipy.stats import t

from kernelconv import cli
from kernelconv.datasets import load_split
from kernelconv.report.stability_page import study_command
from kernelconv.stability import StabilityReport, StabilityRow
from kernelconv.stability.report import Summary
from kernelconv.studies import families, stability
from kernelconv.studies.expectations import expectations
from kernelconv.studies.models import Model, Representation
from kernelconv.studies.registry import model
from kernelconv.studies.significance import crossed_mean
from kernelconv.studies.stability import Stability, StabilityCell, by_start, reports, results, worst_fields
from kernelconv.studies.starts import differences, pooled
from kernelconv.studies.sweep import Sweep

SMALL = {"n_images": 12, "train_size": 60}


def report_of(a, b=None, measure="relative_change", accuracy=0.5):
    """A report of one row whose images have these values."""
    samples = np.array([a, np.ones(len(a)) if b is None else b])
    mean = float(samples[0].mean() / samples[1].mean())
    row = StabilityRow("f", 0.1, "", measure, mean, 0.0, 1.0, len(a), 1, True, "", samples)
    return StabilityReport((row,), (Summary("", 8, 2 * accuracy, accuracy),))


@pytest.fixture(scope="module")
def split():
    return load_split("digits")


@pytest.fixture(autouse=True)
def _forgotten():
    stability._last.clear()


def test_the_estimate_is_the_mean_over_trainings():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(1, 2, (2, 3, 40))
    found = pooled([report_of(*pair, accuracy=k / 4) for k, pair in enumerate(zip(a, b, strict=True), 1)])
    (row,), (summary,) = found.rows, found.summaries
    ratios = a.mean(1) / b.mean(1)
    assert row.mean == pytest.approx(ratios.mean(), rel=1e-14)
    assert (summary.accuracy, summary.gain, summary.n_features) == (pytest.approx(0.5), pytest.approx(1.0), 8)
    assert row.low < row.mean < row.high
    assert row.samples is None
    one = report_of(a[0], b[0])
    assert pooled([one]) is one


def test_where_trainings_differ_alone_the_interval_is_that_of_t_over_them():
    levels = np.array([1.0, 1.5, 1.7])
    (row,) = pooled([report_of(np.full(40, level)) for level in levels])
    half = t.ppf(0.975, 2) * levels.std(ddof=1) / 3**0.5
    np.testing.assert_allclose((row.low, row.high), (levels.mean() - half, levels.mean() + half))


def test_where_images_differ_alone_the_interval_is_that_of_t_over_them():
    a = np.random.default_rng(0).uniform(1, 2, 40)
    (row,) = pooled([report_of(a)] * 3)
    half = t.ppf(0.975, 39) * a.std(ddof=1) / 40**0.5
    np.testing.assert_allclose((row.low, row.high), (a.mean() - half, a.mean() + half))


def test_the_interval_of_a_ratio_covers_the_truth():
    rng, n, held = np.random.default_rng(0), 60, 0
    for _ in range(400):  # trainings shift the ratio; images have sizes of their own in numerator and denominator
        size, shift = rng.uniform(0.5, 1.5, n), rng.normal(0, 0.2, (4, 1))
        a = size * (2 + shift) + rng.normal(0, 0.5, (4, n))
        (row,) = pooled([report_of(line, size) for line in a])
        held += row.low <= 2 <= row.high
    assert 0.92 <= held / 400 <= 0.98


def test_differences_pair_trainings_and_images():
    rng = np.random.default_rng(1)
    a, b = rng.uniform(1, 2, (2, 3, 40))
    of_a, of_b = ([report_of(line) for line in lines] for lines in (a, b))
    ((strength, *found),) = differences(of_a, of_b, "relative_change")
    assert strength == 0.1
    np.testing.assert_allclose(found, crossed_mean(a - b, 0.95)[:3], rtol=1e-12)
    ((_, *found),) = differences(of_a, of_b[:1], "relative_change")
    np.testing.assert_allclose(found, crossed_mean(a - b[0], 0.95)[:3], rtol=1e-12)
    with pytest.raises(ValueError, match="Trainings are paired: 3 and 2 cannot be"):
        differences(of_a, of_b[:2], "relative_change")


def test_of_one_training_each_the_difference_is_the_bootstrap_over_images():
    x = np.random.default_rng(2).uniform(1, 2, 40)
    ((_, mean, low, high),) = differences([report_of(x)], [report_of(x + 0.25)], "relative_change")
    np.testing.assert_allclose((mean, low, high), -0.25)


def test_an_expectation_of_few_trainings_that_differ_stays_open():
    x = np.random.default_rng(3).uniform(1, 2, 40)

    def both(a):
        rows = (report_of(a, measure=measure).rows for measure in ("relative_change", "relative_stability"))
        return StabilityReport(tuple(row for of in rows for row in of))

    reported = {"lenet-untrained": [both(x)], "lenet": [both(k * x) for k in (0.1, 0.7, 1.1)]}
    found = {e["measure"]: e["came_true"] for e in expectations(reported)}
    assert found == {"relative_change": "open", "relative_stability": "open"}
    reported["lenet"] = reported["lenet"][:1]
    assert {e["came_true"] for e in expectations(reported)} == {"yes"}


@pytest.mark.parametrize(
    ("trained", "match"),
    [
        ([], "There is no report to be pooled"),
        ([report_of([1.0, 2.0]), report_of([1.0, 2.0], measure="accuracy")], "these do not"),
        ([report_of([1.0, 2.0]), StabilityReport.from_dict(report_of([1.0, 2.0]).to_dict())], "without samples"),
    ],
)
def test_what_cannot_be_pooled(trained, match):
    with pytest.raises(ValueError, match=match):
        pooled(trained)


def small_lenet(name="lenet"):
    """LeNet trained for one epoch: a model that learns from labels."""
    from kernelconv import ConvNetClassifier

    def build(shape, size, seed):
        return ConvNetClassifier("lenet5", epochs=1, random_state=seed)

    return Model(name, Representation(name, name, "yours", build, "Mine.", trained=True), None)


def test_a_trained_model_has_a_cell_a_start_and_others_one(split, tmp_path):
    models = {"pixels": model("pixels"), "net": small_lenet("net")}
    study = Stability(split, models, ["rotation"], **SMALL, starts=3, seed=5)
    assert study.cells == [
        StabilityCell("pixels", "rotation"),
        *(StabilityCell("net", "rotation", s) for s in range(3)),
    ]
    sweep = Sweep(study, tmp_path)
    list(sweep.run())
    each = reports(sweep)
    alone = Stability(split, {"net": small_lenet("net")}, ["rotation"], **SMALL, seed=5)
    first = alone.run(alone.cells[0])
    assert json.dumps(first) == json.dumps(sweep.records()[StabilityCell("net", "rotation", 0)])
    assert alone.identity(alone.cells[0]) == study.identity(study.cells[1])
    assert len({json.dumps(study.identity(cell)) for cell in study.cells}) == 4
    means = [each[cell].select("relative_change")[0].mean for cell in study.cells[1:]]
    assert len(set(means)) == 3
    found = results(sweep)
    (row,) = (
        r
        for r in found["rows"]
        if (r["model"], r["measure"], r["strength"]) == ("net", "relative_change", families.NORMS[0])
    )
    assert row["mean"] == pytest.approx(np.mean(means), rel=1e-6)
    assert {cell.model: len(several) for cell, several in by_start(sweep).items()} == {"pixels": 1, "net": 3}
    assert found["settings"]["starts"] == 3
    assert found["settings"]["trained"] == ["net"]
    assert "--starts 3" in study_command(found["settings"])


def test_the_worst_field_shown_is_the_first_starts(split, tmp_path, monkeypatch):
    monkeypatch.setattr(families, "WORST_EVALUATIONS", 8)
    sweep = Sweep(Stability(split, {"net": small_lenet("net")}, ["worst"], **SMALL, starts=2), tmp_path)
    list(sweep.run())
    records = sweep.records()
    assert worst_fields(sweep) == {"net": records[StabilityCell("net", "worst", 0)]["field"]}
    assert results(sweep)["rows"][0]["n_images"] == 12


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"starts": 0}, "starts must be an int >= 1"),
        ({"starts": 3, "seed": 2**32 - 2}, r"seed must be an int from 0 to 4294967293 with 3 starts"),
    ],
)
def test_impossible_numbers_of_starts(split, more, match):
    with pytest.raises(ValueError, match=match):
        Stability(split, {"pixels": model("pixels")}, ["rotation"], **SMALL, **more)


def test_the_command_takes_starts_and_the_page_says_so(tmp_path, capsys, monkeypatch):
    few = {"pixels": model("pixels"), "lenet": small_lenet()}
    monkeypatch.setattr(cli, "find_models", lambda names, shape: few)
    chosen = ["stability", "--models", "pixels", "lenet", "--families", "rotation", "--images", "12"]
    assert cli.main([*chosen, "--train-size", "60", "--starts", "2", "--out", str(tmp_path)]) == 0
    assert "lenet, rotation, start 1: measured" in capsys.readouterr().out
    page = (tmp_path / "report.html").read_text()
    assert "means over 2 trainings from other start weights" in page
    assert "Not finished" not in page
    with open(tmp_path / "results.csv", newline="") as file:
        assert {line["model"] for line in csv.DictReader(file)} == {"pixels", "lenet"}
