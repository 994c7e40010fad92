"""The report: numbers against hand computation, the page against a parser, the csv file against the csv module."""

import base64
import copy
import csv
import io
import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from kernelconv import report
from kernelconv.report.captions import caption
from kernelconv.report.charts import N_CONFUSIONS, learning_curves, model_styles
from kernelconv.report.page import compare_command
from kernelconv.report.summary import compared_rows, middle_strength, most_confused

MODELS = ("pixels", "scattering", "ckn", "cnn")
FIGURES = ["learning_curves.png", "stability.png", "tradeoff.png", "confusion.png"]
STRENGTHS = (0.1, 0.2, 0.4)


def make_record(rng, k, model, size, seed, n_classes, strengths):
    """One record with numbers that differ from all others and, as in truth, an error that is its confusions'."""
    wrong = rng.poisson(30 * (k + 1) / size, (n_classes, n_classes)) * (1 - np.eye(n_classes, dtype=int))
    confusion = wrong + np.diag(np.maximum(60 - wrong.sum(axis=1), 1))
    changes = [(k + 1) * s * rng.uniform(0.2, 0.22) for s in strengths]
    return {
        "model": model,
        "train_size": size,
        "seed": seed,
        "test_error": float(1 - np.trace(confusion) / confusion.sum()),
        "n_features": 64 * (k + 1),
        "n_params": None if k < 2 else 12345 * k,
        "fit_seconds": float((k + 0.5) * size / 100 * rng.uniform(1, 1.2)),
        "images_per_second": float(rng.uniform(1000, 9000)),
        "relative_change": [
            {"strength": s, "mean": c, "low": 0.95 * c, "high": 1.05 * c}
            for s, c in zip(strengths, changes, strict=True)
        ],
        "confusion": confusion.tolist(),
    }


def make_results(models=MODELS, sizes=(100, 300, 1000), seeds=(0, 1, 2), n_classes=10, strengths=STRENGTHS):
    rng = np.random.default_rng(0)
    settings = {
        "data": "digits",
        "models": {m: f"Pipeline(steps=[('{m}', None)])" for m in models},
        "train_sizes": list(sizes),
        "seeds": list(seeds),
        "n_train_pool": 1198,
        "n_test": 599,
        "image_shape": [8, 8, 1],
        "classes": [str(c) for c in range(n_classes)],
        "deformation": {"family": "Smooth(cutoff=3)", "strengths": list(strengths), "n_images": 200, "seed": 0},
    }
    records = [
        make_record(rng, k, m, size, seed, n_classes, strengths)
        for size in sizes
        for k, m in enumerate(models)
        for seed in seeds
    ]
    environment = {"python": "3.11.7", "numpy": "2.4.6", "torch": None, "cores": 2}
    results = {"kernelconv": "0.1.0", "settings": settings, "environment": environment, "records": records}
    return json.loads(json.dumps(results))  # what is read back from results.json


@pytest.fixture(scope="module")
def results():
    return make_results()


@pytest.fixture(scope="module")
def figures(results, tmp_path_factory):
    images = {"strengths": STRENGTHS, "images": np.random.default_rng(0).random((3, 4, 8, 8))}
    return report.write_figures(results, tmp_path_factory.mktemp("figures"), images)


class Page(HTMLParser):
    """Parses a page strictly: every element that is opened is closed, in order."""

    VOID = frozenset({"meta", "img", "br", "hr", "link", "input"})

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.tables, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("th", "td"):
            self.tables[-1][-1].append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data
        if "th" in self.open or "td" in self.open:
            self.tables[-1][-1][-1] += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def write_page(results, folder, figures=()):
    report.write_page(results, folder / "report.html", figures)
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def printed(results, width=80):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    report.print_table(results, console)
    return console.file.getvalue()


# -- numbers -------------------------------------------------------------------------------------------------------


