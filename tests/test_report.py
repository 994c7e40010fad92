"""The numbers of a comparison against hand computation; its tables and csv file; published figures."""

import copy
import csv
import io

import numpy as np
import pytest
from reports import MODELS, N_TEST, STRENGTHS, make_record, make_results, printed, set_mistakes, without_features
from rich.console import Console

from kernelconv import report
from kernelconv.report.accuracy import change_table, error_table
from kernelconv.report.published import ELSEWHERE, best_published, leading_curves, published, sources
from kernelconv.report.summary import compared_rows, label, middle_strength, most_confused


@pytest.fixture(scope="module")
def results():
    return make_results()


# -- numbers -------------------------------------------------------------------------------------------------------


def test_both_standard_errors_by_hand():
    results = make_results(models=("ckn",), sizes=(100,), seeds=(0, 1))
    results["settings"]["n_test"] = 50
    for record, wrong in zip(results["records"], ([3], [3, 8, 9]), strict=True):
        record["n_test"] = 50
        set_mistakes(record, [(k, 0, 1) for k in wrong])
    (row,) = report.summary_rows(results)
    assert row["error"] == pytest.approx(4.0, rel=1e-12)  # of 2 and 6 %
    # deviations -2 and 2: sum of squares 8, over n - 1 = 1, over n = 2
    assert row["over_draws"] == pytest.approx(4**0.5, rel=1e-12)
    # mean losses: 1 of image 3, 1/2 of images 8 and 9; mean 2/50, mean of squares 1.5/50
    assert row["over_images"] == pytest.approx(100 * ((1.5 / 50 - (2 / 50) ** 2) / 50) ** 0.5, rel=1e-12)
    assert row["n_seeds"] == 2


def test_one_seed_has_no_error_over_draws_and_a_binomial_one_over_images():
    results = make_results(models=("ckn",), sizes=(100,), seeds=(0,))
    (record,), results["settings"]["n_test"] = results["records"], 900
    record["n_test"] = 900
    set_mistakes(record, [(k, 0, 1) for k in range(90)])
    (row,) = report.summary_rows(results)
    assert row["over_draws"] is None
    assert row["over_images"] == pytest.approx(1.0, rel=1e-12)  # sqrt(0.1 * 0.9 / 900) = 0.01


def test_rows_are_medians_and_means_over_seeds(results):
    rows = report.summary_rows(results)
    assert [(r["train_size"], r["model"]) for r in rows] == [(n, m) for n in (100, 300, 1000) for m in MODELS]
    row = rows[6]  # ckn with 300 images
    records = [r for r in results["records"] if (r["train_size"], r["model"]) == (300, "ckn")]
    assert len({r["fit_seconds"] for r in records}) == 3
    assert row["fit_seconds"] == np.median([r["fit_seconds"] for r in records])
    assert row["images_per_second"] == np.median([N_TEST / r["predict_seconds"] for r in records])
    for measure in ("relative_change", "deformation_sensitivity"):
        for k, change in enumerate(row[measure]):
            assert change["strength"] == STRENGTHS[k]
            for key in ("mean", "low", "high"):
                expected = np.mean([r[measure][k][key] for r in records])
                assert change[key] == pytest.approx(expected, rel=1e-12)
    assert (row["n_features"], row["n_params"], rows[4]["n_params"]) == (192, 24690, None)


def test_best_is_the_lowest_error_of_each_size_and_ties_share_it(results):
    for size in (100, 300, 1000):
        group = [r for r in report.summary_rows(results) if r["train_size"] == size]
        assert [r["best"] for r in group] == [r["error"] == min(x["error"] for x in group) for r in group]
    tied = make_results(models=("a", "b", "c"), sizes=(100,))
    for record, wrong in zip(tied["records"], (5, 6, 21, 5, 9, 18, 30, 30, 30), strict=True):
        # 32 mistakes twice, but the two means differ in their last bit
        set_mistakes(record, [(k, 0, 1) for k in range(wrong)])
    assert [r["best"] for r in report.summary_rows(tied)] == [True, True, False]


def test_a_row_on_fewer_test_images_is_marked_and_never_best():
    results = make_results(models=("exact", "ckn"), sizes=(100,), seeds=(0,))
    exact = results["records"][0]
    exact.update(n_test=200, note="the first 200 test images, which are harder")
    set_mistakes(exact, [])
    first, second = report.summary_rows(results)
    assert (first["error"], first["best"], second["best"]) == (0.0, False, True)
    table = error_table(results)
    assert table.sections[0].entries()[0][0].mark == " (200 test images)"
    assert "exact: the first 200 test images, which are harder" in table.notes
    assert "(200 test images)" in printed(report.print_table, results, 100)
    results["records"] = [exact]
    assert not report.summary_rows(results)[0]["best"]


