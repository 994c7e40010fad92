"""Drawings of what is inside networks, and of how they learned: pictures in rows, maps, fields, training curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair
from kernelconv.report.charts.pictures import show_image
from kernelconv.report.charts.style import GREY, WIDTH, label_text, legend, model_styles, new_figure

#: Of a column of names beside rows of pictures, inches.
_NAMES = 1.2
_FRAME = "#D55E00"
_MARGIN = 0.02  # around an image and its window, of the longer side of the image


def sheet(pictures: NDArray, n_columns: int, names: Sequence[str] = ()) -> Any:
    """Draw pictures (k, h, w) or (k, h, w, c) from 0, black, to 1, in rows of `n_columns`, with a name a row."""
    n_lines = -(-len(pictures) // n_columns)
    figure = _rows(n_lines, n_columns, pictures.shape[1] / pictures.shape[2], names)
    panels = figure.subplots(n_lines, n_columns, squeeze=False)
    for axes in panels.ravel():
        axes.set_axis_off()
    for axes, picture in zip(panels.ravel(), pictures, strict=False):
        show_image(axes, picture)
        _outline(axes, *picture.shape[:2])  # white edges on white paper
    for line, name in zip(panels, names, strict=False):
        _name(line[0], name)
    return figure


def maps(image: NDArray, layers: Mapping[str, NDArray]) -> Any:
    """Draw an image (h, w, c), and below it the first channels of each layer's maps (h', w', c'); lines as curves.

    Each layer has its own range of greys.
    """
    n_columns = max((m.shape[-1] for m in layers.values()), default=1)
    ratio = min(max(image.shape[0] / image.shape[1], 0.6), 2.0)
    figure = _rows(1 + len(layers), n_columns, ratio, ["image", *layers])
    panels = figure.subplots(1 + len(layers), n_columns, squeeze=False)
    for axes in panels.ravel():
        axes.set_axis_off()
    _map(panels[0, 0], _unit_range(image))
    _name(panels[0, 0], "image")
    for line, (name, found) in zip(panels[1:], layers.items(), strict=True):
        for axes, channel in zip(line, np.moveaxis(_unit_range(found), -1, 0), strict=False):
            _map(axes, channel[..., None])
        _name(line[0], name)
    return figure


def field(axes: Any, gradient: NDArray, window: tuple[Pair, Pair], title: str) -> None:
    """Draw how strongly one unit hears of each pixel (h, w), and its window, ((row, column), (height, width))."""
    from matplotlib.patches import Rectangle

    (row, column), (height, width) = window
    axes.imshow(np.sqrt(gradient / (gradient.max() or 1.0)), cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
    frame: dict[str, Any] = {"fill": False, "edgecolor": _FRAME, "linewidth": 1.5}
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), width, height, **frame))
    (h, w), edge = gradient.shape, 0.5 + _MARGIN * max(gradient.shape)  # the axes show the image and the whole window
    axes.set_xlim(min(0, column) - edge, max(w, column + width) - 1 + edge)
    axes.set_ylim(max(h, row + height) - 1 + edge, min(0, row) - edge)
    _outline(axes, h, w)
    axes.grid(visible=False)
    axes.set_title(title)


def _outline(axes: Any, h: int, w: int) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((-0.5, -0.5), w, h, fill=False, edgecolor="0.7", linewidth=0.6, clip_on=False))


def training(axes: Mapping[str, Any], curves: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, Any]:
    """Draw, a panel a measure, its value by epoch, a single one as a point; dashed, on held-out images.

    Return one line for each name.
    """
    handles: dict[str, Any] = {}
    for (name, records), style in zip(curves.items(), model_styles(list(curves)).values(), strict=True):
        epochs = [r.get("epoch", k) for k, r in enumerate(records, 1)]
        own = {"color": style["color"], "linewidth": 1.5}
        for measure, panel in axes.items():
            for key, dashes in ((measure, "-"), (f"validation_{measure}", "--")):
                known = [(e, r[key]) for e, r in zip(epochs, records, strict=True) if key in r]
                if known:
                    point = {"marker": style["marker"], "markersize": 4} if len(known) == 1 else {}
                    (line,) = panel.plot(*zip(*known, strict=True), linestyle=dashes, **own, **point)
                    handles.setdefault(name, line)
                    if name and key == measure:
                        line.set_label(label_text(name))
    for measure, panel in axes.items():
        panel.set_xlabel("epoch")
        panel.set_title(measure.replace("_", " "))
        panel.xaxis.get_major_locator().set_params(integer=True)
    return handles


def measures_of(curves: Mapping[str, Sequence[Mapping[str, float]]]) -> list[str]:
    """Return what the records of trainings measure, but for the epoch; held-out images are no measure of their own."""
    keys = (key.removeprefix("validation_") for records in curves.values() for r in records for key in r)
    return [key for key in dict.fromkeys(keys) if key != "epoch"]


def training_figure(curves: Mapping[str, Sequence[Mapping[str, float]]]) -> Any:
    """Draw `training` on a figure of its own, with a legend where there are several names or held-out images."""
    from matplotlib.lines import Line2D

    measures = measures_of(curves)
    figure = new_figure(2.6, pyplot=True)
    panels = dict(zip(measures, figure.subplots(1, len(measures), squeeze=False)[0], strict=True))
    lines = training(panels, curves)
    handles = lines if len(curves) > 1 else {}
    if any(key.startswith("validation_") for records in curves.values() for r in records for key in r):
        handles["training images"] = Line2D([], [], color=GREY, linestyle="-")
        handles["held-out images"] = Line2D([], [], color=GREY, linestyle="--")
    if handles:
        legend(figure, handles)
    return figure


def _rows(n_lines: int, n_columns: int, ratio: float, names: Sequence[str]) -> Any:
    """Return a figure for rows of pictures of a `ratio` of height to width, with room for names on the left."""
    room = _NAMES if any(names) else 0.0
    side = min((WIDTH - room) / n_columns, 0.95)
    return new_figure(0.1 + n_lines * (side * ratio + 0.06), room + n_columns * side, pyplot=True)


def _name(axes: Any, name: str) -> None:
    """Write a row's name to the left of its first panel."""
    axes.text(-0.12, 0.5, label_text(name, 20), transform=axes.transAxes, ha="right", va="center", fontsize=8)


def _map(axes: Any, channels: NDArray) -> None:
    """Draw channels (h, w, c) in [0, 1]: as a picture, or where they are one line as curves."""
    if channels.shape[0] > 1:
        show_image(axes, channels)
        return
    for line in np.moveaxis(channels[0], -1, 0):
        axes.plot(line, color="#262626", linewidth=0.8)
    axes.set_ylim(-0.05, 1.05)


def _unit_range(values: NDArray) -> NDArray:
    """Return values brought to [0, 1], 0.5 where they are all the same."""
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.full_like(values, 0.5)