def test_standard_error_over_seeds_by_hand():
    results = make_results(models=("ckn",), sizes=(100,))
    for record, error in zip(results["records"], (0.02, 0.03, 0.07), strict=True):
        record["test_error"] = error
    (row,) = report.summary_rows(results)
    # deviations -2, -1, 3 (%): sum of squares 14, over n - 1 = 2 is 7, standard error sqrt(7 / 3)
    assert row["error"] == pytest.approx(4.0, rel=1e-12)
    assert row["standard_error"] == pytest.approx((7 / 3) ** 0.5, rel=1e-12)
    assert row["standard_error_of"] == "seeds"
    assert row["n_seeds"] == 3


def test_standard_error_of_one_seed_is_binomial():
    results = make_results(models=("ckn",), sizes=(100,), seeds=(0,))
    results["records"][0]["test_error"] = 0.1
    results["settings"]["n_test"] = 900
    (row,) = report.summary_rows(results)
    assert row["standard_error"] == pytest.approx(1.0, rel=1e-12)  # sqrt(0.1 * 0.9 / 900) = 0.01
    assert row["standard_error_of"] == "test images"


def test_rows_are_medians_and_means_over_seeds(results):
    rows = report.summary_rows(results)
    assert [(r["train_size"], r["model"]) for r in rows] == [(n, m) for n in (100, 300, 1000) for m in MODELS]
    row = rows[6]  # ckn with 300 images
    records = [r for r in results["records"] if (r["train_size"], r["model"]) == (300, "ckn")]
    assert len({r["fit_seconds"] for r in records}) == 3
    for key in ("fit_seconds", "images_per_second"):
        assert row[key] == np.median([r[key] for r in records])
    for k, change in enumerate(row["relative_change"]):
        assert change["strength"] == STRENGTHS[k]
        for key in ("mean", "low", "high"):
            expected = np.mean([r["relative_change"][k][key] for r in records])
            assert change[key] == pytest.approx(expected, rel=1e-12)
    assert (row["n_features"], row["n_params"], rows[4]["n_params"]) == (192, 24690, None)


def test_best_is_the_lowest_error_of_each_size_and_ties_share_it(results):
    for size in (100, 300, 1000):
        group = [r for r in report.summary_rows(results) if r["train_size"] == size]
        assert [r["best"] for r in group] == [r["error"] == min(x["error"] for x in group) for r in group]
    tied = make_results(models=("a", "b", "c"), sizes=(100,))
    for record, wrong in zip(tied["records"], (5, 6, 21, 5, 9, 18, 30, 30, 30), strict=True):
        record["test_error"] = wrong / 599  # 32 mistakes twice, but the two means differ in their last bit
    assert [r["best"] for r in report.summary_rows(tied)] == [True, True, False]


def test_middle_strength_does_not_depend_on_the_order():
    assert middle_strength(make_results(strengths=(0.4, 0.1, 0.2))) == 0.2
    assert middle_strength(make_results(strengths=(0.3,))) == 0.3


def test_a_record_outside_of_the_settings_is_an_error(results):
    stray = copy.deepcopy(results)
    stray["records"][0]["model"] = "other"
    with pytest.raises(ValueError, match=r"record of model='other', train_size=100, seed=0.*do not announce"):
        report.summary_rows(stray)
    twice = copy.deepcopy(results)
    twice["records"].append(twice["records"][0])
    with pytest.raises(ValueError, match=r"two records of model='pixels', train_size=100, seed=0"):
        report.summary_rows(twice)
    other = copy.deepcopy(results)
    other["settings"]["deformation"]["strengths"] = [0.25]
    with pytest.raises(ValueError, match=r"no relative change at strength 0\.25, only 0\.1, 0\.2, 0\.4"):
        report.summary_rows(other)


def test_compared_rows_are_of_the_largest_size_with_the_most_models(results):
    assert {r["train_size"] for r in compared_rows(report.summary_rows(results))} == {1000}
    unfinished = copy.deepcopy(results)
    unfinished["records"] = unfinished["records"][:-3]  # no cnn with 1,000 images
    assert {r["train_size"] for r in compared_rows(report.summary_rows(unfinished))} == {300}
    assert compared_rows([]) == []


