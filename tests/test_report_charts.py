"""The figures: what is drawn, in which colours, with which captions."""

import json
import subprocess
import sys
from pathlib import Path

import drawn
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from reports import (
    MODELS,
    N_TEST,
    STRENGTHS,
    hex_to_rgb,
    make_results,
    set_mistakes,
    without_features,
    write_page,
)

from kernelconv import report
from kernelconv.report import charts
from kernelconv.report.captions import caption
from kernelconv.report.charts import first_layers
from kernelconv.report.charts.scales import error_axis, log_labels, log_scale, size_axis
from kernelconv.report.charts.style import label_text, new_figure
from kernelconv.report.figures import _drawings
from kernelconv.report.published import Published, leading_curves

FIGURES = ["learning_curves.png", "stability.png", "tradeoff.png", "confusion.png"]


@pytest.fixture(scope="module")
def results():
    return make_results()


@pytest.fixture(scope="module")
def figures(results, tmp_path_factory):
    images = {"strengths": STRENGTHS, "images": np.random.default_rng(0).random((3, 4, 8, 8))}
    return report.write_figures(results, tmp_path_factory.mktemp("figures"), images)


def pixels_of(path):
    from matplotlib.image import imread

    return imread(path)[..., :3]


def shows(image, colour, n_pixels=1):
    return (np.abs(image - hex_to_rgb(colour)).max(axis=-1) < 0.01).sum() >= n_pixels


# -- what is drawn -------------------------------------------------------------------------------------------------


def test_figures_are_pictures_of_something(figures):
    assert [path.name for path in figures] == [*FIGURES, "deformed.png"]
    for path in figures:
        image = pixels_of(path)
        assert image.min(axis=(0, 1)).max() < 0.5  # something dark
        assert len(np.unique((255 * image.reshape(-1, 3)).astype(int) @ [65536, 256, 1])) > 20


@pytest.mark.parametrize("name", FIGURES)
def test_every_model_has_its_colour_in_every_figure(figures, name):
    image = pixels_of(next(p for p in figures if p.name == name))
    for style in charts.model_styles(MODELS).values():
        assert shows(image, style["color"], 50)


def test_a_model_keeps_its_colour_when_others_are_missing(results, tmp_path):
    part = {**results, "records": [r for r in results["records"] if (r["model"], r["seed"]) == ("cnn", 0)]}
    image = pixels_of(report.write_figures(part, tmp_path)[1])
    present = {m: shows(image, s["color"]) for m, s in charts.model_styles(MODELS).items()}
    assert present == {"pixels": False, "scattering": False, "ckn": False, "cnn": True}


def bars_of(figure):
    """Width -> lengths of the error bars in the first axes of a figure."""
    from matplotlib.collections import LineCollection

    found = {}
    for c in figure.axes[0].collections:
        if isinstance(c, LineCollection):
            found.setdefault(float(c.get_linewidth()[0]), []).extend(float(s[1, 1] - s[0, 1]) for s in c.get_segments())
    return found


def test_learning_curves_have_both_bars(results):
    rows = report.summary_rows(results)
    bars = bars_of(charts.learning_curves(rows, charts.model_styles(MODELS)))
    assert bars[2.6] == pytest.approx([2 * r["over_draws"] for m in MODELS for r in rows if r["model"] == m])
    assert bars[0.9] == pytest.approx([2 * r["over_images"] for m in MODELS for r in rows if r["model"] == m])
    one = report.summary_rows(make_results(seeds=(0,)))
    assert set(bars_of(charts.learning_curves(one, charts.model_styles(MODELS)))) == {0.9}


def test_the_second_round_of_colours_is_hollow_and_bars_lie_above_markers(results):
    styles = list(charts.model_styles([str(k) for k in range(25)]).values())
    hollow = [s["markerfacecolor"] == "white" and s["markeredgecolor"] == s["color"] for s in styles]
    assert hollow == [False] * 12 + [True] * 12 + [False]
    rows = report.summary_rows(results)
    (axes,) = charts.learning_curves(rows, charts.model_styles(MODELS)).axes
    bars = [c for c in axes.collections if isinstance(c, LineCollection)]
    assert min(bar.get_zorder() for bar in bars) > max(line.get_zorder() for line in axes.lines)


