"""A stability study on the terminal, as csv, in figures and on its page."""

import numpy as np
from reports import PNG, make_study, printed, write_study_page

from kernelconv import report
from kernelconv.report import charts
from kernelconv.report.stability import shown_strength, study_rows


def test_study_tables_show_what_was_measured():
    study = make_study()
    assert shown_strength(study, "smooth") == 0.1
    rows = study_rows(study, "translation", 0.1)
    assert [r["model"] for r in rows] == ["pixels", "scattering-2", "lenet"]
    text = printed(report.print_study, study)
    assert max(map(len, text.splitlines())) <= 80
    lines = [line.split() for line in text.splitlines() if line.startswith(("pixels", "scattering-2", "LeNet-5"))]
    assert len(lines) == 6
    for cells, row in zip(lines[3:], rows, strict=True):
        means = [row["measures"][m][0] for m in ("relative_change", "deformation_sensitivity", "relative_stability")]
        assert cells[1] == ("–" if row["model"] == "lenet" else "0.875")
        assert [cells[2], *cells[4:6]] == [f"{m:.{d}f}" for m, d in zip(means, (3, 4, 3), strict=True)]
        assert cells[3] == "±0.030"  # half of the interval
        assert cells[6] == f"{row['measures']['accuracy'][0]:.3f}"


def test_study_page_shows_a_table_a_family_and_theory_after_the_figures(tmp_path):
    curves = tmp_path / "curves-smooth.png"
    curves.write_bytes(PNG)
    page = write_study_page(make_study(), tmp_path, [curves])
    assert [table[0][0] for table in page.tables] == ["Model", "Model", "Expected", "pixels", "kernelconv"]
    heads = ["Model", "Features", "Clean accuracy", "Change", "Change / s", "D", "R white", "Accuracy"]
    assert page.tables[0][0] == heads
    assert page.tables[0][3][:3] == ["LeNet-5", "–", "–"]
    assert page.tables[2][1][:2] == ["scattering-2 below pixels", "Change"]
    assert page.tables[2][1][3:6] == ["-0.200", "-0.300 to -0.100", "yes"]
    assert page.tables[3][2] == ["LeNet-5 (lenet)", "what lenet is"]
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.index("<img") < text.index("What theory expects") < text.index('id="protocol"')


def test_features_that_do_not_change_are_drawn_and_said():
    study = make_study()
    for row in study["rows"]:
        if (row["model"], row["measure"]) == ("pixels", "relative_stability"):
            row.update(mean=0.0, low=0.0)
    rows = [row for row in study["rows"] if row["family"] == "smooth"]
    figure = charts.curves(rows, dict.fromkeys(study["settings"]["models"], ""), "s")
    (scale,) = (ax.get_yscale() for ax in figure.axes if ax.get_title().startswith("R,"))
    assert scale == "linear"


def test_a_study_page_says_which_images_it_took(tmp_path):
    study = make_study()
    text = write_study_page(study, tmp_path).text
    assert "The first 50 test images that are not black are measured" in text
    assert "100 class-balanced training images (seed 0) and nothing else" in text
    study["settings"]["n_train_pool"] = 100
    assert "see all 100 training images and nothing else" in write_study_page(study, tmp_path).text


def test_an_unfinished_study_says_so_and_an_unmeasured_family_has_no_table(tmp_path):
    study = make_study()
    study["rows"] = [r for r in study["rows"] if r["family"] == "smooth"]
    study["cells"], study["expectations"] = [c for c in study["cells"] if c[1] == "smooth"], []
    page = write_study_page(study, tmp_path)
    assert "Not finished: 3 of 6 cells." in page.text
    assert len(page.tables) == 3
    assert "What theory expects" not in page.text
    assert "Translation()" not in printed(report.print_study, study)


def test_of_one_strength_it_is_shown_and_the_unit_is_on_the_axis(tmp_path, monkeypatch):
    study = make_study()
    study["settings"]["families"]["smooth"]["strengths"] = [0.05]
    assert shown_strength(study, "smooth") == 0.05
    for row in study["rows"]:
        row["unit"] = "px" if row["family"] == "translation" else ""
    axes, draw = [], charts.curves
    monkeypatch.setattr(charts, "curves", lambda *given: axes.append(given[2]) or draw(*given))
    monkeypatch.setattr(charts, "save_figure", lambda figure, path: path)
    shown = {"strengths": [0.05], "images": np.random.default_rng(0).random((1, 2, 8, 8))}
    found = report.write_study_figures(study, tmp_path, {"smooth": shown, "translation": shown, "shear": shown}, {})
    assert axes == ["Jacobian norm", "shift, px"]
    assert [path.stem for path in found][-1] == "deformed-shear"  # not measured yet: images and no curves
    assert len(found) == 5


