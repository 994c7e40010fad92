"""Drawings of images: first layers, deformed images, and the worst field of each representation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv.report.charts.style import WIDTH, label_text, new_figure


def first_layers(pictures: Mapping[str, NDArray], *, pyplot: bool = False) -> Any:
    """Draw what first layers look for, one row for each model: (k, h, w) or (k, h, w, 3) in [-1, 1], grey at zero."""
    n_columns = 8
    figure = new_figure(0.25 + 0.95 * len(pictures), pyplot=pyplot)
    figure.get_layout_engine().set(h_pad=0.14)
    panels = figure.subplots(len(pictures), n_columns, squeeze=False)
    for line, (name, images) in zip(panels, pictures.items(), strict=True):
        shown = [images[i] for i in np.linspace(0, len(images) - 1, min(n_columns, len(images))).round().astype(int)]
        for axes in line:
            axes.set_axis_off()
        for axes, image in zip(line, shown, strict=False):
            show_image(axes, (np.asarray(image) + 1) / 2)
        name = line[0].text(0, 1.08, label_text(name, 60), transform=line[0].transAxes)
        name.set_in_layout(False)  # or a long name would widen its column
    return figure


def deformed(images: NDArray, strengths: Sequence[float]) -> Any:
    """Draw each example in a row: as it is, then deformed at each strength."""
    if images.ndim not in (4, 5) or images.shape[1] != 1 + len(strengths) or 0 in images.shape:
        raise ValueError(
            f"images must be (n_examples, 1 + {len(strengths)}, h, w) or (n_examples, 1 + {len(strengths)}, h, w, c): "
            f"the original and one image per strength; got shape {images.shape}."
        )
    n, m, h, w = images.shape[:4]
    side = min(WIDTH / m, 0.95)
    figure = new_figure(0.3 + n * side * min(max(h / w, 0.2), 2), m * side)
    panels = figure.subplots(n, m, squeeze=False)
    for line, example in zip(panels, images, strict=True):
        # the original's range for all of its row: what the interpolation overshoots is cut, not spread over the greys
        low, high = float(example[0].min()), float(example[0].max())
        for axes, image in zip(line, (example - low) / ((high - low) or 1.0), strict=True):
            show_image(axes, image)
    for axes, title in zip(panels[0], ["original", *(f"{s:g}" for s in strengths)], strict=True):
        axes.set_title(title, loc="center")
    return figure


def worst_fields(examples: Mapping[str, Mapping[str, Any]], what: str = "changes {:.2f}") -> Any:
    """Draw one row for each model: image, image under its worst field with `what` it does, the field as arrows."""
    figure = new_figure(1.5 * len(examples) + 0.3, 4.8)
    panels = figure.subplots(len(examples), 3, squeeze=False)
    for line, (name, example) in zip(panels, examples.items(), strict=True):
        image, warped, tau = (np.asarray(example[key]) for key in ("image", "warped", "tau"))
        low, high = float(image.min()), float(image.max())
        for axes, shown in zip(line, (image, warped, warped), strict=True):
            show_image(axes, (shown - low) / ((high - low) or 1.0))
        step = max(1, image.shape[0] // 16)
        rows, columns = np.mgrid[step // 2 : image.shape[0] : step, step // 2 : image.shape[1] : step]
        arrows = tau[rows, columns]
        # the arrow ends where the value is shown and begins where it came from: u - tau(u) to u
        options: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1, "pivot": "tip", "width": 0.008}
        line[2].quiver(columns, rows, arrows[..., 1], arrows[..., 0], color="#D55E00", **options)
        line[0].set_title(label_text(name), loc="left").set_in_layout(False)
        line[1].set_title(what.format(example["change"]), loc="left")
    return figure


def show_image(axes: Any, image: NDArray) -> None:
    """Draw an image (h, w) or (h, w, c) from 0, black, to 1; what lies beyond is cut. Three channels are colours."""
    image = image if image.ndim == 2 or image.shape[-1] == 3 else image.mean(axis=-1)
    axes.imshow(image.clip(0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_axis_off()
