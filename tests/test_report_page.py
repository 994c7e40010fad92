"""The pages of a comparison and of a stability study, read back by a parser."""

import base64
import copy
import json
import sys

import pytest
from reports import (
    MODELS,
    PNG,
    STRENGTHS,
    Parsed,
    make_results,
    make_study,
    printed,
    set_mistakes,
    without_features,
    write_page,
    write_study_page,
)

from kernelconv import report
from kernelconv.report.accuracy_page import compare_command
from kernelconv.report.captions import Caption
from kernelconv.report.page import Page, definitions, save_page
from kernelconv.report.stability_page import study_command
from kernelconv.report.table import Column, Section, Table

EVIL = "<script>alert('&\"')</script>"


@pytest.fixture(scope="module")
def results():
    return make_results()


@pytest.fixture
def figures(tmp_path):
    paths = [tmp_path / f"{name}.png" for name in ("learning_curves", "stability", "tradeoff", "confusion")]
    for path in paths:
        path.write_bytes(PNG)
    return paths


# -- the model of a page -------------------------------------------------------------------------------------------


def small_page(**changes):
    table = Table("First", [Column("a", align="left"), Column("b")], [Section("", [["x", "1"]])])
    last = Table("Last", [Column("a", align="left")], [Section("", [["y"]])])
    about = {"models": [definitions("Models", {"m": "what"})], "environment": [definitions("Machine", {"torch": None})]}
    given = {
        "title": "T",
        "lead": ["one", "two"],
        "tables": [table],
        "protocol": ["how"],
        "command": "run it",
        "files": "cells",
    }
    return Page(**{**given, **about, "version": "0.1", "further": [last], **changes})