def test_most_confused_pairs_by_hand():
    results = make_results(models=("ckn",), sizes=(100,), seeds=(0, 1), n_classes=3)
    results["records"][0]["confusion"] = [[9, 1, 0], [0, 8, 2], [0, 0, 9]]
    results["records"][1]["confusion"] = [[9, 0, 0], [0, 5, 5], [1, 0, 8]]
    (row,) = report.summary_rows(results)
    assert most_confused(results, row, 8) == [(1, 2, 3.5), (0, 1, 0.5), (2, 0, 0.5)]
    assert most_confused(results, row, 1) == [(1, 2, 3.5)]


# -- terminal and csv ----------------------------------------------------------------------------------------------


def test_table_shows_every_row_within_80_columns(results):
    text = printed(results)
    assert max(map(len, text.splitlines())) <= 80
    for row in report.summary_rows(results):
        line = next(x for x in text.splitlines() if row["model"] in x and f"{row['error']:.2f} ±" in x)
        cells = line.split()
        assert f"{row['standard_error']:.2f}" in cells
        assert f"{row['n_features']:,}" in cells
        assert f"{row['images_per_second']:,.0f}" in cells
        assert f"{row['relative_change'][1]['mean']:.3f}" == cells[-1]
    assert "standard error over seeds" in text
    assert "Not finished" not in text


def test_table_prints_the_best_in_bold(results):
    console = Console(width=80, file=io.StringIO(), force_terminal=True, color_system="standard")
    report.print_table(results, console)
    bold = [line for line in console.file.getvalue().splitlines() if "\x1b[1m" in line and "±" in line]
    best = [f"{row['error']:.2f} ±" for row in report.summary_rows(results) if row["best"]]
    assert len(bold) == len(best) == 3
    assert all(error in line for error, line in zip(best, bold, strict=True))
    assert all(line.count("\x1b[1m") == 2 for line in bold)  # the model and its error


def test_table_of_an_unfinished_comparison_says_so(results):
    part = {**results, "records": results["records"][:4]}
    text = printed(part)
    assert "Not finished: 4 of 36 cells" in text
    assert "scattering 1/3" in text
    assert "over seeds or test images" in text
    assert "ckn" not in text
    assert "0 of 36" in printed({**results, "records": []})


def test_table_reads_no_markup_in_names():
    assert "[red]x[/red]" in printed(make_results(models=("[red]x[/red]", "b"), sizes=(100,)), width=120)