def test_the_wide_table_has_half_of_every_interval_and_the_sensitivity_a_digit_more(tmp_path):
    study = make_study()
    cells = write_study_page(study, tmp_path).tables[0][1]
    measures = study_rows(study, "smooth", 0.1)[0]["measures"]
    names = ["relative_change", "lipschitz_ratio", "deformation_sensitivity", "relative_stability", "accuracy"]
    assert cells[3:] == [
        f"{measures[m][0]:.{d}f} ±{(measures[m][2] - measures[m][1]) / 2:.{d}f}"
        for m, d in zip(names, (3, 3, 4, 3, 3), strict=True)
    ]
    assert cells[1:3] == ["64", "0.875"]


def test_a_family_with_measures_of_its_own_shows_them():
    study = make_study(families=("worst",))
    for row in study["rows"]:
        row["measure"] = "worst_" + row["measure"]
    assert "Worst relative change" in printed(report.print_study, study, 200)


def test_corruptions_are_one_table_by_severity_whatever_they_are_called(tmp_path):
    study = make_study(families=("shear",), models=("pixels", "lenet"))
    before = printed(report.print_study, study)
    study["settings"]["families"]["corruptions"] = {"family": "corruptions, by severity", "strengths": [1.0, 3.0]}
    same = {"low": 0, "high": 1, "unit": "severity", "n_images": 50, "n_draws": 1}
    for kind, mean in (("shear", 0.2), ("contrast", 0.4)):
        for measure, more in (("relative_change", 0), ("accuracy", 0.5)):
            where = {"model": "pixels", "family": f"corruptions: {kind}", "strength": 3.0, "measure": measure}
            study["rows"].append({**where, **same, "mean": mean + more})
    page = write_study_page(study, tmp_path)
    assert page.tables[1][-1] == ["pixels", "–", "0.300", "–", "0.800"]
    assert "Corruptions, by severity: means over 2 kinds" in page.text
    shown = printed(report.print_study, study)
    assert max(map(len, shown.splitlines())) <= 80
    assert "means over 2 kinds" in " ".join(shown.split())
    assert before.splitlines()[:5] == shown.splitlines()[:5]  # the family "shear" is left alone


def test_every_column_is_explained_below_the_tables(tmp_path):
    study = make_study()
    texts = [printed(report.print_study, study, 200), write_study_page(study, tmp_path).text]
    for text in (" ".join(text.split()) for text in texts):  # some blanks of the page do not break
        for words in (
            "/ s: over the strength",
            "R: D over the same under noise",
            "accuracy: of the linear head, clean:",
        ):
            assert text.count(words) == 1


def test_study_csv_round_trip(tmp_path):
    study = make_study()
    report.study_csv(study, tmp_path / "results.csv")
    lines = (tmp_path / "results.csv").read_text().splitlines()
    assert lines[0] == "model,family,strength,unit,measure,mean,low,high,n_images,n_draws"
    assert len(lines) == 1 + len(study["rows"])
    assert float(lines[1].split(",")[5]) == study["rows"][0]["mean"]


def test_study_figures_and_their_captions(tmp_path):
    study, rng = make_study(), np.random.default_rng(0)
    examples = {f: {"strengths": [0.05, 0.1], "images": rng.random((2, 3, 8, 8))} for f in ("smooth", "translation")}
    tau = rng.normal(size=(8, 8, 2))
    worst = {"lenet": {"image": rng.random((8, 8)), "warped": rng.random((8, 8)), "tau": tau, "change": 0.5}}
    paths = report.write_study_figures(study, tmp_path, examples, worst)
    names = ["curves-smooth", "deformed-smooth", "curves-translation", "deformed-translation", "worst-fields"]
    assert [p.stem for p in paths] == names
    assert len(write_study_page(study, tmp_path, paths).all("img")) == 5
    figure = charts.curves(study["rows"][:30], {"pixels": "pixels", "lenet": "LeNet-5"}, "Jacobian norm")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["pixels", "LeNet-5"]
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["relative change", "sensitivity D", "R, white noise", "accuracy of the head"]
    odd = [row for row in study["rows"][:30] if row["measure"] != "accuracy"]
    figure = charts.curves(odd, {"pixels": "pixels", "lenet": "LeNet-5"}, "Jacobian norm")
    assert [axes.axison for axes in figure.axes] == [True, True, True, False]
