"""The figures, drawn by kernelconv.report, and their captions."""

import matplotlib
import numpy as np
from objective import N_DEFORMED, STRENGTH

from kernelconv.report import charts
from kernelconv.report.captions import FIRST_LAYERS, Caption
from kernelconv.report.figures import save_figure
from kernelconv.report.published import CAVEAT, leading_curves

PANELS = 4  # models whose mistakes are drawn
LAYERS = ("scattering_gaussian", "ckn_1", "ckn_2", "lenet", "resnet")  # one model a kind of picture


def draw_figures(results):
    """Draw every figure into the folder of the results; return [(path, caption)]."""
    styles = charts.model_styles([results.label(m) for m in results.leaders()])
    drawn = {
        "learning_curves": lambda: learning_curves(results, styles),
        "tradeoff": lambda: tradeoff(results),
        "confusion": lambda: confusion(results, styles),
        "first_layers": lambda: first_layers(results),
    }
    words = captions(results.shown_size())
    with matplotlib.rc_context(charts.STYLE):
        return [(save_figure(draw(), results.folder / f"{name}.png"), words[name]) for name, draw in drawn.items()]


def learning_curves(results, styles):
    """Draw the errors by size, the best representation of each family beside what papers report."""
    return charts.learning_curves(results.rows(results.leaders(), results.sizes), styles, leading_curves(results.data))


def tradeoff(results):
    """Draw the errors of all models that have features against their stability and cost."""
    rows = results.rows(results.models, [results.shown_size()])
    rows = [row for row in rows if not np.isnan(row["relative_change"][0]["mean"])]
    return charts.tradeoff(rows, charts.model_styles([results.label(m) for m in results.models]), STRENGTH)


def confusion(results, styles):
    """Draw the most frequent mistakes: the sum of what results.csv names of each draw."""
    size = results.shown_size()
    models = [m for m in results.leaders() if (m, size) in results.cells][:PANELS]
    records = []
    for m in models:
        counts = np.zeros((10, 10))
        for row in results.cells[m, size]:
            for mistake in filter(None, row["mistakes"].split("; ")):
                pair, count = mistake.split(" ")
                truth, predicted = map(int, pair.split(">"))
                counts[truth, predicted] += int(count) / len(results.cells[m, size])
        records.append({"model": results.label(m), "train_size": size, "confusion": counts})
    mistakes = {"settings": {"classes": [str(c) for c in range(10)]}, "records": records}
    return charts.confusion(mistakes, results.rows(models, [size]), styles)


def first_layers(results):
    """Draw the pictures of first layers."""
    return charts.first_layers({results.label(m): results.filters[m] for m in LAYERS if m in results.filters})


def captions(size):
    """Return the caption of each figure; `size` stands for all where a figure shows one."""
    return {
        "learning_curves": Caption(
            "Test error by training-set size",
            "Line chart of the test error against the number of training images, one line a family; the table holds "
            "the numbers.",
            "The best representation of each family; bars: one standard error over draws (with one draw, of the test "
            f"images). Dashed: what papers report, one curve a family. {CAVEAT}",
        ),
        "tradeoff": Caption(
            "What accuracy costs",
            "Two scatter plots of the test error of each model: against the relative change of its features, and "
            "against the CPU seconds it takes to fit.",
            "Test error against the relative change ‖Φ(L_τ x) − Φ(x)‖ / ‖Φ(x)‖ of the features that the classifier "
            "reads (left) and against the CPU seconds to fit, on one core (right). Lower left is better in both. "
            f"{size:,} training images; Jacobian norm {STRENGTH:g}, {N_DEFORMED} test images.",
        ),
        "confusion": Caption(
            "Which digits are confused",
            "Bar charts, one per family, of the most frequent pairs of true and predicted digit.",
            "The most frequent mistakes, true digit → predicted digit, in test images per draw (of each draw its eight "
            "most frequent are counted).",
        ),
        "first_layers": FIRST_LAYERS,
    }