def test_csv_round_trip(results, tmp_path):
    report.to_csv(results, tmp_path / "results.csv")
    with open(tmp_path / "results.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(results["records"]) == 36
    for line, record in zip(lines, results["records"], strict=True):
        assert line["model"] == record["model"]
        assert line["n_params"] == ("" if record["n_params"] is None else str(record["n_params"]))
        for key in ("train_size", "seed", "test_error", "n_features", "fit_seconds", "images_per_second"):
            assert float(line[key]) == record[key]
        for change in record["relative_change"]:
            column = f"relative_change_{change['strength']}"
            got = [float(line[column + end]) for end in ("", "_low", "_high")]
            assert got == [change["mean"], change["low"], change["high"]]


def test_csv_keeps_names_with_commas_quotes_and_lines(tmp_path):
    name = 'a,"b"\nc'
    report.to_csv(make_results(models=(name,), sizes=(100,), seeds=(0,)), tmp_path / "results.csv")
    with open(tmp_path / "results.csv", newline="", encoding="utf-8") as file:
        assert [line["model"] for line in csv.DictReader(file)] == [name]


# -- page ----------------------------------------------------------------------------------------------------------


def test_page_is_balanced_and_needs_nothing_from_outside(results, figures, tmp_path):
    page = write_page(results, tmp_path, figures)
    assert page.all("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    assert [len(page.all(tag)) for tag in ("h1", "main", "script", "link", "a", "iframe")] == [1, 1, 0, 0, 0, 0]
    assert len(page.all("img")) == len(figures) == 5
    for image, path in zip(page.all("img"), figures, strict=True):
        kind, data = image["src"].split(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data) == path.read_bytes()
        assert len(image["alt"]) > 20
    for _, attrs in page.tags:
        assert not any("http" in (value or "") for key, value in attrs.items() if key in ("src", "href", "style"))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "url(" not in text
    assert "@import" not in text
    assert "$" not in text  # every place of the template is filled


def test_page_names_its_headers_for_screen_readers(results, tmp_path):
    page = write_page(results, tmp_path)
    assert page.all("th")
    assert all(th["scope"] in ("col", "row", "colgroup", "rowgroup") for th in page.all("th"))
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    labels = {attrs["aria-labelledby"] for _, attrs in page.tags if "aria-labelledby" in attrs}
    assert labels == ids != set()


def test_page_shows_the_numbers_of_summary_rows(results, tmp_path):
    lines = [line for line in write_page(results, tmp_path).tables[0] if len(line) == 10]
    rows = report.summary_rows(results)
    assert len(lines) == len(rows) == 12
    for line, row in zip(lines, rows, strict=True):
        model, error, spread, features, params, seconds, speed, *changes = line
        assert model == row["model"]
        assert error == f"{row['error']:.2f}"
        assert spread == f"± {row['standard_error']:.2f}"
        assert features == f"{row['n_features']:,}"
        assert params == ("–" if row["n_params"] is None else f"{row['n_params']:,}")
        assert float(seconds) == pytest.approx(row["fit_seconds"], abs=0.005)
        assert speed == f"{row['images_per_second']:,.0f}"
        assert changes == [f"{c['mean']:.3f}" for c in row["relative_change"]]


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
        "Nothing was tuned on the test images",
        "3.11.7",
        "not installed",
        "kernelconv compare --data digits --models pixels scattering ckn cnn --train-sizes 100 300 1000 --seeds 3",
    ):
        assert words in text
    assert "Not finished" not in text


def test_command_quotes_what_a_shell_would_read(results):
    settings = {**results["settings"], "data": "my images; rm"}
    assert "--data 'my images; rm' --models" in compare_command(settings)


def test_page_escapes_everything(tmp_path):
    evil = "<script>alert('&\"')</script>"
    results = make_results(models=("ckn", evil), sizes=(100,))
    settings = results["settings"]
    settings["models"]["ckn"] = settings["data"] = settings["deformation"]["family"] = evil
    results["environment"] = {evil: evil}
    results["kernelconv"] = evil
    paths = report.write_figures(results, tmp_path)
    page = write_page(results, tmp_path, paths)
    assert page.all("script") == []
    assert evil in page.tables[0][4][0]  # read back as text
    assert "<script" not in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.all("meta")[-1]["content"] == f"kernelconv {evil}"


@pytest.mark.parametrize("n_records", [0, 1, 4, 35])
def test_an_unfinished_comparison_is_reported(results, n_records, tmp_path):
    part = {**results, "records": results["records"][:n_records]}
    paths = report.write_figures(part, tmp_path)
    page = write_page(part, tmp_path, paths)
    report.to_csv(part, tmp_path / "results.csv")
    assert f"Not finished: {n_records} of 36 cells" in page.text
    assert len(page.all("img")) == (4 if n_records else 0)
    assert ("1 of 3 seeds" in page.text) == (n_records in (1, 4))
    assert report.count_cells(part) == (n_records, 36)


def test_page_names_a_figure_it_does_not_know(results, tmp_path):
    with pytest.raises(ValueError, match=r"No figure is called 'mine': write_figures makes learning_curves, "):
        write_page(results, tmp_path, [tmp_path / "mine.png"])


def test_a_failure_leaves_the_old_files(results, tmp_path, monkeypatch):
    for name in ("report.html", "results.csv", "stability.png"):
        (tmp_path / name).write_text("old")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        report.write_page(results, tmp_path / "report.html")
    with pytest.raises(OSError, match="disk full"):
        report.to_csv(results, tmp_path / "results.csv")
    with pytest.raises(OSError, match="disk full"):
        report.write_figures(results, tmp_path)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == dict.fromkeys(
        ("report.html", "results.csv", "stability.png"), "old"
    )
    monkeypatch.undo()
    report.to_csv(results, tmp_path / "results.csv")
    assert (tmp_path / "results.csv").read_text() != "old"


# -- figures -------------------------------------------------------------------------------------------------------


def pixels_of(path):
    from matplotlib.image import imread

    return imread(path)[..., :3]


def test_figures_are_pictures_of_something(figures):
    assert [path.name for path in figures] == [*FIGURES, "deformed.png"]
    for path in figures:
        image = pixels_of(path)
        assert image.min(axis=(0, 1)).max() < 0.5  # something dark
        assert len(np.unique((255 * image.reshape(-1, 3)).astype(int) @ [65536, 256, 1])) > 20


def hex_to_rgb(colour):
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])


