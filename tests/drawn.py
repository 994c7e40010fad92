"""What charts draw, artist by artist, as text: `drawn.txt` holds that of results made by hand.

python tests/drawn.py    # record it anew, where a drawing is meant to look otherwise
"""

from pathlib import Path

import numpy as np
from reports import make_results, make_study

from kernelconv import report
from kernelconv.report import charts
from kernelconv.report.published import Published

FILE = Path(__file__).parent / "drawn.txt"
LONG = "a convolutional kernel network of two layers with labels of more than sixty letters"
MODELS = ("pixels", "scattering", LONG)


def version():
    """The release of matplotlib, whose defaults are drawn too."""
    import matplotlib

    return "matplotlib " + ".".join(matplotlib.__version__.split(".")[:2])


def lines():
    """A line for each artist of every chart, with what one sees of it."""
    import matplotlib

    with matplotlib.rc_context(charts.STYLE):
        return [line for name, figure in figures().items() for line in (f"== {name}", *of_figure(figure))]


def figures():
    """Every chart of results of a few models."""
    rng, styles = np.random.default_rng(0), charts.model_styles(MODELS)
    twenty = report.summary_rows(make_results([f"m{k}" for k in range(20)], (100,), (0,)))
    many, one = (report.summary_rows(make_results(MODELS, sizes)) for sizes in ((100, 300), (100,)))
    papers = [Published("digits", method, "", size, 4.0, "read", "") for method in "abc" for size in (100, 300)]
    strengths = (0.1, 0.2, 0.4)
    mistakes = {LONG: [("automobile or lorry", "some ship or boat", 3.0), ("2", "1", 1.0)], "n": []}
    worst = {"image": rng.random((32, 32)), "warped": rng.random((32, 32)), "tau": rng.normal(size=(32, 32, 2))}
    study = [row for row in make_study()["rows"] if row["family"] == "smooth"]
    return {
        "learning curves": charts.learning_curves(many, styles, papers),
        "errors": charts.learning_curves(one, styles),
        "changes": charts.change(one, styles, strengths),
        "changes at one strength": charts.change(one, styles, (0.2,)),
        "tradeoff": charts.tradeoff(one, styles, 0.2),
        "mistakes": charts.confusion({**mistakes, "o": []}, dict.fromkeys([LONG, "n", "o"], "#0072B2")),
        "mistakes of one": charts.confusion({LONG: mistakes[LONG]}, {LONG: "#0072B2"}),
        "first layers": charts.first_layers({LONG: rng.uniform(-1, 1, (20, 3, 3)), "n": np.zeros((2, 3, 3))}),
        "deformed": charts.deformed(rng.random((2, 3, 8, 10)), (0.1, 0.2)),
        "worst fields": charts.worst_fields({LONG: {**worst, "change": 0.5}}),
        "stability": charts.curves(study, {"pixels": "pixels", "lenet": "LeNet-5"}, "px"),
        "twenty models": charts.learning_curves(twenty, charts.model_styles([r["model"] for r in twenty])),
    }


def of_figure(figure):
    """The size of a figure and what it holds."""
    yield f"figure {shown(figure.get_size_inches())} {shown(figure.get_facecolor())}"
    if figure.get_supxlabel():
        yield f"  below {figure.get_supxlabel()!r} {look(figure._supxlabel, 'color fontsize')}"
    for legend in figure.legends:
        yield f"  legend {[t.get_text() for t in legend.get_texts()]} {legend._ncols} {legend.columnspacing}"
        yield f"    {legend.get_frame_on()} {legend._loc} {[h.get_marker() for h in legend.get_lines()]}"
    for k, axes in enumerate(figure.axes):
        place = " ".join(map(str, axes.get_subplotspec().get_geometry()))
        yield f"  axes {k} {place} {axes.get_visible()} {axes.axison}"
        for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
            low, high = sorted(axis.get_view_interval())
            ticks = [t for t in axis.get_majorticklocs() if low <= t <= high]
            labels = axis.get_major_formatter().format_ticks(ticks)
            yield f"    {name} {axis.get_label_text()!r} {axis.get_scale()} {shown(axis.get_view_interval())}"
            yield f"      {labels} {len(axis.get_minorticklocs())} {axis.get_ticks_position()}"
            yield f"      {look(axis.get_label(), 'color fontsize')}"
            yield from (f"      grid {look(line, 'visible color linewidth')}" for line in axis.get_gridlines()[:1])
        spines = [f"{side} {look(s, 'edgecolor linewidth')}" for side, s in axes.spines.items() if s.get_visible()]
        yield f"    {', '.join(spines)}"
        yield from (f"    {line}" for child in axes.get_children() for line in of_artist(child))


def of_artist(artist):
    """What one sees of a line, a bar, a band, an image, arrows or a text."""
    kind = type(artist).__name__
    if kind == "Line2D":
        same = "color linewidth linestyle marker markersize markerfacecolor markeredgecolor markeredgewidth zorder"
        yield f"{kind} {shown(artist.get_xydata())} {look(artist, same)}"
    elif kind == "LineCollection":
        yield f"{kind} {shown(artist.get_segments())} {look(artist, 'color linewidth zorder')}"
    elif kind in ("PolyCollection", "FillBetweenPolyCollection"):
        path = artist.get_paths()[0].vertices
        yield f"band {shown(path.min(0))} {shown(path.max(0))} {look(artist, 'facecolor linewidth alpha')}"
    elif kind == "Quiver":
        given = [artist.X, artist.Y, artist.U, artist.V]
        yield f"{kind} {[shown(np.ravel(a)[:20]) for a in given]} {artist.scale} {artist.pivot} {artist.width}"
        yield f"  {artist.angles} {artist.scale_units} {look(artist, 'facecolor')}"
    elif kind == "AxesImage":
        yield f"{kind} {shown(np.ravel(artist.get_array())[:20])} {shown(artist.get_clim())} {artist.get_cmap().name}"
        yield f"  {artist.get_interpolation()}"
    elif kind == "Rectangle" and artist.get_label() != "":
        yield f"bar {shown(artist.get_bbox().extents)} {look(artist, 'facecolor')}"
    elif kind == "Text" and artist.get_text():
        yield f"text {artist.get_text()!r} {shown(artist.get_position())} {look(artist, 'color fontsize in_layout')}"


def look(artist, names):
    """The values of some of an artist's properties."""
    return " ".join(f"{name}={shown(getattr(artist, f'get_{name}')())}" for name in names.split())


def shown(value):
    """A value as text, numbers to six digits."""
    if isinstance(value, np.ma.MaskedArray):
        value = value.filled(np.nan)
    if isinstance(value, list | tuple | np.ndarray):
        return "(" + " ".join(map(shown, value)) + ")"
    return f"{value + 0.0:.6g}" if isinstance(value, float | np.floating) else str(value)


if __name__ == "__main__":
    FILE.write_text("\n".join([version(), *lines(), ""]), encoding="utf-8")
