"""Captions of figures: headings, alternative texts for screen readers, and how to read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kernelconv.report.charts.accuracy import N_CONFUSIONS
from kernelconv.report.charts.scales import log_scale
from kernelconv.report.published import CAVEAT, leading_curves, sources
from kernelconv.report.summary import Results, Row, compared_rows, middle_strength


class Caption(NamedTuple):
    """The heading of a figure, its alternative text, and how to read it."""

    title: str
    alt: str
    text: str


FIRST_LAYERS = Caption(
    "What the first layers look for",
    "Rows of small pictures, one row per model.",
    "Scattering: the real part of its wavelets, from fine to coarse. Kernel networks: their anchors, patches that "
    "spherical k-means found. CNN: the filters that training found. Grey is zero; each picture has its own scale, and "
    "those of colour images are in colour.",
)
#: What the two bars of a test error are.
BARS = "Thick bars: one standard error over draws of training images; thin bars: over test images."
#: What the band of a learning curve is.
BANDS = "Bands: two standard errors on either side, of draws and of test images together."
#: What the bars across it are.
ACROSS = "Horizontal bars: 95 % bootstrap intervals over images, averaged over draws."


def caption(name: str, results: Results, rows: Sequence[Row]) -> Caption:
    """Return the caption of the figure whose file is `name`.png.

    Raises
    ------
    ValueError
        If `write_figures` makes no figure of this name.
    """
    makers = {
        "learning_curves": _learning_curves,
        "stability": _stability,
        "tradeoff": _tradeoff,
        "confusion": _confusion,
        "deformed": _deformed,
        "first_layers": _first_layers,
    }
    if name not in makers:
        raise ValueError(f"No figure is called {name!r}: write_figures makes {', '.join(makers)}.")
    return makers[name](results, rows)


def _learning_curves(results: Results, rows: Sequence[Row]) -> Caption:
    sizes = {row["train_size"] for row in rows}
    if len(sizes) == 1:
        (size,) = sizes
        return Caption(
            "Test error",
            f"Dot chart of the test error of each model with {size:,} training images; the table holds the numbers.",
            f"Test error with {size:,} training images, mean over seeds. {BARS} Further left is better.",
        )
    axis = "Both axes are logarithmic, so a power law is a straight line."
    return Caption(
        "Test error by training-set size",
        "Line chart of the test error against the number of training images, one line per model; the table holds "
        "the numbers.",
        f"Test error, mean over seeds. {BARS} {BANDS} Where errors are nearly equal, later models cover earlier "
        "ones. Lower is better. "
        + (axis if log_scale([row["error"] for row in rows]) else "The horizontal axis is logarithmic.")
        + _papers(results["settings"]["data"]),
    )


def _papers(data: str) -> str:
    found = sources(leading_curves(data))
    if not found:
        return ""
    named = "; ".join(f"{method}: {source}" for method, source in found.items())
    return f" Dashed: what papers report, one curve a family ({named}). {CAVEAT}"


def _stability(results: Results, rows: Sequence[Row]) -> Caption:
    deformation = results["settings"]["deformation"]
    beyond = " Above 1/2 the stability theorem is not stated." if max(deformation["strengths"]) > 0.5 else ""
    return Caption(
        "Stability to deformation",
        "Two charts, of the relative change and of the sensitivity D of each model's features, against the Jacobian "
        "norm of the deformation; the table holds the numbers.",
        f"How far the features move when {deformation['n_images']:,} test images are deformed, against the Jacobian "
        "norm ‖∇τ‖∞ of the fields: relative to their norm (left) and, as D, to how features of different images differ "
        f"(right). {_size(rows)} Bars: 95 % intervals over images, averaged over seeds. Lower is more stable.{beyond}",
    )


def _tradeoff(results: Results, rows: Sequence[Row]) -> Caption:
    return Caption(
        "What accuracy costs",
        "Three scatter plots of the test error of each model: against the relative change of its features, against "
        "their sensitivity D, and against the CPU seconds it takes to fit; the table holds the numbers.",
        f"Test error against the relative change and against D at Jacobian norm {middle_strength(results):g} (above), "
        f"and against the median CPU seconds to fit (below). {BARS} {ACROSS} {_size(rows)} "
        "Lower left is better in all. Stability says little by itself, since features that ignore the image never "
        "move: read it beside the error.",
    )


def _confusion(results: Results, rows: Sequence[Row]) -> Caption:
    return Caption(
        "Which classes are confused",
        f"Bar charts, one per model, of the {N_CONFUSIONS} most frequent pairs of true and predicted class.",
        f"The {N_CONFUSIONS} most frequent mistakes of each model, true class → predicted class, in test images per "
        f"run (mean over seeds). {_size(rows)} All panels share one scale.",
    )


def _deformed(results: Results, rows: Sequence[Row]) -> Caption:
    family = results["settings"]["deformation"]["family"]
    return Caption(
        "What the deformations look like",
        "Rows of images: each original, then the same image deformed more and more.",
        f"Each row is one image, then the same image deformed by {family} at the Jacobian norm above its column.",
    )


def _first_layers(results: Results, rows: Sequence[Row]) -> Caption:
    learned = "Learned from the first draw of the largest training set."
    return FIRST_LAYERS._replace(text=f"{FIRST_LAYERS.text} {learned}")


def _size(rows: Sequence[Row]) -> str:
    return "".join(f"Models fitted on {row['train_size']:,} training images." for row in compared_rows(rows)[:1])