def test_middle_strength_does_not_depend_on_the_order():
    assert middle_strength(make_results(strengths=(0.4, 0.1, 0.2))) == 0.2
    assert middle_strength(make_results(strengths=(0.3,))) == 0.3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "other"}, r"record of model='other', train_size=100, seed=0.*do not announce"),
        ({"seed": 1}, "two records of model='pixels', train_size=100, seed=1"),
        (
            {"test_error": 0.5},
            r"seed=0 has a test error of 0\.5 on 599 images, and \d+ mistakes: it was edited",
        ),
        ({"n_test": 300, "test_error": 0.0, "mistakes": []}, "train_size=100, seed=1 was tested on other images"),
        ({"relative_change": [{"strength": 0.3}]}, r"no relative change at strength 0\.1, only 0\.3"),
        ({"deformation_sensitivity": []}, r"no deformation sensitivity at strength 0\.1, only none"),
    ],
    ids=str,
)
def test_a_record_that_cannot_be_is_an_error(results, change, words):
    wrong = copy.deepcopy(results)
    wrong["records"][0].update(change)
    with pytest.raises(ValueError, match=words):
        report.summary_rows(wrong)


def test_compared_rows_are_of_the_largest_size_with_the_most_models(results):
    assert {r["train_size"] for r in compared_rows(report.summary_rows(results))} == {1000}
    unfinished = {**results, "records": results["records"][:-3]}  # no cnn with 1,000 images
    assert {r["train_size"] for r in compared_rows(report.summary_rows(unfinished))} == {300}
    assert compared_rows([]) == []


def test_most_confused_pairs_by_hand():
    first = [[0, 0, 1], [1, 1, 2], [2, 1, 2]]
    second = [[k, 1, 2] for k in range(5)] + [[9, 2, 0]]
    records = [{"mistakes": first}, {"mistakes": second}]
    classes = ["a", "b", "c"]
    assert most_confused(records, classes, 8) == [("b", "c", 3.5), ("a", "b", 0.5), ("c", "a", 0.5)]
    assert most_confused(records, classes, 1) == [("b", "c", 3.5)]
    assert most_confused([{"mistakes": []}], classes, 8) == []


def test_labels_stand_for_names_and_stay_apart():
    settings = {"models": dict.fromkeys("abc", ""), "labels": {"a": "Same", "b": "Same"}}
    assert [label(settings, m) for m in "abc"] == ["Same (a)", "Same (b)", "c"]
    assert label({"models": {"a": ""}}, "a") == "a"


# -- tables and csv ------------------------------------------------------------------------------------------------


def test_terminal_shows_every_row_within_80_columns(results):
    text = printed(report.print_table, results)
    assert max(map(len, text.splitlines())) <= 80
    lines = [line.split() for line in text.splitlines() if line.split()[:1] and line.split()[0] in MODELS]
    for cells, row in zip(lines, report.summary_rows(results), strict=True):
        assert cells[0] == row["model"]
        assert cells[1:4] == [f"{row[key]:.2f}" for key in ("error", "over_draws", "over_images")]
        assert float(cells[4]) == pytest.approx(row["fit_seconds"], abs=0.005)
        assert cells[5:7] == [f"{row['images_per_second']:,.0f}", f"{row['relative_change'][1]['mean']:.3f}"]
        assert float(cells[7]) == pytest.approx(row["deformation_sensitivity"][1]["mean"], abs=0.0005)
    assert "Not finished" not in text


def test_terminal_prints_the_best_in_bold(results):
    console = Console(width=80, file=io.StringIO(), force_terminal=True, color_system="standard")
    report.print_table(results, console)
    best = [row for row in report.summary_rows(results) if row["best"]]
    bold = [line for line in console.file.getvalue().splitlines()[3:] if "\x1b[1m" in line]
    assert len(bold) == len(best) == 3
    for line, row in zip(bold, best, strict=True):
        assert line.count("\x1b[1m") == 2  # the model and its error
        assert f"{row['error']:.2f}" in line


def test_terminal_of_an_unfinished_comparison_says_so(results):
    text = printed(report.print_table, {**results, "records": results["records"][:4]})
    assert "Not finished: 4 of 36 cells" in text
    assert "scattering 1/3" in text
    assert "n/3 beside a model: n of 3 seeds" in text
    assert "ckn" not in text
    assert "0 of 36" in printed(report.print_table, {**results, "records": []})