def test_the_band_of_a_learning_curve_holds_both_standard_errors_twice(results):
    rows = report.summary_rows(results)
    rows = [{**row, "over_draws": 0.3, "over_images": 0.4, "error": 2.0 + k} for k, row in enumerate(rows)]
    rows[0]["error"] = 0.9  # a band ends at no errors
    (axes,) = charts.learning_curves(rows, charts.model_styles(MODELS)).axes
    bands = [c.get_paths()[0].get_extents() for c in axes.collections if isinstance(c, PolyCollection)]
    models = list(dict.fromkeys(row["model"] for row in rows))
    for model, band in zip(models, bands, strict=True):
        errors = [row["error"] for row in rows if row["model"] == model]
        np.testing.assert_allclose((band.y0, band.y1), (max(0.0, min(errors) - 1.0), max(errors) + 1.0))


def test_errors_far_apart_have_a_logarithmic_axis_beside_costs_too():
    results = make_results()
    rows = report.summary_rows(results)
    scales = []
    for factor in (1, 20):
        rows = [{**row, "error": 2.0 if row["model"] == MODELS[0] else 2.0 * factor} for row in rows]
        figure = charts.tradeoff(rows, charts.model_styles(MODELS), STRENGTHS[0])
        scales.append({axes.get_yscale() for axes in figure.axes})
    assert scales == [{"linear"}, {"log"}]


@pytest.mark.parametrize(
    ("values", "logarithmic"),
    [((0.5, 1.6), True), ((0.5, 1.5), True), ((0.5, 1.4), False), ((0, 5), False), ((-1, 5), False), ((2, 2), False)],
)
def test_axes_are_logarithmic_from_a_factor_of_three(values, logarithmic):
    assert log_scale(values) == logarithmic


def test_seconds_far_apart_have_an_axis_that_reaches_a_little_beyond_them(results):
    rows = report.summary_rows(results)
    for longest, left in ((1000, 1 / 1.6), (1, 0)):
        spread = [{**row, "fit_seconds": float(longest if i else 1)} for i, row in enumerate(rows)]
        panel = charts.tradeoff(spread, charts.model_styles(MODELS), STRENGTHS[0]).axes[2]
        assert panel.get_xlabel() == "CPU seconds to fit"
        assert panel.get_xlim()[0] == pytest.approx(left)
        assert panel.get_xlim()[1] == pytest.approx(1600) or longest == 1


def test_figures_grow_by_a_line_for_each_line_of_panels_or_dots():
    def heights(draw, counts):
        return [round(draw(n).get_size_inches()[1], 2) for n in counts]

    def dots(n):
        names = [f"m{k}" for k in range(n)]
        return charts.learning_curves(
            report.summary_rows(make_results(models=names, sizes=(100,))), charts.model_styles(names)
        )

    mistakes = [("1", "2", 3.0)]
    panels = heights(
        lambda n: charts.confusion({str(k): mistakes for k in range(n)}, dict.fromkeys("0123456", "k")), range(1, 6)
    )
    assert panels[0] == panels[1] < panels[2] == panels[3] < panels[4]
    assert panels[4] - panels[2] == pytest.approx(panels[2] - panels[0])
    layers = heights(lambda n: first_layers({str(k): np.zeros((2, 3, 3)) for k in range(n)}), (1, 2, 3))
    assert layers[2] - layers[1] == pytest.approx(layers[1] - layers[0])
    assert layers[1] - layers[0] > 0.9
    found = heights(dots, (1, 2, 4))
    assert found[2] - found[1] == pytest.approx(2 * (found[1] - found[0]))
    assert found[1] - found[0] > 0.3


