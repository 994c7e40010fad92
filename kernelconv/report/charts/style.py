"""What all drawings share: colours and markers of models, sizes, legends, and how a drawing becomes a file."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kernelconv._files import write_atomically

#: Twelve colours that stay apart for all kinds of colour vision (a test simulates them), none of them pale.
COLOURS = "#0072B2 #D55E00 #5A783C #D278FF #000000 #E1A50F #960087 #96B4A5 #960F00 #3C2DA5 #FF0F4B #5A2D3C".split()
#: One more marker than colours, so that no pair comes again among the first 156 models.
MARKERS = "o s ^ D v P X * < > d p h".split()
GREY = "#595959"
DASHES = ("--", ":", "-.", (0, (6, 2, 1, 2, 1, 2)))
WIDTH = 5.6  # inches: narrow, so that 10 pt can still be read on a phone
_DPI = 230
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
    "xtick.color": GREY,
    "ytick.color": GREY,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.bbox": None,
}


def figures_available() -> bool:
    """Say whether figures can be drawn: whether matplotlib can be imported."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        return False
    return True


def new_figure(height: float, width: float = WIDTH) -> Any:
    """Return an empty figure, sizes in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, path: Path) -> Path:
    """Write a figure as PNG, whole or not at all; return its path."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    write_atomically(path, buffer.getvalue())
    return path


def model_styles(models: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return how each model is drawn: it depends on its place in the settings, not on what is finished."""
    return {
        name: {
            "color": COLOURS[k % len(COLOURS)],
            "marker": MARKERS[k % len(MARKERS)],
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
    # about 11 characters fit beside each other in an inch, the marker and the gap of an entry being as wide as 6
    fit = 10.7 * figure.get_figwidth()
    in_a_row = sum(len(text) + 6 for text in labels) <= fit
    n_columns = len(labels) if in_a_row else max(1, int(fit // (max(map(len, labels), default=0) + 6)))
    figure.legend(list(handles.values()), labels, loc="outside upper left", ncols=n_columns, columnspacing=1.4)