def test_a_model_that_has_fewer_cells_by_its_nature_leaves_nothing_unfinished(results):
    settings = {**results["settings"], "n_cells": 35}
    text = printed(report.print_table, {**results, "settings": settings, "records": results["records"][:-1]})
    assert "Not finished" not in text
    assert "cnn 2/3" in text


def test_a_model_without_features_has_dashes_and_no_row_among_changes():
    results = without_features(make_results(models=("exact", "ckn"), sizes=(100,)), "exact")
    (line,) = [x for x in printed(report.print_table, results).splitlines() if x.startswith("exact")]
    assert line.split()[-2:] == ["–", "–"]
    assert [row[0].text for s in change_table(results).sections for row in s.entries()] == ["ckn"]
    assert [e.text for e in error_table(results).sections[0].entries()[0][4:6]] == ["–", "–"]
    half = make_results(models=("ckn",), sizes=(100,))
    for record in half["records"]:
        record["deformation_sensitivity"] = None
    ((row,),) = [s.entries() for s in change_table(half).sections]
    assert [entry.text == "–" for entry in row] == [False, *[False] * 3, *[True] * 3]


def test_names_of_nine_models_fold_and_numbers_stay_whole(results):
    models = [f"scattering-ckn+gaussian-{k}" for k in range(9)]
    many = make_results(models=models, sizes=(300,))
    text = printed(report.print_table, many)
    assert max(map(len, text.splitlines())) <= 80
    for row in report.summary_rows(many):
        assert f"{row['images_per_second']:,.0f} " in text
        assert f"{row['over_images']:.2f} " in text
    assert "…" not in text


def test_csv_round_trip(results, tmp_path):
    some = without_features(copy.deepcopy(results), "pixels")
    report.to_csv(some, tmp_path / "results.csv")
    with open(tmp_path / "results.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(some["records"]) == 36
    for line, record in zip(lines, some["records"], strict=True):
        assert line["model"] == record["model"]
        for key in ("n_params", "n_features"):
            assert line[key] == ("" if record[key] is None else str(record[key]))
        for key in ("train_size", "seed", "test_error", "n_test", "fit_seconds", "predict_seconds"):
            assert float(line[key]) == record[key]
        for measure in ("relative_change", "deformation_sensitivity"):
            got = [line[f"{measure}_{s}{end}"] for s in STRENGTHS for end in ("", "_low", "_high")]
            wanted = [c[key] for c in record[measure] or [] for key in ("mean", "low", "high")]
            assert [float(g) for g in got if g] == wanted
            assert len(got) == 9


def test_csv_keeps_names_with_commas_quotes_and_lines(tmp_path):
    name = 'a,"b"\nc'
    report.to_csv(make_results(models=(name,), sizes=(100,), seeds=(0,)), tmp_path / "results.csv")
    with open(tmp_path / "results.csv", newline="", encoding="utf-8") as file:
        assert [line["model"] for line in csv.DictReader(file)] == [name]


def test_records_made_for_these_tests_are_as_in_truth():
    record = make_record(np.random.default_rng(0), 3, "m", 100, 0, 10, STRENGTHS)
    assert all(true != predicted for _, true, predicted in record["mistakes"])
    assert len({k for k, *_ in record["mistakes"]}) == len(record["mistakes"]) > 50


# -- published figures ---------------------------------------------------------------------------------------------


def test_the_best_of_these_papers_leaves_out_what_exists_elsewhere():
    elsewhere = [p for p in published("mnist") if p.family == ELSEWHERE]
    assert {p.size for p in elsewhere} == {60000}
    assert min(p.error for p in elsewhere) < best_published("mnist")[60000].error == 0.39
    assert not {p.method for p in elsewhere} & {p.method for p in leading_curves("mnist")}
    assert {p.mark for p in elsewhere if p.checked == "recalled"} == {"*"}
    assert {p.mark for p in published("mnist") if p.checked == "read"} == {""}


def test_the_source_of_a_figure_is_that_of_its_size():
    (last,) = [p for p in published("mnist") if p.method == "ConvNet" and p.size == 60000]
    assert last.source.startswith("Jarrett, Kavukcuoglu, Ranzato & LeCun (2009)")
    assert last.error == 0.53
    found = sources(published("mnist"))["ConvNet"]
    assert found.startswith("at 300, 1,000, 2,000, 5,000, 10,000, 20,000, 40,000: Ranzato, Huang")
    assert "; at 60,000: Jarrett" in found
    assert sources(published("mnist"))["CKN-GM2"].startswith("Mairal, Koniusz")
