"""The figures, drawn by kernelconv.report, and their captions."""

import matplotlib

from kernelconv._files import unpack
from kernelconv.report import charts
from kernelconv.report.captions import ACROSS, BANDS, BARS, FIRST_LAYERS, Caption
from kernelconv.report.charts.accuracy import N_CONFUSIONS
from kernelconv.report.published import CAVEAT, leading_curves
from kernelconv.report.summary import most_confused, summary_rows

#: Rows whose mistakes are drawn, at most, and rows whose first layers are: one a kind of picture.
PANELS = 4
LAYERS = (
    *("scattering+gaussian", "ckn-1", "ckn-2", "ckn-flips+gaussian", "ckn-wide-flips+gaussian"),
    *("lenet", "resnet"),
)


def draw_figures(results):
    """Draw what there are cells for into the folder of the results, and delete the rest; return [(path, caption)]."""
    drawn = {"learning_curves": learning_curves, "tradeoff": tradeoff, "confusion": confusion, "first_layers": layers}
    found = []
    with matplotlib.rc_context(charts.STYLE):
        for name, draw in drawn.items():
            path, figure = results.folder / f"{name}.png", draw(results) if results.parts["test"] else None
            if figure is None:
                path.unlink(missing_ok=True)
            else:
                found.append((charts.save_figure(figure, path), captions(results)[name]))
    return found


def rows(results, models, sizes):
    """Return the rows that there are of some models and sizes, as kernelconv.report draws them."""
    found = summary_rows(results.as_comparison())
    return [row for m in models for row in found if row["model"] == m and row["train_size"] in sizes]


def learning_curves(results):
    """Draw the errors by size of the leading rows, beside what papers report; None where these are not tested."""
    shown, papers = rows(results, results.leaders(), results.sizes), leading_curves(results.data.name)
    return charts.learning_curves(shown, charts.model_styles(results.models), papers) if shown else None


def tradeoff(results):
    """Draw the errors of all rows on all test images against stability and cost; None without such rows."""
    whole = [m for m in results.models if results.models[m].representation.n_test is None]
    shown = rows(results, whole, [results.shown_size()])
    return charts.tradeoff(shown, charts.model_styles(results.models), results.strength) if shown else None


def confusion(results):
    """Draw the most frequent mistakes of the leading rows; None where these are not tested."""
    size, styles = results.shown_size(), charts.model_styles(results.models)
    models = [m for m in results.leaders() if results.test(m, size)][:PANELS]
    classes = results.as_comparison()["settings"]["classes"]
    mistakes = {
        results.label(m): most_confused(list(results.test(m, size).values()), classes, N_CONFUSIONS) for m in models
    }
    colours = {results.label(m): styles[m]["color"] for m in models}
    return charts.confusion(mistakes, colours) if mistakes else None


def layers(results):
    """Draw what first layers look for, learned in the largest training set that there is; None without any."""
    packed = {
        m: record["first_layer"]
        for m in LAYERS
        for size in results.sizes
        for record in results.test(m, size).values()
        if record["first_layer"]
    }
    return charts.first_layers({results.label(m): unpack(p) / 127 for m, p in packed.items()}) if packed else None


def curves_caption(results):
    """Return the caption of the first figure, which is one of dots where a single size is tested."""
    leaders = results.leaders()
    sizes = [s for s in results.sizes if any(results.test(m, s) for m in leaders)]
    validated = [m for m in leaders if any(results.validation(m, s) for s in results.sizes)]
    led = "the row with the lowest validation errors, on the draws that its rows share"
    led = f"{led} (without any the first row)" if len(validated) < len(leaders) else led
    followed = len(leaders) > len({results.models[m].representation.family for m in leaders})
    last = ", and the one with the lowest at the family's largest size" if followed else ""
    rows = f"Of each family {led if validated else 'the first row'}{last}, controls left out. {BARS}"
    numbers = "the table holds the numbers."
    if len(sizes) == 1:
        alt = (
            f"Dot chart of the test error with {sizes[0]:,} training images, one or two rows for each family; {numbers}"
        )
        return Caption("Test error", alt, f"{rows} {sizes[0]:,} training images. Further left is better.")
    alt = f"Line chart of the test error against the number of training images, one or two lines a family; {numbers}"
    papers = f" Dashed: what papers report, one curve a family. {CAVEAT}" if leading_curves(results.data.name) else ""
    return Caption("Test error by training-set size", alt, f"{rows} {BANDS} Lower is better.{papers}")


def captions(results):
    """Return the caption of each figure."""
    size, strength = results.shown_size(), results.strength
    return {
        "learning_curves": curves_caption(results),
        "tradeoff": Caption(
            "What accuracy costs",
            "Three scatter plots of the test error of each row: against the relative change of its features, against "
            "their sensitivity D, and against the CPU seconds it takes to fit.",
            f"Test error against the relative change and against D at Jacobian norm {strength:g} (above), and against "
            f"the median CPU seconds to fit (below). {BARS} {ACROSS} {size:,} training images. "
            "Lower left is better in all. The relative change flatters features with a large mean; D does not.",
        ),
        "confusion": Caption(
            "Which classes are confused",
            "Bar charts, one a row, of the most frequent pairs of true and predicted class.",
            f"The {N_CONFUSIONS} most frequent mistakes of up to {PANELS} rows of the first figure, true class → "
            f"predicted class, in test images per draw. {size:,} training images.",
        ),
        "first_layers": FIRST_LAYERS._replace(
            text=f"{FIRST_LAYERS.text} Learned from the first draw of the largest training set that there is."
        ),
    }