def test_a_page_shows_its_parts_in_order(figures, tmp_path):
    shown = [(figures[0], Caption("Figure one", "an alternative", "below it"))]
    save_page(small_page(figures=shown, warning="half of it"), tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    places = [text.index(f">{word}") for word in ("one<", "two<", "half of it", "First", "Figure one", "Last", "how")]
    places += [text.index(word) for word in ("what", "not installed", "run it")]
    assert places == sorted(places)
    assert text.startswith("<!DOCTYPE html>")


def test_a_page_leaves_out_what_it_has_not(tmp_path):
    save_page(small_page(further=[], tables=[]), tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "No cell is finished yet." in text
    assert not [word for word in ("Figures", "Further tables", 'unfinished">') if word in text]


def test_a_picture_is_shown_at_half_its_pixels_for_fine_screens(tmp_path):
    size = (600).to_bytes(4, "big") + (400).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(PNG[:16] + size + PNG[24:])
    save_page(small_page(figures=[(tmp_path / "a.png", Caption("A", "an alternative", ""))]), tmp_path / "page.html")
    (image,) = Parsed((tmp_path / "page.html").read_text(encoding="utf-8")).all("img")
    assert (image["width"], image["height"]) == ("300", "200")


# -- a comparison --------------------------------------------------------------------------------------------------


def test_page_is_balanced_and_needs_nothing_from_outside(results, figures, tmp_path):
    page = write_page(results, tmp_path, figures)
    assert page.all("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    assert [len(page.all(tag)) for tag in ("h1", "main", "script", "link", "a", "iframe")] == [1, 1, 0, 0, 0, 0]
    assert len(page.all("img")) == len(figures) == 4
    for image in page.all("img"):
        kind, data = image["src"].split(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data) == PNG
        assert len(image["alt"]) > 20
    for _, attrs in page.tags:
        assert not any("http" in (value or "") for key, value in attrs.items() if key in ("src", "href", "style"))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not [word for word in ("url(", "@import", "{{", "{%") if word in text]


def test_pages_name_their_headers_and_tables_for_screen_readers(results, tmp_path):
    for page in (write_page(results, tmp_path), write_study_page(make_study(), tmp_path)):
        assert page.all("th")
        assert all(th["scope"] in ("col", "row", "colgroup", "rowgroup") for th in page.all("th"))
        ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
        labels = [attrs["aria-labelledby"] for _, attrs in page.tags if "aria-labelledby" in attrs]
        assert labels == ids
        assert len(set(ids)) == len(ids) >= 5
        assert len(page.all("caption")) == len(page.all("table")) == len(page.tables) >= 4


def test_page_shows_the_numbers_of_summary_rows(results, tmp_path):
    errors, changes = (
        [line for line in table if len(line) == width]
        for table, width in zip(write_page(results, tmp_path).tables[:2], (8, 7), strict=True)
    )
    rows = report.summary_rows(results)
    assert len(errors) == len(changes) == len(rows) == 12
    for line, row in zip(errors, rows, strict=True):
        model, error, draws, images, features, params, seconds, speed = line
        assert [model, features] == [row["model"], f"{row['n_features']:,}"]
        assert [error, draws, images] == [f"{row[key]:.2f}" for key in ("error", "over_draws", "over_images")]
        assert params == ("–" if row["n_params"] is None else f"{row['n_params']:,}")
        assert float(seconds) == pytest.approx(row["fit_seconds"], abs=0.005)
        assert speed == f"{row['images_per_second']:,.0f}"
    for line, row in zip(changes, rows, strict=True):
        assert line[0] == row["model"]
        both = [c["mean"] for m in ("relative_change", "deformation_sensitivity") for c in row[m]]
        assert [float(x) for x in line[1:]] == pytest.approx(both, abs=0.0005)


def test_page_prints_the_best_in_bold(results, tmp_path):
    page = write_page(results, tmp_path)
    n_best = sum(row["best"] for row in report.summary_rows(results))
    assert len(page.all("strong")) == 2 * n_best == 6  # the model and its error


def test_page_tells_protocol_settings_environment_and_command(results, tmp_path):
    text = write_page(results, tmp_path).text
    for words in (
        "Pipeline(steps=[('ckn', None)])",
        "Smooth(cutoff=3)",
        "seeds 0, 1 and 2",
        "1,198 images to train from and 599 to test on",
        "in part after its test figures had been seen",
        "Of models that come from elsewhere (module:name) nothing is known",
        "Parameters: those of the network, heads not counted",
        "picked by the test error itself, among 4 rows",
        "the features of pixels move least by both measures",
        "3.11.7",
        "not installed",
        "kernelconv compare --data digits --models pixels scattering ckn cnn --train-sizes 100 300 1000 --seeds 3",
    ):
        assert words in text
    assert "Not finished" not in text


def test_the_headline_names_both_measures_where_they_disagree(results, tmp_path):
    other = copy.deepcopy(results)
    for record in other["records"]:
        if record["model"] == "ckn":
            record["deformation_sensitivity"] = [{**c, "mean": 1e-4} for c in record["deformation_sensitivity"]]
    assert "pixels move least by relative change, those of ckn by D" in write_page(other, tmp_path).text
    none = copy.deepcopy(results)
    for model in MODELS:
        without_features(none, model)
    page = write_page(none, tmp_path)
    assert "move least" not in page.text
    assert len(page.tables) == 3  # no table of changes


def test_the_headline_names_all_models_that_move_equally_little(results, tmp_path):
    tied = copy.deepcopy(results)
    for one, other in zip(
        *([r for r in tied["records"] if r["model"] == m] for m in ("pixels", "scattering")), strict=True
    ):
        other.update({m: one[m] for m in ("relative_change", "deformation_sensitivity")})
    assert "the features of pixels and scattering move least by both measures" in write_page(tied, tmp_path).text


def test_a_page_says_balanced_of_subsets_alone(results, tmp_path):
    assert "the training images, balanced over the classes and the same" in write_page(results, tmp_path).text
    whole = {**results, "settings": {**results["settings"], "n_train_pool": 1000}}
    assert (
        "balanced over the classes where they are fewer than all 1,000, and the same"
        in write_page(whole, tmp_path).text
    )


def test_labels_are_shown_with_the_names_that_the_command_takes(results, tmp_path):
    settings = {**results["settings"], "labels": {"cnn": "LeNet-5"}}
    page = write_page({**results, "settings": settings}, tmp_path)
    assert [line[0] for line in page.tables[0][3:7]] == ["pixels", "scattering", "ckn", "LeNet-5"]
    assert page.tables[2][3][0] == "LeNet-5 (cnn)"
    assert "--models pixels scattering ckn cnn" in page.text


def test_commands_quote_what_a_shell_would_read(results):
    settings = {**results["settings"], "data": "my images; rm"}
    assert "--data 'my images; rm' --models" in compare_command(settings)
    study = {**make_study()["settings"], "data": "my images; rm"}
    assert study_command(study).endswith("--families smooth translation --images 50 --train-size 100 --seed 0")
    assert study_command({**study, "border": "symmetric"}).endswith("--seed 0 --border symmetric")
    assert "--data 'my images; rm' --models pixels scattering-2 lenet" in study_command(study)


def test_pages_escape_everything(figures, tmp_path):
    results = make_results(models=("ckn", EVIL), sizes=(100,))
    study = make_study(models=("pixels", EVIL))
    study["expectations"][0].update(smaller=EVIL, reason=EVIL)
    study["settings"]["families"]["smooth"]["family"] = EVIL
    results["settings"]["deformation"]["family"] = EVIL
    for found, write, paths in ((results, write_page, figures), (study, write_study_page, ())):
        found["settings"]["data"] = found["settings"]["models"][EVIL] = EVIL
        found["environment"], found["kernelconv"] = {EVIL: EVIL}, EVIL
        page = write(found, tmp_path, paths)
        assert page.all("script") == []
        assert page.text.count(EVIL) >= 8
        assert "<script" not in (tmp_path / "report.html").read_text(encoding="utf-8")
        assert page.all("meta")[-1]["content"] == f"kernelconv {EVIL}"


@pytest.mark.parametrize("n_records", [0, 1, 4, 35])
def test_an_unfinished_comparison_is_reported(results, n_records, tmp_path):
    page = write_page({**results, "records": results["records"][:n_records]}, tmp_path)
    assert f"Not finished: {n_records} of 36 cells" in page.text
    assert (" 1/3" in page.text) == (n_records in (1, 4))
    assert ("No cell is finished yet" in page.text) == (n_records == 0)
    assert report.count_cells({**results, "records": results["records"][:n_records]}) == (n_records, 36)


def test_page_names_a_figure_it_does_not_know(results, tmp_path):
    with pytest.raises(ValueError, match=r"No figure is called 'mine': write_figures makes learning_curves, "):
        write_page(results, tmp_path, [tmp_path / "mine.png"])


def test_a_failure_leaves_the_old_files(results, tmp_path, monkeypatch):
    for name in ("report.html", "results.csv"):
        (tmp_path / name).write_text("old")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    for write, name in ((report.write_page, "report.html"), (report.to_csv, "results.csv")):
        with pytest.raises(OSError, match="disk full"):
            write(results, tmp_path / name)
    with pytest.raises(OSError, match="disk full"):
        report.write_study_page(make_study(), tmp_path / "report.html")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == dict.fromkeys(("report.html", "results.csv"), "old")


def test_pages_have_the_same_bytes_each_time(results, figures, tmp_path):
    write_page(results, tmp_path, figures)
    first = (tmp_path / "report.html").read_bytes()
    write_page(json.loads(json.dumps(results)), tmp_path, figures)
    assert (tmp_path / "report.html").read_bytes() == first


def test_without_matplotlib_everything_else_works(results, tmp_path, monkeypatch):
    assert report.figures_available()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)
    assert not report.figures_available()
    with pytest.raises(ImportError, match=r"Figures need matplotlib: pip install"):
        report.write_figures(results, tmp_path)
    with pytest.raises(ImportError, match=r"Figures need matplotlib: pip install"):
        report.write_study_figures(make_study(), tmp_path, {}, {})
    page = write_page(results, tmp_path)
    assert page.all("img") == []
    assert "Figures" not in page.text
    assert write_study_page(make_study(), tmp_path).tables
    assert "error %" in printed(report.print_table, results)


def test_a_model_without_errors_is_reported(tmp_path):
    results = make_results(models=("ckn",), sizes=(100,))
    for record in results["records"]:
        set_mistakes(record, [])
    assert write_page(results, tmp_path).tables[0][3][1:4] == ["0.00", "0.00", "0.00"]


def test_strengths_of_one_are_shown(tmp_path):
    results = make_results(strengths=(0.3,))
    assert write_page(results, tmp_path).tables[1][1] == ["0.3", "0.3"]
    assert STRENGTHS != (0.3,)
