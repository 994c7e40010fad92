"""The drawing of a stability card: typical, found by search and guaranteed, against the strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kernelconv.report.charts.pictures import worst_fields
from kernelconv.report.charts.style import COLOURS, legend, new_figure

#: What the lines of all panels are, and how they are drawn.
LINES: dict[str, dict[str, Any]] = {
    "typical": {"color": COLOURS[0], "marker": "o"},
    "found by search": {"color": COLOURS[1], "marker": "v"},
    "guaranteed": {"color": COLOURS[2], "marker": "^"},
}


def two_sided(card: Mapping[str, Any], axis: str) -> Any:
    """Draw the panels of a card: the classifier, its majority over a cloud of fields, the representation if any."""
    strengths, f, g = card["settings"]["strengths"], card["classifier"], card["majority"]
    at_rest = [0.0, *strengths]
    panels: list[tuple[str, list[float], list[Any]]] = [
        ("accuracy of f", at_rest, [[f["clean"], *f["typical"]], [f["clean"], *f["found"]], None]),
        (
            "accuracy of the majority G",
            at_rest,
            [[g["clean"], *g["typical"]], [g["clean"], *g["found"]], [g["certified_at_rest"], *g["certified"]]],
        ),
    ]
    features = card["representation"]
    if features is not None:
        means = [[mean for mean, _, _ in features[key]] for key in ("relative_change", "worst_change")]
        panels.append(("relative change", strengths, [*means, features["guaranteed_median"]]))
    figure, handles = new_figure(2.9, 2.6 * len(panels)), dict[str, Any]()
    for ax, (title, x, lines) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for (name, style), values in zip(LINES.items(), lines, strict=True):
            if values is not None and any(v is not None for v in values):
                y = [float("nan") if v is None else v for v in values]
                handles.setdefault(name, ax.plot(x, y, linewidth=1.4, markersize=5, **style)[0])
        ax.set_title(title)
        ax.set_xlabel(axis)
        ax.set_ylim(0, 1.04 if title.startswith("accuracy") else None)
    legend(figure, handles)
    return figure


def flips(pictures: Sequence[Mapping[str, Any]], unit: str) -> Any:
    """Draw, one row for each flip: the image, the image deformed, and the field as arrows; with both labels."""
    named = {
        f"{i}: label {p['labels'][0]} becomes {p['labels'][1]}": {
            "image": p["image"],
            "warped": p["warped"],
            "tau": p["field"],
            "change": p["strength"],
        }
        for i, p in enumerate(pictures, 1)
    }
    return worst_fields(named, what=f"strength {{:.3g}} {unit}".rstrip())
