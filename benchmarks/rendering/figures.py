"""The figures, drawn by kernelconv.report, and their captions."""

import matplotlib

from kernelconv._files import unpack
from kernelconv.report import charts
from kernelconv.report.captions import FIRST_LAYERS, Caption
from kernelconv.report.figures import save_figure
from kernelconv.report.published import CAVEAT, leading_curves

PANELS = 4  # models whose mistakes are drawn
LAYERS = ("scattering+gaussian", "ckn-1", "ckn-2", "lenet", "resnet")  # one model a kind of picture


def draw_figures(results):
    """Draw every figure into the folder of the results; return [(path, caption)]."""
    drawn = {"learning_curves": learning_curves, "tradeoff": tradeoff, "confusion": confusion, "first_layers": layers}
    words = captions(results)
    with matplotlib.rc_context(charts.STYLE):
        return [
            (save_figure(draw(results), results.folder / f"{name}.png"), words[name]) for name, draw in drawn.items()
        ]


def row(results, model, size):
    """Return the means of a model and size as kernelconv.report draws them, or None."""
    found, change = results.summary(model, size), results.measured(model, size, "relative_change")
    if found is None:
        return None
    mean = change[0] if change else float("nan")
    return {
        "model": results.label(model),
        "train_size": size,
        "error": found.error,
        "standard_error": found.standard_error,
        "relative_change": [{"strength": results.strength, "mean": mean, "low": mean, "high": mean}],
        "fit_seconds": results.cost(model, size)[0],
        "measured": change is not None,
    }


def rows(results, models, sizes):
    """Return the rows that there are, model by model."""
    return [found for m in models for s in sizes if (found := row(results, m, s))]


def styles(results):
    """Return how each model is drawn, the same in every figure."""
    return charts.model_styles([results.label(m) for m in results.models])


def learning_curves(results):
    """Draw the errors by size, one row of each family beside what papers report."""
    papers = leading_curves(results.data.name)
    return charts.learning_curves(rows(results, results.leaders(), results.sizes), styles(results), papers)


def tradeoff(results):
    """Draw the errors of all models that have features against their stability and cost."""
    shown = [r for r in rows(results, results.models, [results.shown_size()]) if r["measured"]]
    return charts.tradeoff(shown, styles(results), results.strength)


def confusion(results):
    """Draw the most frequent mistakes of the leading rows."""
    size = results.shown_size()
    models = [m for m in results.leaders() if results.test(m, size)][:PANELS]
    tested = [record for m in models for record in results.test(m, size).values()]
    records = [
        {"model": results.label(m), "train_size": size, **record}
        for m in models
        for record in results.test(m, size).values()
    ]
    mistakes = {"settings": {"classes": tested[0]["classes"]}, "records": records}
    return charts.confusion(mistakes, rows(results, models, [size]), styles(results))


def layers(results):
    """Draw what first layers look for, learned in the first draw of the largest training set."""
    found = {}
    for model in LAYERS:
        for size in results.sizes:
            for record in results.test(model, size).values() if model in results.models else ():
                if record.get("first_layer"):
                    found[results.label(model)] = unpack(record["first_layer"]) / 127
    return charts.first_layers(found)


def captions(results):
    """Return the caption of each figure."""
    size, d = results.shown_size(), results.deformation
    return {
        "learning_curves": Caption(
            "Test error by training-set size",
            "Line chart of the test error against the number of training images, one line a family; the table holds "
            "the numbers.",
            "Of each family the row with the lowest validation errors, controls left out. Bars: one standard error, "
            "that over draws and that over test images together (the root of the sum of their squares). Dashed: what "
            f"papers report, one curve a family. {CAVEAT}",
        ),
        "tradeoff": Caption(
            "What accuracy costs",
            "Two scatter plots of the test error of each row: against the relative change of its features, and "
            "against the CPU seconds it takes to fit.",
            "Test error against the relative change ‖Φ(L_τ x) − Φ(x)‖ / ‖Φ(x)‖ of the features that the head reads "
            "(left) and against the CPU seconds to fit, on one core (right). Lower left is better in both, but the "
            "relative change flatters features with a large mean: D in the table does not. "
            f"{size:,} training images; Jacobian norm {results.strength:g}, {d['n_images'] if d else 0} test images.",
        ),
        "confusion": Caption(
            "Which classes are confused",
            "Bar charts, one a row, of the most frequent pairs of true and predicted class.",
            f"The most frequent mistakes of up to {PANELS} of the rows above, true class → predicted class, in test "
            f"images per draw. {size:,} training images.",
        ),
        "first_layers": FIRST_LAYERS,
    }