def test_a_legend_gives_long_names_the_room_there_is():
    for n, length in ((1, 54), (9, 30)):
        names = [*(f"m{k}" for k in range(n - 1)), "a" * length]
        figure = charts.learning_curves(report.summary_rows(make_results(models=names)), charts.model_styles(names))
        assert figure.legends[0].get_texts()[-1].get_text() == "a" * length


def test_a_legend_that_just_fits_is_neither_cut_nor_beyond_the_edge():
    figure = charts.style.new_figure(3)
    line = figure.subplots().plot([0], [0])[0]
    names = ["both on gradients, flips + Gaussian", *"abcde", "kymatio, flips + Gaussian", *"fghi"]
    charts.style.legend(figure, dict.fromkeys(names, line))
    shown = figure.legends[0]
    figure.canvas.draw()
    assert shown.get_texts()[0].get_text() == names[0]
    assert shown.get_window_extent().x1 <= figure.bbox.x1


def test_published_curves_are_drawn_between_our_sizes(results):
    figure = charts.learning_curves(report.summary_rows(results), charts.model_styles(MODELS), leading_curves("mnist"))
    dashed = [line for line in figure.axes[0].lines if line.get_color() == "#595959"]
    assert [list(line.get_xdata()) for line in dashed] == [[300, 1000]] * 3
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown[-3:] == ["ConvNet, paper", "scattering + SVM, paper", "CKN-GM2, paper"]


@pytest.mark.once("oldest")
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
def test_figures_of_other_shapes(change, tmp_path):
    results = make_results(**change)
    paths = report.write_figures(results, tmp_path)
    assert [p.name for p in paths] == FIGURES
    assert len(write_page(results, tmp_path, paths).all("img")) == 4


def test_models_without_features_are_left_out_of_stability_alone(tmp_path):
    some = without_features(make_results(models=("ckn", "exact"), sizes=(100,)), "exact")
    paths = report.write_figures(some, tmp_path)
    assert [p.name for p in paths] == FIGURES
    colour = charts.model_styles(("ckn", "exact"))["exact"]["color"]
    assert [shows(pixels_of(p), colour, 50) for p in paths] == [True, False, True, True]
    none = without_features(make_results(models=("exact",), sizes=(100,), seeds=(0,)), "exact")
    assert [p.name for p in report.write_figures(none, tmp_path)] == [FIGURES[k] for k in (0, 2, 3)]


def test_stability_is_drawn_where_a_model_has_both_measures():
    results = make_results(models=("ckn", "exact"), sizes=(100,), seeds=(0,))
    for record in results["records"]:
        record["deformation_sensitivity"] = None
    assert "stability" not in _drawings(results, report.summary_rows(results))
    both = without_features(make_results(models=("ckn", "exact"), sizes=(100,)), "exact")
    assert "stability" in _drawings(both, report.summary_rows(both))


def test_a_model_without_errors_is_drawn(tmp_path):
    results = make_results(models=("ckn",), sizes=(100, 300))
    for record in results["records"]:
        set_mistakes(record, [])
    assert len(report.write_figures(results, tmp_path)) == 4
    words = caption("learning_curves", results, report.summary_rows(results)).text
    assert "The horizontal axis is logarithmic" in words
    assert "Both axes" not in words


def test_captions_say_what_is_drawn(results):
    one = make_results(sizes=(1000,), seeds=(0,))
    assert "Dot chart" in caption("learning_curves", one, report.summary_rows(one)).alt
    rows = report.summary_rows(results)
    assert "Line chart" in caption("learning_curves", results, rows).alt
    assert "thin bars: over test images" in caption("learning_curves", results, rows).text
    for strengths, beyond in (((0.1, 0.5), False), ((0.51, 0.1), True)):
        found = make_results(sizes=(100,), seeds=(0,), strengths=strengths)
        text = caption("stability", found, report.summary_rows(found)).text
        assert ("Above 1/2 the stability theorem is not stated." in text) == beyond
        assert text.count("Models fitted on 100 training images.") == 1
    mnist = {**results, "settings": {**results["settings"], "data": "mnist"}}
    assert "at 60,000: Jarrett" in caption("learning_curves", mnist, rows).text


