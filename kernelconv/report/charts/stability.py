"""The drawing of a stability study: curves of its measures by strength, with bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kernelconv.report.charts.scales import log_labels
from kernelconv.report.charts.style import legend, model_styles, new_figure

Row = Mapping[str, Any]

#: What the panels of a family's figure show.
PANELS = {
    "relative_change": "relative change",
    "deformation_sensitivity": "sensitivity D",
    "relative_stability": "R, white noise",
    "relative_stability_spectrum": "R, noise of the same spectrum",
    "accuracy": "accuracy of the head",
}


def curves(rows: Sequence[Row], labels: Mapping[str, str], axis: str) -> Any:
    """Draw the measures of one family against the strength, one curve for each model, with its 95 % interval as a band.

    `labels` are the names to be shown, by the model's name, in the order that gives them their colours.
    """
    panels = [m for m in PANELS if any(r["measure"] == m for r in rows)]
    n_lines = -(-len(panels) // 2)
    figure = new_figure(2.6 * n_lines + 0.3, 7.6)
    styles, handles = model_styles(list(labels)), {}
    axes = figure.subplots(n_lines, 2, squeeze=False).ravel()
    for ax, measure in zip(axes, panels, strict=False):
        for model, label in labels.items():
            line = sorted((r for r in rows if r["model"] == model and r["measure"] == measure), key=_strength)
            if not line:
                continue
            x, low, high = ([r[key] for r in line] for key in ("strength", "low", "high"))
            handles[label] = ax.plot(x, [r["mean"] for r in line], linewidth=1.4, **styles[model])[0]
            ax.fill_between(x, low, high, color=styles[model]["color"], alpha=0.18, linewidth=0)
        ax.set_title(PANELS[measure])
        ax.set_xlabel(axis)
        means = [r["mean"] for r in rows if r["measure"] == measure]
        if measure.startswith("relative_stability") and min(means) > 0:  # 0: features that do not change at all
            ax.set_yscale("log")
            log_labels(ax.yaxis, means)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    legend(figure, handles)
    return figure


def _strength(row: Row) -> float:
    return float(row["strength"])
