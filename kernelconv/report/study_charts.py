"""The drawings of a stability study: curves with bands, and the worst field of each representation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernelconv.report.charts import label_text, legend, model_styles, new_figure

Row = Mapping[str, Any]

#: What the panels of a family's figure show.
PANELS = {
    "relative_change": "relative change",
    "accuracy": "accuracy of the head",
    "relative_stability": "R, white noise",
    "relative_stability_spectrum": "R, noise of the same spectrum",
}


def curves(rows: Sequence[Row], models: Sequence[str], axis: str) -> Any:
    """Draw the measures of one family against the strength, a curve a model, with its 95 % interval as a band."""
    panels = [m for m in PANELS if any(r["measure"] == m for r in rows)]
    figure = new_figure(2.9 * -(-len(panels) // 2) + 0.6, 7.6)
    styles, handles = model_styles(models), {}
    axes = figure.subplots(-(-len(panels) // 2), 2, squeeze=False).ravel()
    for ax, measure in zip(axes, panels, strict=False):
        for model in models:
            line = sorted((r for r in rows if r["model"] == model and r["measure"] == measure), key=_strength)
            if not line:
                continue
            x, low, high = ([r[key] for r in line] for key in ("strength", "low", "high"))
            handles[model] = ax.plot(x, [r["mean"] for r in line], linewidth=1.4, **styles[model])[0]
            ax.fill_between(x, low, high, color=styles[model]["color"], alpha=0.18, linewidth=0)
        ax.set_title(PANELS[measure])
        ax.set_xlabel(axis)
        if measure.startswith("relative_stability"):
            ax.set_yscale("log")
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    legend(figure, handles)
    return figure


def worst_fields(examples: Mapping[str, Mapping[str, Any]]) -> Any:
    """Draw, a row a model: the image, the image under its worst field, and the field as arrows."""
    models = list(examples)
    figure = new_figure(1.5 * len(models) + 0.3, 4.8)
    panels = figure.subplots(len(models), 3, squeeze=False)
    for line, model in zip(panels, models, strict=True):
        image, warped, tau = (np.asarray(examples[model][key]) for key in ("image", "warped", "tau"))
        top = float(image.max()) or 1.0
        for ax, shown in zip(line, (image, warped, warped), strict=True):
            ax.imshow((shown / top).clip(0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            ax.set_axis_off()
        step = max(1, image.shape[0] // 16)
        rows, columns = np.mgrid[step // 2 : image.shape[0] : step, step // 2 : image.shape[1] : step]
        arrows = tau[rows, columns]
        # the arrow ends where the value is shown and begins where it came from: u - tau(u) to u
        options: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1, "pivot": "tip", "width": 0.008}
        line[2].quiver(columns, rows, arrows[..., 1], arrows[..., 0], color="#D55E00", **options)
        line[0].set_title(label_text(model), loc="left")
        line[1].set_title(f"changes {examples[model]['change']:.2f}", loc="left")
    return figure


def _strength(row: Row) -> float:
    return float(row["strength"])