def test_figures_have_the_same_bytes_each_time(results, figures, tmp_path):
    again = report.write_figures(results, tmp_path)
    assert [p.read_bytes() for p in again] == [p.read_bytes() for p in figures[:4]]


def test_drawing_leaves_matplotlib_as_it_was(tmp_path):
    import matplotlib

    with matplotlib.rc_context({"font.size": 23, "axes.grid": False}):
        before = dict(matplotlib.rcParams)
        report.write_figures(make_results(models=("ckn",), sizes=(100,)), tmp_path)
        assert dict(matplotlib.rcParams) == before


def test_a_failure_leaves_the_old_figure(results, tmp_path, monkeypatch):
    (tmp_path / "learning_curves.png").write_text("old")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        report.write_figures(results, tmp_path)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"learning_curves.png": "old"}


def test_names_are_shown_as_they_are_and_not_too_long():
    names = ("_hidden", "$x$", "a" * 60)
    figure = charts.learning_curves(report.summary_rows(make_results(models=names)), charts.model_styles(names))
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown[:2] == [" _hidden", r"\$x\$"]  # neither hidden, nor a formula
    assert shown[2] == "a" * (len(shown[2]) - 1) + "…"  # nor too wide
    assert 24 < len(shown[2]) < 40


def test_an_interval_beside_its_mean_is_drawn(tmp_path):
    results = make_results(models=("ckn",), sizes=(100,))
    for record in results["records"]:
        for change in record["relative_change"]:
            change["low"] = 1.01 * change["mean"]
    assert len(report.write_figures(results, tmp_path)) == 4


def test_the_confusion_figure_names_the_true_class_first(tmp_path, monkeypatch):
    results = make_results(models=("ckn",), sizes=(100,), seeds=(0,))
    (record,) = results["records"]
    set_mistakes(
        record, [[7, 3, 5], [8, 3, 5], [9, 3, 5], [20, 5, 3], [30, 1, 2], [31, 1, 2]]
    )  # image, true, predicted
    drawn, draw = [], charts.confusion
    monkeypatch.setattr(charts, "confusion", lambda *given: drawn.append(draw(*given)) or drawn[0])
    report.write_figures(results, tmp_path)
    (axes,) = drawn[0].axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["3 → 5", "1 → 2", "5 → 3"]
    assert [bar.get_width() for bar in axes.patches] == [3, 2, 1]
    assert [bar.get_y() + bar.get_height() / 2 for bar in axes.patches] == pytest.approx([0, 1, 2])


def test_what_is_drawn_is_what_was_recorded():
    recorded = drawn.FILE.read_text(encoding="utf-8").splitlines()
    if drawn.version() != recorded[0]:  # what is not said in a drawing is matplotlib's to choose
        pytest.skip(f"recorded with {recorded[0]}, this is {drawn.version()}")
    assert drawn.lines() == recorded[1:], "If it is meant to look otherwise: python tests/drawn.py"


def test_pictures_are_as_wide_as_the_committed_ones(figures):
    committed = Path(__file__).parent.parent / "benchmarks" / "results" / "mnist"
    if not committed.is_dir():
        pytest.skip("the committed results are not in this copy")
    for path in figures[2:4]:
        assert pixels_of(path).shape[1] == pixels_of(committed / path.name).shape[1]


def test_training_sizes_are_labelled_where_there_is_room(results):
    for sizes in ((100, 300, 1000), (100, 110, 120, 1000), (100, 200, 250, 300, 310, 1000), (1000, 1500)):
        axes = new_figure(3.0).subplots()
        size_axis(axes, sizes)
        assert list(axes.get_xticks()) == list(sizes)
        shown = [text.get_text() for text in axes.get_xticklabels()]
        room, last = (sizes[-1] / sizes[0]) ** (1 / 12), None
        for size, text in reversed(list(zip(sizes, shown, strict=True))):  # from the largest, which always has one
            fits = last is None or size <= last / room
            assert text == (f"{size:,}" if fits else "")
            last = size if fits else last
        assert (axes.get_xscale(), axes.get_xlabel(), len(axes.get_xticks(minor=True))) == ("log", "training images", 0)