@pytest.mark.parametrize("name", FIGURES)
def test_every_model_has_its_colour_in_every_figure(figures, name):
    image = pixels_of(next(p for p in figures if p.name == name))
    for style in model_styles(MODELS).values():
        assert (np.abs(image - hex_to_rgb(style["color"])).max(axis=-1) < 0.01).sum() > 50


def test_a_model_keeps_its_colour_when_others_are_missing(results, tmp_path):
    part = {**results, "records": [r for r in results["records"] if r["model"] == "cnn"]}
    image = pixels_of(report.write_figures(part, tmp_path)[1])
    styles = model_styles(MODELS)
    present = {m: (np.abs(image - hex_to_rgb(s["color"])).max(axis=-1) < 0.01).any() for m, s in styles.items()}
    assert present == {"pixels": False, "scattering": False, "ckn": False, "cnn": True}


def test_styles_are_distinct_for_many_models():
    styles = model_styles([str(k) for k in range(56)])
    assert len({(s["color"], s["marker"]) for s in styles.values()}) == 56


@pytest.mark.parametrize(
    "change",
    [
        {"sizes": (1000,)},
        {"seeds": (0,)},
        {"models": ("ckn",)},
        {"strengths": (0.7,)},
        {"n_classes": 2},
        {"n_classes": 60, "models": ("ckn",)},
        {"models": tuple(f"model {k}" for k in range(9)), "sizes": (100,)},
        {"models": ("_hidden", "$x$", "a" * 60), "sizes": (100, 110, 120, 1000)},
    ],
    ids=str,
)
def test_report_of_other_shapes(change, tmp_path):
    results = make_results(**change)
    paths = report.write_figures(results, tmp_path)
    page = write_page(results, tmp_path, paths)
    assert [p.name for p in paths] == FIGURES
    assert len(page.all("img")) == 4
    assert printed(results, width=120)


def test_a_model_without_errors_is_drawn(tmp_path):
    results = make_results(models=("ckn",), sizes=(100, 300))
    for record in results["records"]:
        record["test_error"] = 0.0
        record["confusion"] = np.diag([60] * 10).tolist()
    paths = report.write_figures(results, tmp_path)
    assert len(paths) == 4
    assert "logarithmic" in caption("learning_curves", results, report.summary_rows(results)).text
    assert "Both axes" not in caption("learning_curves", results, report.summary_rows(results)).text
    assert most_confused(results, report.summary_rows(results)[0], N_CONFUSIONS) == []


def test_one_size_and_one_seed_have_their_own_captions(results):
    one = make_results(sizes=(1000,), seeds=(0,))
    rows = report.summary_rows(one)
    assert "one standard error over test images" in caption("learning_curves", one, rows).text
    assert "Dot chart" in caption("learning_curves", one, rows).alt
    assert "Line chart" in caption("learning_curves", results, report.summary_rows(results)).alt


