"""The drawings of a comparison: errors by training size, stability, what accuracy costs, and mistakes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kernelconv.report.charts.scales import error_axis, seconds_axis, size_axis
from kernelconv.report.charts.style import DASHES, GREY, label_text, legend, new_figure
from kernelconv.report.published import Published
from kernelconv.report.summary import Row, change_at

N_CONFUSIONS = 8  # pairs of classes that a panel lists
#: The two measures of change, as an axis names them.
AXES = {"relative_change": "mean relative change", "deformation_sensitivity": "sensitivity D"}
Styles = Mapping[str, Any]


def learning_curves(rows: Sequence[Row], styles: Styles, papers: Sequence[Published] = ()) -> Any:
    """Draw the test error against the training-set size; with one size, a dot per model.

    A row has two bars: thick, its standard error over draws of training images; thin, that over test images. The band
    of a line is twice the root of the sum of their squares wide, on either side. Beside the models, dashed and grey,
    the curves that papers report, between our smallest and largest size.
    """
    sizes = sorted({row["train_size"] for row in rows})
    if len(sizes) == 1:
        return _dots(rows, styles, {f"test error, % ({sizes[0]:,} training images)": _error_dot})
    figure = new_figure(3.6)
    axes = figure.subplots()
    handles = {}
    for name in dict.fromkeys(row["model"] for row in rows):
        line = [r for r in rows if r["model"] == name]
        x, y = [r["train_size"] for r in line], [r["error"] for r in line]
        for row in line:
            _draw_bars(axes.errorbar, row["train_size"], row["error"], "yerr", _bars(row), styles[name])
        low, high = zip(*(_band(row) for row in line), strict=True)
        axes.fill_between(x, low, high, color=styles[name]["color"], alpha=0.16, linewidth=0, zorder=1.4)
        handles[line[0]["label"]] = axes.plot(x, y, **styles[name], linewidth=1.5)[0]
    within = [p for p in papers if sizes[0] <= p.size <= sizes[-1]]
    for name, dashes in zip(dict.fromkeys(p.method for p in within), DASHES, strict=False):
        points = [(p.size, p.error) for p in within if p.method == name]
        style = {"color": GREY, "linewidth": 1.1, "linestyle": dashes, "zorder": 1.5}
        handles[f"{name}, paper"] = axes.plot(*zip(*points, strict=True), **style)[0]
    size_axis(axes, sizes)
    error_axis(axes, [(r["error"], max(_bars(r))) for r in rows] + [(p.error, 0.0) for p in within])
    legend(figure, handles)
    return figure


def change(rows: Sequence[Row], styles: Styles, strengths: Sequence[float]) -> Any:
    """Draw the relative change and D against the strength; with one strength, a dot per model in both."""
    rows = [row for row in rows if all(row[measure] for measure in AXES)]
    if len(strengths) == 1:
        (strength,) = strengths
        panels = {f"{text} at {strength:g}": _change_dot(strength, m) for m, text in AXES.items()}
        return _dots(rows, styles, panels)
    figure = new_figure(3.2)
    handles, strengths = {}, sorted(strengths)
    for axes, (measure, text) in zip(figure.subplots(1, len(AXES)), AXES.items(), strict=True):
        for row in rows:
            mean, down, up = zip(*(_point(row, s, measure) for s in strengths), strict=True)
            style = {**styles[row["model"]], "linewidth": 1.5, "elinewidth": 1.2}
            handles[row["label"]] = axes.errorbar(strengths, mean, (down, up), **style)[0]
        axes.set_xlabel("Jacobian norm")
        axes.set_title(text)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.set_xticks([0, *strengths], ["0", *(f"{s:g}" for s in strengths)])
    legend(figure, handles)
    return figure


def tradeoff(rows: Sequence[Row], styles: Styles, strength: float) -> Any:
    """Draw the test error against the relative change, D and the seconds to fit."""
    figure = new_figure(5.0)
    panels = figure.subplot_mosaic([[*AXES], ["seconds", "seconds"]], sharey=True)
    handles = {}
    for row in rows:
        style = {**styles[row["model"]], "linestyle": "none"}
        places = {m: _point(row, strength, m) for m in AXES if row[m]}
        for name, (value, down, up) in {**places, "seconds": (row["fit_seconds"], 0.0, 0.0)}.items():
            axes = panels[name]
            axes.errorbar(
                value, row["error"], xerr=[[down], [up]], fmt="none", ecolor=style["color"], elinewidth=1.2, zorder=2.1
            )
            _draw_bars(axes.errorbar, value, row["error"], "yerr", _bars(row), style)
            handles[row["label"]] = axes.plot([value], [row["error"]], **style)[0]
    for name, text in AXES.items():
        panels[name].set_xlabel(f"{text} at {strength:g}")
        panels[name].set_xlim(left=0)
    for name in ("relative_change", "seconds"):
        error_axis(panels[name], [(row["error"], max(_bars(row))) for row in rows])
    panels["seconds"].set_xlabel("CPU seconds to fit")
    seconds_axis(panels["seconds"], [row["fit_seconds"] for row in rows])
    legend(figure, handles)
    return figure


def confusion(mistakes: Mapping[str, Sequence[tuple[str, str, float]]], colours: Mapping[str, str]) -> Any:
    """Draw the most frequent mistakes, a panel a model: label -> [(true class, predicted class, test images)]."""
    n_columns = 2 if len(mistakes) > 1 else 1
    n_lines = -(-len(mistakes) // n_columns)
    figure = new_figure(0.5 + 2.1 * n_lines)
    panels = figure.subplots(n_lines, n_columns, sharex=True, squeeze=False).ravel()
    for axes, (label, pairs) in zip(panels, mistakes.items(), strict=False):
        names = [f"{label_text(true, 12)} → {label_text(predicted, 12)}" for true, predicted, _ in pairs]
        axes.barh(range(len(pairs)), [count for *_, count in pairs], 0.62, color=colours[label])
        axes.set_yticks(range(len(pairs)), names)
        axes.set_ylim(N_CONFUSIONS - 0.4, -0.6)
        title = label_text(label, 24 if n_columns > 1 else 48) + ("" if pairs else ": no error")
        axes.set_title(title, loc="right")  # there is room above the names of the classes, and none on the right
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.tick_params(labelbottom=True)
    for axes in panels[len(mistakes) :]:
        axes.set_visible(False)
    figure.supxlabel("test images per run: true class → predicted class", fontsize=10, color="#262626")
    return figure


def _bars(row: Row) -> tuple[float, float]:
    """Return the two standard errors of a row: over draws (0 with one draw) and over test images."""
    return row["over_draws"] or 0.0, row["over_images"] or 0.0


def _band(row: Row) -> tuple[float, float]:
    """Return the test error less and plus two standard errors, of draws and of test images together."""
    half = 2 * math.hypot(*_bars(row))
    return max(0.0, row["error"] - half), row["error"] + half


def _draw_bars(errorbar: Any, x: float, y: float, side: str, bars: tuple[float, float], style: Styles) -> None:
    """Draw both bars of a point above its marker: thick over draws, thin over test images."""
    for size, width in zip(bars, (2.6, 0.9), strict=True):
        if size:
            errorbar(x, y, **{side: size}, fmt="none", ecolor=style["color"], elinewidth=width, zorder=2.1)


def _point(row: Row, strength: float, measure: str) -> tuple[float, float, float]:
    """Return the mean of a measure at one strength, and how far its interval reaches down and up."""
    found = change_at(row, strength, measure)
    # a mean outside of its own bootstrap interval is rare, and still no reason to draw a negative bar
    return found["mean"], max(0.0, found["mean"] - found["low"]), max(0.0, found["high"] - found["mean"])


def _error_dot(axes: Any, k: int, row: Row, style: Styles) -> None:
    _draw_bars(axes.errorbar, row["error"], k, "xerr", _bars(row), style)
    axes.plot([row["error"]], [k], **style)


def _change_dot(strength: float, measure: str) -> Callable[[Any, int, Row, Styles], None]:
    def draw(axes: Any, k: int, row: Row, style: Styles) -> None:
        mean, down, up = _point(row, strength, measure)
        axes.errorbar([mean], [k], xerr=[[down], [up]], **style, elinewidth=1.4)

    return draw


def _dots(rows: Sequence[Row], styles: Styles, panels: Mapping[str, Callable[[Any, int, Row, Styles], None]]) -> Any:
    """Draw one line per model with a dot and its bars, a panel a label: for results that have no second axis."""
    figure = new_figure(1.0 + 0.34 * len(rows))
    found = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (label, draw) in zip(found, panels.items(), strict=True):
        for k, row in enumerate(rows):
            draw(axes, k, row, styles[row["model"]])
        axes.set_xlim(left=0)
        axes.set_xlabel(label)
        axes.grid(visible=False, axis="y")
    found[0].set_yticks(range(len(rows)), [label_text(row["label"], 24 if len(panels) > 1 else 36) for row in rows])
    found[0].set_ylim(len(rows) - 0.5, -0.5)
    return figure