def test_an_axis_of_errors_holds_every_bar_but_none_below_a_third_of_the_smallest_error():
    def limits(*bars):
        axes = new_figure(3.0).subplots()
        error_axis(axes, bars)
        return axes.get_yscale(), *axes.get_ylim()

    scale, low, high = limits((2.0, 0.5), (8.0, 3.0))
    assert scale == "log"
    assert 1.2 < low < 1.5 < 11 < high < 13
    assert limits((2.0, 0.5), (8.0, 3.0), (8.0, 4.0))[2] > 12
    cut, also_cut = limits((2.0, 2.0), (8.0, 3.0)), limits((2.0, 1.9), (8.0, 3.0))
    assert cut == also_cut
    assert cut[1:] == pytest.approx(limits((2.0, 2.0 - 2 / 3), (8.0, 3.0))[1:])
    assert 0 < cut[1] < limits((2.0, 1.3), (8.0, 3.0))[1] < 2 / 3
    assert limits((2.0, 0.5), (5.0, 0.5))[:2] == ("linear", 0)


@pytest.mark.parametrize(("ratio", "digits"), [(5.9, "12357"), (6.0, "125"), (199, "125"), (200, "1")])
def test_a_logarithmic_axis_has_the_more_labels_the_closer_its_values_lie(ratio, digits):
    axes = new_figure(3.0).subplots()
    axes.set_xscale("log")
    log_labels(axes.xaxis, (0.5, 0.5 * ratio))
    axes.set_xlim(0.99, 999.9)
    within = [tick for tick in axes.get_xticks() if 1 <= tick < 1000]
    expected = [int(d) * 10**k for k in range(3) for d in digits]
    assert within == pytest.approx(expected)
    assert axes.xaxis.get_major_formatter().format_ticks(within) == [str(tick) for tick in expected]
    assert len(axes.get_xticks(minor=True)) == 0


def test_published_figures_at_our_smallest_and_largest_size_are_drawn_and_others_not():
    styles, rows = charts.model_styles(MODELS), report.summary_rows(make_results(sizes=(100, 300)))
    papers = [Published("digits", "other", "", size, 90.0 + size / 100, "read", "") for size in (50, 100, 300, 500)]
    (axes,) = charts.learning_curves(rows, styles, papers).axes
    (line,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert list(line.get_xdata()) == [100, 300]
    assert axes.get_ylim()[1] > 93  # they are on the axis
    assert line.get_zorder() < min(other.get_zorder() for other in axes.lines if other is not line)


def test_names_as_long_as_they_may_be_are_whole_and_longer_ones_end_in_a_dot():
    assert [label_text("abcdef", n) for n in (5, 6, 7)] == ["abcd…", "abcdef", "abcdef"]
    assert label_text("a" * 24) == "a" * 24
    assert len(label_text("a" * 25)) == 24


# -- images --------------------------------------------------------------------------------------------------------


def test_first_layers_are_drawn_under_labels(results, tmp_path, monkeypatch):
    some = {**results, "records": [], "settings": {**results["settings"], "labels": {"cnn": "LeNet-5"}}}
    layers = {"ckn": np.zeros((4, 3, 3)), "cnn": np.zeros((20, 5, 5, 3))}
    drawn = []
    monkeypatch.setattr(charts, "first_layers", lambda found: drawn.append(list(found)) or first_layers(found))
    assert [p.name for p in report.write_figures(some, tmp_path, layers=layers)] == ["first_layers.png"]
    assert drawn == [["ckn", "LeNet-5"]]


def test_first_layers_of_colour_images_are_drawn_in_colour(tmp_path):
    layer = np.zeros((1, 2, 2, 3))
    layer[0, 0, 0] = [1, -1, 0]
    image = pixels_of(charts.save_figure(charts.first_layers({"m": layer}), tmp_path / "a.png"))
    assert (np.abs(image - [1, 0, 0.5]).max(axis=-1) < 0.01).any()
    assert (np.abs(image - 0.5).max(axis=-1) < 0.01).any()  # grey at zero
    grey = pixels_of(charts.save_figure(charts.first_layers({"m": layer.mean(-1)}), tmp_path / "b.png"))
    assert np.ptp(grey, axis=-1).max() < 0.01


@pytest.mark.parametrize("shape", [(2, 4, 8, 8), (1, 4, 6, 9, 1), (2, 4, 8, 8, 3), (2, 4, 8, 8, 2), (1, 4, 1, 30)])
def test_deformed_images_of_every_kind(results, shape, tmp_path):
    images = np.random.default_rng(0).random(shape)
    paths = report.write_figures({**results, "records": []}, tmp_path, {"strengths": STRENGTHS, "images": images})
    assert [p.name for p in paths] == ["deformed.png"]
    in_colour = (np.ptp(pixels_of(paths[0]), axis=-1) > 0.1).any()
    assert in_colour == (shape[-1] == 3)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (8, 8, 3), (8, 8, 5)])