def test_figures_and_page_have_the_same_bytes_each_time(results, figures, tmp_path):
    again = report.write_figures(results, tmp_path)
    assert [p.read_bytes() for p in again] == [p.read_bytes() for p in figures[:4]]
    write_page(results, tmp_path, again)
    first = (tmp_path / "report.html").read_bytes()
    write_page(results, tmp_path, again)
    assert (tmp_path / "report.html").read_bytes() == first


def test_drawing_leaves_matplotlib_as_it_was(results, tmp_path):
    import matplotlib

    with matplotlib.rc_context({"font.size": 23, "axes.grid": False}):
        before = dict(matplotlib.rcParams)
        report.write_figures(results, tmp_path)
        assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("shape", [(2, 4, 8, 8), (1, 4, 6, 9, 1), (2, 4, 8, 8, 3), (2, 4, 8, 8, 2), (1, 4, 1, 30)])
def test_deformed_images_of_every_kind(results, shape, tmp_path):
    images = np.random.default_rng(0).random(shape)
    paths = report.write_figures({**results, "records": []}, tmp_path, {"strengths": STRENGTHS, "images": images})
    assert [p.name for p in paths] == ["deformed.png"]
    image = pixels_of(paths[0])
    in_colour = (np.ptp(image, axis=-1) > 0.1).any()
    assert in_colour == (shape[-1] == 3)


def test_names_are_shown_as_they_are_and_not_too_long(results):
    names = ("_hidden", "$x$", "a" * 60)
    rows = report.summary_rows(make_results(models=names))
    figure = learning_curves(rows, model_styles(names))
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown == [" _hidden", r"\$x\$", "a" * 23 + "…"]  # neither hidden, nor a formula, nor too wide


def test_an_interval_beside_its_mean_is_drawn(tmp_path):
    results = make_results(models=("ckn",), sizes=(100,))
    for record in results["records"]:
        for change in record["relative_change"]:
            change["low"] = 1.01 * change["mean"]
    assert len(report.write_figures(results, tmp_path)) == 4


def test_colours_beyond_those_of_the_original_are_cut(results, tmp_path, caplog):
    images = np.linspace(0, 1, 2 * 8 * 8 * 3).reshape(1, 2, 8, 8, 3) * [[[[[1.0]]], [[[3.0]]]]]
    report.write_figures({**results, "records": []}, tmp_path, {"strengths": [0.1], "images": images})
    assert caplog.records == []  # matplotlib complains of values that it cannot draw


def test_deformed_images_need_one_per_strength(results, tmp_path):
    images = {"strengths": STRENGTHS, "images": np.zeros((2, 3, 8, 8))}
    with pytest.raises(ValueError, match=r"the original and one image per strength; got shape \(2, 3, 8, 8\)"):
        report.write_figures(results, tmp_path, images)


def test_without_matplotlib_everything_else_works(results, tmp_path, monkeypatch):
    assert report.figures_available()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)
    assert not report.figures_available()
    with pytest.raises(ImportError, match=r"Figures need matplotlib: pip install"):
        report.write_figures(results, tmp_path)
    page = write_page(results, tmp_path)
    report.to_csv(results, tmp_path / "results.csv")
    assert page.all("img") == []
    assert "Figures" not in page.text
    assert "error %" in printed(results)


def test_matplotlib_is_imported_for_figures_alone_and_pyplot_never(results, tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(results))
    code = (
        "import json, sys; from pathlib import Path; from kernelconv import report\n"
        "assert 'matplotlib' not in sys.modules\n"
        "folder = Path(sys.argv[1])\n"
        "assert len(report.write_figures(json.loads((folder / 'results.json').read_text()), folder)) == 4\n"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    root = Path(report.__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=root, check=True)
