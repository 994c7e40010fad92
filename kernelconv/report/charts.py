"""The drawings of a comparison, as matplotlib Figures made without pyplot: one colour and marker per model in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv.report.published import Published
from kernelconv.report.summary import Results, Row, change_at, log_scale, most_confused

# Okabe and Ito's colours for all kinds of colour vision, the dark ones first; seven of them and eight markers
# give 56 distinct pairs
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_GREY = "#595959"
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "font.family": "sans-serif",
    "text.usetex": False,
    "axes.edgecolor": "#8c8c8c",
    "axes.labelcolor": "#262626",
    "axes.linewidth": 0.8,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "xtick.color": _GREY,
    "ytick.color": _GREY,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.bbox": None,
}
_DASHES = ("--", ":", "-.", (0, (6, 2, 1, 2, 1, 2)))
_WIDTH = 5.6  # inches: narrow, so that 10 pt can still be read on a phone
N_CONFUSIONS = 8  # pairs of classes that a panel lists


def new_figure(height: float, width: float = _WIDTH) -> Any:
    """Return an empty figure, sizes in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def model_styles(models: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return how each model is drawn: it depends on its place in the settings, not on what is finished."""
    return {
        name: {
            "color": _COLOURS[k % len(_COLOURS)],
            "marker": _MARKERS[k % len(_MARKERS)],
            "markersize": 6,
            "markeredgecolor": "white",
            "markeredgewidth": 0.6,
        }
        for k, name in enumerate(models)
    }


def label_text(name: str, longest: int = 24) -> str:
    """Return `name` as matplotlib should show it: not as a formula, not as a label to hide, and not too long."""
    name = name if len(name) <= longest else name[: longest - 1] + "…"
    return (" " + name if name.startswith("_") else name).replace("$", r"\$")


def legend(figure: Any, handles: Mapping[str, Any]) -> None:
    """Put a legend above the figure, in as many columns as fit."""
    labels = [label_text(name) for name in handles]
    # about 60 characters fit beside each other, the marker and the gap of an entry being as wide as 6
    in_a_row = sum(len(label) + 6 for label in labels) <= 60
    n_columns = len(labels) if in_a_row else max(1, 60 // (max(map(len, labels)) + 6))
    figure.legend(list(handles.values()), labels, loc="outside upper left", ncols=n_columns, columnspacing=1.4)


def learning_curves(rows: Sequence[Row], styles: Mapping[str, Any], papers: Sequence[Published] = ()) -> Any:
    """Draw the test error against the training-set size; with one size, a dot per model.

    Beside the models, dashed and grey, the curves that papers report, between our smallest and largest size.
    """
    sizes = sorted({row["train_size"] for row in rows})
    if len(sizes) == 1:
        label = f"test error, % ({sizes[0]:,} training images)"
        return _dots(rows, styles, [(r["error"], r["standard_error"], r["standard_error"]) for r in rows], label)
    figure = new_figure(4.0)
    axes = figure.subplots()
    handles = {}
    for name in dict.fromkeys(row["model"] for row in rows):
        line = [r for r in rows if r["model"] == name]
        x, y, bar = zip(*((r["train_size"], r["error"], r["standard_error"]) for r in line), strict=True)
        handles[name] = axes.errorbar(x, y, bar, **styles[name], linewidth=1.5, elinewidth=1.2)[0]
    within = [p for p in papers if sizes[0] <= p.size <= sizes[-1]]
    for name, dashes in zip(dict.fromkeys(p.method for p in within), _DASHES, strict=False):
        x, y = zip(*((p.size, p.error) for p in within if p.method == name), strict=True)
        style = {"color": _GREY, "linewidth": 1.1, "linestyle": dashes, "zorder": 1.5}
        handles[f"{name}, paper"] = axes.plot(x, y, **style)[0]
    _size_axis(axes, sizes)
    _error_axis(axes, [*rows, *({"error": p.error, "standard_error": 0.0} for p in within)])
    legend(figure, handles)
    return figure


def first_layers(pictures: Mapping[str, Any]) -> Any:
    """Draw a row a model: what its first layer looks for, grey at zero, each picture on its own scale."""
    n_columns = 8
    figure = new_figure(0.25 + 0.95 * len(pictures))
    figure.get_layout_engine().set(h_pad=0.14)
    panels = figure.subplots(len(pictures), n_columns, squeeze=False)
    for line, (name, images) in zip(panels, pictures.items(), strict=True):
        shown = [images[i] for i in np.linspace(0, len(images) - 1, min(n_columns, len(images))).round().astype(int)]
        for axes in line:
            axes.set_axis_off()
        for axes, image in zip(line, shown, strict=False):
            axes.imshow(np.asarray(image), cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
        name = line[0].text(0, 1.08, label_text(name, 60), transform=line[0].transAxes)
        name.set_in_layout(False)  # or a long name would widen its column
    return figure


def _size_axis(axes: Any, sizes: Sequence[int]) -> None:
    axes.set_xscale("log")
    gap = (sizes[-1] / sizes[0]) ** (1 / 12)  # labels that are closer than a twelfth of the axis would overlap
    labelled: list[int] = []
    for size in reversed(sizes):
        if not labelled or size * gap <= labelled[-1]:
            labelled.append(size)
    axes.set_xticks(sizes, [f"{size:,}" if size in labelled else "" for size in sizes])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("training images")


def _error_axis(axes: Any, rows: Sequence[Row]) -> None:
    axes.set_ylabel("test error, %")
    errors = [row["error"] for row in rows]
    if not log_scale(errors):
        axes.set_ylim(bottom=0)
        return
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_yscale("log", nonpositive="clip")
    # a bar that reaches below a third of the smallest error would flatten everything: it is cut there
    lowest = max(min(row["error"] - row["standard_error"] for row in rows), min(errors) / 3)
    axes.set_ylim(lowest / 1.15, 1.15 * max(row["error"] + row["standard_error"] for row in rows))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(errors) > 6 * min(errors) else (1, 2, 3, 5, 7)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def stability(rows: Sequence[Row], styles: Mapping[str, Any]) -> Any:
    """Draw the relative change against the strength; with one strength, a dot per model."""
    change = "mean relative change of the features"
    strengths = [c["strength"] for c in rows[0]["relative_change"]]
    if len(strengths) == 1:
        points = [_mean_and_bars(row["relative_change"][0]) for row in rows]
        return _dots(rows, styles, points, f"{change} (Jacobian norm {strengths[0]:g})")
    figure = new_figure(4.0)
    axes = figure.subplots()
    handles = {}
    for row in rows:
        points = [_mean_and_bars(c) for c in row["relative_change"]]
        mean, down, up = zip(*points, strict=True)
        style = {**styles[row["model"]], "linewidth": 1.5, "elinewidth": 1.2}
        handles[row["model"]] = axes.errorbar(strengths, mean, (down, up), **style)[0]
    axes.set_xlabel("Jacobian norm of the deformation")
    axes.set_ylabel(change)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xticks([0, *strengths], ["0", *(f"{s:g}" for s in strengths)])
    legend(figure, handles)
    return figure


def _mean_and_bars(change: Mapping[str, float]) -> tuple[float, float, float]:
    # a mean outside of its own bootstrap interval is rare, and still no reason to draw a negative bar
    mean = change["mean"]
    return mean, max(0.0, mean - change["low"]), max(0.0, change["high"] - mean)


def _dots(
    rows: Sequence[Row], styles: Mapping[str, Any], points: Sequence[tuple[float, float, float]], label: str
) -> Any:
    """Draw one line per model with a dot and its bars: for results that have no second axis."""
    figure = new_figure(1.0 + 0.34 * len(rows))
    axes = figure.subplots()
    for k, (row, (value, down, up)) in enumerate(zip(rows, points, strict=True)):
        axes.errorbar([value], [k], xerr=[[down], [up]], **styles[row["model"]], elinewidth=1.4)
    axes.set_yticks(range(len(rows)), [label_text(row["model"]) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel(label)
    axes.grid(visible=False, axis="y")
    return figure


def tradeoff(rows: Sequence[Row], styles: Mapping[str, Any], strength: float) -> Any:
    """Draw the test error against the relative change, and against the seconds to fit."""
    figure = new_figure(3.6)
    left, right = figure.subplots(1, 2, sharey=True)
    handles = {}
    for row in rows:
        style = {**styles[row["model"]], "elinewidth": 1.2, "linestyle": "none", "markersize": 7}
        error, bar = [row["error"]], [row["standard_error"]]
        change, down, up = _mean_and_bars(change_at(row, strength))
        handles[row["model"]] = left.errorbar([change], error, bar, [[down], [up]], **style)[0]
        right.errorbar([row["fit_seconds"]], error, bar, **style)
    left.set_xlabel(f"mean relative change at {strength:g}")
    left.set_ylabel("test error, %")
    left.set_xlim(left=0)
    left.set_ylim(bottom=0)
    right.set_xlabel("seconds to fit")
    _seconds_axis(right, [row["fit_seconds"] for row in rows])
    legend(figure, handles)
    return figure


def _seconds_axis(axes: Any, seconds: Sequence[float]) -> None:
    if not log_scale(seconds):
        axes.set_xlim(left=0)
        return
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    axes.set_xlim(min(seconds) / 1.6, max(seconds) * 1.6)
    subs = (1, 2, 5) if max(seconds) < 30 * min(seconds) else (1,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def confusion(results: Results, rows: Sequence[Row], styles: Mapping[str, Any]) -> Any:
    """Draw the most frequent mistakes of each model, a panel each."""
    classes = results["settings"]["classes"]
    n_columns = 2 if len(rows) > 1 else 1
    n_lines = -(-len(rows) // n_columns)
    figure = new_figure(0.5 + 2.1 * n_lines)
    panels = figure.subplots(n_lines, n_columns, sharex=True, squeeze=False).ravel()
    for axes, row in zip(panels, rows, strict=False):
        pairs = most_confused(results, row, N_CONFUSIONS)
        names = [f"{label_text(classes[i], 12)} → {label_text(classes[j], 12)}" for i, j, _ in pairs]
        axes.barh(range(len(pairs)), [count for *_, count in pairs], 0.62, color=styles[row["model"]]["color"])
        axes.set_yticks(range(len(pairs)), names)
        axes.set_ylim(N_CONFUSIONS - 0.4, -0.6)
        axes.set_title(label_text(row["model"]) + ("" if pairs else ": no error"))
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.tick_params(labelbottom=True)
    for axes in panels[len(rows) :]:
        axes.set_visible(False)
    figure.supxlabel("test images per run: true class → predicted class", fontsize=10, color="#262626")
    return figure


def deformed(images: NDArray, strengths: Sequence[float]) -> Any:
    """Draw each example in a row: as it is, then deformed at each strength."""
    if images.ndim not in (4, 5) or images.shape[1] != 1 + len(strengths) or 0 in images.shape:
        raise ValueError(
            f"images must be (n_examples, 1 + {len(strengths)}, h, w) or (n_examples, 1 + {len(strengths)}, h, w, c): "
            f"the original and one image per strength; got shape {images.shape}."
        )
    if images.ndim == 5 and images.shape[-1] != 3:
        images = images.mean(axis=-1)
    n, m, h, w = images.shape[:4]
    side = min(_WIDTH / m, 0.95)
    figure = new_figure(0.3 + n * side * min(max(h / w, 0.2), 2), m * side)
    panels = figure.subplots(n, m, squeeze=False)
    for line, example in zip(panels, images, strict=True):
        # the original's range for all of its row: what the interpolation overshoots is cut, not spread over the greys
        low, high = float(example[0].min()), float(example[0].max())
        for axes, image in zip(line, (example - low) / ((high - low) or 1.0), strict=True):
            axes.imshow(image.clip(0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_axis_off()
    for axes, title in zip(panels[0], ["original", *(f"{s:g}" for s in strengths)], strict=True):
        axes.set_title(title, loc="center")
    return figure