def test_worst_fields_of_every_kind(shape, tmp_path):
    image, tau = np.random.default_rng(0).random(shape) - 0.5, np.zeros((8, 8, 2))
    example = {"image": image, "warped": image, "tau": tau, "change": 0.5}
    shown = pixels_of(charts.save_figure(charts.worst_fields({"m": example}), tmp_path / "a.png"))
    shown = shown[:, : shown.shape[1] // 2]  # arrows are orange
    assert (np.ptp(shown, axis=-1) > 0.3).any() == (shape[-1] == 3)
    assert shown.min() == 0  # black is the darkest of the image, which may be below 0


def test_names_above_the_panels_of_mistakes_are_not_cut(tmp_path):
    import matplotlib

    names = ("scattering + affine", "LeNet-5, untrained + linear")
    mistakes = {name: [("automobile", "airplane", 3.0)] for name in names}
    with matplotlib.rc_context(charts.STYLE):
        figure = charts.confusion(mistakes, dict.fromkeys(mistakes, "#0072B2"))
        charts.save_figure(figure, tmp_path / "a.png")  # only now is anything laid out
    texts = [child for axes in figure.axes for child in axes.get_children() if hasattr(child, "get_text")]
    assert {t.get_text() for t in texts} >= {names[0], "LeNet-5, untrained + li…"}
    assert max(t.get_window_extent().x1 for t in texts if t.get_text()) <= figure.get_window_extent().x1


def test_colours_beyond_those_of_the_original_are_cut(results, tmp_path, caplog):
    images = np.linspace(0, 1, 2 * 8 * 8 * 3).reshape(1, 2, 8, 8, 3) * [[[[[1.0]]], [[[3.0]]]]]
    report.write_figures({**results, "records": []}, tmp_path, {"strengths": [0.1], "images": images})
    assert caplog.records == []  # matplotlib complains of values that it cannot draw


def test_deformed_images_need_one_per_strength(results, tmp_path):
    images = {"strengths": STRENGTHS, "images": np.zeros((2, 3, 8, 8))}
    with pytest.raises(ValueError, match=r"the original and one image per strength; got shape \(2, 3, 8, 8\)"):
        report.write_figures({**results, "records": []}, tmp_path, images)


@pytest.mark.once("newest")
def test_matplotlib_is_imported_for_figures_alone_and_pyplot_never(tmp_path):
    results = make_results(models=("ckn",), sizes=(100,))
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


def test_records_made_for_these_tests_hold_errors_of_every_model(results):
    assert all(0 < record["test_error"] < 1 and record["n_test"] == N_TEST for record in results["records"])
